"""`tradebot report`: days, totals and open positions of a run."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradebot.cli import choices

if TYPE_CHECKING:
    from tradebot.research.report import Report

SCHEMA = "tradebot.report/1"
# How many of the positions without their stop are named; JSON has them all.
BARE_SHOWN = 10


def report(
    run: choices.RunName = None,
    config: choices.ConfigFile = None,
    as_json: choices.Json = False,
) -> None:
    """Show a run's days, totals and open positions, with buy and hold beside every return."""
    from tradebot.adapters.journal import entries
    from tradebot.cli.output import emit
    from tradebot.research.report import report as make_report
    from tradebot.runtime.config import load_config
    from tradebot.runtime.runs import Runs

    found = Runs(load_config(config).paths.logs).find(run)
    result = make_report(entry.event for entry in entries(found.journal))
    values = {"schema": SCHEMA, "run": found.name, **report_json(result)}
    emit(values, _text(found.name, result, is_synthetic=found.spec().is_synthetic), as_json)


def report_json(result: Report) -> dict[str, Any]:
    """Return the report as JSON takes it: money as strings, times in RFC 3339."""
    from dataclasses import asdict

    from tradebot.model.timeframe import format_time

    values = asdict(result)
    values["start"], values["end"] = format_time(result.start), format_time(result.end)
    for row in values["positions"]:
        row["opened_at"] = format_time(row["opened_at"])
    for row in values["unprotected"]:
        for name in ("opened_at", "closed_at", "since"):
            row[name] = None if row[name] is None else format_time(row[name])
    for group in ("by_market", "by_exit"):
        values[group] = {
            name: {"trades": count, "net": net} for name, (count, net) in values[group].items()
        }
    return values


def groups_text(result: Report) -> list[str]:
    """Return the trades by market and by exit, a line each."""
    from tradebot.runtime.telling import signed

    lines = []
    for title, group in (("by market", result.by_market), ("by exit", result.by_exit)):
        parts = [f"{name} {signed(net)} ({count})" for name, (count, net) in group.items()]
        if parts:
            lines.append(f"{title}: " + ", ".join(parts))
    if result.unrealised.quantize(Decimal("0.01")):
        lines.append(
            f"in open positions, and in rests too small to sell: {signed(result.unrealised)}"
        )
    if result.rejected:
        parts = [f"{code} {count}" for code, count in result.rejected.items()]
        lines.append("rejected by the exchange: " + ", ".join(parts))
    if result.refused:
        parts = [f"{control} {count}" for control, count in result.refused.items()]
        lines.append("refused by the gate: " + ", ".join(parts))
    return lines


def _text(name: str, result: Report, *, is_synthetic: bool) -> str:
    from tradebot.cli.console import gain, result_lines
    from tradebot.cli.output import lines_of
    from tradebot.model.timeframe import format_time
    from tradebot.runtime.telling import signed

    head = (
        f"{result.mode.upper()} {result.exchange}  {name}  strategy {result.strategy}  "
        f"{format_time(result.start)} .. {format_time(result.end)}"
    )
    days = [
        [
            day.date,
            day.trades,
            signed(day.net),
            gain(day.fraction),
            gain(day.hold_fraction),
            cents(day.equity),
        ]
        for day in result.days
    ]
    columns = ["DAY", "TRADES>", "NET>", "RETURN>", "BUY & HOLD>", "EQUITY>"]
    parts = [head, lines_of(days, columns)]
    if result.positions:
        parts.append(lines_of(*_position_rows(result)))
    parts += groups_text(result)
    parts += _unprotected_text(result)
    parts += result_lines(result, is_synthetic=is_synthetic)
    return "\n".join(part for part in parts if part)


def _position_rows(result: Report) -> tuple[list[list[object]], list[str]]:
    from tradebot.runtime.telling import signed

    rows: list[list[object]] = [
        [
            each.market.partition(":")[2],
            each.quantity,
            cents(each.entry_price),
            each.close,
            signed(each.unrealised),
            each.stop,
            seconds(each.unprotected_ms),
        ]
        for each in result.positions
    ]
    columns = ["OPEN", "QUANTITY>", "ENTRY>", "CLOSE>", "UNREALISED>", "STOP>", "WITHOUT STOP>"]
    return rows, columns


def _unprotected_text(result: Report) -> list[str]:
    """Return how long positions stood without their stop: in all, and the longest by name."""
    from tradebot.cli.output import lines_of
    from tradebot.model.timeframe import format_time

    if not result.unprotected:
        return []
    bare = [each for each in result.unprotected if each.milliseconds]
    bare.sort(key=lambda each: each.milliseconds or 0, reverse=True)
    whole = f"without their stop: {seconds(result.unprotected_ms)} in all, "
    lines = [f"{whole}{len(bare)} of {len(result.unprotected)} positions"]
    if not bare:
        return lines
    rows: list[list[object]] = [
        [
            each.market.partition(":")[2],
            format_time(each.opened_at),
            "open" if each.closed_at is None else format_time(each.closed_at),
            seconds(each.milliseconds),
        ]
        for each in bare[:BARE_SHOWN]
    ]
    return [*lines, lines_of(rows, ["LONGEST", "OPENED", "CLOSED", "WITHOUT STOP>"])]


def seconds(milliseconds: int | None) -> str:
    """Return a time without a stop for reading; "-" where no stop was asked for."""
    return "-" if milliseconds is None else f"{milliseconds / 1000:.1f} s"


def cents(amount: Decimal) -> str:
    """Return an amount or average price to eight significant places at most, for reading."""
    places = Decimal("0.01") if abs(amount) >= 1 else Decimal("0.00000001")
    return str(amount.quantize(places))
