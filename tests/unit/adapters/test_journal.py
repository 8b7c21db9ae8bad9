"""The journal: append-only, chained, durable; and every way in which it must say no."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.builders import BTC, booked, closed, fill, intended, order, started
from tests.support.events import any_events
from tradebot.adapters import journal as journal_module
from tradebot.adapters.journal import (
    GENESIS,
    MemoryJournal,
    SqliteJournal,
    chain,
    entries,
    migrate,
    open_readonly,
    verify,
)
from tradebot.errors import JournalError, NotFoundError
from tradebot.model import event as ev
from tradebot.model.codec import encode
from tradebot.model.event import Event

SENT = [ev.OrderSent(at=number, order_id=f"tb-{number}") for number in range(1, 4)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a journal may be."""
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    """Return an open journal of three events."""
    made = SqliteJournal(path)
    made.append(SENT)
    yield made
    made.close()


def _tamper(path: Path, *statements: str) -> None:
    """Edit the file as somebody could who has it: without the triggers."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TRIGGER events_no_update")
        db.execute("DROP TRIGGER events_no_delete")
        for statement in statements:
            db.execute(statement)
        db.commit()


# --- writing and reading ------------------------------------------------------------------------


def test_events_come_back_in_order_from_another_connection(path: Path) -> None:
    with closing(SqliteJournal(path)) as journal:
        journal.append(SENT[:2])
        journal.append(SENT[2:])
    with closing(SqliteJournal(path)) as again:
        assert list(again.events()) == SENT
        again.append([started()])
        assert list(again.events()) == [*SENT, started()]
    assert verify(path).fault == ""


def test_tiny_and_large_amounts_go_to_the_disk_and_come_back(path: Path) -> None:
    event = booked(order(), fill("0.0000001234 @ 123456789.12345678 fee 1E-18 BTC"))
    with closing(SqliteJournal(path)) as journal:
        journal.append([event])
    (entry,) = entries(path)
    assert entry.event == event
    with closing(open_readonly(path)) as db:
        row = db.execute("SELECT quantity, price, fee FROM fills").fetchone()
    assert tuple(row) == ("0.0000001234", "123456789.12345678", "0.000000000000000001")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(any_events(), max_size=5))
def test_whatever_is_appended_comes_back(tmp_path: Path, appended: list[Event]) -> None:
    path = tmp_path / "random.db"
    path.unlink(missing_ok=True)
    with closing(SqliteJournal(path)) as journal:
        journal.append(appended)
    assert [entry.event for entry in entries(path)] == appended
    assert verify(path).events == len(appended)


def test_journal_in_memory_keeps_what_the_file_keeps(journal: SqliteJournal) -> None:
    memory = MemoryJournal()
    memory.append(SENT[:1])
    memory.append(SENT[1:])
    assert list(memory.events()) == list(journal.events())
    memory.close()


def test_row_carries_time_kind_market_and_order(journal: SqliteJournal, path: Path) -> None:
    journal.append([intended(order())])
    with closing(open_readonly(path)) as db:
        row = db.execute("SELECT at, kind, market, order_id, body FROM events WHERE seq = 4")
        found = tuple(row.fetchone())
    assert found[1:4] == ("order_intended", BTC, "tb-1")
    assert found[4] == encode(intended(order()))


def test_folder_of_the_journal_is_made(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "runs" / "journal.db"
    SqliteJournal(path).close()
    assert path.is_file()


@pytest.mark.parametrize("folder", ["with space", "50% off", "what?", "run #1", "a%20b"])
def test_journal_opens_in_a_folder_of_any_name(tmp_path: Path, folder: str) -> None:
    """Symptom: '?', '#' and '%' in the path were read as parts of a URI."""
    path = tmp_path / folder / "journal.db"
    with closing(SqliteJournal(path)) as journal:
        journal.append(SENT)
    assert verify(path).events == 3


def test_file_is_synced_at_every_commit_and_written_ahead(journal: SqliteJournal) -> None:
    # FULL (2) and WAL: what append has returned from survives a power cut.
    assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_file_system_that_cannot_keep_it_safe_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stubborn:
        """A connection of a file system without shared memory: the mode stays as it was."""

        def __init__(self, *arguments: object, **options: object) -> None:
            self._db = real(*arguments, **options)  # type: ignore[call-overload]  # passed on as given

        def execute(self, statement: str) -> sqlite3.Cursor:
            """Ignore the wish for WAL."""
            return self._db.execute(statement.replace("=WAL", "=DELETE"))

        def close(self) -> None:
            """Close it."""
            self._db.close()

    real = sqlite3.connect
    migrate(path)
    monkeypatch.setattr(journal_module, "migrate", lambda path: None)
    monkeypatch.setattr(journal_module.sqlite3, "connect", Stubborn)
    with pytest.raises(JournalError, match="journal_mode is delete and synchronous is 2") as caught:
        SqliteJournal(path)
    assert caught.value.hint.startswith("put the journal on a local disk")


# --- append-only --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET body = '{}' WHERE seq = 2",
        "UPDATE events SET at = 0",
        "DELETE FROM events WHERE seq = 3",
        "DELETE FROM events",
        "REPLACE INTO events SELECT * FROM events WHERE seq = 1",
    ],
)
def test_no_row_is_ever_changed_or_removed(
    journal: SqliteJournal, path: Path, statement: str
) -> None:
    refused = pytest.raises(sqlite3.IntegrityError, match="append-only")
    with closing(sqlite3.connect(path)) as db, refused:
        db.execute(statement)
    assert list(journal.events()) == SENT


@pytest.mark.parametrize(
    ("column", "value"), [("body", "'not json'"), ("hash", "'short'"), ("previous", "'short'")]
)
def test_row_that_is_no_row_of_ours_is_refused(
    journal: SqliteJournal, path: Path, column: str, value: str
) -> None:
    good = {"seq": "9", "at": "1", "kind": "'k'", "body": "'{}'"}
    good |= {"previous": f"'{GENESIS}'", "hash": f"'{GENESIS}'"}
    row = good | {column: value}
    statement = f"INSERT INTO events ({', '.join(row)}) VALUES ({', '.join(row.values())})"  # noqa: S608  # the test's own words
    with closing(sqlite3.connect(path)) as db, pytest.raises(sqlite3.IntegrityError):
        db.execute(statement)


def test_second_writer_takes_over_and_the_first_is_fenced_off(path: Path) -> None:
    with closing(SqliteJournal(path)) as first, closing(SqliteJournal(path)) as second:
        assert (first.epoch, second.epoch) == (1, 2)
        with pytest.raises(JournalError, match="taken over by another instance"):
            first.append(SENT[:1])
        second.append(SENT)
        with pytest.raises(JournalError, match="taken over by another instance"):
            first.append(SENT[:1])
    assert [entry.event for entry in entries(path)] == SENT


# --- failing ------------------------------------------------------------------------------------


def test_full_disk_writes_none_of_the_events_and_the_next_append_works(
    journal: SqliteJournal, path: Path
) -> None:
    # SQLite says the same when the database may not grow as when the disk may not.
    (pages,) = journal._db.execute("PRAGMA page_count").fetchone()
    journal._db.execute(f"PRAGMA max_page_count={pages}")
    large = [ev.OrderUnknown(at=1, order_id="tb-9", cause="x" * 5000) for _ in range(9)]
    with pytest.raises(JournalError, match="database or disk is full") as caught:
        journal.append([SENT[0], *large])
    assert str(path) in caught.value.message
    assert caught.value.hint.startswith("check free space and permissions")
    assert list(journal.events()) == SENT

    journal._db.execute("PRAGMA max_page_count=1000000")
    journal.append(large)
    assert verify(path).events == 12
    assert verify(path).fault == ""


def test_event_that_cannot_be_encoded_writes_none_of_the_events(journal: SqliteJournal) -> None:
    bad = ev.OrderSent(at=1, order_id="tb-9", window_ms=1.5)  # type: ignore[arg-type]  # what the type forbids
    with pytest.raises(TypeError):
        journal.append([SENT[0], bad])
    assert list(journal.events()) == SENT
    journal.append([closed(BTC="1")])


def test_locked_file_is_an_error_not_a_wait_without_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "BUSY_SECONDS", 0.0)
    with closing(SqliteJournal(path)) as journal, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="database is locked"):
            journal.append(SENT)
        other.rollback()
        journal.append(SENT)
        assert list(journal.events()) == SENT


def test_path_that_cannot_be_a_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "journal.db", tmp_path / "folder"):
        with pytest.raises(JournalError, match="cannot be written"):
            SqliteJournal(path)


def test_file_that_is_no_database_is_refused_and_kept(path: Path) -> None:
    path.write_text("a note to myself, more than a hundred bytes of it. " * 4)
    before = path.read_bytes()
    with pytest.raises(JournalError, match="not a database"):
        SqliteJournal(path)
    with pytest.raises(JournalError, match="not a database"):
        list(entries(path))
    assert "not a database" in verify(path).fault
    assert path.read_bytes() == before


# --- the chain ----------------------------------------------------------------------------------


def test_hash_covers_the_row_before_it_number_kind_and_body() -> None:
    first = chain(GENESIS, 1, "order_sent", "{}")
    assert first == "232413dadf48857eaba386acf1294c1c37b1cc554ecc3f1b85ec43bda51de34a"
    others = {
        chain(first, 1, "order_sent", "{}"),
        chain(GENESIS, 2, "order_sent", "{}"),
        chain(GENESIS, 1, "order_sent2", "{}"),
        chain(GENESIS, 1, "order_sent", "{} "),
    }
    assert len(others | {first}) == 5


@pytest.mark.parametrize(
    ("statements", "at"),
    [
        (["UPDATE events SET body = replace(body, 'tb-2', 'tb-9') WHERE seq = 2"], 2),
        (["UPDATE events SET kind = 'order_absent' WHERE seq = 2"], 2),
        (["UPDATE events SET hash = replace(hash, substr(hash, 1, 2), 'zz') WHERE seq = 3"], 3),
        (["UPDATE events SET previous = hash WHERE seq = 2"], 2),
        (["DELETE FROM events WHERE seq = 1"], 1),
        (["DELETE FROM events WHERE seq = 2"], 2),
        (
            [
                "UPDATE events SET seq = 9 WHERE seq = 2",
                "UPDATE events SET seq = 2 WHERE seq = 3",
                "UPDATE events SET seq = 3 WHERE seq = 9",
            ],
            2,
        ),
        (["UPDATE events SET order_id = 'tb-9' WHERE seq = 2"], 2),
        (["UPDATE events SET market = 'binance:X/Y' WHERE seq = 2"], 2),
        (["UPDATE events SET at = 9 WHERE seq = 2"], 2),
    ],
    ids=["body", "kind", "hash", "previous", "first", "removed", "reordered", "id", "market", "at"],
)
def test_tampered_row_breaks_the_chain(
    journal: SqliteJournal, path: Path, statements: list[str], at: int
) -> None:
    """Columns beside the body are copies for the views: a changed copy is found too."""
    journal.close()
    _tamper(path, *statements)
    verdict = verify(path)
    assert verdict.fault == f"{path}: the chain breaks at event {at}"
    assert verdict.events == at - 1
    with pytest.raises(JournalError, match=f"the chain breaks at event {at}") as caught:
        list(entries(path))
    assert caught.value.hint == "stop trading, keep the file, and restore the last backup"


def test_sound_journal_verifies_to_its_number_of_events_and_last_hash(
    journal: SqliteJournal, path: Path
) -> None:
    last = list(entries(path))[-1]
    assert verify(path) == journal_module.Verdict(events=3, head=last.hash, fault="")


def test_empty_journal_is_sound(path: Path) -> None:
    SqliteJournal(path).close()
    assert verify(path) == journal_module.Verdict(events=0, head=GENESIS, fault="")


def test_event_of_an_unknown_kind_is_named(path: Path) -> None:
    SqliteJournal(path).close()
    with closing(sqlite3.connect(path)) as db:
        kind, columns = "order_vanished", "seq, at, kind, body, previous, hash"
        row = (1, 0, kind, "{}", GENESIS, chain(GENESIS, 1, kind, "{}"))
        db.execute(f"INSERT INTO events ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row)  # noqa: S608  # the test's own words
        db.commit()
    assert verify(path).fault == f"{path}: event 1: unknown event kind 'order_vanished'"


def test_damaged_pages_are_found(journal: SqliteJournal, path: Path) -> None:
    journal.append([ev.OrderUnknown(at=1, order_id="tb-9", cause="x" * 900) for _ in range(50)])
    journal.close()
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    assert verify(path).fault != ""
    with pytest.raises(JournalError):
        list(entries(path))


def test_missing_journal_is_not_found_and_not_made(path: Path) -> None:
    for ask in (verify, open_readonly, lambda where: list(entries(where))):
        with pytest.raises(NotFoundError, match="no journal at") as caught:
            ask(path)
        assert caught.value.hint == "start one with `tradebot run`"
    assert not path.exists()


def test_reader_cannot_write(journal: SqliteJournal, path: Path) -> None:
    with (
        closing(open_readonly(path)) as db,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        db.execute("INSERT INTO events (seq) VALUES (9)")
    assert list(journal.events()) == SENT
