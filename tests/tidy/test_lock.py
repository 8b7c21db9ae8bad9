"""Hold requirements.lock to pyproject.toml: every dependency, a version that fits, and hashes."""

import re
import tomllib
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement

from tests.tidy.rule import ROOT

LOCK = ROOT / "requirements.lock"
_NORMAL = re.compile(r"[-_.]+")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


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


def test_every_locked_package_is_exact_and_hashed() -> None:
    for requirement, hashes in locked(LOCK.read_text(encoding="utf-8")):
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
