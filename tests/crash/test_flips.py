"""A flipped byte of a journal is told, or does not matter; it never reads as other events."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.flips import PAGE, Flip, page_flips, tried
from tests.crash.folders import quick_folder
from tests.crash.journals import unclosed, whole
from tradebot.model.event import Event

SEEDS = range(1, 6)
LOGGED = 30


@pytest.fixture(scope="module")
def traded() -> Iterator[tuple[Path, list[Event]]]:
    """Return the journal of a run that traded, and its events."""
    with quick_folder() as made:
        path, events = whole(made)
        assert len(events) > 300
        yield path, events


def test_flip_in_any_page_is_told_or_does_not_matter(
    traded: tuple[Path, list[Event]], folder: Path
) -> None:
    path, events = traded
    tally = tried(page_flips(path, each=1, seed=0), path, events, folder)
    counts = tally.counts()
    assert sum(counts.values()) == path.stat().st_size // PAGE
    assert counts["changed"] + counts["cut"] == 0, tally.flips
    assert counts["told"] > counts["harmless"]


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_more_flips_are_told_or_do_not_matter(
    traded: tuple[Path, list[Event]], folder: Path, seed: int
) -> None:
    path, events = traded
    tally = tried(page_flips(path, each=5, seed=seed), path, events, folder)
    assert tally.counts()["changed"] + tally.counts()["cut"] == 0, tally.flips


def test_flip_in_the_log_of_a_killed_bot_never_changes_an_event(
    traded: tuple[Path, list[Event]], folder: Path
) -> None:
    """SQLite takes a damaged log for one that was cut off: what lies after it is not read."""
    path = unclosed(folder / "killed", traded[1][:LOGGED])
    copy = folder / "copy"
    copy.mkdir()
    tally = tried(page_flips(path, each=1, seed=0), path, traded[1][:LOGGED], copy)
    assert tally.counts()["changed"] == 0, tally.flips["changed"]


def test_flip_that_changes_an_event_would_be_seen(
    traded: tuple[Path, list[Event]], folder: Path
) -> None:
    path, events = traded
    tally = tried(iter([Flip(path.name, 0, 1)]), path, events[:-1], folder)
    assert tally.counts()["told"] == 1, "not a database any more"
    tally = tried(iter([Flip(path.name, 92, 1)]), path, [*events[:-1], events[0]], folder)
    assert tally.counts()["changed"] == 1, "the last event is another than was written"
