"""The first act of the emergency stop: the latch is closed, or the command ends there."""

from pathlib import Path

import pytest

from tests.support.disks import full_disk, keep_everything
from tradebot.adapters.clock import WallClock
from tradebot.adapters.latch import FileLatch
from tradebot.errors import Halted
from tradebot.runtime.kill_latch import close_latch


def test_closing_halts_every_bot_of_these_logs_and_keeps_why(tmp_path: Path) -> None:
    latch = FileLatch(tmp_path / "latch", WallClock())
    latch.arm("start")
    began = WallClock().now_ms()
    assert close_latch(tmp_path, "it buys too much") == ""
    assert not latch.is_armed()
    state = latch.state()
    assert state.reason == "it buys too much"
    assert state.since is not None
    assert began <= state.since <= WallClock().now_ms()


def test_halt_without_its_note_says_so_and_stands(tmp_path: Path) -> None:
    latch = FileLatch(tmp_path / "latch", WallClock())
    latch.arm("start")
    with full_disk():
        problem = close_latch(tmp_path, "it buys too much")
    assert problem.endswith("HALTED cannot be written: File too large")
    assert not latch.is_armed()


def test_latch_that_cannot_be_closed_ends_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latch = FileLatch(tmp_path / "latch", WallClock())
    latch.arm("start")
    keep_everything(monkeypatch)
    said = (
        rf"^the latch cannot be closed: {tmp_path}/latch/ARMED cannot be removed: Read-only file "
        rf"system; {tmp_path}/latch/HALTED cannot be written: File too large$"
    )
    with full_disk(), pytest.raises(Halted, match=said) as raised:
        close_latch(tmp_path, "it buys too much")
    assert raised.value.hint == "kill the process"
    assert latch.is_armed()
