"""Wrong passphrases are answered ever more slowly, also by the next process.

Law: at most 30 s, whatever happened to the count. The cost of the derivation is what protects a
stolen file; this protects a keystore behind a prompt.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from tradebot.adapters.files import read_private, write_atomically
from tradebot.errors import KeystoreError
from tradebot.ports import Clock

DELAY_MS_MAX: Final = 30_000
FAILURES_NAME: Final = "unlock-failures.json"
_FIRST_DELAY_MS: Final = 1_000
# From here on the delay is the longest.
_FAILURES_MAX: Final = 6
_LOCK_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class _Failures:
    """How many attempts have failed since the last that did not, and when the last one was."""

    count: int
    last_at_ms: int

    def delay_ms(self) -> int:
        """Return how long the next attempt waits after the last one."""
        if self.count == 0:
            return 0
        return min(_FIRST_DELAY_MS << (self.count - 1), DELAY_MS_MAX)


class UnlockDelay:
    """The delay of one keystore. `on_wait(seconds)` is told before a wait of a second or more."""

    def __init__(
        self, folder: Path, clock: Clock, on_wait: Callable[[int], None] | None = None
    ) -> None:
        self._path = folder / FAILURES_NAME
        self._lock = folder / "unlock.lock"
        self._clock = clock
        self._on_wait = on_wait

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Wait as earlier failures demand, then let one attempt be made; a KeystoreError fails it.

        One attempt at a time. It is counted before it is made: a process that is killed before the
        answer has used it up. Where it cannot be counted, on a full disk or when another attempt
        hangs, a right passphrase still opens at once, and a wrong one is answered after 30 s.
        """
        latest_ms = self._clock.now_ms() + DELAY_MS_MAX
        lock = FileLock(self._lock, timeout=_LOCK_SECONDS, mode=0o600)
        with suppress(Timeout, OSError):
            lock.acquire()
        try:
            failures = self._read()
            # In all, also when the clock was set back or another attempt was waited for.
            self._wait_until(min(failures.last_at_ms + failures.delay_ms(), latest_ms))
            is_counted = lock.is_locked and self._count(failures.count + 1)
            try:
                yield
            except KeystoreError:
                # The wait begins with the answer.
                if not (is_counted and self._count(failures.count + 1)):
                    self._wait_until(self._clock.now_ms() + DELAY_MS_MAX)
                raise
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        finally:
            lock.release()

    def _read(self) -> _Failures:
        """Return what is counted; a count that cannot be believed is the highest, a moment ago."""
        try:
            found = json.loads(read_private(self._path))
            failures = _Failures(found["count"], found["last_at_ms"])
            if type(failures.count) is int and type(failures.last_at_ms) is int:
                count = min(max(1, failures.count), _FAILURES_MAX)
                return _Failures(count, failures.last_at_ms)
        except FileNotFoundError:
            return _Failures(0, 0)
        except (KeystoreError, OSError, ValueError, LookupError, TypeError, RecursionError):
            pass
        return _Failures(_FAILURES_MAX, self._clock.now_ms())

    def _count(self, count: int) -> bool:
        """Write the number of failures; return whether that was possible."""
        kept = {"count": min(count, _FAILURES_MAX), "last_at_ms": self._clock.now_ms()}
        try:
            write_atomically(self._path, json.dumps(kept).encode())
        except OSError:
            return False
        return True

    def _wait_until(self, time_ms: int) -> None:
        left_ms = time_ms - self._clock.now_ms()
        if left_ms <= 0:
            return
        if self._on_wait is not None:
            self._on_wait((left_ms + 999) // 1000)
        self._clock.sleep_until(time_ms)
