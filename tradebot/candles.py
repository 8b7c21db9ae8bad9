"""Candles as columns: one market's closed intervals in order, and what can be wrong with them.

Law: a CandleTable never changes; its arrays are read-only. Prices become exact units or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tradebot.errors import DataError
from tradebot.model.timeframe import format_time, timeframe_name

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

PRICE_COLUMNS: Final = ("open", "high", "low", "close")
VALUE_COLUMNS: Final = (*PRICE_COLUMNS, "volume")
DECIMALS_MAX: Final = 12

# A file of rubbish has a problem in every row; naming a thousand of them is help enough.
PROBLEMS_NAMED_MAX: Final = 1000

# Above 2**53 a float no longer holds every integer, so a price in units could be off by one.
_EXACT_BELOW: Final = 2.0**53


@dataclass(frozen=True, slots=True, eq=False)
class CandleTable:
    """Candles of one market and timeframe, oldest first. (n,) columns; opens in UTC ms."""

    symbol: str
    timeframe_ms: int
    opened_at: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __post_init__(self) -> None:
        for name in ("opened_at", *VALUE_COLUMNS):
            kind = np.int64 if name == "opened_at" else np.float64
            column = np.ascontiguousarray(getattr(self, name), dtype=kind).view()
            assert column.shape == (len(self.opened_at),), (self.symbol, name, column.shape)
            column.flags.writeable = False
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.opened_at)

    def equals(self, other: CandleTable) -> bool:
        """Say whether `other` has the same market, timeframe and values, to the last bit."""
        if (self.symbol, self.timeframe_ms) != (other.symbol, other.timeframe_ms):
            return False
        names = ("opened_at", *VALUE_COLUMNS)
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in names)

    @property
    def closed_at(self) -> Ints:
        """When each candle closed, in UTC ms."""
        closed: Ints = self.opened_at + self.timeframe_ms
        return closed

    def frame(self) -> pd.DataFrame:
        """Return the columns open high low close volume, indexed by `closed_at` in UTC."""
        import pandas as pd  # Here, so that commands that only count candles start fast.

        closed_at = pd.DatetimeIndex(self.closed_at.astype("datetime64[ms]"), name="closed_at")
        columns = {name: getattr(self, name) for name in VALUE_COLUMNS}
        return pd.DataFrame(columns, index=closed_at.tz_localize("UTC"))

    def between(self, start_ms: int, end_ms: int) -> CandleTable:
        """Return the candles that opened at or after `start_ms` and before `end_ms`."""
        first, stop = np.searchsorted(self.opened_at, (start_ms, end_ms)).tolist()
        return self._rows(slice(first, max(first, stop)))

    def last(self, n: int) -> CandleTable:
        """Return the newest `n` candles, or all when there are fewer."""
        assert n >= 0, n
        return self._rows(slice(max(0, len(self) - n), None))

    def _rows(self, rows: slice) -> CandleTable:
        columns = {name: getattr(self, name)[rows] for name in VALUE_COLUMNS}
        return CandleTable(self.symbol, self.timeframe_ms, self.opened_at[rows], **columns)

    def price_decimals(self) -> int:
        """Return how many decimals the prices need, each written as short as possible; <= 12."""
        prices = np.concatenate([getattr(self, name) for name in PRICE_COLUMNS])
        # A sample gives the answer or nearly so; then one pass over all rows usually settles it.
        decimals = _decimals_from(0, prices[:: max(1, len(prices) // 1000)])
        return _decimals_from(decimals, prices)

    def price_units(self, decimals: int) -> tuple[Ints, Ints, Ints, Ints]:
        """Return open, high, low, close as exact counts of 10**-decimals.

        Raises DataError naming the first price that is finer, or too large to count exactly.
        """
        assert 0 <= decimals <= 22, decimals  # Up to 10**22 a float power of ten is exact.
        units = [self._units(name, decimals) for name in PRICE_COLUMNS]
        return units[0], units[1], units[2], units[3]

    def _units(self, name: str, decimals: int) -> Ints:
        prices: Floats = getattr(self, name)
        scale = float(10**decimals)
        counts = np.rint(prices * scale)
        # Below 2**53 both numbers are exact, so the quotient is the float nearest to that decimal:
        # equal means the price *is* that decimal, the one its text in file or reply showed.
        wrong = (counts / scale != prices) | (np.abs(counts) >= _EXACT_BELOW)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            price = prices[row].item()
            large = abs(price) * scale >= _EXACT_BELOW
            raise DataError(
                f"{self.symbol}: row {row + 1} ({format_time(int(self.opened_at[row]))}): {name} "
                f"{price!r} {'is too large to count in' if large else 'is finer than'} "
                f"{decimals} decimals",
                f"these candles need {self.price_decimals()} decimals: give the market a tick that "
                "fits, or check that the candles are of this market",
            )
        return counts.astype(np.int64)

    def gaps(self) -> list[tuple[int, int, int]]:
        """Return (opened_at before, opened_at after, candles missing) of every hole, in order."""
        return find_gaps(self.opened_at, self.timeframe_ms)


def find_gaps(opened_at: Ints, timeframe_ms: int) -> list[tuple[int, int, int]]:
    """Return (opened_at before, opened_at after, candles missing) of holes in ordered times."""
    steps = np.diff(opened_at)
    return [
        (int(opened_at[i]), int(opened_at[i + 1]), int(steps[i]) // timeframe_ms - 1)
        for i in np.flatnonzero(steps > timeframe_ms).tolist()
    ]


def _decimals_from(decimals: int, prices: Floats) -> int:
    """Return the first count from `decimals` up at which every price is a whole number of units."""
    while decimals < DECIMALS_MAX:
        scale = float(10**decimals)
        prices = prices[np.rint(prices * scale) / scale != prices]
        if len(prices) == 0:
            break
        decimals += 1
    return decimals


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in one row; `row` counts candles from 1."""

    row: int
    column: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Candle columns that nobody has checked; unreadable cells are marked, not guessed.

    `is_time` marks the rows whose `opened_at` could be read, `is_number` the readable cells of
    each value column. `first_line` is the file line of row 1, or None when there are no lines.
    """

    timeframe_ms: int
    opened_at: Ints
    values: dict[str, Floats]
    is_time: Flags
    is_number: dict[str, Flags]
    first_line: int | None = None

    @classmethod
    def of(cls, table: CandleTable) -> Columns:
        """Return a table's columns, every cell of which is readable."""
        values = {name: getattr(table, name) for name in VALUE_COLUMNS}
        yes = np.ones(len(table), dtype=np.bool_)
        return cls(table.timeframe_ms, table.opened_at, values, yes, dict.fromkeys(values, yes))

    def where(self, row: int) -> str:
        """Return how to find row index `row`: `row 3 (line 4)`."""
        line = "" if self.first_line is None else f" (line {self.first_line + row})"
        return f"row {row + 1}{line}"


def find_problems(columns: Columns) -> tuple[list[Problem], int]:
    """Return what makes rows no candles, in row order: the first 1,000, and how many in all."""
    found = _value_problems(columns) + _range_problems(columns) + _time_problems(columns)
    named = sorted(
        (
            (row, place, check)
            for place, check in enumerate(found)
            for row in np.flatnonzero(check.mask)[:PROBLEMS_NAMED_MAX].tolist()
        ),
        key=lambda entry: entry[:2],
    )
    total = sum(int(check.mask.sum()) for check in found)
    return [
        Problem(row + 1, check.column, check.kind, _text(columns, row, check))
        for row, _, check in named[:PROBLEMS_NAMED_MAX]
    ], total


@dataclass(frozen=True, slots=True, eq=False)
class _Check:
    """The rows that fail one rule; `says` is filled in with the row's own values."""

    mask: Flags
    column: str
    kind: str
    says: str


def _text(columns: Columns, row: int, check: _Check) -> str:
    values = {name: repr(column[row].item()) for name, column in columns.values.items()}
    values["time"] = format_time(int(columns.opened_at[row])) if columns.is_time[row] else "?"
    if check.kind == "duplicate":
        first = np.flatnonzero(columns.is_time & (columns.opened_at == columns.opened_at[row]))[0]
        values["first"] = columns.where(int(first))
    return f"{columns.where(row)}: {check.says.format_map(values)}"


def _value_problems(columns: Columns) -> list[_Check]:
    found = []
    for name, column in columns.values.items():
        readable = columns.is_number[name]
        number = readable & np.isfinite(column)
        lowest = "is negative" if name == "volume" else "is not above 0"
        below = column < 0 if name == "volume" else column <= 0
        found += [
            _Check(readable & np.isnan(column), name, "nan", f"{name} is empty or NaN"),
            _Check(readable & np.isinf(column), name, "infinite", f"{name} is infinite"),
            _Check(number & below, name, "sign", f"{name} {{{name}}} {lowest}"),
        ]
    return found


def _range_problems(columns: Columns) -> list[_Check]:
    values = columns.values
    # NaN compares false, so a row with an unreadable price is not named twice.
    low, high = values["low"], values["high"]
    upside_down = high < low
    found = [_Check(upside_down, "high", "range", "high {high} is below low {low}")]
    for name in ("open", "close"):
        outside = ((values[name] < low) | (values[name] > high)) & ~upside_down
        says = f"{name} {{{name}}} is outside low {{low}} .. high {{high}}"
        found.append(_Check(outside, name, "range", says))
    return found


def _time_problems(columns: Columns) -> list[_Check]:
    times, is_time = columns.opened_at, columns.is_time
    name = timeframe_name(columns.timeframe_ms)
    off_grid = is_time & (times % columns.timeframe_ms != 0)
    found = [_Check(off_grid, "opened_at", "grid", f"{{time}} is not the open of a {name} candle")]
    readable = times[is_time]
    if (np.diff(readable) > 0).all():
        return found
    latest = np.maximum.accumulate(readable)
    repeated = np.ones(len(readable), dtype=np.bool_)
    repeated[np.unique(readable, return_index=True)[1]] = False
    backwards = np.zeros(len(readable), dtype=np.bool_)
    backwards[1:] = (readable[1:] < latest[:-1]) & ~repeated[1:]
    for mask, kind, says in (
        (repeated, "duplicate", "{time} is already in {first}"),
        (backwards, "disorder", "{time} is older than a row before it"),
    ):
        rows = np.zeros(len(times), dtype=np.bool_)
        rows[np.flatnonzero(is_time)[mask]] = True
        found.append(_Check(rows, "opened_at", kind, says))
    return found


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of candles found; `problems` are the first of `problem_count`.

    `first` and `last` are open times, None where none could be read; gaps as of `find_gaps`.
    """

    name: str
    timeframe_ms: int
    count: int
    first: int | None
    last: int | None
    problems: tuple[Problem, ...]
    problem_count: int
    gaps: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(
        cls, name: str, columns: Columns, problems: list[Problem], problem_count: int
    ) -> Verified:
        """Return what was found, with the gaps between those times that could be read."""
        times = np.unique(columns.opened_at[columns.is_time])
        return cls(
            name=name,
            timeframe_ms=columns.timeframe_ms,
            count=len(columns.opened_at),
            first=int(times[0]) if len(times) else None,
            last=int(times[-1]) if len(times) else None,
            problems=tuple(problems),
            problem_count=problem_count,
            gaps=tuple(gap for gap in find_gaps(times, columns.timeframe_ms) if gap[2]),
        )
