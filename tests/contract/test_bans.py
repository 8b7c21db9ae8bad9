"""A ban is obeyed: the real client sends nothing in it, and the broker says that nothing left."""

from dataclasses import replace

import pytest

from tests.contract.test_broker_faults import BANNED_MS, broker_behind_faults
from tests.contract.test_sandbox_faults import BOUGHT, BUY, STOP, STOPPED, Place, under
from tests.support.builders import BTC, HOUR, approved, candle, d, market, rules, started
from tests.support.fakes import FakeClock, FakeLatch, RecordingJournal, TokensForAll
from tests.support.sandbox import at
from tradebot.adapters.broker import CcxtBroker
from tradebot.engine.state import State
from tradebot.errors import ExchangeUnavailable
from tradebot.model.event import OrderIntended
from tradebot.model.order import Leg, OrderKind, OrderStatus, Rejection, Report, Unsent
from tradebot.runtime.session import Session

BAN = ("ban", "ban_ms = 60000")
OVER = at(2) + 60_000
UNTIL = "nothing is sent until 2024-01-01T02:01:00Z"
LONG = 1_000_000


def requests_in_ban(place: Place) -> int:
    """Return how many requests the exchange counted between the ban's answer and its end."""
    count: int = place.caller.raw("GET", "/sandbox/status")[1]["requests_in_ban"]
    return count


def test_no_read_leaves_in_a_ban_and_each_says_until_when() -> None:
    """Symptom: 50 requests in a ban of a minute, each of which may have lengthened it."""
    with under(*BAN, request="GET account") as place:
        reads = (
            place.broker.balances,
            place.broker.open_order_filled,
            place.broker.cancel_own,
            place.reader.now_ms,
            lambda: place.broker.order_report(BOUGHT),
            lambda: place.broker.last_price(BTC),
            lambda: place.reader.candles({"BTC/USDT": 3}, HOUR, now_ms=at(2)),
        )
        for read in reads:
            with pytest.raises(ExchangeUnavailable, match=UNTIL):
                read()
        assert requests_in_ban(place) == 0
        place.server.advance_to(OVER - 1)
        with pytest.raises(ExchangeUnavailable, match=UNTIL):
            place.broker.balances()
        assert requests_in_ban(place) == 0
        place.server.advance_to(OVER)
        assert place.broker.balances()["USDT"] == 1000


def test_no_order_and_no_cancel_leaves_in_a_ban_and_each_is_unsent() -> None:
    with under(*BAN, request="GET account") as place:
        assert isinstance(place.broker.place_order(STOP), Report)
        with pytest.raises(ExchangeUnavailable):
            place.broker.balances()
        target = approved(
            "sell 1 BTC @ 110",
            order_id="tb-target",
            kind=OrderKind.LIMIT_MAKER,
            leg=Leg.TARGET,
            price=d(110),
        )
        higher = replace(STOP, order_id="tb-higher")
        outcomes = (
            place.broker.place_order(BUY),
            *place.broker.place_oco(higher, target),
            *place.broker.replace_order(STOPPED, higher),
            place.broker.cancel_order(STOPPED),
        )
        named = ["tb-buy", "tb-higher", "tb-target", "tb-stop", "tb-higher", "tb-stop"]
        assert [each.order_id for each in outcomes] == named
        for each in outcomes:
            assert isinstance(each, Unsent), each
            assert UNTIL in each.reason
        assert requests_in_ban(place) == 0
        assert place.posts() == {"tb-stop": 1}
        place.server.advance_to(OVER)
        cancelled = place.broker.cancel_order(STOPPED)
        assert isinstance(cancelled, Report)
        assert cancelled.status is OrderStatus.CANCELLED
        assert isinstance(place.broker.place_order(BUY), Report)


def test_order_that_was_answered_by_the_ban_is_rejected_and_the_next_one_does_not_leave() -> None:
    with under(*BAN) as place:
        assert isinstance(place.broker.place_order(BUY), Rejection)
        assert isinstance(place.broker.place_order(STOP), Unsent)
        assert place.posts() == {"tb-buy": 1}


def test_limit_is_waited_out_as_long_as_its_header_says() -> None:
    with under("limit", "retry_after_ms = 30000", request="GET account", hit='"every"') as place:
        for second in range(0, 120, 10):
            place.server.advance_to(at(2) + second * 1000)
            with pytest.raises(ExchangeUnavailable, match="it answered 429"):
                place.broker.balances()
        assert place.caller.raw("GET", "/sandbox/status")[1]["faults"] == {"limit": 4}


@pytest.mark.parametrize(("answer", "seconds"), [("429", 60), ("418", 120)])
def test_answer_without_a_header_is_waited_out_for_a_minute_or_two(
    answer: str, seconds: int
) -> None:
    asked = "GET /api/v3/openOrders"
    with broker_behind_faults() as (broker, faults, server):
        faults.script[asked] = [answer]
        begun = server.now_ms()
        for passed in (0, seconds * 1000 - 1):
            server.advance_to(begun + passed)
            with pytest.raises(ExchangeUnavailable):
                broker.open_order_filled()
        assert faults.count(asked) == 1
        server.advance_to(begun + seconds * 1000)
        assert broker.open_order_filled() == {}
        assert seconds * 1000 <= BANNED_MS


def test_new_process_learns_of_a_ban_by_its_first_answer() -> None:
    with under(*BAN, request="GET account") as place:
        with pytest.raises(ExchangeUnavailable):
            place.broker.balances()
        other = place.new_client()
        broker = CcxtBroker(other, prefix="tb-", tokens=TokensForAll(), clock=FakeClock())
        for _ in range(3):
            with pytest.raises(ExchangeUnavailable):
                broker.open_order_filled()
        other.close()
        assert requests_in_ban(place) == 1


class Trading:
    """A Session over the real client, that wants to be long."""

    def __init__(self, place: Place) -> None:
        self._clock = FakeClock(at(2))
        self._place = place
        self.journal = RecordingJournal()
        self.session = Session(
            State(),
            rules=rules(fraction_ppm=500_000, stop_ppm=50_000),
            broker=place.broker,
            journal=self.journal,
            clock=self._clock,
            latch=FakeLatch(),
            tokens=TokensForAll(),
            tell=lambda event, state: None,
        )
        self.session.record([started(market())])

    def step(self) -> None:
        """Put a candle before it, on which it buys."""
        made = candle("100", closed_at=at(2))
        self.session.step(made.closed_at, {BTC: made}, {BTC: LONG})

    def look(self, now: int) -> None:
        """Let time pass and look again."""
        self._clock.now = now
        self._place.server.advance_to(now)
        self.session.settle()

    def intended(self) -> int:
        """Return how many orders it wanted so far."""
        return sum(isinstance(event, OrderIntended) for event in self.journal.kept)


def test_position_that_a_ban_left_bare_gets_its_stop_after_it_by_one_post() -> None:
    with under(*BAN, request="GET myTrades") as place:
        trading = Trading(place)
        # The buy is taken; the ban begins with the question what it filled.
        trading.step()
        for seconds in range(0, 60, 2):
            with pytest.raises(ExchangeUnavailable, match=UNTIL):
                trading.look(at(2) + seconds * 1000)
        assert requests_in_ban(place) == 0
        trading.look(OVER)
        (stop,) = trading.session.state.orders.of(BTC)
        assert (stop.leg, stop.status) == (Leg.STOP, OrderStatus.ACCEPTED)
        assert set(place.posts().values()) == {1}


def test_what_cannot_leave_is_intended_once_a_look_and_never_sent_again() -> None:
    """It was intended eight times a look: nothing had changed in the exchange, only our books."""
    with under(*BAN, hit="2") as place:
        trading = Trading(place)
        # The buy fills; the ban is the answer to its stop.
        trading.step()
        before = trading.intended()
        for look in range(1, 15):
            trading.look(at(2) + look * 4_000)
            assert trading.intended() <= before + look
        assert requests_in_ban(place) == 0
        assert len(place.posts()) == 2
        trading.look(OVER + 60_000)
        guarded = trading.session.state.orders.of(BTC)
        assert [each.leg for each in guarded] == [Leg.STOP] or not trading.session.state.positions
        assert set(place.posts().values()) == {1}
