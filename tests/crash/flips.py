"""One byte of a journal flipped, in every page: it is told, or it does not matter.

Law: no flip may lead to other events being read than were written.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tradebot.adapters.journal import SqliteJournal, entries, verify
from tradebot.errors import JournalError, TradebotError
from tradebot.model.event import Event

PAGE = 4096
# The write-ahead log: a header, then frames of a header and a page each.
LOG_HEADER, FRAME = 32, 24 + PAGE
# Other events are read; a traceback; the last events are missing and nobody says so; a fault is
# named; the events are what they were. The worst comes first.
WORDS = ("changed", "crashed", "cut", "told", "harmless")


@dataclass(frozen=True, slots=True)
class Flip:
    """One byte of one file of a journal, and the bits of it that change."""

    name: str
    offset: int
    bits: int


@dataclass(slots=True)
class Tally:
    """What became of flips, see `WORDS`, and which flips did what."""

    flips: dict[str, list[Flip]] = field(default_factory=lambda: {word: [] for word in WORDS})

    def counts(self) -> dict[str, int]:
        """Return how many flips came to what."""
        return {word: len(found) for word, found in self.flips.items()}


def page_flips(path: Path, *, each: int, seed: int) -> Iterator[Flip]:
    """Yield `each` flips in every page of the journal and in every frame of its log."""
    draw = Random(f"flips {seed}")  # noqa: S311  # a seeded test, no secret
    log = path.with_name(f"{path.name}-wal")
    spans = [(path.name, start, PAGE) for start in range(0, path.stat().st_size, PAGE)]
    if log.exists() and log.stat().st_size:
        size = log.stat().st_size
        spans.append((log.name, 0, LOG_HEADER))
        spans += [(log.name, start, FRAME) for start in range(LOG_HEADER, size, FRAME)]
    for name, start, length in spans:
        for _ in range(each):
            yield Flip(name, start + draw.randrange(length), 1 << draw.randrange(8))


def tried(flips: Iterator[Flip], original: Path, written: Sequence[Event], folder: Path) -> Tally:
    """Flip each byte in a copy of the journal's files; return what was read then."""
    tally = Tally()
    for flip in flips:
        path = _copied(original, folder)
        damaged = folder / flip.name
        data = bytearray(damaged.read_bytes())
        data[flip.offset] ^= flip.bits
        damaged.write_bytes(data)
        tally.flips[_read(path, written)].append(flip)
    return tally


def _copied(original: Path, folder: Path) -> Path:
    for old in folder.glob("journal.db*"):
        old.unlink()
    for suffix in ("", "-wal"):
        source = original.with_name(f"{original.name}{suffix}")
        if source.exists():
            shutil.copyfile(source, folder / source.name)
    return folder / original.name


def _read(path: Path, written: Sequence[Event]) -> str:
    """Return what reading a damaged journal comes to, as one who looks and as one who trades."""
    words = {_tried(lambda: _looked(path), written), _tried(lambda: _opened(path), written)}
    # What is told to one who looks must not be read otherwise by one who trades.
    return next(word for word in WORDS if word in words)


def _tried(read: Callable[[], list[Event]], written: Sequence[Event]) -> str:
    try:
        return _compared(read(), written)
    except TradebotError:
        return "told"
    except Exception:
        # The bot would end with a traceback where it owes a sentence.
        return "crashed"


def _looked(path: Path) -> list[Event]:
    fault = verify(path).fault
    if fault:
        raise JournalError(fault)
    return [entry.event for entry in entries(path)]


def _opened(path: Path) -> list[Event]:
    with closing(SqliteJournal(path)) as journal:
        return list(journal.events())


def _compared(read: Sequence[Event], written: Sequence[Event]) -> str:
    if list(read) == list(written):
        return "harmless"
    return "cut" if list(read) == list(written[: len(read)]) else "changed"
