"""Ending a bot that does not leave: whoever holds the run's lock, for certain, and nobody else.

Law: a signal goes only to a process of which the kernel says that it holds this very file's lock,
by a handle that can never mean another process.
"""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tradebot.adapters.clock import WallClock
from tradebot.errors import AccountLocked
from tradebot.runtime.runs import Run

# A bot that ticks sees the latch at its next order or wake and leaves; one that hangs does not.
LEAVE_MS_MAX = 5_000
# The kernel ends a killed process at its next breath, unless a disk or a network holds that.
END_MS_MAX = 3_000
LOOK_MS = 50

PROC = Path("/proc")
# `1: FLOCK  ADVISORY  WRITE 4711 fe:00:2146533 0 EOF`; who waits for a lock has an arrow there.
_LOCK = re.compile(
    r"\d+: FLOCK +ADVISORY +WRITE +(\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) ", re.MULTILINE
)


def wait_for_bot(run: Run, clock: WallClock) -> str:
    """Wait until no bot holds the run, and end one that does not leave.

    Return what was done about it: "" = nothing, it was free or left by itself. Raises AccountLocked
    where a bot stays.
    """
    if _is_free(run, clock, LEAVE_MS_MAX):
        return ""
    ended = end_holder(run.folder / "lock")
    if ended is None:
        raise AccountLocked(
            f"the bot of {run.name} does not leave its journal, and its process cannot be found",
            hint="under a closed latch it sends no order; end its process, then kill again",
        )
    if not _is_free(run, clock, END_MS_MAX):
        raise AccountLocked(
            f"the bot of {run.name}, process {ended}, does not leave its journal, and does not end",
            hint="under a closed latch it sends no order; restart the machine, then kill again",
        )
    return f"the bot of {run.name} did not leave: its process {ended} was ended by SIGKILL"


def end_holders(logs: Path) -> list[str]:
    """End every bot of these logs at once, since no latch stops it; return what was done."""
    done = []
    for lock in sorted(logs.glob("runs/*/lock")):
        ended = end_holder(lock)
        if ended is not None:
            done.append(
                f"the bot of {lock.parent.name} was ended by SIGKILL, process {ended}: stop what "
                "starts it again, such as systemd"
            )
    return done


def _is_free(run: Run, clock: WallClock, wait_ms: int) -> bool:
    deadline = clock.monotonic_ms() + wait_ms
    while run.is_locked():
        if clock.monotonic_ms() > deadline:
            return False
        clock.sleep_until(clock.now_ms() + LOOK_MS)
    return True


def end_holder(lock: Path) -> int | None:
    """End the process that holds the lock of this file; return its number, None where none is.

    Linux only: elsewhere nobody says who holds a lock.
    """
    for number in _holders(lock):
        # First the handle, then the proof: a number may be given anew in between.
        with suppress(OSError):
            handle = os.pidfd_open(number)
            try:
                if number != os.getpid() and _holds(number, lock):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    return number
            finally:
                os.close(handle)
    return None


def _holders(lock: Path) -> Iterator[int]:
    """Yield the processes that hold a lock on a file of this number, on whatever disk."""
    try:
        wanted = lock.stat().st_ino
        told = (PROC / "locks").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return
    for found in _LOCK.finditer(told):
        if int(found[4]) == wanted and int(found[1]) > 0:
            yield int(found[1])


def _holds(number: int, lock: Path) -> bool:
    """Return whether the kernel says that this process holds this file's lock.

    /proc/locks names a disk by a number that some file systems show nowhere else; so the process's
    own open files are asked, each of which tells its lock. A bot shields them from all but root, as
    it holds secrets; then the list of locks must do, on a disk of which it tells the number.
    """
    wanted = lock.stat()
    process = PROC / str(number)
    try:
        names = os.listdir(process / "fd")
    except PermissionError:
        return _is_listed(number, wanted)
    for name in names:
        with suppress(OSError):
            if not os.path.samestat((process / "fd" / name).stat(), wanted):
                continue
            told = (process / "fdinfo" / name).read_text(encoding="ascii")
            if any(int(found[1]) == number for found in _LOCK.finditer(told)):
                return True
    return False


def _is_listed(number: int, wanted: os.stat_result) -> bool:
    """Return whether the list of locks has this process, this disk and this file in one line."""
    expected = (number, os.major(wanted.st_dev), os.minor(wanted.st_dev), wanted.st_ino)
    told = (PROC / "locks").read_text(encoding="ascii")
    return any(
        (int(found[1]), int(found[2], 16), int(found[3], 16), int(found[4])) == expected
        for found in _LOCK.finditer(told)
    )
