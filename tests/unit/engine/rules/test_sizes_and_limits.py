"""How much to buy and what room a limit leaves, by hand: lots of 10, worth 4 at a price of 1."""

import pytest

from tradebot.engine.rules.limits import loss_floor, risked, room, room_of_equity
from tradebot.engine.rules.sizes import (
    quantity_by_fraction,
    quantity_by_risk,
    quantity_for_cash,
    scaled,
)

LOT, LOT_CASH = 10, 4


@pytest.mark.parametrize(("cash", "quantity"), [(0, 0), (27, 0), (28, 10), (55, 10), (56, 20)])
def test_cash_buys_whole_lots(cash: int, quantity: int) -> None:
    # One lot at 7 costs 28.
    assert quantity_for_cash(cash, 7, LOT, LOT_CASH) == quantity


def test_fraction_of_equity_is_rounded_down_to_whole_lots() -> None:
    # A half of 561 is 280: ten lots of 28. A half of 559 is 279: nine.
    assert quantity_by_fraction(561, 500_000, 7, LOT, LOT_CASH) == 100
    assert quantity_by_fraction(559, 500_000, 7, LOT, LOT_CASH) == 90


@pytest.mark.parametrize(
    ("price", "stop", "quantity"),
    [
        (7, 5, 120),  # 100 may be lost, a lot loses 2 x 4 = 8: twelve lots
        (7, 6, 250),
        (7, 7, 0),  # no distance, no risk to size by
        (7, 8, 0),
    ],
)
def test_risk_buys_what_may_be_lost_at_the_stop(price: int, stop: int, quantity: int) -> None:
    assert quantity_by_risk(10_000, 10_000, price, stop, LOT, LOT_CASH) == quantity


def test_risk_at_the_stop_is_never_more_than_asked() -> None:
    assert quantity_by_risk(799, 10_000, 7, 6, LOT, LOT_CASH) == 10  # 7 may be lost, a lot loses 4
    assert quantity_by_risk(399, 10_000, 7, 6, LOT, LOT_CASH) == 0


def test_exposure_scales_to_whole_lots() -> None:
    assert scaled(100, 1_000_000, LOT) == 100
    assert scaled(100, 550_000, LOT) == 50
    assert scaled(100, 99_999, LOT) == 0


def test_room_is_what_a_limit_still_allows_and_never_negative() -> None:
    assert [room(10, used) for used in (0, 9, 10, 11)] == [10, 1, 0, 0]
    assert room_of_equity(1001, 500_000, 100) == 400  # a half of 1001 is 500
    assert room_of_equity(1000, 500_000, 501) == 0


@pytest.mark.parametrize(
    ("before", "ppm", "floor"),
    # 3 % of 1000 is 30; of 1001 it is 30.03: 31 units lost are at or over it, 30 are not.
    [(1000, 30_000, 970), (1001, 30_000, 970), (1000, 1_000_000, 0), (1, 1, 0), (0, 30_000, 0)],
)
def test_loss_floor_is_the_first_equity_at_or_over_the_limit(
    before: int, ppm: int, floor: int
) -> None:
    assert loss_floor(before, ppm) == floor


@pytest.mark.parametrize(
    ("worth", "price", "stop", "risk"),
    [
        (700, 7, 5, 200),
        (701, 7, 5, 201),  # 200.29, rounded up: a limit holds whatever the rest
        (700, 7, 0, 700),  # no stop: all of it
        (700, 7, 7, 700),
        (700, 7, 6, 100),
        (700, 7, 1, 600),
        (1, 7, 6, 1),  # a seventh of one unit is one
    ],
)
def test_what_a_stop_may_cost_is_rounded_up(
    worth: int, price: int, stop: int, risk: int
) -> None:
    assert risked(worth, price, stop) == risk
