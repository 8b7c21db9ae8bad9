"""What a journal says of one command, read while another process writes it."""

import sqlite3
from pathlib import Path

import pytest

from tradebot.adapters.journal import SqliteJournal
from tradebot.adapters.journal_news import CommandNews, command_news, last_seq
from tradebot.errors import JournalError
from tradebot.model.command import (
    CommandEnd,
    CommandEnded,
    CommandRefused,
    CommandTaken,
    CommandWord,
)

TAKEN = CommandTaken(at=1, command_id="a", word=CommandWord.PAUSE, scope="", reason="x")
ENDED = CommandEnded(at=2, command_id="a", end=CommandEnd.DONE, text="so it is")


def test_news_come_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    assert (last_seq(path), command_news(path, "a", after=0)) == (0, CommandNews())
    journal = SqliteJournal(path)
    assert last_seq(path) == 0
    journal.append([TAKEN])
    assert command_news(path, "a", after=0) == CommandNews(taken=TAKEN)
    assert command_news(path, "b", after=0) == CommandNews()
    journal.append([ENDED])
    assert command_news(path, "a", after=0) == CommandNews(TAKEN, ENDED)
    assert command_news(path, "a", after=1) == CommandNews(ended=ENDED)
    assert last_seq(path) == 2
    journal.append([CommandRefused(at=3, name="b.taken", reason="it is no JSON")])
    assert command_news(path, "b", after=2).refused == "it is no JSON"
    journal.close()


def test_journal_that_is_just_being_made_says_nothing_yet(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE other (a)")
    db.close()
    assert (last_seq(path), command_news(path, "a", after=0)) == (0, CommandNews())


def test_journal_that_is_none_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"rubbish" * 1000)
    with pytest.raises(JournalError, match="cannot be read"):
        last_seq(path)
