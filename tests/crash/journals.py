"""Journals to cut and to damage: what a real run wrote, and events in batches."""

import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tests.support.worlds import random_case, traded
from tradebot.adapters.journal import SqliteJournal
from tradebot.model.event import Event, OrderSent, OrderUnknown

# A market on which several hundred events are written.
SEED, CANDLES = 1, 260


def whole(folder: Path) -> tuple[Path, list[Event]]:
    """Return the journal of a run that traded, closed in good order, and its events."""
    run = traded(random_case(SEED, CANDLES), folder)
    return run.run.journal, run.events


def unclosed(folder: Path, events: Sequence[Event]) -> Path:
    """Return a journal as a kill leaves it: much of it is in its write-ahead log alone."""
    (folder / "open").mkdir(parents=True)
    (folder / "left").mkdir()
    with closing(SqliteJournal(folder / "open" / "journal.db")) as journal:
        for event in events:
            journal.append([event])
        for path in (folder / "open").glob("journal.db*"):
            shutil.copyfile(path, folder / "left" / path.name)
    return folder / "left" / "journal.db"


def in_batches(count: int = 24) -> list[list[Event]]:
    """Return events as they are appended together: one to three at a time, some of them long."""
    made: list[list[Event]] = []
    for number in range(count):
        batch: list[Event] = [
            OrderSent(at=number, order_id=f"tb-{number}-{each}") for each in range(1 + number % 3)
        ]
        if number % 7 == 0:
            cause = "no answer " * 900  # over several pages
            batch.append(OrderUnknown(at=number, order_id=f"tb-{number}-0", cause=cause))
        made.append(batch)
    return made
