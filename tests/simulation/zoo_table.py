"""The whole zoo, hunted: which bug was caught by which world, after how many, in what time."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from time import perf_counter

from tests.simulation.zoo import Bug, Caught, hunt
from tests.simulation.zoo_books import BOOK_BUGS
from tests.simulation.zoo_gate import GATE_BUGS
from tests.simulation.zoo_orders import ORDER_BUGS
from tests.simulation.zoo_protection import BARE_BUGS

ZOO: tuple[Bug, ...] = (*ORDER_BUGS, *BARE_BUGS, *BOOK_BUGS, *GATE_BUGS)


@dataclass(frozen=True, slots=True)
class Row:
    """One bug's row."""

    caught: Caught
    seconds: float

    def cells(self) -> tuple[str, ...]:
        """Return bug, what caught it, worlds tried, seconds, and what was seen."""
        caught = self.caught
        by, rule = "nothing", ""
        if caught.seed is not None:
            by, rule = f"seed {caught.seed}", caught.failure.partition(": ")[0]
        elif caught.is_caught:
            by = f"`{caught.bug.test[1]}`"
        return caught.bug.name, by, str(caught.worlds or ""), f"{self.seconds:.1f}", rule


HEADINGS = ("bug", "caught by", "worlds", "seconds", "rule")


def _row(number: int) -> Row:
    begun = perf_counter()
    caught = hunt(ZOO[number])
    return Row(caught, perf_counter() - begun)


def rows(workers: int = 1, numbers: Iterable[int] | None = None) -> Iterator[Row]:
    """Yield the row of each bug, in order; all of them where no numbers are given."""
    chosen = list(range(len(ZOO)) if numbers is None else numbers)
    if workers <= 1:
        yield from map(_row, chosen)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_row, chosen)
