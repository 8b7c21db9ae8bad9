"""The figures, by name: each runs its jobs in fresh processes, several times, alternating."""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure, environment, program, work

MARKETS = 20
TRADE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d  (BUY|SELL)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured. `candles` is the real candle file, None where there is none."""

    repeats: int = 5
    candles: Path | None = None
    synthetic: int = 1_000_000
    memory_candles: int = 720
    memory_repeats: int = 3
    journal: int = 5_000
    signals: int = 400
    rulings: int = 20_000


def startup(size: Size) -> Iterator[Figure]:
    """Time `tradebot --help`, and say which heavy libraries it imports."""
    times = [_seconds([program(), "--help"]) * 1000 for _ in range(size.repeats)]
    heavy = ", ".join(work("command", "--help")["modules"]) or "none"
    yield Figure(
        name="`tradebot --help`",
        unit="ms",
        values=tuple(times),
        goal=150,
        note=f"heavy libraries imported: {heavy}",
    )


def run(size: Size) -> Iterator[Figure]:
    """Time the default `tradebot run`: to its first fill, and as a whole."""
    first, whole, cpu = [], [], []
    for _ in range(size.repeats):
        with tempfile.TemporaryDirectory() as folder:
            fill, end, used = _first_fill(Path(folder))
        first.append(fill)
        whole.append(end)
        cpu.append(used)
    yield Figure(name="`tradebot run`: first fill", unit="s", values=tuple(first), goal=3)
    yield Figure(
        name="`tradebot run`: all of it",
        unit="s",
        values=tuple(whole),
        goal=20,
        note=f"2 markets, 720 candles each; {sorted(cpu)[len(cpu) // 2]:.1f} s of one core",
    )


def backtests(size: Size) -> Iterator[Figure]:
    """Rate the Session backtest with ema_cross, on real and synthetic candles in turn."""
    sources = {"synthetic": str(size.synthetic)}
    if size.candles is not None:
        sources = {"real BTC/USDT 1h": str(size.candles), **sources}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in sources}
    for _ in range(size.repeats):
        for name, source in sources.items():
            found[name].append(work("backtest", source, "ema_cross"))
    for name, results in found.items():
        one = results[0]
        note = f"{one['candles']:,} candles, {one['fills']:,} fills"
        for clock, goal, what in (("wall", 60_000, ""), ("cpu", None, ", a second of its own CPU")):
            yield Figure(
                name=f"Session backtest, ema_cross, {name}{what}",
                unit="candles/s",
                values=tuple(each[clock] for each in results),
                goal=goal,
                is_less_better=False,
                note=note,
            )
        peaks = tuple(each["mb"] for each in results)
        yield Figure(name=f"peak memory of that, {name}", unit="MB", values=peaks, note=note)


def memory(size: Size) -> Iterator[Figure]:
    """Weigh `tradebot run` with 20 markets, and its parts."""
    bare = ("tradebot.cli.main",)
    bot = ("tradebot.runtime.running", "tradebot.adapters.broker")
    parts = {
        "imports of `tradebot --help`": bare,
        "imports of the bot": (*bare, *bot),
        "imports of bot and sandbox server": (*bare, *bot, "tradebot.runtime.sandboxed"),
    }
    for name, modules in parts.items():
        results = [work("imports", *modules) for _ in range(size.memory_repeats)]
        note = "with " + (", ".join(results[0]["modules"]) or "no heavy library")
        yield Figure(name=name, unit="MB", values=tuple(each["mb"] for each in results), note=note)
    for markets, goal in ((1, None), (MARKETS, 220)):
        results = [_weighed_run(markets, size) for _ in range(size.memory_repeats)]
        yield Figure(
            name=f"peak memory of `tradebot run`, {markets} market" + "s" * (markets > 1),
            unit="MB",
            values=tuple(each["mb"] for each in results),
            goal=goal,
            note=f"sandbox server inside; {size.memory_candles} candles a market",
        )


def journals(size: Size) -> Iterator[Figure]:
    """Rate appending to the journal, one durable transaction an event, and reading it back."""
    results = []
    for _ in range(size.repeats):
        with tempfile.TemporaryDirectory() as folder:
            results.append(work("journal", folder, size.journal))
    names = {
        "append": "journal: append, each durable by itself",
        "replay": "journal: replay into the state",
        "verify": "journal: verify",
    }
    for key, name in names.items():
        values = tuple(each[key] for each in results)
        note = f"{size.journal:,} events, {results[0]['bytes']:.0f} bytes each"
        yield Figure(name=name, unit="events/s", values=values, is_less_better=False, note=note)


def signals(size: Size) -> Iterator[Figure]:
    """Time one opinion of the default strategy, reasons included."""
    results = [work("signal", "vote", size.signals) for _ in range(size.repeats)]
    note = f"the last {results[0]['candles']} candles"
    values = tuple(each["ms"] for each in results)
    yield Figure(name="one signal of `vote`", unit="ms", values=values, note=note)


def gates(size: Size) -> Iterator[Figure]:
    """Time one ruling of the risk gate on an entry that passes every control."""
    results = [work("gate", size.rulings) for _ in range(size.repeats)]
    worst = max(each["p99"] for each in results)
    note = f"{results[0]['entries']} entries of a backtest; p99 at most {worst:.0f} us"
    values = tuple(each["us"] for each in results)
    name = "a ruling of the gate on an entry"
    yield Figure(name=name, unit="us", values=values, goal=50, note=note)


def unlocks(size: Size) -> Iterator[Figure]:
    """Time the opening of a keystore, most of which is the cost of a guess at its passphrase."""
    results = []
    for _ in range(size.repeats):
        with tempfile.TemporaryDirectory() as folder:
            results.append(work("unlock", folder))
    peak = max(each["mb"] for each in results)
    for clock, goal, what in (("seconds", 0.6, ""), ("cpu", None, ", of its own CPU")):
        yield Figure(
            name=f"opening the keystore, and one key of it{what}",
            unit="s",
            values=tuple(each[clock] for each in results),
            goal=goal,
            note=f"{results[0]['cost']}; peak {peak:.0f} MB",
        )


ALL: dict[str, Callable[[Size], Iterator[Figure]]] = {
    "startup": startup,
    "run": run,
    "backtest": backtests,
    "gate": gates,
    "journal": journals,
    "signal": signals,
    "unlock": unlocks,
    "memory": memory,
}


def _seconds(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)  # noqa: S603  # our own program
    return time.perf_counter() - begun


def _first_fill(folder: Path) -> tuple[float, float, float]:
    """Return seconds to the first trade that is shown, to the end, and of CPU, of a fresh run."""
    first, last = None, ""
    before = os.times()
    begun = time.perf_counter()
    with subprocess.Popen(  # noqa: S603  # our own program
        [program(), "run"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for last in process.stderr or ():
            if first is None and TRADE.match(last):
                first = time.perf_counter() - begun
    if process.returncode or first is None:
        raise RuntimeError(f"tradebot run ended with {process.returncode}, fill {first}: {last}")
    end = time.perf_counter() - begun
    after = os.times()
    used = after.children_user + after.children_system
    return first, end, used - before.children_user - before.children_system


def _weighed_run(markets: int, size: Size) -> dict[str, Any]:
    names = ", ".join(f'"C{number:02}/USDT"' for number in range(markets))
    text = f"[bot]\nmarkets = [{names}]\n[sandbox]\ncandles = {size.memory_candles}\n"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.toml").write_text(text, encoding="utf-8")
        return work("command", "run", folder=Path(folder))
