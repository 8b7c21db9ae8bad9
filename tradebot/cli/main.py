"""`tradebot`: all commands, and the one place where errors become words and exit codes."""

from __future__ import annotations

import json
import signal
import sys
from io import StringIO
from typing import Annotated

# Ctrl-C while the program still loads is a plain end, not a traceback.
_BEFORE = signal.signal(signal.SIGINT, signal.SIG_DFL)

import typer  # noqa: E402  # loads after the line above

from tradebot.cli import (  # noqa: E402  # loads after the line above
    alerts,
    arm,
    backtest,
    by_hand,
    data,
    journal,
    keys,
    reconcile,
    report,
    run,
    sandbox,
    setup,
    stop,
    unlocking,
)
from tradebot.cli import status as status_command  # noqa: E402  # loads after the line above
from tradebot.cli import why as why_command  # noqa: E402  # loads after the line above
from tradebot.cli.output import visible  # noqa: E402  # loads after the line above

signal.signal(signal.SIGINT, _BEFORE)

FAILURE, USAGE, INTERRUPTED = 1, 2, 130
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
    insecure_env: Annotated[
        bool,
        typer.Option(
            "--insecure-env",
            help="Take the passphrase from TRADEBOT_KEYSTORE_PASSPHRASE, which others can read.",
        ),
    ] = False,
) -> None:
    """A crypto trading bot. The sandbox is the default; nothing here reaches real money."""
    unlocking.insecure_env.set(insecure_env)


app.command()(setup.init)
app.command()(run.run)
app.command()(backtest.backtest)
app.command()(status_command.status)
app.command()(report.report)
app.command()(why_command.why)
app.command()(reconcile.reconcile)
app.command()(stop.kill)
app.command()(stop.resume)
app.command()(arm.arm)
app.command()(by_hand.pause)
app.command()(by_hand.close)
app.command()(by_hand.cancel)
app.command()(by_hand.adopt)
app.command()(by_hand.withdraw)
app.add_typer(keys.app, name="keys")
app.add_typer(data.app, name="data")
app.add_typer(alerts.app, name="alerts")
app.add_typer(setup.app, name="config")
app.add_typer(journal.app, name="journal")
app.add_typer(sandbox.app, name="sandbox")


def main() -> None:
    """Run the command line; end with the documented exit code and, but for our bugs, one line."""
    from tradebot.adapters.last_words import guard_stderr
    from tradebot.errors import InvariantError, TradebotError

    guard_stderr()
    try:
        # Not standalone: its words for a wrong command line would not be JSON when JSON is asked.
        code = app(standalone_mode=False)
    except TradebotError as error:
        is_bug = isinstance(error, InvariantError)
        code = _crash(error) if is_bug else _say(error.message, error.hint, error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = _say("stopped by the keyboard", "", INTERRUPTED)
    except OSError as error:
        code = _say(_disk_words(error), "check free space and permissions of that path", FAILURE)
    except Exception as error:
        code = _misuse(error)
    sys.exit(code if isinstance(code, int) else 0)


def _misuse(error: Exception) -> int:
    """Say what is wrong with the command line; anything else is our bug."""
    # Typer's own class for it is private; what it can do tells it apart.
    if not hasattr(error, "format_message") or not hasattr(error, "show"):
        return _crash(error)
    if "--json" not in sys.argv:
        usage = StringIO()
        error.show(file=usage)
        typer.echo(visible(usage.getvalue()), err=True, nl=False)
        return USAGE
    context = getattr(error, "ctx", None)
    command = "tradebot" if context is None else context.command_path
    return _say(error.format_message().partition("\n")[0], f"see `{command} --help`", USAGE)


def _crash(error: Exception) -> int:
    """Print our own bug with its traceback, which whoever mends it needs, and without secrets."""
    from tradebot.adapters.last_words import crash_text

    typer.echo(visible(crash_text(error)), err=True, nl=False)
    return FAILURE


def _disk_words(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename else reason


def _say(message: str, hint: str, code: int) -> int:
    """Print an error and return its exit code."""
    if "--json" in sys.argv:
        error = {"code": code, "message": message, "hint": hint}
        typer.echo(json.dumps({"error": error}), err=True)
        return code
    typer.echo(visible(f"Error: {message}"), err=True)
    if hint:
        typer.echo(visible(f"  {hint}"), err=True)
    return code
