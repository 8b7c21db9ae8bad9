"""Many worlds, on one core or several, and what they add up to."""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.simulation.options import drawn
from tests.simulation.world import Result, run_world

CHUNK = 4


@dataclass(slots=True)
class Tally:
    """Counts over worlds, and the ones that failed. `seconds` are of the processor."""

    worlds: int = 0
    days: float = 0.0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    # How often a fault happened while an order was in a state.
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: list[Result] = field(default_factory=list)
    on_disk: int = 0
    # The longest that a position was bare, in each way of counting, and the world's seed.
    longest: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        """Count one world."""
        self.worlds += 1
        self.days += result.days
        self.seconds += result.seconds
        self.counts += result.counts
        self.steps += result.steps
        self.cells += result.cells
        self.on_disk += result.options.is_on_disk
        if result.failure:
            self.failed.append(result)
        for name, length in result.protection.longest.items():
            known = self.longest.get(name, (-1, 0))
            self.longest[name] = max(known, (length, result.options.seed), key=lambda each: each[0])

    def speed(self) -> float:
        """Return the simulated days for each minute of one core."""
        return self.days / max(self.seconds, 1e-9) * 60


def _run_seed(seed: int) -> Result:
    return run_world(drawn(seed))


def results(seeds: Iterable[int], workers: int = 1) -> Iterator[Result]:
    """Yield the result of each seed's world, in order."""
    if workers <= 1:
        yield from map(_run_seed, seeds)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_run_seed, seeds, chunksize=CHUNK)
