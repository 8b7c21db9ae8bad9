"""The latch: halting always works, survives every restart, and only a person lifts it."""

import json
import os
from pathlib import Path

import pytest

from tests.support.disks import full_disk, keep_everything
from tradebot.adapters.clock import VirtualClock
from tradebot.adapters.latch import FileLatch, HaltResult, LatchState

NOW_MS = 1_700_000_000_000


def latch_in(folder: Path, now_ms: int = NOW_MS) -> FileLatch:
    return FileLatch(folder / "latch", VirtualClock(now_ms))


def test_a_folder_never_used_is_new_and_not_armed(tmp_path: Path) -> None:
    latch = latch_in(tmp_path)
    assert latch.is_new()
    assert not latch.is_armed()
    assert latch.state() == LatchState(False, "never armed", None)


def test_arming_allows_trading_and_says_why_and_since_when(tmp_path: Path) -> None:
    latch = latch_in(tmp_path)
    latch.arm("first start")
    assert latch.is_armed()
    assert not latch.is_new()
    assert latch.state() == LatchState(True, "first start", NOW_MS)


def test_halting_survives_a_restart_until_someone_arms_again(tmp_path: Path) -> None:
    latch_in(tmp_path).arm("first start")
    result = latch_in(tmp_path, NOW_MS + 1).halt("tradebot kill")
    assert (result.is_halted, result.is_noted, result.problem) == (True, True, "")
    restarted = latch_in(tmp_path, NOW_MS + 2)
    assert not restarted.is_armed()
    assert not restarted.is_new()
    assert restarted.state() == LatchState(False, "tradebot kill", NOW_MS + 1)
    restarted.arm("resumed by hand")
    assert latch_in(tmp_path).state() == LatchState(True, "resumed by hand", NOW_MS + 2)


def test_another_process_sees_the_halt_at_its_next_look(tmp_path: Path) -> None:
    bot, killer = latch_in(tmp_path), latch_in(tmp_path)
    bot.arm("start")
    killer.halt("stop now")
    assert not bot.is_armed()


def test_suspended_latch_lets_the_running_bot_guard_and_no_other_start(tmp_path: Path) -> None:
    latch_in(tmp_path).arm("first start")
    latch_in(tmp_path, NOW_MS + 1).suspend("an order filled twice")
    latch_in(tmp_path, NOW_MS + 2).suspend("and something else")
    latch = latch_in(tmp_path, NOW_MS + 3)
    assert latch.is_armed()
    assert not latch.may_start()
    assert latch.state() == LatchState(False, "an order filled twice", NOW_MS + 1)
    latch.halt("tradebot kill")
    assert not latch.is_armed()
    assert latch.state().reason == "tradebot kill"
    latch.arm("cleared up")
    assert latch_in(tmp_path).state() == LatchState(True, "cleared up", NOW_MS + 3)
    assert latch.may_start()


def test_suspending_on_a_full_disk_halts(tmp_path: Path) -> None:
    latch = latch_in(tmp_path)
    latch.arm("first start")
    with full_disk():
        latch.suspend("an order filled twice")
    assert not latch.is_armed()
    assert not latch.may_start()


def test_halting_twice_keeps_the_first_reason(tmp_path: Path) -> None:
    latch = latch_in(tmp_path)
    latch.halt("daily loss")
    assert latch.halt("tradebot kill").is_halted
    assert latch.state().reason == "daily loss"


def test_arming_twice_keeps_the_first_reason(tmp_path: Path) -> None:
    latch = latch_in(tmp_path)
    latch.arm("first start")
    latch.arm("second start")
    assert latch.state().reason == "first start"


def test_halting_a_folder_that_does_not_exist_leaves_it_halted_not_new(tmp_path: Path) -> None:
    latch = latch_in(tmp_path)
    assert latch.halt("before the first start").is_halted
    assert not latch.is_new()


def test_folder_of_any_depth_is_made_by_the_first_word(tmp_path: Path) -> None:
    halted = FileLatch(tmp_path / "a" / "logs" / "latch", VirtualClock(NOW_MS))
    assert halted.halt("before the first start") == HaltResult(True, True, "")
    armed = FileLatch(tmp_path / "b" / "logs" / "latch", VirtualClock(NOW_MS))
    armed.arm("first start")
    assert armed.is_armed()


def test_note_that_leads_nowhere_still_halts(tmp_path: Path) -> None:
    latch = latch_in(tmp_path)
    latch.arm("start")
    (latch.folder / "HALTED").symlink_to(tmp_path / "nowhere")
    assert not latch.is_armed()
    assert latch.halt("tradebot kill") == HaltResult(True, True, "")


def test_halt_of_a_disk_that_lets_nothing_go_says_that_it_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latch = latch_in(tmp_path)
    latch.arm("start")
    keep_everything(monkeypatch)
    with full_disk():
        result = latch.halt("tradebot kill")
    assert (result.is_halted, result.is_noted) == (False, False)
    assert result.problem == (
        f"{latch.folder}/ARMED cannot be removed: Read-only file system; "
        f"{latch.folder}/HALTED cannot be written: File too large"
    )


def test_a_full_disk_does_not_keep_it_from_halting(tmp_path: Path) -> None:
    latch = latch_in(tmp_path)
    latch.arm("start")
    with full_disk():
        result = latch.halt("tradebot kill")
    assert result.is_halted
    assert not result.is_noted
    assert result.problem.endswith("HALTED cannot be written: File too large")
    restarted = latch_in(tmp_path)
    assert not restarted.is_armed()
    assert restarted.state() == LatchState(False, "halted; no note says why", None)
    assert not restarted.is_new(), "a restart that takes it for new would arm it again"
    assert sorted(os.listdir(latch.folder)) == ["LATCH"]


def test_arming_on_a_full_disk_leaves_it_halted(tmp_path: Path) -> None:
    latch = latch_in(tmp_path)
    latch.halt("tradebot kill")
    with full_disk(), pytest.raises(OSError, match="File too large"):
        latch.arm("resume")
    assert not latch.is_armed()


def test_a_token_that_cannot_be_removed_is_overruled_by_the_note(tmp_path: Path) -> None:
    latch = latch_in(tmp_path)
    (latch.folder / "ARMED").mkdir(parents=True)  # a folder cannot be unlinked, not even by root
    result = latch.halt("tradebot kill")
    assert result.is_halted
    assert "ARMED cannot be removed: " in result.problem
    assert latch.state().reason == "tradebot kill"


def test_a_halt_that_could_do_nothing_says_so(tmp_path: Path) -> None:
    latch = FileLatch(tmp_path / "file" / "latch", VirtualClock(NOW_MS))
    (tmp_path / "file").touch()
    result = latch.halt("tradebot kill")
    assert not result.is_noted
    assert result.problem.count("Not a directory") == 2


@pytest.mark.parametrize(
    "token",
    [b"", b"{", b"[]", b"{}", b'{"reason": 1, "at": 1}', b'{"reason": "x", "at": "1"}', b"\xff",
     b"[" * 100_000, b'{"reason": "x", "at": 1}' + b" " * 70_000],
    ids=["empty", "cut", "list", "bare", "number", "text", "bytes", "deep", "long"],
)  # fmt: skip
def test_a_token_that_cannot_be_read_does_not_arm(tmp_path: Path, token: bytes) -> None:
    latch = latch_in(tmp_path)
    latch.arm("start")
    (latch.folder / "ARMED").write_bytes(token)
    assert not latch.is_armed()
    assert latch.state() == LatchState(False, "the file ARMED cannot be read", None)


@pytest.mark.parametrize(("size", "arms"), [(64 * 1024, True), (64 * 1024 + 1, False)])
def test_token_is_read_up_to_its_greatest_size(tmp_path: Path, size: int, arms: bool) -> None:
    latch = latch_in(tmp_path)
    latch.arm("start")
    (latch.folder / "ARMED").write_bytes(b'{"reason": "x", "at": 1}'.ljust(size))
    assert latch.is_armed() is arms


def test_a_symbolic_link_does_not_arm(tmp_path: Path) -> None:
    latch = latch_in(tmp_path)
    latch.arm("start")
    elsewhere = tmp_path / "token"
    (latch.folder / "ARMED").rename(elsewhere)
    (latch.folder / "ARMED").symlink_to(elsewhere)
    assert not latch.is_armed()


def test_a_pipe_in_place_of_the_token_neither_arms_nor_hangs(tmp_path: Path) -> None:
    latch = latch_in(tmp_path)
    latch.folder.mkdir()
    os.mkfifo(latch.folder / "ARMED")
    assert not latch.is_armed()


def test_a_note_that_cannot_be_read_still_halts(tmp_path: Path) -> None:
    latch = latch_in(tmp_path)
    latch.arm("start")
    (latch.folder / "HALTED").touch()
    assert latch.state() == LatchState(False, "halted; the note that says why cannot be read", None)


def test_a_long_reason_is_cut_so_that_the_token_stays_readable(tmp_path: Path) -> None:
    latch = latch_in(tmp_path)
    latch.arm("x" * 1_000_000)
    assert latch.state().reason == "x" * 1000
    assert json.loads((latch.folder / "ARMED").read_text())["at"] == NOW_MS


def test_second_halt_shows_though_the_first_note_stays(tmp_path: Path) -> None:
    latch = latch_in(tmp_path)
    latch.arm("first start")
    assert latch.mark() is None
    latch.halt("first")
    os.utime(tmp_path / "latch" / "HALTED", ns=(1, 1))
    first = latch.mark()
    latch_in(tmp_path, NOW_MS + 1).halt("second")
    assert latch.mark() not in (None, first)
    assert latch.state().reason == "first"


def test_latch_that_is_gone_where_bots_have_run_is_halted_and_not_new(tmp_path: Path) -> None:
    """Symptom: with its folder removed after a kill, the next start armed itself: "first run"."""
    latch = latch_in(tmp_path)
    latch.arm("start")
    (tmp_path / "runs").mkdir()
    latch.halt("tradebot kill")
    for path in latch.folder.iterdir():
        path.unlink()
    latch.folder.rmdir()
    assert (latch.is_new(), latch.may_start(), latch.was_used()) == (False, False, True)
    gone = f"{latch.folder} is gone or empty, though bots have run here; nobody knows why"
    assert latch.state() == LatchState(False, gone, None)
    with full_disk():
        assert latch.halt("tradebot kill").is_halted, "what is gone stays halted without a note"
    latch.arm("resumed by hand")
    assert latch.may_start()


def test_full_disk_halts_nothing_where_nothing_was_armed(tmp_path: Path) -> None:
    latch = latch_in(tmp_path)
    with full_disk():
        assert not latch.halt("tradebot kill").is_halted
    assert latch.is_new()


@pytest.mark.parametrize("name", ["latch/LATCH", "latch/ARMED", "runs"])
def test_bots_have_run_where_the_latch_was_armed_or_runs_are(tmp_path: Path, name: str) -> None:
    latch = latch_in(tmp_path)
    assert not latch.was_used()
    latch.halt("a halt alone tells of none")
    assert not latch.was_used()
    (tmp_path / name).touch()
    assert latch.was_used()
