"""Telling the owner: a bounded queue, one worker, and the channels that config switched on.

Law: `send` never raises and never waits; what cannot be delivered is logged and counted.
"""

import logging
import queue
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tradebot.adapters.alert_channels import (
    Channel,
    ConsoleChannel,
    EmailChannel,
    FileChannel,
    Message,
    SlackChannel,
    TelegramChannel,
)
from tradebot.adapters.alert_throttle import Throttle
from tradebot.adapters.clock import WallClock
from tradebot.adapters.redact import Secret, plain_text
from tradebot.errors import ConfigError, KeystoreError, TradebotError
from tradebot.ports import AlertLevel, Clock

if TYPE_CHECKING:
    from tradebot.adapters.keystore import Keystore

CHANNELS: Final = ("slack", "telegram", "email", "console", "file")
KINDS: Final = ("order", "fill", "stop", "error", "lifecycle", "daily_summary")
FILE_NAME: Final = "alerts.jsonl"
# Channels whose credentials are in the keystore, in the slot alerts/NAME.
CHANNELS_WITH_KEYS: Final = frozenset({"slack", "telegram", "email"})
_QUEUE_SIZE_MAX: Final = 1000
_POLL_SECONDS: Final = 1.0

_log = logging.getLogger("tradebot.alerts")
_log.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """Which channels are on, and for which kinds of message. `ca_file`: an own mail server's."""

    channels: tuple[str, ...] = ()
    kinds: tuple[str, ...] = KINDS
    ca_file: Path | None = None

    @property
    def needs_keystore(self) -> bool:
        """Say whether a channel is on whose credentials are in the keystore."""
        return not CHANNELS_WITH_KEYS.isdisjoint(self.channels)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCounts:
    """What became of the messages: `delivered` and `failed` count each channel by itself."""

    delivered: int = 0
    failed: int = 0
    dropped: int = 0


class AlertQueue:
    """Messages on their way to `channels`. `heading`, such as `TESTNET binance`, opens each one.

    A message of a kind that is not in `kinds` is left out, but for a CRITICAL one. `clock` is the
    owner's, even when the bot trades in virtual time: it is the phone that must not ring too often.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        *,
        clock: Clock,
        heading: str = "",
        kinds: Sequence[str] = KINDS,
        redactor: Callable[[str], str] = str,
    ) -> None:
        self._channels = tuple(channels)
        self._clock = clock
        self._heading = f"[{heading}] " if heading else ""
        self._kinds = frozenset(kinds)
        self._redactor = redactor
        self._queue: queue.Queue[Message | None] = queue.Queue(_QUEUE_SIZE_MAX)
        self._lock = threading.Lock()
        self._counts = AlertCounts()
        self._untold_drops = 0
        self._closing = threading.Event()
        self._worker = threading.Thread(target=self._work, name="alerts", daemon=True)
        if self._channels:
            self._worker.start()

    def send(self, level: AlertLevel, kind: str, text: str) -> None:
        """Queue one message and return."""
        if not self._channels or (kind not in self._kinds and level is not AlertLevel.CRITICAL):
            return
        try:
            if self._closing.is_set():
                raise queue.Full
            # Twice: taking out a control character or a line end can complete a secret.
            text = self._redactor(plain_text(self._redactor(text)))
            self._queue.put_nowait(Message(level, kind, text))
        except queue.Full:
            self._count(dropped=1)

    @property
    def counts(self) -> AlertCounts:
        """What became of the messages so far."""
        with self._lock:
            return self._counts

    def close(self, timeout_seconds: float = 10.0) -> bool:
        """Deliver what is queued; return whether that was done within `timeout_seconds`."""
        self._closing.set()
        with suppress(queue.Full):
            # Wakes a worker that waits; one that is busy sees the flag.
            self._queue.put_nowait(None)
        if not self._channels:
            return True
        self._worker.join(timeout_seconds)
        return not self._worker.is_alive()

    def _work(self) -> None:
        throttle = Throttle()
        while True:
            message = self._next(throttle.is_holding)
            now_ms = self._clock.now_ms()
            due = throttle.due(now_ms) if message is None else throttle.offer(message, now_ms)
            for outgoing in due:
                self._deliver(outgoing)
            if self._closing.is_set() and self._queue.empty():
                for outgoing in throttle.flush():
                    self._deliver(outgoing)
                return

    def _next(self, is_holding: bool) -> Message | None:
        """Return the next message; None when the worker should only look at the clock."""
        try:
            return self._queue.get(timeout=_POLL_SECONDS if is_holding else None)
        except queue.Empty:
            return None

    def _deliver(self, message: Message) -> None:
        with self._lock:
            drops, self._untold_drops = self._untold_drops, 0
        lost = f" ({drops} alerts were dropped: the queue was full)" if drops else ""
        message = replace(message, text=f"{self._heading}{message.text}{lost}")
        for channel in self._channels:
            error = _try_channel(channel, message)
            if error == "":
                self._count(delivered=1)
            else:
                self._count(failed=1)
                _log.warning("alert.failed", extra={"channel": channel.name, "error": error})

    def _count(self, *, delivered: int = 0, failed: int = 0, dropped: int = 0) -> None:
        with self._lock:
            self._counts = AlertCounts(
                delivered=self._counts.delivered + delivered,
                failed=self._counts.failed + failed,
                dropped=self._counts.dropped + dropped,
            )
            self._untold_drops += dropped


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelResult:
    """How one channel took the test message. `error` is empty when it did."""

    channel: str
    ok: bool
    milliseconds: int
    error: str = ""


def send_test(channels: Sequence[Channel], heading: str = "") -> list[ChannelResult]:
    """Send one test message through each channel, in order, and say how each took it."""
    prefix = f"[{heading}] " if heading else ""
    message = Message(AlertLevel.INFO, "lifecycle", f"{prefix}test message: this channel works")
    clock = WallClock()
    results = []
    for channel in channels:
        started_ms = clock.monotonic_ms()
        error = _try_channel(channel, message)
        took_ms = clock.monotonic_ms() - started_ms
        results.append(
            ChannelResult(channel=channel.name, ok=not error, milliseconds=took_ms, error=error)
        )
    return results


def channels_from(
    settings: AlertSettings, keystore: "Keystore | None", *, folder: Path
) -> list[Channel]:
    """Return the channels that `settings` switches on; the file channel writes into `folder`.

    Raises KeystoreError when credentials are missing, ConfigError when they make no sense.
    """
    channels: list[Channel] = []
    for name in settings.channels:
        match name:
            case "console":
                channels.append(ConsoleChannel(sys.stderr))
            case "file":
                channels.append(FileChannel(folder / FILE_NAME, WallClock().now_ms))
            case "slack":
                fields = _credentials(keystore, name, ("webhook_url",))
                channels.append(SlackChannel(fields["webhook_url"]))
            case "telegram":
                fields = _credentials(keystore, name, TELEGRAM_FIELDS)
                channels.append(TelegramChannel(fields["bot_token"], fields["chat_id"].reveal()))
            case "email":
                channels.append(email_from(_credentials(keystore, name, EMAIL_FIELDS), settings))
            case _:
                raise ConfigError(
                    f"{name!r} is not an alert channel", f"known are {', '.join(CHANNELS)}"
                )
    return channels


TELEGRAM_FIELDS: Final = ("bot_token", "chat_id")
EMAIL_FIELDS: Final = ("host", "port", "security", "username", "password", "sender", "recipients")


def email_from(fields: dict[str, Secret], settings: AlertSettings) -> EmailChannel:
    """Return the e-mail channel of the keystore's fields. Raises ConfigError."""
    text = {name: fields[name].reveal() for name in EMAIL_FIELDS if name != "password"}
    if not (text["port"].isascii() and text["port"].isdigit()):
        raise ConfigError(f"email: port {plain_text(text['port'])!r} is not a number", "try 587")
    return EmailChannel(
        host=text["host"],
        port=int(text["port"]),
        username=text["username"],
        password=fields["password"],
        sender=text["sender"],
        recipients=[part.strip() for part in text["recipients"].split(",") if part.strip()],
        security=text["security"],
        ca_file=settings.ca_file,
    )


def _credentials(
    keystore: "Keystore | None", name: str, wanted: Sequence[str]
) -> dict[str, Secret]:
    hint = f"tradebot keys add {name}, or take it out of [alerts] channels"
    if keystore is None:
        raise KeystoreError(f"alert channel {name} is on, but there is no keystore", hint)
    if f"alerts/{name}" not in keystore.slots():
        raise KeystoreError(f"alert channel {name} is on, but the keystore has no key for it", hint)
    fields = keystore.get(f"alerts/{name}", "alerts")
    missing = [field for field in wanted if field not in fields]
    if missing:
        raise KeystoreError(f"the key alerts/{name} lacks {', '.join(missing)}", hint)
    return fields


def _try_channel(channel: Channel, message: Message) -> str:
    """Deliver one message; return what went wrong in words, or nothing."""
    try:
        channel.deliver(message)
    except TradebotError as error:
        return error.message
    # One of the three places where `except Exception` may stand: an alert that cannot be delivered,
    # whatever the reason, must not end the worker. The type only: its text may hold the webhook.
    except Exception as error:
        return f"{channel.name} failed: {type(error).__name__}"
    return ""
