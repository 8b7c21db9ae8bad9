"""`tradebot pause`, `close`, `cancel`, `adopt`, `withdraw`: what a person tells a bot."""

from __future__ import annotations

from typing import Annotated

import typer

from tradebot.cli import choices
from tradebot.cli.commanding import Typed, command, withdrawn

Reason = Annotated[str, typer.Option("--reason", help="Why, for the record.")]


def pause(
    reason: Reason = "tradebot pause",
    dry_run: choices.DryRun = False,
    wait: choices.Wait = choices.PATIENCE_SECONDS,
    run: choices.RunName = None,
    config: choices.ConfigFile = None,
    as_json: choices.Json = False,
) -> None:
    """Let only exits through from now on, across restarts; entries that rest are cancelled."""
    typed = Typed(run=run, config=config, wait_seconds=wait, is_dry=dry_run, is_json=as_json)
    command("pause", typed, reason=reason)


def close(
    market: Annotated[str, typer.Argument(help="Which market, such as BTC/USDT.")],
    fraction: Annotated[
        str | None, typer.Option("--fraction", help="Of the position, such as 0.5; else all.")
    ] = None,
    reason: Reason = "tradebot close",
    dry_run: choices.DryRun = False,
    wait: choices.Wait = choices.PATIENCE_SECONDS,
    run: choices.RunName = None,
    config: choices.ConfigFile = None,
    passphrase_file: choices.PassphraseFile = None,
    as_json: choices.Json = False,
) -> None:
    """Sell the bot's position in a market, or a part; its signal does not buy it back."""
    typed = Typed(
        run=run,
        config=config,
        passphrase_file=passphrase_file,
        wait_seconds=wait,
        is_dry=dry_run,
        is_json=as_json,
    )
    command("close", typed, scope=market, fraction=fraction, reason=reason)


def cancel(
    what: Annotated[
        str | None, typer.Argument(help="A market or an order's id; else every entry that rests.")
    ] = None,
    reason: Reason = "tradebot cancel",
    dry_run: choices.DryRun = False,
    wait: choices.Wait = choices.PATIENCE_SECONDS,
    run: choices.RunName = None,
    config: choices.ConfigFile = None,
    passphrase_file: choices.PassphraseFile = None,
    as_json: choices.Json = False,
) -> None:
    """Cancel entries that rest; what guards a position stays, and goes with `tradebot close`."""
    typed = Typed(
        run=run,
        config=config,
        passphrase_file=passphrase_file,
        wait_seconds=wait,
        is_dry=dry_run,
        is_json=as_json,
    )
    command("cancel", typed, scope=what or "", reason=reason)


def adopt(
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")],
    subject: Annotated[
        str | None, typer.Argument(help="A market, a coin or an order's id; else all.")
    ] = None,
    dry_run: choices.DryRun = False,
    wait: choices.Wait = choices.PATIENCE_SECONDS,
    run: choices.RunName = None,
    config: choices.ConfigFile = None,
    passphrase_file: choices.PassphraseFile = None,
    as_json: choices.Json = False,
) -> None:
    """Take the exchange's word into the books; a running bot adopts what it has named."""
    typed = Typed(
        run=run,
        config=config,
        passphrase_file=passphrase_file,
        wait_seconds=wait,
        is_dry=dry_run,
        is_json=as_json,
    )
    command("adopt", typed, scope=subject or "", reason=reason)


def withdraw(
    command_id: Annotated[
        str | None, typer.Argument(help="A command's id; else all that wait.")
    ] = None,
    dry_run: choices.DryRun = False,
    run: choices.RunName = None,
    config: choices.ConfigFile = None,
    as_json: choices.Json = False,
) -> None:
    """Take back commands that the bot has not taken yet."""
    typed = Typed(run=run, config=config, is_dry=dry_run, is_json=as_json)
    withdrawn(typed, command_id)
