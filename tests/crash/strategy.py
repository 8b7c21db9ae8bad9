"""A strategy that is told what to think: a candle's volume is its opinion."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradebot.strategies.base import Explanation, Floats, Strategy

LONG, FLAT, HOLD = 2, 1, 3


class Told(Strategy):
    """Long at volume 2, flat at volume 1, no opinion at any other."""

    name = "told"

    @dataclass(frozen=True, slots=True)
    class Params:
        """None."""

    def warmup(self, params: Params) -> int:
        """Return one candle."""
        return 1

    def exposure(self, candles: pd.DataFrame, params: Params) -> Floats:
        """Return what the volumes say."""
        volume = candles["volume"].to_numpy()
        return np.select([volume == LONG, volume == FLAT], [1.0, 0.0], np.nan)

    def explain(self, candles: pd.DataFrame, params: Params) -> Explanation:
        """Return nothing but that it was told."""
        return Explanation(confidence=1.0, reasons=("told",))
