"""A bot that halted itself, was stopped, or leaves: what it still does for what it holds."""

from tests.support.bare import AIMED, STOPPED, in_doubt, pages, refused, resting, wakes
from tests.support.bot import NOW, Bot
from tests.support.builders import BTC, d, fill, report
from tradebot.model.account import TradingState
from tradebot.model.order import Approved, Leg, OrderStatus, Outcome

BOTH, SALE = ["stop", "exit"], ["exit"]


def test_bot_that_was_stopped_tries_nothing() -> None:
    bot = refused()
    bot.latch.armed = False
    bot.session.halt("the emergency stop is latched")
    assert bot.session.is_over()
    assert [legs for _, legs in wakes(bot, 60)] == [[]] * 30
    assert pages(bot) == []


def test_bot_that_halted_itself_places_stops_and_sells_nothing_until_its_owner_was_called() -> None:
    bot = refused()
    bot.session.halt("an order was found twice")
    assert bot.latch.suspended == "an order was found twice"
    assert not bot.session.is_over()
    legs = [leg for _, each in wakes(bot, 40) for leg in each]
    assert set(legs) == {"stop"}
    assert [each.since for each in pages(bot)] == [NOW]
    assert bot.session.is_over()


def test_bot_that_halted_itself_is_over_once_its_stop_rests() -> None:
    bot = refused()
    bot.session.halt("an order was found twice")
    bot.broker.script = ["accepted"]
    list(wakes(bot, 2))
    assert bot.session.is_over()
    assert resting(bot) == ["stop"]


def test_halted_bot_that_wants_a_target_places_its_stop_alone() -> None:
    """Symptom: the target was refused, for it was halted, and its stop with it."""

    def too_much(approved: Approved) -> Outcome:
        return report(approved.order_id, OrderStatus.FILLED, fill("10.5 @ 100"))

    bot = Bot(too_much, "accepted", by=AIMED)
    bot.step()
    bot.session.settle()
    assert [(each.leg, each.quantity) for each in bot.state.orders.of(BTC)] == [
        (Leg.STOP, d("10.5"))
    ]
    assert bot.session.is_over()


def test_bot_that_leaves_waits_for_its_stop_and_calls_the_owner_where_it_has_none() -> None:
    """Symptom: SIGTERM while the stop's answer was lost: no stop, no call, "keep their stops"."""
    bot = in_doubt()
    assert not bot.session.leave()
    stop = bot.order(Leg.STOP)
    bot.broker.reports[stop.id] = report(stop, OrderStatus.ACCEPTED)
    assert bot.session.leave()
    bot.session.page_left()
    assert pages(bot) == []
    killed = refused()
    killed.latch.armed = False
    assert killed.session.leave(), "what the emergency stop cancels is meant to be"
    killed.session.page_left()
    assert pages(killed) == []
    bare = refused()
    bare.clock.now += 1_000
    assert not bare.session.leave()
    bare.session.page_left()
    assert [each.market for each in pages(bare)] == [BTC]


def test_more_bought_than_asked_for_is_guarded_before_the_halted_bot_ends() -> None:
    """Symptom: an over-fill halted the bot, and what it had bought stayed without a stop."""

    def too_much(approved: Approved) -> Outcome:
        return report(approved.order_id, OrderStatus.FILLED, fill("10.5 @ 100"))

    bot = Bot(too_much, "accepted", by=STOPPED)
    bot.step()
    assert bot.state.trading is TradingState.HALTED
    assert bot.latch.diary.index("latch: suspended") < bot.diary.index("disk: fill_booked")
    bot.session.settle()
    assert bot.order(Leg.STOP).quantity == d("10.5")
    assert bot.session.is_over()
