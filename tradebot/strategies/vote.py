"""The default strategy: five indicators vote BUY, SELL or HOLD, and the weighted score decides.

Every vote has a direction d (+1 BUY, -1 SELL, 0 HOLD) and a confidence c = 0.5 + 0.5 * strength,
strength clipped to 0…1. With s the standard deviation of the last `bollinger_period` closes:

    voter       BUY when                     SELL when                   strength
    sma         fast mean above slow mean    fast mean below slow mean   |fast - slow| / 2s
    macd        line above its signal        line below its signal       2 |line - signal| / s
    rsi         RSI under `rsi_low`          RSI over `rsi_high`         how far into the zone
    bollinger   close under the lower band   close over the upper band   |close - band| / s
    stochastic  %K < `stochastic_low`, > %D  %K > `stochastic_high`, < %D   how far into the zone

    score      = sum(weight * d * c) / sum(all weights)          -1…1; under `score_min` is HOLD
    confidence = the weighted mean c of those who voted with the score's sign,
                 + `volume_bonus` when volume is over `volume_factor` x its mean,
                 at most `confidence_max`
    target     = 1.0 for BUY, 0.0 for SELL (spot: out), NaN for HOLD,
                 and HOLD as well while confidence is under `confidence_min`

So two things must come together: enough of the house votes one way (score), and those who do are
sure (confidence). The first two voters follow the trend, the last three lean against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradebot.strategies import forgetful, indicators
from tradebot.strategies.base import Bools, Explanation, Floats, Strategy
from tradebot.strategies.forgetful import above, below
from tradebot.strategies.params import param

# Full strength is two deviations between the simple means, half a one between MACD's lines (they
# are a difference of differences). So on BTC/USDT candles of one hour, 2017 to 2024, the target
# turns to 1.0 five or six times a month; a stricter or looser house is a matter of `score_min`.
SMA_SCALE = 0.5
MACD_SCALE = 2.0

BUY, HOLD, SELL = 1.0, 0.0, -1.0
WORDS = {BUY: "BUY", HOLD: "HOLD", SELL: "SELL"}


@dataclass(frozen=True, slots=True)
class VoteParams:
    """Periods in candles, zones in points of the indicator, the rest as fractions."""

    sma_fast: int = param(20, 2, 200, 1)
    sma_slow: int = param(50, 3, 500, 1)
    rsi_period: int = param(14, 2, 100, 1)
    rsi_low: float = param(30.0, 1.0, 50.0, 1.0)
    rsi_high: float = param(70.0, 50.0, 99.0, 1.0)
    macd_fast: int = param(12, 2, 100, 1)
    macd_slow: int = param(26, 3, 200, 1)
    macd_signal: int = param(9, 1, 100, 1)
    bollinger_period: int = param(20, 2, 200, 1)
    bollinger_width: float = param(2.0, 0.5, 4.0, 0.1)
    stochastic_period: int = param(14, 2, 100, 1)
    stochastic_smooth: int = param(3, 1, 20, 1)
    stochastic_low: float = param(20.0, 1.0, 50.0, 1.0)
    stochastic_high: float = param(80.0, 50.0, 99.0, 1.0)
    volume_period: int = param(20, 2, 200, 1)
    volume_factor: float = param(1.5, 1.0, 10.0, 0.1)
    volume_bonus: float = param(0.1, 0.0, 0.5, 0.05)
    weight_sma: float = param(0.25, 0.0, 1.0, 0.05)
    weight_rsi: float = param(0.20, 0.0, 1.0, 0.05)
    weight_macd: float = param(0.25, 0.0, 1.0, 0.05)
    weight_bollinger: float = param(0.15, 0.0, 1.0, 0.05)
    weight_stochastic: float = param(0.15, 0.0, 1.0, 0.05)
    score_min: float = param(0.3, 0.0, 1.0, 0.05)
    confidence_min: float = param(0.6, 0.0, 0.95, 0.05)
    confidence_max: float = param(0.95, 0.5, 1.0, 0.05)
    candles_min: int = param(50, 1, 1000, 1)

    def __post_init__(self) -> None:
        if self.sma_fast >= self.sma_slow:
            raise ValueError(f"sma_fast {self.sma_fast} must be below sma_slow {self.sma_slow}")
        if self.macd_fast >= self.macd_slow:
            raise ValueError(f"macd_fast {self.macd_fast} must be below macd_slow {self.macd_slow}")
        if self.confidence_min > self.confidence_max:
            raise ValueError(
                f"confidence_min {self.confidence_min} must not be above "
                f"confidence_max {self.confidence_max}: no vote could ever count"
            )
        if self.weight_total <= 0:
            raise ValueError("at least one of the five weights must be above 0")

    @property
    def weight_total(self) -> float:
        """Return the sum of the five weights."""
        trend = self.weight_sma + self.weight_macd
        return trend + self.weight_rsi + self.weight_bollinger + self.weight_stochastic


@dataclass(frozen=True, slots=True)
class Ballot:
    """One voter's votes: direction +1, 0 or -1 and confidence 0…1, (n,), and its readings."""

    voter: str
    weight: float
    direction: Floats
    confidence: Floats
    readings: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Count:
    """The counted votes, (n,): score -1…1, confidence 0…1, who won before and after the bar."""

    score: Floats
    confidence: Floats
    is_busy: Bools
    leaning: Floats
    decision: Floats


class Vote(Strategy):
    """SMA, RSI, MACD, Bollinger bands and stochastic vote; volume confirms."""

    name = "vote"
    Params = VoteParams

    def warmup(self, params: VoteParams) -> int:
        """Return the longest memory of the voters, and at least `candles_min`."""
        return max(
            params.candles_min,
            params.sma_slow,
            forgetful.rsi_depth(params.rsi_period),
            forgetful.macd_depth(params.macd_fast, params.macd_slow, params.macd_signal),
            params.bollinger_period,
            params.stochastic_period + params.stochastic_smooth - 1,
            params.volume_period,
        )

    def exposure(self, candles: pd.DataFrame, params: VoteParams) -> Floats:
        """Return 1.0 for BUY, 0.0 for SELL, NaN for HOLD."""
        decision = _count(_ballots(candles, params), candles, params).decision
        target = np.where(decision > 0, 1.0, np.where(decision < 0, 0.0, np.nan))
        target[: self.warmup(params) - 1] = np.nan
        return target

    def explain(self, candles: pd.DataFrame, params: VoteParams) -> Explanation:
        """Return every vote of the last candle as a reason."""
        ballots = _ballots(candles, params)
        count = _count(ballots, candles, params)
        reasons = [_vote_in_words(ballot) for ballot in ballots]
        reasons.append(_count_in_words(count, params))
        readings = {
            name: float(values[-1])
            for ballot in ballots
            for name, values in ballot.readings.items()
        }
        readings["score"] = float(count.score[-1])
        return Explanation(float(count.confidence[-1]), tuple(reasons), readings)


def _ballots(candles: pd.DataFrame, params: VoteParams) -> tuple[Ballot, ...]:
    closes = candles["close"].to_numpy()
    deviation = forgetful.deviation(closes, params.bollinger_period)
    return (
        _sma(closes, deviation, params),
        _rsi(closes, params),
        _macd(closes, deviation, params),
        _bollinger(closes, deviation, params),
        _stochastic(candles, params),
    )


def _sma(closes: Floats, deviation: Floats, params: VoteParams) -> Ballot:
    fast = forgetful.mean(closes, params.sma_fast)
    slow = forgetful.mean(closes, params.sma_slow)
    strength = _in_deviations(SMA_SCALE * np.abs(fast - slow), deviation)
    readings = {f"sma_{params.sma_fast}": fast, f"sma_{params.sma_slow}": slow}
    return _ballot(
        "sma", params.weight_sma, above(fast, slow), below(fast, slow), strength, readings
    )


def _rsi(closes: Floats, params: VoteParams) -> Ballot:
    values = forgetful.rsi(closes, params.rsi_period)
    is_low, is_high = below(values, params.rsi_low), above(values, params.rsi_high)
    strength = _zone_depth(values, params.rsi_low, params.rsi_high)
    readings = {f"rsi_{params.rsi_period}": values}
    return _ballot("rsi", params.weight_rsi, is_low, is_high, strength, readings)


def _macd(closes: Floats, deviation: Floats, params: VoteParams) -> Ballot:
    fast = forgetful.ema(closes, params.macd_fast)
    slow = forgetful.ema(closes, params.macd_slow)
    line = fast - slow
    signal = forgetful.ema(line, params.macd_signal)
    lead = line - signal
    # The tie is measured against the price: line and signal are small differences of large
    # numbers, so in a market that stands still both are rounding, and neither is a vote.
    is_up, is_down = above(slow + lead, slow), below(slow + lead, slow)
    strength = _in_deviations(MACD_SCALE * np.abs(lead), deviation)
    readings = {"macd": line, "macd_signal": signal}
    return _ballot("macd", params.weight_macd, is_up, is_down, strength, readings)


def _bollinger(closes: Floats, deviation: Floats, params: VoteParams) -> Ballot:
    middle = forgetful.mean(closes, params.bollinger_period)
    lower = middle - params.bollinger_width * deviation
    upper = middle + params.bollinger_width * deviation
    beyond = np.maximum(lower - closes, closes - upper)
    strength = _in_deviations(beyond, deviation)
    readings = {"bollinger_lower": lower, "bollinger_upper": upper}
    is_low, is_high = below(closes, lower), above(closes, upper)
    return _ballot("bollinger", params.weight_bollinger, is_low, is_high, strength, readings)


def _stochastic(candles: pd.DataFrame, params: VoteParams) -> Ballot:
    highs, lows = candles["high"].to_numpy(), candles["low"].to_numpy()
    closes = candles["close"].to_numpy()
    smooth = params.stochastic_smooth
    k, _ = indicators.stochastic(highs, lows, closes, params.stochastic_period, smooth)
    d = forgetful.mean(k, smooth)
    is_low = below(k, params.stochastic_low) & above(k, d)
    is_high = above(k, params.stochastic_high) & below(k, d)
    strength = _zone_depth(k, params.stochastic_low, params.stochastic_high)
    readings = {"stochastic_k": k, "stochastic_d": d}
    return _ballot("stochastic", params.weight_stochastic, is_low, is_high, strength, readings)


def _ballot(
    voter: str,
    weight: float,
    is_buy: Bools,
    is_sell: Bools,
    strength: Floats,
    readings: Mapping[str, Floats],
) -> Ballot:
    direction = np.where(is_buy, BUY, np.where(is_sell, SELL, HOLD))
    confidence = 0.5 + 0.5 * np.clip(np.nan_to_num(strength), 0.0, 1.0)
    confidence = np.where(direction == HOLD, 0.0, confidence)
    return Ballot(voter, weight, direction, confidence, readings)


def _in_deviations(distance: Floats, deviation: Floats) -> Floats:
    """Return `distance` over `deviation`; any distance is a full one where nothing deviates."""
    strength = np.ones(distance.shape)
    np.divide(distance, deviation, out=strength, where=deviation > 0.0)
    return strength


def _zone_depth(values: Floats, low: float, high: float) -> Floats:
    """Return how far `values` are into the zone under `low` or over `high`: 0 at its edge, 1 at
    the end of the scale.
    """
    return np.asarray(np.maximum((low - values) / low, (values - high) / (100.0 - high)))


def _count(ballots: tuple[Ballot, ...], candles: pd.DataFrame, params: VoteParams) -> Count:
    rows = len(candles)
    score, ayes, noes = np.zeros(rows), np.zeros(rows), np.zeros(rows)
    aye_weight, no_weight = np.zeros(rows), np.zeros(rows)
    for ballot in ballots:
        voice = ballot.weight * ballot.confidence
        score += voice * ballot.direction
        ayes += np.where(ballot.direction > 0, voice, 0.0)
        noes += np.where(ballot.direction < 0, voice, 0.0)
        aye_weight += np.where(ballot.direction > 0, ballot.weight, 0.0)
        no_weight += np.where(ballot.direction < 0, ballot.weight, 0.0)
    score /= params.weight_total
    confidence = np.zeros(rows)
    winners = np.where(score > 0, aye_weight, no_weight)
    np.divide(np.where(score > 0, ayes, noes), winners, out=confidence, where=winners > 0.0)
    volumes = candles["volume"].to_numpy()
    usual = forgetful.mean(volumes, params.volume_period)
    is_busy = above(volumes, params.volume_factor * usual)
    confidence = np.where(is_busy, confidence + params.volume_bonus, confidence)
    confidence = np.minimum(confidence, params.confidence_max)
    is_decided = (score != 0.0) & ~below(np.abs(score), params.score_min)
    leaning = np.where(is_decided, np.sign(score), HOLD)
    decision = np.where(below(confidence, params.confidence_min), HOLD, leaning)
    return Count(score, confidence, is_busy, leaning, decision)


def _vote_in_words(ballot: Ballot) -> str:
    numbers = ", ".join(f"{name} {values[-1]:.6g}" for name, values in ballot.readings.items())
    word = WORDS[float(ballot.direction[-1])]
    if word == "HOLD":
        return f"{ballot.voter} votes HOLD: {numbers}"
    confidence = f"confidence {ballot.confidence[-1]:.2f}, weight {ballot.weight:g}"
    return f"{ballot.voter} votes {word} ({confidence}): {numbers}"


def _count_in_words(count: Count, params: VoteParams) -> str:
    score, confidence = count.score[-1], count.confidence[-1]
    leaning, decision = WORDS[float(count.leaning[-1])], WORDS[float(count.decision[-1])]
    if leaning == "HOLD":
        return f"score {score:+.2f} is under {params.score_min:g} either way: HOLD"
    volume = f", busy volume adds {params.volume_bonus:g}" if count.is_busy[-1] else ""
    if decision == "HOLD":
        sure = f"confidence {confidence:.2f}{volume} is under {params.confidence_min:g}"
        return f"score {score:+.2f} says {leaning}, but {sure}: HOLD"
    return f"score {score:+.2f}, confidence {confidence:.2f}{volume}: {decision}"
