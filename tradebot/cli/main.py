"""`tradebot`: all commands, and the one place where errors become words and exit codes."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from tradebot.cli import alerts, backtest, data, journal, keys, report, run, sandbox, setup, stop
from tradebot.cli import status as status_command

HELP = "A crypto trading bot. The sandbox is the default; nothing here reaches real money."

app = typer.Typer(
    name="tradebot",
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
)


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        from tradebot import __version__

        typer.echo(f"tradebot {__version__}")
        raise typer.Exit


@app.callback()
def tradebot(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """A crypto trading bot. The sandbox is the default; nothing here reaches real money."""


app.command()(setup.init)
app.command()(run.run)
app.command()(backtest.backtest)
app.command()(status_command.status)
app.command()(report.report)
app.command()(stop.kill)
app.command()(stop.resume)
app.add_typer(keys.app, name="keys")
app.add_typer(data.app, name="data")
app.add_typer(alerts.app, name="alerts")
app.add_typer(setup.app, name="config")
app.add_typer(journal.app, name="journal")
app.add_typer(sandbox.app, name="sandbox")


def main() -> None:
    """Run the command line; end with the documented exit code and never a traceback."""
    from tradebot.errors import InvariantError, TradebotError

    try:
        app()
    except TradebotError as error:
        # Our own bug keeps its traceback: whoever mends it needs it.
        if isinstance(error, InvariantError):
            raise
        _say(error.message, error.hint, error.exit_code)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say("stopped at once; the next start settles what was left open", "", 130)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output went away: nobody is left to tell.
        sys.stderr.close()
        sys.exit(1)


def _say(message: str, hint: str, code: int) -> None:
    if "--json" in sys.argv:
        error = {"code": code, "message": message, "hint": hint}
        typer.echo(json.dumps({"error": error}), err=True)
        return
    typer.echo(f"Error: {message}", err=True)
    if hint:
        typer.echo(f"  {hint}", err=True)
