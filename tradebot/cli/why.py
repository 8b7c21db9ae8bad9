"""`tradebot why`: which condition caused or blocked a trade, by journal and stored candles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradebot.cli import choices

if TYPE_CHECKING:
    from tradebot.research.why import Asked

SCHEMA = "tradebot.why/1"


def why(
    market: Annotated[str, typer.Argument(help="Which market, such as BTC/USDT.")],
    at: Annotated[
        str | None, typer.Option("--at", help="A time, in UTC; else the newest candle.")
    ] = None,
    order: Annotated[str | None, typer.Option("--order", help="The id of one order.")] = None,
    last: Annotated[
        str | None, typer.Option("--last", help="All of a length of time, such as 24h.")
    ] = None,
    backtest: Annotated[
        bool, typer.Option("--backtest", help="Of a kept backtest, not of a run.")
    ] = False,
    run: choices.RunName = None,
    config: choices.ConfigFile = None,
    as_json: choices.Json = False,
) -> None:
    """Say why it did or did not trade: at a time, by one order, or over the last hours."""
    from tradebot.cli.output import emit
    from tradebot.research.kept import find_kept
    from tradebot.research.why import asked
    from tradebot.runtime.config import load_config
    from tradebot.runtime.runs import Runs

    _check_one(at, order, last)
    loaded = load_config(config)
    found = find_kept(loaded, run) if backtest else Runs(loaded.paths.logs).find(run)
    about = asked(found, market, config)
    if order is not None:
        values, text = _order(about, order)
    elif last is not None:
        values, text = _span(about, last)
    else:
        values, text = _candle(about, at)
    emit({"schema": SCHEMA, **_head(about), **values}, text, as_json)


def _check_one(*given: str | None) -> None:
    from tradebot.errors import UsageError

    if sum(each is not None for each in given) > 1:
        raise UsageError("--at, --order and --last ask three things", hint="give one of them")


def _head(about: Asked) -> dict[str, Any]:
    return {
        "run": about.run,
        "mode": about.mode,
        "exchange": about.exchange,
        "market": about.market.symbol,
    }


def _candle(about: Asked, at: str | None) -> tuple[dict[str, Any], str]:
    from tradebot.cli.why_text import candle_json, candle_text
    from tradebot.model.timeframe import parse_time
    from tradebot.research.why import of_candle

    found = of_candle(about, None if at is None else parse_time(at))
    return candle_json(found), candle_text(about, found)


def _order(about: Asked, order_id: str) -> tuple[dict[str, Any], str]:
    from tradebot.cli.why_text import order_json, order_text
    from tradebot.research.why_order import of_order

    found = of_order(about, order_id)
    return order_json(found), order_text(about, found)


def _span(about: Asked, length: str) -> tuple[dict[str, Any], str]:
    from tradebot.cli.why_text import span_json, span_text
    from tradebot.research.why import of_span, span_ms

    rows = of_span(about, span_ms(length))
    return span_json(rows), span_text(about, rows)
