"""Integer fractions and roundings, by hand."""

import pytest

from tradebot.engine.rules.arithmetic import PPM, ceil_to, floor_to, portion, portion_up


@pytest.mark.parametrize(
    ("amount", "ppm", "down", "up"),
    [
        (1_000_000, 1, 1, 1),
        (999_999, 1, 0, 1),
        (1_000_001, 1, 1, 2),
        (100, 500_000, 50, 50),
        (101, 500_000, 50, 51),
        (7, 0, 0, 0),
        (0, 999_999, 0, 0),
        (7, PPM, 7, 7),
        (3, 10 * PPM, 30, 30),  # a target of ten times the entry
        (10**18, 999_999, 999_999 * 10**12, 999_999 * 10**12),
        (10**18 + 1, 999_999, 999_999 * 10**12, 999_999 * 10**12 + 1),
    ],
)
def test_portion_is_rounded_down_and_portion_up_is_rounded_up(
    amount: int, ppm: int, down: int, up: int
) -> None:
    assert portion(amount, ppm) == down
    assert portion_up(amount, ppm) == up


@pytest.mark.parametrize(
    ("amount", "unit", "floor", "ceil"),
    [(0, 5, 0, 0), (1, 5, 0, 5), (4, 5, 0, 5), (5, 5, 5, 5), (6, 5, 5, 10), (7, 1, 7, 7)],
)
def test_amount_is_floored_and_ceiled_to_multiples(
    amount: int, unit: int, floor: int, ceil: int
) -> None:
    assert floor_to(amount, unit) == floor
    assert ceil_to(amount, unit) == ceil
