"""The keystore: credentials in one encrypted file, each bound to its exchange, mode and account.

Law: what cannot be verified is not used. Every bit of the file is covered: the header by the
derivation of the key, all the rest by the seal, and each slot repeats its own name inside.
"""

import base64
import hashlib
import json
import os
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final, NoReturn, TypeVar

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from tradebot.adapters.clock import WallClock
from tradebot.adapters.files import (
    alone,
    check_private_folder,
    read_private,
    unwritable,
    write_atomically,
)
from tradebot.adapters.keystore_file import (
    KEYSTORE_NAME,
    SALT_BYTES,
    SCHEMA,
    SLOTS_MAX,
    Argon2Parameters,
    Document,
    KeyCheck,
    Slot,
    canonical,
    keystore_exists,
    load_document,
    suggested_parameters,
)
from tradebot.adapters.redact import SECRET_LENGTH_MIN, Redactor, Secret
from tradebot.adapters.unlock_delay import UnlockDelay
from tradebot.errors import KeystoreError
from tradebot.ports import Clock

# Fields that say where and to whom, not what is secret: masking a port would mask numbers in logs.
OPEN_FIELDS: Final = frozenset(
    {"host", "port", "security", "username", "sender", "recipients", "chat_id"}
)
PASSPHRASE_LENGTH_MIN: Final = 8
_LOCK_SECONDS: Final = 10
_DERIVED_BYTES: Final = 32
_Kept = TypeVar("_Kept")


class Keystore:
    """An unlocked keystore. Every secret it hands out is registered with `redactor` first."""

    def __init__(self, folder: Path, key: bytes, redactor: Redactor | None) -> None:
        self._folder = folder
        self._path = folder / KEYSTORE_NAME
        self._key = key
        self._fernet = Fernet(key)
        self._redactor = redactor
        # What this process has read or written, so that a check is kept of no other key.
        self._known: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Keystore({str(self._path)!r})"

    @classmethod
    def create(
        cls,
        folder: Path,
        passphrase: Secret,
        *,
        parameters: Argon2Parameters | None = None,
        redactor: Redactor | None = None,
    ) -> "Keystore":
        """Make an empty keystore in `folder`, which becomes private. Raises KeystoreError."""
        _check_passphrase(passphrase)
        _refuse_existing(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not folder.is_symlink() and folder.stat().st_uid == os.geteuid():
                # Nothing secret is in it yet, and git makes folders that all can read.
                folder.chmod(0o700)
        except OSError as error:
            raise unwritable(folder, error) from None
        check_private_folder(folder)
        store = cls(folder, Fernet.generate_key(), redactor)
        document = store._wrapped(passphrase, parameters, None)
        with store._alone():
            _refuse_existing(folder)
            store._write(document)
        return store

    @classmethod
    def open(
        cls,
        folder: Path,
        passphrase: Secret,
        *,
        redactor: Redactor | None = None,
        clock: Clock | None = None,
        on_wait: Callable[[int], None] | None = None,
    ) -> "Keystore":
        """Unlock the keystore in `folder`. Raises KeystoreError.

        The answer to a wrong passphrase and to a changed file is the same, and after each the next
        one takes longer, on `clock`; `on_wait` is told the seconds.
        """
        document = load_document(folder)
        delay = UnlockDelay(folder, clock if clock is not None else WallClock(), on_wait)
        with delay.attempt():
            store = cls(folder, _data_key(folder, document, passphrase), redactor)
            store._verify(document)
        return store

    def slots(self) -> tuple[str, ...]:
        """Return the names of all slots, sorted."""
        return tuple(sorted(self._read().slots))

    def get(self, slot: str, mode: str) -> dict[str, Secret]:
        """Return the fields of `slot`, which must be for `mode`. Raises KeystoreError."""
        place = Slot.parse(slot)
        _check_mode(place, mode)
        token = self._read().slots.get(slot)
        if token is None:
            raise KeystoreError(f"the keystore has no {slot}", place.adding)
        fields = self._fields(place, token)
        self._known[slot] = token
        secrets = {name: Secret(text) for name, text in fields.items()}
        if self._redactor is not None:
            hidden = (secret for name, secret in secrets.items() if name not in OPEN_FIELDS)
            self._redactor.register(*hidden)
        return secrets

    def put(
        self, slot: str, fields: Mapping[str, Secret], mode: str, *, check: KeyCheck | None = None
    ) -> None:
        """Save `fields` in `slot`, and what their check said, in place of what was there.

        Raises KeystoreError.
        """
        place = Slot.parse(slot)
        _check_mode(place, mode)
        for name, secret in fields.items():
            # An empty one, as of a mail server without a login, gives nothing away.
            if name not in OPEN_FIELDS and 0 < len(secret.reveal()) < SECRET_LENGTH_MIN:
                raise KeystoreError(
                    f"{slot}: {name} has fewer than {SECRET_LENGTH_MIN} characters",
                    "so short a text could not be kept out of the logs; check that it is whole",
                )
        texts = {name: secret.reveal() for name, secret in fields.items()}
        token = self._token(place, texts)
        self._change(
            lambda found: replace(
                found,
                slots={**found.slots, slot: token},
                checks={**_without(found.checks, slot), **({} if check is None else {slot: check})},
            )
        )
        self._known[slot] = token

    def check_of(self, slot: str, mode: str) -> KeyCheck | None:
        """Return what the last check of the key in `slot` said; None: it is not checked.

        Raises KeystoreError.
        """
        _check_mode(Slot.parse(slot), mode)
        document = self._read()
        _check_present(document, slot)
        return document.checks.get(slot)

    def set_check(self, slot: str, mode: str, check: KeyCheck | None) -> None:
        """Keep what a check of the key in `slot` said; None: it counts as not checked.

        Raises KeystoreError, also when the key is no longer the one that was read from here.
        """
        _check_mode(Slot.parse(slot), mode)

        def checked(found: Document) -> Document:
            _check_present(found, slot)
            if found.slots[slot] != self._known.get(slot):
                raise KeystoreError(
                    f"{slot} is not the key that was checked", f"check it again; {slot} was changed"
                )
            checks = {} if check is None else {slot: check}
            return replace(found, checks={**_without(found.checks, slot), **checks})

        self._change(checked)

    def remove(self, slot: str) -> None:
        """Forget `slot`; the previous version of the file still holds it. Raises KeystoreError."""

        def without(found: Document) -> Document:
            _check_present(found, slot)
            return replace(
                found, slots=_without(found.slots, slot), checks=_without(found.checks, slot)
            )

        self._change(without)

    def change_passphrase(
        self, passphrase: Secret, *, parameters: Argon2Parameters | None = None
    ) -> None:
        """Wrap the same data key with another passphrase, which alone opens it from now on."""
        _check_passphrase(passphrase)
        with self._alone():
            document = self._wrapped(passphrase, parameters, self._read())
            self._write_for_good(document)

    def rotate_data_key(
        self, passphrase: Secret, *, parameters: Argon2Parameters | None = None
    ) -> None:
        """Encrypt every key anew, under a new data key; the old one opens nothing from now on.

        `passphrase` opens the keystore, and goes on doing so. Raises KeystoreError.
        """
        with self._alone():
            document = self._read()
            # Whatever is typed here would open the keystore from now on, so it must do so now.
            _data_key(self._folder, document, passphrase)
            renewed = Keystore(self._folder, Fernet.generate_key(), None)
            slots = {
                name: renewed._token(Slot.parse(name), self._fields(Slot.parse(name), token))
                for name, token in document.slots.items()
            }
            rotated = renewed._wrapped(passphrase, parameters, replace(document, slots=slots))
            renewed._write_for_good(rotated)
            self._key, self._fernet, self._known = renewed._key, renewed._fernet, {}

    def proved(self) -> Document:
        """Return the file once every key in it was opened. Raises KeystoreError."""
        document = self._read()
        for name, token in document.slots.items():
            self._fields(Slot.parse(name), token)
        return document

    def _change(self, change: Callable[[Document], Document]) -> None:
        with self._alone():
            document = change(self._read())
            if len(document.slots) > SLOTS_MAX:
                raise KeystoreError(
                    f"the keystore holds {SLOTS_MAX} keys, and that is the most", "remove some"
                )
            self._write(self._sealed(document))

    def _alone(self) -> AbstractContextManager[None]:
        return alone(self._folder / "keystore.lock", wait_seconds=_LOCK_SECONDS)

    def _token(self, place: Slot, fields: Mapping[str, str]) -> str:
        content = canonical({**self._claims(place), "fields": dict(fields)})
        return self._fernet.encrypt(content).decode()

    def _fields(self, place: Slot, token: str) -> dict[str, str]:
        """Return what a slot holds. Raises KeystoreError where it does not belong there."""
        try:
            content = json.loads(self._fernet.decrypt(token))
        except InvalidToken:
            _refuse(self._path)
        fields: dict[str, str] = content.pop("fields")
        # Fernet has no associated data: a token moved to another slot would decrypt.
        if content != self._claims(place):
            _refuse(self._path)
        return fields

    def _read(self) -> Document:
        document = load_document(self._folder)
        self._verify(document)
        return document

    def _verify(self, document: Document) -> None:
        try:
            sealed_hash = self._fernet.decrypt(document.seal).decode()
        except InvalidToken:
            _refuse(self._path)
        if sealed_hash != document.sealed_hash():
            _refuse(self._path)

    def _sealed(self, document: Document) -> Document:
        seal = self._fernet.encrypt(document.sealed_hash().encode()).decode()
        return replace(document, seal=seal)

    def _wrapped(
        self, passphrase: Secret, parameters: Argon2Parameters | None, holding: Document | None
    ) -> Document:
        document = Document(
            parameters=parameters if parameters is not None else suggested_parameters(),
            salt=base64.urlsafe_b64encode(os.urandom(SALT_BYTES)).decode(),
            wrapped_key="",
            slots={} if holding is None else holding.slots,
            seal="",
            checks={} if holding is None else holding.checks,
        )
        document.parameters.check()
        wrapped_key = _key_of_passphrase(document, passphrase).encrypt(self._key).decode()
        return self._sealed(replace(document, wrapped_key=wrapped_key))

    def _claims(self, slot: Slot) -> dict[str, str]:
        """Return what the plaintext of a slot repeats.

        The hash is of the schema and the data key, the part of the head that outlives a change of
        passphrase: with it a slot copied from another keystore is refused.
        """
        header = hashlib.sha256(SCHEMA.encode() + b"\0" + self._key).hexdigest()
        return {"header": header, "slot": slot.name, **asdict(slot)}

    def _write_for_good(self, document: Document) -> None:
        """Write without keeping the version before: what opened that must open nothing."""
        self._write(document)
        self._write(document)

    def _write(self, document: Document) -> None:
        try:
            if keystore_exists(self._folder):
                previous = read_private(self._path)
                write_atomically(self._path.with_name(f"{KEYSTORE_NAME}.bak"), previous)
            write_atomically(self._path, document.encode())
        except OSError as error:
            raise unwritable(self._path, error) from None


def _data_key(folder: Path, document: Document, passphrase: Secret) -> bytes:
    try:
        return _key_of_passphrase(document, passphrase).decrypt(document.wrapped_key)
    except InvalidToken:
        _refuse(folder / KEYSTORE_NAME)


def _key_of_passphrase(document: Document, passphrase: Secret) -> Fernet:
    kdf = Argon2id(
        salt=base64.urlsafe_b64decode(document.salt),
        length=_DERIVED_BYTES,
        iterations=document.parameters.iterations,
        lanes=document.parameters.lanes,
        memory_cost=document.parameters.memory_kib,
        ad=canonical(document.header()),
    )
    # The same letters typed on another machine may arrive as other code points.
    text = unicodedata.normalize("NFC", passphrase.reveal())
    typed, derived = bytearray(text, "utf-8", "surrogatepass"), bytearray(_DERIVED_BYTES)
    try:
        kdf.derive_into(typed, derived)  # type: ignore[arg-type]  # any buffer will do
    except MemoryError:
        raise KeystoreError(
            f"opening the keystore takes {document.parameters.memory_kib // 1024} MiB of memory,"
            " and that much is not free",
            "end other programs; a keystore that a larger machine made may want more than this has",
        ) from None
    else:
        return Fernet(base64.urlsafe_b64encode(derived))
    finally:
        # What can be wiped; texts, and what the libraries keep, cannot.
        typed[:] = bytes(len(typed))
        derived[:] = bytes(len(derived))


def _check_passphrase(passphrase: Secret) -> None:
    if len(passphrase.reveal()) < PASSPHRASE_LENGTH_MIN:
        raise KeystoreError(
            f"the passphrase has fewer than {PASSPHRASE_LENGTH_MIN} characters",
            "take four random words or more; who steals the file can guess for ever",
        )


def _check_mode(slot: Slot, mode: str) -> None:
    if slot.mode != mode:
        raise KeystoreError(
            f"{slot.name} is a {slot.mode} key and cannot be used for {mode}",
            replace(slot, mode=mode).adding,
        )


def _check_present(document: Document, slot: str) -> None:
    if slot not in document.slots:
        raise KeystoreError(f"the keystore has no {slot}", "`tradebot keys list` shows what it has")


def _without(found: Mapping[str, _Kept], slot: str) -> dict[str, _Kept]:
    return {name: kept for name, kept in found.items() if name != slot}


def _refuse_existing(folder: Path) -> None:
    if keystore_exists(folder):
        raise KeystoreError(
            f"{folder / KEYSTORE_NAME} exists already", "add keys to it, or move it away first"
        )


def _refuse(path: Path) -> NoReturn:
    raise KeystoreError(
        f"wrong passphrase, or {path} was changed",
        f"try again; if the passphrase is surely right, restore {path}.bak",
    ) from None
