"""Candles in, signals out: the last candles of every market, and what the strategy makes of them.

Law: only closed candles enter, oldest first, each once; the strategy sees the last `warmup` of
them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tradebot.candles import VALUE_COLUMNS, CandleTable
from tradebot.model.market import Candle, Market, Scale
from tradebot.model.signal import Signal
from tradebot.runtime.ranges import mean_ranges
from tradebot.strategies.base import AnyParams, Strategy, last_signal, required_candles

CATCH_UP_MAX = 1000


class CandleSource(Protocol):
    """Where closed candles come from: the exchange reader."""

    def candles(
        self, wanted: Mapping[str, int], timeframe_ms: int, *, now_ms: int
    ) -> Mapping[str, CandleTable]:
        """Return up to `wanted[symbol]` of the newest closed candles of each market."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """One newly closed candle of one market, and the strategy's opinion after it."""

    market: str
    candle: Candle
    signal: Signal


class Feed:
    """The newest candles of every market, kept as long as the strategy needs them."""

    def __init__(
        self,
        source: CandleSource,
        markets: Mapping[str, Market],
        scales: Mapping[str, Scale],
        *,
        timeframe_ms: int,
        strategy: Strategy,
        params: AnyParams,
        range_candles: int = 0,
        keep: Callable[[str, CandleTable], None],
    ) -> None:
        self._source = source
        self._markets = {market.symbol: name for name, market in markets.items()}
        self._scales = scales
        self._timeframe_ms = timeframe_ms
        self._strategy = strategy
        self._params = params
        self._keep = keep
        self._warmup = required_candles(strategy, params)
        # Of so many candles entries are sized by the mean true range; 0 = they are not.
        self._range_candles = range_candles
        self._kept = max(self._warmup, range_candles + 1 if range_candles else 0)
        self._windows: dict[str, CandleTable] = {}

    def begin(self, after_ms: int, decided: Mapping[str, int]) -> None:
        """Fetch the history that the strategy needs up to `after_ms`.

        `decided` is the newest decided close of each market: a candle of another market that came
        late is left to `refresh`, which tells it. Raises ExchangeUnavailable.
        """
        wanted = dict.fromkeys(self._markets, self._kept)
        tables = self._source.candles(wanted, self._timeframe_ms, now_ms=after_ms)
        for symbol, fetched in tables.items():
            closed_at = decided.get(self._markets[symbol], after_ms)
            table = fetched.between(0, closed_at - self._timeframe_ms + 1)
            self._windows[symbol] = table
            self._keep(self._markets[symbol], table)

    def last_readings(self, closed_at: int, *, since_ms: int) -> list[tuple[Reading, bool]]:
        """Return the known candles that closed at `closed_at` with their signals, markets in order.

        The flag says whether the candle before it was decided too, or there was none since
        `since_ms`, when the session began.
        """
        found = []
        for symbol, table in sorted(self._windows.items()):
            if len(table) and table.closed_at[-1] == closed_at:
                name = self._markets[symbol]
                candle, signal = self._read(table, len(table) - 1, name)
                before = int(table.closed_at[-2]) if len(table) > 1 else since_ms
                is_contiguous = before <= since_ms or before == candle.opened_at
                found.append((Reading(name, candle, signal), is_contiguous))
        return found

    def refresh(self, now_ms: int) -> dict[int, list[Reading]]:
        """Return what has closed since the last call, by close time, oldest first.

        Raises ExchangeUnavailable; nothing is taken in then.
        """
        wanted = {symbol: self._missing(symbol, now_ms) for symbol in self._markets}
        wanted = {symbol: count for symbol, count in wanted.items() if count > 0}
        if not wanted:
            return {}
        tables = self._source.candles(wanted, self._timeframe_ms, now_ms=now_ms)
        readings: dict[int, list[Reading]] = {}
        for symbol in sorted(tables):
            for reading in self._take(symbol, tables[symbol]):
                readings.setdefault(reading.candle.closed_at, []).append(reading)
        return dict(sorted(readings.items()))

    def _missing(self, symbol: str, now_ms: int) -> int:
        window = self._windows.get(symbol)
        if window is None or not len(window):
            return self._kept
        return min(CATCH_UP_MAX, (now_ms - int(window.closed_at[-1])) // self._timeframe_ms)

    def _take(self, symbol: str, table: CandleTable) -> list[Reading]:
        window = self._windows.get(symbol)
        if window is not None and len(window):
            table = table.between(int(window.closed_at[-1]), 2**62)
        if not len(table):
            return []
        name = self._markets[symbol]
        self._keep(name, table)
        history = table if window is None else _joined(window, table)
        first = len(history) - len(table)
        readings = [
            Reading(name, *self._read(history, index, name))
            for index in range(first, len(history))
        ]
        self._windows[symbol] = history.last(self._kept)
        return readings

    def _read(self, table: CandleTable, index: int, name: str) -> tuple[Candle, Signal]:
        """Return one row as a candle, and the opinion of the rows up to it."""
        seen = _rows(table, max(0, index + 1 - self._warmup), index + 1)
        signal = last_signal(self._strategy, seen.frame(), self._params)
        scale = self._scales[name]
        candle = _candle(table, index, scale)
        if not self._range_candles:
            return candle, signal
        rows = _rows(table, max(0, index - self._range_candles), index + 1)
        mean = mean_ranges(rows, self._range_candles, scale.price_decimals)[-1]
        return candle._replace(mean_range=mean), signal


def _joined(older: CandleTable, newer: CandleTable) -> CandleTable:
    columns = {
        column: np.concatenate([getattr(older, column), getattr(newer, column)])
        for column in ("opened_at", *VALUE_COLUMNS)
    }
    return CandleTable(older.symbol, older.timeframe_ms, **columns)


def _rows(table: CandleTable, start: int, stop: int) -> CandleTable:
    return table.between(int(table.opened_at[start]), int(table.opened_at[stop - 1]) + 1)


def _candle(table: CandleTable, index: int, scale: Scale) -> Candle:
    """Return one row as exact integers.

    Raises DataError for a price finer than the market's tick.
    """
    row = _rows(table, index, index + 1)
    opened, high, low, close = (int(units[0]) for units in row.price_units(scale.price_decimals))
    opened_at = int(row.opened_at[0])
    return Candle(opened_at, opened_at + table.timeframe_ms, opened, high, low, close)
