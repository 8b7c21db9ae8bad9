"""Backups of a journal: made beside a writer, read back, and never over anybody's file."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from tests.support.builders import closed, started
from tradebot.adapters.journal import SqliteJournal, entries, verify
from tradebot.adapters.journal_backup import back_up
from tradebot.errors import JournalError, NotFoundError


def test_backup_is_the_journal_while_the_bot_holds_it(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    journal.append([started(), closed(BTC="100")])
    copy = tmp_path / "copy.db"
    verdict = back_up(tmp_path / "journal.db", copy)
    journal.append([closed(BTC="101")])
    assert (verdict.events, verdict.fault) == (2, "")
    assert [each.kind for each in entries(copy)] == ["session_started", "candles_closed"]
    assert verify(copy).head == verdict.head
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == sorted(
        {"copy.db", *(name for name in os.listdir(tmp_path) if name.startswith("journal.db"))}
    ), "one file, which can be carried away alone"
    journal.close()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    journal.append([started()])
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(JournalError, match="is there already"):
        back_up(tmp_path / "journal.db", tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "mine"
    journal.close()


def test_damaged_journal_gives_no_backup(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    journal.append([started(), closed(BTC="100")])
    journal.close()
    with sqlite3.connect(tmp_path / "journal.db") as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE events SET body = replace(body, '100', '900') WHERE seq = 2")
    with pytest.raises(JournalError, match="not whole"):
        back_up(tmp_path / "journal.db", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_no_journal_and_no_folder_are_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        back_up(tmp_path / "journal.db", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
    with pytest.raises(JournalError, match="cannot be written"):
        back_up(tmp_path / "journal.db", tmp_path / "nowhere" / "copy.db")
