"""The Telegram channel, against a real server on loopback that stands for the Bot API."""

from collections.abc import Iterator

import pytest

from tests.support.servers import Webhook, refusing_port, silent_port, webhook
from tradebot.adapters.alert_channels import Message, TelegramChannel
from tradebot.adapters.redact import Secret
from tradebot.errors import ConfigError, TradebotError
from tradebot.ports import AlertLevel

TOKEN = "123456789:AAcanary-7f3a9c_0d9e"  # noqa: S105  # a canary that opens nothing
MESSAGE = Message(AlertLevel.INFO, "fill", "[TESTNET binance] SELL BTC/USDT <b>0.0055</b> & more")


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A server that takes every message."""
    with webhook(answer=b'{"ok": true}') as hook:
        yield hook


def channel(server: str, *, answer_seconds: float = 5.0) -> TelegramChannel:
    return TelegramChannel(
        Secret(TOKEN), "-1001234567890", server=server, answer_seconds=answer_seconds
    )


def server_of(hook: Webhook) -> str:
    return hook.url.partition("/services")[0]


def failure(server: str, *, answer_seconds: float = 5.0) -> TradebotError:
    with pytest.raises(TradebotError) as caught:
        channel(server, answer_seconds=answer_seconds).deliver(MESSAGE)
    # The URL carries the token, so nothing of the request may ride along.
    assert caught.value.__context__ is None
    assert "canary" not in str(caught.value)
    assert caught.value.hint == "check the bot and its chat: tradebot keys rotate telegram"
    return caught.value


def test_the_chat_gets_the_text_as_it_is_and_no_preview_of_links(hook: Webhook) -> None:
    channel(server_of(hook)).deliver(MESSAGE)
    ((path, content),) = hook.posted
    assert path == f"/bot{TOKEN}/sendMessage"
    assert content == {
        "chat_id": "-1001234567890",
        "text": MESSAGE.text,
        "link_preview_options": {"is_disabled": True},
    }


@pytest.mark.parametrize(("letter", "kept"), [("a", 4096), ("\U0001f4c9", 2048)])
def test_a_long_message_is_cut_to_what_telegram_takes(
    hook: Webhook, letter: str, kept: int
) -> None:
    channel(server_of(hook)).deliver(Message(AlertLevel.INFO, "fill", letter * 5000))
    assert hook.posted[0][1]["text"] == letter * kept


def test_half_a_letter_at_the_cut_is_left_out(hook: Webhook) -> None:
    text = "a" * 4095 + "\U0001f4c9"
    channel(server_of(hook)).deliver(Message(AlertLevel.INFO, "fill", text))
    assert hook.posted[0][1]["text"] == "a" * 4095


def test_a_refusal_is_told_in_telegrams_words(hook: Webhook) -> None:
    hook.status = 400
    hook.answer = b'{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}'
    error = failure(server_of(hook))
    assert error.message.startswith("telegram answered 400: ")
    assert error.message.endswith('"description":"Bad Request: chat not found"}')


def test_a_redirect_is_not_followed(hook: Webhook) -> None:
    with webhook() as other:
        hook.status, hook.headers = 307, {"Location": other.url}
        assert failure(server_of(hook)).message.startswith("telegram answered 307: ")
        assert other.posted == []


def test_a_server_that_is_silent_or_not_there_is_given_up() -> None:
    with silent_port() as port:
        error = failure(f"http://127.0.0.1:{port}", answer_seconds=0.05)
    assert error.message == "telegram did not answer within 0.05 s"
    error = failure(f"http://127.0.0.1:{refusing_port()}")
    assert error.message == "telegram cannot be reached: ConnectionError"


@pytest.mark.parametrize("token", ["", "canary", "123456789:", "123/../x:AAcanary", f"{TOKEN}/x"])
def test_what_is_no_token_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ConfigError, match=r"^telegram: the bot token is not one$") as caught:
        TelegramChannel(Secret(token), "1")
    assert "canary" not in caught.value.hint


@pytest.mark.parametrize("chat", ["", "me", "1.5", "@a b", "@x\x1b[1m", "+4915112345678"])
def test_what_is_no_chat_is_refused(chat: str) -> None:
    with pytest.raises(ConfigError, match=r"is not a chat$") as caught:
        TelegramChannel(Secret(TOKEN), chat)
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize("chat", ["123456789", "-1001234567890", "@my_channel"])
def test_a_person_a_group_or_a_channel_is_a_chat(chat: str) -> None:
    TelegramChannel(Secret(TOKEN), chat)


def test_another_machine_is_called_by_https_alone() -> None:
    with pytest.raises(ConfigError, match="is not https"):
        channel("http://telegram.example.com")
