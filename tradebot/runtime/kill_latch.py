"""The first act of the emergency stop: the latch, before anything that takes time to load.

Law: it needs neither journal, network nor keys, imports next to nothing, and never raises.
"""

from dataclasses import dataclass
from pathlib import Path

from tradebot.adapters.clock import WallClock
from tradebot.adapters.latch import FileLatch


@dataclass(frozen=True, slots=True)
class Closing:
    """What closing the latch achieved. `problem` is what went wrong, or went wrong beside it.

    `was_used`: a bot may have run here; where none has, nothing was halted by it.
    """

    is_closed: bool
    was_used: bool
    problem: str


def close_latch(logs: Path, reason: str) -> Closing:
    """Halt trading for every bot of these logs; return how far that went."""
    latch = FileLatch(logs / "latch", WallClock())
    was_used = latch.was_used()
    latched = latch.halt(reason)
    problem = latched.problem
    if not latched.is_halted:
        problem = f"THE LATCH IS NOT CLOSED, a bot that starts will trade: {problem}"
    return Closing(latched.is_halted, was_used, problem)
