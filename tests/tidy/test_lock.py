"""Hold the locks to pyproject.toml: every dependency, a version that fits, and hashes."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.tidy.rule import ROOT

LOCK, BUILD_LOCK = ROOT / "requirements.lock", ROOT / "requirements-build.lock"
_NORMAL = re.compile(r"[-_.]+")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]


def locked(text: str) -> Iterator[tuple[Requirement, int]]:
    """Yield every locked requirement and how many hashes it has."""
    for entry in text.replace("\\\n", " ").splitlines():
        if entry.strip():
            requirement, *hashes = re.split(r"\s--hash=", entry)
            yield Requirement(requirement.strip()), len(hashes)


def unmet(dependencies: list[str], text: str) -> list[str]:
    """Return the dependencies that no locked version satisfies, here and now."""
    versions = {
        _NORMAL.sub("-", each.name).lower(): next(iter(each.specifier)).version
        for each, _ in locked(text)
        if each.marker is None or each.marker.evaluate()
    }
    return [
        dependency
        for dependency in dependencies
        for wanted in [Requirement(dependency)]
        for version in [versions.get(_NORMAL.sub("-", wanted.name).lower())]
        if version is None or not wanted.specifier.contains(version)
    ]


def test_every_dependency_is_locked_in_a_version_that_fits() -> None:
    missing = unmet(PROJECT["dependencies"], LOCK.read_text(encoding="utf-8"))
    assert not missing, "lock anew: docs/development.md says how"


def test_what_builds_the_project_is_locked_in_a_version_that_fits() -> None:
    missing = unmet(PYPROJECT["build-system"]["requires"], BUILD_LOCK.read_text(encoding="utf-8"))
    assert not missing, "lock anew: docs/development.md says how"


def test_both_locks_install_together() -> None:
    first, second = (
        {requirement.name: requirement for requirement, _ in locked(path.read_text("utf-8"))}
        for path in (LOCK, BUILD_LOCK)
    )
    for name in first.keys() & second.keys():
        assert first[name].specifier == second[name].specifier, name


@pytest.mark.parametrize("path", [LOCK, BUILD_LOCK], ids=lambda path: path.name)
def test_every_locked_package_is_exact_and_hashed(path: Path) -> None:
    for requirement, hashes in locked(path.read_text(encoding="utf-8")):
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), requirement
        assert hashes, f"{requirement} has no hash"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("b==2 \\\n    --hash=sha256:1\n", ["a-b>=2"]),
        ("a_b==1.9 \\\n    --hash=sha256:1\n", ["a-b>=2"]),
        ("a-b==2.1 ; python_version < '3' \\\n    --hash=sha256:1\n", ["a-b>=2"]),
        ("A.B==2.1 \\\n    --hash=sha256:1\n", []),
    ],
)
def test_a_dependency_without_a_fitting_lock_is_named(text: str, missing: list[str]) -> None:
    assert unmet(["a-b>=2"], text) == missing


def test_every_dependency_says_why_it_is_there() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lines = re.findall(r'^    "([\w.-]+)[^"]*",(.*)$', text, flags=re.MULTILINE)
    silent = [name for name, rest in lines if len(rest.partition("#")[2].split()) < 1]
    assert [name for name in silent if not name.startswith("tradebot")] == []
