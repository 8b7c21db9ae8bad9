"""What goes out now, later or never: identical texts once a minute, and at most ten messages.

Law: pure; the time comes in as a number, and nothing is lost without being counted.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from tradebot.adapters.alert_channels import Message
from tradebot.ports import AlertLevel

WINDOW_MS: Final = 60_000
MESSAGES_A_WINDOW_MAX: Final = 10
# What only critical messages may use, so that a storm of fills cannot hold back a halt.
_RESERVED_FOR_CRITICAL: Final = 2
_WAITING_MAX: Final = 1000
_DIGEST_LINES_MAX: Final = 20
_DIGEST_LINE_LENGTH_MAX: Final = 200
_LEVELS: Final = tuple(AlertLevel)


class Throttle:
    """Holds back what is repeated or too much, and gives it out later as one digest."""

    def __init__(self) -> None:
        self._sent_at: deque[int] = deque()
        self._waiting: list[Message] = []
        self._left_out = 0
        self._last_ms = 0
        # Message -> [when it went out, how often it came again].
        self._seen: dict[Message, list[int]] = {}

    @property
    def is_holding(self) -> bool:
        """Say whether something will become due only by time passing."""
        return bool(self._waiting) or self._left_out > 0 or any(n for _, n in self._seen.values())

    def offer(self, message: Message, now_ms: int) -> list[Message]:
        """Take one message; return what goes out now, oldest first."""
        out = self.due(now_ms)
        if message in self._seen:
            self._seen[message][1] += 1
            return out
        if len(self._seen) < _WAITING_MAX:
            self._seen[message] = [now_ms, 0]
        if self._has_room(message.level):
            self._sent_at.append(now_ms)
            return [*out, message]
        self._hold([message])
        return out

    def due(self, now_ms: int) -> list[Message]:
        """Return the digest of what waits, once there is room for it."""
        if now_ms < self._last_ms:
            # The clock went back: an old window would stay shut until it is caught up with.
            self._sent_at.clear()
            self._seen = {message: [now_ms, again] for message, (_, again) in self._seen.items()}
        self._last_ms = now_ms
        while self._sent_at and now_ms - self._sent_at[0] >= WINDOW_MS:
            self._sent_at.popleft()
        over = [seen for seen, (at, _) in self._seen.items() if now_ms - at >= WINDOW_MS]
        self._hold(_again(message, self._seen.pop(message)[1]) for message in over)
        if not (self._waiting or self._left_out) or not self._has_room(AlertLevel.INFO):
            return []
        self._sent_at.append(now_ms)
        return self._digest()

    def flush(self) -> list[Message]:
        """Return the digest of all that waits, room or not: the last call."""
        self._hold(_again(message, again) for message, (_, again) in self._seen.items())
        self._seen.clear()
        return self._digest() if self._waiting or self._left_out else []

    def _has_room(self, level: AlertLevel) -> bool:
        reserved = 0 if level is AlertLevel.CRITICAL else _RESERVED_FOR_CRITICAL
        return len(self._sent_at) < MESSAGES_A_WINDOW_MAX - reserved

    def _hold(self, messages: Iterable[Message | None]) -> None:
        for message in messages:
            if message is None:
                continue
            if len(self._waiting) < _WAITING_MAX:
                self._waiting.append(message)
            else:
                self._left_out += 1

    def _digest(self) -> list[Message]:
        messages, self._waiting = self._waiting, []
        left_out, self._left_out = self._left_out, 0
        if len(messages) == 1 and not left_out:
            return messages
        # The gravest first: the lines that do not fit are the least of them.
        messages.sort(key=lambda message: -_LEVELS.index(message.level))
        lines = [f"{len(messages) + left_out} alerts in one message:"]
        shown = messages[:_DIGEST_LINES_MAX]
        lines += [f"- {message.text[:_DIGEST_LINE_LENGTH_MAX]}" for message in shown]
        more = len(messages) + left_out - _DIGEST_LINES_MAX
        if more > 0:
            lines.append(f"and {more} more: see the log")
        return [Message(messages[0].level, "digest", "\n".join(lines))]


def _again(message: Message, times: int) -> Message | None:
    if times == 0:
        return None
    again = f"{times} more time{'' if times == 1 else 's'}"
    return Message(message.level, message.kind, f"{message.text} ({again})")
