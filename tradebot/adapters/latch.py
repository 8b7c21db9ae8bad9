"""The emergency stop on disk: trading is allowed only while the file ARMED is there.

Law: halting removes before it writes, because a full disk still lets a file be removed.
"""

import json
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tradebot.adapters.files import sync_folder, write_atomically

if TYPE_CHECKING:
    from tradebot.ports import Clock

_ARMED = "ARMED"
_HALTED = "HALTED"
# Beside ARMED: the bot has halted itself; what guards a position may still leave.
_SUSPENDED = "SUSPENDED"
# Left for good by the first arm: a folder without any of the three files was never used.
_MARK = "LATCH"
_MARK_TEXT = b"Trading is allowed only while the file ARMED is here and HALTED is not.\n"
# As `Runs` names it.
_RUNS = "runs"
_SIZE_MAX = 64 * 1024
_REASON_MAX = 1000


@dataclass(frozen=True, slots=True)
class LatchState:
    """Whether a bot may start, and the last word on why. `since` is UTC ms."""

    armed: bool
    reason: str
    since: int | None


@dataclass(frozen=True, slots=True)
class HaltResult:
    """What a halt achieved. `problem` is empty when all of it worked.

    `is_halted`: no order leaves from now on, and no later start takes the folder for a new one.
    """

    is_halted: bool
    is_noted: bool
    problem: str


class FileLatch:
    """A latch in `folder`, seen by every process that looks there; it outlives them all.

    Beside it lie the runs: where there are some, a latch that is gone is no new one.
    """

    def __init__(self, folder: Path, clock: "Clock") -> None:
        self.folder = folder
        self._clock = clock
        self._token = folder / _ARMED
        self._note = folder / _HALTED
        self._suspension = folder / _SUSPENDED
        self._mark = folder / _MARK
        self._runs = folder.parent / _RUNS

    def is_armed(self) -> bool:
        """Return whether orders may leave. Absent, unreadable or halted means no."""
        return _read(self._token) is not None and not os.path.lexists(self._note)

    def may_start(self) -> bool:
        """Return whether a bot may start: orders may leave, and none has halted itself since."""
        return self.is_armed() and not os.path.lexists(self._suspension)

    def mark(self) -> int | None:
        """Return what tells this halt from a later one, though its note stays; None = no halt."""
        try:
            return self._note.stat().st_mtime_ns
        except OSError:
            return None

    def is_new(self) -> bool:
        """Return whether nothing was ever armed or halted here, and nothing has run."""
        known = (self._mark, self._token, self._note, self._runs)
        return not any(os.path.lexists(path) for path in known)

    def was_used(self) -> bool:
        """Return whether a bot may have run here: a halt alone does not tell of one."""
        return any(os.path.lexists(path) for path in (self._mark, self._token, self._runs))

    def state(self) -> LatchState:
        """Return whether a bot may start, since when and why."""
        armed = self.may_start()
        stopped = self._suspension if self.is_armed() else self._note
        found = _read(self._token if armed else stopped)
        if found is not None:
            return LatchState(armed, *found)
        if os.path.lexists(self._note):
            return LatchState(False, "halted; the note that says why cannot be read", None)
        if os.path.lexists(self._token):
            return LatchState(False, "the file ARMED cannot be read", None)
        if self.is_new():
            return LatchState(False, "never armed", None)
        is_gone = not os.path.lexists(self._mark)
        reason = f"{self.folder} is gone or empty, though bots have run here; nobody knows why"
        return LatchState(False, reason if is_gone else "halted; no note says why", None)

    def arm(self, reason: str) -> None:
        """Allow trading from now on. Raises OSError when the disk refuses; it is then halted."""
        if self.may_start():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._mark.exists():
            write_atomically(self._mark, _MARK_TEXT)
        # ARMED comes last: a crash on the way leaves the latch halted.
        self._note.unlink(missing_ok=True)
        write_atomically(self._token, self._text(reason))
        self._suspension.unlink(missing_ok=True)

    def suspend(self, reason: str) -> None:
        """Let no bot start until a person resumes; a disk that is full halts instead."""
        try:
            if not os.path.lexists(self._suspension):
                write_atomically(self._suspension, self._text(reason))
        except OSError:
            self.halt(reason)

    def halt(self, reason: str) -> HaltResult:
        """Stop trading, whatever else is broken. Never raises; a first note is not overwritten."""
        problems = []
        try:
            self._token.unlink(missing_ok=True)
        except OSError as error:
            problems.append(f"{self._token} cannot be removed: {error.strerror}")
        is_noted = os.path.lexists(self._note)
        try:
            if is_noted:
                # The first note stays; that there was a second halt shows.
                with suppress(OSError):
                    os.utime(self._note)
            else:
                self.folder.mkdir(parents=True, exist_ok=True)
                write_atomically(self._note, self._text(reason))
                is_noted = True
            sync_folder(self.folder)
        except OSError as error:
            problems.append(f"{self._note} cannot be written: {error.strerror}")
        is_halted = not self.is_armed() and not self.is_new()
        return HaltResult(is_halted, is_noted, "; ".join(problems))

    def _text(self, reason: str) -> bytes:
        document = {"reason": reason[:_REASON_MAX], "at": self._clock.now_ms()}
        return (json.dumps(document) + "\n").encode()


def _read(path: Path) -> tuple[str, int] | None:
    """Return reason and time of a latch file; None when absent or not one of ours."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            data = os.read(handle, _SIZE_MAX + 1)
        finally:
            os.close(handle)
        if len(data) > _SIZE_MAX:
            return None
        document = json.loads(data)
        reason, at = document["reason"], document["at"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return (reason, at) if isinstance(reason, str) and isinstance(at, int) else None
