"""Unlocking as on a server: no terminal, restarts by themselves, keys replaced and brought back."""

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path
from signal import SIGINT, SIGKILL

import pytest

from tests.support.account import account
from tests.support.shell import refused, started, typed
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.redact import Secret
from tradebot.adapters.unlock import VARIABLE
from tradebot.adapters.unlock_delay import FAILURES_NAME

WORD = "correct horse battery"
KEY = "api-key-7f3a9c\nsecret-51b2e8\n"
ADD = ("keys", "add", "kraken", "--live", "--stdin", "--no-check")


@pytest.fixture
def unlock(tmp_path: Path) -> tuple[str, str]:
    """Return the option that names a passphrase file outside of the project."""
    file = tmp_path / "passphrase"
    file.touch(mode=0o600)
    file.write_text(f"{WORD}\n")
    return ("--passphrase-file", str(file))


@pytest.mark.long
def test_a_bot_restarts_by_itself_with_systemds_credential_and_no_terminal(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with account(folder, tmp_path) as made:
        made.project(folder, monkeypatch, leaves=2)
        credentials = tmp_path / "credentials"
        credentials.mkdir(mode=0o700)
        # As systemd hands it over: read-only, and the only thing that opens the keystore.
        handed = credentials / "keystore_passphrase"
        handed.write_text(Path(made.unlock[1]).read_text())
        handed.chmod(0o400)
        Path(made.unlock[1]).unlink()
        for ending in (SIGKILL, SIGINT):
            environ = {"CREDENTIALS_DIRECTORY": str(credentials)}
            with started(folder, "run", "--testnet", **environ) as bot:
                bot.hear("BUY |SELL ")
                bot.send(ending)
                bot.ended(130 if ending is SIGINT else -SIGKILL)
        assert set(made.status()["posts_by_client_id"].values()) == {1}
    unlocked = [
        line
        for line in (folder / "logs" / "audit.jsonl").read_text().splitlines()
        if json.loads(line)["kind"] == "unlocked"
    ]
    assert len(unlocked) == 2


def test_a_backup_brings_the_keys_back_as_the_guide_says(
    folder: Path, tmp_path: Path, unlock: tuple[str, str]
) -> None:
    typed(*ADD, *unlock, stdin=KEY)
    backup = tmp_path / "backup.json"
    exported = typed("keys", "export-backup", str(backup), "--json", *unlock).json
    assert (exported["backup"], exported["keys"]) == (str(backup), 1)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    shutil.rmtree(folder / "keystore")
    for words in (
        ["-d", "-m", "0700", "keystore"],
        ["-m", "0600", backup, "keystore/keystore.json"],
    ):
        subprocess.run(["/usr/bin/install", *words], check=True, cwd=folder)  # noqa: S603  # as the guide has it
    assert typed("keys", "list", "--json").json["keys"] == ["kraken/live/main"]
    fields = Keystore.open(folder / "keystore", Secret(WORD)).get("kraken/live/main", "live")
    assert fields["secret"] == Secret("secret-51b2e8")
    assert "is there already" in refused(4, "keys", "export-backup", str(backup), *unlock)


def test_a_key_is_replaced_and_everything_encrypted_anew(
    folder: Path, unlock: tuple[str, str]
) -> None:
    typed(*ADD, *unlock, stdin=KEY)
    rotate = ("keys", "rotate", "kraken", "--live", "--stdin", "--no-check", *unlock)
    assert typed(*rotate, stdin="api-key-new\nsecret-new\n").out == "Saved kraken/live/main\n"
    assert "is that very key already" in refused(4, *rotate, stdin="api-key-new\nsecret-new\n")
    before = (folder / "keystore" / "keystore.json").read_bytes()
    assert typed("keys", "rotate", "--data-key", *unlock).out == "Encrypted anew: 1 keys\n"
    kept = [path.read_bytes() for path in (folder / "keystore").iterdir()]
    assert before not in kept
    fields = Keystore.open(folder / "keystore", Secret(WORD)).get("kraken/live/main", "live")
    assert fields["api_key"] == Secret("api-key-new")


def test_the_environment_unlocks_only_where_its_insecurity_is_typed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, WORD)
    assert "the keystore is locked" in refused(4, *ADD, stdin=KEY)
    assert typed("--insecure-env", *ADD, stdin=KEY).out == "Saved kraken/live/main\n"
    assert VARIABLE not in os.environ
    assert f"{VARIABLE} is not set" in refused(4, "--insecure-env", "keys", "rotate", "--data-key")
    assert typed("keys", "list", "--json").json["keys"] == ["kraken/live/main"]


def test_a_wrong_passphrase_is_counted_and_in_the_audit_log(
    folder: Path, tmp_path: Path, unlock: tuple[str, str]
) -> None:
    typed(*ADD, *unlock, stdin=KEY)
    wrong = tmp_path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("battery horse correct")
    rotate = ("keys", "rotate", "--data-key", "--passphrase-file")
    typed(*rotate, str(wrong), code=4)
    assert json.loads((folder / "keystore" / FAILURES_NAME).read_text())["count"] == 1
    typed(*rotate, unlock[1])
    assert not (folder / "keystore" / FAILURES_NAME).exists()
    lines = (folder / "logs" / "audit.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds[-3:] == ["unlock_failed", "unlocked", "data_key_rotated"]


def test_a_keystore_of_another_user_or_behind_a_link_is_refused(
    folder: Path, unlock: tuple[str, str]
) -> None:
    typed(*ADD, *unlock, stdin=KEY)
    keystore = folder / "keystore"
    keystore.chmod(0o755)
    assert f"chmod 700 {Path('keystore')}" in refused(4, "keys", "list")
    keystore.chmod(0o700)
    keystore.rename(folder / "moved")
    keystore.symlink_to(folder / "moved")
    assert "is a symbolic link" in refused(4, "keys", "list")
