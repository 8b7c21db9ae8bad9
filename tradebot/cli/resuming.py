"""The work behind `tradebot resume`: the latch, else what lets only exits through in a run.

Law: what lifts the emergency stop lifts no limit that has tripped: that takes a word of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.cli.commanding import ENDS, WAITS, Typed, giver_of
from tradebot.cli.output import note
from tradebot.cli.stopping import resumed

if TYPE_CHECKING:
    from tradebot.runtime.commanding import Given

SCHEMA = "tradebot.resume/1"


def resume_all(
    typed: Typed, *, reason: str, is_unreconciled: bool
) -> tuple[dict[str, Any], str, int]:
    """Lift the latch, then a pause of the run that is meant; return JSON, text and exit code.

    Raises UsageError without a reason.
    """
    from tradebot.runtime.commanding import check_reason

    check_reason(reason)
    lifted = resumed(
        config_file=typed.config,
        passphrase_file=typed.passphrase_file,
        reason=reason,
        is_unreconciled=is_unreconciled,
        is_dry=typed.is_dry,
    )
    was_halted = lifted.was is not None
    given, limits = _unpaused(typed, reason, was_halted=was_halted)
    end = None if given is None else WAITS if given.end is None else given.end.value
    values = {
        "schema": SCHEMA,
        "was_halted": lifted.was,
        "agreed": list(lifted.agreed),
        "not_compared": list(lifted.uncompared),
        "pause": end,
        "text": None if given is None else given.text,
        "limits": limits,
        "dry_run": typed.is_dry,
    }
    verb = "Would resume." if typed.is_dry else "Resumed."
    lines = [f"{verb} It was halted: {lifted.was}" if was_halted else "Trading was not halted."]
    lines += [f"{name}: journal and exchange agree." for name in lifted.agreed]
    lines += [f"NOT COMPARED: {each}" for each in lifted.uncompared]
    lines += [f"Still only exits ({control}): {text}" for control, text in limits.items()]
    if given is not None and end is not None:
        lines.append(f"{ENDS[end][0]}: {given.text}")
    return values, "\n".join(lines), 0 if end is None else ENDS[end][1]


def _unpaused(
    typed: Typed, reason: str, *, was_halted: bool
) -> tuple[Given | None, dict[str, str]]:
    """Lift what lets only exits through, in the run that is meant; None where nothing does.

    The latch is lifted by now, so a halt that its journal tells of is lifted, too. Where this very
    word has lifted the latch, limits that have tripped are left, and returned by their control.
    """
    from tradebot.errors import JournalError, NotFoundError
    from tradebot.model.account import TradingState
    from tradebot.model.command import CommandWord
    from tradebot.runtime.commanding import Given, commanded
    from tradebot.runtime.foretelling import foretold

    try:
        giver = giver_of(typed, may_lift_halt=True)
        state = giver.known()
    except NotFoundError:
        if typed.run is not None:
            raise
        return None, {}
    except JournalError as error:
        note(f"Whether it is paused cannot be read: {error.message}")
        return None, {}
    lasting = state.track.lasting()
    if was_halted and lasting:
        return None, {control: trip.message for control, trip in lasting.items()}
    is_reducing = state.trading is TradingState.REDUCING or bool(state.commands.paused or lasting)
    if not is_reducing:
        return None, {}
    made = commanded(giver.run, CommandWord.RESUME, reason=reason)
    if not typed.is_dry:
        return giver.give(made), {}
    answer = foretold(state, made, may_lift_halt=True)
    return Given(command=made, end=answer.end, text=answer.text, is_planned=True), {}
