"""The record of kill drills: when each was, how long it took, and whether all of it worked.

Law: a line is whole or no drill; what cannot be read proves nothing.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from tradebot.adapters.files import sync_folder
from tradebot.errors import JournalError

FILE_NAME = "kill-drills.jsonl"
PRIVATE = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One rehearsal of the emergency stop. Times are ms after it began; None = not reached.

    `at` is UTC ms. `problems` is empty where all of it worked.
    """

    at: int
    mode: str
    exchange: str
    account: str
    latched_ms: int | None
    cancelled_ms: int | None
    flat_ms: int | None
    problems: tuple[str, ...] = ()

    @property
    def is_passed(self) -> bool:
        """Whether it ended flat, with nothing left to say."""
        return self.flat_ms is not None and not self.problems


def record_drill(logs: Path, drill: Drill) -> Path:
    """Append a drill, durably, in one write; return the file. Raises JournalError."""
    path = logs / FILE_NAME
    line = json.dumps(asdict(drill), sort_keys=True) + "\n"
    try:
        logs.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, PRIVATE)
        try:
            size = os.fstat(handle).st_size
            # A line that a power cut tore must not swallow this one.
            is_torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            os.write(handle, (f"\n{line}" if is_torn else line).encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        sync_folder(logs)
    except OSError as error:
        raise JournalError(
            f"{path} cannot be written: {error.strerror}",
            hint="check free space and permissions of its folder",
        ) from error
    return path


def drills(logs: Path) -> list[Drill]:
    """Return the drills on record, oldest first. Raises JournalError where there is no reading."""
    path = logs / FILE_NAME
    try:
        lines = path.read_bytes().split(b"\n")[:-1]  # What follows the last end is torn.
    except FileNotFoundError:
        return []
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror}") from error
    found = (_drill(line) for line in lines)
    return [each for each in found if each is not None]


def _drill(line: bytes) -> Drill | None:
    """Return the drill of a line; None where it is none."""
    try:
        values = json.loads(line)
        drill = Drill(**{**values, "problems": tuple(values["problems"])})
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    times = (drill.latched_ms, drill.cancelled_ms, drill.flat_ms)
    is_whole = type(drill.at) is int and all(each is None or type(each) is int for each in times)
    is_named = all(isinstance(each, str) for each in (drill.mode, drill.exchange, drill.account))
    return drill if is_whole and is_named else None
