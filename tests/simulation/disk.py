"""The production journal beside the one in memory: the same appends, read again at every start.

Law: whoever opens it takes it over, and whoever had it before writes no more.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.simulation.record import Violation
from tradebot.adapters.journal import SqliteJournal, check_file, verify
from tradebot.engine.apply import fold
from tradebot.engine.state import State
from tradebot.errors import JournalError
from tradebot.model.event import Event


class DiskJournal:
    """A journal file, opened again and again."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "journal.db"
        self._open: SqliteJournal | None = None
        self._last: Sequence[Event] = ()
        self.starts = 0

    def append(self, events: Sequence[Event]) -> None:
        """Append on the disk."""
        assert self._open is not None, "a start opens it"
        self._open.append(events)
        self._last = events

    def reopened(self) -> State:
        """Check the file, take it over from the life before, and return what it folds to."""
        before = self._open
        check_file(self._path)
        self._open = SqliteJournal(self._path)
        self.starts += 1
        if before is not None:
            self._fenced(before)
        return fold(self._open.events())

    def _fenced(self, before: SqliteJournal) -> None:
        with suppress(JournalError):
            before.append(self._last)
            raise Violation("I14: two lives write one journal")
        before.close()

    def verify(self, count: int) -> None:
        """Check the whole chain, as `tradebot journal verify` does."""
        if self._open is not None:
            self._open.close()
        verdict = verify(self._path)
        if verdict.fault:
            raise Violation(f"I16: {verdict.fault}")
        if verdict.events != count:
            raise Violation(f"I15: {verdict.events} events on disk of {count}")
