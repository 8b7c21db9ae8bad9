"""One run of mutmut, over a copy of the tree: the project itself stays as it is.

mutmut imports code and tests from a folder of its own, by the same names; it needs no setting of
ours but what to change and what to ask.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import chdir
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from tests.mutants.groups import Group
from tests.mutants.kept import Mutant, changed

ROOT = Path(__file__).parents[2]
# What the tests read; everything else stays out of the copy.
COPIED = ("tradebot", "tests", "config.example.toml", "pyproject.toml")
MUTMUT = Path(sys.executable).with_name("mutmut")
# mutmut's exit codes of a test run. A mutant that hangs is noticed, too, but counted apart; any
# other code is no proof, and the mutant lives until somebody has looked at it.
KILLED, HUNG = frozenset({1, 3}), frozenset({-24, 24, 36, 152, 255})
FATES = ("killed", "hung", "alive")


class Ran(NamedTuple):
    """What became of the mutants: how many by their module and fate, and those that live."""

    counts: Counter[tuple[str, str]]
    alive: list[Mutant]


def copy_tree(group: Group, folder: Path) -> None:
    """Copy what a run needs, with mutmut's settings."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy2(ROOT / name, folder / name)
    (folder / "setup.cfg").write_text(settings(group), encoding="utf-8")


def settings(group: Group) -> str:
    """Return mutmut's settings for a group."""
    lists = {
        "source_paths": ("tradebot",),
        "only_mutate": group.modules,
        "also_copy": ("config.example.toml",),
        "pytest_add_cli_args_test_selection": sorted(
            path.relative_to(ROOT).as_posix() for each in group.tests for path in ROOT.glob(each)
        ),
    }
    lines = [f"{key}=\n" + "".join(f"    {each}\n" for each in lists[key]) for key in lists]
    return "[mutmut]\nuse_git_change_detection=false\n" + "".join(lines)


def run(folder: Path, only: str, children: int) -> int:
    """Run mutmut in the copy, its progress on our own terminal; return its exit code."""
    command = [str(MUTMUT), "run", "--max-children", str(children), *([only] if only else [])]
    ended = subprocess.run(  # noqa: S603 - our own command
        command, cwd=folder, env=_environment(), check=False
    )
    return ended.returncode


def found(folder: Path, only: str) -> Ran:
    """Return what became of the mutants whose name fits `only`."""
    counts: Counter[tuple[str, str]] = Counter()
    alive = []
    for path, name, code in _results(folder):
        if only and not fnmatch(name, only):
            continue
        fate = fate_of(code)
        counts[path, fate] += 1
        if fate == "alive":
            alive.append(changed(*place_of(name), _difference(folder, path, name)))
    return Ran(counts, alive)


def fate_of(code: int | None) -> str:
    """Return what mutmut's exit code of a mutant says of it."""
    return "killed" if code in KILLED else "hung" if code in HUNG else "alive"


def place_of(name: str) -> tuple[str, str]:
    """Return module and function that mutmut's name of a mutant tells, a method with its class."""
    module, _, mangled = name.rpartition(".")
    # `x_review__mutmut_1` of a function, `xǁCarrierǁcancel__mutmut_1` of a method.
    return module, mangled.rpartition("__mutmut_")[0][2:].replace("ǁ", ".")


def _results(folder: Path) -> Iterable[tuple[str, str, int | None]]:
    """Yield module, name and exit code of every mutant."""
    kept = folder / "mutants"
    for path in sorted(kept.glob("tradebot/**/*.py.meta")):
        module = path.relative_to(kept).as_posix().removesuffix(".meta")
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        for name, code in codes.items():
            yield module, name, code


def _difference(folder: Path, path: str, name: str) -> str:
    # Here, for who only runs the tests may have no mutmut.
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    with chdir(folder):
        return get_diff_for_mutant(name, path=path)


def _environment() -> dict[str, str]:
    """Return ours, but for what leads an import back to the project, and the order of sets."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return {**kept, "PYTHONHASHSEED": "0"}
