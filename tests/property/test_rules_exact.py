"""The integer rules against exact fractions: what they round, and in which direction."""

from fractions import Fraction
from math import ceil, floor

from hypothesis import given
from hypothesis import strategies as st

from tradebot.engine.rules import arithmetic, costs, exits, limits, sizes
from tradebot.engine.rules import fills as fill_rules

amounts = st.integers(0, 2**62)
prices = st.integers(1, 10**9)
parts = st.integers(0, 1_000_000)
ticks = st.integers(1, 10**4)
lots = st.integers(1, 10**6)
cashes = st.integers(1, 10**6)


def part(amount: int, ppm: int) -> Fraction:
    """Return the exact part."""
    return amount * Fraction(ppm, 1_000_000)


def on_grid_up(value: Fraction, unit: int) -> int:
    """Return the smallest multiple of `unit` not below `value`."""
    return ceil(value / unit) * unit


def on_grid_down(value: Fraction, unit: int) -> int:
    """Return the largest multiple of `unit` not above `value`."""
    return floor(value / unit) * unit


@given(amounts, st.integers(0, 10_000_000))
def test_portion_is_the_floor_and_portion_up_the_ceiling(amount: int, ppm: int) -> None:
    assert arithmetic.portion(amount, ppm) == floor(part(amount, ppm))
    assert arithmetic.portion_up(amount, ppm) == ceil(part(amount, ppm))


@given(amounts, lots)
def test_grids_are_floor_and_ceiling(amount: int, unit: int) -> None:
    assert arithmetic.floor_to(amount, unit) == on_grid_down(Fraction(amount), unit)
    assert arithmetic.ceil_to(amount, unit) == on_grid_up(Fraction(amount), unit)


@given(prices, st.integers(0, 10**9), lots, cashes)
def test_notional_is_the_floor_of_price_times_quantity(
    price: int, quantity: int, lot: int, lot_cash: int
) -> None:
    exact = Fraction(price * quantity * lot_cash, lot)
    assert costs.notional(price, quantity, lot, lot_cash) == floor(exact)


@given(prices, st.integers(0, 10**6), lots, cashes)
def test_notional_of_whole_lots_is_exact(price: int, count: int, lot: int, lot_cash: int) -> None:
    assert costs.notional(price, count * lot, lot, lot_cash) == price * count * lot_cash


@given(prices, parts, ticks)
def test_slipped_prices_are_on_the_grid_and_never_better_than_exact(
    price: int, ppm: int, tick: int
) -> None:
    # The slippage itself is a whole unit of price before it meets the grid.
    slip = ceil(part(price, ppm))
    assert costs.buy_price(price, ppm, tick) == on_grid_up(Fraction(price + slip), tick)
    assert costs.sell_price(price, ppm, tick) == max(
        tick, on_grid_down(Fraction(price - slip), tick)
    )


@given(amounts, parts)
def test_fee_and_reserve_are_rounded_against_the_owner(amount: int, ppm: int) -> None:
    assert costs.fee(amount, ppm) == ceil(part(amount, ppm))
    assert costs.affordable_cash(amount, ppm) == floor(amount - part(amount, ppm))


@given(amounts, parts, lots)
def test_buy_keeps_the_whole_lots_after_the_exact_fee(amount: int, ppm: int, lot: int) -> None:
    assert costs.kept(amount, ppm, lot) == on_grid_down(amount - part(amount, ppm), lot)


@given(prices, parts, ticks)
def test_stop_is_the_first_tick_not_under_the_exact_one(entry: int, ppm: int, tick: int) -> None:
    asked = on_grid_up(Fraction(ceil(entry - part(entry, ppm))), tick)
    stop = exits.stop_price(entry, ppm, tick)
    assert stop % tick == 0
    assert stop >= tick
    assert stop == max(tick, min(asked, exits.below(entry, tick)))
    assert stop < entry or entry <= tick


@given(prices, st.integers(0, 10_000_000), ticks)
def test_target_is_the_first_tick_not_under_the_exact_one(entry: int, ppm: int, tick: int) -> None:
    target = exits.target_price(entry, ppm, tick)
    assert target == on_grid_up(Fraction(ceil(entry + part(entry, ppm))), tick)


@given(st.lists(prices, min_size=1, max_size=20), parts, ticks)
def test_trailing_stop_never_falls_and_is_the_highs_best(
    highs: list[int], ppm: int, tick: int
) -> None:
    stop, before = 0, 0
    for high in highs:
        stop = exits.trailed_stop(stop, high, ppm, tick)
        assert stop >= before
        before = stop
    assert stop == max(exits.stop_price(high, ppm, tick) for high in highs)


@given(amounts, parts, prices, lots, cashes)
def test_quantity_is_the_most_whole_lots_that_the_cash_pays(
    equity: int, ppm: int, price: int, lot: int, lot_cash: int
) -> None:
    cash = floor(part(equity, ppm))
    quantity = sizes.quantity_by_fraction(equity, ppm, price, lot, lot_cash)
    assert quantity % lot == 0
    assert costs.notional(price, quantity, lot, lot_cash) <= cash
    assert costs.notional(price, quantity + lot, lot, lot_cash) > cash


@given(amounts, parts, prices, prices, lots, cashes)
def test_quantity_by_risk_loses_at_most_the_risk_and_one_lot_more_would_not(
    equity: int, ppm: int, price: int, stop: int, lot: int, lot_cash: int
) -> None:
    quantity = sizes.quantity_by_risk(equity, ppm, price, stop, lot, lot_cash)
    if stop >= price:
        assert quantity == 0
        return
    loss_of_lot, allowed = (price - stop) * lot_cash, part(equity, ppm)
    assert quantity // lot * loss_of_lot <= allowed
    assert (quantity // lot + 1) * loss_of_lot > floor(allowed)


@given(amounts, parts)
def test_limit_on_losses_trips_at_its_value_and_not_a_unit_before(before: int, ppm: int) -> None:
    floor_ = limits.loss_floor(before, ppm)
    assert before - floor_ >= part(before, ppm)
    assert before - (floor_ + 1) < part(before, ppm)


@given(amounts, prices, prices)
def test_what_a_stop_may_cost_is_never_understated(worth: int, price: int, stop: int) -> None:
    risk = limits.risked(worth, price, stop)
    if stop >= price:
        assert risk == worth
        return
    exact = Fraction(worth * (price - stop), price)
    assert exact <= risk < exact + 1


@given(st.integers(0, 10**6), parts, lots)
def test_exposure_only_lowers_a_quantity(count: int, ppm: int, lot: int) -> None:
    quantity = count * lot
    assert sizes.scaled(quantity, ppm, lot) == on_grid_down(part(quantity, ppm), lot)


@given(amounts, parts, amounts)
def test_room_is_the_floor_of_the_limit_less_what_is_used(
    equity: int, ppm: int, used: int
) -> None:
    assert limits.room_of_equity(equity, ppm, used) == max(0, floor(part(equity, ppm)) - used)


@given(prices, prices, prices, parts, ticks)
def test_no_fill_is_ever_better_than_the_order_asked(
    level: int, opened: int, extreme: int, ppm: int, tick: int
) -> None:
    level = level * tick  # every order's price is on the grid
    low, high = min(opened, extreme), max(opened, extreme)
    sold = fill_rules.stop_sell_fill(level, opened, low, ppm, tick)
    bought = fill_rules.stop_buy_fill(level, opened, high, ppm, tick)
    assert (sold == 0) == (low > level)
    assert (bought == 0) == (high < level)
    assert sold <= max(tick, min(level, opened))
    assert bought == 0 or bought >= max(level, opened)
    assert fill_rules.limit_sell_fill(level, high) in (0, level)
    assert fill_rules.limit_buy_fill(level, low) in (0, level)
    assert (fill_rules.limit_sell_fill(level, high) == level) == (high > level)
    assert (fill_rules.limit_buy_fill(level, low) == level) == (low < level)
