"""The start: what the journal's file says is verified before anything is written or sent."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support.shell import refused, typed


def journal(folder: Path) -> Path:
    return folder / "logs" / "runs" / "sandbox-0001" / "journal.db"


def epoch(path: Path) -> int:
    """Return how often the journal was opened for writing."""
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT epoch FROM writer").fetchone()[0])


def damaged(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def test_journal_without_its_tail_is_not_traded_on(busy: Path) -> None:
    """Symptom: the bot would decide again what it had decided, under the same ids."""
    typed("run", "--to", "2025-01-01T09:00:00Z")
    path = journal(busy)
    before = epoch(path)
    damaged(path, "DROP TRIGGER events_no_delete", "DELETE FROM events WHERE seq > 5")
    for command in (("run", "--resume", "last"), ("reconcile",)):
        words = refused(1, *command)
        assert "does not verify" in words
        assert "are gone" in words
        assert "restore the last backup" in words
    assert epoch(path) == before, "nobody opened it for writing"


def test_journal_whose_chain_is_broken_is_not_traded_on(busy: Path) -> None:
    typed("run", "--to", "2025-01-01T09:00:00Z")
    damaged(
        journal(busy),
        "DROP TRIGGER events_no_update",
        "UPDATE events SET body = replace(body, 'ema_cross', 'ema_lucky') WHERE seq = 1",
    )
    assert "the chain breaks at event 1" in refused(1, "run", "--resume", "last")


def test_run_goes_on_over_a_sound_journal_and_compares(busy: Path) -> None:
    typed("run", "--to", "2025-01-01T09:00:00Z")
    typed("run", "--resume", "last")
    assert typed("reconcile", "--json").json["agreed"] is True
