"""The pause that an exchange orders by 429 or 418: until it is over nothing leaves.

Law: what is asked in a pause never was on the wire. A new process learns of it by its first answer.
When a client may speak is asked of `breakers.py`, which asks here first.
"""

from collections.abc import Callable, Mapping

import ccxt.async_support as ccxt

from tradebot.model.timeframe import DAY_MS, format_time

# HTTP statuses that order a pause, and how long it is where no header says so, in ms.
PAUSES = {429: 60_000, 418: 120_000}
# Binance's longest ban; an answer that asks for more is asked again when these are over.
PAUSE_MS_MAX = 3 * DAY_MS
HEADER = "retry-after"
DIGITS_MAX = 12


class Paused(ccxt.DDoSProtection):  # type: ignore[misc]  # the library is untyped
    """Nothing was sent: the exchange has ordered a pause, or we keep one of our own."""

    hint = "fewer markets or a longer timeframe ask less; all bots at one address count"


def told(error: Exception) -> str:
    """Return until when nothing is sent, as a ban's answer and all after it say; "" = no ban."""
    return str(error) if isinstance(error, Paused) else "".join(getattr(error, "__notes__", ()))


class Pause:
    """When one client may ask again, by `steady_ms`, which never jumps; `now_ms` tells people."""

    def __init__(self, steady_ms: Callable[[], int], now_ms: Callable[[], int]) -> None:
        self._steady_ms = steady_ms
        self._now_ms = now_ms
        self._until = 0
        self.why = ""  # Of the last one.

    def check(self) -> None:
        """Raise Paused while nothing may leave."""
        if self._steady_ms() < self._until:
            raise Paused(self.why)

    def hear(self, status: int, headers: Mapping[str, str]) -> None:
        """Take an answer's word for how long to be silent; the longest one counts."""
        if status not in PAUSES:
            return
        told_ms = _told_ms(headers)
        wanted_ms = PAUSES[status] if told_ms is None else told_ms
        pause_ms = min(wanted_ms, PAUSE_MS_MAX)
        until = self._steady_ms() + pause_ms
        if until <= self._until:
            return
        self._until = until
        ends = told_time(self._now_ms() + pause_ms)
        self.why = f"it answered {status}, so nothing is sent until {ends}"
        if pause_ms < wanted_ms:
            self.why += f" (it named {wanted_ms // 1000} s; its longest ban is of 3 days)"


def _told_ms(headers: Mapping[str, str]) -> int | None:
    """Return how long the header says to wait; None where it is missing or names no seconds."""
    seconds = header_count(headers, HEADER)
    return None if seconds is None else seconds * 1000


def header_count(headers: Mapping[str, str], wanted: str) -> int | None:
    """Return the whole number in a header, named in small letters; None where it has none."""
    found = next((text for name, text in headers.items() if name.lower() == wanted), "").strip()
    if not (found.isascii() and found.isdigit()) or len(found) > DIGITS_MAX:
        return None
    return int(found)


def told_time(time_ms: int) -> str:
    """Return a time as people are told it, in whole seconds and never too early."""
    return format_time(-(-time_ms // 1000) * 1000)
