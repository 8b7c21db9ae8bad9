"""The mean true range of candles, by which entries may be sized: integers, alike live and replayed.

Source of the true range: Wilder (1978), New Concepts in Technical Trading Systems. Its plain mean
is taken, not Wilder's running one: that depends on how far back the candles go.
"""

import numpy as np

from tradebot.candles import CandleTable


def mean_ranges(table: CandleTable, count: int, decimals: int) -> list[int]:
    """Return the mean true range of `count` candles up to each one, in price units; 0 = too few.

    Rounded up, as a wider range buys less. Raises DataError for a price finer than `decimals`.
    """
    rows = len(table)
    if not count or rows <= count:
        return [0] * rows
    _, high, low, close = table.price_units(decimals)
    before = close[:-1]
    ranges = np.maximum(high[1:], before) - np.minimum(low[1:], before)
    sums = np.concatenate([[0], np.cumsum(ranges)])
    means = -((sums[:-count] - sums[count:]) // count)
    return [0] * count + [int(each) for each in means]
