"""Crash points: every label of a scenario, which hit of it, and by which signal."""

import signal
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from random import Random

from tests.crash.checker import faults
from tests.crash.child import ANY
from tests.crash.lives import Cradle, Life, Place, place
from tests.crash.scenarios import ASLEEP_MS, Scenario

KILL, TERM = int(signal.SIGKILL), int(signal.SIGTERM)
# More steps than any start takes.
STEPS_MAX = 60
# What a life ends with: by itself, or at the stop that was asked for.
ORDERLY = frozenset({0, 128 + TERM})
FIRST_TICK = "journal: before candles_closed"

Death = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Point:
    """Where bots die: one death for each life, then one life to its end."""

    scenario: Scenario
    deaths: tuple[Death, ...]
    seed: int = 0

    def told(self) -> str:
        """Return the point in words."""
        words = [
            f"{label!r} hit {hit} by {signal.Signals(number).name}"
            for label, hit, number in self.deaths
        ]
        return f"{self.scenario.name}, seed {self.seed}: {', then '.join(words)}"


@dataclass(slots=True)
class Result:
    """What came of a point: lives lived, deaths died, and what did not fit afterwards."""

    point: Point
    lives: list[Life] = field(default_factory=list)
    deaths: int = 0
    faults: list[str] = field(default_factory=list)

    def told(self) -> str:
        """Return the failure with what the lives said."""
        said = [f"  ended with {each.code}: {each.err[-400:]}" for each in self.lives]
        return "\n".join([self.point.told(), *(f"  {each}" for each in self.faults), *said])


def tried(point: Point, folder: Path, cradle: Cradle) -> Result:
    """Let bots die at a point and one live on to the end; return what does not fit then."""
    result = Result(point)
    draw = Random(f"asleep {point.seed}")  # noqa: S311  # a seeded test, no secret
    with place(folder, cradle, point.scenario, point.seed) as made:
        for death in point.deaths:
            life = made.live(death=death)
            result.lives.append(life)
            result.faults += _death_faults(life, death)
            result.deaths += 1
            if point.seed:
                made.sleep(draw.choice(ASLEEP_MS))
        result.lives.append(made.live())
        result.faults += settled(made, result.lives[-1])
    return result


def tried_on_the_way(point: Point, folder: Path, cradle: Cradle) -> Result:
    """Let a bot die at a point, and each next one a step further on its way to its first candle."""
    result = Result(point)
    with place(folder, cradle, point.scenario, point.seed) as made:
        (death,) = point.deaths
        result.lives.append(made.live(death=death))
        result.faults += _death_faults(result.lives[-1], death)
        for step in range(1, STEPS_MAX):
            result.deaths += 1
            result.lives.append(made.live(death=(ANY, step, KILL)))
            if FIRST_TICK in result.lives[-1].labels:
                break
        else:
            result.faults.append(f"no first candle in {STEPS_MAX} lives")
        result.lives.append(made.live())
        result.faults += settled(made, result.lives[-1])
    return result


def settled(made: Place, last: Life) -> list[str]:
    """Return what does not fit after the last life of a place."""
    if last.code != 0:
        return [f"the last life ended with {last.code}: {last.err}"]
    return faults(made.journal, made.story())


def _death_faults(life: Life, death: Death) -> list[str]:
    label, hit, number = death
    if life.labels.count(label) < hit:
        return [f"{label!r} was not reached {hit} times"]
    if number == TERM and life.code in (*ORDERLY, -TERM):
        return []
    return [] if life.code == -number else [f"ended with {life.code}, not by {number}: {life.err}"]


def labels_of(scenario: Scenario, folder: Path, cradle: Cradle, seed: int = 0) -> tuple[str, ...]:
    """Return every label that a life without a death reaches, in order, with repetitions."""
    with place(folder, cradle, scenario, seed) as made:
        life = made.live()
        problems = settled(made, life)
    assert not problems, f"{scenario.name}: {problems}"
    return life.labels


def first_hits(labels: Iterable[str]) -> list[str]:
    """Return each label once, in the order in which they are first reached."""
    return list(dict.fromkeys(labels))


def start_hits(labels: Sequence[str]) -> list[tuple[str, int]]:
    """Return the labels, and which hit of each, that a life reaches before its first candle."""
    seen: Counter[str] = Counter()
    found = []
    for label in takewhile(lambda each: each != FIRST_TICK, labels):
        seen[label] += 1
        found.append((label, seen[label]))
    return found
