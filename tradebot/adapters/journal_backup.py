"""A copy of a journal, made while the bot writes, and proved to be whole.

Law: a backup that was not read back and verified is none.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from tradebot.adapters.files import sync_folder
from tradebot.adapters.journal import Verdict, open_readonly, verify
from tradebot.errors import JournalError, TradebotError


def check_backup(backup: Path, journal: Path, *, events: int, head: str) -> None:
    """Raise JournalError or NotFoundError unless a backup is whole, and of this very journal."""
    verdict = verify(backup)
    if verdict.fault:
        raise JournalError(f"{backup} is not whole: {verdict.fault}")
    if (verdict.events, verdict.head) != (events, head):
        raise JournalError(f"{backup} is another file than was made then")
    with closing(open_readonly(journal)) as db:
        found = db.execute("SELECT hash FROM events WHERE seq = ?", (events,)).fetchone()
    if found is None or found[0] != head:
        raise JournalError(f"{backup} is of another journal than {journal}")


def back_up(journal: Path, target: Path) -> Verdict:
    """Copy the journal to `target`, which must not exist, and verify the copy.

    Raises JournalError and NotFoundError; then there is no new file at `target`.
    """
    try:
        # Ours alone, and nobody's file is overwritten.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise JournalError(f"{target} is there already", hint="name another file") from None
    except OSError as error:
        raise JournalError(f"{target} cannot be written: {error.strerror}") from error
    try:
        with closing(open_readonly(journal)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            # A file of its own: a backup in the write-ahead mode would be three.
            copy.execute("PRAGMA journal_mode=DELETE")
        with target.open("rb+") as file:
            os.fsync(file.fileno())
        sync_folder(target.parent)
        verdict = verify(target)
    except (sqlite3.Error, OSError) as error:
        target.unlink(missing_ok=True)
        raise JournalError(f"{target} cannot be written: {error}") from error
    except TradebotError:
        target.unlink(missing_ok=True)
        raise
    if verdict.fault:
        target.unlink(missing_ok=True)
        raise JournalError(
            f"the copy of {journal} is not whole: {verdict.fault}",
            hint="`tradebot journal verify` checks the journal itself",
        )
    return verdict
