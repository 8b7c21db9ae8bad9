"""When a client may speak: a ban, its budget, and a breaker for each kind of call. One page.

Law: what is stopped here never was on the wire. Stops, exits and cancels have breakers of their
own, which let one try pass each second, and a share of the budget that nothing else may touch.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Any

import ccxt.async_support as ccxt

from tradebot.adapters.bans import PAUSES, Pause, Paused, header_count, told_time
from tradebot.adapters.logs import get_logger
from tradebot.model.money import PPM
from tradebot.ports import AlertLevel

Tell = Callable[[AlertLevel, str], None]

MINUTE_MS = 60_000
# What each exchange allows an address in a minute, and how much of it the library's cost of 1 is.
# Of any other exchange the library knows how many requests a minute it may send.
WEIGHTS = {"binance": (6_000, 5)}
UNLIMITED = 10**12
# How much slower than allowed we are by ourselves, so that the limiter waits before a budget says
# no: at three quarters, what is read alone leaves room for the heaviest request.
PACE_PPM = 750_000
# The share of a minute that is kept for what ends a position or an order.
RESERVED_PPM = 200_000
# Of the minute that has been used, by us and all others at our address, as the exchange counts it.
USED_HEADER = "x-mbx-used-weight-1m"
# Its minute ends by its clock, which ours follows, but not to the millisecond.
SKEW_MS = 1_000


class Kind(StrEnum):
    """What a request is for, and what people are told of it. Each has a breaker of its own.

    A stop that cannot be placed is a reason to sell, a sale waits for its stop to be cancelled, and
    a cancel counts when its outcome is known: none of these may wait for another, nor for a read.
    """

    PUBLIC = "candles and prices"
    ACCOUNT = "the account and its orders"
    OUTCOME = "what a cancel has done"
    ENTRY = "entries"
    PROTECTION = "stops and targets"
    EXIT = "exits"
    CANCEL = "cancels"


@dataclass(frozen=True, slots=True)
class Terms:
    """After how many failures a breaker opens, and for how long at first and at most, in ms."""

    failures_max: int
    pause_ms: int
    pause_ms_max: int
    is_urgent: bool = False


# One read asks three times: it must not open a breaker alone. Whoever asked for an order of which
# nothing is known has it in doubt: so fewer are enough.
_READS, _ORDERS = 5, 3
# Below the two seconds after which the bot, and an emergency stop, look again: they never wait.
_URGENT = Terms(_ORDERS, 1_000, 1_000, is_urgent=True)
TERMS = {
    Kind.PUBLIC: Terms(_READS, 2_000, 10_000),
    # As long as the bot waits itself between two looks while it sees nothing.
    Kind.ACCOUNT: Terms(_READS, 2_000, 5_000),
    Kind.ENTRY: Terms(_ORDERS, 5_000, 60_000),
    Kind.OUTCOME: _URGENT,
    Kind.PROTECTION: _URGENT,
    Kind.EXIT: _URGENT,
    Kind.CANCEL: _URGENT,
}


class CircuitOpen(Paused):
    """Nothing was sent, since what was sent before it of its kind had no answer."""

    hint = "one request at a time tries again by itself; check the network and the exchange's page"


class Breaker:
    """One kind's breaker: closed, open for a while, then one request decides.

    A failure is a request without a sound answer; a refusal is an answer.
    """

    def __init__(self, terms: Terms, steady_ms: Callable[[], int]) -> None:
        self._terms = terms
        self._steady_ms = steady_ms
        self.failures = 0
        # 0 = closed.
        self._pause_ms = 0
        self._until = 0
        # Requests are numbered as they leave: the newest one, the newest when a failure was
        # counted, and the one that decides, 0 = none.
        self._newest = 0
        self._counted = 0
        self._probe = 0

    @property
    def is_open(self) -> bool:
        """Whether no more than one request at a time may leave, and that only after a pause."""
        return self._pause_ms > 0

    @property
    def wait_ms(self) -> int:
        """How long nothing may leave; 0 = now."""
        return max(self._until - self._steady_ms(), 0) if self.is_open else 0

    @property
    def is_probing(self) -> bool:
        """Whether the request that decides is under way."""
        return self._probe > 0

    def begin(self) -> int:
        """Let a request leave; return its number."""
        assert not self.wait_ms and not self.is_probing, "whoever sends has asked before"
        self._newest += 1
        if self.is_open:
            self._probe = self._newest
        return self._newest

    def end(self, number: int, *, is_answered: bool) -> bool:
        """Take in what came of a request; return whether this has opened or closed the breaker."""
        was_open = self.is_open
        if was_open:
            if number == self._probe:
                self._decide(is_answered)
        elif is_answered:
            self.failures = 0
        elif number > self._counted:
            # Requests that were under way together fail together: that is one failure.
            self._counted = self._newest
            self.failures += 1
            if self.failures == self._terms.failures_max:
                self._open(self._terms.pause_ms)
        return self.is_open != was_open

    def _decide(self, is_answered: bool) -> None:
        self._probe = 0
        if is_answered:
            self.failures = self._pause_ms = 0
            return
        self.failures += 1
        self._open(min(2 * self._pause_ms, self._terms.pause_ms_max))

    def _open(self, pause_ms: int) -> None:
        self._pause_ms = pause_ms
        self._until = self._steady_ms() + pause_ms


class Budget:
    """What a minute's requests may weigh. Our own count, until the exchange tells its own."""

    def __init__(self, limit: int, steady_ms: Callable[[], int], now_ms: Callable[[], int]) -> None:
        self.limit = limit
        self._shared = limit - limit * RESERVED_PPM // PPM
        self._steady_ms = steady_ms
        self._now_ms = now_ms
        # By a number: until when it counts, and its weight.
        self._spent: dict[int, tuple[int, int]] = {}
        self._flying: set[int] = set()
        self._newest = 0

    @property
    def used(self) -> int:
        """What is used of the last minute."""
        now = self._steady_ms()
        self._spent = {key: each for key, each in self._spent.items() if each[0] > now}
        return sum(weight for _, weight in self._spent.values())

    def wait_ms(self, weight: int, *, is_urgent: bool) -> int:
        """Return how long a request of this weight must wait; 0 = not at all."""
        left = (self.limit if is_urgent else self._shared) - weight - self.used
        wait_until = now = self._steady_ms()
        for until, freed in sorted(self._spent.values()):
            if left >= 0:
                break
            wait_until, left = until, left + freed
        return wait_until - now

    def begin(self, weight: int) -> int:
        """Count a request that leaves; return its number."""
        self._newest += 1
        self._spent[self._newest] = self._steady_ms() + MINUTE_MS, weight
        self._flying.add(self._newest)
        return self._newest

    def end(self, number: int, told: int | None) -> None:
        """Take in an answer, and how much the exchange says is used; None = it says nothing."""
        self._flying.discard(number)
        if told is None:
            return
        # Its word stands for all that it has answered, ours and others'.
        ends_ms = MINUTE_MS - self._now_ms() % MINUTE_MS + SKEW_MS
        flying = {key: each for key, each in self._spent.items() if key in self._flying}
        self._spent = {**flying, number: (self._steady_ms() + ends_ms, told)}


@dataclass(slots=True)
class _Request:
    """One request on the wire, by its numbers, and what its answer was."""

    kind: Kind
    number: int
    spent: int
    is_answered: bool = False
    told: int | None = None


class Traffic:
    """All that decides whether a client's next request leaves."""

    def __init__(
        self,
        *,
        limit: int,
        steady_ms: Callable[[], int],
        now_ms: Callable[[], int],
        tell: Tell = lambda level, text: None,
    ) -> None:
        self._now_ms = now_ms
        self._tell = tell
        self.pause = Pause(steady_ms, now_ms)
        self.budget = Budget(limit, steady_ms, now_ms)
        self.breakers = {kind: Breaker(TERMS[kind], steady_ms) for kind in Kind}
        # Of each kind that is being tried: what the others of its kind wait for.
        self._probes: dict[Kind, asyncio.Event] = {}

    async def begin(self, kind: Kind, weight: int) -> _Request:
        """Let a request leave. Raises Paused, and says until when, where it must not."""
        while kind in self._probes:
            await self._probes[kind].wait()
        # Nothing waits from here on: what is asked now holds when it leaves.
        self.pause.check()
        self._check_budget(kind, weight)
        breaker = self.breakers[kind]
        if breaker.wait_ms:
            raise CircuitOpen(self._why(kind))
        request = _Request(kind, breaker.begin(), self.budget.begin(weight))
        if breaker.is_probing:
            self._probes[kind] = asyncio.Event()
        return request

    def hear(
        self, request: _Request, status: int, headers: Mapping[str, str], *, is_json: bool
    ) -> None:
        """Take in an answer. A refusal is one; an error of the server, or no JSON, is none."""
        self.pause.hear(status, headers)
        request.told = header_count(headers, USED_HEADER)
        request.is_answered = status in PAUSES or (status < 500 and is_json)

    def end(self, request: _Request) -> None:
        """Take in that a request is over, with or without an answer."""
        self.budget.end(request.spent, request.told)
        kind, breaker = request.kind, self.breakers[request.kind]
        is_changed = breaker.end(request.number, is_answered=request.is_answered)
        if kind in self._probes and not breaker.is_probing:
            self._probes.pop(kind).set()
        if not is_changed:
            return
        if breaker.is_open:
            level = AlertLevel.ERROR if TERMS[kind].is_urgent else AlertLevel.WARNING
            text = self._why(kind)
            get_logger("exchange").warning("breaker.opened", kind=kind.name, message=text)
        else:
            level, text = AlertLevel.INFO, f"requests for {kind} are answered again"
            get_logger("exchange").info("breaker.closed", kind=kind.name, message=text)
        self._tell(level, text)

    def _why(self, kind: Kind) -> str:
        breaker = self.breakers[kind]
        return (
            f"{breaker.failures} requests in a row for {kind} had no sound answer, so none is "
            f"sent until {told_time(self._now_ms() + breaker.wait_ms)}"
        )

    def _check_budget(self, kind: Kind, weight: int) -> None:
        budget, is_urgent = self.budget, TERMS[kind].is_urgent
        wait_ms = budget.wait_ms(weight, is_urgent=is_urgent)
        if wait_ms:
            kept = "" if is_urgent else "; what is left is kept for stops, exits and cancels"
            raise Paused(
                f"{budget.used} of the {budget.limit} that a minute's requests may weigh are used, "
                f"so this is not sent until {told_time(self._now_ms() + wait_ms)}{kept}"
            )


_PURPOSE: ContextVar[Kind] = ContextVar("purpose", default=Kind.ACCOUNT)
_PLANNED: ContextVar[tuple[Kind, int]] = ContextVar("planned")
_REQUEST: ContextVar[_Request] = ContextVar("request")


@contextmanager
def asking(kind: Kind) -> Iterator[None]:
    """Say what the requests within are for; those for public data are of their own kind."""
    token = _PURPOSE.set(kind)
    try:
        yield
    finally:
        _PURPOSE.reset(token)


def pace(client: Any) -> None:
    """Slow a ccxt client's own limiter down."""
    client.rateLimit = ceil(client.rateLimit * PPM / PACE_PPM)
    # What it was built with stands before what is set.
    client.tokenBucket = None
    client.init_rest_rate_limiter()


def install(
    client: Any,
    *,
    steady_ms: Callable[[], int],
    now_ms: Callable[[], int],
    tell: Tell,
    has_budget: bool,
) -> None:
    """Have a ccxt client ask before each request, and tell what came of it."""
    # As the library has it, not as it is paced.
    requests = MINUTE_MS // ceil(client.describe()["rateLimit"])
    limit, weight_of_cost = WEIGHTS.get(client.id, (requests, 1))
    traffic = Traffic(
        limit=limit if has_budget else UNLIMITED, steady_ms=steady_ms, now_ms=now_ms, tell=tell
    )
    plan, send, judge = client.fetch2, client.fetch, client.handle_errors

    async def fetch2(
        path: str, api: Any = "public", method: str = "GET", params: Any = None, config: Any = None
    ) -> Any:
        params, config = params or {}, config or {}
        cost = client.calculate_rate_limiter_cost(api, method, path, params, config)
        kind = Kind.PUBLIC if "public" in api else _PURPOSE.get()
        planned = _PLANNED.set((kind, max(ceil(cost * weight_of_cost), 1)))
        try:
            return await plan(path, api, method, params, config)
        finally:
            _PLANNED.reset(planned)

    async def fetch(*wire: Any, **named: Any) -> Any:
        # Here, not where a call begins: calls that wait for their turn must see it, too.
        request = await traffic.begin(*_PLANNED.get())
        known = _REQUEST.set(request)
        try:
            return await send(*wire, **named)
        finally:
            _REQUEST.reset(known)
            traffic.end(request)

    def handle_errors(code: int, *rest: Any) -> Any:
        traffic.hear(_REQUEST.get(), code, rest[3] or {}, is_json=rest[5] is not None)
        try:
            return judge(code, *rest)
        except ccxt.DDoSProtection as error:
            if code in PAUSES:
                error.add_note(traffic.pause.why)
            raise

    client.fetch2, client.fetch, client.handle_errors = fetch2, fetch, handle_errors
