"""Keys and alert credentials: from a person or a script into the keystore, and out again.

Law: a secret arrives by prompt, standard input or file, and is shown nowhere.
"""

import importlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from tradebot.adapters.alert_channels import Channel, SlackChannel
from tradebot.adapters.alerts import (
    EMAIL_FIELDS,
    AlertSettings,
    ChannelResult,
    channels_from,
    email_from,
    send_test,
)
from tradebot.adapters.clock import WallClock
from tradebot.adapters.evidence import ALERT_TESTS, append_line
from tradebot.adapters.files import read_private
from tradebot.adapters.keystore import OPEN_FIELDS, Keystore
from tradebot.adapters.keystore_file import ALERTS, Slot, keystore_exists, slot_names
from tradebot.adapters.redact import Redactor, Secret
from tradebot.adapters.unlock import keystore_passphrase
from tradebot.errors import ConfigError, KeystoreError, NotFoundError, UsageError
from tradebot.words import nearest

# The prompt: a label and whether what is typed stays hidden -> the text.
Ask = Callable[[str, bool], str]

_ALERT_FIELDS: Final = {"slack": ("webhook_url",), "email": EMAIL_FIELDS}
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocking:
    """What may open the keystore besides systemd. `ask` is None where there is no terminal."""

    folder: Path
    passphrase_file: Path | None = None
    ask: Ask | None = None

    def passphrase(self, *, is_new: bool = False) -> Secret:
        """Return the passphrase. Raises KeystoreError."""
        ask = self.ask
        return keystore_passphrase(
            key_file=self.passphrase_file,
            project_folder=self.folder.absolute().parent,
            is_new=is_new,
            ask=None if ask is None else lambda label: ask(label, True),
        )

    def open(self, redactor: Redactor | None = None) -> Keystore:
        """Return the unlocked keystore. Raises KeystoreError."""
        # Names first: without a keystore there is no passphrase to ask for.
        slot_names(self.folder)
        return Keystore.open(self.folder, self.passphrase(), redactor=redactor)


def slot_for(name: str, *, testnet: bool, live: bool, account: str) -> Slot:
    """Return where the key `name`, an exchange or an alert channel, is kept. Raises UsageError."""
    if name in _ALERT_FIELDS:
        if testnet or live:
            raise UsageError(f"{name} is no exchange", "leave out --testnet and --live")
        return Slot(ALERTS, ALERTS, name)
    if testnet == live:
        raise UsageError(
            f"is the {name} key for --testnet or for --live?", "name exactly one of the two"
        )
    slot = Slot(name, "testnet" if testnet else "live", account)
    return Slot.parse(slot.name)


def add_key(
    unlocking: Unlocking, slot: Slot, *, stdin: TextIO | None = None, key_file: Path | None = None
) -> str:
    """Save the key of `slot` from `stdin`, `key_file` or the prompt; return the slot's name.

    A first key makes the keystore. Raises UsageError and KeystoreError; nothing is then saved.
    """
    names = credential_names(slot)
    if keystore_exists(unlocking.folder) and slot.name in slot_names(unlocking.folder):
        raise KeystoreError(
            f"{slot.name} is in the keystore already", f"{_removing(slot)} takes it out first"
        )
    fields = _read_fields(names, stdin=stdin, key_file=key_file, ask=unlocking.ask)
    _check_fields(slot, fields)
    if keystore_exists(unlocking.folder):
        store = unlocking.open()
    else:
        store = Keystore.create(unlocking.folder, unlocking.passphrase(is_new=True))
    store.put(slot.name, fields, slot.mode)
    return slot.name


def remove_key(unlocking: Unlocking, slot: Slot, *, confirm: str | None) -> str:
    """Take a key out of the keystore; return the slot's name.

    Whoever removes types the slot's name, or gives it as `confirm`. Raises UsageError where
    neither happened, KeystoreError where there is no such key.
    """
    if slot.name not in slot_names(unlocking.folder):
        raise KeystoreError(
            f"the keystore has no {slot.name}", "`tradebot keys list` shows what it has"
        )
    if confirm is None and unlocking.ask is not None:
        confirm = unlocking.ask(f"Type {slot.name} to remove it", False)
    if confirm != slot.name:
        raise UsageError(f"{slot.name} was not removed", f"confirm it with --confirm {slot.name}")
    unlocking.open().remove(slot.name)
    return slot.name


def change_passphrase(unlocking: Unlocking, new_passphrase_file: Path | None) -> None:
    """Let another passphrase open the keystore, and the old one no more. Raises KeystoreError."""
    store = unlocking.open()
    renewing = Unlocking(
        folder=unlocking.folder, passphrase_file=new_passphrase_file, ask=unlocking.ask
    )
    store.change_passphrase(renewing.passphrase(is_new=True))


def alert_channels(
    settings: AlertSettings, unlocking: Unlocking, *, logs: Path, redactor: Redactor | None = None
) -> list[Channel]:
    """Return the channels that are on; the keystore is opened only where one needs it.

    Raises KeystoreError and ConfigError.
    """
    keystore = unlocking.open(redactor) if settings.needs_keystore else None
    return channels_from(settings, keystore, folder=logs)


def run_alert_test(
    settings: AlertSettings, unlocking: Unlocking, *, logs: Path, heading: str = ""
) -> list[ChannelResult]:
    """Send a test message through every channel that is on, and note it if all answered.

    Raises NotFoundError for none.
    """
    if not settings.channels:
        raise NotFoundError(
            "no alert channel is on", 'set [alerts] channels = ["slack"] in the configuration'
        )
    results = send_test(alert_channels(settings, unlocking, logs=logs), heading)
    if all(result.ok for result in results):
        answered = {"at": WallClock().now_ms(), "channels": sorted(settings.channels)}
        append_line(logs / ALERT_TESTS, answered)
    return results


def credential_names(slot: Slot) -> tuple[str, ...]:
    """Return the fields that a key of `slot` has, in the order in which they are asked for.

    Raises UsageError for an exchange that ccxt does not know.
    """
    if slot.exchange == ALERTS:
        return _ALERT_FIELDS[slot.account]
    ccxt = importlib.import_module("ccxt")
    if slot.exchange not in ccxt.exchanges:
        close = nearest(slot.exchange, [*ccxt.exchanges, *_ALERT_FIELDS])
        raise UsageError(
            f"{slot.exchange!r} is neither an exchange nor an alert channel",
            f"did you mean {close}?" if close else "try binance, slack or email",
        )
    required = getattr(ccxt, slot.exchange)().requiredCredentials
    return tuple(_NAMES[name][0] for name, is_required in required.items() if is_required)


def _read_fields(
    names: Sequence[str], *, stdin: TextIO | None, key_file: Path | None, ask: Ask | None
) -> dict[str, Secret]:
    if stdin is not None and key_file is not None:
        raise UsageError("--stdin and --key-file are both given", "name one of the two")
    if stdin is not None:
        return _fields_of_lines(names, stdin.read(_INPUT_SIZE_MAX), "standard input")
    if key_file is not None:
        try:
            text = read_private(key_file).decode()
        except FileNotFoundError:
            raise KeystoreError(f"there is no key file {key_file}") from None
        except UnicodeDecodeError:
            raise KeystoreError(f"the key file {key_file} is not UTF-8 text") from None
        if text.lstrip().startswith("{"):
            return _fields_of_json(names, text, key_file)
        return _fields_of_lines(names, text, f"the key file {key_file}")
    if ask is None:
        raise UsageError(
            "there is no terminal to ask for the key on",
            f"give --key-file FILE, or --stdin with a line each for {', '.join(names)}",
        )
    labels = {name: name.replace("_", " ").capitalize() for name in names}
    return {name: Secret(ask(labels[name], name not in OPEN_FIELDS).strip()) for name in names}


def _fields_of_lines(names: Sequence[str], text: str, source: str) -> dict[str, Secret]:
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if len(lines) != len(names):
        raise UsageError(
            f"{source} has {len(lines)} lines, not {len(names)}",
            f"a line each for {', '.join(names)}",
        )
    return {name: Secret(line) for name, line in zip(names, lines, strict=True)}


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
        fields[name] = Secret(found[0].strip())
    return fields


def _check_fields(slot: Slot, fields: dict[str, Secret]) -> None:
    # A mail server on this machine may want no login; nothing else may be left empty.
    optional = {"username", "password"} if slot.exchange == ALERTS else set()
    for name, secret in fields.items():
        if not secret.reveal() and name not in optional:
            raise KeystoreError(f"{slot.name}: {name} is empty", "nothing was saved")
    try:
        if slot == Slot(ALERTS, ALERTS, "slack"):
            SlackChannel(fields["webhook_url"])
        elif slot == Slot(ALERTS, ALERTS, "email"):
            email_from(fields, AlertSettings())
    except ConfigError as error:
        raise KeystoreError(error.message, error.hint) from None


def _removing(slot: Slot) -> str:
    return "`" + slot.adding.replace("keys add", "keys remove") + "`"
