"""The cells of a candle file as numbers and times; what cannot be read is marked, never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from tradebot.adapters.redact import plain_text
from tradebot.candles import VALUE_COLUMNS, Flags, Floats, Ints
from tradebot.errors import DataError

# In order of preference when a file has several.
OPEN_TIME_NAMES: Final = ("opened_at", "open_time", "timestamp", "time", "date", "datetime")
CLOSE_TIME_NAME: Final = "closed_at"

# Strict on purpose: pandas alone also reads "now" (the clock!), "2021" and "20210101" as times.
_RFC_3339: Final = r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|z|[+-]\d\d:?\d\d| UTC)?)?"
# The year 5138 in seconds is still below the year 1973 in milliseconds; and so on upwards.
_EPOCH_UNITS: Final = ((10**11, 1000, 1), (10**14, 1, 1), (10**17, 1, 1000), (2**63, 1, 10**6))
_OLDEST_MS: Final = 1_230_940_800_000  # 2009-01-03: no coin was traded before the first block.
_NEWEST_MS: Final = 4_102_444_800_000  # 2100-01-01


def find_columns(names: Iterable[str], *, file: str) -> dict[str, str]:
    """Return {our name: the file's name} of a time column and the values. Raises DataError."""
    by_name: dict[str, list[str]] = {}
    for name in names:
        by_name.setdefault(name.strip().lower(), []).append(name)
    wanted = {name: (name, name[0]) for name in VALUE_COLUMNS}
    found: dict[str, str] = {}
    missing: list[str] = []
    for ours, spellings in (("time", (*OPEN_TIME_NAMES, CLOSE_TIME_NAME)), *wanted.items()):
        spelling = next((each for each in spellings if each in by_name), None)
        if spelling is None:
            missing.append("opened_at" if ours == "time" else ours)
        elif len(by_name[spelling]) > 1:
            raise DataError(
                f"{file}: {len(by_name[spelling])} columns are named {spelling!r}",
                "rename all but the one that is meant",
            )
        else:
            found[ours] = by_name[spelling][0]
    if missing:
        raise _missing(missing, list(by_name), file)
    return found


def _missing(missing: list[str], names: list[str], file: str) -> DataError:
    shown = ", ".join(plain_text(name)[:30] for name in names[:10])
    shown += ", ..." if len(names) > 10 else ""
    example = "opened_at,open,high,low,close,volume"
    if not "".join(names).strip():
        return DataError(
            f"{file}: the first line is empty", f"column names belong there: {example}"
        )
    if all(re.fullmatch(r"[-+.\d:tz ]*", name) for name in names):
        return DataError(
            f"{file}: the first line holds numbers, not column names: {shown}",
            f"put the names in a line above it, such as {example}",
        )
    if len(names) == 1 and re.search(r"[;\t|]", names[0]):
        return DataError(
            f"{file}: the columns are not separated by commas: {names[0][:60]!r}",
            "save it with commas between columns and points in numbers",
        )
    plural = "s" if len(missing) > 1 else ""
    return DataError(
        f"{file}: no column{plural} {', '.join(missing)}; the file has: {shown}",
        f"name the columns {example}; other columns are ignored",
    )


def to_numbers(cells: pd.Series) -> tuple[Floats, Flags]:
    """Return the cells as float64 and which of them could be read; empty is read as NaN."""
    if pd.api.types.is_bool_dtype(cells):
        return np.full(len(cells), np.nan), np.zeros(len(cells), dtype=np.bool_)
    if pd.api.types.is_numeric_dtype(cells):
        return cells.to_numpy(dtype=np.float64, na_value=np.nan), np.ones(len(cells), np.bool_)
    # As text: digits without end would be a whole number that no float can hold.
    read = pd.to_numeric(cells.astype("str"), errors="coerce")
    numbers = read.to_numpy(dtype=np.float64, na_value=np.nan)
    empty = cells.isna().to_numpy(dtype=np.bool_)
    spelled_nan = cells.astype(str).str.strip().str.lower().isin(("nan", "")).to_numpy(np.bool_)
    return numbers, ~np.isnan(numbers) | empty | spelled_nan


def to_times(cells: pd.Series) -> tuple[Ints, Flags]:
    """Return the cells as UTC ms and which of them could be read as a whole ms in 2009..2100.

    Numbers are epoch seconds, ms, us or ns by their size; text is RFC 3339, UTC without an offset.
    """
    if pd.api.types.is_datetime64_any_dtype(cells):
        times, exact = _from_datetimes(cells)
    elif pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
        times, exact = _from_epochs(cells)
    else:
        times, exact = _from_text(cells.astype("str"))
    readable = exact & (times >= _OLDEST_MS) & (times < _NEWEST_MS)
    return np.where(readable, times, 0), readable


def _from_epochs(cells: pd.Series) -> tuple[Ints, Flags]:
    numbers = cells.to_numpy(dtype=np.float64, na_value=np.nan)
    whole = np.isfinite(numbers) & (numbers == np.rint(numbers))
    whole &= (numbers >= 0) & (numbers < 2.0**63)
    if pd.api.types.is_integer_dtype(cells) and whole.all():
        counts = cells.to_numpy(dtype=np.int64)  # A float would blur nanoseconds.
    else:
        counts = np.where(whole, numbers, 0).astype(np.int64)
    times = np.zeros(len(counts), dtype=np.int64)
    above = 0
    for below, factor, divisor in _EPOCH_UNITS:
        rows = whole & (counts >= above) & (counts < below)
        times[rows] = counts[rows] * factor // divisor
        whole[rows] &= counts[rows] % divisor == 0
        above = below
    return times, whole


def _from_text(cells: pd.Series) -> tuple[Ints, Flags]:
    cells = cells.str.strip()
    strict = cells.str.fullmatch(_RFC_3339).fillna(value=False).to_numpy(dtype=np.bool_)
    parsed = pd.to_datetime(cells.where(strict), format="ISO8601", utc=True, errors="coerce")
    times, exact = _from_datetimes(parsed)
    return times, exact & strict


def _from_datetimes(cells: pd.Series) -> tuple[Ints, Flags]:
    utc = cells.dt.tz_localize("UTC") if cells.dt.tz is None else cells.dt.tz_convert("UTC")
    ms = utc.dt.as_unit("ms")
    exact = utc.notna().to_numpy(dtype=np.bool_) & (ms == utc).to_numpy(dtype=np.bool_)
    return ms.astype("int64").to_numpy(dtype=np.int64), exact
