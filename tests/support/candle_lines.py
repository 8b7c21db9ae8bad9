"""Candle files in a test: rows by the hour, a file of them, and the error that reading it gives."""

import gzip
from pathlib import Path

import pytest

from tradebot.adapters.candle_files import read_candles
from tradebot.errors import DataError
from tradebot.model.timeframe import parse_time

HEADER = "opened_at,open,high,low,close,volume"
HOUR = 3_600_000
MIDNIGHT = parse_time("2023-01-01")


def row(hour: int, values: str = "100,102,99,101,5") -> str:
    return f"2023-01-01T{hour:02d}:00:00Z,{values}"


def write(folder: Path, *lines: str, name: str = "BTC-USDT-1h.csv") -> Path:
    path = folder / name
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def refusal(path: Path, symbol: str | None = None, timeframe: str | None = None) -> DataError:
    with pytest.raises(DataError) as caught:
        read_candles(path, symbol=symbol, timeframe=timeframe)
    assert caught.value.hint
    assert caught.value.exit_code == 1
    return caught.value
