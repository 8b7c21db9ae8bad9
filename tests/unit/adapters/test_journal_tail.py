"""A journal whose newest events were cut off does not verify."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tradebot.adapters.journal import SqliteJournal, verify
from tradebot.model import event as ev


def test_tail_that_was_cut_off_is_missed(tmp_path: Path) -> None:
    """Symptom: the chain of what was left is unbroken, and the report told another result."""
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    for number in range(5):
        journal.append([ev.CancelSent(at=number, order_id="tb-1", reason="test")])
    journal.close()
    assert verify(path).fault == ""
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TRIGGER events_no_delete")
        db.execute("DELETE FROM events WHERE seq > 3")
        db.commit()
    verdict = verify(path)
    assert verdict.events == 3
    assert verdict.fault.endswith("of 5 events the last 2 are gone")
