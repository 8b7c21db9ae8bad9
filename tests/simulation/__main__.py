"""Replay one world, or run many: `python -m tests.simulation --seed N` or `--worlds N`."""

import argparse
import sys
from time import perf_counter

from tests.simulation.options import drawn
from tests.simulation.run import Tally, results
from tests.simulation.world import Result, run_world

SHOWN_ROWS = 25


def main() -> int:
    """Run what the command line asks for; 1 where a world failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay the world of this seed")
    parser.add_argument("--worlds", type=int, help="run so many worlds")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    given = parser.parse_args()
    if given.seed is not None:
        return _replay(given.seed)
    return _many(given.first, given.worlds or 40, given.workers)


def _replay(seed: int) -> int:
    result = run_world(drawn(seed))
    _tell(result, len(result.rows))
    print(f"trace {result.trace}")
    print("counts", dict(sorted(result.counts.items())))
    print("steps", dict(sorted(result.steps.items())))
    return 1 if result.failure else 0


def _tell(result: Result, rows: int) -> None:
    print(result.options.told())
    print("  " + (f"FAILED {result.failure}" if result.failure else "all held"))
    print(
        f"  bare: {result.protection.bare_ms / 1000:.0f} s in all; longest:"
        f" {_lengths(result.protection.longest)}"
    )
    for row in result.rows[-rows:] if result.failure else ():
        print(f"    {row}")


def _many(first: int, worlds: int, workers: int) -> int:
    begun, total = perf_counter(), Tally()
    for result in results(range(first, first + worlds), workers):
        total.add(result)
        if result.failure:
            _tell(result, SHOWN_ROWS)
            sys.stdout.flush()
    minutes = (perf_counter() - begun) / 60
    print(f"{total.worlds} worlds, {total.days:.0f} days, {minutes * 60:.1f} s, {workers} workers")
    print(f"{total.days / minutes / workers:.0f} simulated days per minute per core")
    print("counts", dict(sorted(total.counts.items())))
    for name, (length, seed) in total.longest.items():
        print(f"longest bare, {name}: {length / 1000:.0f} s in the world of seed {seed}")
    print(f"{total.counts['position_unprotected']} times the owner was called")
    print(f"{len(total.failed)} failed:", [each.options.seed for each in total.failed])
    return 1 if total.failed else 0


def _lengths(longest: dict[str, int]) -> str:
    return ", ".join(f"{length / 1000:.0f} s {name}" for name, length in longest.items())


if __name__ == "__main__":
    sys.exit(main())
