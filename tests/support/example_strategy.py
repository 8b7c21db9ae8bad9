"""A user's own strategy, loaded by its path: in while the close is above its simple mean."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradebot.strategies import forgetful
from tradebot.strategies.base import Explanation, Floats, Strategy
from tradebot.strategies.params import param


class AboveMean(Strategy):
    """1.0 while the close is above the mean of the last `period` closes, else 0.0."""

    name = "above_mean"

    @dataclass(frozen=True, slots=True)
    class Params:
        """Period in candles."""

        period: int = param(30, 2, 300, 1)

    def warmup(self, params: Params) -> int:
        """Return the period."""
        return params.period

    def exposure(self, candles: pd.DataFrame, params: Params) -> Floats:
        """Return 1.0 or 0.0, NaN while warming up."""
        closes = candles["close"].to_numpy()
        mean = forgetful.mean(closes, params.period)
        return np.where(np.isnan(mean), np.nan, forgetful.above(closes, mean).astype(np.float64))

    def explain(self, candles: pd.DataFrame, params: Params) -> Explanation:
        """Return close and mean."""
        close = float(candles["close"].iloc[-1])
        mean = float(forgetful.mean(candles["close"].to_numpy(), params.period)[-1])
        return Explanation(
            confidence=1.0,
            reasons=(f"close {close:g} against its mean {mean:g}",),
            readings={"mean": mean},
        )
