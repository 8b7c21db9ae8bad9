"""The emergency sale: in chunks, behind a look at the price, no more than is bought and there."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.support.bot import Bot
from tests.support.builders import BTC, ETH, d, rules
from tradebot.engine.settings import Pace
from tradebot.errors import ExchangeUnavailable
from tradebot.model.order import Approved, Leg
from tradebot.runtime.kill_flatten import sell_all


def _holding(**terms: Decimal) -> Bot:
    """Return a bot that has bought 10 at 100; `terms` change its market."""
    bot = Bot("filled", by=rules())
    bot.step()
    market = replace(bot.state.markets[BTC], **terms)  # type: ignore[arg-type]  # Decimals alone
    bot.session.state = bot.state._replace(markets={BTC: market})
    return bot


def _sold(bot: Bot) -> list[Decimal]:
    return [each.intent.quantity for each in bot.broker.placed if each.intent.leg is Leg.FLATTEN]


def _prices(bot: Bot, *prices: str) -> None:
    """Let the price of each look be the next of these; the last one stands."""
    left = [d(each) for each in prices]

    def last_price(market: str) -> Decimal:
        return left.pop(0) if len(left) > 1 else left[0]

    bot.broker.last_price = last_price  # type: ignore[method-assign]  # a scripted price


def test_position_is_sold_in_five_chunks_each_on_disk_before_it_is_on_the_wire() -> None:
    bot = _holding()
    bot.diary.clear()
    assert bot.flatten() == []
    assert _sold(bot) == [d(2)] * 5
    assert not bot.state.positions[BTC].is_open
    wires = [number for number, word in enumerate(bot.diary) if word == "wire: flatten sell"]
    assert len(wires) == 5
    for number in wires:
        assert bot.diary[number - 4 : number] == [
            "disk: order_intended",
            "tell: order_intended",
            "disk: order_sent",
            "tell: order_sent",
        ]


def test_last_chunk_takes_the_rest() -> None:
    bot = _holding(step=d("0.3"))
    position = replace(bot.state.positions[BTC], quantity=d("9.9"), sellable=d("9.9"))
    bot.session.state = bot.state._replace(positions={BTC: position})
    assert bot.flatten() == []
    assert _sold(bot) == [d("1.8")] * 4 + [d("2.7")]


@pytest.mark.parametrize(
    ("terms", "chunks"),
    [
        ({"notional_min": d(100)}, 5),  # 2 at 100 are twice the minimum
        ({"notional_min": d("100.01")}, 1),
        ({"quantity_min": d(2)}, 5),
        ({"quantity_min": d("2.1")}, 1),
    ],
)
def test_position_too_small_for_chunks_is_sold_at_once(
    terms: dict[str, Decimal], chunks: int
) -> None:
    bot = _holding(**terms)
    assert bot.flatten() == []
    assert len(_sold(bot)) == chunks


def test_price_at_the_collar_is_sold_and_one_step_under_it_is_not() -> None:
    at = _holding()
    _prices(at, "100", "95")
    assert at.flatten() == []
    under = _holding()
    _prices(under, "100", "95", "94.99")
    (problem,) = under.flatten()
    assert _sold(under) == [d(2), d(2)]
    assert "has fallen from 100, the first one read, to 94.99, more than 5 %: 6 are not" in problem


def test_market_that_fell_long_before_is_sold_all_the_same() -> None:
    """The last close is the price of another time: the owner wants to be out at today's."""
    bot = _holding()
    _prices(bot, "50", "49")
    assert bot.flatten("50") == []
    assert not bot.state.positions[BTC].is_open


def test_price_that_rises_stops_nothing() -> None:
    bot = _holding()
    _prices(bot, "100", "300")
    assert bot.flatten() == []


def test_no_more_is_sold_than_the_exchange_holds() -> None:
    bot = _holding()
    bot.broker.coins = {"BTC": d("4.0001")}
    (problem,) = bot.flatten()
    assert sum(_sold(bot)) == d(4)
    assert "the exchange holds 4 BTC, the journal 10" in problem


def test_no_more_is_sold_than_the_bot_bought() -> None:
    bot = _holding()
    bot.broker.coins = {"BTC": d(1000)}
    assert bot.flatten() == []
    assert sum(_sold(bot)) == d(10)


def test_without_a_price_nothing_is_sold_and_the_others_are() -> None:
    bot = Bot("filled", "filled", by=rules(fraction_ppm=400_000), markets=2)
    bot.step_all("100 100")
    bot.price()
    del bot.broker.prices[BTC]
    problems = sell_all(bot.session, bot.rules, now_ms=bot.clock.now)
    assert problems == [f"the exchange cannot be reached; 4 of {BTC} are not sold"]
    assert not bot.state.positions[ETH].is_open


def test_price_that_cannot_be_read_any_more_ends_the_sale_and_says_what_is_left() -> None:
    bot = _holding()

    def vanish(approved: Approved) -> None:
        bot.broker.prices.clear()

    bot.broker.on_place = vanish
    (problem,) = bot.flatten()
    assert _sold(bot) == [d(2)]
    assert problem == f"the exchange cannot be reached; 8 of {BTC} are not sold"


@pytest.mark.parametrize("answer", ["rejected", "unknown"])
def test_chunk_that_is_refused_or_in_doubt_is_the_last_one(answer: str) -> None:
    bot = _holding()
    bot.broker.script = ["filled", answer]
    bot.flatten()
    assert _sold(bot) == [d(2), d(2)]


def test_second_emergency_sale_gives_new_ids() -> None:
    bot = _holding()
    bot.broker.script = ["rejected"]
    bot.flatten()
    bot.flatten()
    ids = [each.order_id for each in bot.broker.placed]
    assert len(ids) == len(set(ids)) == 7
    assert not bot.state.positions[BTC].is_open


def test_exchange_that_cannot_be_asked_for_balances_sells_nothing() -> None:
    bot = _holding()

    def broken() -> dict[str, Decimal]:
        raise ExchangeUnavailable("the exchange cannot be reached")

    bot.broker.balances = broken  # type: ignore[method-assign]  # a scripted answer
    assert bot.flatten() == [f"the exchange cannot be reached; 10 of {BTC} are not sold"]


def test_limit_of_pace_keeps_no_chunk_from_being_sold() -> None:
    bot = Bot("filled", by=rules(pace=Pace(orders_per_minute_max=2, orders_per_hour_max=2)))
    bot.step()
    assert bot.flatten() == []
    assert len(_sold(bot)) == 5
