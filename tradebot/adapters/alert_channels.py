"""The ways a message reaches the owner: Slack, Telegram, e-mail, the console, a file.

Law: every wait in `deliver` has a time-out, and no error text holds a credential, nor an address
that is one.
"""

import json
import os
import re
import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Final, Protocol, TextIO
from urllib.parse import urlsplit

from tradebot.adapters.allowed_hosts import AllowedHosts, checked_requests, is_loopback
from tradebot.adapters.clock import WallClock
from tradebot.adapters.last_words import pin_loggers
from tradebot.adapters.redact import Secret, plain_text
from tradebot.errors import ConfigError, TradebotError
from tradebot.model.timeframe import format_time
from tradebot.ports import AlertLevel

SECURITIES: Final = ("starttls", "tls", "none")
_CONNECT_SECONDS: Final = 3
_ANSWER_SECONDS: Final = 5.0
_FILE_SIZE_MAX: Final = 5 * 1024 * 1024
_SUBJECT_LENGTH_MAX: Final = 120
_TELEGRAM_LENGTH_MAX: Final = 4096
_BOT_TOKEN: Final = re.compile(r"\d{1,20}:[\w-]{6,100}", re.ASCII)
_CHAT: Final = re.compile(r"-?\d{1,20}|@\w{4,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it goes out: plain text, a digest on several lines."""

    level: AlertLevel
    kind: str
    text: str


class Channel(Protocol):
    """One way to reach the owner."""

    @property
    def name(self) -> str:
        """What config calls it."""
        ...

    def deliver(self, message: Message) -> None:
        """Hand one message over. Raises TradebotError when it was not taken."""
        ...


class SlackChannel:
    """A Slack incoming webhook. Raises ConfigError for a URL that is not https, loopback apart."""

    name = "slack"

    def __init__(self, webhook_url: Secret, *, answer_seconds: float = _ANSWER_SECONDS) -> None:
        self._url = webhook_url
        self._answer_seconds = answer_seconds
        try:
            parts = urlsplit(webhook_url.reveal())
            host = parts.hostname or ""
        except ValueError:
            raise _webhook_refused("is not a URL") from None
        self._is_local = is_loopback(host)
        if not host or parts.scheme not in ("https", "http"):
            raise _webhook_refused("is not a URL")
        if parts.scheme == "http" and not self._is_local:
            raise _webhook_refused("is not https, so anyone on the way could read it")
        self._allowed = AllowedHosts([webhook_url.reveal()])

    def deliver(self, message: Message) -> None:
        """Post one message. Raises TradebotError when Slack does not take it."""
        problem = _posted(
            self.name,
            self._url,
            {"text": _slack_text(message.text), "mrkdwn": False},
            allowed=self._allowed,
            is_local=self._is_local,
            answer_seconds=self._answer_seconds,
        )
        if problem:
            raise TradebotError(problem, "check the webhook: tradebot keys rotate slack")


class TelegramChannel:
    """A Telegram bot that writes to one chat. Raises ConfigError for what is no token or chat.

    `server` is another than Telegram's own: https, or this machine.
    """

    name = "telegram"

    def __init__(
        self,
        bot_token: Secret,
        chat_id: str,
        *,
        server: str = "https://api.telegram.org",
        answer_seconds: float = _ANSWER_SECONDS,
    ) -> None:
        if not _BOT_TOKEN.fullmatch(bot_token.reveal()):
            raise ConfigError(
                "telegram: the bot token is not one", "@BotFather tells it: 123456789:AA..."
            )
        if not _CHAT.fullmatch(chat_id):
            raise ConfigError(
                f"telegram: {plain_text(chat_id)!r} is not a chat",
                "write its number, such as 123456789 or -1001234567890, or @name for a channel",
            )
        self._url = Secret(f"{server}/bot{bot_token.reveal()}/sendMessage")
        self._chat_id = chat_id
        self._answer_seconds = answer_seconds
        self._is_local = is_loopback(urlsplit(server).hostname or "")
        self._allowed = AllowedHosts([server])

    def deliver(self, message: Message) -> None:
        """Post one message. Raises TradebotError when Telegram does not take it."""
        # It counts in UTF-16; without a parse mode nothing in the text is read as markup.
        cut = message.text.encode("utf-16-le", "replace")[: 2 * _TELEGRAM_LENGTH_MAX]
        text = cut.decode("utf-16-le", "ignore")
        problem = _posted(
            self.name,
            self._url,
            {"chat_id": self._chat_id, "text": text, "link_preview_options": {"is_disabled": True}},
            allowed=self._allowed,
            is_local=self._is_local,
            answer_seconds=self._answer_seconds,
        )
        if problem:
            raise TradebotError(
                problem, "check the bot and its chat: tradebot keys rotate telegram"
            )


def _posted(
    name: str,
    url: Secret,
    content: Mapping[str, object],
    *,
    allowed: AllowedHosts,
    is_local: bool,
    answer_seconds: float,
) -> str:
    """Post JSON; return what went wrong in words, "" = it was taken."""
    # Imported here: every command reads the alert settings, few send an alert.
    import requests

    # Also where no log is open: at DEBUG the library names the path, which is the credential.
    pin_loggers()
    with checked_requests(allowed) as session:
        # A proxy from the environment has no business with our own machine.
        session.trust_env = not is_local
        try:
            with session.post(
                url.reveal(),
                json=content,
                timeout=(_CONNECT_SECONDS, answer_seconds),
                allow_redirects=False,
                stream=True,
            ) as answer:
                if answer.status_code == requests.codes.ok:
                    return ""
                said: bytes = next(answer.iter_content(200), b"")
                words = plain_text(said.decode("ascii", "replace"))
                return f"{name} answered {answer.status_code}: {words}"
        # The exceptions of requests carry the URL, which is the credential.
        except requests.Timeout:
            return f"{name} did not answer within {answer_seconds:g} s"
        except requests.exceptions.SSLError:
            return f"{name}'s certificate is not trusted"
        except (requests.RequestException, OSError, ValueError) as error:
            return f"{name} cannot be reached: {type(error).__name__}"


class EmailChannel:
    """Mail through an SMTP server. Raises ConfigError for settings that would send in the clear."""

    name = "email"

    def __init__(
        self,
        *,
        host: str,
        port: int,
        username: str,
        password: Secret,
        sender: str,
        recipients: Sequence[str],
        security: str = "starttls",
        ca_file: Path | None = None,
        answer_seconds: float = _ANSWER_SECONDS,
    ) -> None:
        if security not in SECURITIES:
            raise ConfigError(
                f"email: security is {security!r}", f"it must be one of {', '.join(SECURITIES)}"
            )
        if security == "none" and not is_loopback(host):
            raise ConfigError(
                f"email: {host} would get the password and the mail unencrypted",
                "set security to starttls or tls; none is for this machine only",
            )
        if not 1 <= port <= 65535:
            raise ConfigError(f"email: port {port} is outside 1 to 65535", "587 for starttls")
        for address in (sender, *recipients):
            _check_address(address)
        if not recipients:
            raise ConfigError("email: there is no recipient", "name at least one address")
        self._host, self._port, self._security = host, port, security
        self._username, self._password = username, password
        self._sender, self._recipients = sender, tuple(recipients)
        self._ca_file = ca_file
        self._answer_seconds = answer_seconds

    def deliver(self, message: Message) -> None:
        """Send one mail. Raises TradebotError when the server does not take it."""
        mail = EmailMessage()
        mail["Subject"] = plain_text(message.text, length_max=_SUBJECT_LENGTH_MAX)
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._recipients)
        mail["Date"] = formatdate(WallClock().now_ms() / 1000)
        mail.set_content(message.text)
        try:
            with self._connected() as server:
                if self._username:
                    server.login(self._username, self._password.reveal())
                refused = server.send_message(mail, self._sender, self._recipients)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise TradebotError(self._problem(error), _EMAIL_HINT) from None
        if refused:
            raise TradebotError(
                f"email: {self._host} refused {len(refused)} of {len(self._recipients)} recipients",
                _EMAIL_HINT,
            )

    def _connected(self) -> smtplib.SMTP:
        # Named: smtplib would ask DNS for our own name, which may hang on a small server.
        me = "[127.0.0.1]"
        context = ssl.create_default_context(cafile=self._ca_file)
        if self._security == "tls":
            return smtplib.SMTP_SSL(
                self._host, self._port, me, timeout=self._answer_seconds, context=context
            )
        server = smtplib.SMTP(self._host, self._port, me, timeout=self._answer_seconds)
        if self._security == "starttls":
            try:
                server.starttls(context=context)
            except BaseException:
                server.close()
                raise
        return server

    def _problem(self, error: Exception) -> str:
        place = f"email: {self._host}:{self._port}"
        match error:
            case smtplib.SMTPAuthenticationError():
                return f"{place} refused the user name or password ({error.smtp_code})"
            case smtplib.SMTPNotSupportedError() if "STARTTLS" in str(error):
                return f"{place} offers no TLS"
            case smtplib.SMTPRecipientsRefused():
                return f"{place} refused every recipient"
            case smtplib.SMTPSenderRefused():
                return f"{place} refused the sender ({error.smtp_code})"
            case smtplib.SMTPResponseException():
                return f"{place} answered {error.smtp_code}"
            case ssl.SSLCertVerificationError():
                return f"{place} has a certificate that is not trusted: {error.verify_message}"
            # smtplib turns a time-out on an open connection into this one.
            case TimeoutError() | smtplib.SMTPServerDisconnected():
                return f"{place} hung up, or did not answer within {self._answer_seconds:g} s"
            # smtplib has no type of its own for a server without a login, or without one we know.
            case smtplib.SMTPException() if "auth" in str(error).lower():
                return f"{place} offers no login"
        return f"{place} cannot be reached: {type(error).__name__}"


_EMAIL_HINT: Final = "check the account: tradebot keys remove email, then tradebot keys add email"


class ConsoleChannel:
    """Lines on a stream, in practice stderr."""

    name = "console"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def deliver(self, message: Message) -> None:
        """Write one message. Raises TradebotError when the stream is closed or broken."""
        try:
            self._stream.write(message.text + "\n")
            self._stream.flush()
        except (OSError, ValueError) as error:
            raise TradebotError(f"the console cannot be written: {error}") from None


class FileChannel:
    """JSON lines in a file of mode 0600; past 5 MB it is renamed to `.1`, over an older one."""

    name = "file"

    def __init__(self, path: Path, now_ms: Callable[[], int]) -> None:
        self._path = path
        self._now_ms = now_ms

    def deliver(self, message: Message) -> None:
        """Append one message. Raises TradebotError when the disk refuses."""
        line = json.dumps({
            "at": format_time(self._now_ms()),
            "level": message.level,
            "kind": message.kind,
            "text": message.text,
        })  # fmt: skip
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        try:
            with suppress(FileNotFoundError):
                if self._path.stat().st_size > _FILE_SIZE_MAX:
                    self._path.replace(self._path.with_name(self._path.name + ".1"))
            with os.fdopen(os.open(self._path, flags, 0o600), "a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise TradebotError(f"{self._path} cannot be written: {error.strerror}") from None


def _check_address(address: str) -> None:
    name, _, domain = address.rpartition("@")
    is_plain = address == plain_text(address) and not any(char in address for char in ' ,;<>"')
    if not (name and domain and is_plain):
        raise ConfigError(
            f"email: {plain_text(address)!r} is not an address", "write it as name@example.com"
        )


def _webhook_refused(reason: str) -> ConfigError:
    return ConfigError(
        f"slack: the webhook {reason}", "copy it whole: https://hooks.slack.com/services/..."
    )


def _slack_text(text: str) -> str:
    """Escape what Slack would read as a link, a channel or a person."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
