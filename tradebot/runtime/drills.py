"""The record of kill drills: when each was, how long it took, and whether all of it worked.

Law: a line is whole or no drill; what cannot be read proves nothing.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tradebot.adapters.audit import AuditLog
from tradebot.adapters.proofs import Proofs, prove

FILE_NAME = "kill-drills.jsonl"


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


def record_drill(audit: AuditLog, drill: Drill) -> Path:
    """Put a drill on record, durably; return the file. Raises JournalError."""
    return prove(audit, FILE_NAME, asdict(drill))


def drills(proofs: Proofs) -> list[Drill]:
    """Return the drills on record, oldest first. Raises JournalError where there is no reading."""
    found = (_drill(values) for values in proofs.lines(FILE_NAME))
    return [each for each in found if each is not None]


def _drill(values: dict[str, Any]) -> Drill | None:
    """Return the drill of a line; None where it is none."""
    try:
        drill = Drill(**{**values, "problems": tuple(values["problems"])})
    except (TypeError, KeyError):
        return None
    times = (drill.latched_ms, drill.cancelled_ms, drill.flat_ms)
    is_whole = type(drill.at) is int and all(each is None or type(each) is int for each in times)
    is_named = all(isinstance(each, str) for each in (drill.mode, drill.exchange, drill.account))
    return drill if is_whole and is_named else None
