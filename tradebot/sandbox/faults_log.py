"""What went wrong so far: counts by name, and the last of it in words.

Law: only a fault that made a difference is written down.
"""

from __future__ import annotations

from collections import Counter, deque

KEPT_MAX = 1000


class FaultLog:
    """Every fault that happened, counted; the last 1,000 with the sandbox's time."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.last: deque[dict[str, object]] = deque(maxlen=KEPT_MAX)

    def add(self, time: int, fault: str, about: str, detail: str = "") -> None:
        """Write down that a fault happened; `about` is the request, order, coin or market."""
        self.counts[fault] += 1
        entry = {"time": time, "fault": fault, "about": about}
        self.last.append({**entry, "detail": detail} if detail else entry)
