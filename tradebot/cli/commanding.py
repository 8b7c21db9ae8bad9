"""The work behind the commands to a bot: `tradebot pause`, `close`, `cancel`, `adopt`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tradebot.cli.output import emit
from tradebot.cli.unlocking import unlocking

if TYPE_CHECKING:
    from tradebot.model.command import CommandWord
    from tradebot.runtime.commanding import Given, Giver

SCHEMA = "tradebot.command/1"
WAITS = "waiting"
# What the result was, in words for the first line, and the exit code.
ENDS = {
    "done": ("Done", 0),
    "nothing": ("Nothing to do", 3),
    "refused": ("Refused", 2),
    "unconfirmed": ("NOT CONFIRMED", 7),
    "interrupted": ("NOT CONFIRMED", 7),
    WAITS: ("NOT CONFIRMED", 7),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What was typed beside the command's own words."""

    run: str | None
    config: Path | None
    passphrase_file: Path | None = None
    wait_seconds: int = 0
    is_dry: bool = False
    is_json: bool = False


def command(
    word: str, typed: Typed, *, scope: str = "", fraction: str | None = None, reason: str
) -> None:
    """Give one command, print what became of it, and end with its exit code."""
    from tradebot.model.command import CommandWord

    run, given = _given(CommandWord(word), typed, scope, fraction, reason)
    result = _json(run, given)
    emit(result, _text(run, given), typed.is_json)
    raise typer.Exit(ENDS[result["outcome"]][1])


def _given(
    word: CommandWord, typed: Typed, scope: str, fraction: str | None, reason: str
) -> tuple[str, Given]:
    from tradebot.adapters.clock import WallClock
    from tradebot.adapters.latch import FileLatch
    from tradebot.runtime.commanding import Given, check_scope, commanded
    from tradebot.runtime.foretelling import foretold

    giver = giver_of(typed)
    latch = FileLatch(giver.config.paths.logs / "latch", WallClock())
    giver = replace(giver, may_lift_halt=latch.may_start())
    part = None if fraction is None else _fraction(fraction)
    made = commanded(giver.run, word, scope=scope, fraction=part, reason=reason)
    if scope or typed.is_dry:
        # Nothing else needs the whole journal, and a pause must not wait for it.
        state = giver.known()
        check_scope(state, made)
    if not typed.is_dry:
        return giver.run.name, giver.give(made)
    answer = foretold(state, made, may_lift_halt=giver.may_lift_halt)
    planned = Given(command=made, end=answer.end, text=answer.text, is_planned=True)
    return giver.run.name, planned


def giver_of(typed: Typed, *, may_lift_halt: bool = False) -> Giver:
    """Return who gives commands to the bot that is meant. Raises NotFoundError."""
    from tradebot.runtime.commanding import Giver
    from tradebot.runtime.config import load_config
    from tradebot.runtime.prepare import Request
    from tradebot.runtime.runs import Runs

    config = load_config(typed.config)
    return Giver(
        config=config,
        request=Request(config=typed.config),
        run=Runs(config.paths.logs).find(typed.run),
        unlocking=unlocking(config, typed.passphrase_file),
        wait_ms=typed.wait_seconds * 1000,
        may_lift_halt=may_lift_halt,
    )


def _fraction(text: str) -> Any:
    from tradebot.errors import UsageError
    from tradebot.model.money import parse_decimal

    try:
        return parse_decimal(text)
    except ValueError as error:
        raise UsageError(f"--fraction {error}", hint="write it as 0.5, at most 1") from None


def _json(run: str, given: Given) -> dict[str, Any]:
    made = given.command
    return {
        "schema": SCHEMA,
        "run": run,
        "command": made.word.value,
        "id": None if given.is_planned else made.id,
        "scope": made.scope or None,
        "fraction": made.fraction,
        "reason": made.reason,
        "dry_run": given.is_planned,
        "outcome": WAITS if given.end is None else given.end.value,
        "text": given.text,
    }


def _text(run: str, given: Given) -> str:
    made = given.command
    what = " ".join(part for part in (made.word.value, made.scope) if part)
    said, code = ENDS[WAITS if given.end is None else given.end.value]
    if given.is_planned and code == 0:
        said = "Nothing was done; this would be"
    return f"{run}: {what}\n{said}: {given.text}"


def withdrawn(typed: Typed, command_id: str | None) -> None:
    """Take waiting commands back, print which, and end with the exit code."""
    from tradebot.adapters.inbox import Inbox
    from tradebot.errors import NotFoundError
    from tradebot.runtime.config import load_config
    from tradebot.runtime.runs import Runs

    run = Runs(load_config(typed.config).paths.logs).find(typed.run)
    inbox = Inbox(run.commands)
    meant = [each for each in inbox.waiting() if command_id in (None, each)]
    gone = meant if typed.is_dry else [each for each in meant if inbox.take_back(each)]
    if not gone:
        raise NotFoundError("no such command waits", hint="what the bot has taken, it does")
    result = {"schema": "tradebot.withdraw/1", "run": run.name, "withdrawn": gone}
    verb = "Would withdraw" if typed.is_dry else "Withdrawn"
    text = "\n".join(f"{verb}: {each}" for each in gone)
    emit({**result, "dry_run": typed.is_dry}, text, typed.is_json)
