"""Stopping: the latch holds everything but the emergency sale, and what is cancelled is booked."""

import pytest

from tests.support.bot import FLAT, Bot
from tests.support.builders import BTC, HOUR, d, fill, report, rules
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.order import Leg, OrderStatus

GUARDED = rules(stop_ppm=50_000, target_ppm=50_000)


def _stopped() -> Bot:
    """Return a bot that holds 10 under a stop and a target, its latch closed."""
    bot = Bot(by=GUARDED)
    bot.step()
    bot.latch.armed = False
    return bot


def test_all_resting_orders_are_cancelled_whatever_the_latch_says() -> None:
    bot = _stopped()
    bot.session.cancel_all("killed")
    assert bot.order(Leg.STOP).status is OrderStatus.CANCELLED
    reasons = [each.reason for each in bot.journal.kept if isinstance(each, ev.CancelSent)]
    assert set(reasons) == {"killed"}


def test_cancel_that_is_not_answered_leaves_the_order_to_be_seen() -> None:
    bot = _stopped()
    bot.broker.cancels = ["unknown", "unknown"]
    bot.session.cancel_all("killed")
    assert bot.order(Leg.STOP).status is OrderStatus.ACCEPTED
    assert bot.session.open_orders() == sorted([bot.order(Leg.STOP).id, bot.order(Leg.TARGET).id])


def test_unknown_order_is_not_cancelled_blindly() -> None:
    bot = Bot("unknown")
    bot.step()
    bot.session.cancel_all("killed")
    assert bot.broker.cancelled == []


def test_emergency_sale_passes_the_closed_latch_and_a_halted_state() -> None:
    bot = _stopped()
    bot.session.halt("killed")
    bot.session.cancel_all("killed")
    bot.flatten()
    assert bot.broker.placed[-1].intent.leg is Leg.FLATTEN
    assert bot.state.balances == {"USDT": d(1000), "BTC": d(0)}
    assert not bot.state.positions[BTC].is_open


def test_emergency_sale_waits_while_a_stop_may_still_sell() -> None:
    bot = _stopped()
    bot.flatten()
    assert bot.broker.placed[-1].intent.leg is not Leg.FLATTEN


def test_emergency_sale_that_is_rejected_is_not_repeated_at_once() -> None:
    bot = _stopped()
    bot.session.cancel_all("killed")
    bot.broker.script = ["rejected"]
    placed = len(bot.broker.placed)
    bot.flatten()
    assert len(bot.broker.placed) == placed + 1


@pytest.mark.parametrize("armed", [True, False])
def test_latch_is_asked_anew_each_time(armed: bool) -> None:
    bot = Bot()
    bot.latch.armed = armed
    assert bot.session.is_armed() is armed


def test_halt_is_lifted_by_a_person_and_said() -> None:
    bot = Bot()
    bot.session.halt("killed")
    bot.session.reactivate("resumed by operator")
    assert bot.state.trading is TradingState.ACTIVE
    bot.session.reactivate("again")
    changes = [each for each in bot.journal.kept if isinstance(each, ev.TradingStateChanged)]
    assert [(each.state, each.reason) for each in changes] == [
        (TradingState.HALTED, "killed"),
        (TradingState.ACTIVE, "resumed by operator"),
    ]


def test_bot_that_leaves_cancels_its_entry_and_guards_what_that_had_bought() -> None:
    bot = Bot("accepted", "accepted", by=rules(stop_ppm=50_000, entry_ms_max=HOUR, reprice_max=1))
    bot.step()
    bot.broker.cancels = [
        lambda entry: report(entry, OrderStatus.CANCELLED, fill("2 @ 100", trade_id="e"))
    ]
    bot.session.leave()
    assert bot.order(Leg.ENTRY).status is OrderStatus.CANCELLED
    assert bot.order(Leg.STOP).quantity == d(2)


def test_booking_alone_protects_nothing() -> None:
    bot = _stopped()
    placed = len(bot.broker.placed)
    bot.broker.reports.clear()
    bot.session.settle_only()
    bot.step(exposure=FLAT, hour=2)
    assert len(bot.broker.placed) == placed, "and nothing is sent with the latch closed"
