"""The candles that the bot sees, made of the exchange's finer ones, and a strategy drawn by seed.

Law: it answers as `runtime/feed.py` does: only closed candles, oldest first, each once.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from tradebot.model.market import Candle
from tradebot.model.signal import Signal
from tradebot.runtime.feed import Reading
from tradebot.sandbox.listing import Listing

LONG, FLAT, HOLD = 1_000_000, 0, None
SPELL_MAX = 6


@dataclass(frozen=True, slots=True)
class Column:
    """One market's candles as the bot sees them, and the target exposure after each."""

    candles: list[Candle]
    closed_at: list[int]
    exposures: list[int | None]

    def take_out(self, from_ms: int, until_ms: int) -> None:
        """Let no candle open in this span."""
        first = bisect_right(self.closed_at, from_ms)
        last = bisect_right(self.closed_at, until_ms)
        for each in (self.candles, self.closed_at, self.exposures):
            del each[first:last]


def column(listing: Listing, timeframe_ms: int, draw: Random) -> Column:
    """Return the bot's candles of a listing, with exposures that come in spells."""
    made: dict[int, Candle] = {}
    for index in range(len(listing.closed_at)):
        fine = listing.candle(index)
        opened_at = fine.opened_at - fine.opened_at % timeframe_ms
        known = made.get(opened_at)
        made[opened_at] = Candle(
            opened_at,
            opened_at + timeframe_ms,
            fine.open if known is None else known.open,
            fine.high if known is None else max(known.high, fine.high),
            fine.low if known is None else min(known.low, fine.low),
            fine.close,
        )
    candles = list(made.values())
    exposures: list[int | None] = []
    while len(exposures) < len(candles):
        word = draw.choice((LONG, LONG, FLAT, HOLD))
        exposures += [word] * draw.randint(1, SPELL_MAX)
    return Column(candles, [each.closed_at for each in candles], exposures)


class SimulatedFeed:
    """Stands where the bot's `Feed` does. `read` passes the wire; `is_late` keeps a candle back."""

    def __init__(
        self,
        columns: dict[str, Column],
        read: Callable[[], None],
        is_late: Callable[[], bool],
    ) -> None:
        self._columns = columns
        self._read = read
        self._is_late = is_late
        self._next: dict[str, int] = {}

    def is_behind(self, now_ms: int) -> bool:
        """Return whether a candle has closed that was not read."""
        return any(
            bisect_right(each.closed_at, now_ms) != self._next.get(name)
            for name, each in self._columns.items()
        )

    def begin(self, after_ms: int, decided: Mapping[str, int]) -> None:
        """Fetch history up to `after_ms`, of each market up to what it has decided."""
        self._read()
        self._next = {
            name: bisect_right(each.closed_at, min(after_ms, decided.get(name, after_ms)))
            for name, each in self._columns.items()
        }

    def last_candles(self, closed_at: int) -> dict[str, Candle]:
        """Return the known candles that closed at `closed_at`."""
        newest = {
            name: self._columns[name].candles[index - 1]
            for name, index in self._next.items()
            if index
        }
        return {name: each for name, each in newest.items() if each.closed_at == closed_at}

    def last_readings(self, closed_at: int, *, since_ms: int) -> list[tuple[Reading, bool]]:
        """Return the known candles that closed at `closed_at`, and whether none misses before."""
        found = []
        for name, candle in sorted(self.last_candles(closed_at).items()):
            each, index = self._columns[name], self._next[name] - 1
            signal = Signal(exposure_ppm=each.exposures[index], reasons=("drawn",))
            before = each.closed_at[index - 1] if index else since_ms
            is_contiguous = before <= since_ms or before == candle.opened_at
            found.append((Reading(name, candle, signal), is_contiguous))
        return found

    def refresh(self, now_ms: int) -> dict[int, list[Reading]]:
        """Return what has closed since the last call, by close time."""
        until = {
            name: bisect_right(each.closed_at, now_ms) for name, each in self._columns.items()
        }
        if until == self._next:
            return {}
        self._read()
        if self._is_late():
            until = {name: max(self._next[name], index - 1) for name, index in until.items()}
        readings: dict[int, list[Reading]] = {}
        for name in sorted(self._columns):
            each = self._columns[name]
            for index in range(self._next[name], until[name]):
                signal = Signal(exposure_ppm=each.exposures[index], reasons=("drawn",))
                reading = Reading(name, each.candles[index], signal)
                readings.setdefault(reading.candle.closed_at, []).append(reading)
        self._next = until
        return dict(sorted(readings.items()))
