"""Corners where a position could be left bare, stuck or too large."""

from dataclasses import replace

from tests.support.bot import FLAT, LONG, Bot
from tests.support.builders import BTC, d, fill, intent, market, rules, state_with
from tests.support.tiny_market import TinyMarket
from tradebot.engine.booking import book_fill
from tradebot.engine.risk import review
from tradebot.model.account import Position
from tradebot.model.order import Approved, Leg, OrderStatus, Refused, Side


def test_trailing_stop_without_a_fixed_one_guards_from_the_entry_on() -> None:
    trailing = rules(fraction_ppm=500_000, trailing_ppm=50_000)
    done = TinyMarket("100 100/100/90/92 92", "L L L", trailing).trade()
    # Bought at 100; the stop rests at 95 from then on, not from the next close.
    assert done.orders() == ["T1 entry 100 filled", "T1 stop 95 filled"]


def test_exit_that_the_exchange_refuses_leaves_the_position_protected_again() -> None:
    bot = Bot("filled", "accepted", "rejected", "accepted", by=rules(stop_ppm=50_000))
    bot.step("100", LONG)
    bot.step("101", FLAT, hour=2)
    position = bot.state.positions[BTC]
    assert position.is_open
    resting = [order for order in bot.state.orders.of(BTC) if order.leg is Leg.STOP]
    assert [order.status for order in resting] == [OrderStatus.ACCEPTED]
    assert bot.order(Leg.EXIT).status is OrderStatus.REJECTED


def test_entry_is_no_larger_than_the_exchange_takes() -> None:
    listed = replace(market(), quantity_max=d(2))
    done = TinyMarket("100 100", "L L", rules(fraction_ppm=500_000), listed=listed).trade()
    assert done.fills() == ["T1 buy 2 @ 100 fee 0.002 BTC"]


def test_order_above_the_exchange_maximum_is_refused_by_name() -> None:
    listed = replace(market(), quantity_max=d(2))
    state = state_with(listed, closes={BTC: "100"})
    at_most = review(state, intent("buy 2 BTC @ 100"), rules())
    above = review(state, intent("buy 2.001 BTC @ 100"), rules())
    assert isinstance(at_most, Approved), at_most
    assert isinstance(above, Refused), above
    assert (above.control, above.limit, above.value) == ("quantity_max", 2, d("2.001"))
    assert above.message == "BTC/USDT: order of 2.001 is above the exchange maximum 2"


def test_rest_that_the_exchange_would_not_take_closes_the_position() -> None:
    listed = replace(market(), quantity_min=d("0.5"))
    held, _ = book_fill(listed, Position(), Side.BUY, fill("1 @ 100"))
    left, _ = book_fill(listed, held, Side.SELL, fill("0.6 @ 100"))
    assert (left.quantity, left.sellable, left.is_open) == (d("0.4"), 0, False)
    more, _ = book_fill(listed, left, Side.BUY, fill("1 @ 100"))
    assert (more.quantity, more.sellable) == (d("1.4"), d("1.4"))
