"""The wrapped indicators: against `ta`, against TA-Lib, cut short, too short, and warming up."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import ta.momentum
import ta.trend
import ta.volatility
import talib

from tests.support.frames import from_closes, random_walk
from tradebot.strategies import indicators
from tradebot.strategies.base import Floats

# Past this row the seeds of `ta` and TA-Lib have decayed below nine digits, ADX's (twice smoothed,
# and begun a candle apart) last of all.
SETTLED = 700
FRAME = random_walk(21, 1500)
H, L, C = (FRAME[column].to_numpy() for column in ("high", "low", "close"))
V = FRAME["volume"].to_numpy()

Function = Callable[[Floats, Floats, Floats], Floats]

# name -> ours, TA-Lib's, and how many rows are NaN at first
INDICATORS: dict[str, tuple[Function, Function, int]] = {
    "sma": (
        lambda high, low, close: indicators.sma(close, 20),
        lambda high, low, close: talib.SMA(close, 20),
        19,
    ),
    "ema": (
        lambda high, low, close: indicators.ema(close, 20),
        lambda high, low, close: talib.EMA(close, 20),
        19,
    ),
    "rsi": (
        lambda high, low, close: indicators.rsi(close, 14),
        lambda high, low, close: talib.RSI(close, 14),
        14,
    ),
    "macd line": (
        lambda high, low, close: indicators.macd(close, 12, 26, 9)[0],
        lambda high, low, close: talib.MACD(close, 12, 26, 9)[0],
        25,
    ),
    "macd signal": (
        lambda high, low, close: indicators.macd(close, 12, 26, 9)[1],
        lambda high, low, close: talib.MACD(close, 12, 26, 9)[1],
        33,
    ),
    "bollinger lower": (
        lambda high, low, close: indicators.bollinger(close, 20, 2.0)[0],
        lambda high, low, close: talib.BBANDS(close, 20, 2.0, 2.0)[2],
        19,
    ),
    "bollinger middle": (
        lambda high, low, close: indicators.bollinger(close, 20, 2.0)[1],
        lambda high, low, close: talib.BBANDS(close, 20, 2.0, 2.0)[1],
        19,
    ),
    "bollinger upper": (
        lambda high, low, close: indicators.bollinger(close, 20, 2.0)[2],
        lambda high, low, close: talib.BBANDS(close, 20, 2.0, 2.0)[0],
        19,
    ),
    "stochastic %K": (
        lambda high, low, close: indicators.stochastic(high, low, close, 14, 3)[0],
        lambda high, low, close: talib.STOCHF(high, low, close, 14, 3)[0],
        13,
    ),
    "stochastic %D": (
        lambda high, low, close: indicators.stochastic(high, low, close, 14, 3)[1],
        lambda high, low, close: talib.STOCHF(high, low, close, 14, 3)[1],
        15,
    ),
    "donchian low": (
        lambda high, low, close: indicators.donchian(high, low, 20)[0],
        lambda high, low, close: talib.MIN(low, 20),
        19,
    ),
    "donchian high": (
        lambda high, low, close: indicators.donchian(high, low, 20)[1],
        lambda high, low, close: talib.MAX(high, 20),
        19,
    ),
    "true range": (indicators.true_range, talib.TRANGE, 1),
    "atr": (
        lambda high, low, close: indicators.atr(high, low, close, 14),
        lambda high, low, close: talib.ATR(high, low, close, 14),
        13,
    ),
    "adx": (
        lambda high, low, close: indicators.adx(high, low, close, 14)[0],
        lambda high, low, close: talib.ADX(high, low, close, 14),
        27,
    ),
    "+di": (
        lambda high, low, close: indicators.adx(high, low, close, 14)[1],
        lambda high, low, close: talib.PLUS_DI(high, low, close, 14),
        27,
    ),
    "-di": (
        lambda high, low, close: indicators.adx(high, low, close, 14)[2],
        lambda high, low, close: talib.MINUS_DI(high, low, close, 14),
        27,
    ),
}


@pytest.fixture(params=INDICATORS)
def indicator(request: pytest.FixtureRequest) -> tuple[Function, Function, int]:
    return INDICATORS[request.param]


def test_an_indicator_agrees_with_talib_once_its_seed_is_gone(
    indicator: tuple[Function, Function, int],
) -> None:
    ours, theirs, _ = indicator
    # The scale is the price's: %K and MACD pass through zero, where a relative error says nothing.
    np.testing.assert_allclose(
        ours(H, L, C)[SETTLED:], theirs(H, L, C)[SETTLED:], atol=1e-8, rtol=1e-9
    )


def test_an_indicator_is_nan_until_it_is_warm_and_a_number_after(
    indicator: tuple[Function, Function, int],
) -> None:
    ours, _, blank = indicator
    values = ours(H, L, C)
    assert values.shape == C.shape
    assert values.dtype == np.float64
    assert np.isnan(values[:blank]).all()
    assert np.isfinite(values[blank:]).all()


def test_cutting_the_future_off_an_indicator_changes_no_bit_of_its_past(
    indicator: tuple[Function, Function, int],
) -> None:
    ours = indicator[0]
    whole = ours(H, L, C)
    for cut in (1, 20, 29, 77, 300, 1100, 1499):
        np.testing.assert_array_equal(whole[:cut], ours(H[:cut], L[:cut], C[:cut]))


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 13])
def test_too_few_candles_give_nan_and_no_crash(
    indicator: tuple[Function, Function, int], rows: int
) -> None:
    ours, _, blank = indicator
    values = ours(H[:rows], L[:rows], C[:rows])
    assert values.shape == (rows,)
    assert np.isnan(values[:blank]).all()


def test_an_indicator_leaves_its_input_as_it_was(
    indicator: tuple[Function, Function, int],
) -> None:
    high, low, close = H.copy(), L.copy(), C.copy()
    indicator[0](high, low, close)
    for array, before in ((high, H), (low, L), (close, C)):
        np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize(
    "call",
    [
        lambda: indicators.sma(C, 0),
        lambda: indicators.ema(C, -1),
        lambda: indicators.rsi(C, 0),
        lambda: indicators.macd(C, 0, 26, 9),
        lambda: indicators.macd(C, 12, 26, 0),
        lambda: indicators.bollinger(C, 0, 2.0),
        lambda: indicators.stochastic(H, L, C, 0, 3),
        lambda: indicators.stochastic(H, L, C, 14, 0),
        lambda: indicators.donchian(H, L, 0),
        lambda: indicators.atr(H, L, C, 0),
        lambda: indicators.adx(H, L, C, 0),
    ],
)
def test_a_period_below_one_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="it must be at least 1"):
        call()


def test_a_fast_macd_period_that_is_not_below_the_slow_one_is_refused() -> None:
    with pytest.raises(ValueError, match="MACD: fast 26 must be below slow 26"):
        indicators.macd(C, 26, 26, 9)


def test_a_wrapped_indicator_is_what_ta_says() -> None:
    high, low, close = (FRAME[column].reset_index(drop=True) for column in ("high", "low", "close"))
    pairs = [
        (indicators.sma(V, 20), ta.trend.SMAIndicator(pd.Series(V), 20).sma_indicator()),
        (indicators.ema(C, 20), ta.trend.EMAIndicator(close, 20).ema_indicator()),
        (indicators.rsi(C, 14), ta.momentum.RSIIndicator(close, 14).rsi()),
        (indicators.macd(C, 12, 26, 9)[0], ta.trend.MACD(close).macd()),
        (indicators.macd(C, 12, 26, 9)[1], ta.trend.MACD(close).macd_signal()),
        (
            indicators.bollinger(C, 20, 2.0)[2],
            ta.volatility.BollingerBands(close).bollinger_hband(),
        ),
        (
            indicators.stochastic(H, L, C, 14, 3)[1],
            ta.momentum.StochasticOscillator(high, low, close).stoch_signal(),
        ),
        (
            indicators.donchian(H, L, 20)[0],
            ta.volatility.DonchianChannel(high, low, close).donchian_channel_lband(),
        ),
        (
            indicators.atr(H, L, C, 14),
            ta.volatility.AverageTrueRange(high, low, close).average_true_range(),
        ),
        (indicators.adx(H, L, C, 14)[0], ta.trend.ADXIndicator(high, low, close).adx()),
    ]
    for ours, theirs in pairs:
        warm = ~np.isnan(ours)
        assert warm.sum() > 1400
        np.testing.assert_array_equal(ours[warm], theirs.to_numpy()[warm])


def test_what_ta_warms_up_with_zeros_is_nan_here() -> None:
    """`ta`'s first ATR and ADX are 0.0: a position sized by them divides by zero."""
    high, low, close = (FRAME[column].reset_index(drop=True) for column in ("high", "low", "close"))
    assert ta.volatility.AverageTrueRange(high, low, close).average_true_range()[0] == 0.0
    assert ta.trend.ADXIndicator(high, low, close).adx()[0] == 0.0
    assert np.isnan(indicators.atr(H, L, C, 14)[0])
    assert np.isnan(indicators.adx(H, L, C, 14)[0][0])


def test_the_indicators_of_ta_that_repaint_are_not_offered() -> None:
    """KST fills its first rows with the mean of the whole series, so the future moves the past."""
    whole = ta.trend.KSTIndicator(pd.Series(C)).kst().to_numpy()
    part = ta.trend.KSTIndicator(pd.Series(C[:1000])).kst().to_numpy()
    assert not np.array_equal(whole[:1000], part, equal_nan=True)
    offered = [name for name in vars(indicators) if "kst" in name.lower() or "ichi" in name.lower()]
    assert offered == []


def test_stochastic_has_no_value_where_nothing_moves() -> None:
    flat = from_closes([5.0] * 30)["close"].to_numpy()
    k, d = indicators.stochastic(flat, flat, flat, 14, 3)
    assert np.isnan(k).all()
    assert np.isnan(d).all()
