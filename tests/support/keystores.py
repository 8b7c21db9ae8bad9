"""Keystores in the tests' words: one key, a cheap but legal derivation, and what was refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tradebot.adapters.clock import VirtualClock
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.keystore_file import Argon2Parameters, KeyCheck, load_document
from tradebot.adapters.redact import Secret
from tradebot.errors import KeystoreError

CHEAP = Argon2Parameters(memory_kib=19 * 1024, iterations=2, lanes=1)
PASSPHRASE = Secret("correct horse battery")
FIELDS = {"api_key": Secret("key-7f3a9c"), "secret": Secret("secret-51b2e8")}
SLOT = "binance/testnet/main"
SOUND = KeyCheck(
    checked_at_ms=1_795_000_000_000,
    may_trade=True,
    may_withdraw=False,
    may_transfer=False,
    ip_restricted=None,
)


def keystore_in(folder: Path) -> Path:
    """Make a keystore of one key in `folder`, and return the folder."""
    Keystore.create(folder, PASSPHRASE, parameters=CHEAP).put(SLOT, FIELDS, "testnet")
    return folder


def opened(folder: Path, passphrase: Secret = PASSPHRASE) -> Keystore:
    """Unlock the keystore of `keystore_in`; delays after wrong passphrases take no time."""
    return Keystore.open(folder, passphrase, clock=VirtualClock(0))


def document_of(folder: Path) -> dict[str, dict[str, object]]:
    """Return the keystore's file as JSON."""
    content: dict[str, dict[str, object]] = json.loads((folder / "keystore.json").read_text())
    return content


def write_document(folder: Path, content: object) -> None:
    """Write JSON as the keystore's file, spelled as the program spells it."""
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    (folder / "keystore.json").write_text(text)


def refusal(folder: Path, passphrase: Secret = PASSPHRASE) -> KeystoreError:
    """Return why the keystore does not give its key out."""
    with pytest.raises(KeystoreError) as caught:
        opened(folder, passphrase).get(SLOT, "testnet")
    assert caught.value.exit_code == 4
    return caught.value


def resealed(store: Keystore, folder: Path, slots: dict[str, str]) -> None:
    """Write other slots under a sound seal: what only the holder of the data key could do."""
    document = load_document(folder)
    (folder / "keystore.json").write_bytes(store._sealed(replace(document, slots=slots)).encode())
