"""Keys and alert credentials: into the keystore, out of it, and others in their place.

Law: what changes a keystore, and every attempt to open one, is in the audit log.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from tradebot.adapters.alert_channels import Channel
from tradebot.adapters.alerts import AlertSettings, ChannelResult, channels_from, send_test
from tradebot.adapters.audit import AuditKind, AuditLog
from tradebot.adapters.clock import WallClock
from tradebot.adapters.evidence import ALERT_TESTS
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.keystore_backup import export_backup
from tradebot.adapters.keystore_file import ALERTS, KeyCheck, Slot, keystore_exists, slot_names
from tradebot.adapters.proofs import prove
from tradebot.adapters.redact import Redactor, Secret
from tradebot.adapters.unlock import Ways, keystore_passphrase
from tradebot.errors import KeystoreError, NotFoundError, UsageError
from tradebot.ports import Clock
from tradebot.runtime.key_fields import ALERT_FIELDS, Ask, read_fields

# Asks the exchange what a key may do; None = it could not be asked. A refusal is a KeystoreError.
Check = Callable[[Slot, Mapping[str, Secret]], KeyCheck | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocking:
    """What may open the keystore besides systemd, and who is told of it.

    `ask` is None where there is no terminal; `on_wait` hears the seconds of a wait that earlier
    failures cause.
    """

    folder: Path
    passphrase_file: Path | None = None
    ask: Ask | None = None
    has_keyring: bool = False
    has_insecure_env: bool = False
    audit: AuditLog | None = None
    clock: Clock = field(default_factory=WallClock)
    on_wait: Callable[[int], None] | None = None

    def passphrase(self, *, is_new: bool = False) -> Secret:
        """Return the passphrase. Raises KeystoreError."""
        ask = self.ask
        ways = Ways(
            keystore=self.folder,
            key_file=self.passphrase_file,
            has_keyring=self.has_keyring,
            has_insecure_env=self.has_insecure_env,
        )
        asked = None if ask is None else lambda label: ask(label, True)
        return keystore_passphrase(ways, is_new=is_new, ask=asked)

    def open(self, redactor: Redactor | None = None) -> Keystore:
        """Return the unlocked keystore. Raises KeystoreError."""
        store, _ = self.open_with_passphrase(redactor)
        return store

    def open_with_passphrase(self, redactor: Redactor | None = None) -> tuple[Keystore, Secret]:
        """Return the unlocked keystore, and the passphrase that opened it. Raises KeystoreError."""
        # Names first: without a keystore there is no passphrase to ask for.
        slot_names(self.folder)
        try:
            passphrase = self.passphrase()
            store = Keystore.open(
                self.folder,
                passphrase,
                redactor=redactor,
                clock=self.clock,
                on_wait=self.on_wait,
            )
        except KeystoreError as error:
            self.note(AuditKind.UNLOCK_FAILED, error=error.message)
            raise
        self.note(AuditKind.UNLOCKED)
        return store, passphrase

    def note(self, kind: AuditKind, **details: str | int | bool) -> None:
        """Note what was done. Whoever did it goes on where that cannot be written."""
        if self.audit is not None:
            self.audit.record(kind, **details)


@dataclass(frozen=True, slots=True)
class Saved:
    """A key in the keystore, and what its exchange said of it; None = it is not checked."""

    slot: str
    check: KeyCheck | None


def slot_for(name: str, *, testnet: bool, live: bool, account: str) -> Slot:
    """Return where the key `name`, an exchange or an alert channel, is kept. Raises UsageError."""
    if name in ALERT_FIELDS:
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
    unlocking: Unlocking,
    slot: Slot,
    *,
    stdin: TextIO | None = None,
    key_file: Path | None = None,
    check: Check | None = None,
) -> Saved:
    """Save the key of `slot` from `stdin`, `key_file` or the prompt, once it was checked.

    A first key makes the keystore. Raises UsageError and KeystoreError; nothing is then saved.
    """
    if keystore_exists(unlocking.folder) and slot.name in slot_names(unlocking.folder):
        raise KeystoreError(
            f"{slot.name} is in the keystore already",
            f"`{_command('rotate', slot)}` puts another in its place",
        )
    fields = read_fields(slot, stdin=stdin, key_file=key_file, ask=unlocking.ask)
    if keystore_exists(unlocking.folder):
        store = unlocking.open()
        checked = None if check is None else check(slot, fields)
    else:
        passphrase = unlocking.passphrase(is_new=True)
        checked = None if check is None else check(slot, fields)
        # Only now: a key that is refused leaves no empty keystore behind.
        store = Keystore.create(unlocking.folder, passphrase)
    store.put(slot.name, fields, slot.mode, check=checked)
    unlocking.note(AuditKind.KEY_ADDED, key=slot.name, checked=checked is not None)
    return Saved(slot.name, checked)


def rotate_key(
    unlocking: Unlocking,
    slot: Slot,
    *,
    stdin: TextIO | None = None,
    key_file: Path | None = None,
    check: Check | None = None,
) -> Saved:
    """Put another key in the place of that of `slot`, which stays until the other was checked.

    Raises UsageError and KeystoreError; the old key is then untouched.
    """
    _check_present(unlocking, slot)
    fields = read_fields(slot, stdin=stdin, key_file=key_file, ask=unlocking.ask)
    store = unlocking.open()
    if store.get(slot.name, slot.mode) == fields:
        raise KeystoreError(
            f"{slot.name} is that very key already", "make another one at the exchange first"
        )
    checked = None if check is None else check(slot, fields)
    store.put(slot.name, fields, slot.mode, check=checked)
    unlocking.note(AuditKind.KEY_CHANGED, key=slot.name, checked=checked is not None)
    return Saved(slot.name, checked)


def rotate_data_key(unlocking: Unlocking) -> int:
    """Encrypt every key anew, under a data key that nobody has seen; return how many there are.

    The passphrase stays. Raises KeystoreError; then nothing is changed.
    """
    store, passphrase = unlocking.open_with_passphrase()
    store.rotate_data_key(passphrase)
    unlocking.note(AuditKind.DATA_KEY_ROTATED)
    return len(store.slots())


def remove_key(unlocking: Unlocking, slot: Slot, *, confirm: str | None) -> str:
    """Take a key out of the keystore; return the slot's name.

    Whoever removes types the slot's name, or gives it as `confirm`. Raises UsageError where
    neither happened, KeystoreError where there is no such key.
    """
    _check_present(unlocking, slot)
    if confirm is None and unlocking.ask is not None:
        confirm = unlocking.ask(f"Type {slot.name} to remove it", False)
    if confirm != slot.name:
        raise UsageError(f"{slot.name} was not removed", f"confirm it with --confirm {slot.name}")
    unlocking.open().remove(slot.name)
    unlocking.note(AuditKind.KEY_REMOVED, key=slot.name)
    return slot.name


def change_passphrase(unlocking: Unlocking, new_passphrase_file: Path | None) -> None:
    """Let another passphrase open the keystore, and the old one no more. Raises KeystoreError."""
    store, old = unlocking.open_with_passphrase()
    renewing = Unlocking(
        folder=unlocking.folder, passphrase_file=new_passphrase_file, ask=unlocking.ask
    )
    new = renewing.passphrase(is_new=True)
    if new == old:
        raise KeystoreError("the new passphrase is the old one", "nothing was changed")
    store.change_passphrase(new)
    unlocking.note(AuditKind.PASSPHRASE_CHANGED)


def back_up_keys(unlocking: Unlocking, target: Path) -> int:
    """Copy the keystore, encrypted as it is, to a new file; return how many keys it holds.

    Raises KeystoreError; there is then no new file.
    """
    count = export_backup(unlocking.open(), target)
    unlocking.note(AuditKind.BACKUP_EXPORTED, file=str(target), keys=count)
    return count


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
        prove(AuditLog(logs, WallClock().now_ms), ALERT_TESTS, answered)
    return results


def _check_present(unlocking: Unlocking, slot: Slot) -> None:
    if slot.name not in slot_names(unlocking.folder):
        raise KeystoreError(
            f"the keystore has no {slot.name}", "`tradebot keys list` shows what it has"
        )


def _command(verb: str, slot: Slot) -> str:
    return slot.adding.replace("keys add", f"keys {verb}")
