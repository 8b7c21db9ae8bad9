"""The first act of the emergency stop: the latch, before anything that takes time to load.

Law: it needs neither journal, network nor keys, and imports next to nothing.
"""

from pathlib import Path

from tradebot.adapters.clock import WallClock
from tradebot.adapters.latch import FileLatch
from tradebot.errors import Halted


def close_latch(logs: Path, reason: str) -> str:
    """Halt trading for every bot of these logs; return what went wrong beside it, "" = nothing.

    Raises Halted where trading could not be halted.
    """
    latched = FileLatch(logs / "latch", WallClock()).halt(reason)
    if not latched.is_halted:
        raise Halted(f"the latch cannot be closed: {latched.problem}", hint="kill the process")
    return latched.problem
