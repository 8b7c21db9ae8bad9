"""What an append has acknowledged survives a power cut at any operation of the disk."""

from pathlib import Path

import pytest

from tests.crash.journals import in_batches
from tests.crash.power import MODES, Operation, cuts, session

BATCHES = in_batches()
SEEDS = range(1, 6)


def _folders(folder: Path) -> tuple[Path, Path]:
    written, found = folder / "written", folder / "found"
    written.mkdir()
    found.mkdir()
    return written, found


@pytest.mark.parametrize("mode", MODES)
def test_power_cut_at_any_operation_loses_nothing_acknowledged(folder: Path, mode: str) -> None:
    written, found = _folders(folder)
    operations = session(written, BATCHES)
    tally = cuts(operations, BATCHES, found, modes=[mode])
    assert tally.cuts == len(operations)
    assert not tally.faults, tally.faults[:5]


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_other_torn_and_reordered_writes_lose_nothing_either(folder: Path, seed: int) -> None:
    written, found = _folders(folder)
    tally = cuts(session(written, BATCHES), BATCHES, found, modes=MODES[1:], seed=seed)
    assert not tally.faults, tally.faults[:5]


def test_journal_that_syncs_too_little_is_caught(folder: Path) -> None:
    """With NORMAL the log is synced at checkpoints alone: the check must see what that loses."""
    written, found = _folders(folder)
    operations = session(written, BATCHES, synchronous="NORMAL")
    tally = cuts(operations, BATCHES, found, modes=["drop"])
    lost = [each for each in tally.faults if "acknowledged events are lost" in each]
    assert len(lost) > tally.cuts // 4, tally.faults[:5]


def test_session_comes_past_checkpoints_and_every_file(folder: Path) -> None:
    written, _ = _folders(folder)
    operations = session(written, BATCHES)
    kinds = {(each.kind, each.name) for each in operations}
    for name in ("journal.db", "journal.db-wal", "journal.db-journal"):
        assert {("write", name), ("sync", name)} <= kinds
    assert {("delete", "journal.db-journal"), ("delete", "journal.db-wal")} <= kinds
    last = [n for n, each in enumerate(operations) if each == Operation("delete", "journal.db-wal")]
    pages = [n for n, each in enumerate(operations) if each.name == "journal.db"]
    assert any(n < last[-1] and operations[n - 1].name == "journal.db-wal" for n in pages)
