"""The `ta` library behind array-in, array-out functions of our own names, its traps mended.

Law: no indicator here repaints: cutting the future off changes nothing before the cut.

What is mended: ATR and ADX begin with 0.0 in `ta` (a position sized by an ATR of 0 explodes) and
begin with NaN here; five candles crash `ta`'s ADX and ATR and give NaN here. What is refused: KST
and the "visual" Ichimoku, which `ta` fills with the mean of the whole series, future included.
Sums in `ta` run from the first candle on, so their last digits depend on where history begins:
what decides a trade comes from `forgetful`, or from the rolling extremes here, which are exact.

All arrays are (n,) float64, oldest first; every period must be at least 1, else ValueError.
"""

import numpy as np
import pandas as pd
from ta.momentum import RSIIndicator, StochasticOscillator
from ta.trend import MACD, ADXIndicator, EMAIndicator, SMAIndicator
from ta.volatility import AverageTrueRange, BollingerBands, DonchianChannel

from tradebot.strategies.base import Floats


def check_period(period: int) -> int:
    """Return `period`. Raises ValueError when it is below 1."""
    if period < 1:
        raise ValueError(f"a period of {period} candles: it must be at least 1")
    return period


def sma(values: Floats, period: int) -> Floats:
    """Return the simple mean of the last `period` values; NaN for the first `period - 1`."""
    return _array(SMAIndicator(pd.Series(values), check_period(period)).sma_indicator())


def ema(values: Floats, period: int) -> Floats:
    """Return the exponential mean of weight 2/(period + 1); NaN for the first `period - 1`.

    Seeded with the first value, as `ta` does; TA-Lib seeds with a simple mean, and the two agree
    to nine digits after about nine periods.
    """
    return _array(EMAIndicator(pd.Series(values), check_period(period)).ema_indicator())


def rsi(closes: Floats, period: int) -> Floats:
    """Return Wilder's relative strength index, 0…100; NaN for the first `period`.

    Source: Wilder (1978), New Concepts in Technical Trading Systems, ch. 6.
    """
    values = _array(RSIIndicator(pd.Series(closes), check_period(period)).rsi())
    return _blanked(values, period)


def macd(closes: Floats, fast: int, slow: int, signal: int) -> tuple[Floats, Floats]:
    """Return MACD line and signal line, in price units; NaN for the first `slow - 1` rows of the
    line and the first `slow + signal - 2` of the signal. Raises ValueError unless fast < slow.
    """
    if not check_period(fast) < check_period(slow):
        raise ValueError(f"MACD: fast {fast} must be below slow {slow}")
    both = MACD(pd.Series(closes), slow, fast, check_period(signal))
    return _array(both.macd()), _array(both.macd_signal())


def bollinger(closes: Floats, period: int, width: float) -> tuple[Floats, Floats, Floats]:
    """Return lower band, mean and upper band, `width` population deviations apart, in price
    units; NaN for the first `period - 1`. Source: Bollinger (2001).
    """
    bands = BollingerBands(pd.Series(closes), check_period(period), width)
    return (
        _array(bands.bollinger_lband()),
        _array(bands.bollinger_mavg()),
        _array(bands.bollinger_hband()),
    )


def stochastic(
    highs: Floats, lows: Floats, closes: Floats, period: int, smooth: int
) -> tuple[Floats, Floats]:
    """Return %K, the close's place in the last `period` candles' range, 0…100, and %D, its mean.

    NaN for the first `period - 1` rows of %K and `smooth - 1` more of %D, and where the range is
    empty. %K is exact: extremes and one division. Source: Lane (1984), the fast stochastic.
    """
    both = StochasticOscillator(
        pd.Series(highs), pd.Series(lows), pd.Series(closes), check_period(period),
        check_period(smooth),
    )  # fmt: skip
    return _array(both.stoch()), _array(both.stoch_signal())


def donchian(highs: Floats, lows: Floats, period: int) -> tuple[Floats, Floats]:
    """Return lowest low and highest high of the last `period` candles, this one included, in
    price units; NaN for the first `period - 1`. Exact.
    """
    high, low = pd.Series(highs), pd.Series(lows)
    # `ta` wants closes for its width, which is not read here.
    channel = DonchianChannel(high, low, high, check_period(period))
    return _array(channel.donchian_channel_lband()), _array(channel.donchian_channel_hband())


def true_range(highs: Floats, lows: Floats, closes: Floats) -> Floats:
    """Return the true range of each candle, in price units; NaN for the first, which has no
    close before it. Source: Wilder (1978), ch. 3.
    """
    before = np.concatenate([[np.nan], closes[:-1]])[: closes.size]
    spread = np.maximum(highs, before) - np.minimum(lows, before)
    return np.asarray(spread, dtype=np.float64)


def atr(highs: Floats, lows: Floats, closes: Floats, period: int) -> Floats:
    """Return Wilder's average true range, in price units; NaN for the first `period - 1`.

    `ta` walks row by row in Python (2.4 s for a million rows); `forgetful.atr` does not.
    Source: Wilder (1978), ch. 3.
    """
    if closes.size < check_period(period):
        return np.full(closes.shape, np.nan)
    frame = pd.Series(highs), pd.Series(lows), pd.Series(closes)
    values = _array(AverageTrueRange(*frame, period).average_true_range())
    return _blanked(values, period - 1)


def adx(highs: Floats, lows: Floats, closes: Floats, period: int) -> tuple[Floats, Floats, Floats]:
    """Return the directional movement index ADX, +DI and -DI, each 0…100.

    All three are NaN for the first `2 * period - 1` rows: the least `ta` can work with, and so
    the same in a short history as in a long one. Walks row by row in Python, as `ta` does.
    Source: Wilder (1978), ch. 4.
    """
    if closes.size < 2 * check_period(period):
        nothing = np.full(closes.shape, np.nan)
        return nothing, nothing.copy(), nothing.copy()
    index = ADXIndicator(pd.Series(highs), pd.Series(lows), pd.Series(closes), period)
    each = (index.adx(), index.adx_pos(), index.adx_neg())
    directional, plus, minus = (_blanked(_array(series), 2 * period - 1) for series in each)
    return directional, plus, minus


def _array(series: pd.Series) -> Floats:
    return np.array(series, dtype=np.float64)


def _blanked(values: Floats, rows: int) -> Floats:
    values[:rows] = np.nan
    return values
