"""What the exchange said of a key: kept beside it under the seal, and never for another key."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.support.keystores import (
    CHEAP,
    FIELDS,
    PASSPHRASE,
    SLOT,
    SOUND,
    document_of,
    keystore_in,
    opened,
    write_document,
)
from tradebot.adapters.keystore_file import key_checks
from tradebot.adapters.redact import Secret
from tradebot.errors import KeystoreError

WRITTEN = asdict(SOUND)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a keystore of one key, which was read and checked."""
    folder = keystore_in(tmp_path / "keystore")
    store = opened(folder)
    assert store.check_of(SLOT, "testnet") is None
    store.get(SLOT, "testnet")
    store.set_check(SLOT, "testnet", SOUND)
    return folder


def test_a_check_is_kept_and_can_be_listed_without_the_passphrase(folder: Path) -> None:
    opened(folder).put("kraken/live/main", FIELDS, "live")
    assert opened(folder).check_of(SLOT, "testnet") == SOUND
    assert opened(folder).get(SLOT, "testnet") == FIELDS
    assert key_checks(folder) == {SLOT: SOUND, "kraken/live/main": None}


def test_a_key_is_saved_with_its_check_in_one_step(folder: Path) -> None:
    opened(folder).put("kraken/live/main", FIELDS, "live", check=SOUND)
    assert opened(folder).check_of("kraken/live/main", "live") == SOUND


def test_a_check_can_be_taken_back(folder: Path) -> None:
    store = opened(folder)
    store.get(SLOT, "testnet")
    store.set_check(SLOT, "testnet", None)
    assert key_checks(folder) == {SLOT: None}


def test_another_key_in_the_same_place_is_not_checked(folder: Path) -> None:
    opened(folder).put(SLOT, {"api_key": Secret("another-key")}, "testnet")
    assert key_checks(folder) == {SLOT: None}


def test_a_removed_key_takes_its_check_along(folder: Path) -> None:
    store = opened(folder)
    store.remove(SLOT)
    store.put(SLOT, FIELDS, "testnet")
    assert key_checks(folder) == {SLOT: None}


def test_a_check_of_a_key_that_was_replaced_meanwhile_is_refused(folder: Path) -> None:
    store = opened(folder)
    store.get(SLOT, "testnet")
    opened(folder).put(SLOT, {"api_key": Secret("another-key")}, "testnet")
    with pytest.raises(KeystoreError, match=r"^binance/testnet/main is not the key that was che"):
        store.set_check(SLOT, "testnet", SOUND)
    assert key_checks(folder) == {SLOT: None}


def test_a_check_needs_a_key_of_that_mode(folder: Path) -> None:
    with pytest.raises(KeystoreError, match="is a testnet key and cannot be used for live"):
        opened(folder).set_check(SLOT, "live", SOUND)
    with pytest.raises(KeystoreError, match="is a testnet key and cannot be used for live"):
        opened(folder).check_of(SLOT, "live")
    for ask in (
        lambda: opened(folder).set_check("okx/live/main", "live", SOUND),
        lambda: opened(folder).check_of("okx/live/main", "live"),
    ):
        with pytest.raises(KeystoreError, match=r"^the keystore has no okx/live/main$"):
            ask()


def test_a_new_passphrase_keeps_the_checks(folder: Path) -> None:
    opened(folder).change_passphrase(PASSPHRASE, parameters=CHEAP)
    assert opened(folder).check_of(SLOT, "testnet") == SOUND


def test_a_changed_check_is_refused(folder: Path) -> None:
    content = document_of(folder)
    assert content.pop("checks") == {SLOT: WRITTEN}
    widened = {**content, "checks": {SLOT: {**WRITTEN, "ip_restricted": True}}}
    for changed in (widened, content):
        write_document(folder, changed)
        with pytest.raises(KeystoreError, match=r"^wrong passphrase, or .* was changed$"):
            opened(folder)


@pytest.mark.parametrize(
    "checks",
    [{}, [], {SLOT: {}}, {SLOT: None}, {"okx/live/main": WRITTEN},
     *({SLOT: {**WRITTEN, **change}} for change in (
         {"may_trade": 1}, {"checked_at_ms": -1}, {"checked_at_ms": True},
         {"checked_at_ms": 1 << 53}, {"note": "x"},
     ))],
)  # fmt: skip
def test_a_check_of_another_shape_is_refused(folder: Path, checks: object) -> None:
    write_document(folder, {**document_of(folder), "checks": checks})
    with pytest.raises(KeystoreError, match="is damaged, or not a keystore of this program"):
        key_checks(folder)


def test_a_moment_or_an_answer_that_is_none_is_our_bug() -> None:
    for change in ({"checked_at_ms": -1}, {"checked_at_ms": 1.5}, {"may_withdraw": 0}):
        with pytest.raises(ValueError, match=r"checked_at_ms is|an answer is neither"):
            replace(SOUND, **change)  # type: ignore[arg-type]  # wrong on purpose
