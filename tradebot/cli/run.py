"""`tradebot run`: trade, in the sandbox unless told otherwise."""

from __future__ import annotations

from typing import Annotated

import typer

from tradebot.cli import choices


def run(
    config: choices.ConfigFile = None,
    testnet: Annotated[
        bool, typer.Option("--testnet", help="Trade on the exchange's testnet.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Trade real money, once `tradebot arm` allows it.")
    ] = False,
    candles: choices.CandleFiles = None,
    stored: choices.Stored = False,
    markets: choices.MarketNames = None,
    timeframe: choices.TimeframeName = None,
    strategy: choices.StrategyName = None,
    start: choices.From = None,
    end: choices.To = None,
    speed: Annotated[
        str, typer.Option("--speed", help="max, or times real time such as 3600x.")
    ] = "max",
    seed: choices.Seed = None,
    resume: Annotated[
        str | None, typer.Option("--resume", help="Go on with this run; last = the last one.")
    ] = None,
    passphrase_file: choices.PassphraseFile = None,
    as_json: choices.Json = False,
) -> None:
    """Trade: in the sandbox, on the exchange's testnet, or with real money."""
    from tradebot.cli.running import RunOptions, run_and_tell
    from tradebot.errors import UsageError
    from tradebot.runtime.run_audit import RunAudit

    if testnet and live:
        raise UsageError("--testnet or --live?", hint="name one of the two")

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
    mode = "live" if live else "testnet" if testnet else ""
    audit = RunAudit(mode or "sandbox")
    options = RunOptions(mode, speed, resume, passphrase_file, as_json, audit)
    raise typer.Exit(run_and_tell(wanted, options))
