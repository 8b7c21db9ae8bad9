"""Hold every text file to this: no path of a machine, no package registry, no leftovers."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.rule import ROOT

_SUFFIXES = frozenset({".py", ".md", ".toml", ".lock", ".cfg", ".ini", ".sql", ".service", ".txt"})
_NAMES = frozenset({"run", ".gitignore"})
_SKIPPED = frozenset({"build", "dist", "__pycache__", "results", "config.toml"})

# A slash in brackets, so that these patterns do not find themselves.
_MACHINE = re.compile(
    r"(?<![\w.~])[/](work|farm|root|home/\w+|Users/\w+|tmp/\w+|opt/(wheels|pypi))\b"
)
_REGISTRY = re.compile(
    r"py[p]i\.org|python[h]osted|(?<!no-emit-)(?:extra[-_])?index[-_]ur[l]|find[-_]link[s]", re.I
)
_CONFLICT = re.compile(r"^(<{7}|>{7}) ")


def project_files() -> Iterator[Path]:
    """Yield the project's own files: not what a run, a build or a tool leaves behind."""
    for folder, folders, files in os.walk(ROOT):
        is_top = Path(folder) == ROOT
        folders[:] = sorted(
            name
            for name in folders
            if name == ".ci" or (not name.startswith(".") and name not in _SKIPPED)
        )
        if is_top:
            folders[:] = [name for name in folders if name not in ("logs", "keystore")]
        yield from (Path(folder) / name for name in sorted(files) if name not in _SKIPPED)


def text_files() -> Iterator[Path]:
    """Yield those that are text."""
    for path in project_files():
        if path.suffix in _SUFFIXES or path.name in _NAMES:
            yield path


def blemishes(path: str, text: str) -> Iterator[str]:
    """Yield `path:line: what` for everything that belongs to one machine."""
    for number, line in enumerate(text.splitlines(), start=1):
        for pattern, what in (
            (_MACHINE, "a path of a machine: take a setting, or tmp_path"),
            (_REGISTRY, "a package registry: leave that to the user's own pip settings"),
            (_CONFLICT, "the mark of a merge"),
        ):
            if pattern.search(line):
                yield f"{path}:{number}: {what}"


def test_no_file_knows_a_machine() -> None:
    found = [
        each
        for path in text_files()
        for each in blemishes(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    ]
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def test_the_files_that_matter_are_looked_at() -> None:
    found = {path.relative_to(ROOT).as_posix() for path in text_files()}
    assert found >= {
        ".ci/run",
        "README.md",
        "pyproject.toml",
        "requirements.lock",
        "tradebot/ports.py",
        "tests/tidy/test_files.py",
    }


@pytest.mark.parametrize(
    "line",
    [
        "path = '/" + "root/x'",
        "see /" + "home/me/x",
        "cd /" + "work/main",
        "open('/" + "tmp/x')",
        "--index" + "-url https://x",
        "PIP_INDEX" + "_URL=x",
        "--find" + "-links x",
        "https://py" + "pi.org/simple",
        "<" * 7 + " HEAD",
    ],
)
def test_what_belongs_to_a_machine_is_found(line: str) -> None:
    assert [each[:8] for each in blemishes("x.md", f"\n{line}\n")] == ["x.md:2: "]


@pytest.mark.parametrize(
    "line",
    ["/opt/tradebot/bin", "network/root/x", "~/work", "--no-emit-index-url", "a < b"],
)
def test_what_belongs_to_no_machine_is_left_alone(line: str) -> None:
    assert list(blemishes("x.md", line)) == []
