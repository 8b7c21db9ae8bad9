"""The search for credentials sees a planted one, in every spelling and place."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.canaries import (
    ENCODINGS,
    PLANTED,
    assert_none_in,
    assert_none_of_process,
    leaks,
    leaks_under,
    plant,
)
from tests.support.shell import started, typed

ODD = "od\"d\\ca<na>ry's+/=&é 51b2e8"
PROJECT = Path(__file__).parents[2]
pytestmark = pytest.mark.plants_canaries


def test_eleven_spellings_are_searched() -> None:
    assert len(ENCODINGS) == 11


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("used_as", [*PLANTED, "odd"])
def test_a_credential_is_found(
    used_as: str, encode: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PLANTED, "odd", ODD)
    plant("odd", ODD)
    assert callable(encode)
    for form in encode(PLANTED[used_as]):
        for before, after in (("", ""), ("x", "yz"), ("xyz-", "\n")):
            found = leaks(before + form + after)
            assert any(each.startswith(f"{used_as}, ") for each in found), form
            with pytest.raises(AssertionError, match=r"^here shows a credential: "):
                assert_none_in(f"{before}{form}".encode(), "here")


def test_what_holds_none_is_not_complained_about() -> None:
    assert leaks("key-7f3a9 secret-51b2e correct-horse 7f3a9c" + "0123456789abcdef" * 99) == []


def test_files_of_every_name_and_depth_are_searched(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("journal.db", "journal.db-wal", "a/tradebot.jsonl.3", "a/b/.hidden"):
        (tmp_path / name).write_bytes(b"\0\xff" + b"x" * 9_000 + b"secret-51b2e8")
    (tmp_path / "a" / "key-7f3a9c").touch()
    assert len(leaks_under(tmp_path)) == 5
    assert len(leaks_under(tmp_path, {f"{tmp_path}/journal.db"})) == 4


def test_command_lines_and_environments_are_searched(tmp_path: Path) -> None:
    serving = ("sandbox", "serve", "--secret", "secret-51b2e8")
    with (
        pytest.raises(AssertionError, match=r"^the command line shows a credential: secret, raw$"),
        started(tmp_path, *serving) as program,
    ):
        program.watch("")
    with started(tmp_path, "sandbox", "serve", WORD="correct horse") as program:
        assert_none_of_process(program.process.pid, ["WORD"])
        with pytest.raises(AssertionError, match=r"^the environment shows"):
            assert_none_of_process(program.process.pid)


def test_what_a_command_prints_is_searched() -> None:
    with pytest.raises(AssertionError, match=r"tradebot init --key-7f3a9c shows a credential"):
        typed("init", "--key-7f3a9c", code=2)


# --- the plugin, in a run of its own --------------------------------------------------------------

HEAD = """
import logging, sys
import pytest
from tradebot.adapters.files import write_atomically
"""
SHARED = """
@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("shared")

def test_shared(shared):
    write_atomically(shared / "x.db", b"canary-7f3a9c")
"""
LEAKING = """
def test_out():
    print("key-7f3a9c")

def test_err():
    print("6b65792d376633613963", file=sys.stderr)

def test_debug():
    logging.getLogger("any").debug("correct%20horse")

def test_file(tmp_path):
    write_atomically(tmp_path / "x.db", b"word-7f3a9c")

def test_input(tmp_path):
    (tmp_path / "passphrase").write_text("correct horse")

@pytest.mark.plants_canaries
def test_on_purpose():
    print("key-7f3a9c")
"""


def run_of(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run tests of this text under the plugin."""
    file = folder / "test_leaking.py"
    file.write_text(text)
    plain = ("-p", "no:cacheprovider", "--rootdir", str(folder), "-c", os.devnull)
    return subprocess.run(  # noqa: S603  # our own tests
        [sys.executable, "-m", "pytest", "-p", "tests.support.canary_scan", *plain, *options,
         "--import-mode=importlib", f"--basetemp={folder / 'temp'}", file],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_each_leak_is_laid_to_its_test(tmp_path: Path) -> None:
    done = run_of(tmp_path, HEAD + LEAKING)
    said = done.stdout
    failed = set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", said, re.MULTILINE))
    assert failed == {"test_out", "test_err", "test_debug", "test_file"}, said
    for told in (
        "Captured stdout call: key, raw",
        "Captured stderr call: key, hex",
        "Captured log call: passphrase, percent",
        "x.db: SMTP password, raw",
    ):
        assert told in said


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_what_a_fixture_of_many_tests_leaves_fails_the_run(
    tmp_path: Path, workers: tuple[str, ...]
) -> None:
    done = run_of(tmp_path, HEAD + SHARED, *workers)
    assert done.returncode == 1
    assert re.search(r"^\S+/shared0/x.db: webhook, raw$", done.stdout, re.MULTILINE), done.stdout
    assert "1 passed" in done.stdout


def test_a_run_without_a_leak_passes(tmp_path: Path) -> None:
    done = run_of(tmp_path, HEAD + LEAKING[LEAKING.index("def test_input") :], "-n", "2")
    assert done.returncode == 0
    assert "2 passed" in done.stdout
