"""A process that holds secrets leaves no core dump, and shows its memory to no other of its user.

Law: what the system does not grant is returned, never passed over. Root sees everything as before.
"""

import ctypes
import resource
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def harden() -> list[str]:
    """Shield this process, and its children from core dumps; return what could not be had."""
    missing = []
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        missing.append("a crash may write its memory to disk")
    # Linux alone has it. The kernel shows /proc/PID/mem and environ of no such process.
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None or prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        missing.append("other processes of this user can read its memory")
    return missing
