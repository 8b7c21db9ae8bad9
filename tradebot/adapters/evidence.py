"""Lines on disk that prove what was done and when: drills, backups, alert tests, a person's words.

Law: a line is whole or it is none, and it is on disk before it counts.
"""

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tradebot.adapters.files import sync_folder
from tradebot.errors import JournalError

BACKUPS, ALERT_TESTS = "backups.jsonl", "alert-tests.jsonl"
COMPARISONS = "comparisons.jsonl"
_PRIVATE = 0o600


def append_line(path: Path, values: Mapping[str, object]) -> None:
    """Append one JSON object, durably, in one write. Raises JournalError."""
    line = json.dumps(values, sort_keys=True) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags, _PRIVATE)
        try:
            size = os.fstat(handle).st_size
            # A line that a power cut tore must not swallow this one.
            is_torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            data = (f"\n{line}" if is_torn else line).encode()
            if os.write(handle, data) < len(data):
                # A disk that is nearly full takes a part, and says nothing.
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        finally:
            os.close(handle)
        sync_folder(path.parent)
    except OSError as error:
        raise JournalError(
            f"{path} cannot be written: {error.strerror}",
            hint="check free space and permissions of its folder",
        ) from error


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects that can be read, oldest first. Raises JournalError."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]  # What follows the last end is torn.
    except FileNotFoundError:
        return []
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror}") from error
    found = []
    for line in lines:
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(values, dict):
            found.append(values)
    return found
