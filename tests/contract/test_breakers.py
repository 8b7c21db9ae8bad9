"""A failing exchange is asked by single tries, over the real client; what ends a risk goes on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import ccxt
import pytest

from tests.contract.test_bans import Trading
from tests.contract.test_sandbox_faults import STOP, STOPPED, Place, under
from tests.support.builders import BTC, HOUR, approved, candle
from tests.support.clients import client_at
from tests.support.sandbox import KEY, SECRET, at, book
from tests.support.sandbox_faults import plan
from tradebot.adapters import breakers, broker
from tradebot.adapters.bans import Paused
from tradebot.adapters.breakers import Breaker, Budget, CircuitOpen, Kind, Traffic
from tradebot.errors import ExchangeUnavailable
from tradebot.model.order import Leg, OrderStatus, Outcome, Rejection, Report, Unknown, Unsent
from tradebot.sandbox.server import SandboxServer

STORM = ("error_before", 'answer = "503"')
EVERY = '"every"'
CANDLES = ("fetch_ohlcv", "BTC/USDT", "1h")


class Orders:
    """Orders of one place, each with an id of its own."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._numbers = count()

    def enter(self) -> Outcome:
        """Buy a little."""
        return self._place("buy 0.1 BTC @ 100", Leg.ENTRY)

    def leave(self) -> Outcome:
        """Sell a little."""
        return self._place("sell 0.1 BTC @ 100", Leg.EXIT)

    def _place(self, text: str, leg: Leg) -> Outcome:
        key = f"tb-{leg}-{next(self._numbers)}"
        return self.place.broker.place_order(approved(text, order_id=key, leg=leg))

    def posts(self) -> int:
        """Return how many orders were posted, whatever became of them."""
        return sum(self.place.posts().values())


def after(place: Place, milliseconds: int) -> None:
    """Let time pass from where the test began."""
    place.server.advance_to(at(2) + milliseconds)


def used(place: Place) -> int:
    """Return how much this minute's requests weigh by the exchange's count, without this one."""
    place.caller.get("ping")
    return int(place.caller.headers["x-mbx-used-weight-1m"]) - 1


# --- entries, and what must not wait for them ---------------------------------------------------


def entries_alone_are_stopped() -> None:
    """Have three entries fail: the next is not sent, and all else is."""
    with under(*STORM, hit="[1, 2, 3]") as place:
        orders = Orders(place)
        assert all(isinstance(orders.enter(), Unknown) for _ in range(3))
        for _ in range(10):
            stopped = orders.enter()
            assert isinstance(stopped, Unsent), stopped
            assert stopped.reason == (
                "not sent: 3 requests in a row for entries had no sound answer, "
                "so none is sent until 2024-01-01T02:00:05Z"
            )
        assert orders.posts() == 3
        assert isinstance(place.broker.place_order(STOP), Report)
        assert isinstance(orders.leave(), Report)
        higher = replace(STOP, order_id="tb-higher")
        moved = place.broker.replace_order(STOPPED, higher)
        assert all(isinstance(each, Report) for each in moved), moved
        cancelled = place.broker.cancel_order(replace(STOPPED, id="tb-higher"))
        assert isinstance(cancelled, Report)
        assert cancelled.status is OrderStatus.CANCELLED
        assert place.broker.balances()


def entries_go_on_after_the_storm() -> None:
    """Have the exchange recover: the next try is answered, and all entries are sent again."""
    with under(*STORM, hit="[1, 2, 3]") as place:
        orders = Orders(place)
        for _ in range(4):
            orders.enter()
        after(place, 4_999)
        assert isinstance(orders.enter(), Unsent)
        after(place, 5_000)
        assert all(isinstance(orders.enter(), Report) for _ in range(5))
        assert orders.posts() == 3 + 5


def one_try_leaves_after_each_pause() -> None:
    """Ask for an entry each second of five minutes: what leaves are tries, ever more rarely."""
    with under(*STORM, hit=EVERY) as place:
        orders, sent = Orders(place), []
        for second in range(300):
            after(place, second * 1000)
            if isinstance(orders.enter(), Unknown):
                sent.append(second)
        assert sent == [0, 1, 2, 7, 17, 37, 77, 137, 197, 257]
        assert orders.posts() == len(sent)


def exits_may_try_each_second() -> None:
    """Ask for an exit five times a second: one a second leaves, however long nothing answers."""
    with under(*STORM, hit=EVERY) as place:
        orders, sent = Orders(place), []
        for tick in range(100):
            after(place, tick * 200)
            if isinstance(orders.leave(), Unknown):
                sent.append(tick * 200)
        assert sent == [0, 200, *range(400, 20_000, 1_000)]
        assert orders.posts() == len(sent)


def refusals_are_answers() -> None:
    """Have every order refused: each is sent, and the exchange says no to each."""
    with under("filter", 'filter = "INSUFFICIENT_BALANCE"', hit=EVERY) as place:
        orders = Orders(place)
        assert all(isinstance(orders.enter(), Rejection) for _ in range(20))
        assert orders.posts() == 20


# --- the minute's budget ------------------------------------------------------------------------


def balances_until_stopped(place: Place) -> str:
    """Ask for balances until that is not sent; return why."""
    for _ in range(400):
        try:
            place.broker.balances()
        except ExchangeUnavailable as error:
            return error.message
    return "never"


def reads_and_entries_leave_a_fifth() -> None:
    """Spend four fifths of a minute on balances: then only what ends a risk is sent."""
    with under(*STORM, request="GET ticker/24hr") as place:
        orders = Orders(place)
        assert isinstance(place.broker.place_order(STOP), Report)
        assert "kept for stops, exits and cancels" in balances_until_stopped(place)
        full = used(place)
        assert 4_780 < full <= 4_800
        for read in (place.broker.balances, place.broker.open_order_filled):
            with pytest.raises(ExchangeUnavailable, match="is not sent until 2024-01-01T02:01:01Z"):
                read()
        while isinstance(orders.enter(), Report):
            assert used(place) <= 4_801, "each of our own looks weighs one"
        refused = orders.enter()
        assert isinstance(refused, Unsent)
        assert "of the 6000 that a minute's requests may weigh are used" in refused.reason
        before, posts = used(place), orders.posts()
        assert isinstance(orders.enter(), Unsent)
        assert (used(place) - before, orders.posts()) == (1, posts)
        assert isinstance(orders.leave(), Report)
        cancelled = place.broker.cancel_order(STOPPED)
        assert isinstance(cancelled, Report)
        assert cancelled.status is OrderStatus.CANCELLED
        after(place, 60_999)
        assert isinstance(orders.enter(), Unsent)
        after(place, 62_000)
        assert isinstance(orders.enter(), Report)
        assert place.broker.balances()


CHECKS: dict[str, Callable[[], None]] = {
    check.__name__: check
    for check in (
        entries_alone_are_stopped,
        entries_go_on_after_the_storm,
        one_try_leaves_after_each_pause,
        exits_may_try_each_second,
        refusals_are_answers,
        reads_and_entries_leave_a_fifth,
    )
}


@pytest.mark.parametrize("check", CHECKS)
def test_what_may_leave_an_exchange_s_client(check: str) -> None:
    CHECKS[check]()


def _never_closes(self: Breaker, is_answered: bool) -> None:
    self._probe = 0
    self._open(5_000)


def _hears_no_refusal(self: Traffic, request: Any, status: int, headers: Any, **_: Any) -> None:
    request.is_answered = status == 200


BUGS: dict[str, tuple[str, Any, str, Any]] = {
    "a breaker never closes": (
        "entries_go_on_after_the_storm", Breaker, "_decide", _never_closes,
    ),
    "a breaker never opens": (
        "entries_alone_are_stopped", Breaker, "_open", lambda self, pause_ms: None,
    ),
    "all leave once a pause is over": (
        "one_try_leaves_after_each_pause", Breaker, "_decide",
        lambda self, is_answered: setattr(self, "_pause_ms", 0) or setattr(self, "_probe", 0),
    ),
    "a breaker counts refusals": ("refusals_are_answers", Traffic, "hear", _hears_no_refusal),
    "exits wait for entries": (
        "entries_alone_are_stopped", broker, "KINDS", dict.fromkeys(Leg, Kind.ENTRY),
    ),
    "exits wait ever longer": (
        "exits_may_try_each_second", breakers, "TERMS",
        breakers.TERMS | {Kind.EXIT: breakers.TERMS[Kind.ENTRY]},
    ),
    "nothing is kept for exits": (
        "reads_and_entries_leave_a_fifth", breakers, "RESERVED_PPM", 0,
    ),
    "a minute's budget is for ever": (
        "reads_and_entries_leave_a_fifth", Budget, "used",
        property(lambda self: sum(weight for _, weight in self._spent.values())),
    ),
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_planted_bug_is_caught(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check, place, name, wrong = BUGS[bug]
    monkeypatch.setattr(place, name, wrong)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        CHECKS[check]()


# --- reads --------------------------------------------------------------------------------------

FAILURES: list[tuple[str, ...]] = [
    ("error_before", 'answer = "500"'),
    ("error_before", 'answer = "502"'),
    ("error_before", 'answer = "503"'),
    ("drop_before",),
    ("garbage",),
    ("truncated",),
    ("empty",),
]


@pytest.mark.parametrize("fault", FAILURES, ids="-".join)
def test_reads_that_fail_are_stopped_before_the_wire_and_then_tried_one_by_one(
    fault: tuple[str, ...],
) -> None:
    with under(*fault, request="GET klines", hit=EVERY) as place:
        asked = _failures_until_open(place)
        assert asked == breakers.TERMS[Kind.PUBLIC].failures_max
        before = used(place)
        with pytest.raises(CircuitOpen):
            place.client.call(*CANDLES)
        with pytest.raises(ExchangeUnavailable, match="for candles and prices had no sound answer"):
            place.reader.candles({"BTC/USDT": 3}, HOUR, now_ms=at(2))
        assert used(place) == before + 1
        # The account is of another kind, and so is a stop.
        assert place.broker.balances()
        assert isinstance(place.broker.place_order(STOP), Report)
        pause, tried = 2_000, 0
        for _ in range(4):
            after(place, tried + pause - 1)
            with pytest.raises(CircuitOpen):
                place.client.call(*CANDLES)
            tried += pause
            after(place, tried)
            with pytest.raises(ccxt.BaseError) as failed:
                place.client.call(*CANDLES)
            assert not isinstance(failed.value, Paused), "it has left"
            pause = min(2 * pause, 10_000)


def _failures_until_open(place: Place) -> int:
    """Ask for candles until nothing leaves; return how often they were asked for."""
    for asked in range(20):
        with pytest.raises(ccxt.BaseError) as failed:
            place.client.call(*CANDLES)
        if isinstance(failed.value, CircuitOpen):
            return asked
    raise AssertionError("the breaker stays closed")


@contextmanager
def unanswered() -> Iterator[tuple[Any, SandboxServer]]:
    """Serve an exchange that answers no candles in time, to a client without patience."""
    made = book("100 " * 30, hours=2)
    script = '[[script]]\nfault = "delay"\nrequest = "GET klines"\ndelay_ms = 60000\n'
    server = SandboxServer(made, api_key=KEY, secret=SECRET, faults=plan(script, made))
    client = client_at(f"{server.start()}/api/v3", server.now_ms)
    try:
        client.call("load_markets")
        client.raw.timeout = 50
        yield client, server
    finally:
        client.close()
        server.stop()


def test_time_outs_open_a_breaker_too() -> None:
    with unanswered() as (client, _):
        for _ in range(5):
            with pytest.raises(ccxt.RequestTimeout):
                client.call(*CANDLES)
        with pytest.raises(CircuitOpen, match="5 requests in a row for candles and prices"):
            client.call(*CANDLES)


def test_candles_of_all_markets_are_read_by_the_first_look_that_is_answered() -> None:
    """They are asked for at once; those beside the one that decides wait for it."""
    symbols = {"BTC/USDT": 3, "ETH/USDT": 3, "SOL/USDT": 3}
    script = '[[script]]\nfault = "error_before"\nrequest = "GET klines"\nuntil = "1s"\n'
    others = {name: "100 " * 30 for name in symbols if name != "BTC/USDT"}
    place = Place(script + 'answer = "503"\n', others=others)
    try:
        for _ in range(2):
            with pytest.raises(ExchangeUnavailable):
                place.reader.candles(symbols, HOUR, now_ms=at(2))
        assert place.caller.raw("GET", "/sandbox/status")[1]["faults"] == {"error_before": 5 * 3}
        after(place, 2_000)
        tables = place.reader.candles(symbols, HOUR, now_ms=at(2))
        assert {name: len(table) for name, table in tables.items()} == dict.fromkeys(symbols, 2)
    finally:
        place.close()


def test_what_others_at_our_address_use_stops_our_reads() -> None:
    with under(*STORM, request="GET ticker/24hr") as place:
        assert place.broker.balances()
        for _ in range(240):
            assert place.caller.signed("GET", "account")[0] == 200
        orders = Orders(place)
        assert isinstance(orders.leave(), Report)
        with pytest.raises(ExchangeUnavailable, match="of the 6000 that a minute's requests"):
            place.broker.balances()
        assert isinstance(orders.leave(), Report)


def test_position_is_sold_and_its_stop_cancelled_while_entries_are_stopped() -> None:
    # The first post buys, the second is its stop.
    with under(*STORM, hit="[3, 4, 5]") as place:
        trading, orders = Trading(place), Orders(place)
        trading.step()
        assert [each.leg for each in trading.session.state.orders.of(BTC)] == [Leg.STOP]
        while isinstance(orders.enter(), Unknown):
            continue
        assert orders.posts() == 5
        place.server.advance_to(at(3))
        made = candle("100", closed_at=at(3))
        trading.session.step(made.closed_at, {BTC: made}, {BTC: 0})
        assert not trading.session.state.positions[BTC].is_open
        assert not trading.session.state.orders.unsettled


def test_client_of_an_exchange_that_no_time_passes_on_has_no_budget() -> None:
    """Symptom: a run of 200 markets in the sandbox could not start."""
    with under(*STORM, request="GET ticker/24hr") as place:
        client = client_at(f"{place.url}/api/v3", place.server.now_ms, has_budget=False)
        for _ in range(400):
            client.call("fetch_balance")
        client.close()
        assert used(place) > 8_000
