"""`tradebot alerts`: the channels through which the owner is told."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tradebot.adapters.alerts import ChannelResult

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Alerts: test.")

SCHEMA = "tradebot.alerts/1"

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback()
def alerts() -> None:
    """Alerts: test."""


@app.command("test")
def send_test_message(
    passphrase_file: Annotated[
        Path | None,
        typer.Option(help="A 0600 file, outside the project, with the keystore's passphrase."),
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", help="The configuration file.")] = None,
    as_json: Json = False,
) -> None:
    """Send a test message through every channel that is on; exit 1 if one failed, 3 for none."""
    from tradebot.adapters.alerts import AlertSettings
    from tradebot.cli.output import emit
    from tradebot.cli.unlocking import unlocking
    from tradebot.runtime.config import load_config
    from tradebot.runtime.keys import run_alert_test

    settings = load_config(config)
    opening = unlocking(settings, passphrase_file)
    wanted = AlertSettings(channels=settings.alerts.channels, kinds=settings.alerts.kinds)
    results = run_alert_test(
        wanted, opening, logs=settings.paths.logs, heading=settings.exchange.id
    )
    emit(
        {"schema": SCHEMA, "channels": [asdict(result) for result in results]},
        "\n".join(_line(result) for result in results),
        as_json,
    )
    if not all(result.ok for result in results):
        raise typer.Exit(1)


def _line(result: ChannelResult) -> str:
    if result.ok:
        return f"{result.channel} ok {result.milliseconds} ms"
    return f"{result.channel} FAILED {result.error}"
