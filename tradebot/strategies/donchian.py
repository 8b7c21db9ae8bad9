"""Follow breakouts: in above the highest high of many candles, out below the lowest low of few."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradebot.strategies import indicators
from tradebot.strategies.base import Explanation, Floats, Strategy
from tradebot.strategies.params import param


@dataclass(frozen=True, slots=True)
class DonchianParams:
    """How many candles before the current one the two channels look back."""

    entry: int = param(20, 2, 500, 1)
    exit: int = param(10, 2, 500, 1)


class Donchian(Strategy):
    """1.0 on a close above the entry channel, 0.0 on one below the exit channel, else hold.

    Source: Richard Donchian's four-week rule, with the shorter exit of the Turtle traders.
    """

    name = "donchian"
    Params = DonchianParams

    def warmup(self, params: DonchianParams) -> int:
        """Return the longer channel and the current candle."""
        return max(params.entry, params.exit) + 1

    def exposure(self, candles: pd.DataFrame, params: DonchianParams) -> Floats:
        """Return 1.0 on a breakout, 0.0 on a breakdown, NaN inside the channels."""
        closes = candles["close"].to_numpy()
        lowest, highest = _channels(candles, params)
        # Prices as they were quoted, never computed with: plain comparison is exact.
        target = np.where(closes > highest, 1.0, np.where(closes < lowest, 0.0, np.nan))
        target[: self.warmup(params) - 1] = np.nan
        return target

    def explain(self, candles: pd.DataFrame, params: DonchianParams) -> Explanation:
        """Return the close against both channels; confidence is 1 on a breakout, else 0."""
        close = float(candles["close"].iloc[-1])
        lowest, highest = (float(values[-1]) for values in _channels(candles, params))
        high_words = f"the highest high {highest:.8g} of the {params.entry} candles before"
        low_words = f"the lowest low {lowest:.8g} of the {params.exit} candles before"
        if close > highest:
            reason = f"close {close:.8g} is above {high_words}"
        elif close < lowest:
            reason = f"close {close:.8g} is below {low_words}"
        else:
            reason = f"close {close:.8g} is inside {low_words} and {high_words}: HOLD"
        is_out = close > highest or close < lowest
        readings = {"lowest_low": lowest, "highest_high": highest}
        return Explanation(1.0 if is_out else 0.0, (reason,), readings)


def _channels(candles: pd.DataFrame, params: DonchianParams) -> tuple[Floats, Floats]:
    """Return lowest low and highest high of the candles *before* each, the current one excluded."""
    highs, lows = candles["high"].to_numpy(), candles["low"].to_numpy()
    lowest, _ = indicators.donchian(highs, lows, params.exit)
    _, highest = indicators.donchian(highs, lows, params.entry)
    return _one_later(lowest), _one_later(highest)


def _one_later(values: Floats) -> Floats:
    return np.concatenate([[np.nan], values])[: values.size]
