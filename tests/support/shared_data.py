"""Real candle files beside the repository; a test that needs them skips where they are missing."""

from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "candles"

BTC_1H = "BTC-USDT-1h-2017-2024.csv.gz"
BTC_1M = "BTC-USDT-1m-2021.csv.gz"
DOGE_1M = "DOGE-USDT-1m-2025.csv.gz"
ALL_FILES = (BTC_1H, BTC_1M, DOGE_1M)

_INTERVALS = {"1h": pd.Timedelta(hours=1), "1m": pd.Timedelta(minutes=1)}


def candle_file(name: str) -> Path:
    """Return the path of a shared candle file, or skip the test that asks."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"{name} is not in {FOLDER}: real candles are not part of the repository")
    return path


def real_candles(name: str) -> pd.DataFrame:
    """Return a shared candle file as strategies see candles: floats, indexed by `closed_at`."""
    table = pd.read_csv(candle_file(name))
    interval = _INTERVALS[name.split("-")[2]]
    closed_at = pd.to_datetime(table.pop("opened_at"), utc=True) + interval
    return table.astype("float64").set_index(pd.DatetimeIndex(closed_at, name="closed_at"))
