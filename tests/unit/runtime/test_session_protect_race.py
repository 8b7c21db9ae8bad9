"""A sale by signal cancels the stop first; where the stop fills meanwhile, the fill wins.

10 are bought at 100, and the stop fills at 95.
"""

from decimal import Decimal

from tests.support.bot import FLAT, NOW, Bot
from tests.support.builders import BTC, HOUR, d, fill, report, rules
from tradebot.model.order import Leg, Order, OrderStatus, Outcome

STOPPED = rules(stop_ppm=50_000)


def guarded() -> Bot:
    bot = Bot("filled", "accepted", by=STOPPED)
    bot.step()
    return bot


def sold(bot: Bot, quantity: str, status: OrderStatus) -> None:
    """Let the exchange tell that the stop has sold so much."""
    stop = bot.order(Leg.STOP)
    told = report(stop, status, fill(f"{quantity} @ 95", trade_id="stop", at=NOW + HOUR))
    bot.broker.reports[stop.id] = told


def settled(bot: Bot) -> None:
    bot.clock.now += 2_000
    bot.session.settle()


def exits(bot: Bot) -> list[Decimal]:
    """Return how much each sale at the market was to sell."""
    placed = [each.intent for each in bot.broker.placed]
    return [each.quantity for each in placed if each.leg is Leg.EXIT]


def test_cancel_that_answers_filled_leaves_nothing_to_sell() -> None:
    bot = guarded()

    def filled(stop: Order) -> Outcome:
        return report(stop, OrderStatus.FILLED, fill("10 @ 95", trade_id="stop"))

    bot.broker.cancels = [filled]
    bot.step(exposure=FLAT, hour=2)
    assert exits(bot) == []
    assert bot.state.balances == {"USDT": d(950), "BTC": d(0)}


def test_refused_cancel_of_a_part_filled_stop_leaves_the_rest_to_the_stop() -> None:
    bot = guarded()
    sold(bot, "4", OrderStatus.PARTIAL)
    bot.broker.cancels = ["rejected", "rejected"]
    bot.step(exposure=FLAT, hour=2)
    assert exits(bot) == []
    assert bot.order(Leg.STOP).status is OrderStatus.PARTIAL
    assert bot.state.positions[BTC].sellable == d(6)
    sold(bot, "4", OrderStatus.CANCELLED)
    settled(bot)
    assert exits(bot) == [d(6)], "its end was told late; the signal's sale is of what is left"
    assert bot.state.balances == {"USDT": d(980), "BTC": d(0)}


def test_unknown_cancel_of_a_filled_stop_sells_nothing() -> None:
    bot = guarded()
    bot.broker.cancels = ["unknown"]
    bot.step(exposure=FLAT, hour=2)
    sold(bot, "10", OrderStatus.FILLED)
    settled(bot)
    assert exits(bot) == []
    assert bot.state.balances == {"USDT": d(950), "BTC": d(0)}


def test_unknown_cancel_of_a_part_filled_stop_sells_the_rest_once_it_is_told() -> None:
    bot = guarded()
    bot.broker.cancels = ["unknown"]
    bot.step(exposure=FLAT, hour=2)
    sold(bot, "4", OrderStatus.CANCELLED)
    settled(bot)
    assert exits(bot) == [d(6)]
    assert bot.state.balances == {"USDT": d(980), "BTC": d(0)}


def test_unknown_cancel_that_came_to_nothing_leaves_the_stop_in_charge_until_it_works() -> None:
    bot = guarded()
    bot.broker.cancels = ["unknown", "unknown"]
    bot.step(exposure=FLAT, hour=2)
    settled(bot)
    assert exits(bot) == []
    (stop,) = bot.state.orders.of(BTC)
    assert (stop.leg, stop.status) == (Leg.STOP, OrderStatus.ACCEPTED)
    bot.clock.now += 10_000
    settled(bot)
    assert exits(bot) == [d(10)]

