"""`tradebot backtest`: the same session over the same exchange, without HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tradebot.cli import choices

if TYPE_CHECKING:
    from tradebot.research.backtest import Finished
    from tradebot.runtime.prepare import Prepared, Request

SCHEMA = "tradebot.backtest/1"


def backtest(
    config: choices.ConfigFile = None,
    candles: choices.CandleFiles = None,
    stored: choices.Stored = False,
    markets: choices.MarketNames = None,
    timeframe: choices.TimeframeName = None,
    strategy: choices.StrategyName = None,
    start: choices.From = None,
    end: choices.To = None,
    seed: choices.Seed = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep journal and candles for `tradebot why --backtest`.")
    ] = False,
    engine: Annotated[
        str, typer.Option(help="kernel (compiled), session (the live code), or auto.")
    ] = "auto",
    as_json: choices.Json = False,
) -> None:
    """Show what the strategy would have done on given or synthetic candles."""
    from tradebot.cli.output import emit
    from tradebot.cli.report import report_json
    from tradebot.errors import UsageError
    from tradebot.research.kept import keep as keep_backtest

    wanted = choices.request(
        config=config,
        candles=candles,
        markets=markets,
        timeframe=timeframe,
        strategy=strategy,
        start=start,
        end=end,
        seed=seed,
        stored=stored,
    )
    if keep and engine == "kernel":
        raise UsageError("the kernel writes no journal to keep", "leave out --keep or --engine")
    prepared, done = _tested(wanted, "session" if keep else engine, quiet=as_json)
    kept = keep_backtest(prepared, done.result).name if keep and done.result else None
    values = {
        "schema": SCHEMA,
        "candles": done.candles,
        "engine": done.engine,
        "kept": kept,
        **report_json(done.report),
    }
    emit(values, _text(prepared, done, kept), as_json)


def _tested(wanted: Request, engine: str, *, quiet: bool) -> tuple[Prepared, Finished]:
    """Return a finished backtest; a strategy that looks ahead or remembers too much is refused."""
    from tradebot.cli.console import header
    from tradebot.cli.output import note, progress
    from tradebot.errors import UsageError
    from tradebot.research.backtest import Engine, run_by_engine
    from tradebot.runtime.prepare import prepare
    from tradebot.strategies.contract import check_contract

    if engine not in list(Engine):
        raise UsageError(f"{engine!r} is no engine", f"take one of {', '.join(Engine)}")
    prepared = prepare(wanted, "backtest")
    if not quiet:
        note(header("backtest", prepared.config, prepared.spec))
    chosen = prepared.chosen
    for table in prepared.tables:
        check_contract(chosen.strategy, chosen.params, table.frame())
    with progress("Backtest", sum(len(table) for table in prepared.tables)) as advance:
        seen = 0

        def on_progress(candles: int) -> None:
            nonlocal seen
            advance(candles - seen)
            seen = candles

        done = run_by_engine(
            prepared.config,
            prepared.tables,
            prepared.spec,
            chosen,
            Engine(engine),
            on_progress=on_progress,
        )
    return prepared, done


def _text(prepared: Prepared, done: Finished, kept: str | None) -> str:
    from tradebot.cli.console import result_lines
    from tradebot.cli.report import groups_text

    lines = result_lines(done.report, is_synthetic=prepared.spec.is_synthetic)
    lines += groups_text(done.report)
    if done.why:
        lines.append(f"Engine  the live code, not the compiled loop: {done.why}")
    if kept is not None:
        market = prepared.config.bot.markets[0]
        lines.append(f"Kept    {kept}: `tradebot why {market} --backtest` explains it")
    return "\n".join(lines)
