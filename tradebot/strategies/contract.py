"""The promises every strategy must keep, as checks that name the row where one is broken.

The backtest runs them on the user's own candles; the tests run them on every strategy we have.
Exposures are compared as traded, in whole parts per million.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tradebot.errors import StrategyError
from tradebot.strategies.base import (
    AnyParams,
    Floats,
    Strategy,
    checked_exposure,
    exposure_ppm,
    required_candles,
)

# Enough to meet every habit of a strategy, few enough for a moment's work before a backtest.
ROWS_MAX = 20_000
CUTS = 24


def check_contract(strategy: Strategy, params: AnyParams, candles: pd.DataFrame) -> None:
    """Check all promises on the last ROWS_MAX candles, at CUTS cuts spread over them.

    Too few candles to warm up leave nothing to check. Raises StrategyError.
    """
    recent = candles.iloc[-ROWS_MAX:]
    cuts = spread_cuts(len(recent), required_candles(strategy, params), CUTS)
    check_warm_up(strategy, params, recent)
    check_causal(strategy, params, recent, cuts)
    check_forgetful(strategy, params, recent, cuts)


def spread_cuts(count: int, warmup: int, cuts: int) -> list[int]:
    """Return up to `cuts` row counts from `warmup` to `count`, both included, evenly spread."""
    if count < warmup:
        return []
    return sorted({int(cut) for cut in np.linspace(warmup, count, cuts)})


def check_warm_up(strategy: Strategy, params: AnyParams, candles: pd.DataFrame) -> None:
    """Check that too few candles give NaN and that what follows is in bounds."""
    warmup = required_candles(strategy, params)
    for rows in {0, min(1, warmup - 1), warmup - 1}:
        early = checked_exposure(strategy, candles.iloc[:rows], params)
        assert np.isnan(early).all(), f"{strategy.name}: an opinion after {rows} candles"
    checked_exposure(strategy, candles, params)


def check_causal(
    strategy: Strategy, params: AnyParams, candles: pd.DataFrame, cuts: Sequence[int]
) -> None:
    """Check that cutting the candles after the first `cut` rows changes nothing before the cut.

    Raises StrategyError naming the row, and its exposure with and without the future.
    """
    with_future = checked_exposure(strategy, candles, params)
    for cut in cuts:
        without = checked_exposure(strategy, candles.iloc[:cut], params)
        row = _first_difference(with_future[:cut], without)
        if row is not None:
            raise StrategyError(
                f"{strategy.name} looks ahead: exposure at row {row} ({candles.index[row]}) is "
                f"{with_future[row]:g} with the candles after row {cut - 1} and "
                f"{without[row]:g} without them",
                hint="row i may use rows 0…i only; look for shift(-1), centred windows, "
                "or a mean of the whole column",
            )


def check_forgetful(
    strategy: Strategy, params: AnyParams, candles: pd.DataFrame, cuts: Sequence[int]
) -> None:
    """Check that the last `warmup` candles before each cut alone give the same last exposure.

    Raises StrategyError naming the row, and its exposure from all and from the last candles.
    """
    warmup = required_candles(strategy, params)
    full = checked_exposure(strategy, candles, params)
    for cut in cuts:
        if cut < warmup:
            continue
        row = cut - 1
        short = checked_exposure(strategy, candles.iloc[cut - warmup : cut], params)
        if exposure_ppm(full[row:cut]) != exposure_ppm(short[-1:]):
            raise StrategyError(
                f"{strategy.name} remembers too much: exposure at row {row} "
                f"({candles.index[row]}) is {full[row]:g} from all {len(candles)} candles and "
                f"{short[-1]:g} from the last {warmup}",
                hint="return a longer warmup, or decide from windows of fixed length "
                "(tradebot.strategies.forgetful)",
            )


def _first_difference(left: Floats, right: Floats) -> int | None:
    if np.array_equal(left, right, equal_nan=True):
        return None
    both = zip(exposure_ppm(left), exposure_ppm(right), strict=True)
    return next((row for row, (one, other) in enumerate(both) if one != other), None)
