"""The channels, against real servers on loopback: good, broken, hanging and absent ones."""

import io
import json
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import (
    PASSWORD,
    USERNAME,
    closing_port,
    mail_server,
    refusing_port,
    silent_port,
    webhook,
)
from tradebot.adapters import alert_channels
from tradebot.adapters.alert_channels import (
    Channel,
    ConsoleChannel,
    EmailChannel,
    FileChannel,
    Message,
    SlackChannel,
    is_loopback,
)
from tradebot.adapters.redact import Secret
from tradebot.errors import ConfigError, TradebotError
from tradebot.ports import AlertLevel

MESSAGE = Message(AlertLevel.INFO, "fill", "[TESTNET binance] SELL BTC/USDT 0.0055 @ 90,470 stop")


def failure(channel: Channel, message: Message = MESSAGE) -> TradebotError:
    with pytest.raises(TradebotError) as caught:
        channel.deliver(message)
    # Nothing of the request may ride along: its URL or its login is the credential.
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "canary" not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    return caught.value


# Slack.


def test_slack_gets_the_text_as_json_without_markup() -> None:
    with webhook() as hook:
        channel = SlackChannel(Secret(hook.url))
        channel.deliver(Message(AlertLevel.ERROR, "error", "<!channel> a & b > c"))
    assert hook.posted == [
        (
            "/services/T0/B0/canary-7f3a9c",
            {"text": "&lt;!channel&gt; a &amp; b &gt; c", "mrkdwn": False},
        )
    ]


def test_a_deleted_webhook_is_an_error_in_slacks_words() -> None:
    with webhook(status=404, answer=b"no_service\x1b[31m") as hook:
        error = failure(SlackChannel(Secret(hook.url)))
    assert error.message == "slack answered 404: no_service"
    assert error.hint == "check the webhook: tradebot keys rotate slack"


def test_a_redirect_is_not_followed() -> None:
    with webhook() as other, webhook(status=307, headers={"Location": other.url}) as hook:
        assert failure(SlackChannel(Secret(hook.url))).message.startswith("slack answered 307: ")
    assert other.posted == []


def test_a_proxy_of_the_environment_is_not_used_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{refusing_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    with webhook() as hook:
        SlackChannel(Secret(hook.url)).deliver(MESSAGE)
    assert len(hook.posted) == 1


def test_a_slack_that_never_answers_is_given_up() -> None:
    with silent_port() as port:
        url = Secret(f"http://127.0.0.1:{port}/services/T0/B0/canary")
        error = failure(SlackChannel(url, answer_seconds=0.05))
    assert error.message == "slack did not answer within 0.05 s"


def test_a_slack_that_is_not_there_or_hangs_up_is_named_without_the_url() -> None:
    url = f"http://127.0.0.1:{refusing_port()}/services/T0/B0/canary"
    assert failure(SlackChannel(Secret(url))).message == (
        "slack cannot be reached: ConnectionError"
    )
    with closing_port() as port:
        url = f"http://127.0.0.1:{port}/services/T0/B0/canary"
        assert failure(SlackChannel(Secret(url))).message == (
            "slack cannot be reached: ConnectionError"
        )


def test_a_slack_whose_certificate_is_not_trusted_gets_nothing(tmp_path: Path) -> None:
    with mail_server(tmp_path, "tls") as server:
        url = f"https://127.0.0.1:{server.port}/services/T0/B0/canary"
        assert failure(SlackChannel(Secret(url))).message == "slack's certificate is not trusted"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://hooks.slack.com/services/canary", "is not https, so anyone on the way could read"),
        ("http://127.0.0.1.example.com/canary", "is not https"),
        ("hooks.slack.com/services/canary", "is not a URL"),
        ("ftp://hooks.slack.com/canary", "is not a URL"),
        ("https:///canary", "is not a URL"),
        ("https://[canary", "is not a URL"),
        ("", "is not a URL"),
    ],
)
def test_a_webhook_that_would_be_read_on_the_way_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"^slack: the webhook {reason}") as caught:
        SlackChannel(Secret(url))
    assert "canary" not in caught.value.message
    assert caught.value.hint == "copy it whole: https://hooks.slack.com/services/..."


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "example.com", "10.0.0.1", "localhost.example.com"])
def test_another_machine_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


# E-mail.


def email(port: int, **settings: Any) -> EmailChannel:
    given: dict[str, Any] = {
        "host": "127.0.0.1", "port": port, "username": USERNAME, "password": Secret(PASSWORD),
        "sender": "bot@example.com", "recipients": ["me@example.com", "you@example.com"],
    }  # fmt: skip
    return EmailChannel(**{**given, **settings})


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_arrives_over_tls_after_a_login(tmp_path: Path, security: str) -> None:
    with mail_server(tmp_path, security) as server:
        email(server.port, security=security, ca_file=server.ca_file).deliver(MESSAGE)
    (mail,) = server.mails
    assert mail["Subject"] == MESSAGE.text
    assert (mail["From"], mail["To"]) == ("bot@example.com", "me@example.com, you@example.com")
    assert mail["Date"].datetime.year >= 2025
    assert mail.get_content().strip() == MESSAGE.text
    if security == "starttls":
        assert server.was_encrypted == [True]


def test_a_mail_server_on_this_machine_needs_no_login_and_no_tls(tmp_path: Path) -> None:
    with mail_server(tmp_path, "none", has_login=False) as server:
        email(server.port, security="none", username="", password=Secret("")).deliver(MESSAGE)
    assert len(server.mails) == 1


def test_a_digest_has_its_first_line_as_subject_cut_short(tmp_path: Path) -> None:
    text = "2 alerts in one message:\n- äöü 1\n- " + "x" * 500
    with mail_server(tmp_path, "none") as server:
        email(server.port, security="none").deliver(Message(AlertLevel.INFO, "digest", text))
    (mail,) = server.mails
    assert mail["Subject"].startswith("2 alerts in one message: - äöü 1 - xxx")
    assert len(mail["Subject"]) == 120
    assert mail.get_content().splitlines()[1] == "- äöü 1"


def test_a_certificate_that_is_not_trusted_gets_no_password(tmp_path: Path) -> None:
    for security in ("starttls", "tls"):
        with mail_server(tmp_path, security) as server:
            error = failure(email(server.port, security=security))
        assert error.message.startswith(
            f"email: 127.0.0.1:{server.port} has a certificate that is not trusted: self"
        )
        assert server.mails == []


def test_a_server_without_starttls_gets_no_password(tmp_path: Path) -> None:
    with mail_server(tmp_path, "none") as server:
        error = failure(email(server.port))
    assert error.message == f"email: 127.0.0.1:{server.port} offers no TLS"


def test_a_wrong_password_is_named_without_it(tmp_path: Path) -> None:
    with mail_server(tmp_path, "none") as server:
        error = failure(email(server.port, security="none", password=Secret("wrong-51b2")))
    assert error.message == (
        f"email: 127.0.0.1:{server.port} refused the user name or password (535)"
    )
    assert error.hint == (
        "check the account: tradebot keys remove email, then tradebot keys add email"
    )
    assert "wrong-51b2" not in repr(error)


def test_a_server_without_login_is_named(tmp_path: Path) -> None:
    with mail_server(tmp_path, "none", has_login=False) as server:
        error = failure(email(server.port, security="none"))
    assert error.message == f"email: 127.0.0.1:{server.port} offers no login"


def test_refused_recipients_are_counted_and_the_others_get_their_mail(tmp_path: Path) -> None:
    with mail_server(tmp_path, "none", refused=frozenset({"you@example.com"})) as server:
        error = failure(email(server.port, security="none"))
    assert error.message == "email: 127.0.0.1 refused 1 of 2 recipients"
    assert len(server.mails) == 1
    everyone = frozenset({"me@example.com", "you@example.com"})
    with mail_server(tmp_path, "none", refused=everyone) as server:
        error = failure(email(server.port, security="none"))
    assert error.message == f"email: 127.0.0.1:{server.port} refused every recipient"


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_a_mail_server_that_never_answers_is_given_up(security: str) -> None:
    with silent_port() as port:
        error = failure(email(port, security=security, answer_seconds=0.05))
    assert error.message == (f"email: 127.0.0.1:{port} hung up, or did not answer within 0.05 s")


def test_a_mail_server_that_is_not_there_or_hangs_up_is_named() -> None:
    port = refusing_port()
    assert failure(email(port)).message == (
        f"email: 127.0.0.1:{port} cannot be reached: ConnectionRefusedError"
    )
    with closing_port() as port:
        assert failure(email(port)).message == (
            f"email: 127.0.0.1:{port} hung up, or did not answer within 5 s"
        )


@pytest.mark.parametrize(
    ("settings", "message", "hint"),
    [
        ({"security": "ssl"}, "email: security is 'ssl'", "must be one of starttls, tls, none"),
        (
            {"security": "none", "host": "mail.example.com"},
            "email: mail.example.com would get the password and the mail unencrypted",
            "set security to starttls or tls",
        ),
        ({"port": 0}, "email: port 0 is outside 1 to 65535", "587"),
        ({"port": 65536}, "email: port 65536 is outside 1 to 65535", "587"),
        ({"recipients": []}, "email: there is no recipient", "name at least one"),
        ({"sender": "bot"}, "email: 'bot' is not an address", "name@example.com"),
        ({"sender": "@b"}, "email: '@b' is not an address", "name@example.com"),
        ({"recipients": ["a@"]}, "email: 'a@' is not an address", "name@example.com"),
        ({"recipients": ["a@b\nBcc: c@d"]}, "email: 'a@b Bcc: c@d' is not an", "name@example"),
        ({"recipients": ["a@b,c@d"]}, "email: 'a@b,c@d' is not an address", "name@example.com"),
        ({"recipients": ["A <a@b>"]}, "email: 'A <a@b>' is not an address", "name@example.com"),
    ],
)
def test_mail_settings_that_cannot_be_right_are_refused(
    settings: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        email(**{"port": 587, **settings})
    assert caught.value.message.startswith(message)
    assert hint in caught.value.hint


def test_the_channels_show_no_credential() -> None:
    shown = repr([vars(email(587)), vars(SlackChannel(Secret("https://x.example/canary")))])
    assert PASSWORD not in shown
    assert "canary" not in shown


# Console and file.


def test_the_console_gets_a_line() -> None:
    stream = io.StringIO()
    ConsoleChannel(stream).deliver(MESSAGE)
    assert stream.getvalue() == MESSAGE.text + "\n"


def test_a_console_that_was_closed_is_an_error() -> None:
    stream = io.StringIO()
    stream.close()
    error = failure(ConsoleChannel(stream))
    assert error.message == "the console cannot be written: I/O operation on closed file"


@dataclass
class At:
    now: int = 1_672_531_200_000

    def __call__(self) -> int:
        return self.now


def test_the_file_gets_a_private_line_of_json(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    channel = FileChannel(path, At())
    channel.deliver(MESSAGE)
    channel.deliver(MESSAGE)
    first, second = path.read_text().splitlines()
    assert json.loads(first) == {
        "at": "2023-01-01T00:00:00Z", "level": "info", "kind": "fill", "text": MESSAGE.text,
    }  # fmt: skip
    assert first == second
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_long_file_is_put_aside_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_channels, "_FILE_SIZE_MAX", 300)
    for _ in range(20):
        FileChannel(tmp_path / "alerts.jsonl", At()).deliver(MESSAGE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alerts.jsonl", "alerts.jsonl.1"]


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    error = failure(FileChannel(tmp_path / "nowhere" / "alerts.jsonl", At()))
    assert error.message.endswith("alerts.jsonl cannot be written: No such file or directory")
