"""Candles that are missing for ever, and candles that come late, as klines tell them.

Law: whether a candle is missing or late follows from its market, timeframe and open alone: it does
not matter how often it is asked for. The book still fills orders by every candle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tradebot.model.money import PPM
from tradebot.model.timeframe import format_time, timeframe_name
from tradebot.sandbox.book import Book
from tradebot.sandbox.faults_log import FaultLog
from tradebot.sandbox.faults_plan import Chance, FaultPlan, Script

CANDLE_FAULTS = ("candle_gap", "candle_late")
LATE_MS_MAX = 90_000  # By chance; a script may say any.


class CandleFaults:
    """Says which candles klines show now."""

    def __init__(self, plan: FaultPlan, book: Book, log: FaultLog) -> None:
        self._book = book
        self._log = log
        self._gaps, self._lates = (
            [each for each in plan.scripts if each.fault == fault] for fault in CANDLE_FAULTS
        )
        self._random = plan.random
        self._chance = Chance(0 if plan.random is None else plan.random.seed)
        self._told: set[tuple[str, str, int, int]] = set()

    def shown(self, symbol: str, timeframe_ms: int) -> Callable[[int], bool]:
        """Return what says of a candle, by its open, whether klines show it now."""
        late_from = self._late_from(symbol, timeframe_ms)

        def is_shown(opened_at: int) -> bool:
            if opened_at >= late_from:
                if opened_at == late_from:
                    self._tell("candle_late", symbol, timeframe_ms, opened_at)
                return False
            if self._is_missing(symbol, timeframe_ms, opened_at):
                self._tell("candle_gap", symbol, timeframe_ms, opened_at)
                return False
            return True

        return is_shown

    def _tell(self, fault: str, symbol: str, timeframe_ms: int, opened_at: int) -> None:
        """Write a candle down the first time that it was wanted and not told."""
        if (fault, symbol, timeframe_ms, opened_at) not in self._told:
            self._told.add((fault, symbol, timeframe_ms, opened_at))
            candle = f"{timeframe_name(timeframe_ms)} candle of {format_time(opened_at)}"
            self._log.add(self._book.now, fault, symbol, candle)

    def _is_missing(self, symbol: str, timeframe_ms: int, opened_at: int) -> bool:
        closes_at = opened_at + timeframe_ms
        for each in _of(self._gaps, symbol):
            if opened_at < each.period.end and closes_at > each.period.start:
                return True
        return self._hits("candle_gap", symbol, timeframe_ms, opened_at)

    def _late_from(self, symbol: str, timeframe_ms: int) -> int:
        """Return the open of the first candle that is not there yet: nor are those after it."""
        now = self._book.now
        longest = max((each.details.late_ms for each in _of(self._lates, symbol)), default=0)
        if self._rate("candle_late"):
            longest = max(longest, LATE_MS_MAX)
        opened_at = (now - longest) // timeframe_ms * timeframe_ms
        while opened_at + timeframe_ms <= now:
            if opened_at + timeframe_ms + self._late_ms(symbol, timeframe_ms, opened_at) > now:
                return opened_at
            opened_at += timeframe_ms
        return now + 1

    def _late_ms(self, symbol: str, timeframe_ms: int, opened_at: int) -> int:
        closed_at = opened_at + timeframe_ms
        for each in _of(self._lates, symbol):
            if each.period.covers(closed_at):
                return each.details.late_ms
        if not self._hits("candle_late", symbol, timeframe_ms, opened_at):
            return 0
        return self._chance.between(1, LATE_MS_MAX, "late_ms", symbol, timeframe_ms, opened_at)

    def _rate(self, fault: str) -> int:
        return 0 if self._random is None else self._random.rates.get(fault, 0)

    def _hits(self, fault: str, symbol: str, timeframe_ms: int, opened_at: int) -> bool:
        rate = self._rate(fault)
        if not rate or self._random is None:
            return False
        is_due = self._random.period.covers(opened_at + timeframe_ms)
        draw = self._chance.below(PPM, fault, symbol, timeframe_ms, opened_at)
        return is_due and draw < rate


def _of(scripts: Sequence[Script], symbol: str) -> list[Script]:
    """Return the scripts of a market: those that name it or none."""
    return [each for each in scripts if each.details.symbol in ("", symbol)]
