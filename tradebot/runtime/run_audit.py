"""What the audit log says of a run: that it began and in which mode, or why it did not.

Law: nothing here keeps a run from beginning or from ending.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tradebot.adapters.audit import AuditKind, AuditLog
from tradebot.adapters.clock import WallClock
from tradebot.errors import JournalError, NotFoundError, TradebotError, UsageError


def audit_log(logs: Path) -> AuditLog:
    """Return the audit log of a logs folder, on this machine's clock."""
    return AuditLog(logs, WallClock().now_ms)


class RunAudit:
    """The audit of one run in `mode`."""

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self._is_begun = False

    def begun(self, logs: Path, run: str) -> None:
        """Note that a run has begun, and that the last one was of another mode."""
        log = audit_log(logs)
        before: list[object] = []
        # Who reviews the log tells the owner that it cannot be read.
        with suppress(JournalError):
            before = [
                each.details.get("mode") for each in log.entries() if each.kind == AuditKind.STARTED
            ]
        if before and before[-1] != self._mode:
            log.record(AuditKind.MODE_CHANGED, before=str(before[-1]), mode=self._mode)
        log.record(AuditKind.STARTED, run=run, mode=self._mode)
        self._is_begun = True

    @contextmanager
    def watching(self, logs: Path) -> Iterator[None]:
        """Note an error on its way through: a start that was refused, or a run that failed."""
        try:
            yield
        except TradebotError as error:
            # A slip of the pen on the command line is no refusal; and a folder where tradebot was
            # never used stays as it is.
            if not isinstance(error, (UsageError, NotFoundError)) and logs.is_dir():
                audit_log(logs).record(
                    AuditKind.RUN_FAILED if self._is_begun else AuditKind.START_REFUSED,
                    mode=self._mode,
                    code=error.exit_code,
                    error=error.message,
                )
            raise
