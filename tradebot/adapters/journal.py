"""The journal: append-only, hash-chained events in SQLite, and the same in memory.

Law: one writer; WAL with synchronous FULL, so that what was appended survives a power cut; triggers
refuse UPDATE and DELETE; a row's hash covers the row before it.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tradebot.errors import JournalError, NotFoundError
from tradebot.model.codec import decode, encode, kind_of
from tradebot.model.event import Event

GENESIS = "0" * 64
BUSY_SECONDS = 5.0
_INSERT = (
    "INSERT INTO events (seq, at, kind, market, order_id, body, previous, hash) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal row: its place in the chain and its event."""

    seq: int
    kind: str
    body: str
    hash: str
    event: Event


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found: how many events, the last hash, and the first fault or ''."""

    events: int
    head: str
    fault: str


class MemoryJournal:
    """A journal that lives as long as the process: for backtests and simulation."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def append(self, events: Sequence[Event]) -> None:
        """Keep the events."""
        self._events.extend(events)

    def events(self) -> Iterable[Event]:
        """Return every event from the first."""
        return self._events

    def of_order(self, order_id: str) -> list[Event]:
        """Return the events of one order, oldest first."""
        return [each for each in self._events if order_id_of(each) == order_id]

    def last_at(self) -> int:
        """Return the latest time of any event, in UTC ms; 0 for none."""
        return max((event.at for event in self._events), default=0)

    def close(self) -> None:
        """Nothing to close."""


class SqliteJournal:
    """The one writer of a journal file. Raises JournalError when anything cannot be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            # Before the tables, so that a migration that is cut off leaves a file that can be read.
            # Fetched to its end: that is when SQLite commits it, and says if it cannot.
            self._db.execute("PRAGMA journal_mode=WAL").fetchall()
            self._db.execute("PRAGMA synchronous=FULL")
            self._check_pragmas()
            # Whoever has read keeps the log from being folded in, unseen, as the migration closes.
            self._db.execute("SELECT count(*) FROM sqlite_master").fetchall()
            migrate(path)
            self.epoch = self._next_epoch()
            row = self._db.execute(
                "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1"
            ).fetchone()
        except (sqlite3.Error, OSError) as error:
            raise _write_error(path, error) from error
        self._seq: int = 0 if row is None else row[0]
        self._head: str = GENESIS if row is None else row[1]

    def _check_pragmas(self) -> None:
        mode = self._db.execute("PRAGMA journal_mode").fetchone()[0]
        level = self._db.execute("PRAGMA synchronous").fetchone()[0]
        if (mode, level) != ("wal", 2):
            raise JournalError(
                f"{self._path}: journal_mode is {mode} and synchronous is {level}, not wal and 2",
                hint="put the journal on a local disk: network file systems cannot keep it safe",
            )

    def _next_epoch(self) -> int:
        """Take the journal over: whoever wrote it before is fenced off from now on."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("UPDATE writer SET epoch = epoch + 1")
        epoch = int(self._db.execute("SELECT epoch FROM writer").fetchone()[0])
        self._db.execute("COMMIT")
        return epoch

    def append(self, events: Sequence[Event]) -> None:
        """Append the events in one transaction; all are durable when this returns.

        Raises JournalError, and writes nothing, where another writer has taken the journal over.
        """
        rows = []
        seq, head = self._seq, self._head
        for event in events:
            seq += 1
            kind, body = kind_of(event), encode(event)
            previous, head = head, chain(head, seq, kind, body)
            at, market, order_id = _copies(event)
            rows.append((seq, at, kind, market, order_id, body, previous, head))
        try:
            self._db.execute("BEGIN IMMEDIATE")
            # The lock should have kept us apart; a copied lock file or a network disk may not.
            (epoch,) = self._db.execute("SELECT epoch FROM writer").fetchone()
            if epoch != self.epoch:
                self._db.execute("ROLLBACK")
                raise JournalError(
                    f"{self._path} was taken over by another instance (epoch {epoch}, this one is "
                    f"{self.epoch})",
                    hint="run one tradebot for each account; this one has sent nothing since",
                )
            self._db.executemany(_INSERT, rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise _write_error(self._path, error) from error
        self._seq, self._head = seq, head

    def events(self) -> Iterator[Event]:
        """Yield every event from the first."""
        for entry in _entries(self._db, self._path):
            yield entry.event

    def of_order(self, order_id: str) -> list[Event]:
        """Return the events of one order, oldest first: also of one that the state let go."""
        query = "SELECT kind, body FROM events WHERE order_id = ? ORDER BY seq"
        try:
            rows = self._db.execute(query, (_stored(order_id),))
            return [decode(kind, body) for kind, body in rows]
        except (sqlite3.Error, ValueError) as error:
            raise _read_error(self._path, error) from error

    def last_at(self) -> int:
        """Return the latest time of any event, in UTC ms; 0 for an empty journal."""
        (latest,) = self._db.execute("SELECT coalesce(max(at), 0) FROM events").fetchone()
        return int(latest)

    def close(self) -> None:
        """Close the file; the write-ahead log is folded into it."""
        self._db.close()


def chain(previous: str, seq: int, kind: str, body: str) -> str:
    """Return the hash of a row: SHA-256 over the hash before it, its number, kind and body."""
    return hashlib.sha256(f"{previous}\n{seq}\n{kind}\n{body}".encode()).hexdigest()


def migrate(path: Path) -> None:
    """Bring the journal's tables, triggers and views up to date, in one transaction each."""
    # Imported here: sqlite_utils pulls in pandas, which `status` and `kill` must not wait for.
    from tradebot.adapters.journal_schema import apply_migrations

    apply_migrations(path)


def open_readonly(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Return a read-only connection to a journal. Raises NotFoundError where there is none."""
    if not path.is_file():
        raise NotFoundError(f"no journal at {path}", hint="start one with `tradebot run`")
    try:
        uri = f"{path.resolve().as_uri()}?mode=ro"
        db = sqlite3.connect(uri, uri=True, timeout=busy_seconds)
        if not _is_readable(db) and not _has_log(path):
            # A full disk or a read-only folder has no room for the index of the write-ahead log.
            # With an empty log the file alone is whole.
            db.close()
            db = sqlite3.connect(f"{uri}&immutable=1", uri=True)
    except sqlite3.Error as error:
        raise _read_error(path, error) from error
    db.row_factory = sqlite3.Row
    return db


def _has_log(path: Path) -> bool:
    """Return whether a log, or a write that was cut off, lies beside the file and belongs to it."""
    logs = (path.with_name(f"{path.name}-{name}") for name in ("wal", "journal"))
    return any(log.exists() and log.stat().st_size > 0 for log in logs)


def _finish_rollback(path: Path) -> None:
    """Undo a write that a death cut off while the file was made; a read-only opening cannot.

    Raises JournalError where the disk does not let us.
    """
    if not path.with_name(f"{path.name}-journal").exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as db:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise _read_error(path, error) from error


def _is_readable(db: sqlite3.Connection) -> bool:
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        return False
    except sqlite3.DatabaseError:
        pass  # Not SQLite: the caller's first query says so.
    return True


def entries(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> Iterator[Entry]:
    """Yield every row of a journal, checked against the chain. Raises JournalError at a fault."""
    with closing(open_readonly(path, busy_seconds=busy_seconds)) as db:
        yield from _entries(db, path)


def check_file(path: Path) -> None:
    """Raise JournalError where the file is damaged or its tail is gone; without a file, nothing.

    The start asks this before it opens the journal; the chain is checked by the replay itself.
    """
    if not path.is_file():
        return
    _finish_rollback(path)
    with closing(open_readonly(path)) as db:
        try:
            fault = _file_fault(db)
            if not fault:
                (count,) = db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
                fault = _tail_fault(db, path, count)
        except sqlite3.OperationalError as error:
            # Made, and then the power went: there is no table yet, and nothing to lose.
            fault = "" if "no such table" in str(error) else f"SQLite: {error}"
        except sqlite3.Error as error:
            raise _read_error(path, error) from error
    if fault:
        raise JournalError(
            f"the journal does not verify: {fault}",
            hint="stop trading, keep the file, and restore the last backup",
        )


def verify(path: Path) -> Verdict:
    """Return whether the file is sound SQLite, the chain unbroken, and every event readable."""
    count, head = 0, GENESIS
    with closing(open_readonly(path)) as db:
        try:
            fault = _file_fault(db)
            if fault:
                return Verdict(0, GENESIS, fault)
            for entry in _entries(db, path):
                count, head = entry.seq, entry.hash
            fault = _tail_fault(db, path, count)
            if fault:
                return Verdict(count, head, fault)
        except sqlite3.DatabaseError as error:
            return Verdict(count, head, f"SQLite: {error}")
        except JournalError as error:
            return Verdict(count, head, error.message)
    return Verdict(count, head, "")


def _file_fault(db: sqlite3.Connection) -> str:
    """Return what is wrong with the file as SQLite sees it; "" = nothing."""
    answer = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    return "" if answer == "ok" else f"SQLite: {answer}"


def _tail_fault(db: sqlite3.Connection, path: Path, count: int) -> str:
    """Return how many of the events that were ever written are not there; "" = all are."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    written = 0 if row is None else int(row[0])
    if written == count:
        return ""
    return f"{path}: of {written} events the last {written - count} are gone"


def _entries(db: sqlite3.Connection, path: Path) -> Iterator[Entry]:
    head, expected = GENESIS, 1
    query = "SELECT seq, at, kind, market, order_id, body, previous, hash FROM events ORDER BY seq"
    try:
        for seq, at, kind, market, order_id, body, previous, found in db.execute(query):
            if seq != expected or previous != head or chain(previous, seq, kind, body) != found:
                raise _broken(path, expected)
            try:
                event = decode(kind, body)
            except ValueError as error:
                raise JournalError(f"{path}: event {seq}: {error}") from error
            # The hash covers the body; the columns beside it are copies, which the views read.
            if (at, market, order_id) != _copies(event):
                raise _broken(path, expected)
            yield Entry(seq, kind, body, found, event)
            head, expected = found, expected + 1
    except sqlite3.Error as error:
        raise _read_error(path, error) from error


def _copies(event: Event) -> tuple[int, str | None, str | None]:
    """Return what a row says of its event beside the body: time, market, order."""
    return event.at, _stored(getattr(event, "market", None)), _stored(order_id_of(event))


def order_id_of(event: Event) -> str | None:
    """Return the order that an event is about; None for none."""
    found: str | None = getattr(event, "order_id", None)
    return found


def _stored(name: str | None) -> str | None:
    """Return a name as a column can hold it; what an exchange made up may be no text at all."""
    if name is None or name.isascii():
        return name
    return name.encode("utf-8", "backslashreplace").decode()


def _broken(path: Path, seq: int) -> JournalError:
    return JournalError(
        f"{path}: the chain breaks at event {seq}",
        hint="stop trading, keep the file, and restore the last backup",
    )


def _read_error(path: Path, error: Exception) -> JournalError:
    return JournalError(
        f"the journal {path} cannot be read: {error}",
        hint="check that it is a journal and readable; keep the file, and restore the last backup",
    )


def _write_error(path: Path, error: Exception) -> JournalError:
    return JournalError(
        f"the journal {path} cannot be written: {error}",
        hint="check free space and permissions of its folder; nothing new is sent, and the next "
        "start asks the exchange what became of what was out",
    )
