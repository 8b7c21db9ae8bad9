"""Buy weakness, sell the recovery: in when RSI is low, out when it is back above the middle."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradebot.strategies import forgetful
from tradebot.strategies.base import Explanation, Floats, Strategy
from tradebot.strategies.params import param


@dataclass(frozen=True, slots=True)
class RsiReversionParams:
    """Period in candles, entry and exit in points of RSI."""

    period: int = param(14, 2, 100, 1)
    entry: float = param(30.0, 1.0, 60.0, 1.0)
    exit: float = param(55.0, 10.0, 99.0, 1.0)

    def __post_init__(self) -> None:
        if self.entry >= self.exit:
            raise ValueError(f"entry {self.entry} must be below exit {self.exit}")


class RsiReversion(Strategy):
    """1.0 when RSI is under `entry`, 0.0 when over `exit`, hold between."""

    name = "rsi_reversion"
    Params = RsiReversionParams

    def warmup(self, params: RsiReversionParams) -> int:
        """Return how far RSI looks back."""
        return forgetful.rsi_depth(params.period)

    def exposure(self, candles: pd.DataFrame, params: RsiReversionParams) -> Floats:
        """Return 1.0, 0.0, or NaN between the two levels and in a market that never moved."""
        values = forgetful.rsi(candles["close"].to_numpy(), params.period)
        is_out = forgetful.above(values, params.exit)
        return np.where(forgetful.below(values, params.entry), 1.0, np.where(is_out, 0.0, np.nan))

    def explain(self, candles: pd.DataFrame, params: RsiReversionParams) -> Explanation:
        """Return RSI against its levels; confidence is its distance from the nearest level as a
        fraction of the way from that level to the end of the scale, 0 between the levels.
        """
        values = forgetful.rsi(candles["close"].to_numpy(), params.period)[-1:]
        value = float(values[0])
        if forgetful.below(values, params.entry)[0]:
            confidence, words = 1.0 - value / params.entry, f"under entry {params.entry:g}"
        elif forgetful.above(values, params.exit)[0]:
            confidence = (value - params.exit) / (100.0 - params.exit)
            words = f"over exit {params.exit:g}"
        else:
            confidence, words = 0.0, f"not beyond {params.entry:g} or {params.exit:g}: HOLD"
        name = f"rsi_{params.period}"
        reason = f"{name} {value:.2f} is {words}"
        if np.isnan(value):
            reason = f"{name} has no value, no close moved: HOLD"
        return Explanation(confidence=confidence, reasons=(reason,), readings={name: value})
