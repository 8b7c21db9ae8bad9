"""Text of strangers in an alert: on every way it is one line of text, and nothing else."""

import json
from io import StringIO
from pathlib import Path

from tests.support.servers import mail_server, webhook
from tradebot.adapters.alert_channels import (
    Channel,
    ConsoleChannel,
    EmailChannel,
    FileChannel,
    SlackChannel,
    TelegramChannel,
)
from tradebot.adapters.alerts import AlertQueue
from tradebot.adapters.clock import VirtualClock
from tradebot.adapters.redact import Secret
from tradebot.ports import AlertLevel

TOKEN = "123456789:" + "canary-" * 5
# What would start a line or a header of its own, hide, or act, on a terminal or in a message.
HIDDEN = "\x1b]0;title\x07\x1b[31m\x9b2J\x07\x00\u202e\u200b\u2028\r\nBcc: evil@example.com\r\n\r\n"
MARKUP = "<!channel> <https://evil|gain> *b* _i_ `c` <script>x</script> [bold]x[/] &amp; @here"
TEXT = f"rejected:{HIDDEN}{MARKUP}"
PLAIN = f"rejected: Bcc: evil@example.com {MARKUP}"


def deliver(channel: Channel) -> None:
    """Send the text as the bot does."""
    queue = AlertQueue([channel], clock=VirtualClock(0))
    queue.send(AlertLevel.CRITICAL, "error", TEXT)
    assert queue.close()
    assert queue.counts.delivered == 1


def test_console_and_file_get_one_line_of_text(tmp_path: Path) -> None:
    stream, path = StringIO(), tmp_path / "alerts.jsonl"
    deliver(ConsoleChannel(stream))
    deliver(FileChannel(path, lambda: 0))
    assert stream.getvalue() == f"{PLAIN}\n"
    (line,) = path.read_text(encoding="ascii").splitlines()
    assert json.loads(line)["text"] == PLAIN


def test_slack_calls_nobody_and_links_nowhere() -> None:
    with webhook() as hook:
        deliver(SlackChannel(Secret(hook.url)))
    ((_, body),) = hook.posted
    escaped = PLAIN.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert body == {"text": escaped, "mrkdwn": False}


def test_telegram_is_told_to_read_no_markup() -> None:
    with webhook() as hook:
        server = hook.url.partition("/services")[0]
        deliver(TelegramChannel(Secret(TOKEN), "123456789", server=server))
    ((_, body),) = hook.posted
    assert body["text"] == PLAIN
    assert "parse_mode" not in body
    assert "entities" not in body


def test_mail_has_the_headers_it_should_and_no_others(tmp_path: Path) -> None:
    with mail_server(tmp_path, "none") as server:
        deliver(
            EmailChannel(
                host="127.0.0.1",
                port=server.port,
                username="",
                password=Secret("canary-word"),
                sender="bot@example.com",
                recipients=["me@example.com"],
                security="none",
            )
        )
    (mail,) = server.mails
    assert mail["To"] == "me@example.com"
    assert mail["Bcc"] is None
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().strip() == PLAIN
    assert "\n" not in mail["Subject"]
    assert mail["Subject"].startswith("rejected: Bcc: evil@example.com")
