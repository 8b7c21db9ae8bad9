"""The alert queue: it never raises, never waits, and a dead channel is counted, not feared."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.keystores import CHEAP
from tradebot.adapters import alerts as alerts_module
from tradebot.adapters.alert_channels import (
    Channel,
    ConsoleChannel,
    EmailChannel,
    FileChannel,
    Message,
    SlackChannel,
    TelegramChannel,
)
from tradebot.adapters.alerts import (
    AlertCounts,
    AlertQueue,
    AlertSettings,
    ChannelResult,
    channels_from,
    send_test,
)
from tradebot.adapters.clock import VirtualClock
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.redact import Redactor, Secret
from tradebot.errors import ConfigError, KeystoreError, TradebotError
from tradebot.ports import AlertLevel, Alerts

PATIENCE_SECONDS = 20


class Recorder:
    """A channel that remembers what it was given, and waits or fails when told to."""

    def __init__(self, name: str = "recorder", error: Exception | None = None) -> None:
        self.name = name
        self.error = error
        self.taken: list[Message] = []
        self.is_entered = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def deliver(self, message: Message) -> None:
        self.is_entered.set()
        self.may_go_on.wait(PATIENCE_SECONDS)
        if self.error is not None:
            raise self.error
        self.taken.append(message)

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.taken]


@pytest.fixture
def hung() -> Iterator[Recorder]:
    """A channel that hangs until the test is over."""
    channel = Recorder("hung")
    channel.may_go_on.clear()
    yield channel
    channel.may_go_on.set()


def queue_of(*channels: Channel, redactor: Redactor | None = None) -> AlertQueue:
    return AlertQueue(
        channels,
        clock=VirtualClock(0),
        heading="TESTNET binance",
        redactor=redactor if redactor is not None else Redactor(),
    )


def closed(queue: AlertQueue) -> AlertCounts:
    assert queue.close(PATIENCE_SECONDS)
    return queue.counts


def test_a_message_reaches_every_channel_with_mode_and_exchange_in_front() -> None:
    first, second = Recorder(), Recorder()
    queue: Alerts = queue_of(first, second)
    queue.send(AlertLevel.INFO, "fill", "SELL BTC/USDT 0.0055 @ 90,470 stop")
    assert isinstance(queue, AlertQueue)
    assert closed(queue) == AlertCounts(delivered=2)
    assert first.texts == ["[TESTNET binance] SELL BTC/USDT 0.0055 @ 90,470 stop"]
    assert first.taken == second.taken
    assert (first.taken[0].level, first.taken[0].kind) == (AlertLevel.INFO, "fill")


def test_sending_does_not_wait_for_a_hung_channel_and_drops_are_counted_and_told(
    hung: Recorder,
) -> None:
    queue = queue_of(hung)
    queue.send(AlertLevel.INFO, "fill", "first")
    assert hung.is_entered.wait(PATIENCE_SECONDS)
    for number in range(1005):
        queue.send(AlertLevel.INFO, "fill", f"fill {number}")
    assert queue.counts == AlertCounts(dropped=5)
    hung.may_go_on.set()
    assert closed(queue).dropped == 5
    assert hung.texts[0] == "[TESTNET binance] first"
    assert hung.texts[1].endswith(" (5 alerts were dropped: the queue was full)")
    assert "dropped" not in hung.texts[2]


def test_closing_gives_up_on_a_hung_channel(hung: Recorder) -> None:
    queue = queue_of(hung)
    queue.send(AlertLevel.INFO, "fill", "first")
    assert hung.is_entered.wait(PATIENCE_SECONDS)
    assert not queue.close(0.01)


def test_closing_delivers_what_the_throttle_held_back() -> None:
    channel = Recorder()
    queue = queue_of(channel)
    for number in range(30):
        queue.send(AlertLevel.INFO, "fill", f"fill {number}")
    assert closed(queue) == AlertCounts(delivered=9)
    assert channel.texts[7] == "[TESTNET binance] fill 7"
    assert channel.texts[8].startswith("[TESTNET binance] 22 alerts in one message:\n- fill 8\n")


def test_sending_after_closing_is_counted_as_dropped() -> None:
    queue = queue_of(Recorder())
    closed(queue)
    queue.send(AlertLevel.INFO, "fill", "late")
    assert queue.counts == AlertCounts(dropped=1)


def test_closing_twice_is_harmless() -> None:
    queue = queue_of(Recorder())
    closed(queue)
    closed(queue)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TradebotError("slack answered 404: no_service"), "slack answered 404: no_service"),
        (RuntimeError("https://hooks.slack.com/services/canary"), "broken failed: RuntimeError"),
    ],
)
def test_a_broken_channel_is_logged_and_the_others_still_deliver(
    error: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = Recorder()
    queue = queue_of(Recorder("broken", error), good)
    with caplog.at_level(logging.WARNING, "tradebot.alerts"):
        queue.send(AlertLevel.ERROR, "error", "first")
        queue.send(AlertLevel.ERROR, "error", "second")
        counts = closed(queue)
    assert counts == AlertCounts(delivered=2, failed=2)
    assert good.texts == ["[TESTNET binance] first", "[TESTNET binance] second"]
    assert [vars(record)["error"] for record in caplog.records] == [said, said]
    assert "canary" not in caplog.text


def test_kinds_that_are_off_are_left_out_but_critical_ones_never() -> None:
    channel = Recorder()
    queue = AlertQueue([channel], clock=VirtualClock(0), kinds=("fill",))
    queue.send(AlertLevel.INFO, "order", "an order")
    queue.send(AlertLevel.INFO, "fill", "a fill")
    queue.send(AlertLevel.CRITICAL, "lifecycle", "HALTED")
    closed(queue)
    assert channel.texts == ["a fill", "HALTED"]


def test_text_is_plain_and_redacted_even_when_a_control_character_splits_a_secret() -> None:
    channel = Recorder()
    queue = queue_of(channel, redactor=Redactor([Secret("canary-7f3a9c")]))
    queue.send(AlertLevel.INFO, "error", "a\x1b[31m\nkey canary-7f3a9c, canary-\x007f3a9c")
    closed(queue)
    assert channel.texts == ["[TESTNET binance] a key ***, ***"]


def test_without_channels_nothing_is_queued_and_no_thread_runs() -> None:
    before = threading.active_count()
    queue = queue_of()
    queue.send(AlertLevel.CRITICAL, "error", "into the void")
    assert threading.active_count() == before
    assert closed(queue) == AlertCounts()


def test_repeats_are_told_once_their_minute_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts_module, "_POLL_SECONDS", 0.001)
    told = threading.Event()

    class Told(Recorder):
        def deliver(self, message: Message) -> None:
            super().deliver(message)
            if "more time" in message.text:
                told.set()

    channel, clock = Told(), VirtualClock(0)
    queue = AlertQueue([channel], clock=clock)
    queue.send(AlertLevel.INFO, "error", "down")
    queue.send(AlertLevel.INFO, "error", "down")
    assert channel.is_entered.wait(PATIENCE_SECONDS)
    while not told.is_set():
        clock.sleep_until(clock.now_ms() + 1000)
        told.wait(0.001)
    closed(queue)
    assert channel.texts == ["down", "down (1 more time)"]


def test_the_test_message_says_how_each_channel_took_it() -> None:
    good, bad = Recorder("good"), Recorder("bad", TradebotError("bad answered 500"))
    results = send_test([good, bad], "binance")
    assert [(result.channel, result.ok, result.error) for result in results] == [
        ("good", True, ""),
        ("bad", False, "bad answered 500"),
    ]
    assert all(result.milliseconds >= 0 for result in results)
    assert isinstance(results[0], ChannelResult)
    assert good.texts == ["[binance] test message: this channel works"]


# Which channels there are.

WEBHOOK = Secret("https://hooks.slack.com/services/T0/B0/canary")
EMAIL = {
    name: Secret(text)
    for name, text in {
        "host": "mail.example.com", "port": "587", "security": "starttls", "username": "bot",
        "password": "word-7f3a9c", "sender": "bot@example.com",
        "recipients": "me@example.com, you@example.com",
    }.items()
}  # fmt: skip


TELEGRAM = {"bot_token": Secret("123456789:AAcanary-7f3a9c"), "chat_id": Secret("1")}


@pytest.fixture
def keystore(tmp_path: Path) -> Keystore:
    store = Keystore.create(tmp_path / "keystore", Secret("correct horse"), parameters=CHEAP)
    store.put("alerts/slack", {"webhook_url": WEBHOOK}, "alerts")
    store.put("alerts/email", EMAIL, "alerts")
    return store


def test_channels_come_in_the_order_of_the_config(keystore: Keystore, tmp_path: Path) -> None:
    keystore.put("alerts/telegram", TELEGRAM, "alerts")
    settings = AlertSettings(channels=("file", "email", "slack", "telegram", "console"))
    channels = channels_from(settings, keystore, folder=tmp_path)
    assert [type(channel) for channel in channels] == [
        FileChannel, EmailChannel, SlackChannel, TelegramChannel, ConsoleChannel,
    ]  # fmt: skip
    assert [channel.name for channel in channels] == list(settings.channels)


def test_only_channels_with_credentials_need_the_keystore(tmp_path: Path) -> None:
    plain = AlertSettings(channels=("console", "file"))
    assert not plain.needs_keystore
    assert len(channels_from(plain, None, folder=tmp_path)) == 2
    for name in ("slack", "telegram", "email"):
        assert AlertSettings(channels=("console", name)).needs_keystore


def test_a_channel_without_credentials_is_named_with_what_to_do(
    tmp_path: Path, keystore: Keystore
) -> None:
    settings = AlertSettings(channels=("slack",))
    with pytest.raises(KeystoreError) as caught:
        channels_from(settings, None, folder=tmp_path)
    assert caught.value.message == "alert channel slack is on, but there is no keystore"
    assert caught.value.hint == "tradebot keys add slack, or take it out of [alerts] channels"
    keystore.put("alerts/slack", {"url": WEBHOOK}, "alerts")
    with pytest.raises(KeystoreError, match=r"^the key alerts/slack lacks webhook_url$"):
        channels_from(settings, keystore, folder=tmp_path)
    keystore.remove("alerts/slack")
    with pytest.raises(KeystoreError, match=r"is on, but the keystore has no key for it$"):
        channels_from(settings, keystore, folder=tmp_path)


def test_an_unknown_channel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^'pigeon' is not an alert channel$") as caught:
        channels_from(AlertSettings(channels=("pigeon",)), None, folder=tmp_path)
    assert caught.value.hint == "known are slack, telegram, email, console, file"


def test_a_port_that_is_no_number_is_refused(keystore: Keystore, tmp_path: Path) -> None:
    keystore.put("alerts/email", {**EMAIL, "port": Secret("smtp")}, "alerts")
    with pytest.raises(ConfigError, match=r"^email: port 'smtp' is not a number$"):
        channels_from(AlertSettings(channels=("email",)), keystore, folder=tmp_path)
