"""Replay one world, run many, hunt the zoo, or do all of it.

`python -m tests.simulation --seed N`, `--worlds N`, `--zoo`, `--long`.
"""

import argparse
import sys
from dataclasses import replace
from time import perf_counter

from tests.simulation.long import CRASH_SEEDS, WORLDS, long_run
from tests.simulation.options import drawn
from tests.simulation.report import counts, coverage, summary, zoo
from tests.simulation.run import Tally, results
from tests.simulation.world import Result, run_world
from tests.simulation.zoo_table import rows

SHOWN_ROWS = 25
FEW = 40


def main() -> int:
    """Run what the command line asks for; 1 where a world failed, or a bug was not caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay the world of this seed")
    parser.add_argument("--disk", action="store_true", help="keep its journal on a disk")
    parser.add_argument("--worlds", type=int, help="run so many worlds")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--zoo", action="store_true", help="hunt every planted bug")
    parser.add_argument("--long", action="store_true", help="worlds, zoo, and every crash point")
    parser.add_argument("--crash-seeds", type=int, default=CRASH_SEEDS, help="0 = no crash points")
    parser.add_argument("--write", action="store_true", help="write docs/simulation.md of it")
    parser.add_argument("--date", default="", help="the day that is written there")
    given = parser.parse_args()
    if given.write and not (given.long and given.date):
        parser.error("--write needs --long, and the --date of the day")
    if given.long:
        given.worlds = WORLDS if given.worlds is None else given.worlds
        return long_run(given)
    if given.zoo:
        return _zoo(given.workers)
    if given.seed is not None:
        return _replay(given.seed, is_on_disk=given.disk)
    return _many(given.first, given.worlds or FEW, given.workers)


def _replay(seed: int, *, is_on_disk: bool) -> int:
    options = drawn(seed)
    result = run_world(replace(options, is_on_disk=is_on_disk or options.is_on_disk))
    _tell(result, len(result.rows))
    print(f"trace {result.trace}")
    print("counts", dict(sorted(result.counts.items())))
    print("steps", dict(sorted(result.steps.items())))
    return 1 if result.failure else 0


def _tell(result: Result, shown: int) -> None:
    print(result.options.told())
    print("  " + (f"FAILED {result.failure}" if result.failure else "all held"))
    lengths = result.protection.longest.items()
    longest = ", ".join(f"{length / 1000:.0f} s {name}" for name, length in lengths)
    print(f"  bare: {result.protection.bare_ms / 1000:.0f} s in all; longest: {longest}")
    for row in result.rows[-shown:] if result.failure else ():
        print(f"    {row}")


def _many(first: int, worlds: int, workers: int) -> int:
    begun, total = perf_counter(), Tally()
    for result in results(range(first, first + worlds), workers):
        total.add(result)
        if result.failure:
            _tell(result, SHOWN_ROWS)
            sys.stdout.flush()
    print(*counts(total), "", *coverage(total), "", *summary(total, first), sep="\n")
    print(f"{perf_counter() - begun:.1f} s with {workers} workers")
    return 1 if total.failed else 0


def _zoo(workers: int) -> int:
    found = list(rows(workers))
    print(*zoo(found), sep="\n")
    missed = [row.caught.bug.name for row in found if not row.caught.is_caught]
    print(f"{len(found) - len(missed)} of {len(found)} caught; missed: {missed}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
