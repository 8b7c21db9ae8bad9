"""The power fails at every write of a journal: what SQLite had synced must be enough.

Law: the production journal runs, its migrations, pragmas and statements, on SQLite through a file
system that writes down every operation. A cut at operation n is then played by hand: what was
synced before it survives, and of the rest what the disk happened to have done.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import apsw

from tradebot.adapters.journal import SqliteJournal, verify
from tradebot.errors import TradebotError
from tradebot.model.event import Event

SECTOR = 512
# A checkpoint every so many pages, where production waits for a thousand: the same in small.
CHECKPOINT_PAGES = 40
VFS = "power"
LOGS = ("-journal", "-wal")
# What becomes of what was not synced: nothing of it is on the disk; a beginning of it is, torn in
# the middle of a write; or any of it is, in any order.
MODES = ("drop", "torn", "reorder")


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a program asked of its disk, or that it was told: `acknowledged`.

    `size` is an offset for a write, a length for a truncation, a count of events for the latter.
    """

    kind: str
    name: str = ""
    size: int = 0
    data: bytes = b""


# --- writing down -------------------------------------------------------------------------------


class RecordedFile(apsw.VFSFile):
    """A file of the machine that writes down what changes it."""

    def __init__(self, name: Any, flags: list[int], operations: list[Operation]) -> None:
        self._name = Path(name.filename() if isinstance(name, apsw.URIFilename) else name).name
        self._operations = operations
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        """Write."""
        self._operations.append(Operation("write", self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        """Cut off."""
        self._operations.append(Operation("truncate", self._name, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        """Make durable."""
        self._operations.append(Operation("sync", self._name))
        super().xSync(flags)


class RecordedFiles(apsw.VFS):
    """The machine's file system, writing down what is done to it."""

    def __init__(self, operations: list[Operation]) -> None:
        self._operations = operations
        super().__init__(VFS, "")

    def xOpen(self, name: Any, flags: list[int]) -> RecordedFile:
        """Open."""
        return RecordedFile(name, flags, self._operations)

    def xDelete(self, name: str, syncdir: bool) -> None:
        """Remove."""
        self._operations.append(Operation("delete", Path(name).name))
        super().xDelete(name, syncdir)
        if syncdir:
            self._operations.append(Operation("sync"))


class Cursor:
    """The rows of one statement, as the standard library's cursor gives them."""

    def __init__(self, rows: list[tuple[Any, ...]], names: Sequence[str]) -> None:
        self._rows = iter(rows)
        self.description = [(name, *[None] * 6) for name in names] or None
        self.lastrowid: int | None = None
        self.rowcount = -1

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row."""
        return next(self._rows, None)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows that are left."""
        return list(self._rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows


class Connection:
    """The few calls of the standard library's connection that the journal uses, over apsw.

    `synchronous` takes the place of the level that the journal asks for, and is denied.
    """

    def __init__(self, path: str, synchronous: str) -> None:
        self._db = apsw.Connection(path, vfs=VFS)
        self._db.wal_autocheckpoint(CHECKPOINT_PAGES)
        self._synchronous = synchronous
        self.isolation_level: str | None = None

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return bool(self._db.in_transaction)

    def execute(self, sql: str, parameters: Any = ()) -> Cursor:
        """Run one statement to its end."""
        if self._synchronous and sql.startswith("PRAGMA synchronous"):
            if not sql.endswith("="):
                self._db.execute(f"PRAGMA synchronous={self._synchronous}")
            return Cursor([(2,)], ["synchronous"])
        names: list[str] = []

        def trace(cursor: Any, sql: str, bindings: Any) -> bool:
            names[:] = [each[0] for each in cursor.get_description()]
            return True

        cursor = self._db.cursor()
        cursor.exec_trace = trace
        try:
            made = Cursor(list(cursor.execute(sql, parameters)), names)
        except apsw.Error as error:
            raise sqlite3.OperationalError(str(error)) from error
        made.lastrowid = self._db.last_insert_rowid()
        made.rowcount = self._db.changes()
        return made

    def executemany(self, sql: str, rows: Iterable[Any]) -> None:
        """Run one statement for each row."""
        try:
            self._db.executemany(sql, rows)
        except apsw.Error as error:
            raise sqlite3.OperationalError(str(error)) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()


@contextmanager
def recorded(operations: list[Operation], synchronous: str = "") -> Iterator[None]:
    """Let every connection write down what it does to the disk."""
    files = RecordedFiles(operations)

    def connect(path: Any, *given: Any, **named: Any) -> Connection:
        return Connection(str(path), synchronous)

    try:
        with patch.object(sqlite3, "connect", connect):
            yield
    finally:
        files.unregister()


def session(
    folder: Path, batches: Sequence[Sequence[Event]], *, synchronous: str = ""
) -> list[Operation]:
    """Return what a journal does to its disk that is opened, written, closed and opened again."""
    operations: list[Operation] = []
    with recorded(operations, synchronous):
        half = len(batches) // 2
        done = 0
        for part in (batches[:half], batches[half:]):
            journal = SqliteJournal(folder / "journal.db")
            for batch in part:
                journal.append(batch)
                done += len(batch)
                operations.append(Operation("acknowledged", size=done))
            journal.close()
    return operations


# --- the cut ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """A name that was given to a file, or taken from it (`number` -1)."""

    name: str
    number: int


@dataclass(slots=True)
class Disk:
    """What is on the disk for certain, and what may be.

    A file is a number, as it is to a file system: one that is removed and made anew is another.
    Its data are durable by its own sync. Names change in the order in which it was asked for, and
    are durable by a sync of the folder alone: SQLite's comes with the first sync of each new log.
    """

    names: dict[str, int] = field(default_factory=dict)
    durable_names: dict[str, int] = field(default_factory=dict)
    data: dict[int, bytes] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    writes: list[tuple[int, Operation]] = field(default_factory=list)
    synced: set[int] = field(default_factory=set)
    made: int = 0

    def do(self, operation: Operation) -> None:
        """Take one operation."""
        name = operation.name
        if operation.kind == "delete":
            self.names.pop(name, None)
            self.entries.append(Entry(name, -1))
        elif operation.kind == "sync":
            self._sync(name)
        else:
            if name not in self.names:
                self.made += 1
                self.names[name] = self.made
                self.entries.append(Entry(name, self.made))
            self.writes.append((self.names[name], operation))

    def _sync(self, name: str) -> None:
        number = self.names.get(name, -1)
        if not name or (name.endswith(LOGS) and number not in self.synced):
            self.durable_names = _renamed(self.durable_names, self.entries)
            self.entries.clear()
        self.synced.add(number)
        self.data = _written(self.data, [each for each in self.writes if each[0] == number])
        self.writes = [each for each in self.writes if each[0] != number]

    def after_cut(self, mode: str, draw: Random) -> dict[str, bytes]:
        """Return what is found when the power is back."""
        entries, writes = self.entries, self.writes
        if mode == "drop":
            entries, writes = [], []
        elif mode == "torn":
            entries = entries[: draw.randrange(len(entries) + 1)]
            whole = draw.randrange(len(writes) + 1)
            torn = [(number, _torn(each, draw)) for number, each in writes[whole : whole + 1]]
            writes = [*writes[:whole], *torn]
        else:
            entries = entries[: draw.randrange(len(entries) + 1)]
            some = [each for each in writes if draw.random() < 0.5]
            draw.shuffle(some)
            writes = [(number, _torn(each, draw)) for number, each in some]
        data = _written(self.data, writes)
        names = _renamed(self.durable_names, entries)
        return {name: data.get(number, b"") for name, number in names.items()}


def _renamed(names: dict[str, int], entries: Sequence[Entry]) -> dict[str, int]:
    """Return the names after the changes."""
    made = dict(names)
    for each in entries:
        if each.number < 0:
            made.pop(each.name, None)
        else:
            made[each.name] = each.number
    return made


def _torn(operation: Operation, draw: Random) -> Operation:
    """Return a write of which only the first sectors came to the disk; a truncation is whole."""
    sectors = -(-len(operation.data) // SECTOR)
    if not sectors:
        return operation
    kept = draw.randrange(sectors + 1) * SECTOR
    return Operation("write", operation.name, operation.size, operation.data[:kept])


def _written(files: dict[int, bytes], writes: Sequence[tuple[int, Operation]]) -> dict[int, bytes]:
    """Return the files' data after the writes."""
    made = dict(files)
    for number, each in writes:
        data = bytearray(made.get(number, b""))
        if each.kind == "truncate":
            del data[each.size :]
        else:
            data.extend(bytes(max(0, each.size - len(data))))
            data[each.size : each.size + len(each.data)] = each.data
        made[number] = bytes(data)
    return made


# --- what must hold -----------------------------------------------------------------------------


@dataclass(slots=True)
class Tally:
    """Cuts made, and what was wrong after some of them."""

    cuts: int = 0
    faults: list[str] = field(default_factory=list)


def cuts(
    operations: Sequence[Operation],
    batches: Sequence[Sequence[Event]],
    folder: Path,
    *,
    modes: Sequence[str] = MODES,
    seed: int = 0,
    every: int = 1,
) -> Tally:
    """Cut the power after every operation, in every mode; return what was wrong afterwards."""
    tally, disk, acknowledged = Tally(), Disk(), 0
    for number, operation in enumerate(operations):
        if operation.kind == "acknowledged":
            acknowledged = operation.size
        else:
            disk.do(operation)
        if number % every:
            continue
        for mode in modes:
            draw = Random(f"{mode} {seed} {number}")  # noqa: S311  # a seeded test, no secret
            found = _fault(disk.after_cut(mode, draw), batches, acknowledged, folder)
            tally.cuts += 1
            if found:
                tally.faults.append(f"{mode}, seed {seed}, operation {number}: {found}")
    return tally


def _fault(
    files: dict[str, bytes], batches: Sequence[Sequence[Event]], acknowledged: int, folder: Path
) -> str:
    """Return what is wrong with a journal that is found like this; "" = nothing."""
    for old in folder.glob("journal.db*"):
        old.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    path = folder / "journal.db"
    try:
        journal = SqliteJournal(path)
        found = list(journal.events())
        journal.close()
        fault = verify(path).fault
    except TradebotError as error:
        return error.message
    if fault:
        return fault
    written: list[Event] = []
    boundaries = {0}
    for batch in batches:
        written += batch
        boundaries.add(len(written))
    if len(found) < acknowledged:
        return f"{acknowledged - len(found)} of {acknowledged} acknowledged events are lost"
    if found != written[: len(found)]:
        return "other events are read than were written"
    return "" if len(found) in boundaries else "half a batch is read"
