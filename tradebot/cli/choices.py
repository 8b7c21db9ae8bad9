"""Options that several commands share, and how their words become a request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tradebot.runtime.prepare import Request

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="The configuration file; else ./config.toml.")
]
CandleFiles = Annotated[
    list[Path] | None, typer.Option("--candles", help="A candle file to replay; once per market.")
]
Stored = Annotated[
    bool, typer.Option("--stored", help="Replay the candles that `data import` stored.")
]
MarketNames = Annotated[
    str | None, typer.Option("--markets", help="Markets, such as BTC/USDT,ETH/USDT.")
]
TimeframeName = Annotated[
    str | None, typer.Option("--timeframe", help="The candles' length, such as 1h.")
]
StrategyName = Annotated[
    str | None, typer.Option("--strategy", help="A strategy's name, or FILE.py:Class.")
]
From = Annotated[str | None, typer.Option("--from", help="The first day or time, in UTC.")]
To = Annotated[str | None, typer.Option("--to", help="The last day or time, in UTC.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Of the synthetic market.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", help="A 0600 file, outside the project, with the passphrase."
    ),
]
RunName = Annotated[str | None, typer.Option("--run", help="Which run; else the last one.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would do, and do nothing.")]
Wait = Annotated[
    int, typer.Option("--wait", min=0, max=3600, help="Seconds to wait for a bot's answer.")
]
PATIENCE_SECONDS = 30
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def request(
    *,
    config: Path | None = None,
    candles: list[Path] | None = None,
    markets: str | None = None,
    timeframe: str | None = None,
    strategy: str | None = None,
    start: str | None = None,
    end: str | None = None,
    seed: int | None = None,
    stored: bool = False,
) -> Request:
    """Return what the options ask for."""
    from tradebot.errors import UsageError
    from tradebot.runtime.prepare import Request

    names = tuple(part.strip() for part in (markets or "").split(",") if part.strip())
    if markets is not None and not names:
        raise UsageError("--markets names no market", hint="write it as BTC/USDT,ETH/USDT")
    return Request(
        config=config,
        candles=tuple(candles or ()),
        markets=names,
        timeframe=timeframe,
        strategy=strategy,
        start=start,
        end=end,
        seed=seed,
        is_stored=stored,
    )
