"""`tradebot init` and `tradebot config check`: a configuration, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradebot.cli import choices

if TYPE_CHECKING:
    from decimal import Decimal

    from tradebot.runtime.config import Config
    from tradebot.runtime.worst_case import Loss

# More than all coins are worth: what is above is a slip of the pen.
EQUITY_MAX = 10**15

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The configuration: check.")


@app.callback()
def configuration() -> None:
    """The configuration: check."""


def init(
    folder: Annotated[Path, typer.Argument(help="Where the project is to live.")] = Path("."),
    as_json: choices.Json = False,
) -> None:
    """Write config.toml and the folders logs and keystore; nothing is ever overwritten."""
    from tradebot.cli.output import emit
    from tradebot.runtime.setup import initialise

    made = initialise(folder)
    text = "\n".join([*(f"made {path}" for path in made), "Next    tradebot run"])
    emit({"schema": "tradebot.init/1", "made": [str(path) for path in made]}, text, as_json)


@app.command()
def check(
    config: choices.ConfigFile = None,
    equity: Annotated[
        str | None,
        typer.Option("--equity", help="Quote coins to reckon with; else the sandbox's cash."),
    ] = None,
    as_json: choices.Json = False,
) -> None:
    """Check the configuration and the strategy, and say what they may lose; 78 = it is wrong."""
    from tradebot.cli.output import emit
    from tradebot.runtime.checks import check_exchange
    from tradebot.runtime.chosen import chosen_strategy
    from tradebot.runtime.config import load_config
    from tradebot.runtime.worst_case import worst_case

    found = load_config(config)
    chosen = chosen_strategy(found)
    check_exchange(found)
    losses = worst_case(found, found.sandbox.cash if equity is None else _amount(equity))
    name = "the configuration" if config is None else str(config)
    head = f"{name} ok: {', '.join(found.bot.markets)} {found.bot.timeframe}, strategy "
    head += f"{chosen.strategy.name}, which needs {chosen.warmup} candles of history"
    emit(_values(found, losses), "\n".join([head, *_lines(found, losses)]), as_json)


def _amount(text: str) -> Decimal:
    from tradebot.errors import UsageError
    from tradebot.model.money import parse_decimal

    try:
        value = parse_decimal(text)
    except ValueError as error:
        raise UsageError(f"--equity: {error}", hint="write it as 10000 or 2500.50") from None
    if not 0 < value < EQUITY_MAX:
        raise UsageError(
            f"--equity {text} is not above 0 and under {EQUITY_MAX:,}",
            hint="write it as 10000 or 2500.50",
        )
    return value


def _values(config: Config, losses: list[Loss]) -> dict[str, Any]:
    most = {each.name: each.amount for each in losses}
    return {"schema": "tradebot.config/1", "ok": True, "digest": config.digest(), "worst": most}


def _lines(config: Config, losses: list[Loss]) -> list[str]:
    quote = config.bot.markets[0].partition("/")[2]
    return [
        "It may lose at the most:",
        *(f"{each.amount:>14} {quote}  {each.text}" for each in losses),
    ]
