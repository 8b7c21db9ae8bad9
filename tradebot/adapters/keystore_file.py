"""The keystore's file: what it holds, the one way to spell it, and what is refused unread.

Law: nothing here needs the passphrase, so nothing here is proof.
"""

import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from tradebot.adapters.files import check_private_folder, read_private
from tradebot.errors import KeystoreError

KEYSTORE_NAME: Final = "keystore.json"
SALT_BYTES: Final = 16
SLOTS_MAX: Final = 1000
ALERTS: Final = "alerts"
SCHEMA: Final = "tradebot.keystore/1"
_MIB: Final = 1024  # in KiB, which is what Argon2 counts in
_PART: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Argon2Parameters:
    """What one guess at the passphrase costs."""

    memory_kib: int = 256 * _MIB
    iterations: int = 3
    lanes: int = 4

    def check(self) -> None:
        """Refuse what is weaker than OWASP's minimum, or would stall the machine: KeystoreError."""
        bounds = {
            "memory_kib": (19 * _MIB, 2048 * _MIB),
            "iterations": (2, 10),
            "lanes": (1, 16),
        }
        for name, (lowest, highest) in bounds.items():
            value = getattr(self, name)
            # bool is an int in Python, and `true` is no number of lanes.
            if type(value) is not int or not lowest <= value <= highest:
                raise KeystoreError(
                    f"the keystore's Argon2id {name} is {value!r}, outside {lowest} to {highest}",
                    f"restore {KEYSTORE_NAME}.bak, or make a new keystore",
                )


def suggested_parameters(memory_bytes: int | None = None) -> Argon2Parameters:
    """Return the default cost, lowered to 64 MiB on a machine with less than 1 GiB of memory."""
    if memory_bytes is None:
        memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if memory_bytes < 1 << 30:
        return Argon2Parameters(memory_kib=64 * _MIB)
    return Argon2Parameters()


@dataclass(frozen=True, slots=True)
class Slot:
    """One place in the keystore: `binance/testnet/main` or `alerts/slack`."""

    exchange: str
    mode: str
    account: str

    @classmethod
    def parse(cls, name: str) -> "Slot":
        """Return the slot that `name` names. Raises KeystoreError."""
        parts = name.split("/")
        if all(_PART.fullmatch(part) for part in parts):
            if len(parts) == 2 and parts[0] == ALERTS:
                return cls(ALERTS, ALERTS, parts[1])
            if len(parts) == 3 and parts[0] != ALERTS:
                return cls(*parts)
        raise KeystoreError(
            f"{name!r} is not the name of a key",
            "names look like binance/testnet/main or alerts/slack, in small letters",
        )

    @property
    def name(self) -> str:
        """The name under which the file lists it."""
        if self.exchange == ALERTS:
            return f"{ALERTS}/{self.account}"
        return f"{self.exchange}/{self.mode}/{self.account}"

    @property
    def adding(self) -> str:
        """The command that puts a key there."""
        if self.exchange == ALERTS:
            return f"tradebot keys add {self.account}"
        account = "" if self.account == "main" else f" --account {self.account}"
        return f"tradebot keys add {self.exchange} --{self.mode}{account}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCheck:
    """What the exchange said that a key may do, and when. None: it did not tell."""

    checked_at_ms: int
    may_trade: bool | None
    may_withdraw: bool | None
    may_transfer: bool | None
    ip_restricted: bool | None

    def __post_init__(self) -> None:
        answers = (self.may_trade, self.may_withdraw, self.may_transfer, self.ip_restricted)
        if type(self.checked_at_ms) is not int or not 0 <= self.checked_at_ms < 1 << 53:
            raise ValueError(f"checked_at_ms is {self.checked_at_ms!r}")
        if not all(answer is None or type(answer) is bool for answer in answers):
            raise ValueError(f"an answer is neither True, False nor None: {answers!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The file, parsed. `wrapped_key`, the slots' values and `seal` are Fernet tokens.

    `checks` can be read without the passphrase, as the slots' names can; the seal covers both.
    """

    parameters: Argon2Parameters
    salt: str
    wrapped_key: str
    slots: Mapping[str, str]
    seal: str
    checks: Mapping[str, KeyCheck] = field(default_factory=dict)

    def header(self) -> dict[str, Any]:
        """Return what the derivation of the key is bound to."""
        return {"schema": SCHEMA, "kdf": "argon2id", **asdict(self.parameters), "salt": self.salt}

    def sealed_hash(self) -> str:
        """Return the hash of everything but the seal."""
        body = {"header": self.header(), "key": self.wrapped_key, "slots": dict(self.slots)}
        return hashlib.sha256(canonical({**body, **self._checks()})).hexdigest()

    def encode(self) -> bytes:
        """Return the one text that stands for this document."""
        body = {
            "header": self.header(),
            "wrapped_key": self.wrapped_key,
            "slots": dict(self.slots),
            "seal": self.seal,
            **self._checks(),
        }
        return (json.dumps(body, indent=1, sort_keys=True) + "\n").encode()

    def _checks(self) -> dict[str, Any]:
        # Left out where there is none: keystores from before there were checks stay as they are.
        checks = {slot: asdict(check) for slot, check in self.checks.items()}
        return {"checks": checks} if checks else {}


def canonical(content: Mapping[str, Any]) -> bytes:
    """Return the one JSON text of `content`."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def keystore_exists(folder: Path) -> bool:
    """Say whether `folder` holds a keystore, readable or not."""
    return os.path.lexists(folder / KEYSTORE_NAME)


def slot_names(folder: Path) -> tuple[str, ...]:
    """Return the names of all slots, sorted, without the passphrase and so without proof.

    Raises KeystoreError when there is no keystore, or one that is damaged or not private.
    """
    return tuple(sorted(load_document(folder).slots))


def key_checks(folder: Path) -> dict[str, KeyCheck | None]:
    """Return each key's last check, by slot, without the passphrase and so without proof.

    Raises KeystoreError as `slot_names` does.
    """
    document = load_document(folder)
    return {slot: document.checks.get(slot) for slot in sorted(document.slots)}


def load_document(folder: Path) -> Document:
    """Return the keystore file of `folder`, parsed. Raises KeystoreError."""
    path = folder / KEYSTORE_NAME
    if not keystore_exists(folder):
        raise KeystoreError(
            f"there is no keystore at {path}", "the first `tradebot keys add` makes one"
        )
    check_private_folder(folder)
    document = _parse(read_private(path))
    if document is None:
        raise KeystoreError(
            f"{path} is damaged, or not a keystore of this program", f"restore {path}.bak"
        )
    document.parameters.check()
    return document


def _parse(data: bytes) -> Document | None:
    try:
        content = json.loads(data.decode())
        header = content["header"]
        document = Document(
            parameters=Argon2Parameters(
                memory_kib=header["memory_kib"],
                iterations=header["iterations"],
                lanes=header["lanes"],
            ),
            salt=header["salt"],
            wrapped_key=content["wrapped_key"],
            slots=content["slots"],
            seal=content["seal"],
            checks={slot: KeyCheck(**each) for slot, each in content.get("checks", {}).items()},
        )
        tokens = (document.salt, document.wrapped_key, document.seal, *document.slots.values())
        is_sound = (
            all(_is_canonical_base64(token) for token in tokens)
            and len(base64.urlsafe_b64decode(document.salt)) == SALT_BYTES
            and all(Slot.parse(name).name == name for name in document.slots)
            and document.checks.keys() <= document.slots.keys()
            # One text only: other spaces or another order would be a change that nothing covers.
            and document.encode() == data
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, KeystoreError):
        return None
    return document if is_sound else None


def _is_canonical_base64(text: str) -> bool:
    """Say whether `text` is the only spelling of its bytes: the last letter has bits to spare."""
    return base64.urlsafe_b64encode(base64.urlsafe_b64decode(text)).decode() == text
