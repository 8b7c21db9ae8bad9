"""`tradebot kill` and `tradebot resume`: the emergency stop, and its lifting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradebot.cli import choices

if TYPE_CHECKING:
    from tradebot.runtime.kill_clear import Killed
    from tradebot.runtime.kill_drill import Drilled

SCHEMA, DRILL_SCHEMA = "tradebot.kill/1", "tradebot.kill-drill/1"


def kill(
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Sell what the bot holds, too.")
    ] = False,
    drill: Annotated[
        bool, typer.Option("--drill", help="Rehearse it in the sandbox: buy, then kill --flatten.")
    ] = False,
    testnet: Annotated[
        bool, typer.Option("--testnet", help="With --drill: on the testnet, where no bot runs.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "tradebot kill",
    run: choices.RunName = None,
    config: choices.ConfigFile = None,
    passphrase_file: choices.PassphraseFile = None,
    as_json: choices.Json = False,
) -> None:
    """Halt trading now, cancel our orders; exit 7 if anything asked for is not confirmed."""
    from tradebot.cli.killing import check_words, drilled, killed, said_latched
    from tradebot.cli.output import emit
    from tradebot.errors import NotConfirmed

    check_words(is_drill=drill, is_testnet=testnet, has_others=flatten or run is not None)
    if drill:
        done = drilled(is_testnet=testnet, config_file=config, passphrase_file=passphrase_file)
        emit(_drill_json(done), _drill_text(done), as_json)
        raise typer.Exit(0 if done.drill.is_passed else NotConfirmed.exit_code)
    result = killed(
        run_name=run,
        config_file=config,
        passphrase_file=passphrase_file,
        reason=reason,
        is_flattening=flatten,
        on_latched=lambda logs, closing: said_latched(logs, closing, quiet=as_json),
    )
    emit(_json(result), _text(result), as_json)
    raise typer.Exit(NotConfirmed.exit_code if result.problems else 0)


def resume(
    reason: Annotated[str, typer.Option("--reason", help="Why trading may go on.")],
    unreconciled: Annotated[
        bool,
        typer.Option("--unreconciled", help="Also where journal and exchange cannot be compared."),
    ] = False,
    dry_run: choices.DryRun = False,
    wait: choices.Wait = choices.PATIENCE_SECONDS,
    run: choices.RunName = None,
    config: choices.ConfigFile = None,
    passphrase_file: choices.PassphraseFile = None,
    as_json: choices.Json = False,
) -> None:
    """Lift the emergency stop where journal and exchange agree; and a pause, or a tripped limit."""
    from tradebot.cli.commanding import Typed
    from tradebot.cli.output import emit
    from tradebot.cli.resuming import resume_all

    typed = Typed(
        run=run,
        config=config,
        passphrase_file=passphrase_file,
        wait_seconds=wait,
        is_dry=dry_run,
    )
    values, text, code = resume_all(typed, reason=reason, is_unreconciled=unreconciled)
    emit(values, text, as_json)
    raise typer.Exit(code)


def _drill_json(done: Drilled) -> dict[str, Any]:
    from dataclasses import asdict

    values = asdict(done.drill)
    return {"schema": DRILL_SCHEMA, "passed": done.drill.is_passed, **values}


def _drill_text(done: Drilled) -> str:
    drill = done.drill
    steps = (
        ("halted", drill.latched_ms),
        ("no order of ours at the exchange", drill.cancelled_ms),
        ("flat", drill.flat_ms),
    )
    lines = [
        f"Kill drill on the {drill.mode} exchange {drill.exchange}: "
        f"{'passed' if drill.is_passed else 'NOT passed'}; it is on record in {done.file}"
    ]
    for what, took in steps:
        lines.append(f"  {what}: {'not reached' if took is None else f'after {took / 1000:.2f} s'}")
    return "\n".join([*lines, *(f"NOT CONFIRMED: {problem}" for problem in drill.problems)])


def _json(result: Killed) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "halted": result.is_halted,
        "run": result.run or None,
        "cancelled": result.cancelled,
        # Null where no exchange was asked: that is not "none".
        "open_orders": list(result.open_orders) if result.asked or not result.problems else None,
        "not_asked": result.unasked,
        "sold": result.sold,
        "left": result.left,
        "problems": result.problems,
        "notes": result.notes,
        # After the command began; null where that was not reached.
        "latched_ms": result.latched_ms,
        "cancelled_ms": result.cancelled_ms,
        "flat_ms": result.flat_ms,
    }


def _text(result: Killed) -> str:
    from tradebot.model.money import plain

    lines = []
    if result.asked:
        lines.append(
            f"{', '.join(result.asked)}: cancelled {result.cancelled}; "
            f"the exchange shows {len(result.open_orders)} of our orders open"
        )
    if result.unasked:
        lines.append(
            f"{', '.join(result.unasked)}: not asked, or without an answer: nobody knows here "
            "which of our orders are open"
        )
    if not result.run:
        lines.append("No run was cleared." if result.problems else "No run: nothing to cancel.")
    for word, coins in (("sold", result.sold), ("still held", result.left)):
        lines += [f"{word} {plain(quantity)} of {name}" for name, quantity in coins.items()]
    lines += [f"Note: {note}" for note in result.notes]
    lines += [f"NOT CONFIRMED: {problem}" for problem in result.problems]
    if result.is_halted:
        lines.append(
            "Trading stays halted, across restarts, until `tradebot resume --reason TEXT`."
        )
    return "\n".join(lines)
