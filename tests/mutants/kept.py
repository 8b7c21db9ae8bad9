"""The kept list of mutants that change nothing, and what a run says against it.

Law: a mutant that lives is listed with its reason, and what is listed lives.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

KEPT = Path(__file__).with_name("equivalent.toml")


class Mutant(NamedTuple):
    """A change of one place: the lines of a function that go, and those that come."""

    module: str
    function: str
    was: str
    now: str

    def __str__(self) -> str:
        """Return it as a difference is shown."""
        gone = [f"    - {line}" for line in self.was.splitlines()]
        come = [f"    + {line}" for line in self.now.splitlines()]
        return "\n".join([f"{self.module}.{self.function}", *gone, *come])


class Equivalent(NamedTuple):
    """A mutant that no test can tell from the code, why, and in how many places it stands."""

    mutant: Mutant
    reason: str
    places: int


def changed(module: str, function: str, difference: str) -> Mutant:
    """Return the mutant of a unified difference."""
    lines = [line for line in difference.splitlines() if not line.startswith(("---", "+++"))]
    gone, come = (
        "\n".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )
    return Mutant(module, function, gone, come)


def kept(text: str) -> list[Equivalent]:
    """Return the list as its file holds it; a key too many or too few is refused."""
    found = []
    for entry in tomllib.loads(text)["mutant"]:
        places = entry.pop("places", 1)
        reason = entry.pop("reason")
        found.append(Equivalent(Mutant(**entry), reason, places))
    return found


def judged(alive: Iterable[Mutant], listed: Iterable[Equivalent]) -> tuple[list[str], list[str]]:
    """Return the mutants that live and are not listed, and the listed ones that do not live.

    Where one change can be made at several places of a function, the places are counted.
    """
    living, expected = Counter(alive), Counter[Mutant]()
    for each in listed:
        expected[each.mutant] += each.places
    return (
        [str(each) for each in sorted((living - expected).elements())],
        [str(each) for each in sorted((expected - living).elements())],
    )
