"""Ending a bot that does not leave: the one process that holds the lock, and nobody else."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.runtime.test_kill_sweep import Steady
from tradebot.errors import AccountLocked
from tradebot.runtime import kill_holder
from tradebot.runtime.kill_holder import end_holder, end_holders, wait_for_bot
from tradebot.runtime.runs import Run

ROOT = Path(__file__).parents[3]
HOLD = "import sys; from filelock import FileLock; lock = FileLock(sys.argv[1]); lock.acquire(); "
OPEN = "import sys; file = open(sys.argv[1]); "
STAY = "print('there', flush=True); sys.stdin.read()"


@contextmanager
def process(text: str, lock: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Yield a process that has done what the text says, and stays."""
    with subprocess.Popen(  # noqa: S603  # a text of our own
        [sys.executable, "-c", text + STAY, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"there\n"
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize("is_stopped", [False, True])
def test_holder_is_ended_though_it_is_stopped(tmp_path: Path, is_stopped: bool) -> None:
    lock = tmp_path / "lock"
    with process(HOLD, lock) as child:
        if is_stopped:
            child.send_signal(signal.SIGSTOP)
        assert end_holder(lock) == child.pid
        assert child.wait() == -signal.SIGKILL
    assert not Run(tmp_path).is_locked()


# Root sees everything, so the two become nobody; what they need was imported before.
SHIELDED = """
import codecs, ctypes, os, signal, sys
from pathlib import Path
from filelock import FileLock
from tradebot.adapters.hardening import harden
from tradebot.runtime.kill_holder import end_holder

def become_ordinary():
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # As starting a program does.

codecs.lookup("ascii")
lock, held = Path(sys.argv[1]), Path(sys.argv[2])
reading, writing = os.pipe()
holder = os.fork()
if holder == 0:
    become_ordinary()
    assert harden() == []
    taken = FileLock(held)
    taken.acquire()
    os.write(writing, b".")
    signal.pause()
os.close(writing)
os.read(reading, 1)
if os.fork() == 0:
    become_ordinary()
    try:
        os.listdir(f"/proc/{holder}/fd")
    except PermissionError:
        print("shielded", flush=True)
    try:
        print(end_holder(lock) == holder, flush=True)
    finally:
        os._exit(0)
os.wait()
os.kill(holder, 9)
os.wait()
"""


@pytest.mark.parametrize("held", ["lock", "other"])
def test_holder_that_shields_itself_is_ended_by_its_own_user(held: str) -> None:
    """A bot makes itself undumpable, so that its open files are shown to root alone."""
    with tempfile.TemporaryDirectory() as folder:
        # Not pytest's own: nobody but its owner gets in there.
        Path(folder).chmod(0o777)
        lock = Path(folder) / "lock"
        lock.touch()
        lock.chmod(0o666)
        done = subprocess.run(  # noqa: S603  # a text of our own
            [sys.executable, "-c", SHIELDED, lock, lock.with_name(held)],
            capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert done.stdout.split() == ["shielded", str(held == "lock")], done.stderr


def test_every_bot_of_the_logs_is_ended_where_no_latch_stops_it(tmp_path: Path) -> None:
    locks = [tmp_path / "runs" / name / "lock" for name in ("one", "two", "idle")]
    for lock in locks:
        lock.parent.mkdir(parents=True)
        lock.touch()
    with process(HOLD, locks[0]) as one, process(HOLD, locks[1]) as two:
        done = end_holders(tmp_path)
        assert (one.wait(), two.wait()) == (-signal.SIGKILL, -signal.SIGKILL)
    assert [each.partition(":")[0] for each in done] == [
        f"the bot of one was ended by SIGKILL, process {one.pid}",
        f"the bot of two was ended by SIGKILL, process {two.pid}",
    ]
    assert end_holders(tmp_path / "none") == []


def test_who_has_the_file_open_and_not_the_lock_is_left_alone(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    with process(OPEN, lock) as child:
        assert end_holder(lock) is None
        assert child.poll() is None


def test_holder_of_another_file_s_lock_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    with process(HOLD, tmp_path / "other") as child:
        assert end_holder(tmp_path / "lock") is None
        assert child.poll() is None


def test_who_waits_for_the_lock_is_left_alone(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    waiting = "import fcntl, sys; file = open(sys.argv[1]); print('there', flush=True); "
    with process(HOLD, lock) as holder:
        child = subprocess.Popen(  # noqa: S603  # a text of our own
            [sys.executable, "-c", f"{waiting}fcntl.flock(file, fcntl.LOCK_EX)", str(lock)],
            stdout=subprocess.PIPE,
        )
        with child:
            assert child.stdout is not None
            child.stdout.readline()
            assert end_holder(lock) == holder.pid
            assert child.wait() == 0


def test_number_that_the_kernel_tells_is_no_proof_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number may be another process's by the time the signal is sent."""
    lock = tmp_path / "lock"
    lock.touch()
    with process(OPEN, lock) as child:
        monkeypatch.setattr(kill_holder, "_holders", lambda path: iter([child.pid]))
        assert end_holder(lock) is None
        assert child.poll() is None


def test_nobody_is_found_where_the_kernel_tells_of_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_holder, "PROC", tmp_path)
    with process(HOLD, tmp_path / "lock") as child:
        assert end_holder(tmp_path / "lock") is None
        assert child.poll() is None


def test_our_own_process_is_not_ended_and_the_bot_is_said_to_stay(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with run.lock(), pytest.raises(AccountLocked, match="its process cannot be found"):
        wait_for_bot(run, Steady())


def test_what_was_done_about_a_bot_that_stays_is_said(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert wait_for_bot(run, Steady()) == ""
    with process(HOLD, tmp_path / "lock") as child:
        told = wait_for_bot(run, Steady())
        assert told.endswith(f"its process {child.pid} was ended by SIGKILL")
        assert child.wait() == -signal.SIGKILL
    assert os.getpid() != child.pid
