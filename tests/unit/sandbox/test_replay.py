"""Candles become markets whose rules fit them, without moving a price."""

from decimal import Decimal

import numpy as np
import pytest

from tests.support.builders import HOUR, START, d
from tests.support.shared_data import BTC_1H, DOGE_1M, candle_file
from tradebot.candles import CandleTable
from tradebot.errors import ConfigError
from tradebot.sandbox.replay import market_for, open_book


def table(prices: list[float], symbol: str = "BTC/USDT") -> CandleTable:
    """Return hourly candles that open and close at the same price."""
    column = np.array(prices)
    opened_at = START + HOUR * np.arange(len(prices))
    return CandleTable(symbol, HOUR, opened_at, column, column, column, column, column)


@pytest.mark.parametrize(
    ("prices", "tick", "step"),
    [
        ([20000.01, 20000.0, 30000.0], "0.01", "0.00001"),  # 0.2 a step
        ([9.5, 9.25], "0.01", "0.1"),
        ([0.197, 0.19701], "0.00001", "1"),  # never above 1
        ([0.00001234], "0.00000001", "1"),
        ([123.456789], "0.000001", "0.01"),  # 0.001 would make nine decimals together
        ([42000.0], "1", "0.00001"),
    ],
)
def test_tick_is_the_datas_and_a_step_is_worth_about_half_a_coin(
    prices: list[float], tick: str, step: str
) -> None:
    market = market_for("BTC/USDT", table(prices))
    assert (market.tick, market.step) == (d(tick), d(step))
    assert (market.quantity_min, market.notional_min) == (market.step, 5)


@pytest.mark.parametrize("name", [BTC_1H, DOGE_1M])
def test_real_candles_are_listed_to_the_last_digit(name: str) -> None:
    from tradebot.adapters.candle_files import read_candles

    candles = read_candles(candle_file(name))
    market = market_for(candles.symbol, candles)
    made = open_book([(market, candles)], {"USDT": d(100)}, slippage_ppm=0, now=0)
    listing = made.listings[candles.symbol]
    for row in (0, len(candles) // 2, len(candles) - 1):
        assert listing.scale.price_decimal(listing.high[row]) == Decimal(
            repr(candles.high[row].item())
        )
        assert listing.opened_at[row] == candles.opened_at[row]
        assert type(listing.close[row]) is int


def test_cash_is_counted_in_the_coins_units() -> None:
    candles = table([100.0])
    made = open_book(
        [(market_for("BTC/USDT", candles), candles)],
        {"USDT": d("0.00000001")},
        slippage_ppm=0,
        now=0,
    )
    assert made.free == {"USDT": 1, "BTC": 0}


@pytest.mark.parametrize(
    ("cash", "message"),
    [
        ({"GBP": "1"}, "no market here trades GBP"),
        ({"USDT": "-1"}, "USDT: -1 is below 0"),
        ({"USDT": "0.000000001"}, "USDT: 0.000000001 has more than 8 decimals"),
    ],
)
def test_cash_that_cannot_be_is_refused_by_name(cash: dict[str, str], message: str) -> None:
    candles = table([100.0])
    pairs = [(market_for("BTC/USDT", candles), candles)]
    with pytest.raises(ConfigError) as caught:
        open_book(pairs, {coin: d(text) for coin, text in cash.items()}, slippage_ppm=0, now=0)
    assert caught.value.message == message


def test_market_listed_twice_or_without_candles_is_refused() -> None:
    candles = table([100.0])
    pair = (market_for("BTC/USDT", candles), candles)
    with pytest.raises(ConfigError, match="BTC/USDT is listed twice"):
        open_book([pair, pair], {}, slippage_ppm=0, now=0)
    with pytest.raises(ConfigError, match="there are no candles"):
        market_for("BTC/USDT", table([]))
    with pytest.raises(ConfigError, match="'BTCUSDT' is not a market"):
        market_for("BTCUSDT", candles)
