"""Deaths, disasters and damage in bulk: `python -m tests.crash --seeds 20`, `--kills 200`, ..."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from tests.crash.bulk import Done, every_point
from tests.crash.flips import page_flips
from tests.crash.flips import tried as flipped
from tests.crash.folders import quick_folder
from tests.crash.injection import CALLS, DISASTERS, Injection, call_counts
from tests.crash.injection import tried as injected
from tests.crash.journals import in_batches, unclosed, whole
from tests.crash.kills import loop
from tests.crash.lives import Cradle
from tests.crash.power import cuts, session

Work = Callable[[argparse.Namespace, Path], int]


def main() -> int:
    """Do what the command line asks for; 1 where something was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--seeds", type=int, help="every crash point, with so many seeds")
    parser.add_argument("--calls", type=int, help="a disaster at every n-th system call; 1 = all")
    parser.add_argument("--cuts", type=int, help="power cuts at every operation, so many seeds")
    parser.add_argument("--flips", type=int, help="so many flipped bytes in every page")
    parser.add_argument("--kills", type=int, help="so many kills of a real bot")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=1, help="processes, for --seeds")
    given = parser.parse_args()
    works: dict[str, Work] = {
        "seeds": _points,
        "calls": _calls,
        "cuts": _cuts,
        "flips": _flips,
        "kills": _kills,
    }
    asked = [name for name in works if getattr(given, name) is not None]
    if not asked:
        parser.error("say what to do: --seeds, --calls, --cuts, --flips or --kills")
    violations = 0
    for name in asked:
        with quick_folder() as folder:
            begun = perf_counter()
            found = works[name](given, folder)
            print(f"{name}: {found} violations, {perf_counter() - begun:.0f} s", flush=True)
            violations += found
    return 1 if violations else 0


def _points(given: argparse.Namespace, folder: Path) -> int:
    total = Done()
    for done in every_point(range(given.first, given.first + given.seeds), given.workers):
        for failure in done.failures:
            print(failure, flush=True)
        total.take(done)
        print(f"{total.points} points", end="\r", file=sys.stderr, flush=True)
    print(f"{total.points} points, {total.deaths} deaths")
    return len(total.failures)


def _calls(given: argparse.Namespace, folder: Path) -> int:
    counts: Counter[str] = Counter()
    faults = 0
    with Cradle() as cradle:
        made, events = call_counts(folder / "place", cradle)
        for disaster in DISASTERS:
            for call in CALLS:
                for number in range(1, made[call] + 1, given.calls):
                    injection = Injection(call, disaster, number)
                    result = injected(injection, folder / "place", cradle, events)
                    counts[f"{disaster} {call}"] += 1
                    counts[f"{disaster}: ended with {result.life.code}"] += 1
                    faults += bool(result.faults)
                    if result.faults:
                        print(result.told(), flush=True)
    print(dict(counts))
    return faults


def _cuts(given: argparse.Namespace, folder: Path) -> int:
    batches = in_batches()
    for name in ("written", "found"):
        (folder / name).mkdir()
    operations = session(folder / "written", batches)
    total, faults = 0, 0
    for seed in range(given.first, given.first + given.cuts):
        tally = cuts(operations, batches, folder / "found", seed=seed)
        total += tally.cuts
        faults += len(tally.faults)
        for fault in tally.faults:
            print(fault, flush=True)
    print(f"{len(operations)} operations, {total} cuts")
    return faults


def _flips(given: argparse.Namespace, folder: Path) -> int:
    (folder / "copy").mkdir()
    path, events = whole(folder / "whole")
    flips = page_flips(path, each=given.flips, seed=given.first)
    tally = flipped(flips, path, events, folder / "copy")
    print("closed journal", tally.counts(), tally.flips["crashed"][:5])
    path = unclosed(folder / "unclosed", events)
    flips = page_flips(path, each=given.flips, seed=given.first)
    logged = flipped(flips, path, events, folder / "copy")
    print("journal with its log", logged.counts(), logged.flips["crashed"][:5])
    return sum(
        len(each.flips[word]) for each in (tally, logged) for word in ("changed", "crashed")
    ) + len(tally.flips["cut"])


def _kills(given: argparse.Namespace, folder: Path) -> int:
    with loop(folder, given.first) as made:
        for _ in range(given.kills):
            made.kill()
        made.settle()
    tally = made.tally
    print(f"{tally.kills} kills: {dict(tally.hits)}")
    print(f"{tally.orders} orders, {tally.trades} trades, at most {tally.posts} post for each id")
    for fault in tally.faults:
        print(fault)
    return len(tally.faults)


if __name__ == "__main__":
    sys.exit(main())
