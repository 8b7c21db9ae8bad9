"""The jobs that are measured, each in a process of its own: `python -m benchmarks.work JOB ...`.

A job prints one line of JSON, last. Nothing is imported before the job asks for it, so that memory
and start-up are those of the program.
"""

import contextlib
import gc
import io
import json
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

HEAVY = ("ccxt", "pandas", "numpy", "aiohttp", "pyarrow", "pydantic", "rich", "cryptography")
MEGABYTE = 1024 * 1024
START_MS = 1_483_228_800_000  # 2017-01-01
HOUR_MS = 3_600_000


def peak_mb() -> float:
    """Return the largest resident memory of this process so far.

    Not resource.getrusage: its figure starts at what the parent held when it forked.
    """
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / MEGABYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def _modules() -> list[str]:
    return [name for name in HEAVY if name in sys.modules]


def imports(*names: str) -> dict[str, Any]:
    """Import modules, and say what memory that takes and which heavy libraries came along."""
    for name in names:
        import_module(name)
    return {"mb": peak_mb(), "modules": _modules()}


def command(*arguments: str) -> dict[str, Any]:
    """Run one command of the program in this process, its output swallowed."""
    from tradebot.cli.main import main

    sys.argv = ["tradebot", *arguments]
    code: object = 0
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            main()
        except SystemExit as end:
            code = end.code
    if code not in (0, None):
        raise RuntimeError(f"tradebot {' '.join(arguments)} ended with {code}: {said.getvalue()}")
    return {"mb": peak_mb(), "modules": _modules()}


def backtest(source: str, strategy: str) -> dict[str, Any]:
    """Backtest a candle file, or so many synthetic candles, and time `run_backtest` alone."""
    from tradebot.research.backtest import run_backtest
    from tradebot.runtime.chosen import chosen_strategy
    from tradebot.runtime.config import load_config
    from tradebot.runtime.runs import RunSpec

    if source.isdigit():
        from tradebot.sandbox.synthetic import synthetic_market

        made = synthetic_market(
            "BTC/USDT", timeframe_ms=HOUR_MS, start_ms=START_MS, count=int(source), seed=7
        )
    else:
        from tradebot.adapters.candle_files import read_candles

        made = read_candles(Path(source))
    bot = {"markets": [made.symbol], "timeframe": "1h"}
    config = load_config(None, {"bot": bot, "strategy": {"name": strategy}})
    spec = RunSpec(mode="backtest", exchange="binance", account="main", files=(source,))
    chosen = chosen_strategy(config)
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    result = run_backtest(config, (made,), spec, chosen)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    fills = sum(type(event).__name__ == "FillBooked" for event in result.events)
    rates = {"wall": result.candles / wall, "cpu": result.candles / cpu}
    return {**rates, "candles": result.candles, "fills": fills, "mb": peak_mb()}


def journal(folder: str, count: str) -> dict[str, Any]:
    """Append the events of a backtest one by one, as a bot does, then replay them."""
    from tradebot.adapters.journal import SqliteJournal, verify
    from tradebot.engine.apply import fold
    from tradebot.model.event import Event

    events: list[Event] = _events(int(count))
    path = Path(folder) / "journal.db"
    book = SqliteJournal(path)
    begun = time.perf_counter()
    for event in events:
        book.append([event])
    appended = time.perf_counter() - begun
    begun = time.perf_counter()
    fold(book.events())
    replayed = time.perf_counter() - begun
    book.close()
    begun = time.perf_counter()
    verdict = verify(path)
    verified = time.perf_counter() - begun
    if verdict.fault or verdict.events != len(events):
        raise RuntimeError(f"the journal does not verify: {verdict}")
    total = len(events)
    return {
        "append": total / appended,
        "replay": total / replayed,
        "verify": total / verified,
        "bytes": path.stat().st_size / total,
    }


def _events(count: int) -> list[Any]:
    from tradebot.research.backtest import run_backtest
    from tradebot.runtime.chosen import chosen_strategy
    from tradebot.runtime.config import load_config
    from tradebot.runtime.runs import RunSpec
    from tradebot.sandbox.synthetic import synthetic_market

    config = load_config(None, {"bot": {"markets": ["BTC/USDT"]}})
    table = synthetic_market(
        "BTC/USDT", timeframe_ms=HOUR_MS, start_ms=START_MS, count=count + 400, seed=7
    )
    spec = RunSpec(mode="backtest", exchange="binance", account="main")
    result = run_backtest(config, (table,), spec, chosen_strategy(config))
    return list(result.events)[:count]


def unlock(folder: str) -> dict[str, Any]:
    """Open a keystore of three keys, made with the default cost, and read one of them."""
    from tradebot.adapters.keystore import Keystore
    from tradebot.adapters.redact import Secret

    place, passphrase = Path(folder) / "keystore", Secret("of the benchmark")
    fields = {"api_key": Secret("k" * 64), "secret": Secret("s" * 64)}
    store = Keystore.create(place, passphrase)
    for account in ("main", "second", "third"):
        store.put(f"binance/live/{account}", fields, "live")
    begun, used = time.perf_counter(), time.process_time()
    Keystore.open(place, passphrase).get("binance/live/main", "live")
    seconds, cpu = time.perf_counter() - begun, time.process_time() - used
    header = json.loads((place / "keystore.json").read_text(encoding="utf-8"))["header"]
    cost = f"Argon2id with {header['memory_kib'] // 1024} MiB and {header['lanes']} lanes"
    return {"seconds": seconds, "cpu": cpu, "cost": cost, "mb": peak_mb()}


def signal(name: str, calls: str) -> dict[str, Any]:
    """Ask a strategy for its opinion on the last candle, as the live loop does."""
    from tradebot.runtime.chosen import chosen_strategy
    from tradebot.runtime.config import load_config
    from tradebot.sandbox.synthetic import synthetic_market
    from tradebot.strategies.base import last_signal

    chosen = chosen_strategy(load_config(None, {"strategy": {"name": name}}))
    count = chosen.warmup + int(calls)
    table = synthetic_market(
        "BTC/USDT", timeframe_ms=HOUR_MS, start_ms=START_MS, count=count, seed=7, gap_rate=0.0
    )
    frame = table.frame()
    windows = [frame.iloc[row : row + chosen.warmup] for row in range(int(calls))]
    last_signal(chosen.strategy, windows[0], chosen.params)
    begun = time.perf_counter()
    for window in windows:
        last_signal(chosen.strategy, window, chosen.params)
    seconds = time.perf_counter() - begun
    return {"ms": seconds * 1000 / len(windows), "candles": chosen.warmup}


def gate(rulings: str) -> dict[str, Any]:
    """Rule again on the entries of a backtest, each in the state in which it was decided."""
    from tradebot.engine.apply import apply
    from tradebot.engine.risk import review
    from tradebot.engine.state import State
    from tradebot.model import event as ev
    from tradebot.model.order import Intent, Leg
    from tradebot.runtime.config import load_config

    rules = load_config(None).rules()
    state, asked = State(), []
    for event in _events(20_000):
        if isinstance(event, ev.OrderIntended) and event.leg is Leg.ENTRY:
            names = [name for name in Intent.__slots__ if hasattr(event, name)]
            asked.append((state, Intent(**{name: getattr(event, name) for name in names})))
        state = apply(state, event)
    micros = []
    for number in range(int(rulings)):
        before, intent = asked[number % len(asked)]
        begun = time.perf_counter()
        review(before, intent, rules)
        micros.append((time.perf_counter() - begun) * 1e6)
    micros.sort()
    return {
        "us": micros[len(micros) // 2],
        "p99": micros[len(micros) * 99 // 100],
        "entries": len(asked),
    }


JOBS: dict[str, Callable[..., dict[str, Any]]] = {
    "imports": imports,
    "command": command,
    "backtest": backtest,
    "gate": gate,
    "journal": journal,
    "signal": signal,
    "unlock": unlock,
}

if __name__ == "__main__":
    found = JOBS[sys.argv[1]](*sys.argv[2:])
    sys.stdout.write(json.dumps(found) + "\n")
