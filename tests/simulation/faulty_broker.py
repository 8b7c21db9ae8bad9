"""The broker that the bot sees: a wire that loses, delays and doubts, before an exact exchange.

Law: what has happened is asked of the book alone; a fault changes when a request arrives, whether
an answer comes back, and how old a read is, as a real exchange and the internet between do.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any, Protocol

from tests.simulation.checker import Checker
from tests.simulation.exchange import PiecesBook
from tradebot.adapters.gate_tokens import GateTokens
from tradebot.adapters.simulated import BookDoor
from tradebot.errors import ExchangeUnavailable
from tradebot.model.order import (
    Approved,
    ListedFill,
    ListedOrder,
    Order,
    Outcome,
    Rejection,
    Report,
    Unknown,
    Unsent,
)
from tradebot.sandbox.listing import BookOrder

WINDOW_MS = 5_000
TIMEOUT_MS = (10_000, 15_000)
LATENCY_MS = (20, 300)

ENDPOINTS = ("report", "listed", "open")


class Place(Protocol):
    """What the broker needs of the world around it."""

    now: int

    def hits(self, fault: str) -> bool:
        """Return whether this fault happens now."""
        ...

    def step(self, label: str) -> None:
        """Pass a labelled step, where the process may die."""
        ...

    def wait(self, milliseconds: int) -> None:
        """Let time pass while a call is under way."""
        ...

    def later(self, time: int, arrive: Callable[[], object]) -> None:
        """Do something at the exchange at that time."""
        ...

    def is_out(self) -> bool:
        """Return whether the exchange is out of reach."""
        ...


class FaultyBroker:
    """Broker over a book, by way of a faulty wire."""

    has_oco = True

    def __init__(
        self, book: PiecesBook, world: Place, checker: Checker, draw: Random, *, lag_ms_max: int
    ) -> None:
        self._book = book
        self._inner = BookDoor(book)
        # Which tokens are good is the bot's affair: each life of it has its own.
        self.tokens = GateTokens()
        self._world = world
        self._checker = checker
        self._draw = draw
        self._lag_ms_max = lag_ms_max
        # What an endpoint still says of an order, and until when.
        self._old: dict[tuple[str, str], tuple[int, Any]] = {}
        # How many of an order's fills are told, and until when.
        self._fills_told: dict[str, tuple[int, int]] = {}

    def heal(self) -> None:
        """Let every read be of now."""
        self._old.clear()
        self._fills_told.clear()

    def is_current(self) -> bool:
        """Return whether no read is older than now."""
        now = self._world.now
        until = [until for until, _ in (*self._old.values(), *self._fills_told.values())]
        return max(until, default=0) <= now

    # --- orders ---------------------------------------------------------------------------------

    def place_order(self, approved: Approved) -> Outcome:
        """Place one order, whatever comes of it."""
        (outcome,) = self._place([approved], lambda: (self._inner.execute(approved),))
        return outcome

    def place_oco(self, stop: Approved, target: Approved) -> tuple[Outcome, Outcome]:
        """Place a stop and a target in one request, whatever comes of it."""
        first, second = self._place([stop, target], lambda: self._inner.execute_oco(stop, target))
        return first, second

    def _place(
        self, approved: list[Approved], execute: Callable[[], tuple[Outcome, ...]]
    ) -> tuple[Outcome, ...]:
        world, ids = self._world, [each.order_id for each in approved]
        reasons = [self.tokens.take(each, now_ms=world.now) for each in approved]
        reason = next(filter(None, reasons), "")
        if reason:
            return tuple(Unsent(order_id=order_id, reason=reason) for order_id in ids)
        world.step("place: before the wire")
        self._checker.posted(world.now, ids)
        fault = self._fault("reject", "drop_before", "drop_after", "late")
        if fault == "reject":
            self._latency()
            for order_id in ids:
                self._checker.answered(world.now, order_id, "no")
            world.step("place: refused")
            return tuple(
                Rejection(order_id=order_id, code="-1013", message="Filter failure: TEST")
                for order_id in ids
            )
        if fault == "drop_before":
            return self._no_answer(ids)
        if fault == "late":
            world.later(world.now + self._draw.randrange(1, WINDOW_MS), execute)
            return self._no_answer(ids)
        self._latency()
        outcomes = execute()
        world.step("place: executed")
        if fault == "drop_after":
            return self._no_answer(ids)
        self._latency()
        told = tuple(self._told(outcome) for outcome in outcomes)
        for outcome in told:
            word = "no" if isinstance(outcome, Rejection) else "yes"
            self._checker.answered(world.now, outcome.order_id, word)
        world.step("place: answered")
        return told

    def _no_answer(self, ids: list[str]) -> tuple[Unknown, ...]:
        self._timeout()
        for order_id in ids:
            self._checker.answered(self._world.now, order_id, "nothing")
        self._world.step("place: no answer")
        return tuple(Unknown(order_id=order_id, cause="timeout") for order_id in ids)

    def _told(self, outcome: Outcome) -> Outcome:
        """Return an answer with the fills that can be read by now."""
        return self._with_fills(outcome) if isinstance(outcome, Report) else outcome

    def cancel_order(self, order: Order) -> Outcome:
        """Cancel an order, whatever comes of it."""
        world = self._world
        world.step("cancel: before the wire")
        self._checker.cancel_posted(world.now, order.id)
        fault = self._fault("cancel_refused", "drop_before", "drop_after", "late")
        lost = Unknown(order_id=order.id, cause="timeout")
        if fault == "cancel_refused":
            self._latency()
            return Rejection(order_id=order.id, code="-2011", message="Unknown order sent.")
        if fault == "late":
            at = world.now + self._draw.randrange(1, WINDOW_MS)
            world.later(at, lambda: self._inner.cancel_order(order))
        if fault in ("drop_before", "late"):
            self._timeout()
            return lost
        self._latency()
        known = self._book.by_client_id.get(order.id)
        if known in self._book.open_orders and world.hits("cancel_race"):
            self._book.fill_at_once(self._book.open_orders[known])
        outcome = self._inner.cancel_order(order)
        world.step("cancel: executed")
        if fault == "drop_after":
            self._timeout()
            return lost
        self._latency()
        if isinstance(outcome, Report):
            # As over HTTP: the answer says "cancelled", and the order is asked for after it.
            try:
                outcome = self.order_report(order) or lost
            except ExchangeUnavailable:
                outcome = lost
        world.step("cancel: answered")
        return outcome

    # --- reads ----------------------------------------------------------------------------------

    def order_report(self, order: Order) -> Report | None:
        """Return what one endpoint says of an order."""
        asked_at = self._read("order")
        report = self._seen("report", order.id, lambda: self._inner.order_report(order))
        self._checker.looked(asked_at, "report", order.id, report is not None)
        return None if report is None else self._with_fills(report)

    def is_listed(self, order: Order) -> bool:
        """Return whether the second endpoint shows an order."""
        asked_at = self._read("list")
        is_there = bool(self._seen("listed", order.id, lambda: self._inner.is_listed(order)))
        self._checker.looked(asked_at, "listed", order.id, is_there)
        return is_there

    def open_order_filled(self) -> Mapping[str, Decimal]:
        """Return how much each open order has filled."""
        self._read("open orders")
        found = dict(self._inner.open_order_filled())
        for (endpoint, order_id), (until, filled) in list(self._old.items()):
            if until <= self._world.now:
                del self._old[endpoint, order_id]
            elif endpoint == "open":
                if filled is None:
                    found.pop(order_id, None)
                else:
                    found[order_id] = filled
        return found

    def replace_order(self, resting: Order, approved: Approved) -> tuple[Outcome, Outcome]:
        """Cancel an order and place another in one request, whatever comes of it."""
        gone: list[Outcome] = [Unknown(order_id=resting.id, cause="timeout")]

        def execute() -> tuple[Outcome, ...]:
            self._checker.cancel_posted(self._world.now, resting.id)
            gone[0], placed = self._inner.execute_replace(resting, approved)
            return (placed,)

        (placed,) = self._place([approved], execute)
        if isinstance(placed, Unknown | Unsent):
            gone[0] = Unknown(order_id=resting.id, cause="timeout")
        elif isinstance(gone[0], Report):
            try:
                gone[0] = self.order_report(resting) or gone[0]
            except ExchangeUnavailable:
                gone[0] = Unknown(order_id=resting.id, cause="timeout")
        return gone[0], placed

    def listed_orders(self, market: str, since_ms: int) -> Sequence[ListedOrder]:
        """Return our orders of a market."""
        self._read("orders of the market")
        return self._inner.listed_orders(market, since_ms)

    def listed_fills(self, market: str, since_ms: int) -> Sequence[ListedFill]:
        """Return the fills of a market."""
        self._read("fills")
        return self._inner.listed_fills(market, since_ms)

    def last_price(self, market: str) -> Decimal:
        """Return the price now."""
        self._read("a price")
        return self._inner.last_price(market)

    def dead_man(self, seconds: int) -> bool:
        """Return False: the book has no such switch."""
        return False

    def balances(self) -> Mapping[str, Decimal]:
        """Return the account's total of every coin."""
        self._read("balances")
        return self._inner.balances()

    def read_candles(self) -> None:
        """Pass the wire once to ask for candles."""
        self._read("candles")

    def _read(self, what: str) -> int:
        asked_at = self._world.now
        self._world.step(f"read: {what}")
        if self._world.is_out() or self._world.hits("unavailable"):
            self._timeout()
            raise ExchangeUnavailable(f"the exchange cannot be asked for {what}")
        self._latency()
        return asked_at

    def _seen(self, endpoint: str, order_id: str, ask: Callable[[], Any]) -> Any:
        until, old = self._old.get((endpoint, order_id), (0, None))
        return old if until > self._world.now else ask()

    def _with_fills(self, report: Report) -> Report:
        until, count = self._fills_told.get(report.order_id, (0, 0))
        fills = report.fills[:count] if until > self._world.now else report.fills
        return Report(
            order_id=report.order_id,
            exchange_id=report.exchange_id,
            status=report.status,
            filled=report.filled,
            fills=fills,
        )

    # --- what reads may still say ---------------------------------------------------------------

    def order_is_new(self, order: BookOrder) -> None:
        """Let reads not know a new order for a while."""
        if self._world.hits("lag"):
            self._keep_old(order.client_id, {"report": None, "listed": False, "open": None})

    def order_changes(self, order: BookOrder) -> None:
        """Let reads show an order as it was before it changed, for a while."""
        if self._world.hits("lag"):
            report = self._inner._report(order)
            is_open = order.order_id in self._book.open_orders
            filled = report.filled if is_open else None
            self._keep_old(order.client_id, {"report": report, "open": filled})
        told_until = self._fills_told.get(order.client_id, (0, 0))[0]
        if self._world.hits("fill_lag") and told_until <= self._world.now:
            until = self._world.now + self._draw.randrange(500, self._lag_ms_max)
            self._fills_told[order.client_id] = (until, len(order.trades))

    def _keep_old(self, order_id: str, answers: dict[str, Any]) -> None:
        now = self._world.now
        for endpoint, answer in answers.items():
            if self._old.get((endpoint, order_id), (0, None))[0] > now:
                continue
            if self._draw.random() < 0.7:
                until = now + self._draw.randrange(500, self._lag_ms_max)
                self._old[endpoint, order_id] = (until, answer)

    # --- the wire -------------------------------------------------------------------------------

    def _fault(self, *faults: str) -> str:
        if self._world.is_out():
            return self._draw.choice(("drop_before", "drop_before", "drop_before", "drop_after"))
        return next((fault for fault in faults if self._world.hits(fault)), "")

    def _latency(self) -> None:
        self._world.wait(self._draw.randrange(*LATENCY_MS))

    def _timeout(self) -> None:
        # A gateway that says 503 does so at once; a dead line says nothing until we give up.
        is_quick = self._draw.random() < 0.5
        self._world.wait(self._draw.randrange(*(LATENCY_MS if is_quick else TIMEOUT_MS)))
