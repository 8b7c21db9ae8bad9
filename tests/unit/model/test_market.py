"""Markets and their scales: every price, quantity and amount of cash is a whole number of units."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import BTC, candles, d, market
from tradebot.model.market import Scale, asset_decimals, scales

steps = st.sampled_from(["1000", "1", "0.5", "0.1", "0.01", "0.00025", "0.00000001", "1E-12"])
units = st.integers(0, 10**15)


def test_market_has_a_symbol_and_a_name_unique_across_exchanges() -> None:
    made = market("ETH/USDT", exchange="kraken")
    assert (made.symbol, made.name) == ("ETH/USDT", "kraken:ETH/USDT")


@pytest.mark.parametrize(("tick", "step"), [("0", "1"), ("1", "0"), ("-1", "1")])
def test_market_without_a_tick_or_step_is_refused_by_name(tick: str, step: str) -> None:
    with pytest.raises(ValueError, match=rf"^BTC/USDT: tick {tick}\b.*step {step}\b.* above 0$"):
        market(tick=tick, step=step)


def test_scale_of_a_market_by_hand() -> None:
    # A lot of 0.001 BTC is 10^5 satoshi; at a price of one unit (1 USDT) it is worth
    # 0.001 USDT = 10^5 cash units of 10^-8.
    assert scales([market(tick="1", step="0.001")])[BTC] == Scale(
        price_decimals=0,
        quantity_decimals=8,
        cash_decimals=8,
        tick=1,
        lot=10**5,
        lot_cash=10**5,
    )


def test_tick_that_is_no_power_of_ten_is_several_price_units() -> None:
    scale = scales([market(tick="0.25", step="0.5")])[BTC]
    assert (scale.price_decimals, scale.tick, scale.lot) == (2, 25, 5 * 10**7)


def test_cash_is_fine_enough_for_the_finest_price_times_the_finest_lot() -> None:
    scale = scales([market(tick="0.00000001", step="0.00001")])[BTC]
    assert scale.cash_decimals == 13
    assert scale.lot_cash == 1


def test_markets_that_share_a_coin_share_its_unit() -> None:
    fine, coarse = market("BTC/USDT", tick="1E-8", step="1E-4"), market("ETH/USDT")
    assert asset_decimals([fine, coarse]) == {"BTC": 8, "ETH": 8, "USDT": 12}
    shared = scales([coarse, fine])
    assert shared["binance:ETH/USDT"].cash_decimals == shared[BTC].cash_decimals == 12
    # One lot of 0.001 ETH at 1 USDT is 0.001 USDT: 10^9 of the finer cash units.
    assert shared["binance:ETH/USDT"].lot_cash == 10**9


def test_coin_that_is_base_here_and_quote_there_has_one_unit() -> None:
    chained = scales([market("BTC/USDT"), market("ETH/BTC", tick="0.0000001", step="0.0001")])
    eth = chained["binance:ETH/BTC"]
    assert chained[BTC].quantity_decimals == eth.cash_decimals == 11
    assert chained[BTC].lot == 10**8


def test_prices_and_quantities_finer_than_a_unit_are_refused() -> None:
    scale = scales([market()])[BTC]
    with pytest.raises(ValueError, match="more than 0 decimals"):
        scale.price(d("100.5"))
    with pytest.raises(ValueError, match="more than 8 decimals"):
        scale.quantity(d("0.000000001"))


def test_averages_rests_and_balances_are_cut_off() -> None:
    scale = scales([market()])[BTC]
    assert scale.price_down(d("100.9")) == 100
    assert scale.quantity_down(d("0.0000000019")) == 0
    assert scale.cash_down(d("1.000000019")) == 10**8 + 1


@given(steps, steps, units, units)
def test_scale_makes_the_round_trip_exactly(
    tick: str, step: str, prices: int, quantities: int
) -> None:
    scale = scales([market(tick=tick, step=step)])[BTC]
    price, quantity = d(tick) * prices, d(step) * quantities
    assert scale.price_decimal(scale.price(price)) == price
    assert scale.quantity_decimal(scale.quantity(quantity)) == quantity
    cash: Decimal = price * quantity
    assert scale.cash_decimal(scale.cash_down(cash)) == cash, "one lot at one tick is whole cash"


@given(steps, steps, units, units)
def test_cash_of_whole_lots_is_price_times_lots(
    tick: str, step: str, prices: int, lots: int
) -> None:
    scale = scales([market(tick=tick, step=step)])[BTC]
    cash = prices * scale.tick * lots * scale.lot_cash
    assert scale.cash_decimal(cash) == d(tick) * prices * d(step) * lots


def test_candles_of_a_text_open_at_the_close_before_them() -> None:
    """The builders are tested too: everything else leans on them."""
    first, second, late = candles("100 101/110/90/99 - 98")
    assert (first.open, first.high, first.low, first.close) == (100, 100, 100, 100)
    assert (second.open, second.high, second.low, second.close) == (101, 110, 90, 99)
    assert (late.open, late.high, late.low, late.close) == (99, 99, 98, 98)
    assert second.opened_at == first.closed_at
    assert late.opened_at == second.closed_at + 3_600_000
