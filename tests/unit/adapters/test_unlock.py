"""The passphrase: systemd first, then a private file outside the project, then a person."""

import getpass
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest

from tradebot.adapters.redact import Secret
from tradebot.adapters.unlock import VARIABLE, Ways, keystore_passphrase
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


def passphrase(
    key_file: Path | None = None,
    *,
    project: Path = Path("/nowhere"),
    environ: dict[str, str] | None = None,
    ask: Callable[[str], str] | None = None,
    is_new: bool = False,
    has_keyring: bool = False,
    has_insecure_env: bool = False,
) -> Secret:
    """Ask for the passphrase of the keystore in `project`; nothing of this machine is seen."""
    ways = Ways(
        keystore=project / "keystore",
        key_file=key_file,
        has_keyring=has_keyring,
        has_insecure_env=has_insecure_env,
    )
    environ = {} if environ is None else environ
    return keystore_passphrase(ways, is_new=is_new, environ=environ, ask=ask)


def test_systemds_credential_comes_before_a_file_and_a_person(tmp_path: Path) -> None:
    private_file(tmp_path / "credentials" / "keystore_passphrase", "of systemd", 0o400)
    found = passphrase(
        key_file=private_file(tmp_path / "file", "of the file"),
        environ={"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")},
        ask=never,
    )
    assert found == Secret("of systemd")


def test_a_systemd_credential_granted_by_an_access_list_is_taken(tmp_path: Path) -> None:
    private_file(tmp_path / "keystore_passphrase", WORD, 0o440)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert passphrase(environ=environ, ask=never) == Secret(WORD)


def test_a_systemd_credential_that_all_can_read_is_refused(tmp_path: Path) -> None:
    private_file(tmp_path / "keystore_passphrase", WORD, 0o444)
    with pytest.raises(KeystoreError, match=r"permissions 0444 of .* are too open"):
        passphrase(environ={"CREDENTIALS_DIRECTORY": str(tmp_path)}, ask=never)


def test_a_service_without_our_credential_falls_back_to_the_file(tmp_path: Path) -> None:
    found = passphrase(
        key_file=private_file(tmp_path / "file"),
        environ={"CREDENTIALS_DIRECTORY": str(tmp_path)},
        ask=never,
    )
    assert found == Secret(WORD)


def test_a_file_comes_before_a_person(tmp_path: Path) -> None:
    key_file = private_file(tmp_path / "file")
    assert passphrase(key_file=key_file, ask=never) == Secret(WORD)


@pytest.mark.parametrize("text", ["two  words", "two  words\n", "two  words\r\n"])
def test_only_the_line_end_is_taken_off_a_file(tmp_path: Path, text: str) -> None:
    key_file = private_file(tmp_path / "file", text)
    assert passphrase(key_file=key_file) == Secret("two  words")


@pytest.mark.parametrize("text", ["", "\n", "one\ntwo\n", "a\0b"])
def test_a_file_without_exactly_one_line_is_refused(tmp_path: Path, text: str) -> None:
    key_file = private_file(tmp_path / "file", text)
    with pytest.raises(KeystoreError, match=r"file must hold one line, the passphrase$"):
        passphrase(key_file=key_file)


def test_a_file_that_is_not_text_is_refused_without_showing_it(tmp_path: Path) -> None:
    key_file = private_file(tmp_path / "file", b"\xffsecret")
    with pytest.raises(KeystoreError, match=r"^the passphrase file .* is not UTF-8 text$"):
        passphrase(key_file=key_file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeystoreError, match=r"^there is no passphrase file .*nowhere$"):
        passphrase(key_file=tmp_path / "nowhere", ask=never)


@pytest.mark.parametrize("mode", [0o640, 0o644])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    key_file = private_file(tmp_path / "file", mode=mode)
    with pytest.raises(KeystoreError, match=f"^permissions {mode:04o} of .* too open") as caught:
        passphrase(key_file=key_file, ask=never)
    assert caught.value.hint == f"chmod 600 {key_file}"


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(private_file(tmp_path / "file"))
    with pytest.raises(KeystoreError, match=r"link is a symbolic link$"):
        passphrase(key_file=tmp_path / "link")


def test_a_file_in_the_project_is_refused(tmp_path: Path) -> None:
    project = tmp_path / "project"
    key_file = private_file(project / "deep" / "file")
    with pytest.raises(KeystoreError, match=r"lies in the project .*, beside what it") as caught:
        passphrase(key_file=key_file, project=project)
    assert caught.value.hint == (
        "keep it elsewhere, for example in /etc/tradebot or ~/.config/tradebot"
    )
    outside = private_file(tmp_path / "outside")
    found = passphrase(key_file=outside, project=project)
    assert found == Secret(WORD)


def test_a_home_folder_is_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    key_file = private_file(tmp_path / ".config" / "file")
    found = passphrase(key_file=key_file, project=tmp_path)
    assert found == Secret(WORD)
    assert passphrase(key_file, project=Path("/")) == Secret(WORD)


def answering(*answers: str) -> tuple[Callable[[str], str], list[str]]:
    """Return a person who types these answers, and the questions that come."""
    left, asked = list(answers), list[str]()

    def ask(label: str) -> str:
        asked.append(label)
        return left.pop(0)

    return ask, asked


def test_a_person_is_asked_once_for_a_keystore_that_exists() -> None:
    ask, asked = answering(WORD)
    assert passphrase(ask=ask) == Secret(WORD)
    assert asked == ["Keystore passphrase: "]


def test_a_person_is_asked_twice_for_a_new_one() -> None:
    ask, asked = answering(WORD, WORD)
    assert passphrase(is_new=True, ask=ask) == Secret(WORD)
    assert asked == ["New keystore passphrase: ", "The same again: "]


def test_the_terminal_and_the_real_environment_are_asked_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, asked = answering(WORD)
    monkeypatch.setattr(getpass, "getpass", ask)
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]  # what makes it a terminal
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    ways = Ways(keystore=tmp_path / "project" / "keystore")
    assert keystore_passphrase(ways) == Secret(WORD)
    assert asked == ["Keystore passphrase: "]
    private_file(tmp_path / "keystore_passphrase", "of systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert keystore_passphrase(ways) == Secret("of systemd")


def test_two_different_answers_are_refused_and_not_shown() -> None:
    with pytest.raises(KeystoreError, match=r"^the two passphrases differ$") as caught:
        passphrase(is_new=True, ask=typing(WORD, "corect horse"))
    assert caught.value.hint == "nothing was saved; try again"


def test_without_any_way_the_ways_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(KeystoreError) as caught:
        passphrase()
    assert caught.value.message == (
        "the keystore is locked, and there is no terminal to ask for its passphrase on"
    )
    assert caught.value.hint == (
        "give --passphrase-file FILE, or systemd's LoadCredential=keystore_passphrase:FILE"
    )
    assert caught.value.exit_code == 4


def test_no_environment_variable_unlocks_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    names = ("KEYSTORE_PASSPHRASE", "TRADEBOT_PASSPHRASE", VARIABLE)
    with pytest.raises(KeystoreError, match="is locked"):
        passphrase(environ=dict.fromkeys(names, WORD))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    key_file = private_file(tmp_path / "file")
    os.chown(key_file, 1234, -1)
    with pytest.raises(KeystoreError, match="belongs to user 1234, not to you"):
        passphrase(key_file=key_file)


# Ways that were asked for: the keyring, then the environment.


class OneKeyring(keyring.backend.KeyringBackend):  # type: ignore[misc]  # the library has no types
    """A keyring of the tests, with the passphrase of one keystore in it, or out of order."""

    priority = 1

    def __init__(self, kept: dict[str, str], error: Exception | None = None) -> None:
        super().__init__()
        self.kept, self.error = kept, error

    def get_password(self, service: str, username: str) -> str | None:
        if self.error is not None:
            raise self.error
        return self.kept.get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[f"{service} {username}"] = password


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project whose keystore's passphrase is in the keyring."""
    before = keyring.get_keyring()
    keyring.set_keyring(OneKeyring({}))
    keyring.set_password("tradebot", f"{tmp_path}/keystore", "of the keyring")
    yield tmp_path
    keyring.set_keyring(before)


def test_the_keyring_is_asked_only_if_it_was_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert passphrase(project=project, has_keyring=True) == Secret("of the keyring")
    with pytest.raises(KeystoreError, match="is locked"):
        passphrase(project=project)


def test_a_file_and_a_person_come_before_the_keyring(project: Path, tmp_path: Path) -> None:
    key_file = private_file(tmp_path.parent / f"{tmp_path.name}-file")
    assert passphrase(key_file, project=project, has_keyring=True) == Secret(WORD)
    asked = passphrase(project=project, has_keyring=True, ask=typing(WORD))
    assert asked == Secret(WORD)


def test_a_person_who_types_nothing_leaves_it_to_the_keyring(project: Path) -> None:
    found = passphrase(project=project, has_keyring=True, ask=typing(""))
    assert found == Secret("of the keyring")
    found = passphrase(project=project, has_keyring=True, ask=typing(""), is_new=True)
    assert found == Secret("of the keyring")
    assert passphrase(project=project, ask=typing("")) == Secret("")


def test_a_keyring_without_this_keystore_names_the_command_that_adds_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(KeystoreError, match=r"^the system keyring has no pass") as caught:
        passphrase(project=project / "other", has_keyring=True)
    assert caught.value.hint == f"keyring set tradebot {project}/other/keystore"
    environ = {VARIABLE: WORD}
    found = passphrase(
        project=project / "other", has_keyring=True, has_insecure_env=True, environ=environ
    )
    assert found == Secret(WORD)


def test_a_keyring_that_does_not_answer_is_one_clear_error(project: Path) -> None:
    keyring.set_keyring(OneKeyring({}, keyring.errors.NoKeyringError("canary-0d9e")))
    with pytest.raises(KeystoreError) as caught:
        passphrase(project=project, has_keyring=True, ask=typing(""))
    assert caught.value.message == "the system keyring does not answer: NoKeyringError"
    assert caught.value.hint == "unlock it, or use --passphrase-file FILE"


def test_without_the_package_the_keyring_names_the_extra(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(KeystoreError, match=r"^the system keyring is asked for, b") as caught:
        passphrase(project=project, has_keyring=True, ask=typing(""))
    assert caught.value.hint.startswith("pip install 'tradebot[keyring]'")


def test_the_environment_comes_last_and_is_taken_out_of_it(project: Path) -> None:
    environ = {VARIABLE: WORD, "HOME": "/"}
    found = passphrase(
        project=project, has_keyring=True, has_insecure_env=True, environ=environ, ask=typing("")
    )
    assert found == Secret("of the keyring")
    found = passphrase(has_insecure_env=True, environ=environ, ask=typing(""))
    assert (found, environ) == (Secret(WORD), {"HOME": "/"})


@pytest.mark.parametrize("environ", [{}, {VARIABLE: ""}])
def test_an_environment_without_the_passphrase_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(
        KeystoreError, match=f"^--insecure-env is given, but {VARIABLE} is not set"
    ) as caught:
        passphrase(has_insecure_env=True, environ=environ, ask=typing(""))
    assert caught.value.hint == "set it, or use another way"
