"""Store candles in one SQLite file: append, read back, and look for what is missing or wrong.

Law: a stored candle is only replaced when the caller says so. One thread at a time uses a store.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from sqlite_utils import Database, Migrations

from tradebot.candles import (
    VALUE_COLUMNS,
    CandleTable,
    Columns,
    Verified,
    find_problems,
)
from tradebot.errors import DataError, NotFoundError, UsageError
from tradebot.model.timeframe import format_time, timeframe_ms, timeframe_name
from tradebot.words import nearest

_ROWS_AT_ONCE: Final = 10_000
_SELECT_LAST: Final = """
    SELECT opened_at, open, high, low, close, volume FROM candles
    WHERE market = ? AND timeframe = ? ORDER BY opened_at DESC LIMIT ?
"""
_SELECT_BETWEEN: Final = """
    SELECT opened_at, open, high, low, close, volume FROM candles
    WHERE market = ? AND timeframe = ? AND opened_at >= ? AND opened_at < ? ORDER BY opened_at
"""

migrations = Migrations("candles")


@migrations()
def m001_candles(db: Database) -> None:
    """Create the candles: one row each, kept in the order in which they are read."""
    # sqlite-utils cannot say WITHOUT ROWID, which halves the file and the time of a read.
    db.execute("""
        CREATE TABLE candles (
            market TEXT NOT NULL,
            timeframe TEXT NOT NULL,
            opened_at INTEGER NOT NULL,
            open REAL NOT NULL,
            high REAL NOT NULL,
            low REAL NOT NULL,
            close REAL NOT NULL,
            volume REAL NOT NULL,
            PRIMARY KEY (market, timeframe, opened_at)
        ) STRICT, WITHOUT ROWID
    """)


@migrations()
def m002_sources(db: Database) -> None:
    """Create the list of where the candles came from."""
    columns = {"market": str, "timeframe": str, "source": str, "first": int, "last": int}
    keys = ["market", "timeframe", "source", "first", "last"]
    db.table("sources").create(columns, pk=keys, not_null=set(columns), strict=True)


@dataclass(frozen=True, slots=True)
class Series:
    """What is stored of one market and timeframe; `first` and `last` are open times in UTC ms."""

    market: str
    timeframe: str
    count: int
    first: int
    last: int
    gaps: int
    missing: int


class CandleStore:
    """Candles on disk, by market name (`binance:BTC/USDT`) and timeframe."""

    def __init__(self, path: Path, *, busy_seconds: float = 10.0) -> None:
        """Open or create the store. Raises DataError when it cannot be, or is something else."""
        self.path = Path(path)
        with self._translated():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # The scheduler's thread may differ from the one that opened the store.
            self._connection = sqlite3.connect(
                self.path, timeout=busy_seconds, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A power cut may lose the last candles, which the exchange still has; never the file.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._db = Database(self._connection)
        if migrations.pending(self._db):
            migrations.apply(self._db)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store; what was appended is on disk."""
        self._connection.close()

    def append(
        self,
        market: str,
        table: CandleTable,
        *,
        replace: bool = False,
        source: str = "",
        on_progress: Callable[[int], None] | None = None,
    ) -> int:
        """Store candles, all or none; return how many were new or replaced.

        Candles already stored with the same values are skipped. Raises DataError for a row that is
        no candle, and for one that differs from its stored self unless `replace`.
        """
        _refuse_problems(market, table)
        if len(table) == 0:
            return 0
        key = (market, timeframe_name(table.timeframe_ms))
        with self._translated(), self._writing():
            # Compared in slices: a year of minutes need not be in memory twice.
            added = 0
            for start in range(0, len(table), _ROWS_AT_ONCE):
                part = _part(table, start)
                added += self._append_part(key, part, replace=replace)
                if on_progress is not None:
                    on_progress(len(part))
            if source:
                first, last = int(table.opened_at[0]), int(table.opened_at[-1])
                self._connection.execute(
                    "INSERT OR IGNORE INTO sources (market, timeframe, source, first, last)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (*key, source, first, last),
                )
        return added

    def _append_part(self, key: tuple[str, str], part: CandleTable, *, replace: bool) -> int:
        market, _ = key
        first, last = int(part.opened_at[0]), int(part.opened_at[-1])
        stored = self.read(market, part.timeframe_ms, first, last + 1)
        known, new_rows, old_rows = np.intersect1d(
            part.opened_at, stored.opened_at, assume_unique=True, return_indices=True
        )
        differs = np.zeros(len(known), dtype=np.bool_)
        for name in VALUE_COLUMNS:
            differs |= getattr(part, name)[new_rows] != getattr(stored, name)[old_rows]
        if differs.any() and not replace:
            i = int(np.flatnonzero(differs)[0])
            raise _differs(market, part, int(new_rows[i]), stored, int(old_rows[i]))
        write = np.ones(len(part), dtype=np.bool_)
        write[new_rows] = differs
        columns = [getattr(part, name)[write].tolist() for name in ("opened_at", *VALUE_COLUMNS)]
        self._connection.executemany(
            "INSERT OR REPLACE INTO candles VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ((*key, *row) for row in zip(*columns, strict=True)),
        )
        return int(write.sum())

    def last(self, market: str, timeframe_ms: int, count: int) -> CandleTable:
        """Return the newest `count` candles, oldest first; fewer when fewer are stored."""
        with self._translated():
            key = (market, timeframe_name(timeframe_ms))
            rows = self._connection.execute(_SELECT_LAST, (*key, max(0, count))).fetchall()
        rows.reverse()
        return _table(market, timeframe_ms, rows)

    def read(self, market: str, timeframe_ms: int, start: int, end: int) -> CandleTable:
        """Return the candles that opened at or after `start` and before `end` (UTC ms)."""
        with self._translated():
            key = (market, timeframe_name(timeframe_ms))
            rows = self._connection.execute(_SELECT_BETWEEN, (*key, start, end)).fetchall()
        return _table(market, timeframe_ms, rows)

    def latest_opened_at(self, market: str, timeframe_ms: int) -> int | None:
        """Return when the newest stored candle opened, or None when there is none."""
        with self._translated():
            row = self._connection.execute(
                "SELECT max(opened_at) FROM candles WHERE market = ? AND timeframe = ?",
                (market, timeframe_name(timeframe_ms)),
            ).fetchone()
        latest: int | None = row[0]
        return latest

    def list(self) -> tuple[Series, ...]:
        """Return what is stored, by market, then by length of the candle."""
        with self._translated():
            rows = self._connection.execute(
                "SELECT market, timeframe, count(*), min(opened_at), max(opened_at)"
                " FROM candles GROUP BY market, timeframe"
            ).fetchall()
            series = [self._series(*row) for row in rows]
        return tuple(sorted(series, key=lambda each: (each.market, timeframe_ms(each.timeframe))))

    def find(self, name: str, timeframe: str | None = None) -> tuple[Series, ...]:
        """Return what is stored under a market's name or symbol. Raises NotFoundError."""
        stored = self.list()
        found = tuple(
            series
            for series in stored
            if name in (series.market, series.market.partition(":")[2])
            and timeframe in (None, series.timeframe)
        )
        if found:
            return found
        names = sorted({series.market for series in stored})
        symbols = [each.partition(":")[2] for each in names]
        close = nearest(name.upper().replace("-", "/"), [*symbols, *names])
        shown = f"did you mean {close}? " if close not in ("", name) else ""
        raise NotFoundError(
            f"no {timeframe + ' ' if timeframe else ''}candles of {name} in {self.path}",
            f"{shown}`tradebot data list` shows what there is",
        )

    def _series(self, market: str, timeframe: str, count: int, first: int, last: int) -> Series:
        length = timeframe_ms(timeframe)
        missing = (last - first) // length + 1 - count
        gaps = 0
        if missing:  # Only then are the rows worth a second look.
            (gaps,) = self._connection.execute(
                "SELECT count(*) FROM (SELECT opened_at - lag(opened_at) OVER (ORDER BY opened_at)"
                " AS step FROM candles WHERE market = ? AND timeframe = ?) WHERE step > ?",
                (market, timeframe, length),
            ).fetchone()
        return Series(market, timeframe, count, first, last, gaps, missing)

    def sources(self, market: str, timeframe_ms: int) -> Sequence[str]:
        """Return the names of the files and exchanges these candles came from, sorted."""
        with self._translated():
            rows = self._connection.execute(
                "SELECT DISTINCT source FROM sources WHERE market = ? AND timeframe = ?"
                " ORDER BY source",
                (market, timeframe_name(timeframe_ms)),
            ).fetchall()
        return [row[0] for row in rows]

    def verify(self, market: str, timeframe_ms: int) -> Verified:
        """Check every stored candle as a file's are. Raises NotFoundError when there are none."""
        table = self.read(market, timeframe_ms, -(2**62), 2**62)
        if len(table) == 0:
            raise NotFoundError(
                f"no {timeframe_name(timeframe_ms)} candles of {market} in {self.path}",
                "`tradebot data list` shows what there is",
            )
        columns = Columns.of(table)
        return Verified.of(market, columns, *find_problems(columns))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the file's write lock; keep all changes or, after any exception, none."""
        # IMMEDIATE, not sqlite-utils' plain BEGIN: what append compares must not change under it.
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.rollback()
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what the disk and SQLite say into one line for a person."""
        try:
            yield
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
            raise DataError(
                f"{self.path}: {error}",
                "another tradebot is storing candles: try again when it is done"
                if busy
                else "check the path, its permissions and the free disk space",
            ) from None
        except sqlite3.DatabaseError as error:
            raise DataError(
                f"{self.path}: not a candle store, or damaged: {error}",
                "move it away and import again",
            ) from None
        except OSError as error:
            raise DataError(
                f"{self.path}: {error.strerror or error}", "check the path and its permissions"
            ) from None


def market_name(exchange: str, symbol: str) -> str:
    """Return the name under which candles are stored, `binance:BTC/USDT`. Raises UsageError."""
    if re.fullmatch(r"[a-z][a-z0-9_]*", exchange, re.ASCII) is None:
        raise UsageError(
            f"{exchange!r} is not the name of an exchange", "small letters, such as binance"
        )
    return f"{exchange}:{symbol}"


def open_existing(path: Path) -> CandleStore:
    """Open a store that is there. Raises NotFoundError instead of creating an empty one."""
    if not Path(path).exists():
        raise NotFoundError(
            f"no candles are stored in {path}", "`tradebot data import FILE` stores some"
        )
    return CandleStore(path)


def _refuse_problems(market: str, table: CandleTable) -> None:
    named, count = find_problems(Columns.of(table))
    if count:
        rest = f" (and {count - 1} more problems)" if count > 1 else ""
        raise DataError(
            f"{market}: {named[0].text}{rest}", "nothing was stored; get these candles again"
        )


def _differs(
    market: str, new: CandleTable, new_row: int, old: CandleTable, old_row: int
) -> DataError:
    name = next(
        name for name in VALUE_COLUMNS if getattr(new, name)[new_row] != getattr(old, name)[old_row]
    )
    was, now = getattr(old, name)[old_row].item(), getattr(new, name)[new_row].item()
    when = format_time(int(new.opened_at[new_row]))
    return DataError(
        f"{market} {timeframe_name(new.timeframe_ms)}: the candle of {when} is stored with "
        f"{name} {was!r}, now it has {now!r}; nothing was stored",
        "find out which is right; --replace takes the new ones",
    )


def _part(table: CandleTable, start: int) -> CandleTable:
    stop = start + _ROWS_AT_ONCE
    columns = {name: getattr(table, name)[start:stop] for name in VALUE_COLUMNS}
    return CandleTable(table.symbol, table.timeframe_ms, table.opened_at[start:stop], **columns)


def _table(market: str, timeframe_ms: int, rows: Sequence[tuple[float, ...]]) -> CandleTable:
    symbol = market.partition(":")[2]
    # Milliseconds are below 2**53, so the common float array holds them exactly.
    values = np.array(rows, dtype=np.float64).reshape(-1, 6).T
    return CandleTable(symbol, timeframe_ms, values[0].astype(np.int64), *values[1:])
