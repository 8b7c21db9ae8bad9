"""Synthetic candle frames as strategies see them: seeded, hand-made, or made to be awkward."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

START = pd.Timestamp("2024-01-01T00:00:00Z")
HOUR = pd.Timedelta(hours=1)


def from_closes(
    closes: str | Sequence[float] | npt.NDArray[np.float64],
    volumes: Sequence[float] | npt.NDArray[np.float64] | None = None,
    spread: float = 0.0,
) -> pd.DataFrame:
    """Return hourly candles with these closes; each opens at the close before it.

    Highs and lows reach `spread` (a fraction) beyond open and close. `"100 101 99"` works too.
    """
    parts = closes.split() if isinstance(closes, str) else closes
    close = np.array([float(part) for part in parts], dtype=np.float64)
    opened = np.concatenate([close[:1], close[:-1]])
    volume = np.full(close.size, 10.0) if volumes is None else np.asarray(volumes, dtype=np.float64)
    return pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * (1 + spread),
            "low": np.minimum(opened, close) * (1 - spread),
            "close": close,
            "volume": volume,
        },
        index=_closed_at(close.size),
    )


def random_walk(seed: int, rows: int, price: float = 100.0, tick: float = 0.01) -> pd.DataFrame:
    """Return a walk of one percent a candle, on a grid of ticks, with highs, lows and volumes."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, 0.01, rows) + 0.003 * np.sin(np.arange(rows) / 80.0)
    close = _on_ticks(price * np.exp(np.cumsum(steps)), tick)
    frame = from_closes(close, volumes=rng.lognormal(3.0, 0.7, rows).round(4))
    frame["high"] = _on_ticks(frame["high"].to_numpy() * (1 + rng.random(rows) * 0.004), tick)
    frame["low"] = _on_ticks(frame["low"].to_numpy() * (1 - rng.random(rows) * 0.004), tick)
    frame["high"] = frame[["open", "high", "close"]].max(axis=1)
    frame["low"] = frame[["open", "low", "close"]].min(axis=1)
    return frame


def tied(seed: int, rows: int) -> pd.DataFrame:
    """Return a market of few prices (0.19690 to 0.19710, a tick of 0.00005), so that means tie."""
    rng = np.random.default_rng(seed)
    ticks = np.clip(np.cumsum(rng.choice([-1, 0, 0, 1], rows)), -2, 2)
    return from_closes((3940 + ticks) * 5 / 100_000, volumes=rng.choice([0.0, 10.0, 40.0], rows))


def constant(rows: int, price: float = 0.1) -> pd.DataFrame:
    """Return a market where nothing ever happens; 0.1 has no exact float."""
    return from_closes([price] * rows, volumes=[0.0] * rows)


def frozen(seed: int, rows: int) -> pd.DataFrame:
    """Return a walk that stands still for the middle third: longer than some memories."""
    close = random_walk(seed, rows)["close"].to_numpy().copy()
    close[rows // 3 : 2 * rows // 3] = close[rows // 3]
    return from_closes(close)


def collapse(seed: int, rows: int) -> pd.DataFrame:
    """Return a coin that loses all but a millionth of its price within 40 candles, half way."""
    close = random_walk(seed, rows, price=80.0, tick=1e-8)["close"].to_numpy().copy()
    fall = np.clip((np.arange(rows) - rows // 2) / 40.0, 0.0, 1.0)
    return from_closes(_on_ticks(close * 10.0 ** (-6.0 * fall), 1e-8), spread=0.001)


def gappy(seed: int, rows: int) -> pd.DataFrame:
    """Return a walk with candles missing here and there, as after an exchange's outage."""
    whole = random_walk(seed, rows + rows // 10)
    missing = np.random.default_rng(seed).choice(len(whole), rows // 10, replace=False)
    return whole.drop(whole.index[missing])


AWKWARD: dict[str, Callable[[int], pd.DataFrame]] = {
    "walk-seed-1": lambda rows: random_walk(1, rows),
    "walk-seed-2": lambda rows: random_walk(2, rows),
    "tied-seed-3": lambda rows: tied(3, rows),
    "constant": constant,
    "frozen-seed-4": lambda rows: frozen(4, rows),
    "collapse-seed-5": lambda rows: collapse(5, rows),
    "gappy-seed-6": lambda rows: gappy(6, rows),
}


def _on_ticks(prices: npt.NDArray[np.float64], tick: float) -> npt.NDArray[np.float64]:
    # Rounded as a file would have it: the float nearest to a decimal.
    decimals = round(-np.log10(tick))
    return np.maximum(np.round(prices, decimals), tick)


def _closed_at(rows: int) -> pd.DatetimeIndex:
    return pd.date_range(START + HOUR, periods=rows, freq=HOUR, name="closed_at")
