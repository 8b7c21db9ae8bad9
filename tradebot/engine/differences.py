"""What books and exchange disagree on: what was found, and what a person chose to leave.

Law: what is ignored is one difference, known by its mark; another one of the same thing is new.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tradebot.model.event import DifferenceFound, DifferenceResolved, Resolution


@dataclass(frozen=True, slots=True)
class Differences:
    """The differences that wait for a word, and the marks of those that are left; by kind, subject.

    The subject is an order's id, a market or a coin.
    """

    found: Mapping[tuple[str, str], DifferenceFound] = field(default_factory=dict)
    ignored: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def is_ignored(self, kind: str, subject: str, mark: str) -> bool:
        """Return whether a person chose to leave exactly this difference."""
        return self.ignored.get((kind, subject)) == mark

    def is_found(self, kind: str, subject: str, mark: str) -> bool:
        """Return whether exactly this difference was recorded and waits."""
        known = self.found.get((kind, subject))
        return known is not None and known.mark == mark

    def with_found(self, event: DifferenceFound) -> "Differences":
        """Return the differences after one was found."""
        return Differences({**self.found, (event.kind, event.subject): event}, self.ignored)

    def with_resolved(self, event: DifferenceResolved) -> "Differences":
        """Return the differences after one has ended."""
        key = event.kind, event.subject
        found = {name: each for name, each in self.found.items() if name != key}
        if event.how is Resolution.IGNORED:
            return Differences(found, {**self.ignored, key: event.mark})
        return Differences(found, self.ignored)

    def forgetting(self, subject: str) -> "Differences":
        """Return the differences after the books were set anew: old marks mean nothing then."""
        kept = {key: mark for key, mark in self.ignored.items() if key[1] != subject}
        return Differences(self.found, kept)
