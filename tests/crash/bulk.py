"""Every crash point, over many seeds, on one core or two."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.crash.folders import quick_folder
from tests.crash.lives import Cradle
from tests.crash.points import (
    KILL,
    TERM,
    Point,
    Result,
    first_hits,
    labels_of,
    start_hits,
    tried,
    tried_on_the_way,
)
from tests.crash.scenarios import FULL, SCENARIOS

HITS, SIGNALS = (1, 2), (KILL, TERM)
# Of so many labels one is followed a whole recovery long, by a bot for each of its steps.
FOLLOWED_EVERY = 4


@dataclass(frozen=True, slots=True)
class Work:
    """The deaths at one label of one scenario, `hits` of it in a whole life."""

    scenario: str
    seed: int
    label: str = ""
    hits: int = 0
    is_followed: bool = False


@dataclass(slots=True)
class Done:
    """What came of some work: points tried, deaths died, and the failures in words."""

    points: int = 0
    deaths: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Count one point."""
        self.points += 1
        self.deaths += result.deaths
        if result.faults:
            self.failures.append(result.told())

    def take(self, other: "Done") -> None:
        """Add what came of other work."""
        self.points += other.points
        self.deaths += other.deaths
        self.failures += other.failures


class Bench:
    """A cradle and a folder of one process."""

    def __init__(self, folder: Path) -> None:
        self.cradle = Cradle()
        self.place = folder / str(os.getpid())

    def labels(self, work: Work) -> list[Work]:
        """Return the work of each label of a scenario."""
        reached = labels_of(SCENARIOS[work.scenario], self.place, self.cradle, work.seed)
        hits = Counter(reached)
        return [
            replace(
                work,
                label=label,
                hits=hits[label],
                is_followed=work.seed == 1 and number % FOLLOWED_EVERY == 0,
            )
            for number, label in enumerate(first_hits(reached))
        ]

    def deaths(self, work: Work) -> Done:
        """Let bots die at one label: each hit by each signal, and again while they recover.

        That is the first seed; each other one takes hit and signal in turn.
        """
        done = Done()
        first = Point(SCENARIOS[work.scenario], ((work.label, 1, KILL),), work.seed)
        ways = [(hit, number) for hit in HITS[: work.hits] for number in SIGNALS]
        for hit, number in ways if work.seed == 0 else [ways[work.seed % len(ways)]]:
            done.add(self._tried(replace(first, deaths=((work.label, hit, number),))))
        if work.is_followed:
            done.add(tried_on_the_way(first, self.place, self.cradle))
        if work.seed == 0:
            recovery = tried(first, self.place, self.cradle).lives[-1]
            for label, hit in start_hits(recovery.labels):
                done.add(self._tried(replace(first, deaths=(*first.deaths, (label, hit, KILL)))))
        return done

    def _tried(self, point: Point) -> Result:
        return tried(point, self.place, self.cradle)


# One for each process of the pool; the cradle ends with the process that it listens to.
_benches: list[Bench] = []


def _begin(folder: Path) -> None:
    _benches.append(Bench(folder))


def _labels(work: Work) -> list[Work]:
    return _benches[0].labels(work)


def _deaths(work: Work) -> Done:
    return _benches[0].deaths(work)


def every_point(seeds: Iterable[int], workers: int) -> Iterator[Done]:
    """Yield what came of every label of every scenario, seed by seed."""
    scenarios = [Work(each.name, seed) for seed in seeds for each in FULL]
    with (
        quick_folder() as folder,
        ProcessPoolExecutor(workers, initializer=_begin, initargs=(folder,)) as pool,
    ):
        for found in pool.map(_labels, scenarios):
            yield from pool.map(_deaths, found)
