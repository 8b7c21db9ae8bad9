"""The keystore's file and folder: what is refused unread, and what is said about it."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.keystores import (
    CHEAP,
    PASSPHRASE,
    SLOT,
    document_of,
    keystore_in,
    opened,
    refusal,
    write_document,
)
from tradebot.adapters import keystore_file
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.keystore_file import slot_names
from tradebot.errors import KeystoreError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a keystore of one key."""
    return keystore_in(tmp_path / "keystore")


# Parameters and malformed files.


@pytest.mark.parametrize(
    ("name", "value", "bounds"),
    [
        ("memory_kib", 19 * 1024 - 1, "19456 to 2097152"),
        ("memory_kib", 2048 * 1024 + 1, "19456 to 2097152"),
        ("iterations", 1, "2 to 10"),
        ("iterations", 11, "2 to 10"),
        ("lanes", 0, "1 to 16"),
        ("lanes", 17, "1 to 16"),
        ("lanes", True, "1 to 16"),
        ("memory_kib", "65536", "19456 to 2097152"),
        ("iterations", 3.0, "2 to 10"),
        ("iterations", None, "2 to 10"),
    ],
)
def test_weak_and_absurd_parameters_are_refused_before_any_derivation(
    folder: Path, name: str, value: object, bounds: str
) -> None:
    content = document_of(folder)
    content["header"][name] = value
    write_document(folder, content)
    error = refusal(folder)
    assert error.message == f"the keystore's Argon2id {name} is {value!r}, outside {bounds}"
    assert error.hint == "restore keystore.json.bak, or make a new keystore"


@pytest.mark.parametrize(
    ("name", "values"),
    [("memory_kib", (19 * 1024, 2048 * 1024)), ("iterations", (2, 10)), ("lanes", (1, 16))],
)
def test_parameters_at_their_bounds_are_taken(name: str, values: tuple[int, ...]) -> None:
    for value in values:
        replace(CHEAP, **{name: value}).check()


def test_weak_parameters_are_refused_when_making_one(tmp_path: Path) -> None:
    with pytest.raises(KeystoreError, match="outside 19456 to 2097152"):
        Keystore.create(tmp_path / "k", PASSPHRASE, parameters=replace(CHEAP, memory_kib=1024))
    assert not (tmp_path / "k" / "keystore.json").exists()


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"{}", b"null", b"\xff", b"[" * 100_000, b'{"header": []}',
     b'{"header": {"memory_kib": 1e999}}', b"9" * 10_000],
)  # fmt: skip
def test_a_file_that_is_no_keystore_is_refused_with_its_backup_named(
    folder: Path, data: bytes
) -> None:
    (folder / "keystore.json").write_bytes(data)
    error = refusal(folder)
    path = folder / "keystore.json"
    assert error.message == f"{path} is damaged, or not a keystore of this program"
    assert error.hint == f"restore {path}.bak"


def mutated(content: object, path: tuple[str, ...], value: object) -> object:
    """Return `content` with the value at `path` replaced."""
    if not path:
        return value
    assert isinstance(content, dict)
    return {**content, path[0]: mutated(content[path[0]], path[1:], value)}


@pytest.mark.parametrize(
    "path",
    [("header",), ("header", "salt"), ("header", "schema"), ("header", "kdf"), ("wrapped_key",),
     ("seal",), ("slots",), ("slots", SLOT)],
    ids="/".join,
)  # fmt: skip
@pytest.mark.parametrize(
    "value", [None, 1, "", "x", "\u00e9", [], {}, ["gAAA"], {"a/b/c": "gAAA"}, "AAAA", "AB=="]
)
def test_a_part_of_another_shape_is_refused_as_a_keystore_error(
    folder: Path, path: tuple[str, ...], value: object
) -> None:
    write_document(folder, mutated(document_of(folder), path, value))
    refusal(folder)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8")))
def test_no_bytes_raise_anything_but_a_keystore_error(data: bytes) -> None:
    assert keystore_file._parse(data) is None


def test_another_spelling_of_the_same_json_is_refused(folder: Path) -> None:
    path = folder / "keystore.json"
    path.write_text(json.dumps(document_of(folder)))
    assert "is damaged" in refusal(folder).message


def test_names_that_would_paint_the_terminal_are_refused_unread(folder: Path) -> None:
    content = document_of(folder)
    content["slots"] = {"\x1b[2J": content["slots"][SLOT]}
    write_document(folder, content)
    with pytest.raises(KeystoreError, match="is damaged"):
        slot_names(folder)


# Files and folders, as ssh sees them.


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o777])
def test_a_file_that_others_can_reach_is_refused(folder: Path, mode: int) -> None:
    path = folder / "keystore.json"
    path.chmod(mode)
    error = refusal(folder)
    assert error.message == f"permissions {mode:04o} of {path} are too open"
    assert error.hint == f"chmod 600 {path}"


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777])
def test_a_folder_that_others_can_reach_is_refused(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    error = refusal(folder)
    assert error.message == f"permissions {mode:04o} of {folder} are too open"
    assert error.hint == f"chmod 700 {folder}"


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_parent_that_others_can_change_is_refused(folder: Path, mode: int) -> None:
    folder.parent.chmod(mode)
    error = refusal(folder)
    assert error.message == (
        f"permissions {mode:04o} of {folder.parent}, above {folder}, let others replace it"
    )
    assert error.hint == f"chmod go-w {folder.parent}"


def test_a_sticky_parent_is_no_danger(folder: Path) -> None:
    folder.parent.chmod(0o1777)
    opened(folder)


def test_a_symbolic_link_to_the_file_is_refused(folder: Path) -> None:
    path = folder / "keystore.json"
    path.rename(folder / "moved")
    path.symlink_to(folder / "moved")
    error = refusal(folder)
    assert error.message == f"{path} is a symbolic link"
    assert error.hint == "put the file itself there; links are not followed"


def test_a_symbolic_link_to_the_folder_is_refused(folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder)
    with pytest.raises(KeystoreError, match=r"link is a symbolic link$"):
        Keystore.open(link, PASSPHRASE)
    (folder / "keystore.json").unlink()
    with pytest.raises(KeystoreError, match=r"link is a symbolic link$"):
        Keystore.create(link, PASSPHRASE, parameters=CHEAP)


def test_a_folder_in_place_of_the_file_is_refused(folder: Path) -> None:
    (folder / "keystore.json").unlink()
    (folder / "keystore.json").mkdir()
    assert refusal(folder).message == f"{folder}/keystore.json is not a regular file"


def test_a_pipe_in_place_of_the_file_is_refused_without_waiting(folder: Path) -> None:
    (folder / "keystore.json").unlink()
    os.mkfifo(folder / "keystore.json", 0o600)
    assert refusal(folder).message == f"{folder}/keystore.json is not a regular file"


def test_a_huge_file_is_refused(folder: Path) -> None:
    with (folder / "keystore.json").open("ab") as file:
        file.truncate((1 << 20) + 1)
    assert refusal(folder).message.endswith("is larger than 1 MiB, so it is not what it should be")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_or_folder_of_another_user_is_refused(folder: Path) -> None:
    os.chown(folder / "keystore.json", 1234, -1)
    error = refusal(folder)
    assert error.message == f"{folder}/keystore.json belongs to user 1234, not to you (0)"
    assert error.hint == f"chown 0 {folder}/keystore.json"
    os.chown(folder, 1234, -1)
    assert refusal(folder).message == f"{folder} belongs to user 1234, not to you (0)"
    os.chown(folder, 0, -1)
    os.chown(folder.parent, 1234, -1)
    assert refusal(folder).message.endswith("belongs to user 1234, who could replace it")
