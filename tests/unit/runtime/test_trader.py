"""The one way to start, and the body of the loop: in which order, and what a failed read keeps."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.bot import FLAT, LONG, NOW
from tests.support.builders import BTC, HOUR, START, candle, d, fill, report
from tests.support.compared import Compared, held, unknown_order
from tradebot.errors import BooksDisagree, ExchangeUnavailable
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.order import Approved, Leg, OrderStatus, Outcome, Rejection
from tradebot.model.signal import Signal
from tradebot.runtime.dead_man import DeadMan
from tradebot.runtime.feed import Reading
from tradebot.runtime.reconciling import SOON_MS
from tradebot.runtime.trader import Trader


class Candles:
    """A feed that gives what it is told to, and fails where it is told to."""

    def __init__(self, diary: list[str]) -> None:
        self.diary = diary
        self.closed: dict[int, list[Reading]] = {}
        self.is_reachable = True

    def close(self, at: int, exposure: int) -> None:
        """Let a candle of BTC close."""
        made = candle("100", closed_at=at)
        signal = Signal(exposure_ppm=exposure, confidence=1, reasons=(), readings={})
        self.closed[at] = [Reading(BTC, made, signal)]

    def begin(self, after_ms: int, decided: Mapping[str, int]) -> None:
        """Note the fetching of history."""
        self.diary.append("history")

    def last_readings(self, closed_at: int, *, since_ms: int) -> list[tuple[Reading, bool]]:
        """Return nothing: no candle is decided again here."""
        self.diary.append("decide the newest again")
        return []

    def refresh(self, now_ms: int) -> dict[int, list[Reading]]:
        """Return what has closed."""
        if not self.is_reachable:
            raise ExchangeUnavailable("the exchange cannot be reached")
        found, self.closed = self.closed, {}
        return found


class Traded:
    """A trader over the fakes of a comparison."""

    def __init__(self, made: Compared, *, dead_man_seconds: int = 60) -> None:
        self.made = made
        self.bot = made.bot
        self.feed = Candles(made.bot.diary)
        made.broker.has_dead_man = True
        feed: Any = self.feed
        self.trader = Trader(
            made.bot.session,
            feed,
            timeframe_ms=HOUR,
            reconciler=made.made,
            dead_man=DeadMan(made.broker, made.bot.clock, seconds=dead_man_seconds),
        )

    def tick(self, after_ms: int = 0) -> None:
        """Wake after some time."""
        self.bot.clock.now += after_ms
        self.trader.tick(self.bot.clock.now)

    def note_looks(self, approved: Approved) -> None:
        """Note in the diary how often the account was compared before this order."""
        self.bot.diary.append(f"looked {self.looks()}")

    def looks(self) -> int:
        """Return how often the account was compared."""
        return sum(what == "balances" for what, _, _ in self.made.broker.questions)


def test_start_settles_then_compares_then_protects_then_decides() -> None:
    """The bot died after its entry was sent; the entry has filled."""
    made = Compared()
    made.bot.journal.fails_at = "order_accepted"
    with pytest.raises(Exception, match="disk full"):
        made.bot.step()
    made.bot.journal.fails_at = ""
    made.broker.coins = {"USDT": d(0), "BTC": d(10)}
    traded = Traded(made)
    made.bot.diary.clear()
    broker, questions = made.broker, made.broker.questions
    traded.trader.start(NOW)
    order = [line for line in made.bot.diary if not line.startswith(("tell", "latch"))]
    assert order.index("disk: fill_booked") < order.index("wire: stop sell")
    assert order[0] == "history"
    assert order[-1] == "decide the newest again"
    assert [what for what, _, _ in questions][-4:] == ["balances", "open", "orders", "fills"]
    assert broker.placed[-1].intent.leg is Leg.STOP


def test_start_where_another_bot_trades_decides_nothing_and_keeps_the_stops() -> None:
    made = held()
    made.broker.listed_orders_made = [unknown_order()]
    traded = Traded(made)
    made.bot.diary.clear()
    with pytest.raises(BooksDisagree):
        traded.trader.start(NOW)
    assert "decide the newest again" not in made.bot.diary
    assert not [line for line in made.bot.diary if line.startswith("wire: cancel")]
    assert made.bot.order(Leg.STOP).status is OrderStatus.ACCEPTED


def test_position_that_a_comparison_shrank_is_guarded_in_the_same_wake() -> None:
    """What was left of a position waited for its turn, a minute, among tries for what had gone."""

    def answer(approved: Approved) -> Outcome:
        if approved.intent.quantity > 4:
            return Rejection(order_id=approved.order_id, code="-2010", message="Insufficient.")
        return report(approved.order_id, OrderStatus.ACCEPTED)

    made = held()
    traded = Traded(made)
    traded.trader.start(NOW)
    stop = made.bot.order(Leg.STOP)
    made.broker.reports[stop.id] = report(stop, OrderStatus.CANCELLED)
    made.broker.script = [answer] * 400
    made.broker.coins = {"USDT": d(600), "BTC": d(4)}
    while made.bot.state.positions[BTC].quantity != 4:
        assert traded.bot.clock.now < NOW + 120_000, "a bare position is compared soon"
        traded.tick(2_000)
    resting = [each for each in made.bot.state.orders.of(BTC) if each.leg is Leg.STOP]
    assert [each.quantity for each in resting] == [d(4)]


@pytest.mark.parametrize("is_lost", [False, True])
def test_failed_comparison_keeps_no_exit_waiting_and_is_told(is_lost: bool) -> None:
    made = held()
    traded = Traded(made)
    traded.trader.start(NOW)
    if is_lost:
        made.made.lost()
    traded.bot.clock.now = NOW + HOUR
    traded.feed.close(NOW + HOUR, FLAT)

    def fails(market: str, since_ms: int) -> Any:
        raise ExchangeUnavailable("the list of orders cannot be read")

    made.broker.listed_orders = fails  # type: ignore[method-assign]  # a scripted exchange
    with pytest.raises(ExchangeUnavailable, match="list of orders"):
        traded.tick()
    assert not made.bot.state.positions[BTC].is_open
    assert made.bot.order(Leg.EXIT).status is OrderStatus.FILLED


def test_order_that_cannot_be_read_keeps_no_candle_from_being_decided() -> None:
    """Symptom: one unreadable order, and every market stood still for hours, without a word."""
    made = held()
    traded = Traded(made)
    traded.trader.start(NOW)
    stop = made.bot.order(Leg.STOP)
    made.broker.reports[stop.id] = report(stop, OrderStatus.CANCELLED)
    made.broker.unreachable = {stop.id}
    traded.feed.close(NOW + HOUR, LONG)
    with pytest.raises(ExchangeUnavailable):
        traded.tick(HOUR)
    assert made.bot.state.feed.latest == NOW + HOUR


def test_late_exit_does_not_wait_for_a_candle_that_is_not_made() -> None:
    made = held()
    traded = Traded(made)
    traded.trader.start(NOW)
    made.broker.script = ["rejected", "accepted", "filled"]
    traded.feed.close(NOW + HOUR, FLAT)
    traded.tick(HOUR)
    assert made.bot.state.positions[BTC].is_open
    traded.tick(HOUR)
    assert made.bot.state.positions[BTC].is_open, "a candle may have closed: it is asked for first"
    traded.tick(10_000)
    assert not made.bot.state.positions[BTC].is_open


def test_lost_connection_is_followed_by_a_comparison() -> None:
    made = held()
    traded = Traded(made)
    traded.trader.start(NOW)
    traded.tick(1_000)
    assert traded.looks() == 1
    traded.feed.is_reachable = False
    with pytest.raises(ExchangeUnavailable):
        traded.tick(1_000)
    traded.feed.is_reachable = True
    traded.tick(1_000)
    assert traded.looks() == 2
    traded.tick(SOON_MS)
    assert traded.looks() == 2


def test_candle_that_closed_is_decided_before_a_routine_comparison_and_after_one_of_an_outage(
) -> None:
    for is_lost in (False, True):
        made = Compared()
        traded = Traded(made)
        traded.trader.start(NOW)
        if is_lost:
            traded.feed.is_reachable = False
            with pytest.raises(ExchangeUnavailable):
                traded.tick(1_000)
            traded.feed.is_reachable = True
        looks = traded.looks()
        made.broker.on_place = traded.note_looks
        traded.bot.clock.now = NOW + HOUR
        traded.feed.close(NOW + HOUR, LONG)
        traded.tick()
        first = next(line for line in made.bot.diary if line.startswith("looked"))
        assert first == f"looked {looks + is_lost}"
        assert traded.looks() == looks + 1


def test_second_instance_that_is_found_while_running_halts() -> None:
    made = held()
    traded = Traded(made)
    traded.trader.start(NOW)
    made.broker.listed_orders_made = [unknown_order()]
    traded.tick(HOUR)
    assert made.bot.state.trading is TradingState.HALTED
    traded.feed.close(NOW + 2 * HOUR, LONG)
    traded.tick(HOUR)
    sent = [each for each in made.bot.journal.kept if isinstance(each, ev.OrderSent)]
    assert len(sent) == 2, "entry and stop of before"


def dead_man_words(traded: Traded) -> list[str]:
    return [
        line.removeprefix("wire: ")
        for line in traded.bot.diary
        if line.startswith("wire: ") and "cancel" not in line
    ]


def resting_entry() -> Traded:
    """Return a bot whose entry rests at the exchange, and whose switch is armed."""
    made = Compared()
    made.broker.script = ["accepted"]
    made.bot.step()
    made.agree()
    traded = Traded(made)
    traded.trader.start(NOW)
    assert dead_man_words(traded)[-1] == "dead man 60"
    made.bot.diary.clear()
    return traded


def test_dead_man_is_refreshed_while_candles_cannot_be_read() -> None:
    traded = resting_entry()
    traded.feed.is_reachable = False
    for _ in range(6):
        with pytest.raises(ExchangeUnavailable):
            traded.tick(10_000)
    assert dead_man_words(traded) == ["dead man 60", "dead man 60"]


def test_dead_man_is_called_off_before_the_stop_of_a_fill_is_placed() -> None:
    traded = resting_entry()
    entry = traded.bot.order(Leg.ENTRY)
    filled = fill("10 @ 100", trade_id="late", at=NOW + 1)
    traded.made.broker.reports[entry.id] = report(entry, OrderStatus.FILLED, filled)
    traded.made.broker.coins = {"USDT": d(0), "BTC": d(10)}
    traded.tick(10_000)
    assert dead_man_words(traded) == ["dead man 0", "stop sell"]


def test_dead_man_is_called_off_before_anything_is_decided_and_armed_again_after() -> None:
    traded = resting_entry()
    traded.bot.clock.now = START + 2 * HOUR
    traded.feed.close(START + 2 * HOUR, LONG)
    traded.tick()
    words = dead_man_words(traded)
    assert words[-2:] == ["dead man 0", "dead man 60"]
