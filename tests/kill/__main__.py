"""Kills in bulk, measured from outside: `python -m tests.kill --runs 50`.

For each condition: how many, seconds until the latch was closed, until the exchange had no order of
ours, and until the command ended, each at p50 and p99; and whatever was not as it must be.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from tests.kill.conditions import CONDITIONS, Condition
from tests.kill.ground import Ground, ground
from tests.kill.measure import Measured, measured

ROW = "{:18}{:>5}  {:>7} {:>7}   {:>7} {:>7}   {:>7} {:>7}  {:>5}"
GOALS = {"latched": 1.0, "cancelled": 10.0}


def main() -> int:
    """Measure what the command line asks for; 1 where something failed or missed its goal."""
    parser = argparse.ArgumentParser(prog="python -m tests.kill", description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="of each condition")
    parser.add_argument("--only", default="", help="conditions whose name holds this")
    parser.add_argument("--workers", type=int, default=1, help="conditions at a time")
    given = parser.parse_args()
    chosen = [each for each in CONDITIONS if given.only in each.name]
    begun = perf_counter()
    done: list[Measured] = []
    print(ROW.format("seconds", "n", "latched", "p99", "cancel", "p99", "ended", "p99", "fails"))
    with ThreadPoolExecutor(given.workers) as pool:
        for condition, found in zip(
            chosen, pool.map(lambda each: _runs(each, given.runs), chosen), strict=True
        ):
            done += found
            print(_row(condition.name, found), flush=True)
            for each in found:
                for fault in each.faults:
                    print(f"    {fault}", flush=True)
    print(_row("all", done))
    faults = sum(bool(each.faults) for each in done)
    missed = [name for name, goal in GOALS.items() if _percentile(done, name, 99) > goal]
    print(f"{len(done)} runs, {faults} failed, {perf_counter() - begun:.0f} s")
    for name in missed:
        print(f"p99 of {name} is over its goal of {GOALS[name]:g} s")
    return 1 if faults or missed else 0


def _runs(condition: Condition, count: int) -> list[Measured]:
    with TemporaryDirectory(prefix="kill-") as folder, ground(Path(folder)) as made:
        return [_run(condition, made, number) for number in range(count)]


def _run(condition: Condition, made: Ground, number: int) -> Measured:
    try:
        return measured(condition, made, number)
    except AssertionError as error:
        return Measured(faults=[f"run {number}: {error}"])


def _row(name: str, found: Sequence[Measured]) -> str:
    cells = [
        _shown(_percentile(found, each, rank))
        for each in ("latched", "cancelled", "ended")
        for rank in (50, 99)
    ]
    return ROW.format(name, len(found), *cells, sum(bool(each.faults) for each in found))


def _percentile(found: Sequence[Measured], name: str, rank: int) -> float:
    """Return the nearest-rank percentile of what was seen; -1 where nothing was."""
    seen = sorted(value for each in found if (value := getattr(each, name)) is not None)
    return seen[-(-len(seen) * rank // 100) - 1] if seen else -1.0


def _shown(seconds: float) -> str:
    return "-" if seconds < 0 else f"{seconds:.2f}"


if __name__ == "__main__":
    sys.exit(main())
