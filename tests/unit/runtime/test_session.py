"""The Session carries out: on disk, on the wire, then tell. Nothing twice, nothing guessed."""


import pytest

from tests.support.bot import FLAT, LONG, NOW, Bot
from tests.support.builders import (
    BTC,
    ETH,
    HOUR,
    candle,
    candles,
    d,
    fill,
    report,
    rules,
)
from tradebot.engine.apply import fold
from tradebot.engine.state import State
from tradebot.errors import InvariantError, JournalError
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.order import Leg, Order, OrderStatus, Outcome

STOPPED = rules(stop_ppm=50_000)


# --- the order of things ------------------------------------------------------------------------


def test_entry_goes_to_the_disk_the_latch_the_wire_the_disk() -> None:
    bot = Bot()
    bot.step()
    assert [line for line in bot.diary if not line.startswith("tell")] == [
        "disk: candles_closed",
        "disk: order_intended",
        "latch",
        "disk: order_sent",
        "wire: entry buy",
        "disk: order_accepted",
        "disk: fill_booked",
    ]


def test_everything_is_told_after_it_is_on_disk_and_in_its_order() -> None:
    bot = Bot("accepted")
    bot.step()
    told = [line.removeprefix("tell: ") for line in bot.diary if line.startswith("tell")]
    assert told == bot.journal.kinds()[1:]
    for kind in told:
        assert bot.diary.index(f"disk: {kind}") < bot.diary.index(f"tell: {kind}")


def test_order_is_on_disk_before_it_is_on_the_wire() -> None:
    bot, seen = Bot(), list[list[str]]()
    bot.broker.on_place = lambda approved: seen.append(bot.journal.kinds())
    bot.step()
    assert seen == [["session_started", "candles_closed", "order_intended", "order_sent"]]


def test_sent_order_carries_how_long_the_exchange_may_take_it() -> None:
    bot = Bot()
    bot.step()
    (sent,) = (event for event in bot.journal.kept if isinstance(event, ev.OrderSent))
    assert sent.window_ms == 5000


@pytest.mark.parametrize("kind", ["candles_closed", "order_intended", "order_sent"])
def test_nothing_is_sent_when_the_journal_fails(kind: str) -> None:
    bot = Bot()
    bot.journal.fails_at = kind
    before = bot.state
    with pytest.raises(JournalError, match="disk full"):
        bot.step()
    assert bot.broker.placed == []
    assert f"tell: {kind}" not in bot.diary
    if kind == "candles_closed":
        assert bot.state is before, "memory never knows more than the disk"


def test_cancel_is_not_sent_when_the_journal_fails() -> None:
    bot = Bot("filled", "accepted", by=STOPPED)
    bot.step()
    bot.journal.fails_at = "cancel_sent"
    with pytest.raises(JournalError):
        bot.step(exposure=FLAT, hour=2)
    assert bot.broker.cancelled == []


def test_answer_that_cannot_be_written_leaves_the_order_sent() -> None:
    bot = Bot()
    bot.journal.fails_at = "fill_booked"
    with pytest.raises(JournalError):
        bot.step()
    assert fold(bot.journal.events()) == bot.state
    assert bot.order(Leg.ENTRY).status is OrderStatus.SENT


def test_event_that_contradicts_the_books_never_reaches_the_disk() -> None:
    """Symptom: it was journalled first, and every restart failed at it."""
    bot = Bot()
    before = bot.journal.events()
    with pytest.raises(InvariantError):
        bot.session.record([ev.OrderSent(at=NOW, order_id="tb-never-intended")])
    assert bot.journal.events() == before
    assert bot.diary == []


def test_listener_that_fails_leaves_memory_as_the_disk() -> None:
    """Symptom: the state stayed behind the journal when an alert raised."""
    bot = Bot()

    def fail(event: ev.Event, state: State) -> None:
        raise RuntimeError("alerts must not raise, but this one did")

    bot.session._tell = fail
    with pytest.raises(RuntimeError):
        bot.step()
    assert fold(bot.journal.events()) == bot.state


def test_memory_is_always_the_fold_of_the_journal() -> None:
    bot = Bot("filled", "accepted", by=STOPPED)
    for hour, (text, exposure) in enumerate(
        [("100", LONG), ("110", LONG), ("120", FLAT), ("90", LONG)], start=1
    ):
        bot.step(text, exposure, hour)
        assert fold(bot.journal.events()) == bot.state


# --- the latch ----------------------------------------------------------------------------------


def test_latch_that_closes_before_the_wire_drops_the_order_and_halts() -> None:
    bot = Bot()
    bot.latch.armed = False
    bot.step()
    assert bot.broker.placed == []
    assert bot.order(Leg.ENTRY).status is OrderStatus.DROPPED
    assert bot.state.trading is TradingState.HALTED
    assert bot.journal.kinds()[-3:] == [
        "order_intended",
        "order_dropped",
        "trading_state_changed",
    ]


def test_latch_that_closes_before_an_oco_drops_both_orders() -> None:
    bot = Bot("filled", by=rules(stop_ppm=50_000, target_ppm=50_000))
    bot.broker.on_place = lambda approved: setattr(bot.latch, "armed", False)
    bot.step()
    assert [each.intent.leg for each in bot.broker.placed] == [Leg.ENTRY]
    assert bot.order(Leg.STOP).status is bot.order(Leg.TARGET).status is OrderStatus.DROPPED
    assert bot.journal.kinds().count("trading_state_changed") == 1


def test_halted_bot_stays_halted_when_the_latch_is_armed_again() -> None:
    bot = Bot()
    bot.latch.armed = False
    bot.step()
    bot.latch.armed = True
    bot.step(hour=2)
    assert bot.broker.placed == []
    assert bot.journal.kinds()[-1] == "intent_refused"


def test_halting_twice_is_told_once() -> None:
    bot = Bot()
    bot.session.halt("first")
    bot.session.halt("second")
    assert bot.journal.kinds().count("trading_state_changed") == 1


# --- answers ------------------------------------------------------------------------------------


def test_unknown_outcome_blocks_its_market_and_counts_in_the_limits() -> None:
    bot = Bot("unknown", by=rules(fraction_ppm=600_000), markets=2)
    bot.step()
    assert bot.order(Leg.ENTRY).status is OrderStatus.UNKNOWN
    both = {
        BTC: candle("100", closed_at=NOW + HOUR),
        ETH: candle("10", closed_at=NOW + HOUR),
    }
    bot.session.step(NOW + HOUR, both, {BTC: LONG, ETH: LONG})
    first, second = bot.broker.placed
    assert (first.intent.market, first.intent.quantity) == (BTC, d(6))
    # 600 of 1000 may be gone: 400 are left, though 600 were wanted.
    assert (second.intent.market, second.intent.quantity) == (ETH, d(40))


def test_rejected_entry_is_not_tried_again_at_the_same_candle() -> None:
    bot = Bot("rejected", "rejected")
    bot.step()
    assert len(bot.broker.placed) == 1
    bot.session.decide(BTC, candle("100"), LONG)
    assert len(bot.broker.placed) == 1, "deciding a candle twice changes nothing"
    bot.step(hour=2)
    assert len(bot.broker.placed) == 2


def test_candle_decided_again_after_a_restart_changes_nothing() -> None:
    bot = Bot("filled", "accepted", by=STOPPED)
    bot.step()
    kinds = bot.journal.kinds()
    bot.session.state = fold(bot.journal.events())
    bot.session.decide(BTC, candle("100"), LONG)
    assert bot.journal.kinds() == kinds


def test_refused_entry_is_recorded_and_not_sent() -> None:
    bot = Bot(by=rules(fraction_ppm=1))
    bot.step()
    assert bot.broker.placed == []
    (event,) = (each for each in bot.journal.kept if isinstance(each, ev.IntentRefused))
    assert (event.market, event.control, event.closed_at) == (BTC, "quantity_min", NOW)
    assert event.message.startswith("BTC/USDT: order of 0 is below the exchange minimum 0.001;")
    bot.step(hour=2)
    assert bot.journal.kinds().count("intent_refused") == 1


def test_missed_candle_is_recorded_and_not_traded() -> None:
    bot = Bot()
    bot.session.step(NOW, {BTC: candle("100")}, {BTC: LONG}, missed=True)
    assert bot.broker.placed == []
    (event,) = (each for each in bot.journal.kept if isinstance(each, ev.CandlesClosed))
    assert event.missed
    assert event.closes == {BTC: d(100)}


def test_entry_after_a_gap_is_refused_and_the_next_candle_trades() -> None:
    bot = Bot()
    first, late, next_ = candles("100 - 100 100")
    for made in (first, late, next_):
        exposure = FLAT if made is first else LONG
        bot.session.step(made.closed_at, {BTC: made}, {BTC: exposure})
    (refused,) = (each for each in bot.journal.kept if isinstance(each, ev.IntentRefused))
    assert (refused.control, refused.closed_at) == ("candle_gap", late.closed_at)
    assert [each.intent.closed_at for each in bot.broker.placed] == [next_.closed_at]


# --- protection ---------------------------------------------------------------------------------


def test_entry_that_fills_is_protected_at_once() -> None:
    bot = Bot(by=rules(stop_ppm=50_000, target_ppm=100_000))
    bot.step()
    wire = [line for line in bot.diary if line.startswith("wire")]
    assert wire == ["wire: entry buy", "wire: oco"]
    assert bot.order(Leg.STOP).stop_price == d(95)
    assert bot.order(Leg.TARGET).price == d(110)


def test_rejected_protection_becomes_a_market_exit() -> None:
    bot = Bot("filled", "rejected", by=STOPPED)
    bot.step()
    assert [each.intent.leg for each in bot.broker.placed] == [Leg.ENTRY, Leg.STOP, Leg.EXIT]
    assert not bot.state.positions[BTC].is_open
    assert BTC in bot.state.feed.spent, "the signal has had its trade"


def test_half_rejected_oco_leaves_its_other_half_and_no_second_sale() -> None:
    bot = Bot("filled", "accepted", "rejected", by=rules(stop_ppm=50_000, target_ppm=50_000))
    bot.step()
    assert bot.order(Leg.STOP).status is OrderStatus.ACCEPTED
    assert [each.intent.leg for each in bot.broker.placed] == [Leg.ENTRY, Leg.STOP, Leg.TARGET]


def test_exit_cancels_the_protection_then_sells() -> None:
    bot = Bot("filled", "accepted", by=STOPPED)
    bot.step()
    bot.diary.clear()
    bot.step(exposure=FLAT, hour=2)
    assert [line for line in bot.diary if "disk" in line or "wire" in line] == [
        "disk: candles_closed",
        "disk: cancel_sent",
        "wire: cancel stop",
        "disk: order_cancelled",
        "disk: order_intended",
        "disk: order_sent",
        "wire: exit sell",
        "disk: order_accepted",
        "disk: fill_booked",
    ]
    assert not bot.state.positions[BTC].is_open


def test_stop_that_filled_before_its_cancel_wins_and_nothing_is_sold_twice() -> None:
    bot = Bot("filled", "accepted", by=STOPPED)
    bot.step()
    stop = bot.order(Leg.STOP)
    bot.broker.reports[stop.id] = report(
        stop, OrderStatus.FILLED, fill(f"{stop.quantity} @ 95", trade_id="stop")
    )
    bot.broker.cancels = ["rejected"]
    bot.step(exposure=FLAT, hour=2)
    assert [each.intent.leg for each in bot.broker.placed] == [Leg.ENTRY, Leg.STOP]
    assert bot.state.balances == {"USDT": d(950), "BTC": d(0)}


def test_cancel_that_finds_a_part_filled_sells_the_rest_only() -> None:
    bot = Bot("filled", "accepted", by=STOPPED)
    bot.step()

    def part(stop: Order) -> Outcome:
        return report(stop, OrderStatus.CANCELLED, fill("4 @ 95", trade_id="stop"))

    bot.broker.cancels = [part]
    bot.step(exposure=FLAT, hour=2)
    assert bot.broker.placed[-1].intent.leg is Leg.EXIT
    assert bot.broker.placed[-1].intent.quantity == d(6)
    assert bot.state.balances == {"USDT": d(980), "BTC": d(0)}


@pytest.mark.parametrize("answer", ["unknown", "rejected"])
def test_cancel_without_effect_sells_nothing(answer: str) -> None:
    bot = Bot("filled", "accepted", by=STOPPED)
    bot.step()
    bot.broker.cancels = [answer]
    bot.step(exposure=FLAT, hour=2)
    assert [each.intent.leg for each in bot.broker.placed] == [Leg.ENTRY, Leg.STOP]
    assert bot.order(Leg.STOP).status is OrderStatus.ACCEPTED
    bot.step(exposure=FLAT, hour=3)
    assert bot.broker.placed[-1].intent.leg is Leg.EXIT, "the next candle tries again"


def test_cancel_of_an_oco_books_the_end_of_both() -> None:
    bot = Bot(by=rules(stop_ppm=50_000, target_ppm=50_000))
    bot.step()
    target = bot.order(Leg.TARGET)

    def both(stop: Order) -> Outcome:
        bot.broker.reports[target.id] = report(target, OrderStatus.CANCELLED)
        return report(stop, OrderStatus.CANCELLED)

    bot.broker.cancels = [both]
    bot.step(exposure=FLAT, hour=2)
    assert bot.order(Leg.STOP).status is OrderStatus.CANCELLED
    assert bot.order(Leg.TARGET).status is OrderStatus.CANCELLED
    assert bot.broker.placed[-1].intent.leg is Leg.EXIT
