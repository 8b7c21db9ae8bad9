"""`tradebot init` and `tradebot config check`: a configuration, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradebot.cli import choices

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
    as_json: choices.Json = False,
) -> None:
    """Check every key of the configuration, and the strategy; exit 78 if anything is wrong."""
    from tradebot.cli.output import emit
    from tradebot.runtime.checks import check_exchange
    from tradebot.runtime.chosen import chosen_strategy
    from tradebot.runtime.config import load_config

    found = load_config(config)
    chosen = chosen_strategy(found)
    check_exchange(found)
    name = "the configuration" if config is None else str(config)
    text = f"{name} ok: {', '.join(found.bot.markets)} {found.bot.timeframe}, strategy "
    text += f"{chosen.strategy.name}, which needs {chosen.warmup} candles of history"
    emit({"schema": "tradebot.config/1", "ok": True, "digest": found.digest()}, text, as_json)
