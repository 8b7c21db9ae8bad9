"""The story of a world: its last rows, the hash of all of them, and the end where a rule breaks."""

import hashlib
from collections import Counter, deque

# How much of the story is shown where something did not hold.
ROWS_KEPT = 60


class Violation(AssertionError):
    """Something that must always hold does not."""


class Record:
    """All that was noted, in order."""

    def __init__(self) -> None:
        self.rows: deque[str] = deque(maxlen=ROWS_KEPT)
        self.counts: Counter[str] = Counter()
        self.now = 0
        self._hash = hashlib.sha256()

    def note(self, time: int, what: str, text: str = "") -> None:
        """Keep one row of the story, and mix it into the hash."""
        row = f"{time} {what} {text}"
        self.rows.append(row)
        self._hash.update(row.encode())
        self.counts[what] += 1
        self.now = time

    def trace(self) -> str:
        """Return the hash of the story so far."""
        return self._hash.hexdigest()

    def must(self, holds: bool, rule: str, text: str) -> None:
        """Raise Violation where something does not hold."""
        if not holds:
            raise Violation(f"{rule}: {text}")
