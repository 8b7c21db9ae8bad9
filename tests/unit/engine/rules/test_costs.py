"""What a trade costs, by hand."""

import pytest

from tradebot.engine.rules.costs import (
    affordable_cash,
    buy_price,
    fee,
    kept,
    notional,
    sell_price,
    sellable,
)


@pytest.mark.parametrize(
    ("price", "quantity", "worth"),
    [
        (7, 30, 7 * 3 * 4),  # three lots of 10 at 7, one lot at a price of 1 being 4 cash units
        (7, 0, 0),
        (7, 35, 7 * 3 * 4 + 14),  # the half lot is worth 7 * 5 * 4 // 10 = 14
        (1, 1, 0),  # a tenth of a lot at 1: 0.4 cash units, rounded down
        (1, 39, 12 + 3),  # 9 * 4 // 10 = 3, not 3.6
    ],
)
def test_notional_is_exact_for_whole_lots_else_rounded_down(
    price: int, quantity: int, worth: int
) -> None:
    assert notional(price, quantity, 10, 4) == worth


@pytest.mark.parametrize(
    ("price", "slippage_ppm", "tick", "bought", "sold"),
    [
        (1000, 0, 1, 1000, 1000),
        (1000, 1000, 1, 1001, 999),
        (1000, 1, 1, 1001, 999),  # less than a tick is a whole tick
        (1001, 1000, 1, 1003, 999),  # 1.001 is rounded up to 2
        (1000, 1000, 5, 1005, 995),
        (1002, 0, 5, 1005, 1000),  # off the grid: against us
        (3, 900_000, 5, 10, 5),  # never below one tick
        (1, 1_000_000, 1, 2, 1),
    ],
)
def test_slippage_is_against_us_to_the_tick(
    price: int, slippage_ppm: int, tick: int, bought: int, sold: int
) -> None:
    assert buy_price(price, slippage_ppm, tick) == bought
    assert sell_price(price, slippage_ppm, tick) == sold


def test_fee_is_rounded_up() -> None:
    assert fee(1000, 1000) == 1
    assert fee(1001, 1000) == 2
    assert fee(1, 1) == 1
    assert fee(0, 1000) == 0
    assert fee(1000, 0) == 0


def test_reserve_is_rounded_up_and_never_spent() -> None:
    assert affordable_cash(1000, 10_000) == 990
    assert affordable_cash(1001, 10_000) == 990  # 10.01 are kept as 11
    assert affordable_cash(1000, 0) == 1000
    assert affordable_cash(1000, 1_000_000) == 0
    assert affordable_cash(0, 10_000) == 0


def test_sellable_is_whole_lots() -> None:
    assert [sellable(held, 10) for held in (0, 9, 10, 19, 20)] == [0, 0, 10, 10, 20]


def test_buy_keeps_whole_lots_after_a_fee_in_base() -> None:
    # A fee of one thousandth breaks the last lot of 10; none keeps them all.
    assert [kept(bought, 1000, 10) for bought in (0, 10, 20, 10_010, 10_020)] == [
        0, 0, 10, 9990, 10_000,
    ]  # fmt: skip
    assert [kept(bought, 0, 10) for bought in (0, 10, 20)] == [0, 10, 20]
