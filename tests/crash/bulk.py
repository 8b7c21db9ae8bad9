"""Every crash point, over many seeds, on one core or two."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
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
)
from tests.crash.scenarios import FULL, SCENARIOS

HITS = (1, 2)


@dataclass(frozen=True, slots=True)
class Work:
    """All deaths at one label of one scenario, `hits` of it in a whole life."""

    scenario: str
    seed: int
    label: str = ""
    hits: int = 0


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
        return [Work(work.scenario, work.seed, label, hits[label]) for label in first_hits(reached)]

    def deaths(self, work: Work) -> Done:
        """Let bots die at one label: each hit by each signal, then again while it recovers."""
        done, scenario = Done(), SCENARIOS[work.scenario]
        starts: list[tuple[str, int]] = []
        for hit in HITS[: work.hits]:
            for number in (KILL, TERM):
                point = Point(scenario, ((work.label, hit, number),), work.seed)
                result = tried(point, self.place, self.cradle)
                done.add(result)
                if (hit, number) == (1, KILL):
                    starts = start_hits(result.lives[-1].labels)
        for label, hit in starts:
            deaths = ((work.label, 1, KILL), (label, hit, KILL))
            done.add(tried(Point(scenario, deaths, work.seed), self.place, self.cradle))
        return done


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
