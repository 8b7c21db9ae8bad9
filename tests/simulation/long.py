"""The long run: fresh worlds, the whole zoo, every crash point; printed, and written down if asked.

Law: a document is written only of what was run here and now, and names the command that repeats it.
"""

import subprocess
import sys
from argparse import Namespace
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from tests.crash.bulk import Done, every_point
from tests.simulation.report import counts, coverage, summary, zoo
from tests.simulation.run import Tally, results
from tests.simulation.zoo_table import Row, rows

WORLDS, CRASH_SEEDS = 10_000, 20
DOCUMENT = Path(__file__).parents[2] / "docs" / "simulation.md"
# A line on the screen now and then: who waits for an hour wants to see that it goes on.
TOLD_EVERY = 100


@dataclass(slots=True)
class Long:
    """What the long run has found."""

    first: int
    crash_seeds: int
    worlds: Tally = field(default_factory=Tally)
    zoo: list[Row] = field(default_factory=list)
    crashes: Done = field(default_factory=Done)
    minutes: float = 0.0

    def is_sound(self) -> bool:
        """Return whether nothing was violated, and every planted bug caught."""
        is_caught = all(row.caught.is_caught for row in self.zoo)
        return is_caught and not self.worlds.failed and not self.crashes.failures

    def told(self) -> list[str]:
        """Return all of it as lines of Markdown."""
        missed = [row.caught.bug.name for row in self.zoo if not row.caught.is_caught]
        caught = f"{len(self.zoo) - len(missed)} of {len(self.zoo)} planted bugs were caught"
        return [
            *summary(self.worlds, self.first),
            f"{caught}{': not ' if missed else '.'}{', '.join(missed)}",
            f"{self.crashes.points} crash points with {self.crash_seeds} seeds, "
            f"{self.crashes.deaths} deaths, {len(self.crashes.failures)} violations.",
            f"{self.minutes:.0f} minutes in all.",
            "",
            "## What happened in the worlds",
            "",
            *counts(self.worlds),
            "",
            "## Which fault met orders in which state",
            "",
            "The states of the orders that were out when it happened; none: there was none.",
            "",
            *coverage(self.worlds),
            "",
            "## The zoo",
            "",
            "Bugs planted in the program one at a time, and the first world that each one broke.",
            "",
            *zoo(self.zoo),
        ]


def long_run(given: Namespace) -> int:
    """Run it; return 1 where something was violated, or not caught."""
    begun = perf_counter()
    found = Long(given.first, given.crash_seeds)
    _run_worlds(found, given)
    for row in rows(given.workers):
        print(*row.cells(), sep=" | ", flush=True)
        found.zoo.append(row)
    if given.crash_seeds:
        # From 0 on, whatever the worlds are: that one dies at every hit and while it recovers.
        for done in every_point(range(given.crash_seeds), given.workers):
            for failure in done.failures:
                print(failure, flush=True)
            found.crashes.take(done)
            _progress(f"{found.crashes.points} crash points")
    found.minutes = (perf_counter() - begun) / 60
    print(*found.told(), sep="\n")
    if given.write:
        DOCUMENT.write_text("\n".join(_document(found, given)) + "\n", encoding="utf-8")
    return 0 if found.is_sound() else 1


def _run_worlds(found: Long, given: Namespace) -> None:
    for result in results(range(given.first, given.first + given.worlds), given.workers):
        found.worlds.add(result)
        if result.failure:
            print(result.options.told(), result.failure, sep="\n", flush=True)
        if found.worlds.worlds % TOLD_EVERY == 0:
            _progress(f"{found.worlds.worlds} worlds, {len(found.worlds.failed)} failed")


def _progress(text: str) -> None:
    print(text, end="\r", file=sys.stderr, flush=True)


def _document(found: Long, given: Namespace) -> list[str]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"],  # noqa: S607  # whichever git is there
        cwd=DOCUMENT.parent,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    command = (
        f"python -m tests.simulation --long --first {given.first} --worlds {given.worlds} "
        f"--crash-seeds {given.crash_seeds} --workers {given.workers}"
    )
    return [
        "# The last long run",
        "",
        "Seeded worlds in virtual time, with faults, and the bot in them: see",
        "[working on tradebot](development.md). Which invariant is checked where:",
        "[invariants](invariants.md). This page is written by the run itself:",
        "",
        f"    {command} --write --date {given.date}",
        "",
        f"{given.date}, commit {commit}.",
        "",
        *found.told(),
    ]
