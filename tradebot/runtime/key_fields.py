"""The fields of a key: which ones an exchange wants, and how they come from prompt, lines or file.

Law: a secret is shown nowhere, and what cannot be right is refused before it is saved.
"""

import importlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, TextIO

from tradebot.adapters.alert_channels import SlackChannel, TelegramChannel
from tradebot.adapters.alerts import EMAIL_FIELDS, TELEGRAM_FIELDS, AlertSettings, email_from
from tradebot.adapters.files import read_private
from tradebot.adapters.keystore import OPEN_FIELDS
from tradebot.adapters.keystore_file import ALERTS, Slot
from tradebot.adapters.redact import Secret
from tradebot.errors import ConfigError, KeystoreError, UsageError
from tradebot.words import nearest

# The prompt: a label and whether what is typed stays hidden -> the text.
Ask = Callable[[str, bool], str]

ALERT_FIELDS: Final = {
    "slack": ("webhook_url",),
    "telegram": TELEGRAM_FIELDS,
    "email": EMAIL_FIELDS,
}
# ccxt's name of a credential -> ours, and the other names that key files use for it.
_NAMES: Final = {
    "apiKey": ("api_key", "name"),
    "secret": ("secret", "privateKey"),
    "password": ("passphrase",),
    "uid": ("uid",),
    "login": ("login",),
    "privateKey": ("private_key",),
    "walletAddress": ("wallet_address",),
    "token": ("token",),
    "twofa": ("two_factor",),
    "accountId": ("account_id",),
}
_INPUT_SIZE_MAX: Final = 64 * 1024
_LINES_MAX: Final = 200
# A key in this form has several lines.
_PEM_BEGINS, _PEM_ENDS = "-----BEGIN ", "\n-----END "


def credential_names(slot: Slot) -> tuple[str, ...]:
    """Return the fields that a key of `slot` has, in the order in which they are asked for.

    Raises UsageError for an exchange that ccxt does not know.
    """
    if slot.exchange == ALERTS:
        return ALERT_FIELDS[slot.account]
    ccxt = importlib.import_module("ccxt")
    if slot.exchange not in ccxt.exchanges:
        close = nearest(slot.exchange, [*ccxt.exchanges, *ALERT_FIELDS])
        raise UsageError(
            f"{slot.exchange!r} is neither an exchange nor an alert channel",
            f"did you mean {close}?" if close else "try binance, slack, telegram or email",
        )
    required = getattr(ccxt, slot.exchange)().requiredCredentials
    return tuple(_NAMES[name][0] for name, is_required in required.items() if is_required)


def read_fields(
    slot: Slot, *, stdin: TextIO | None, key_file: Path | None, ask: Ask | None
) -> dict[str, Secret]:
    """Return the fields of a key of `slot`, from one of three places.

    Raises UsageError and KeystoreError.
    """
    names = credential_names(slot)
    if stdin is not None and key_file is not None:
        raise UsageError("--stdin and --key-file are both given", "name one of the two")
    if stdin is not None:
        fields = _fields_of_lines(names, stdin.read(_INPUT_SIZE_MAX), "standard input")
    elif key_file is not None:
        fields = _fields_of_file(names, key_file)
    elif ask is not None:
        fields = _fields_of_person(names, ask)
    else:
        raise UsageError(
            "there is no terminal to ask for the key on",
            f"give --key-file FILE, or --stdin with a line each for {', '.join(names)}",
        )
    _check_fields(slot, fields)
    return fields


def _fields_of_person(names: Sequence[str], ask: Ask) -> dict[str, Secret]:
    fields = {}
    for name in names:
        is_hidden = name not in OPEN_FIELDS
        text = ask(name.replace("_", " ").capitalize(), is_hidden).strip()
        for _ in range(_LINES_MAX):
            if not _is_open(text):
                break
            text = f"{text}\n{ask('and on', is_hidden).strip()}"
        fields[name] = _secret(text)
    return fields


def _fields_of_file(names: Sequence[str], key_file: Path) -> dict[str, Secret]:
    try:
        text = read_private(key_file).decode()
    except FileNotFoundError:
        raise KeystoreError(f"there is no key file {key_file}") from None
    except UnicodeDecodeError:
        raise KeystoreError(f"the key file {key_file} is not UTF-8 text") from None
    if text.lstrip().startswith("{"):
        return _fields_of_json(names, text, key_file)
    return _fields_of_lines(names, text, f"the key file {key_file}")


def _fields_of_lines(names: Sequence[str], text: str, source: str) -> dict[str, Secret]:
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    found = _joined(lines)
    if len(found) != len(names):
        raise UsageError(
            f"{source} has {len(found)} lines, not {len(names)}",
            f"a line each for {', '.join(names)}",
        )
    return {name: _secret(line) for name, line in zip(names, found, strict=True)}


def _joined(lines: Iterable[str]) -> list[str]:
    """Return the lines, those of one PEM key as one."""
    found: list[str] = []
    for line in lines:
        if found and _is_open(found[-1]):
            found[-1] = f"{found[-1]}\n{line}"
        else:
            found.append(line)
    return found


def _is_open(text: str) -> bool:
    """Say whether `text` is a PEM key of which lines are still to come."""
    # Written as JSON spells it, it is whole in one line.
    return text.startswith(_PEM_BEGINS) and not (_PEM_ENDS in text or "\\n" in text)


def _secret(text: str) -> Secret:
    if text.startswith(_PEM_BEGINS) and "\\n" in text:
        text = text.replace("\\n", "\n").strip()
    return Secret(text)


def _fields_of_json(names: Sequence[str], text: str, key_file: Path) -> dict[str, Secret]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise KeystoreError(f"the key file {key_file} is not JSON", "download it again") from None
    known_as = {ours: (ours, theirs, *rest) for theirs, (ours, *rest) in _NAMES.items()}
    fields = {}
    for name in names:
        found = [content[each] for each in known_as.get(name, (name,)) if each in content]
        if not found or not isinstance(found[0], str):
            raise KeystoreError(
                f"the key file {key_file} has no {name}", f"it must hold {', '.join(names)}"
            )
        fields[name] = _secret(found[0].strip())
    return fields


def _check_fields(slot: Slot, fields: dict[str, Secret]) -> None:
    # A mail server on this machine may want no login; nothing else may be left empty.
    optional = {"username", "password"} if slot.exchange == ALERTS else set()
    for name, secret in fields.items():
        text = secret.reveal()
        if not text and name not in optional:
            raise KeystoreError(f"{slot.name}: {name} is empty", "nothing was saved")
        if text.startswith(_PEM_BEGINS) and _PEM_ENDS not in text:
            raise KeystoreError(f"{slot.name}: {name} ends too early", "copy it to its END line")
        # It goes into a header or a signature as it is.
        plain = text.replace("\n", "")
        if slot.exchange != ALERTS and not (plain.isascii() and plain.isprintable()):
            raise KeystoreError(
                f"{slot.name}: {name} has a character that is in no key",
                "copy it again; nothing was saved",
            )
    try:
        if slot == Slot(ALERTS, ALERTS, "slack"):
            SlackChannel(fields["webhook_url"])
        elif slot == Slot(ALERTS, ALERTS, "telegram"):
            TelegramChannel(fields["bot_token"], fields["chat_id"].reveal())
        elif slot == Slot(ALERTS, ALERTS, "email"):
            email_from(fields, AlertSettings())
    except ConfigError as error:
        raise KeystoreError(error.message, error.hint) from None
