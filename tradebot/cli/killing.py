"""The work behind `tradebot kill`: the latch first, then all that takes a second to load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tradebot.cli.output import note
from tradebot.cli.unlocking import unlocking

if TYPE_CHECKING:
    from tradebot.runtime.kill_clear import Killed
    from tradebot.runtime.kill_drill import Drilled
    from tradebot.runtime.kill_latch import Closing

NOBODY = "No account is held on this host by a bot of this user"


def killed(
    *,
    run_name: str | None,
    config_file: Path | None,
    passphrase_file: Path | None,
    reason: str,
    is_flattening: bool,
    on_latched: Callable[[Path, Closing], None],
) -> Killed:
    """Close the latch, then clear what is out; a configuration that cannot be read only latches."""
    from tradebot.adapters.clock import WallClock
    from tradebot.engine.commands import NO_REASON
    from tradebot.runtime.kill_holder import end_holders
    from tradebot.runtime.kill_latch import close_latch
    from tradebot.runtime.kill_typed import typed_ms
    from tradebot.runtime.salvage import salvaged_logs

    clock = WallClock()
    began_ms = typed_ms(clock.monotonic_ms())
    logs, reason = salvaged_logs(config_file), reason.strip() or NO_REASON
    closing = close_latch(logs, reason)
    on_latched(logs, closing)
    latched_ms = clock.monotonic_ms() - began_ms if closing.is_closed else None
    ended = [] if closing.is_closed else end_holders(logs)

    # Only now what takes a second to load.
    from tradebot.errors import ConfigError
    from tradebot.runtime.config import load_config
    from tradebot.runtime.kill import kill
    from tradebot.runtime.kill_clear import Killed
    from tradebot.runtime.prepare import Request

    result = Killed(began_ms=began_ms, latched_ms=latched_ms, notes=ended)
    _note_halt(logs, closing, reason, result)
    try:
        config = load_config(config_file)
    except ConfigError as error:
        only = f"only {logs} is latched, " if closing.is_closed else ""
        result.problems.append(f"{only}nothing was cancelled: {error.message}")
        return result
    request, opening = Request(config=config_file), unlocking(config, passphrase_file)
    return kill(config, request, run_name, opening, result, is_flattening=is_flattening)


def _note_halt(logs: Path, closing: Closing, reason: str, result: Killed) -> None:
    """Note how far the halt went, in the result and in the audit log."""
    from tradebot.adapters.audit import AuditKind
    from tradebot.runtime.run_audit import audit_log

    result.is_halted = closing.is_closed and closing.was_used
    result.problems += [closing.problem] if closing.problem else []
    result.problems += [] if closing.was_used else [_nobody(logs)]
    if closing.is_closed:
        unwritten = audit_log(logs).record(AuditKind.LATCH_CLOSED, reason=reason)
        result.notes += [unwritten] if unwritten else []


def _nobody(logs: Path) -> str:
    """Return in words that nothing was halted here, and who trades elsewhere on this host."""
    from tradebot.runtime.host_lock import bots_at_work

    held = "; ".join(each.text for each in bots_at_work())
    return (
        f"no bot was ever run from here: {logs.absolute()} has neither runs nor a latch that was "
        f"armed. {f'Accounts are held on this host by {held}' if held else NOBODY}. "
        "Kill in the folder of the bot's configuration, or with --config FILE"
    )


def said_latched(logs: Path, closing: Closing, *, quiet: bool) -> None:
    """Say how far the halt went, before anything that may take time."""
    if quiet:
        return
    if not closing.is_closed:
        note(f"{closing.problem}; whoever trades here is ended now.")
    elif closing.was_used:
        note("Halted: no new order leaves from now on.")
    else:
        note(f"The latch in {logs} is closed, where no bot was ever run.")


def drilled(*, is_testnet: bool, config_file: Path | None, passphrase_file: Path | None) -> Drilled:
    """Rehearse the emergency stop, in the sandbox or on the account's testnet."""
    from tradebot.runtime.config import load_config
    from tradebot.runtime.kill_drill import drill_in_sandbox, drill_on_testnet
    from tradebot.runtime.prepare import Request

    config = load_config(config_file)
    if not is_testnet:
        return drill_in_sandbox(config)
    request = Request(config=config_file)
    return drill_on_testnet(config, request, unlocking(config, passphrase_file))


def check_words(*, is_drill: bool, is_testnet: bool, has_others: bool) -> None:
    """Raise UsageError for options that do not go together."""
    from tradebot.errors import UsageError

    if is_testnet and not is_drill:
        raise UsageError("--testnet is for --drill", hint="kill clears every account by itself")
    if is_drill and has_others:
        raise UsageError(
            "--drill takes neither --flatten nor --run", hint="it buys, and sells what it bought"
        )
