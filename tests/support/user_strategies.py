"""Strategies as a user would write them: one good, and some that break a promise each."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradebot.strategies.base import Explanation, Floats, Strategy
from tradebot.strategies.params import param


@dataclass(frozen=True, slots=True)
class PeriodParams:
    """One period, in candles."""

    period: int = param(10, 2, 100, 1)


class Planted(Strategy):
    """What the bad examples share: they warm up like a plain mean and explain nothing."""

    Params = PeriodParams

    def warmup(self, params: PeriodParams) -> int:
        return params.period

    def explain(self, candles: pd.DataFrame, params: PeriodParams) -> Explanation:
        return Explanation(confidence=1.0, reasons=("because",))


class SeesTomorrow(Planted):
    """Buys when the next close is higher: the classic slip of a shift the wrong way."""

    name = "sees_tomorrow"

    def exposure(self, candles: pd.DataFrame, params: PeriodParams) -> Floats:
        return (candles["close"].shift(-1) > candles["close"]).to_numpy().astype(np.float64)


class KnowsTheMean(Planted):
    """Buys under the mean of the whole file, the future included."""

    name = "knows_the_mean"

    def exposure(self, candles: pd.DataFrame, params: PeriodParams) -> Floats:
        return (candles["close"] < candles["close"].mean()).to_numpy().astype(np.float64)


class NeverForgets(Planted):
    """Buys a tenth under the highest close there ever was: causal, but its memory has no end."""

    name = "never_forgets"

    def exposure(self, candles: pd.DataFrame, params: PeriodParams) -> Floats:
        return (candles["close"] < candles["close"].cummax() * 0.9).to_numpy().astype(np.float64)


class Returns(Planted):
    """Returns what it was made with, whatever that is."""

    name = "returns"

    def __init__(self, answer: object = None) -> None:
        self.answer = answer

    def exposure(self, candles: pd.DataFrame, params: PeriodParams) -> Floats:
        return self.answer


class Raises(Planted):
    """Has a bug."""

    name = "raises"

    def exposure(self, candles: pd.DataFrame, params: PeriodParams) -> Floats:
        raise KeyError("closee")
