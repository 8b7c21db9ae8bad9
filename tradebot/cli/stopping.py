"""The work behind `tradebot kill` and `tradebot resume`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tradebot.cli.output import note
from tradebot.cli.unlocking import unlocking

if TYPE_CHECKING:
    from tradebot.adapters.audit import AuditLog
    from tradebot.adapters.latch import FileLatch
    from tradebot.runtime.kill_clear import Killed
    from tradebot.runtime.kill_drill import Drilled


def killed(
    *,
    run_name: str | None,
    config_file: Path | None,
    passphrase_file: Path | None,
    reason: str,
    is_flattening: bool,
    on_latched: Callable[[], None],
) -> Killed:
    """Close the latch, then clear what is out; a configuration that cannot be read only latches."""
    from tradebot.adapters.clock import WallClock
    from tradebot.errors import ConfigError
    from tradebot.runtime.config import Config, load_config, salvaged_paths
    from tradebot.runtime.kill_latch import close_latch

    clock = WallClock()
    began_ms = clock.monotonic_ms()
    config: Config | None = None
    unread = ""
    try:
        config = load_config(config_file)
    except ConfigError as error:
        unread = error.message
    logs = (salvaged_paths(config_file) if config is None else config.paths).logs
    problem = close_latch(logs, reason)
    on_latched()
    latched_ms = clock.monotonic_ms() - began_ms

    # Only now what takes a second to load.
    from tradebot.adapters.audit import AuditKind
    from tradebot.runtime.kill import kill
    from tradebot.runtime.kill_clear import Killed
    from tradebot.runtime.prepare import Request
    from tradebot.runtime.run_audit import audit_log

    result = Killed(began_ms=began_ms, latched_ms=latched_ms, problems=[problem] if problem else [])
    unwritten = audit_log(logs).record(AuditKind.LATCH_CLOSED, reason=reason)
    result.notes += [unwritten] if unwritten else []
    if config is None:
        result.problems.append(f"only {logs} is latched, nothing was cancelled: {unread}")
        return result
    request, opening = Request(config=config_file), unlocking(config, passphrase_file)
    return kill(config, request, run_name, opening, result, is_flattening=is_flattening)


def drilled(*, is_testnet: bool, config_file: Path | None, passphrase_file: Path | None) -> Drilled:
    """Rehearse the emergency stop, in the sandbox or on the account's testnet."""
    from tradebot.runtime.config import load_config
    from tradebot.runtime.kill_drill import drill_in_sandbox, drill_on_testnet
    from tradebot.runtime.prepare import Request

    config = load_config(config_file)
    if not is_testnet:
        return drill_in_sandbox(config.paths.logs)
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


def said_latched(*, quiet: bool) -> None:
    """Say that the latch is closed, before anything that may take time."""
    if not quiet:
        note("Halted: no new order leaves from now on.")


@dataclass(frozen=True, slots=True)
class Resumed:
    """Why the latch was closed, "" = it was not; which runs agree, and which were not compared."""

    was: str = ""
    agreed: tuple[str, ...] = ()
    uncompared: tuple[str, ...] = ()


def resumed(
    *,
    config_file: Path | None,
    passphrase_file: Path | None,
    reason: str,
    is_unreconciled: bool,
    is_dry: bool,
) -> Resumed:
    """Arm the latch again, once books and exchange of what it stopped agree.

    Raises NotConfirmed where they do not, and whatever keeps them from being compared; with
    `is_unreconciled` the latter is noted with the reason.
    """
    from tradebot.adapters.clock import WallClock
    from tradebot.adapters.latch import FileLatch
    from tradebot.runtime.config import load_config

    config = load_config(config_file)
    latch = FileLatch(config.paths.logs / "latch", WallClock())
    if latch.may_start() or latch.is_new():
        return Resumed()

    from tradebot.runtime.kill_resume import check_reconciled
    from tradebot.runtime.prepare import Request
    from tradebot.runtime.run_audit import audit_log

    was = latch.state().reason
    found = check_reconciled(
        config,
        Request(config=config_file),
        unlocking(config, passphrase_file),
        may_be_unreconciled=is_unreconciled,
        on_wait=lambda: note("Something differs; looking again in ten seconds."),
    )
    unseen = "".join(f"; UNRECONCILED: {each}" for each in found.uncompared)
    if not is_dry:
        _lift(latch, f"{reason}{unseen}", audit_log(config.paths.logs))
    return Resumed(was, found.agreed, found.uncompared)


def _lift(latch: FileLatch, reason: str, audit: AuditLog) -> None:
    """Arm the latch, and say in the audit log what was lifted and why. Raises TradebotError."""
    from tradebot.adapters.audit import AuditKind
    from tradebot.errors import TradebotError

    was = latch.state().reason
    try:
        latch.arm(f"resumed: {reason}")
    except OSError as error:
        raise TradebotError(
            f"the latch cannot be armed: {error.strerror}", hint="make the logs folder writable"
        ) from error
    unwritten = audit.record(AuditKind.LATCH_CLEARED, reason=reason, was=was)
    if unwritten:
        note(unwritten)
