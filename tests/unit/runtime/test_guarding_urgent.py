"""What makes the bot look again soon, and for how long."""

import pytest

from tests.support.bot import FLAT, Bot
from tests.support.builders import report, rules
from tradebot.errors import ExchangeUnavailable
from tradebot.model.order import Leg, OrderStatus

STOPPED = rules(stop_ppm=50_000)


def bot_after(*script: str) -> Bot:
    """Return a bot that was to enter and guard, answered by the script."""
    bot = Bot(*script, by=STOPPED)
    bot.step()
    return bot


def test_guarded_position_is_no_hurry() -> None:
    bot = bot_after("filled", "accepted")
    assert not bot.session.is_urgent()


def test_bare_position_and_order_in_doubt_are_urgent() -> None:
    assert bot_after("filled", "rejected", "rejected").session.is_urgent()
    assert bot_after("filled", "unknown").session.is_urgent()
    assert bot_after("unknown").session.is_urgent()


@pytest.mark.parametrize("answer", ["unknown", "rejected"])
def test_cancel_that_ended_nothing_is_urgent_for_a_minute(answer: str) -> None:
    bot = bot_after("filled", "accepted")
    bot.broker.cancels = [answer]
    bot.step(exposure=FLAT, hour=2)
    assert bot.session.is_urgent()
    bot.clock.now += 60_000
    assert not bot.session.is_urgent()


def test_cancel_that_was_answered_is_no_hurry() -> None:
    bot = bot_after("filled", "accepted", "filled")
    bot.step(exposure=FLAT, hour=2)
    bot.session.settle()
    assert not bot.session.is_urgent()


def test_market_order_without_its_fills_is_urgent_for_a_minute() -> None:
    bot = bot_after("accepted")
    assert bot.session.is_urgent()
    bot.clock.now += 60_000
    assert not bot.session.is_urgent(), "it waits for its market"


def test_question_that_failed_is_urgent_for_a_minute() -> None:
    bot = bot_after("filled", "accepted")
    bot.broker.is_reachable = False
    for _ in range(2):
        with pytest.raises(ExchangeUnavailable):
            bot.session.settle()
        assert bot.session.is_urgent()
        bot.clock.now += 30_000
    assert not bot.session.is_urgent(), "an outage"
    bot.broker.is_reachable = True
    bot.session.settle()
    bot.broker.is_reachable = False
    with pytest.raises(ExchangeUnavailable):
        bot.session.settle()
    assert bot.session.is_urgent(), "it begins anew"


def test_exchange_that_answers_in_part_is_no_outage() -> None:
    bot = bot_after("filled", "accepted")
    stop = bot.order(Leg.STOP)
    bot.broker.reports[stop.id] = report(stop, OrderStatus.EXPIRED)
    bot.broker.unreachable = {stop.id}
    for _ in range(3):
        with pytest.raises(ExchangeUnavailable):
            bot.session.settle()
        bot.clock.now += 30_000
        assert bot.session.is_urgent(), "the list says that it is gone, and nobody what it filled"
