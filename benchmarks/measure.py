"""What a figure is: repeated values, their median and spread, and the ratio to its goal."""

import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("ccxt", "pandas", "numpy", "aiohttp", "cryptography")
SECONDS_MAX = 1_800


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number. `goal` is a most where less is better, else a least."""

    name: str
    unit: str
    values: tuple[float, ...]
    goal: float | None = None
    is_less_better: bool = True
    note: str = ""

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    @property
    def ratio(self) -> float | None:
        """How far the goal is passed: 1 is just met, 2 is twice as good, below 1 is a miss."""
        if self.goal is None:
            return None
        return self.goal / self.median if self.is_less_better else self.median / self.goal

    def row(self) -> str:
        """Return the figure as a row of the table in Markdown."""
        goal, ratio = "", ""
        if self.goal is not None and self.ratio is not None:
            goal = f"{'<=' if self.is_less_better else '>='} {_number(self.goal)}"
            ratio = f"{self.ratio:.2f}" + ("" if self.ratio >= 1 else " MISSED")
        spread = f"{_number(min(self.values))} to {_number(max(self.values))}, n={len(self.values)}"
        cells = (self.name, _number(self.median), self.unit, goal, ratio, spread, self.note)
        return "| " + " | ".join(cells) + " |"


COLUMNS = ("figure", "median", "unit", "goal", "ratio to goal", "spread", "note")
HEADER = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"


def _number(value: float) -> str:
    """Return a number with three significant digits at least, thousands separated."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def machine() -> str:
    """Return what was measured on what: versions, cores, and how busy the machine was."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    # pandas imports pyarrow wherever it is installed, which costs memory: only an extra brings it.
    arrow = "with pyarrow" if find_spec("pyarrow") else "without pyarrow"
    busy = " ".join(f"{load:.1f}" for load in os.getloadavg())
    return (
        f"tradebot {version('tradebot')}, Python {platform.python_version()}, {libraries}, "
        f"{arrow}; {_processor()}, {os.cpu_count()} cores, load {busy}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def environment() -> dict[str, str]:
    """Return the environment of a child: this checkout is importable from any folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def program() -> str:
    """Return the path of the installed command."""
    return str(Path(sys.executable).with_name("tradebot"))


def work(job: str, *arguments: object, folder: Path | None = None) -> dict[str, Any]:
    """Do one job of `benchmarks.work` in a fresh process and return what it found."""
    command = [sys.executable, "-m", "benchmarks.work", job, *map(str, arguments)]
    done = subprocess.run(  # noqa: S603  # our own module
        command,
        cwd=folder or ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
