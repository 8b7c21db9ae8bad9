"""What `tradebot run` prints, and with which exit code it ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tradebot.cli.output import emit, note, progress
from tradebot.cli.unlocking import unlocking

if TYPE_CHECKING:
    from tradebot.model.event import ArmingOverridden
    from tradebot.runtime.config import Config
    from tradebot.runtime.drive import OnTick
    from tradebot.runtime.prepare import Prepared, Request
    from tradebot.runtime.run_audit import RunAudit
    from tradebot.runtime.running import Ended, Watcher
    from tradebot.runtime.runs import Run

SCHEMA = "tradebot.run/1"
# As shells report a process that a signal ended.
SIGNAL_EXIT_BASE = 128


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run, beyond what is traded. `account_mode`: testnet, live, or "" for the sandbox."""

    account_mode: str
    speed: str
    resume: str | None
    passphrase_file: Path | None
    is_json: bool
    audit: RunAudit


def run_and_tell(request: Request, options: RunOptions) -> int:
    """Run, print the result and return the exit code."""
    from tradebot.errors import Interrupted
    from tradebot.runtime.salvage import salvaged_logs

    try:
        with options.audit.watching(salvaged_logs(request.config)):
            return _run(request, options)
    except KeyboardInterrupt:
        raise Interrupted(
            "stopped at once", hint="nothing is lost: the next start settles what was left open"
        ) from None


def _run(request: Request, options: RunOptions) -> int:
    from tradebot.errors import UsageError

    if options.account_mode:
        has_candles = bool(request.candles) or request.is_stored or request.seed is not None
        if has_candles or options.speed != "max":
            raise UsageError(
                f"--{options.account_mode} trades the exchange's own candles",
                hint="leave out --candles, --stored, --seed and --speed",
            )
        if options.resume is not None:
            raise UsageError(
                f"--{options.account_mode} always goes on with the account's run",
                hint="leave out --resume",
            )
        return _run_account(request, options)
    return _run_sandbox(request, options)


def _run_sandbox(request: Request, options: RunOptions) -> int:
    from tradebot.cli.console import header
    from tradebot.runtime.running import run_sandbox

    pace = _pace(options.speed)
    prepared, run = _prepared(request, options)
    if not options.is_json:
        note(header("sandbox", prepared.config, prepared.spec))
    spec = prepared.spec
    opening = unlocking(prepared.config, options.passphrase_file)
    with progress("Trading", prepared.closes) as advance:
        watcher = _watcher(options, lambda time, ticked: advance(1))
        ended = run_sandbox(prepared, run, watcher, opening, pace=pace)
    return _finish(run, ended, options, is_synthetic=spec.is_synthetic)


def _prepared(request: Request, options: RunOptions) -> tuple[Prepared, Run]:
    """Return the run to begin or to go on with; while trading is halted, none is made."""
    from tradebot.errors import UsageError
    from tradebot.runtime.checks import check_sandbox
    from tradebot.runtime.config import load_config
    from tradebot.runtime.prepare import prepare, reopened
    from tradebot.runtime.running import check_latch
    from tradebot.runtime.runs import Runs

    if options.resume is None:
        prepared = prepare(request, "sandbox")
        check_sandbox(prepared.config)
        check_latch(prepared.config)
        return prepared, Runs(prepared.config.paths.logs).create(prepared.spec)
    if request.candles or request.start is not None or request.end is not None:
        raise UsageError(
            "--resume goes on with the candles that the run began with",
            hint="leave out --candles, --from and --to, or start a new run",
        )
    runs = Runs(load_config(request.config).paths.logs)
    run = runs.find(None if options.resume == "last" else options.resume)
    prepared = reopened(request, run.spec())
    check_latch(prepared.config)
    return prepared, run


def _run_account(request: Request, options: RunOptions) -> int:
    from tradebot.cli.console import header
    from tradebot.runtime.prepare import account_spec, configured
    from tradebot.runtime.running import check_latch, run_account
    from tradebot.runtime.runs import Runs

    config = configured(request)
    spec = account_spec(request, config, options.account_mode)
    check_latch(config)
    overrides = _armed(config, options)
    opening = unlocking(config, options.passphrase_file)
    if not options.is_json:
        note(header(options.account_mode, config, spec))
    watcher = _watcher(options, lambda time, ticked: None)
    ended = run_account(config, spec, watcher, opening, overrides=overrides)
    run = Runs(config.paths.logs).find(ended.run)
    return _finish(run, ended, options, is_synthetic=False)


def _armed(config: Config, options: RunOptions) -> list[ArmingOverridden]:
    """Return what a person typed instead of showing it. Raises NotArmed before real money."""
    from tradebot.adapters.clock import WallClock
    from tradebot.runtime.arming import check_armed
    from tradebot.runtime.assemble import LIVE

    return check_armed(config, now_ms=WallClock().now_ms()) if options.account_mode == LIVE else []


def _watcher(options: RunOptions, on_tick: OnTick) -> Watcher:
    from tradebot.cli.console import listener
    from tradebot.runtime.running import Watcher

    def on_stop() -> None:
        note("Stopping: no new orders; positions keep their stops. Again to end at once.")

    watcher = Watcher(
        on_begin=options.audit.begun, on_tick=on_tick, on_stop=on_stop, on_warning=note
    )
    return watcher if options.is_json else replace(watcher, listener=listener(note))


def _finish(run: Run, ended: Ended, options: RunOptions, *, is_synthetic: bool) -> int:
    from tradebot.adapters.journal import entries, verify
    from tradebot.cli.console import result_lines
    from tradebot.cli.report import report_json
    from tradebot.errors import Halted
    from tradebot.model.account import TradingState
    from tradebot.research.report import report

    result = report(entry.event for entry in entries(run.journal))
    verdict = verify(run.journal)
    is_halted = ended.state.trading is TradingState.HALTED
    lines = [
        *result_lines(result, is_synthetic=is_synthetic),
        f"Run     {run.name}: {verdict.events} events, head {verdict.head[:16]}",
        "Next    tradebot report   |   tradebot status   |   tradebot journal verify",
    ]
    values = {"schema": SCHEMA, "run": run.name, "events": verdict.events, "head": verdict.head}
    emit({**values, "halted": is_halted, **report_json(result)}, "\n".join(lines), options.is_json)
    if is_halted:
        return Halted.exit_code
    return SIGNAL_EXIT_BASE + ended.signal_number if ended.signal_number else 0


def _pace(text: str) -> float | None:
    """Return how many virtual seconds one real second takes; None = as fast as it goes."""
    from tradebot.errors import UsageError

    if text == "max":
        return None
    try:
        factor = float(text.removesuffix("x"))
    except ValueError:
        factor = 0.0
    if not text.endswith("x") or not 0 < factor < float("inf"):
        raise UsageError(f"--speed {text!r} is no speed", hint="write max, or a factor such as 60x")
    return factor
