"""The two clocks: the machine's, and one that moves only while the bot sleeps.

Law: nothing else in the program reads the machine's time or waits for it.
"""

import queue
import time
from collections.abc import Callable

# A wall clock may jump while we wait; looking again this often bounds what a jump can cost.
_SLICE_SECONDS = 0.5
# Linux's; elsewhere a clock that stands still while the machine sleeps has to do.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class _Stop:
    """A flag that ends a wait, and that a signal handler may raise at any moment."""

    def __init__(self) -> None:
        self.is_raised = False
        # Not threading.Event: a handler that runs inside Event.wait would wait for the lock that
        # its own thread holds. SimpleQueue.put is written in C for exactly this use.
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()

    def raise_flag(self) -> None:
        self.is_raised = True
        self._wake.put(None)

    def wait(self, seconds: float) -> None:
        """Return after `seconds`, at most a slice, or as soon as the flag is raised."""
        if self.is_raised:
            return
        try:
            self._wake.get(timeout=min(max(seconds, 0.0), _SLICE_SECONDS))
        except queue.Empty:
            return


def _steady_ms() -> int:
    """Return ms since the machine started; nobody can set it, and sleep of the machine counts."""
    return time.clock_gettime_ns(_STEADY) // 1_000_000


class WallClock:
    """The machine's clock; or, once it follows one, an exchange's, by which that decides."""

    def __init__(self) -> None:
        self._stop = _Stop()
        # What the steady clock lacks of the exchange's time; None = the machine's time is shown.
        self._ahead_ms: int | None = None

    @property
    def is_stopped(self) -> bool:
        """Say whether `stop` was called."""
        return self._stop.is_raised

    def now_ms(self) -> int:
        """Return the time now, in UTC ms. It may jump: use it to name moments, not to measure."""
        if self._ahead_ms is not None:
            return _steady_ms() + self._ahead_ms
        return time.time_ns() // 1_000_000

    def follow(self, exchange_ms: int) -> None:
        """Show an exchange's time from now on; it is `exchange_ms` at this moment.

        The steady clock carries it on: when somebody sets the machine's clock, an order in doubt
        must not look older than it is.
        """
        self._ahead_ms = exchange_ms - _steady_ms()

    def monotonic_ms(self) -> int:
        """Return ms since an unnamed moment; never jumps, so differences are durations."""
        return time.monotonic_ns() // 1_000_000

    def sleep_until(self, time_ms: int) -> None:
        """Return when this clock shows `time_ms`, or as soon as `stop` was called."""
        while not self._stop.is_raised:
            left_ms = time_ms - self.now_ms()
            if left_ms <= 0:
                return
            self._stop.wait(left_ms / 1000)

    def stop(self) -> None:
        """End every sleep, this one and all later ones. Safe in a signal handler."""
        self._stop.raise_flag()


class VirtualClock:
    """A clock that moves only in `sleep_until`, and tells the world to move with it.

    `on_advance(time_ms)` is called before the clock shows the new time. With `pace`, that many
    virtual seconds take one real second; without it, none.
    """

    def __init__(
        self,
        start_ms: int,
        on_advance: Callable[[int], None] | None = None,
        pace: float | None = None,
    ) -> None:
        if pace is not None and not pace > 0:
            raise ValueError(f"pace must be above 0, got {pace}")
        self._now_ms = start_ms
        self._on_advance = on_advance
        self._pace = pace
        self._stop = _Stop()
        self._wall = WallClock()
        # Called at least twice a second while a paced sleep waits; it may call `stop`.
        self.on_wait: Callable[[], None] = lambda: None
        # (virtual, real) ms of the first paced sleep: waits aim at it, so delays do not add up.
        self._anchor_ms: tuple[int, int] | None = None

    @property
    def is_stopped(self) -> bool:
        """Say whether `stop` was called."""
        return self._stop.is_raised

    def now_ms(self) -> int:
        """Return the virtual time, in UTC ms."""
        return self._now_ms

    def sleep_until(self, time_ms: int) -> None:
        """Move to `time_ms`; never back, and not at all once `stop` was called."""
        if time_ms <= self._now_ms:
            return
        if self._pace is not None:
            self._wait_until(time_ms, self._pace)
        if self._stop.is_raised:
            return
        if self._on_advance is not None:
            self._on_advance(time_ms)
        self._now_ms = time_ms

    def stop(self) -> None:
        """End every sleep, this one and all later ones. Safe in a signal handler."""
        self._stop.raise_flag()

    def _wait_until(self, time_ms: int, pace: float) -> None:
        if self._anchor_ms is None:
            self._anchor_ms = (self._now_ms, self._wall.monotonic_ms())
        virtual_ms, real_ms = self._anchor_ms
        wake_ms = real_ms + (time_ms - virtual_ms) / pace
        while not self._stop.is_raised:
            self.on_wait()
            left_ms = wake_ms - self._wall.monotonic_ms()
            if left_ms <= 0:
                return
            self._stop.wait(left_ms / 1000)
