"""What a fill does to balances and position: three fee modes, round trips, remainders, by hand."""

from decimal import Decimal

import pytest

from tests.support.builders import d, fill, market, position
from tradebot.engine.booking import book_fill
from tradebot.model.account import Position
from tradebot.model.order import Side


def _changes(**coins: str) -> dict[str, Decimal]:
    return {coin: d(text) for coin, text in coins.items()}


@pytest.mark.parametrize(
    ("fee", "changes", "quantity", "cost"),
    [
        ("0.002 BTC", _changes(BTC="1.998", USDT="-200"), "1.998", "200"),
        ("0.2 USDT", _changes(BTC="2", USDT="-200.2"), "2", "200.2"),
        ("0.01 BNB", _changes(BTC="2", USDT="-200", BNB="-0.01"), "2", "200"),
    ],
)
def test_buy_of_2_at_100(fee: str, changes: dict[str, Decimal], quantity: str, cost: str) -> None:
    held, changed = book_fill(market(), Position(), Side.BUY, fill(f"2 @ 100 fee {fee}", at=7))
    assert changed == changes
    assert (held.quantity, held.sellable, held.bought) == (d(quantity), d(quantity), d(2))
    assert held.cost == d(cost)
    assert (held.entry_notional, held.entry_price, held.opened_at) == (d(200), d(100), 7)


@pytest.mark.parametrize(
    ("fee", "changes", "quantity", "proceeds"),
    [
        ("0.001 BTC", _changes(BTC="-1.001", USDT="110"), "0.999", "110"),
        ("0.11 USDT", _changes(BTC="-1", USDT="109.89"), "1", "109.89"),
        ("0.01 BNB", _changes(BTC="-1", USDT="110", BNB="-0.01"), "1", "110"),
    ],
)
def test_sale_of_1_at_110(
    fee: str, changes: dict[str, Decimal], quantity: str, proceeds: str
) -> None:
    held, changed = book_fill(
        market(), position("2 @ 100"), Side.SELL, fill(f"1 @ 110 fee {fee}", at=9)
    )
    assert changed == changes
    assert (held.quantity, held.sold, held.proceeds) == (d(quantity), d(1), d(proceeds))
    assert (held.bought, held.cost, held.entry_price) == (d(2), d(200), d(100))
    assert held.opened_at != 9, "a sale opens nothing"


def test_entry_price_is_weighted_by_volume_before_fees() -> None:
    held = position("1 @ 100", opened_at=5)
    held, _ = book_fill(market(), held, Side.BUY, fill("3 @ 120 fee 0.003 BTC", at=6))
    assert (held.entry_price, held.bought, held.opened_at) == (d(115), d(4), 5)


def test_rest_under_one_lot_is_not_sellable_and_joins_the_next_round_trip() -> None:
    held, _ = book_fill(market(), Position(), Side.BUY, fill("1 @ 100 fee 0.0015 BTC", at=1))
    assert (held.quantity, held.sellable) == (d("0.9985"), d("0.998"))
    held, _ = book_fill(market(), held, Side.SELL, fill("0.998 @ 110", at=2))
    assert (held.quantity, held.sellable, held.is_open) == (d("0.0005"), d(0), False)
    assert (held.sold, held.proceeds) == (d("0.998"), d("109.78"))

    held, _ = book_fill(market(), held, Side.BUY, fill("1 @ 200", at=3))
    assert (held.quantity, held.sellable) == (d("1.0005"), d(1))
    assert (held.bought, held.cost, held.sold, held.proceeds) == (d(1), d(200), d(0), d(0))
    assert (held.entry_price, held.opened_at, held.stop) == (d(200), 3, d(0))


def test_stop_belongs_to_its_round_trip() -> None:
    held = position("1 @ 100", stop="95")
    partly, _ = book_fill(market(), held, Side.SELL, fill("0.4 @ 96"))
    assert partly.stop == d(95)
    more, _ = book_fill(market(), partly, Side.BUY, fill("0.4 @ 96"))
    assert more.stop == d(95)
    flat, _ = book_fill(market(), more, Side.SELL, fill("1 @ 96"))
    again, _ = book_fill(market(), flat, Side.BUY, fill("1 @ 96"))
    assert again.stop == d(0)


def test_fee_beyond_what_is_held_leaves_nothing_sellable() -> None:
    held, _ = book_fill(market(), position("1 @ 100"), Side.SELL, fill("1 @ 100 fee 0.001 BTC"))
    assert (held.quantity, held.sellable, held.is_open) == (d("-0.001"), d(0), False)
