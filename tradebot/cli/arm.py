"""`tradebot arm`: the ladder to real money, where you stand, and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradebot.cli import choices

if TYPE_CHECKING:
    from tradebot.runtime.arming import Ladder
    from tradebot.runtime.rungs import Rung

SCHEMA = "tradebot.arm/1"


def arm(
    override: Annotated[
        str | None, typer.Option("--override", help="Leave this rung out for a week.")
    ] = None,
    sentence: Annotated[
        str, typer.Option("--sentence", help="What leaving it out means, in full.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, for the journal.")] = "",
    config: choices.ConfigFile = None,
    as_json: choices.Json = False,
) -> None:
    """Show what must be shown before real money is traded; exit 6 while anything is missing."""
    from tradebot.adapters.clock import WallClock
    from tradebot.cli.output import emit
    from tradebot.errors import NotArmed
    from tradebot.runtime import arming
    from tradebot.runtime.config import load_config

    found, now_ms = load_config(config), WallClock().now_ms()
    if override is not None:
        arming.override(found, override, sentence, reason, now_ms=now_ms)
    shown = arming.ladder(found, now_ms=now_ms)
    emit(_values(shown), _text(shown), as_json)
    raise typer.Exit(NotArmed.exit_code if shown.missing else 0)


def _values(shown: Ladder) -> dict[str, Any]:
    rungs = [
        {
            "code": rung.code,
            "met": rung.is_met,
            "text": rung.text,
            "command": rung.command or None,
            "override": rung.override or None,
        }
        for rung in shown.rungs
    ]
    stage = None
    if shown.live is not None:
        week = shown.live.stage
        stage = {
            "cash": week.cash,
            "week_begins": week.week_begins,
            "opening": week.opening,
            "equity": shown.live.marks.marked,
            "trades": week.trades,
            "clean": week.is_clean,
        }
    return {"schema": SCHEMA, "armed": not shown.missing, "rungs": rungs, "stage": stage}


def _text(shown: Ladder) -> str:
    lines = [_line(rung) for rung in shown.rungs]
    lines.append(_stage(shown))
    if shown.missing:
        lines.append(f"NOT ARMED: {len(shown.missing)} of {len(shown.rungs)} rungs are missing.")
    else:
        lines.append("Armed: `tradebot run --live` trades real money.")
    return "\n".join(lines)


def _line(rung: Rung) -> str:
    from tradebot.runtime.arming import SENTENCES

    if rung.is_met:
        return f"ok       {rung.code}: {rung.text}"
    if rung.override:
        return f"LEFT OUT {rung.code}: {rung.text} (because: {rung.override})"
    lines = [f"missing  {rung.code}: {rung.text}"]
    if rung.command:
        lines.append(f"         {rung.command}")
    if rung.code in SENTENCES:
        lines.append(
            f'         or: tradebot arm --override {rung.code} --sentence "{SENTENCES[rung.code]}" '
            "--reason TEXT"
        )
    return "\n".join(lines)


def _stage(shown: Ladder) -> str:
    from tradebot.engine.stage import FIRST_CASH, WEEK_MS
    from tradebot.model.money import plain
    from tradebot.model.timeframe import format_time

    if shown.live is None:
        return f"Stage    the first: {plain(FIRST_CASH)} in the quote coin may be at work"
    week = shown.live.stage
    result = plain(shown.live.marks.marked - week.opening)
    state = "no limit tripped" if week.is_clean else "a limit tripped, so it earns nothing"
    return (
        f"Stage    {plain(week.cash)} in the quote coin may be at work; the week until "
        f"{format_time(week.week_begins + WEEK_MS)} has {week.trades} trades and {result}, "
        f"{state}; if it does not lose, this doubles"
    )
