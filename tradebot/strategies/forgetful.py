"""Indicators that decide: bit for bit the same from the last few candles as from all of history.

Law: row i is one fixed tree of additions over rows i-depth+1…i, and reads nothing else.

Why not the running sums of pandas (and so of `ta`): they carry every candle since the first, so
the last bits, and after a crash of the price far more than the last bits, depend on where the
history begins. A backtest begins years ago and a live bot some hundred candles ago; on an exact
tie (real candles have them) the two would trade differently. Here an exponential mean is cut
where its weights have fallen to 1e-12 of the whole: the same number to twelve digits, with a
last candle that matters. The tests tie every function to `ta` and to TA-Lib.

All arrays are (n,) float64, oldest first; results are NaN for the first `depth - 1` rows, and
all NaN when there are fewer rows than that. Every period must be at least 1, else ValueError.
"""

import math
from collections.abc import Callable

import numpy as np

from tradebot.strategies.base import Bools, Floats
from tradebot.strategies.indicators import check_period, true_range

# What is left of an exponential mean's weights when it is cut.
RESIDUAL = 1e-12
# Relative: far above the rounding of these functions (1e-15), and below the smallest step that a
# mean of real prices can make (BTC at 100,000: a tick of 0.01 over 100 candles is 1e-9).
TIE = 1e-11

# (k, n) numbers of the older and the newer windows, and their lengths -> of the joined windows.
Merge = Callable[[Floats, Floats, int, int], Floats]


def above(left: Floats, right: Floats | float) -> Bools:
    """Return where `left` is above `right` by more than rounding; a tie or a NaN is not above."""
    return np.asarray(left - right > TIE * np.maximum(np.abs(left), np.abs(right)), dtype=np.bool_)


def below(left: Floats, right: Floats | float) -> Bools:
    """Return where `left` is below `right` by more than rounding; a tie or a NaN is not below."""
    return np.asarray(right - left > TIE * np.maximum(np.abs(left), np.abs(right)), dtype=np.bool_)


def mean(values: Floats, period: int) -> Floats:
    """Return the mean of the last `period` values; depth `period`."""
    return _decayed_sum(values, keep=1.0, depth=check_period(period)) / period


def deviation(values: Floats, period: int) -> Floats:
    """Return the population standard deviation of the last `period` values; depth `period`.

    Source: Chan, Golub, LeVeque (1979): pairs of means and squares merge without cancellation,
    so equal values give exactly 0.
    """
    moments = np.stack([values, np.zeros_like(values)])
    squares = _over_windows(moments, check_period(period), _merge_moments)[1]
    return np.asarray(np.sqrt(squares / period), dtype=np.float64)


def ema(values: Floats, period: int) -> Floats:
    """Return the exponential mean with weight 2/(period + 1); depth `ema_depth(period)`."""
    return _exponential_mean(values, 2.0 / (check_period(period) + 1))


def ema_depth(period: int) -> int:
    """Return how many candles `ema` reads."""
    return _depth(2.0 / (check_period(period) + 1))


def wilder(values: Floats, period: int) -> Floats:
    """Return Wilder's mean, of weight 1/period; depth `wilder_depth(period)`."""
    return _exponential_mean(values, 1.0 / check_period(period))


def wilder_depth(period: int) -> int:
    """Return how many values `wilder` reads."""
    return _depth(1.0 / check_period(period))


def rsi(closes: Floats, period: int) -> Floats:
    """Return Wilder's relative strength index, 0…100; depth `rsi_depth(period)`.

    NaN where no close moved at all: there is no strength to compare. Source: Wilder (1978).
    """
    moves = np.diff(closes, prepend=np.nan)
    gains = wilder(np.maximum(moves, 0.0), period)
    losses = wilder(np.maximum(-moves, 0.0), period)
    moved = gains + losses
    index = np.full(closes.shape, np.nan)
    np.divide(100.0 * gains, moved, out=index, where=moved > 0.0)
    return index


def rsi_depth(period: int) -> int:
    """Return how many closes `rsi` reads."""
    return wilder_depth(period) + 1


def macd(closes: Floats, fast: int, slow: int, signal: int) -> tuple[Floats, Floats]:
    """Return MACD line and signal line, in price units; depth `macd_depth(...)`."""
    line = ema(closes, fast) - ema(closes, slow)
    return line, ema(line, signal)


def macd_depth(fast: int, slow: int, signal: int) -> int:
    """Return how many closes the signal line of `macd` reads."""
    return max(ema_depth(fast), ema_depth(slow)) + ema_depth(signal) - 1


def atr(highs: Floats, lows: Floats, closes: Floats, period: int) -> Floats:
    """Return Wilder's average true range, in price units; depth `atr_depth(period)`."""
    return wilder(true_range(highs, lows, closes), period)


def atr_depth(period: int) -> int:
    """Return how many candles `atr` reads."""
    return wilder_depth(period) + 1


def _depth(weight: float) -> int:
    if weight >= 1.0:
        return 1
    return math.ceil(math.log(RESIDUAL) / math.log1p(-weight))


def _exponential_mean(values: Floats, weight: float) -> Floats:
    depth = _depth(weight)
    keep = 1.0 - weight
    # Divided by the sum of the weights, so that the cut leaves a mean of equal values alone.
    scale: float = weight / (1.0 - math.pow(keep, depth))
    return _decayed_sum(values, keep=keep, depth=depth) * scale


def _decayed_sum(values: Floats, *, keep: float, depth: int) -> Floats:
    """Return the sum over k < depth of keep**k * values[i - k]."""

    def merge(older: Floats, newer: Floats, _older_size: int, newer_size: int) -> Floats:
        return newer + math.pow(keep, newer_size) * older

    sums: Floats = _over_windows(values[np.newaxis], depth, merge)[0]
    return sums


def _merge_moments(older: Floats, newer: Floats, older_size: int, newer_size: int) -> Floats:
    size = older_size + newer_size
    gap = newer[0] - older[0]
    means = older[0] + gap * (newer_size / size)
    squares = older[1] + newer[1] + gap * gap * (older_size * newer_size / size)
    return np.stack([means, squares])


def _over_windows(values: Floats, depth: int, merge: Merge) -> Floats:
    """Return `values` (k, n) merged over every window of `depth` rows, as (k, n).

    Windows of 1, 2, 4 … rows are merged from two halves, and `depth` from its binary digits:
    n log(depth) operations, no loop over rows, and each row's tree is the same in any history.
    """
    count = values.shape[1]
    result = np.full(values.shape, np.nan)
    if count < depth:
        return result
    # Column j of each is the window that begins at row j.
    block, block_size = values, 1
    total, total_size = values[:, :0], 0
    while True:
        if depth & block_size:
            if total_size == 0:
                total = block
            else:
                columns = count - (total_size + block_size) + 1
                older, newer = block[:, :columns], total[:, block_size : block_size + columns]
                total = merge(older, newer, block_size, total_size)
            total_size += block_size
        if total_size == depth:
            break
        columns = count - 2 * block_size + 1
        older, newer = block[:, :columns], block[:, block_size : block_size + columns]
        block = merge(older, newer, block_size, block_size)
        block_size *= 2
    result[:, depth - 1 :] = total
    return result
