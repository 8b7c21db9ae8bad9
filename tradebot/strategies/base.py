"""What a strategy is, and the two ways to ask one: a whole history, or the last candle.

Law: a strategy sees closed candles and nothing else: no clock, no account, no orders; and its
opinion at a candle is the same from the last `warmup` candles alone as from all of history.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradebot.errors import StrategyError, TradebotError
from tradebot.model.signal import Signal
from tradebot.strategies.params import parse_params

__all__ = [
    "AnyParams",
    "Bools",
    "Explanation",
    "Floats",
    "Strategy",
    "checked_exposure",
    "exposure_ppm",
    "last_signal",
    "parse_params",
    "required_candles",
    "strategy_errors",
]

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
# Any: every strategy has a Params of its own; `parse_params` is what ties the two together.
AnyParams: TypeAlias = Any

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a strategy thinks what it thinks at one candle.

    `confidence` is 0…1; `reasons` are sentences; `readings` are indicator values for people.
    """

    confidence: float
    reasons: tuple[str, ...]
    readings: Mapping[str, float] = field(default_factory=dict)


class Strategy(ABC):
    """An opinion about one market: candles in, a target exposure -1…1 out.

    `candles` is a DataFrame of float64 columns open, high, low, close, volume, one row a closed
    candle, indexed by `closed_at` (UTC, ascending; gaps are possible).
    """

    name: ClassVar[str]
    Params: ClassVar[type[AnyParams]]

    @abstractmethod
    def warmup(self, params: AnyParams) -> int:
        """Return how many candles the first opinion needs: at least 1."""

    @abstractmethod
    def exposure(self, candles: pd.DataFrame, params: AnyParams) -> Floats:
        """Return the target exposure after each candle's close, NaN for "hold what you have".

        (n,) float64 in -1…1; NaN for the first `warmup - 1` rows. Row i may look at rows 0…i.
        """

    @abstractmethod
    def explain(self, candles: pd.DataFrame, params: AnyParams) -> Explanation:
        """Return confidence, reasons and readings of the last candle."""


@contextmanager
def strategy_errors(what: str, error_type: type[TradebotError] = StrategyError) -> Iterator[None]:
    """Turn anything a strategy's own code raises into one error that names it."""
    try:
        yield
    except TradebotError:
        raise
    # One of the three places where `except Exception` is allowed: a strategy is the user's own
    # code and may raise anything; the program must name it and stop in order, not crash.
    # SystemExit too: it would end the bot without a word, with positions open.
    except (Exception, SystemExit) as error:
        raise error_type(
            f"{what} raised {type(error).__name__}: {error}",
            hint="run it on a candle file with `tradebot backtest` to see where",
        ) from error


def required_candles(strategy: Strategy, params: AnyParams) -> int:
    """Return the strategy's warm-up. Raises StrategyError when it is not an integer above 0."""
    with strategy_errors(f"{strategy.name}: warmup"):
        count = strategy.warmup(params)
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise StrategyError(f"{strategy.name}: warmup is {count!r}, must be a whole number above 0")
    return count


def checked_exposure(strategy: Strategy, candles: pd.DataFrame, params: AnyParams) -> Floats:
    """Return the strategy's exposure, checked; NaN before it is warm, whatever it said there.

    Raises StrategyError naming strategy, row and value.
    """
    count = len(candles)
    warmup = required_candles(strategy, params)
    if count < warmup:
        return np.full(count, np.nan)
    with strategy_errors(f"{strategy.name}: exposure"):
        # A shallow copy: a strategy that adds columns does not change what others see.
        values = strategy.exposure(candles.copy(deep=False), params)
    _check_shape(strategy.name, values, count)
    values = values.copy()
    values[: warmup - 1] = np.nan
    _check_bounds(strategy.name, values, candles)
    return values


def last_signal(strategy: Strategy, candles: pd.DataFrame, params: AnyParams) -> Signal:
    """Return the strategy's opinion after the last candle, from the last `warmup` candles alone.

    Raises StrategyError when the strategy raises or answers with something else.
    """
    warmup = required_candles(strategy, params)
    if len(candles) < warmup:
        reason = f"{strategy.name} needs {warmup} candles and has {len(candles)}: HOLD"
        return Signal(exposure_ppm=None, reasons=(reason,))
    recent = candles.iloc[-warmup:]
    ppm = exposure_ppm(checked_exposure(strategy, recent, params)[-1:])[0]
    with strategy_errors(f"{strategy.name}: explain"):
        explanation = strategy.explain(recent.copy(deep=False), params)
        _check_explanation(strategy.name, explanation)
        readings = {
            # A reading without a value (RSI of a market that never moved) is left out.
            key: float(value)
            for key, value in explanation.readings.items()
            if np.isfinite(value)
        }
    return Signal(
        exposure_ppm=ppm,
        confidence=float(explanation.confidence),
        reasons=tuple(explanation.reasons),
        readings=readings,
    )


def exposure_ppm(values: Floats) -> list[int | None]:
    """Return exposures as parts per million, rounded half to even; NaN as None."""
    is_held = np.isnan(values)
    parts = np.rint(np.where(is_held, 0.0, values) * PPM).astype(np.int64).astype(object)
    parts[is_held] = None
    result: list[int | None] = parts.tolist()
    return result


def _check_shape(name: str, values: object, count: int) -> None:
    if not isinstance(values, np.ndarray):
        raise StrategyError(
            f"{name}: exposure returned a {type(values).__name__}, must be a numpy array",
            hint="a pandas Series becomes one with .to_numpy()",
        )
    if values.dtype != np.float64:
        raise StrategyError(f"{name}: exposure has dtype {values.dtype}, must be float64")
    if values.shape != (count,):
        raise StrategyError(f"{name}: exposure has shape {values.shape}, must be ({count},)")


def _check_bounds(name: str, values: Floats, candles: pd.DataFrame) -> None:
    bad = np.flatnonzero(~(np.isnan(values) | (np.abs(values) <= 1.0)))
    if bad.size:
        row = int(bad[0])
        raise StrategyError(
            f"{name}: exposure at row {row} ({candles.index[row]}) is {values[row]:g}, "
            "must be between -1 and 1, or NaN to hold"
        )


def _check_explanation(name: str, explanation: object) -> None:
    if not isinstance(explanation, Explanation):
        raise StrategyError(
            f"{name}: explain returned a {type(explanation).__name__}, must be an Explanation"
        )
    # Written so that NaN fails too.
    if not 0.0 <= explanation.confidence <= 1.0:
        raise StrategyError(
            f"{name}: confidence is {explanation.confidence}, must be between 0 and 1"
        )
