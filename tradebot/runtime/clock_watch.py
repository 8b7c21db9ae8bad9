"""How far the exchange's clock and ours have drifted apart, measured while the bot runs.

Law: what is measured wrong is followed anew, and no entry is made until a measure has agreed.
"""

from collections.abc import Callable
from typing import Protocol

from tradebot.errors import ExchangeUnavailable
from tradebot.ports import Clock

EVERY_MS = 300_000


class Follower(Clock, Protocol):
    """A clock that can be set to another's time, and a steady one beside it."""

    def monotonic_ms(self) -> int:
        """Return ms since an unnamed moment; never jumps."""
        ...

    def follow(self, exchange_ms: int) -> None:
        """Show an exchange's time from now on."""
        ...


class ClockWatch:
    """Asks the exchange for its time now and then; `exchange_ms` does."""

    def __init__(
        self, clock: Follower, exchange_ms: Callable[[], int], *, every_ms: int = EVERY_MS
    ) -> None:
        self._clock = clock
        self._exchange_ms = exchange_ms
        self._every_ms = every_ms
        self._due = clock.monotonic_ms() + every_ms
        self.skew_ms = 0

    def look(self) -> None:
        """Measure if it is time to. An exchange that does not answer leaves the last measure."""
        if self._clock.monotonic_ms() < self._due:
            return
        before = self._clock.now_ms()
        try:
            told = self._exchange_ms()
        except ExchangeUnavailable:
            return
        after = self._clock.now_ms()
        # Told some time between the two: only what lies outside is known to be wrong.
        self.skew_ms = max(0, before - told, told - after)
        if self.skew_ms:
            self._clock.follow(told)
            return  # Measured again at the next wake: then it agrees, or something is wrong.
        self._due = self._clock.monotonic_ms() + self._every_ms
