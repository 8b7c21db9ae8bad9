"""Settling: what was left out is asked about, booked and protected; and the loop has a bound."""

import pytest

from tests.support.bot import FLAT, LONG, NOW, Bot
from tests.support.builders import BTC, ETH, HOUR, candle, d, fill, report, rules
from tradebot.engine.apply import fold
from tradebot.errors import ExchangeUnavailable, JournalError
from tradebot.model import event as ev
from tradebot.model.order import Leg, OrderStatus, Outcome
from tradebot.runtime import session as session_module

STOPPED = rules(stop_ppm=50_000)


def test_nothing_unsettled_asks_nothing() -> None:
    bot = Bot()
    bot.broker.is_reachable = False
    bot.session.settle()
    assert bot.broker.asked == []


def test_exchange_that_cannot_be_asked_changes_nothing() -> None:
    bot = Bot("unknown")
    bot.step()
    before = bot.state
    bot.broker.is_reachable = False
    with pytest.raises(ExchangeUnavailable):
        bot.session.settle()
    assert bot.state is before


def test_resting_order_with_nothing_new_is_not_asked_about() -> None:
    bot = Bot("accepted")
    bot.step()
    bot.session.settle()
    assert bot.broker.asked == []


def test_order_intended_but_never_sent_is_dropped() -> None:
    bot = Bot()
    bot.journal.fails_at = "order_sent"
    with pytest.raises(JournalError):
        bot.step()
    bot.journal.fails_at = ""
    bot.session.settle()
    assert bot.order(Leg.ENTRY).status is OrderStatus.DROPPED
    assert bot.broker.placed == []
    assert bot.broker.asked == [], "what never left is not asked about"


def test_order_sent_without_an_answer_becomes_unknown_and_is_never_sent_again() -> None:
    bot = Bot()
    bot.journal.fails_at = "order_accepted"
    with pytest.raises(JournalError):
        bot.step()
    bot.journal.fails_at = ""
    bot.broker.reports.clear()
    for _ in range(2):
        bot.session.settle()
        assert bot.order(Leg.ENTRY).status is OrderStatus.UNKNOWN
    assert bot.journal.kinds().count("order_unknown") == 1
    bot.step(hour=2)
    assert len(bot.broker.placed) == 1


def test_unknown_order_that_turns_up_filled_is_booked_and_protected() -> None:
    bot = Bot("unknown", "accepted", by=STOPPED)
    bot.step()
    entry = bot.order(Leg.ENTRY)
    bot.broker.reports[entry.id] = report(
        entry, OrderStatus.FILLED, fill("10 @ 99", trade_id="7", at=NOW + 1)
    )
    bot.clock.now = NOW + 2
    bot.session.settle()
    assert bot.order(Leg.ENTRY).status is OrderStatus.FILLED
    stop = bot.order(Leg.STOP)
    assert (stop.stop_price, stop.closed_at) == (d(95), NOW + 2)  # 94.05, never further than asked


def test_stop_that_filled_between_candles_is_booked_and_the_signal_is_spent() -> None:
    bot = Bot("filled", "accepted", by=STOPPED)
    bot.step()
    stop = bot.order(Leg.STOP)
    bot.broker.reports[stop.id] = report(
        stop, OrderStatus.FILLED, fill("10 @ 95", trade_id="stop", at=NOW + 1)
    )
    bot.session.settle()
    assert bot.state.balances == {"USDT": d(950), "BTC": d(0)}
    bot.step(hour=2)
    assert len(bot.broker.placed) == 2, "a spent signal is not traded again"
    bot.step(exposure=FLAT, hour=3)
    bot.step(hour=4)
    assert len(bot.broker.placed) > 2, "a new one is"


def test_protection_that_expired_is_placed_again() -> None:
    bot = Bot("filled", "accepted", "accepted", by=STOPPED)
    bot.step()
    first = bot.order(Leg.STOP)
    bot.broker.reports[first.id] = report(first, OrderStatus.EXPIRED)
    bot.clock.now = NOW + 5
    bot.session.settle()
    assert [each.intent.leg for each in bot.broker.placed] == [Leg.ENTRY, Leg.STOP, Leg.STOP]
    assert len({each.order_id for each in bot.broker.placed}) == 3


def test_oco_half_that_filled_ends_the_other_half() -> None:
    bot = Bot(by=rules(stop_ppm=50_000, target_ppm=50_000))
    bot.step()
    stop, target = bot.order(Leg.STOP), bot.order(Leg.TARGET)
    bot.broker.reports[target.id] = report(
        target, OrderStatus.FILLED, fill("10 @ 105", trade_id="t", maker=True)
    )
    bot.broker.reports[stop.id] = report(stop, OrderStatus.EXPIRED)
    bot.session.settle()
    assert bot.order(Leg.STOP).status is OrderStatus.EXPIRED
    assert bot.order(Leg.TARGET).status is OrderStatus.FILLED
    assert not bot.state.orders.unsettled
    assert bot.state.balances == {"USDT": d(1050), "BTC": d(0)}


def test_fills_told_twice_are_booked_once() -> None:
    bot = Bot("partial 4")
    bot.step()
    entry = bot.order(Leg.ENTRY)
    first, second = fill("4 @ 100", trade_id=f"t-{entry.id}"), fill("6 @ 100", trade_id="2")
    bot.broker.reports[entry.id] = report(entry, OrderStatus.FILLED, first, second)
    bot.session.settle()
    bot.session.settle()
    assert bot.journal.kinds().count("fill_booked") == 2
    assert bot.state.balances == {"USDT": d(0), "BTC": d(10)}


def test_restart_in_the_middle_ends_as_one_never_stopped() -> None:
    """The answer is lost with the crash; asking brings the same books."""
    straight = Bot("filled", "accepted", by=STOPPED)
    straight.step()

    crashed = Bot("filled", "accepted", by=STOPPED)
    crashed.journal.fails_at = "order_accepted"
    with pytest.raises(JournalError):
        crashed.step()
    crashed.journal.fails_at = ""
    crashed.session.state = fold(crashed.journal.events())
    crashed.session.settle()
    assert crashed.state.balances == straight.state.balances
    assert crashed.state.positions == straight.state.positions
    assert crashed.journal.kinds() == straight.journal.kinds()


def test_deciding_in_circles_ends_at_the_bound() -> None:
    """Every stop expires as it is placed, and is asked for again: only the bound ends it."""
    bot = Bot("filled", by=STOPPED)

    def ended(approved: object) -> Outcome:
        key = bot.broker.placed[-1].order_id
        return report(key, OrderStatus.EXPIRED)

    bot.broker.script += [ended] * 50
    bot.step()
    assert len(bot.broker.placed) == session_module.ROUNDS_MAX == 8
    assert len({each.order_id for each in bot.broker.placed}) == 8, "no order is sent twice"


def test_markets_are_decided_in_the_order_they_are_given() -> None:
    bot = Bot(by=rules(fraction_ppm=400_000), markets=2)
    both = {BTC: candle("100"), ETH: candle("10")}
    bot.session.step(NOW, both, {BTC: LONG, ETH: LONG})
    assert [each.intent.market for each in bot.broker.placed] == [BTC, ETH]


def test_reason_of_the_strategy_reaches_the_journal() -> None:
    bot = Bot()
    bot.session.step(NOW, {BTC: candle("100")}, {BTC: LONG}, why={BTC: "golden cross"})
    (intended,) = (each for each in bot.journal.kept if isinstance(each, ev.OrderIntended))
    assert intended.reason == "signal: golden cross"
    assert intended.at == NOW
    assert NOW % HOUR == 0
