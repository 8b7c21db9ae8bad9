"""A strategy of one's own: in while the close is above its mean, out otherwise."""

from dataclasses import dataclass

from tradebot.strategies import forgetful
from tradebot.strategies.base import Explanation, Strategy


@dataclass(frozen=True)
class Params:
    period: int = 100


class AboveMean(Strategy):
    name, Params = "above_mean", Params

    def warmup(self, params):
        return params.period  # so many candles before the first opinion

    def exposure(self, candles, params):
        closes = candles["close"].to_numpy()
        return forgetful.above(closes, forgetful.mean(closes, params.period)).astype(float)

    def explain(self, candles, params):
        return Explanation(confidence=1.0, reasons=(f"mean of {params.period} candles",))
