"""Opening what a bot needs, and closing it again.

Law: nothing is written to a journal that was not verified; what was opened is closed where
composing fails.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tradebot.adapters.journal import MemoryJournal, SqliteJournal, check_file
from tradebot.runtime.runs import Run


class Closable(Protocol):
    """Something that a bot opened and must close."""

    def close(self) -> None:
        """Release it."""
        ...


def opened_journal(
    run: Run, *, is_ending: bool, is_blind: bool
) -> SqliteJournal | MemoryJournal:
    """Return the run's journal, verified before anything is written to it.

    Whoever only clears what is out needs no sound file, and `is_blind` none at all.
    """
    if is_blind:
        return MemoryJournal()
    if not is_ending:
        check_file(run.journal)
    return SqliteJournal(run.journal)


@contextmanager
def closing(opened: list[Closable]) -> Iterator[list[Closable]]:
    """Yield the list of what is open; close it all, newest first, where composing fails."""
    try:
        yield opened
    except BaseException:
        for each in reversed(opened):
            each.close()
        raise
