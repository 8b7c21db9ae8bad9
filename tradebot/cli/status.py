"""`tradebot status`: what the bot of a run is doing, or when it stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from tradebot.cli import choices

if TYPE_CHECKING:
    from tradebot.runtime.looking import Look

SCHEMA = "tradebot.status/1"
EXIT_CODES = {"running": 0, "not running": 3, "halted": 6}


def status(
    run: choices.RunName = None,
    config: choices.ConfigFile = None,
    as_json: choices.Json = False,
) -> None:
    """Show state, equity, positions and orders; exit 0 running, 3 not running, 6 halted."""
    from tradebot.cli.output import emit
    from tradebot.runtime.config import load_config
    from tradebot.runtime.looking import look

    seen = look(load_config(config), run)
    emit(_json(seen), _text(seen), as_json)
    raise typer.Exit(EXIT_CODES[seen.state])


def _time(time_ms: int | None) -> str | None:
    from tradebot.model.timeframe import format_time

    return None if time_ms is None else format_time(time_ms)


def _json(seen: Look) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "run": seen.run,
        "mode": seen.mode,
        "state": seen.state,
        "why": seen.why,
        "paused": seen.paused or None,
        "limits": _limits(seen),
        "last_candle": _time(seen.last_candle or None),
        "equity": seen.equity,
        "quote": seen.quote,
        "third_fees": seen.third_fees,
        "events": seen.events,
        "positions": [
            {
                "market": market,
                "quantity": position.quantity,
                "entry_price": position.entry_price,
                "stop": position.stop or None,
                **_unprotected(seen, market),
            }
            for market, position in seen.positions.items()
        ],
        "orders": [
            {
                "id": order.id,
                "market": order.market,
                "leg": order.leg.value,
                "status": order.status.value,
                "quantity": order.quantity,
                "filled": order.filled,
                "price": order.price or order.stop_price,
            }
            for order in seen.orders
        ],
        "locks": [
            {"market": lock.market, "cause": lock.cause, "reason": lock.reason}
            for lock in seen.locks
        ],
        "commands": [
            {"id": each.id, "command": each.word, "scope": each.scope, "taken": each.is_taken}
            for each in seen.commands
        ],
    }


def _limits(seen: Look) -> list[dict[str, Any]]:
    return [
        {
            "control": each.control,
            "limit": each.limit,
            "value": each.value,
            # Null where it is for good, until a person resumes.
            "until": _time(each.until or None),
            "message": each.message,
        }
        for each in seen.limits
    ]


def _unprotected(seen: Look, market: str) -> dict[str, Any]:
    bare = seen.unprotected[market]
    return {"unprotected_ms": bare.milliseconds, "unprotected_since": _time(bare.since)}


def _without_stop(seen: Look, market: str) -> str:
    from tradebot.cli.report import seconds

    bare = seen.unprotected[market]
    return seconds(bare.milliseconds) + (", has none now" if bare.since is not None else "")


def _text(seen: Look) -> str:
    from tradebot.cli.console import amounts
    from tradebot.cli.report import cents

    last = _time(seen.last_candle or None) or "none"
    why = f" ({seen.why})" if seen.why else ""
    parts = [
        f"{seen.mode.upper()} {seen.exchange}  {seen.run}  {seen.state}{why}",
        f"Equity {cents(seen.equity)} {seen.quote}   last candle {last}   {seen.events} events",
    ]
    parts += [f"No entries ({each.control}): {each.message}" for each in seen.limits]
    if seen.third_fees:
        parts.append(f"Fees of {amounts(seen.third_fees)} not counted in it: no price known")
    parts += _tables(seen)
    parts += [
        f"No entries in {lock.market.partition(':')[2]} ({lock.cause}): {lock.reason}"
        for lock in seen.locks
    ]
    parts += [
        f"{each.word} {each.scope}".rstrip()
        + (f": taken, not ended ({each.id})" if each.is_taken else f": waits ({each.id})")
        for each in seen.commands
    ]
    return "\n".join(parts)


def _tables(seen: Look) -> list[str]:
    """Return positions and orders, each as a table; nothing where there are none."""
    from tradebot.cli.output import lines_of
    from tradebot.cli.report import cents

    parts: list[str] = []
    rows: list[list[object]] = [
        [
            market.partition(":")[2],
            each.quantity,
            cents(each.entry_price),
            each.stop or "none",
            _without_stop(seen, market),
        ]
        for market, each in seen.positions.items()
    ]
    if rows:
        columns = ["POSITION", "QUANTITY>", "ENTRY>", "STOP>", "WITHOUT STOP>"]
        parts.append(lines_of(rows, columns))
    rows = [
        [
            each.market.partition(":")[2],
            each.leg.value,
            each.status.value,
            each.quantity,
            each.price or each.stop_price,
            each.id,
        ]
        for each in seen.orders
    ]
    if rows:
        columns = ["ORDER", "LEG", "STATUS", "QUANTITY>", "PRICE>", "ID"]
        parts.append(lines_of(rows, columns))
    return parts
