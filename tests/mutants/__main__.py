"""Change the code a bit at a time, and see the tests notice: `python -m tests.mutants gate`.

For each module: its mutants, how many the tests killed, how many hung, and how many live. It ends
with 1 where one lives that `equivalent.toml` does not list, and where one is listed but dead.
"""

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from tests.mutants.groups import GROUPS, Group
from tests.mutants.kept import KEPT, Equivalent, judged, kept
from tests.mutants.run import FATES, Ran, copy_tree, found, run

ROW = "{:40}{:>8}{:>8}{:>9}{:>7}"


def main() -> int:
    """Run what the command line asks for; 1 where the tests, or the list, fall short."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    names = [each.name for each in GROUPS]
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(names)}; all where none is named")
    parser.add_argument("--only", default="", help="mutants such as 'tradebot.engine.stage.*'")
    parser.add_argument("--children", type=int, default=1, help="mutants at a time")
    given = parser.parse_args()
    if not set(given.groups) <= set(names):
        parser.error(f"the groups are {', '.join(names)}")
    chosen = [each for each in GROUPS if each.name in (given.groups or names)]
    listed = kept(KEPT.read_text(encoding="utf-8"))
    return max([_group(each, given.only, given.children, listed) for each in chosen])


def _group(group: Group, only: str, children: int, listed: list[Equivalent]) -> int:
    begun, worked = perf_counter(), _children_seconds()
    with TemporaryDirectory(prefix="mutants-") as place:
        folder = Path(place)
        copy_tree(group, folder)
        if run(folder, only, children):
            print(f"{group.name}: mutmut did not come through", file=sys.stderr)
            return 1
        ran = found(folder, only)
    here = [each for each in listed if group.holds(each.mutant.module)]
    unlisted, gone = judged(ran.alive, here)
    worked = _children_seconds() - worked
    print(f"\n{group.name}: {perf_counter() - begun:.0f} s, {worked:.0f} s of one core")
    _print_counts(ran)
    if only:
        gone = []  # What was not tried is no less alive.
    for title, mutants in (("lives, and is not listed", unlisted), ("is listed, but dead", gone)):
        for each in mutants:
            print(f"\n{title}: {each}")
    return 1 if unlisted or gone else 0


def _children_seconds() -> float:
    """Return what our children have worked until now: a busy machine makes it no longer."""
    times = os.times()
    return times.children_user + times.children_system


def _print_counts(ran: Ran) -> None:
    print(ROW.format("module", "mutants", *FATES))
    rows = [(path, [ran.counts[path, fate] for fate in FATES]) for path, _ in sorted(ran.counts)]
    for path, counts in dict(rows).items():
        print(ROW.format(path, sum(counts), *counts))
    total = [sum(each) for each in zip(*dict(rows).values(), strict=True)]
    print(ROW.format("all", sum(total), *total))


if __name__ == "__main__":
    sys.exit(main())
