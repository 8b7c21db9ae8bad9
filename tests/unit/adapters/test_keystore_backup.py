"""A backup of the keystore: whole, private, never over another file, and it opens elsewhere."""

import shutil
import stat
from pathlib import Path

import pytest

from tests.support.disks import full_disk
from tests.support.keystores import FIELDS, SLOT, SOUND, keystore_in, opened, resealed
from tradebot.adapters import keystore_backup
from tradebot.adapters.keystore_backup import export_backup
from tradebot.adapters.redact import Secret
from tradebot.errors import KeystoreError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a keystore of one key."""
    return keystore_in(tmp_path / "keystore")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where nothing is yet."""
    return tmp_path / "backup.json"


def test_a_backup_is_private_and_opens_in_another_place(folder: Path, target: Path) -> None:
    store = opened(folder)
    store.put("alerts/slack", {"webhook_url": Secret("https://x/canary-0d9e")}, "alerts")
    store.put("kraken/live/main", FIELDS, "live", check=SOUND)
    assert export_backup(store, target) == 3
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert b"canary-0d9e" not in target.read_bytes()
    shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    shutil.copy(target, folder / "keystore.json")
    restored = opened(folder)
    assert restored.slots() == ("alerts/slack", SLOT, "kraken/live/main")
    assert restored.get(SLOT, "testnet") == FIELDS
    assert restored.check_of("kraken/live/main", "live") == SOUND


def test_a_backup_overwrites_nothing(folder: Path, target: Path) -> None:
    target.write_text("mine")
    link = target.with_name("link")
    link.symlink_to(target.with_name("elsewhere"))
    for taken in (target, link):
        with pytest.raises(KeystoreError, match=f"^{taken} is there already$") as caught:
            export_backup(opened(folder), taken)
        assert caught.value.hint == "name another file"
    assert target.read_text() == "mine"
    assert not target.with_name("elsewhere").exists()


def test_a_keystore_with_a_slot_that_does_not_open_gives_no_backup(
    folder: Path, target: Path
) -> None:
    store = opened(folder)
    resealed(store, folder, {"binance/live/main": store.proved().slots[SLOT]})
    with pytest.raises(KeystoreError, match=r"^wrong passphrase, or .* was changed$"):
        export_backup(store, target)
    assert not target.exists()


def test_a_disk_that_refuses_leaves_nothing_behind(folder: Path, target: Path) -> None:
    problem = f"^{target} cannot be written: File too large$"
    with full_disk(), pytest.raises(KeystoreError, match=problem):
        export_backup(opened(folder), target)
    assert not target.exists()
    nowhere = target.parent / "nowhere" / "backup.json"
    with pytest.raises(KeystoreError, match="cannot be written: No such file or directory"):
        export_backup(opened(folder), nowhere)


@pytest.mark.parametrize("answer", [b"", b"{}"])
def test_a_disk_that_keeps_something_else_leaves_nothing_behind(
    folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    store = opened(folder)
    monkeypatch.setattr(keystore_backup, "read_private", lambda path: answer)
    with pytest.raises(KeystoreError, match=f"^{target} does not hold what was writt") as caught:
        export_backup(store, target)
    assert caught.value.hint == "take another disk"
    assert not target.exists()


def test_a_backup_that_is_gone_at_once_is_named(
    folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(path: Path) -> bytes:
        """Stand for a disk that was pulled out."""
        path.unlink()
        raise KeystoreError("gone")

    store = opened(folder)
    monkeypatch.setattr(keystore_backup, "read_private", vanish)
    with pytest.raises(KeystoreError, match=r"^gone$"):
        export_backup(store, target)


def test_a_disk_that_cannot_keep_it_private_leaves_nothing_behind(
    folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(folder)
    write_once = keystore_backup.write_once

    def write_for_all(path: Path, data: bytes) -> None:
        """Stand for a disk without permissions, such as a memory stick."""
        write_once(path, data)
        path.chmod(0o644)

    monkeypatch.setattr(keystore_backup, "write_once", write_for_all)
    with pytest.raises(KeystoreError, match=r"^permissions 0644 of .* are too open$"):
        export_backup(store, target)
    assert not target.exists()
