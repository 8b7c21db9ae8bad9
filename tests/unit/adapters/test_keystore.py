"""The keystore: what went in comes out, for its own exchange, mode and account, or not at all."""

import base64
import hashlib
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from filelock import FileLock

from tests.support.disks import full_disk
from tests.support.keystores import (
    CHEAP,
    FIELDS,
    PASSPHRASE,
    SLOT,
    SOUND,
    document_of,
    keystore_in,
    opened,
    refusal,
    resealed,
    write_document,
)
from tradebot.adapters import keystore as keystore_module
from tradebot.adapters import keystore_file
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.keystore_file import (
    Argon2Parameters,
    Slot,
    canonical,
    load_document,
    slot_names,
    suggested_parameters,
)
from tradebot.adapters.redact import Redactor, Secret
from tradebot.errors import KeystoreError

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a keystore of one key."""
    return keystore_in(tmp_path / "keystore")


# In a process of its own: what the address space was limited to cannot be given back.
NARROW = """
import resource, sys
from pathlib import Path
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.keystore_file import Argon2Parameters
from tradebot.adapters.redact import Secret
from tradebot.errors import KeystoreError
resource.setrlimit(resource.RLIMIT_AS, (512 << 20, resource.RLIM_INFINITY))
wanted = Argon2Parameters(memory_kib=1 << 20)
try:
    Keystore.create(Path(sys.argv[1]), Secret("correct horse"), parameters=wanted)
except KeystoreError as error:
    print(error.message)
"""


def test_a_machine_without_the_memory_says_so(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603  # a text of our own
        [sys.executable, "-c", NARROW, str(tmp_path / "keystore")],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout == (
        "opening the keystore takes 1024 MiB of memory, and that much is not free\n"
    )


def test_what_was_put_comes_out_after_reopening(folder: Path) -> None:
    assert opened(folder).get(SLOT, "testnet") == FIELDS


def test_a_key_is_opened_with_the_default_cost(tmp_path: Path) -> None:
    store = Keystore.create(tmp_path / "keystore", PASSPHRASE)
    assert Keystore.open(tmp_path / "keystore", PASSPHRASE).slots() == store.slots() == ()
    header = document_of(tmp_path / "keystore")["header"]
    assert header["kdf"] == "argon2id"
    assert (header["memory_kib"], header["iterations"], header["lanes"]) in {
        (262_144, 3, 4), (65_536, 3, 4),
    }  # fmt: skip


def test_a_small_machine_gets_64_mib_and_no_less() -> None:
    assert suggested_parameters((1 << 30) - 1).memory_kib == 64 * 1024
    assert suggested_parameters(1 << 30) == Argon2Parameters(
        memory_kib=256 * 1024, iterations=3, lanes=4
    )


def test_nothing_secret_is_in_the_files(folder: Path) -> None:
    opened(folder).put("alerts/slack", {"webhook_url": Secret("https://x/canary-0d9e")}, "alerts")
    for file in folder.iterdir():
        text = file.read_text()
        for canary in ("7f3a9c", "51b2e8", "canary-0d9e", "correct horse"):
            assert canary not in text, file


def test_names_are_readable_without_the_passphrase(folder: Path) -> None:
    opened(folder).put("alerts/slack", {"webhook_url": Secret("https://x")}, "alerts")
    assert slot_names(folder) == ("alerts/slack", SLOT)


def test_files_are_private(folder: Path) -> None:
    opened(folder).put("kraken/live/main", FIELDS, "live")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    names = ("keystore.json", "keystore.json.bak", "keystore.lock", "unlock.lock")
    assert modes == dict.fromkeys(names, 0o600)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_first_key_makes_an_existing_folder_private(tmp_path: Path) -> None:
    folder = tmp_path / "keystore"
    folder.mkdir(mode=0o755)
    (folder / "README.md").write_text("keys live here")
    Keystore.create(folder, PASSPHRASE, parameters=CHEAP)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_previous_version_is_kept_and_opens(folder: Path) -> None:
    store = opened(folder)
    store.remove(SLOT)
    assert store.slots() == ()
    shutil.copy(folder / "keystore.json.bak", folder / "keystore.json")
    assert opened(folder).get(SLOT, "testnet") == FIELDS


def test_putting_again_replaces_the_key(folder: Path) -> None:
    store = opened(folder)
    store.put(SLOT, {"api_key": Secret("another-key")}, "testnet")
    assert store.get(SLOT, "testnet") == {"api_key": Secret("another-key")}


def test_two_open_keystores_do_not_lose_each_others_keys(folder: Path) -> None:
    first, second = opened(folder), opened(folder)
    first.put("kraken/live/main", FIELDS, "live")
    second.put("okx/live/main", FIELDS, "live")
    assert opened(folder).slots() == (SLOT, "kraken/live/main", "okx/live/main")


def test_a_writer_waits_for_the_other_and_then_gives_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keystore_module, "_LOCK_SECONDS", 0)
    store = opened(folder)
    with (
        FileLock(folder / "keystore.lock"),
        pytest.raises(KeystoreError, match=r"^another process has held .*keystore.lock for 0 s$"),
    ):
        store.remove(SLOT)
    assert store.slots() == (SLOT,)


def test_passphrases_of_the_same_letters_are_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "keystore"
    Keystore.create(folder, Secret("caf\u00e9 au lait"), parameters=CHEAP)
    Keystore.open(folder, Secret("cafe\u0301 au lait"))


def test_secrets_are_registered_before_they_are_handed_out_but_addresses_are_not(
    folder: Path,
) -> None:
    email = {"host": Secret("mail.example.com"), "password": Secret("smtp-word")}
    opened(folder).put("alerts/email", email, "alerts")
    redactor = Redactor()
    Keystore.open(folder, PASSPHRASE, redactor=redactor).get("alerts/email", "alerts")
    assert redactor("smtp-word at mail.example.com") == "*** at mail.example.com"


def test_the_keystore_itself_shows_nothing(folder: Path) -> None:
    assert repr(opened(folder)) == f"Keystore('{folder}/keystore.json')"


# What is refused: wrong passphrase, tampering, other modes.

WRONG = r"^wrong passphrase, or .*keystore.json was changed$"


def test_wrong_passphrase_and_changed_file_get_the_same_answer(folder: Path) -> None:
    wrong = refusal(folder, Secret("incorrect horse"))
    content = document_of(folder)
    token = str(content["slots"][SLOT])
    content["slots"][SLOT] = token[:40] + ("A" if token[40] != "A" else "B") + token[41:]
    write_document(folder, content)
    changed = refusal(folder)
    assert (wrong.message, wrong.hint) == (changed.message, changed.hint)
    assert wrong.message == f"wrong passphrase, or {folder}/keystore.json was changed"
    assert wrong.hint.endswith(f"restore {folder}/keystore.json.bak")
    assert wrong.__cause__ is None


def quick_key(document: keystore_file.Document, passphrase: Secret) -> Fernet:
    """Stand for Argon2id, which takes 20 ms: another header or passphrase, another key."""
    text = canonical(document.header()) + passphrase.reveal().encode()
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(text).digest()))


@pytest.mark.parametrize("bits", [1, pytest.param(8, marks=pytest.mark.long)])
def test_every_single_bit_flip_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bits: int
) -> None:
    """One bit of each byte, another one from byte to byte; in the longer suites every bit."""
    monkeypatch.setattr(keystore_module, "_key_of_passphrase", quick_key)
    folder = tmp_path / "keystore"
    keystore_in(folder)
    opened(folder).put("kraken/live/main", FIELDS, "live", check=SOUND)
    path = folder / "keystore.json"
    sound = path.read_bytes()
    for place in range(len(sound)):
        for turn in range(bits):
            flipped = bytearray(sound)
            flipped[place] ^= 1 << (place + turn) % 8
            path.write_bytes(flipped)
            with pytest.raises(KeystoreError):
                opened(folder)
    path.write_bytes(sound)
    assert opened(folder).get(SLOT, "testnet") == FIELDS


@pytest.mark.parametrize(
    ("name", "value"), [("salt", "A" * 22 + "=="), ("iterations", 3), ("lanes", 2)]
)
def test_another_header_gives_another_key(folder: Path, name: str, value: object) -> None:
    content = document_of(folder)
    content["header"][name] = value
    write_document(folder, content)
    assert refusal(folder).message.startswith("wrong passphrase, or ")


@pytest.mark.parametrize(
    "other", ["binance/live/main", "binance/testnet/second", "okx/testnet/main"]
)
def test_a_token_moved_to_another_slot_is_refused_even_under_a_sound_seal(
    folder: Path, other: str
) -> None:
    store = opened(folder)
    resealed(store, folder, {other: load_document(folder).slots[SLOT]})
    with pytest.raises(KeystoreError, match=WRONG):
        store.get(other, Slot.parse(other).mode)


def test_a_slot_of_another_keystore_is_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    Keystore.create(other, PASSPHRASE, parameters=CHEAP).put(SLOT, FIELDS, "testnet")
    store = opened(folder)
    resealed(store, folder, {SLOT: load_document(other).slots[SLOT]})
    with pytest.raises(KeystoreError, match=WRONG):
        store.get(SLOT, "testnet")


@pytest.mark.parametrize("change", [
    lambda slots: {},
    lambda slots: {"binance/live/main": slots[SLOT]},
    lambda slots: {**slots, "okx/live/main": slots[SLOT]},
], ids=["removed", "renamed", "added"])  # fmt: skip
def test_changing_the_set_of_slots_is_refused(
    folder: Path, change: Callable[[dict[str, object]], dict[str, object]]
) -> None:
    content = document_of(folder)
    content["slots"] = change(content["slots"])
    write_document(folder, content)
    with pytest.raises(KeystoreError, match=WRONG):
        opened(folder)


def test_an_open_keystore_notices_that_the_file_was_changed(folder: Path) -> None:
    store = opened(folder)
    content = document_of(folder)
    content["slots"] = {}
    write_document(folder, content)
    with pytest.raises(KeystoreError, match=WRONG):
        store.put(SLOT, FIELDS, "testnet")
    with pytest.raises(KeystoreError, match=WRONG):
        store.slots()


def test_a_testnet_key_is_not_given_out_for_live(folder: Path) -> None:
    with pytest.raises(KeystoreError) as caught:
        opened(folder).get(SLOT, "live")
    assert caught.value.message == f"{SLOT} is a testnet key and cannot be used for live"
    assert caught.value.hint == "tradebot keys add binance --live"


def test_a_key_is_not_saved_under_another_mode(folder: Path) -> None:
    with pytest.raises(KeystoreError, match="is a live key and cannot be used for testnet"):
        opened(folder).put("binance/live/main", FIELDS, "testnet")


@pytest.mark.parametrize(
    ("slot", "hint"),
    [
        ("okx/live/main", "tradebot keys add okx --live"),
        ("okx/live/second", "tradebot keys add okx --live --account second"),
        ("alerts/slack", "tradebot keys add slack"),
    ],
)
def test_a_key_that_is_not_there_is_named_with_the_command_that_adds_it(
    folder: Path, slot: str, hint: str
) -> None:
    with pytest.raises(KeystoreError, match=f"^the keystore has no {slot}$") as caught:
        opened(folder).get(slot, Slot.parse(slot).mode)
    assert caught.value.hint == hint


def test_removing_what_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(KeystoreError, match=r"^the keystore has no okx/live/main$") as caught:
        opened(folder).remove("okx/live/main")
    assert caught.value.hint == "`tradebot keys list` shows what it has"


@pytest.mark.parametrize(
    "name",
    ["", "binance", "binance/testnet", "Binance/testnet/main", "a/b/c/d", "../x/y", "alerts/a/b",
     "binance/testnet/", "binance/testnet/ma in", "binance/testnet/\x1b[1m", "a" * 41 + "/b/c",
     "binance/testnet/main\n"],
)  # fmt: skip
def test_a_name_that_is_not_one_is_refused(name: str) -> None:
    with pytest.raises(KeystoreError, match=r"is not the name of a key$") as caught:
        Slot.parse(name)
    assert "\x1b" not in caught.value.message
    assert caught.value.hint.startswith("names look like binance/testnet/main or alerts/slack")


def test_a_secret_too_short_to_be_masked_is_refused_but_a_short_address_is_not(
    folder: Path,
) -> None:
    store = opened(folder)
    with pytest.raises(KeystoreError) as caught:
        store.put(SLOT, {"api_key": Secret("12345")}, "testnet")
    assert caught.value.message == f"{SLOT}: api_key has fewer than 6 characters"
    assert caught.value.hint.startswith("so short a text could not be kept out of the logs")
    store.put("alerts/email", {"port": Secret("25"), "password": Secret("")}, "alerts")


def test_a_short_passphrase_is_refused(tmp_path: Path, folder: Path) -> None:
    for attempt in (
        lambda: Keystore.create(tmp_path / "new", Secret("1234567")),
        lambda: opened(folder).change_passphrase(Secret("1234567")),
    ):
        with pytest.raises(KeystoreError, match=r"^the passphrase has fewer than 8 characters$"):
            attempt()
    assert not (tmp_path / "new").exists()


def test_creating_over_a_keystore_is_refused(folder: Path) -> None:
    with pytest.raises(KeystoreError, match=r"keystore.json exists already$") as caught:
        Keystore.create(folder, PASSPHRASE, parameters=CHEAP)
    assert caught.value.hint == "add keys to it, or move it away first"
    assert opened(folder).slots() == (SLOT,)


def test_a_missing_keystore_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(KeystoreError, match=r"^there is no keystore at .*keystore.json$") as caught:
        Keystore.open(tmp_path, PASSPHRASE)
    assert caught.value.hint == "the first `tradebot keys add` makes one"


def test_the_keystore_holds_a_thousand_keys_and_no_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keystore_module, "SLOTS_MAX", 1)
    with pytest.raises(KeystoreError, match=r"^the keystore holds 1 keys, and that is the most$"):
        opened(folder).put("okx/live/main", FIELDS, "live")
    assert keystore_file.SLOTS_MAX == 1000


# Disks that refuse.


def test_a_full_disk_changes_nothing(folder: Path) -> None:
    store = opened(folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with full_disk(), pytest.raises(KeystoreError) as caught:
        store.put("okx/live/main", FIELDS, "live")
    assert caught.value.message == f"{folder}/keystore.json cannot be written: File too large"
    assert caught.value.hint == "nothing was saved; free or unlock the disk"
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KeystoreError, match=r"cannot be written: "):
        Keystore.create(tmp_path / "file" / "keystore", PASSPHRASE, parameters=CHEAP)
