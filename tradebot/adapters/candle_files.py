"""Read candle files: CSV, gzipped CSV and Parquet, all of it checked before any of it is believed.

Law: a file is untrusted; nothing in it is repaired or guessed. Gaps are reported, not errors:
exchanges have outages.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import stat
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from tradebot.adapters.candle_cells import CLOSE_TIME_NAME, find_columns, to_numbers, to_times
from tradebot.adapters.candle_names import check_symbol, symbol_in, timeframe_in
from tradebot.candles import (
    PROBLEMS_NAMED_MAX,
    VALUE_COLUMNS,
    CandleTable,
    Columns,
    Ints,
    Problem,
    Verified,
    find_problems,
)
from tradebot.errors import DataError
from tradebot.model.timeframe import TIMEFRAMES, timeframe_ms, timeframe_name

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SIZE_MAX: Final = 2 * 2**30  # Bytes, unpacked: about 30 million candles.
_NAMED_IN_ERROR: Final = 5
_FORMATS: Final = "tradebot reads .csv, .csv.gz and .parquet"


@dataclass(frozen=True, slots=True)
class RawCandles:
    """A file's candles before the check. `unreadable` are the cells that are no time or number."""

    path: Path
    symbol: str
    columns: Columns
    unreadable: tuple[Problem, ...]
    unreadable_count: int


def read_candles(
    path: Path, *, symbol: str | None = None, timeframe: str | None = None
) -> CandleTable:
    """Return the candles of a file, oldest first.

    `symbol` and `timeframe` are taken from the file's name, the timeframe then from its times,
    unless given. Raises DataError naming the first rows that are not candles.
    """
    raw = read_raw(path, symbol=symbol, timeframe=timeframe)
    named, count = count_problems(raw)
    if count:
        raise _problems_error(raw.path, named, count)
    return table_of(raw)


def table_of(raw: RawCandles) -> CandleTable:
    """Return checked candles as a table."""
    columns = raw.columns
    return CandleTable(raw.symbol, columns.timeframe_ms, columns.opened_at, **columns.values)


def problems(raw: RawCandles) -> list[Problem]:
    """Return what makes rows of `raw` no candles, in row order, the first 1,000 of them."""
    return count_problems(raw)[0]


def count_problems(raw: RawCandles) -> tuple[list[Problem], int]:
    """Return the first 1,000 problems in row order, and how many there are in all."""
    found, count = find_problems(raw.columns)
    merged = sorted([*raw.unreadable, *found], key=lambda problem: problem.row)
    return merged[:PROBLEMS_NAMED_MAX], count + raw.unreadable_count


def verify_file(path: Path, *, symbol: str | None = None, timeframe: str | None = None) -> Verified:
    """Return what is wrong with the rows of a file. Raises DataError when it holds no candles."""
    raw = read_raw(path, symbol=symbol, timeframe=timeframe)
    return Verified.of(raw.path.name, raw.columns, *count_problems(raw))


def _problems_error(path: Path, named: list[Problem], count: int) -> DataError:
    shown = [f"  {problem.text}" for problem in named[:_NAMED_IN_ERROR]]
    rest = count - len(shown)
    if rest:
        shown.append(f"  and {rest} more")
    plural = "s" if count > 1 else ""
    return DataError(
        "\n".join([f"{path.name}: {count} problem{plural}", *shown]),
        f"nothing was read; see all with `tradebot data verify {path}`, "
        "then correct or delete those rows",
    )


def read_raw(path: Path, *, symbol: str | None = None, timeframe: str | None = None) -> RawCandles:
    """Return a file's cells as columns. Raises DataError when it is no table of candles at all."""
    path = Path(path)
    name = path.name
    symbol = symbol_in(name) if symbol is None else check_symbol(symbol)
    if symbol is None:
        raise DataError(
            f"{name or path}: the file name does not tell the market",
            "name the file like BTC-USDT-1h.csv, or name the market: --markets BTC/USDT to trade "
            "it, --symbol BTC/USDT to import it",
        )
    declared = None if timeframe is None else timeframe_ms(timeframe)
    frame, time_name, first_line = _load(path)
    if len(frame) == 0:
        raise DataError(f"{name}: column names, but no candles", "export the file again")
    return _raw(path, symbol, frame, time_name, declared, first_line)


def _raw(
    path: Path,
    symbol: str,
    frame: pd.DataFrame,
    time_name: str,
    declared: int | None,
    first_line: int | None,
) -> RawCandles:
    times, is_time = to_times(frame["time"])
    read = {name: to_numbers(frame[name]) for name in VALUE_COLUMNS}
    length = _timeframe(path, np.diff(times)[is_time[1:] & is_time[:-1]], declared)
    columns = Columns(
        timeframe_ms=length,
        opened_at=times - length if time_name.strip().lower() == CLOSE_TIME_NAME else times,
        values={name: numbers for name, (numbers, _) in read.items()},
        is_time=is_time,
        is_number={name: readable for name, (_, readable) in read.items()},
        first_line=first_line,
    )
    bad_cells, count = _unreadable(columns, frame, time_name)
    return RawCandles(path, symbol, columns, bad_cells, count)


def _unreadable(
    columns: Columns, frame: pd.DataFrame, time_name: str
) -> tuple[tuple[Problem, ...], int]:
    found: list[Problem] = []
    count = 0
    readable = {"time": columns.is_time, **columns.is_number}
    for name, mask in readable.items():
        shown = time_name.strip() if name == "time" else name
        rows = np.flatnonzero(~mask)
        count += len(rows)
        what = "a time in 2009..2100, to the ms" if name == "time" else "a number"
        for row in rows[:PROBLEMS_NAMED_MAX].tolist():
            cell = frame[name].iloc[row]
            says = f"is empty, not {what}" if pd.isna(cell) else f"{str(cell)[:40]!r} is not {what}"
            found.append(
                Problem(row + 1, shown, "unreadable", f"{columns.where(row)}: {shown} {says}")
            )
    found.sort(key=lambda problem: problem.row)
    return tuple(found[:PROBLEMS_NAMED_MAX]), count


def _timeframe(path: Path, steps: Ints, declared: int | None) -> int:
    """Return a candle's length in ms: as declared or named, if the steps agree, or as they say."""
    named = timeframe_in(path.name)
    steps = steps[steps > 0]
    lengths, counts = np.unique(steps, return_counts=True)
    expected = declared if declared is not None or named is None else timeframe_ms(named)
    if expected is not None:
        # Not even once the expected step: these are candles of another length.
        if len(steps) and expected not in lengths:
            usual = int(lengths[counts.argmax()])
            source = "--timeframe" if declared is not None else "the file's name"
            raise DataError(
                f"{path.name}: {source} says {timeframe_name(expected)}, "
                f"but the candles are {_length_name(usual)} apart",
                f"give --timeframe {_length_name(usual)}, or check that it is the right file",
            )
        return expected
    if len(steps) == 0:
        raise DataError(
            f"{path.name}: too few candles to tell their timeframe", "add --timeframe 1h"
        )
    usual = int(lengths[counts.argmax()])
    if usual not in TIMEFRAMES.values():
        raise DataError(
            f"{path.name}: most candles are {_length_name(usual)} apart, which is no timeframe",
            f"known are {', '.join(TIMEFRAMES)}",
        )
    return usual


def _length_name(ms: int) -> str:
    return timeframe_name(ms) if ms in TIMEFRAMES.values() else f"{ms / 1000:g} s"


def _load(path: Path) -> tuple[pd.DataFrame, str, int | None]:
    """Return the time and value columns, the time column's own name, and the line of row 1."""
    name = path.name
    try:
        head = _head(path)
        if head.startswith(b"PAR1"):
            from tradebot.adapters.candle_parquet import load_parquet

            frame, time_name = load_parquet(path, size_max=SIZE_MAX)
            return frame, time_name, None
        if head.startswith(b"\x1f\x8b"):
            with gzip.open(path) as unpacked, _Limited(unpacked, name) as text:
                return _load_csv(text, name)
        _refuse_what_is_no_text(path, head)
        with path.open("rb") as file, _Limited(file, name) as text:
            return _load_csv(text, name)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{name}: damaged gzip: {error}", "download it again; `gzip -t` tests a file"
        ) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{path}: cannot be read: {reason}", "check path and permissions") from None


def _head(path: Path) -> bytes:
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise DataError(f"{path}: is a directory, not a candle file", "give one file in it")
    if not stat.S_ISREG(mode):  # A pipe or device could block, or never end.
        raise DataError(f"{path}: is not a regular file", "save it to a file first")
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise DataError(f"{path.name}: the file is empty", "export or download it again")
    return head


def _refuse_what_is_no_text(path: Path, head: bytes) -> None:
    if path.suffix.lower() in (".gz", ".parquet", ".pq"):
        raise DataError(
            f"{path.name}: named {path.suffix}, but its content is not", "download it again"
        )
    if head.startswith((b"PK\x03\x04", b"\xfd7zXZ", b"BZh", b"7z\xbc\xaf")):
        raise DataError(f"{path.name}: a packed archive", f"unpack it first; {_FORMATS}")
    if b"\x00" in head:
        raise DataError(f"{path.name}: binary content, not a table of candles", _FORMATS)


class _Limited(io.RawIOBase):
    """A stream that refuses to go on past SIZE_MAX bytes: a small gzip can unpack to anything."""

    def __init__(self, source: io.BufferedIOBase, name: str) -> None:
        self._source = source
        self._name = name
        self._left = SIZE_MAX

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        count = self._source.readinto(buffer)
        self._left -= count
        if self._left < 0:
            raise DataError(
                f"{self._name}: more than {SIZE_MAX} bytes of text", "split it into smaller files"
            )
        return count


def _load_csv(stream: io.RawIOBase, name: str) -> tuple[pd.DataFrame, str, int]:
    text = io.TextIOWrapper(io.BufferedReader(stream, 2**18), encoding="utf-8-sig", newline="")
    try:
        header = text.readline(65_536)
        names = next(csv.reader([header], strict=True), [])
        wanted = find_columns(names, file=name)
        positions = {names.index(theirs): ours for ours, theirs in wanted.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # pandas >= 3.1 reads decimals to the nearest float unasked; a test checks it.
            # All columns are read, so that a row with more cells than names is refused.
            frame = pd.read_csv(
                text,
                header=None,
                names=list(range(len(names))),
                index_col=False,
                keep_default_na=False,
                na_values=[""],
                skip_blank_lines=False,  # A row's number must lead to its line.
                low_memory=False,
            )
    except UnicodeDecodeError:
        raise DataError(f"{name}: not UTF-8 text", f"save it as UTF-8; {_FORMATS}") from None
    except pd.errors.EmptyDataError:
        return pd.DataFrame(), wanted["time"], 2
    except (csv.Error, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DataError(
            f"{name}: not a table with the same columns in every row: {_reason(str(error))}",
            "look for stray commas and quotes there",
        ) from None
    frame = frame[list(positions)].rename(columns=positions)
    filled = np.flatnonzero(frame.notna().any(axis=1))
    # Blank lines at the end hold nothing; those before it are problems.
    return frame.iloc[: filled[-1] + 1 if len(filled) else 0], wanted["time"], 2


def _reason(error: str) -> str:
    """Return pandas' reason with lines counted as an editor does: it begins below the header."""
    if "Length of header or names" in error:
        return "line 2 has more cells than there are column names"
    error = error.strip().split("C error: ")[-1]
    error = re.sub(r"\brow (\d+)", lambda found: f"line {int(found[1]) + 2}", error)
    return re.sub(r"\bin line (\d+)", lambda found: f"in line {int(found[1]) + 1}", error)
