"""`tradebot backtest`: the same session over the same exchange, without HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tradebot.cli import choices

if TYPE_CHECKING:
    from tradebot.research.backtest import BacktestResult
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
    as_json: choices.Json = False,
) -> None:
    """Show what the strategy would have done on given or synthetic candles."""
    from tradebot.cli.output import emit
    from tradebot.cli.report import report_json
    from tradebot.research.kept import keep as keep_backtest
    from tradebot.research.report import report

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
    prepared, result = _tested(wanted, quiet=as_json)
    found = report(result.events)
    kept = keep_backtest(prepared, result).name if keep else None
    values = {"schema": SCHEMA, "candles": result.candles, "kept": kept, **report_json(found)}
    emit(values, _text(prepared, result, kept), as_json)


def _tested(wanted: Request, *, quiet: bool) -> tuple[Prepared, BacktestResult]:
    """Return a finished backtest; a strategy that looks ahead or remembers too much is refused."""
    from tradebot.cli.console import header
    from tradebot.cli.output import note, progress
    from tradebot.research.backtest import run_backtest
    from tradebot.runtime.prepare import prepare
    from tradebot.strategies.contract import check_contract

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

        result = run_backtest(
            prepared.config, prepared.tables, prepared.spec, chosen, on_progress=on_progress
        )
    return prepared, result


def _text(prepared: Prepared, result: BacktestResult, kept: str | None) -> str:
    from tradebot.cli.console import result_lines
    from tradebot.cli.report import groups_text
    from tradebot.research.report import report

    found = report(result.events)
    lines = result_lines(found, is_synthetic=prepared.spec.is_synthetic)
    lines += groups_text(found)
    if kept is not None:
        market = prepared.config.bot.markets[0]
        lines.append(f"Kept    {kept}: `tradebot why {market} --backtest` explains it")
    return "\n".join(lines)
