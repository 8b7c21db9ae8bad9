"""The passphrase: systemd first, then a private file outside the project, then a person."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tradebot.adapters.redact import Secret
from tradebot.adapters.unlock import keystore_passphrase
from tradebot.errors import KeystoreError

WORD = "correct horse"


def private_file(path: Path, text: str | bytes = WORD + "\n", mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def typing(*answers: str) -> Callable[[str], str]:
    left = list(answers)
    return lambda label: left.pop(0)


def never(label: str) -> str:
    raise AssertionError(f"asked: {label}")


def test_systemds_credential_comes_before_a_file_and_a_person(tmp_path: Path) -> None:
    private_file(tmp_path / "credentials" / "keystore_passphrase", "of systemd", 0o400)
    found = keystore_passphrase(
        key_file=private_file(tmp_path / "file", "of the file"),
        environ={"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")},
        ask=never,
    )
    assert found == Secret("of systemd")


def test_a_systemd_credential_granted_by_an_access_list_is_taken(tmp_path: Path) -> None:
    private_file(tmp_path / "keystore_passphrase", WORD, 0o440)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert keystore_passphrase(environ=environ, ask=never) == Secret(WORD)


def test_a_systemd_credential_that_all_can_read_is_refused(tmp_path: Path) -> None:
    private_file(tmp_path / "keystore_passphrase", WORD, 0o444)
    with pytest.raises(KeystoreError, match=r"permissions 0444 of .* are too open"):
        keystore_passphrase(environ={"CREDENTIALS_DIRECTORY": str(tmp_path)}, ask=never)


def test_a_service_without_our_credential_falls_back_to_the_file(tmp_path: Path) -> None:
    found = keystore_passphrase(
        key_file=private_file(tmp_path / "file"),
        environ={"CREDENTIALS_DIRECTORY": str(tmp_path)},
        ask=never,
    )
    assert found == Secret(WORD)


def test_a_file_comes_before_a_person(tmp_path: Path) -> None:
    key_file = private_file(tmp_path / "file")
    assert keystore_passphrase(key_file=key_file, environ={}, ask=never) == Secret(WORD)


@pytest.mark.parametrize("text", ["two  words", "two  words\n", "two  words\r\n"])
def test_only_the_line_end_is_taken_off_a_file(tmp_path: Path, text: str) -> None:
    key_file = private_file(tmp_path / "file", text)
    assert keystore_passphrase(key_file=key_file, environ={}) == Secret("two  words")


@pytest.mark.parametrize("text", ["", "\n", "one\ntwo\n", "a\0b"])
def test_a_file_without_exactly_one_line_is_refused(tmp_path: Path, text: str) -> None:
    key_file = private_file(tmp_path / "file", text)
    with pytest.raises(KeystoreError, match=r"file must hold one line, the passphrase$"):
        keystore_passphrase(key_file=key_file, environ={})


def test_a_file_that_is_not_text_is_refused_without_showing_it(tmp_path: Path) -> None:
    key_file = private_file(tmp_path / "file", b"\xffsecret")
    with pytest.raises(KeystoreError, match=r"^the passphrase file .* is not UTF-8 text$"):
        keystore_passphrase(key_file=key_file, environ={})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeystoreError, match=r"^there is no passphrase file .*nowhere$"):
        keystore_passphrase(key_file=tmp_path / "nowhere", environ={}, ask=never)


@pytest.mark.parametrize("mode", [0o640, 0o644])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    key_file = private_file(tmp_path / "file", mode=mode)
    with pytest.raises(KeystoreError, match=f"^permissions {mode:04o} of .* too open") as caught:
        keystore_passphrase(key_file=key_file, environ={}, ask=never)
    assert caught.value.hint == f"chmod 600 {key_file}"


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(private_file(tmp_path / "file"))
    with pytest.raises(KeystoreError, match=r"link is a symbolic link$"):
        keystore_passphrase(key_file=tmp_path / "link", environ={})


def test_a_file_in_the_project_is_refused(tmp_path: Path) -> None:
    project = tmp_path / "project"
    key_file = private_file(project / "deep" / "file")
    with pytest.raises(KeystoreError, match=r"lies in the project .*, beside what it") as caught:
        keystore_passphrase(key_file=key_file, project_folder=project, environ={})
    assert caught.value.hint == (
        "keep it elsewhere, for example in /etc/tradebot or ~/.config/tradebot"
    )
    outside = private_file(tmp_path / "outside")
    found = keystore_passphrase(key_file=outside, project_folder=project, environ={})
    assert found == Secret(WORD)


def test_a_home_folder_is_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    key_file = private_file(tmp_path / ".config" / "file")
    found = keystore_passphrase(key_file=key_file, project_folder=tmp_path, environ={})
    assert found == Secret(WORD)


def test_a_person_is_asked_once_for_a_keystore_that_exists() -> None:
    assert keystore_passphrase(environ={}, ask=typing(WORD)) == Secret(WORD)


def test_a_person_is_asked_twice_for_a_new_one() -> None:
    assert keystore_passphrase(environ={}, is_new=True, ask=typing(WORD, WORD)) == Secret(WORD)


def test_two_different_answers_are_refused_and_not_shown() -> None:
    with pytest.raises(KeystoreError, match=r"^the two passphrases differ$") as caught:
        keystore_passphrase(environ={}, is_new=True, ask=typing(WORD, "corect horse"))
    assert caught.value.hint == "nothing was saved; try again"


def test_without_any_way_the_ways_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(KeystoreError) as caught:
        keystore_passphrase(environ={})
    assert caught.value.message == (
        "the keystore is locked, and there is no terminal to ask for its passphrase on"
    )
    assert caught.value.hint == (
        "give --passphrase-file FILE, or systemd's LoadCredential=keystore_passphrase:FILE"
    )
    assert caught.value.exit_code == 4


def test_no_environment_variable_unlocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    names = ("KEYSTORE_PASSPHRASE", "TRADEBOT_PASSPHRASE", "TRADEBOT_KEYSTORE_PASSPHRASE")
    with pytest.raises(KeystoreError, match="is locked"):
        keystore_passphrase(environ=dict.fromkeys(names, WORD))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    key_file = private_file(tmp_path / "file")
    os.chown(key_file, 1234, -1)
    with pytest.raises(KeystoreError, match="belongs to user 1234, not to you"):
        keystore_passphrase(key_file=key_file, environ={})
