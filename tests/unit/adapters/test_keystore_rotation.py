"""Another passphrase, another data key: the new one opens everything, the old one nothing."""

import shutil
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, InvalidToken

from tests.support.keystores import (
    CHEAP,
    FIELDS,
    PASSPHRASE,
    SLOT,
    SOUND,
    keystore_in,
    opened,
    resealed,
)
from tradebot.adapters.keystore import Keystore, _data_key
from tradebot.adapters.keystore_file import Document, load_document
from tradebot.adapters.redact import Secret
from tradebot.errors import KeystoreError

WRONG = r"^wrong passphrase, or .*keystore.json was changed$"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a keystore of one key."""
    return keystore_in(tmp_path / "keystore")


# Passphrase changes.


def test_a_new_passphrase_opens_and_the_old_one_opens_nothing_any_more(folder: Path) -> None:
    store = opened(folder)
    store.change_passphrase(Secret("another passphrase"), parameters=CHEAP)
    assert store.get(SLOT, "testnet") == FIELDS
    assert opened(folder, Secret("another passphrase")).get(SLOT, "testnet") == FIELDS
    with pytest.raises(KeystoreError, match=WRONG):
        opened(folder)
    shutil.copy(folder / "keystore.json.bak", folder / "keystore.json")
    with pytest.raises(KeystoreError, match=WRONG):
        opened(folder)


def test_a_new_passphrase_gets_a_new_salt_and_leaves_the_slots(folder: Path) -> None:
    before = load_document(folder)
    opened(folder).change_passphrase(PASSPHRASE, parameters=CHEAP)
    after = load_document(folder)
    assert after.salt != before.salt
    assert after.slots == before.slots


# Another data key.

BINDING = "okx/live/main"


@pytest.fixture
def rotated(folder: Path) -> tuple[Keystore, Document]:
    """A keystore of two keys, one of them checked, under a new data key; and what it was before."""
    store = opened(folder)
    store.put(BINDING, FIELDS, "live", check=SOUND)
    before = load_document(folder)
    store.rotate_data_key(PASSPHRASE, parameters=CHEAP)
    return store, before


def test_a_new_data_key_opens_every_slot_with_the_same_passphrase(
    folder: Path, rotated: tuple[Keystore, Document]
) -> None:
    for store in (rotated[0], opened(folder)):
        assert store.get(SLOT, "testnet") == store.get(BINDING, "live") == FIELDS
        assert store.check_of(BINDING, "live") == SOUND
        assert store.check_of(SLOT, "testnet") is None


def test_the_old_data_key_opens_nothing_any_more(
    folder: Path, rotated: tuple[Keystore, Document]
) -> None:
    _, before = rotated
    old = Fernet(_data_key(folder, before, PASSPHRASE))
    assert old.decrypt(before.slots[SLOT])
    after = load_document(folder)
    assert after.salt != before.salt
    for token in (after.wrapped_key, after.seal, *after.slots.values()):
        with pytest.raises(InvalidToken):
            old.decrypt(token)
    assert (folder / "keystore.json.bak").read_bytes() == after.encode()


def test_a_slot_from_before_the_rotation_is_refused_under_a_sound_seal(
    folder: Path, rotated: tuple[Keystore, Document]
) -> None:
    store, before = rotated
    resealed(store, folder, dict(before.slots))
    with pytest.raises(KeystoreError, match=WRONG):
        store.get(SLOT, "testnet")


def test_a_rotation_with_another_passphrase_changes_nothing(folder: Path) -> None:
    """A slip of the pen would have become the passphrase."""
    before = (folder / "keystore.json").read_bytes()
    with pytest.raises(KeystoreError, match=WRONG):
        opened(folder).rotate_data_key(Secret("incorrect horse"), parameters=CHEAP)
    assert (folder / "keystore.json").read_bytes() == before


def test_a_slot_that_does_not_belong_there_stops_a_rotation(folder: Path) -> None:
    store = opened(folder)
    resealed(store, folder, {BINDING: load_document(folder).slots[SLOT]})
    before = (folder / "keystore.json").read_bytes()
    with pytest.raises(KeystoreError, match=WRONG):
        store.rotate_data_key(PASSPHRASE, parameters=CHEAP)
    assert (folder / "keystore.json").read_bytes() == before


def test_a_keystore_opened_before_the_rotation_is_refused(folder: Path) -> None:
    early = opened(folder)
    opened(folder).rotate_data_key(PASSPHRASE, parameters=CHEAP)
    for attempt in (early.slots, lambda: early.put(SLOT, FIELDS, "testnet")):
        with pytest.raises(KeystoreError, match=WRONG):
            attempt()
