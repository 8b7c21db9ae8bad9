"""The first act of the emergency stop: the latch is closed, or the command ends there."""

from pathlib import Path

import pytest

from tests.support.disks import full_disk, keep_everything
from tradebot.adapters.clock import WallClock
from tradebot.adapters.latch import FileLatch
from tradebot.runtime.kill_latch import Closing, close_latch


def test_closing_halts_every_bot_of_these_logs_and_keeps_why(tmp_path: Path) -> None:
    latch = FileLatch(tmp_path / "latch", WallClock())
    latch.arm("start")
    began = WallClock().now_ms()
    assert close_latch(tmp_path, "it buys too much") == Closing(True, True, "")
    assert not latch.is_armed()
    state = latch.state()
    assert state.reason == "it buys too much"
    assert state.since is not None
    assert began <= state.since <= WallClock().now_ms()


def test_halt_without_its_note_says_so_and_stands(tmp_path: Path) -> None:
    latch = FileLatch(tmp_path / "latch", WallClock())
    latch.arm("start")
    with full_disk():
        closing = close_latch(tmp_path, "it buys too much")
    assert (closing.is_closed, closing.was_used) == (True, True)
    assert closing.problem.startswith(f"{tmp_path}/latch/HALTED cannot be written: File too large")
    assert not latch.is_armed()


def test_latch_that_cannot_be_closed_is_said_and_raises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latch = FileLatch(tmp_path / "latch", WallClock())
    latch.arm("start")
    keep_everything(monkeypatch)
    with full_disk():
        closing = close_latch(tmp_path, "it buys too much")
    said = (
        "THE LATCH IS NOT CLOSED, a bot that starts will trade: "
        f"{tmp_path}/latch/ARMED cannot be removed: Read-only file system; "
        f"{tmp_path}/latch/HALTED cannot be written: File too large"
    )
    assert closing == Closing(False, True, said)
    assert latch.is_armed()


def test_where_no_bot_has_run_nothing_was_halted_however_often_it_is_closed(
    tmp_path: Path,
) -> None:
    assert close_latch(tmp_path, "x") == Closing(True, False, "")
    assert close_latch(tmp_path, "x") == Closing(True, False, "")


def test_full_disk_on_which_nothing_was_armed_is_not_halted(tmp_path: Path) -> None:
    """Symptom: kill said that trading stays halted, and the next start armed itself."""
    with full_disk():
        closing = close_latch(tmp_path, "x")
    assert (closing.is_closed, closing.was_used) == (False, False)
    assert FileLatch(tmp_path / "latch", WallClock()).is_new()
