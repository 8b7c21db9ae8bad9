"""At which price a candle fills an order, one tick beside, at and beyond its price."""

import pytest

from tradebot.engine.rules.fills import (
    limit_buy_fill,
    limit_sell_fill,
    stop_buy_fill,
    stop_sell_fill,
)


@pytest.mark.parametrize(
    ("opened", "low", "sold"),
    [
        (1000, 951, 0),  # one tick above: untouched
        (1000, 950, 950),  # a touch triggers a stop
        (1000, 900, 950),
        (950, 900, 950),
        (940, 900, 940),  # the gap goes through the stop
    ],
)
def test_sell_stop_gets_the_worse_of_stop_and_open(opened: int, low: int, sold: int) -> None:
    assert stop_sell_fill(950, opened, low, 0, 1) == sold


@pytest.mark.parametrize(
    ("opened", "high", "bought"),
    [(1000, 1049, 0), (1000, 1050, 1050), (1000, 1100, 1050), (1060, 1100, 1060)],
)
def test_buy_stop_pays_the_worse_of_stop_and_open(opened: int, high: int, bought: int) -> None:
    assert stop_buy_fill(1050, opened, high, 0, 1) == bought


def test_triggered_stop_pays_the_slippage_too() -> None:
    assert stop_sell_fill(950, 1000, 950, 10_000, 1) == 940  # 9.5 is rounded up to 10
    assert stop_buy_fill(1050, 1000, 1050, 10_000, 1) == 1061  # 10.5 is rounded up to 11
    assert stop_buy_fill(1050, 1000, 1050, 10_000, 5) == 1065


@pytest.mark.parametrize(("high", "sold"), [(1039, 0), (1040, 0), (1041, 1040), (2000, 1040)])
def test_sell_limit_fills_only_when_price_trades_through_it(high: int, sold: int) -> None:
    assert limit_sell_fill(1040, high) == sold


@pytest.mark.parametrize(("low", "bought"), [(961, 0), (960, 0), (959, 960), (1, 960)])
def test_buy_limit_fills_only_when_price_trades_through_it(low: int, bought: int) -> None:
    assert limit_buy_fill(960, low) == bought
