"""The work behind `tradebot resume`: the latch is armed again, where all agrees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tradebot.cli.output import note
from tradebot.cli.unlocking import unlocking

if TYPE_CHECKING:
    from tradebot.adapters.audit import AuditLog
    from tradebot.adapters.latch import FileLatch


@dataclass(frozen=True, slots=True)
class Resumed:
    """Why the latch was closed, None = it was not; which runs agree, and which were not asked."""

    was: str | None = None
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
