"""Follow the trend: in while the fast exponential mean is above the slow one, out otherwise."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradebot.strategies import forgetful
from tradebot.strategies.base import Explanation, Floats, Strategy
from tradebot.strategies.params import param

# The gap between the means, as a fraction of the slow one, that counts as full confidence.
FULL_GAP = 0.01


@dataclass(frozen=True, slots=True)
class EmaCrossParams:
    """Periods in candles."""

    fast: int = param(20, 1, 200, 1)
    slow: int = param(50, 2, 400, 1)

    def __post_init__(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"fast {self.fast} must be below slow {self.slow}")


class EmaCross(Strategy):
    """1.0 while EMA(fast) is above EMA(slow), else 0.0; a tie is not above."""

    name = "ema_cross"
    Params = EmaCrossParams

    def warmup(self, params: EmaCrossParams) -> int:
        """Return how far the slow mean looks back."""
        return forgetful.ema_depth(params.slow)

    def exposure(self, candles: pd.DataFrame, params: EmaCrossParams) -> Floats:
        """Return 1.0 or 0.0, NaN while warming up."""
        closes = candles["close"].to_numpy()
        slow = forgetful.ema(closes, params.slow)
        is_above = forgetful.above(forgetful.ema(closes, params.fast), slow)
        return np.where(np.isnan(slow), np.nan, is_above.astype(np.float64))

    def explain(self, candles: pd.DataFrame, params: EmaCrossParams) -> Explanation:
        """Return the two means; confidence grows from 0 to 1 as their gap grows to one percent."""
        closes = candles["close"].to_numpy()
        fast = forgetful.ema(closes, params.fast)[-1:]
        slow = forgetful.ema(closes, params.slow)[-1:]
        word = "above" if forgetful.above(fast, slow)[0] else "not above"
        gap = abs(float(fast[0]) / float(slow[0]) - 1.0)
        names = f"ema_{params.fast}", f"ema_{params.slow}"
        return Explanation(
            confidence=min(1.0, gap / FULL_GAP),
            reasons=(f"{names[0]} {fast[0]:.6g} is {word} {names[1]} {slow[0]:.6g}",),
            readings={names[0]: float(fast[0]), names[1]: float(slow[0])},
        )
