"""A journal that is damaged, or whose newest events were cut off, does not verify."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tradebot.adapters.journal import MemoryJournal, SqliteJournal, check_file, verify
from tradebot.errors import JournalError
from tradebot.model import event as ev


def cancels(*order_ids: str) -> list[ev.Event]:
    return [
        ev.CancelSent(at=number, order_id=order_id, reason="test")
        for number, order_id in enumerate(order_ids)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the file of a journal of five events."""
    file = tmp_path / "journal.db"
    with closing(SqliteJournal(file)) as journal:
        for event in cancels("tb-1", "tb-2", "tb-1", "tb-3", "tb-1"):
            journal.append([event])
    return file


def test_tail_that_was_cut_off_is_missed(path: Path) -> None:
    """Symptom: the chain of what was left is unbroken, and the report told another result."""
    assert verify(path).fault == ""
    check_file(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TRIGGER events_no_delete")
        db.execute("DELETE FROM events WHERE seq > 3")
        db.commit()
    verdict = verify(path)
    assert verdict.events == 3
    assert verdict.fault.endswith("of 5 events the last 2 are gone")
    with pytest.raises(JournalError, match="of 5 events the last 2 are gone"):
        check_file(path)


def test_index_that_contradicts_its_table_is_found_before_the_start(path: Path) -> None:
    """The chain is read by number alone: it is whole, and the index would tell another story."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute(
            "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master "
            "WHERE name = 'events_by_kind') WHERE name = 'events_by_order'"
        )
        db.commit()
    with pytest.raises(JournalError, match=r"does not verify|cannot be read"):
        check_file(path)


def test_file_that_is_not_there_or_still_empty_is_no_damage(tmp_path: Path) -> None:
    check_file(tmp_path / "journal.db")
    empty = tmp_path / "empty.db"
    empty.touch()
    check_file(empty)


def test_write_that_was_cut_off_beside_the_log_is_undone(path: Path, tmp_path: Path) -> None:
    """Symptom: killed while the tables were made, the next start read half of them: "malformed"."""
    cut = tmp_path / "cut" / "journal.db"
    cut.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA cache_size = 1")
        db.execute("BEGIN")
        db.execute("CREATE TABLE half (value TEXT)")
        db.executemany("INSERT INTO half VALUES (?)", [("x" * 1000,)] * 1000)
        for name in ("journal.db", "journal.db-journal"):
            shutil.copy(path.with_name(name), cut.with_name(name))
    assert cut.stat().st_size > 1_000_000, "pages of the transaction are in the file"
    check_file(cut)
    assert verify(cut).events == 5
    assert cut.stat().st_size < 1_000_000


def test_events_of_one_order_are_told_by_every_journal(path: Path) -> None:
    memory = MemoryJournal()
    memory.append(cancels("tb-1", "tb-2", "tb-1"))
    with closing(SqliteJournal(path)) as journal:
        for kept, count in ((journal, 3), (memory, 2)):
            assert len(kept.of_order("tb-1")) == count
            assert {each.at for each in kept.of_order("tb-2")} == {1}
            assert kept.of_order("tb-9") == []
