"""Bugs planted one at a time in the production code: what the harness is worth.

Law: a bug is a change of the source's own text, made in memory and undone; a text that is no longer
there is an error, so that no bug quietly stops being planted.
"""

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import FunctionType
from typing import Any

from tests.simulation.options import drawn
from tests.simulation.world import run_world

WORLDS_MAX = 200

Change = tuple[Any, str, str]


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug in words, and the changes that make it: function, text, other text.

    `test` shows the bugs that no world can show: module, function, and what it is called with.
    `is_quick`: few worlds show it, so that it is hunted wherever the longer suites run.
    """

    name: str
    changes: tuple[Change, ...]
    test: tuple[Any, ...] = ()
    is_quick: bool = False


@dataclass(frozen=True, slots=True)
class Caught:
    """What caught a bug: `seed` is the world's, None where a test did, or nothing."""

    bug: Bug
    is_caught: bool
    seed: int | None = None
    worlds: int = 0
    failure: str = ""


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """Have the bug in the program, as long as this lasts."""
    with ExitStack() as stack:
        texts: dict[Any, str] = {}
        for function, old, new in bug.changes:
            text = texts.get(function) or textwrap.dedent(inspect.getsource(function))
            if "." in function.__qualname__:
                # The source of a method is read without its class's indentation.
                old, new = _outdented(old), _outdented(new)
            assert text.count(old) == 1, f"{bug.name}: {text.count(old)} times {old!r}"
            texts[function] = text.replace(old, new)
        for function, text in texts.items():
            stack.callback(setattr, function, "__code__", function.__code__)
            function.__code__ = _compiled(function, text)
        yield


def _outdented(text: str) -> str:
    lines = text.split("\n")
    return "\n".join(line[4:] if line.startswith("        ") else line for line in lines)


def _compiled(function: FunctionType, text: str) -> Any:
    names: dict[str, Any] = {}
    # The program's own text with one change, in the function's own module.
    exec(compile(text, f"<{function.__name__}>", "exec"), function.__globals__, names)  # noqa: S102  # that is how a bug is planted
    return names[function.__name__].__code__


def hunt(bug: Bug, worlds: int = WORLDS_MAX, first: int = 1) -> Caught:
    """Return the first world that fails by the bug, and holds without it; or what its test says."""
    if bug.test:
        return _tested(bug)
    for seed in range(first, first + worlds):
        with planted(bug):
            result = run_world(drawn(seed))
        if result.failure and not run_world(drawn(seed)).failure:
            return Caught(bug, True, seed, seed - first + 1, result.failure)
    return Caught(bug, False, worlds=worlds)


def _tested(bug: Bug) -> Caught:
    """Run the bug's test without the bug, where it must pass, and with it."""
    module, name, *given = bug.test
    run = getattr(import_module(module), name)
    run(*given)
    with planted(bug):
        try:
            run(*given)
        except AssertionError as error:
            return Caught(bug, True, failure=str(error).partition("\n")[0])
    return Caught(bug, False)
