"""The audit log: who opened, changed, stopped or overrode what, on which host, in a chain of lines.

Law: nothing waits for it and nothing stops over it. What cannot be written goes to the program's
log and back to whoever asked, who goes on: a kill, an exit or a refusal is never held up.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from tradebot.adapters.evidence import append_line
from tradebot.adapters.redact import Redactor, plain_text
from tradebot.errors import JournalError

AUDIT_NAME: Final = "audit.jsonl"
FAILURES_MIN: Final = 3
_GENESIS: Final = "0" * 64
_LOCK_SECONDS: Final = 1
_TEXT_LENGTH_MAX: Final = 500
# Longer than any line can be.
_TAIL_BYTES: Final = 64 * 1024
_NAMES: Final = frozenset({"seq", "at", "kind", "host", "pid", "details", "previous", "hash"})

_log = logging.getLogger("tradebot.audit")
_log.addHandler(logging.NullHandler())


class AuditKind(StrEnum):
    """What can be in the audit log."""

    UNLOCKED = "unlocked"
    UNLOCK_FAILED = "unlock_failed"
    KEY_ADDED = "key_added"
    KEY_CHANGED = "key_changed"
    KEY_REMOVED = "key_removed"
    KEY_CHECKED = "key_checked"
    PASSPHRASE_CHANGED = "passphrase_changed"  # noqa: S105  # the name of a kind, not a secret
    DATA_KEY_ROTATED = "data_key_rotated"
    BACKUP_EXPORTED = "backup_exported"
    STARTED = "started"
    START_REFUSED = "start_refused"
    RUN_FAILED = "run_failed"
    MODE_CHANGED = "mode_changed"
    LATCH_CLOSED = "latch_closed"
    LATCH_SUSPENDED = "latch_suspended"
    LATCH_CLEARED = "latch_cleared"
    OVERRIDE_TYPED = "override_typed"
    REVIEWED = "reviewed"
    EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line. `at` is UTC ms; `kind` is a text, as a later version may know more."""

    seq: int
    at: int
    kind: str
    host: str
    pid: int
    details: dict[str, str | int | bool]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """What a reading found: `fault` names the first broken line, "" = the chain is whole.

    `torn` lines were cut by a power loss or a full disk while they were written.
    """

    entries: int
    head: str
    torn: int
    fault: str


class AuditLog:
    """The audit log in `folder`, shared by every process that acts there.

    The chain shows damage, and a line that was changed or taken out; whoever rewrites all of it, or
    cuts its end off, is seen only by a head that was kept elsewhere.
    """

    def __init__(
        self, folder: Path, now_ms: Callable[[], int], redactor: Redactor | None = None
    ) -> None:
        self.path = folder / AUDIT_NAME
        self._now_ms = now_ms
        self._redactor = redactor if redactor is not None else Redactor()

    def record(self, kind: AuditKind, /, **details: str | int | bool) -> str:
        """Append one line, durably; return why it could not be written, "" = it was.

        Values go through the redactor, and are cut to one short line.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock"), timeout=_LOCK_SECONDS, mode=0o600):
                append_line(self.path, self._line(kind, details))
        except (JournalError, Timeout, OSError) as error:
            problem = f"{self.path} was not written: {_words(error)}"
            _log.error("audit.lost", extra={"kind": kind.value, "error": problem})
            return problem
        return ""

    def entries(self) -> list[AuditEntry]:
        """Return the lines that can be read, oldest first. Raises JournalError."""
        return [found for found in self._read() if found is not None]

    def verify(self) -> AuditVerdict:
        """Return whether the chain is whole, and the first line that breaks it.

        Raises JournalError where the file cannot be read.
        """
        count, head, torn = 0, _GENESIS, 0
        for number, found in enumerate(self._read(), 1):
            if found is None:
                # A fragment is not in the chain: a line that was damaged later is missed there.
                torn += 1
                continue
            if (found.seq, found.previous) != (count + 1, head):
                fault = f"line {number} does not follow the one before it"
                return AuditVerdict(count, head, torn, fault)
            if found.hash != _hash(_body(found)):
                return AuditVerdict(count, head, torn, f"line {number} was changed")
            count, head = found.seq, found.hash
        return AuditVerdict(count, head, torn, "")

    def review(self) -> list[str]:
        """Return what the owner should hear of since the last review, and note that it was told.

        That is: failures before an unlock, an unlock on a new host, a key that may do something
        else than before, and a chain that is broken.
        """
        try:
            entries, fault = self.entries(), self.verify().fault
        except JournalError as error:
            return [error.message]
        told = list(_unusual(entries))
        reviews = [each.details for each in entries if each.kind == AuditKind.REVIEWED]
        if fault and not (reviews and reviews[-1].get("fault") == self._plain(fault)):
            told.append(f"{self.path}: {fault}")
        if told or (entries and entries[-1].kind != AuditKind.REVIEWED):
            self.record(AuditKind.REVIEWED, told=len(told), fault=fault)
        return told

    def _line(self, kind: AuditKind, details: dict[str, str | int | bool]) -> dict[str, object]:
        last = self._last()
        body: dict[str, object] = {
            "seq": 1 if last is None else last.seq + 1,
            "at": self._now_ms(),
            "kind": kind.value,
            "host": self._plain(os.uname().nodename),
            "pid": os.getpid(),
            "details": {
                name: self._plain(value) if isinstance(value, str) else value
                for name, value in details.items()
            },
            "previous": _GENESIS if last is None else last.hash,
        }
        return {**body, "hash": _hash(body)}

    def _plain(self, text: str) -> str:
        # Twice: taking out a control character can complete a secret.
        return self._redactor(plain_text(self._redactor(text), length_max=_TEXT_LENGTH_MAX))

    def _last(self) -> AuditEntry | None:
        """Return the newest line that can be read; None where there is none."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL_BYTES))
                tail = file.read()
        except FileNotFoundError:
            return None
        found = (_entry(line) for line in reversed(tail.split(b"\n")))
        return next((entry for entry in found if entry is not None), None)

    def _read(self) -> Iterator[AuditEntry | None]:
        """Yield each line that is not empty; None for a fragment."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise JournalError(f"{self.path} cannot be read: {error.strerror}") from error
        yield from (_entry(line) for line in data.split(b"\n") if line)


def _unusual(entries: Sequence[AuditEntry]) -> Iterator[str]:
    """Yield what the owner should hear of, in words, of what came after the last review."""
    reviews = [at for at, entry in enumerate(entries) if entry.kind == AuditKind.REVIEWED]
    begins = reviews[-1] if reviews else -1
    hosts: set[str] = set()
    verdicts: dict[str, str] = {}
    failures = 0
    for at, entry in enumerate(entries):
        is_new = at > begins
        match entry.kind:
            case AuditKind.UNLOCK_FAILED:
                failures += 1
            case AuditKind.UNLOCKED:
                if is_new and failures >= FAILURES_MIN:
                    yield f"the keystore was opened after {failures} failures, on {entry.host}"
                if is_new and hosts and entry.host not in hosts:
                    yield f"the keystore was opened on a host not seen before, {entry.host}"
                hosts.add(entry.host)
                failures = 0
            case AuditKind.KEY_CHECKED:
                key, verdict = str(entry.details.get("key")), str(entry.details.get("verdict"))
                before = verdicts.get(key, verdict)
                if is_new and before != verdict:
                    yield f"what the key {key} may do has changed: {before}, now {verdict}"
                verdicts[key] = verdict


def _entry(line: bytes) -> AuditEntry | None:
    """Return what a line says; None for one that is not as this program writes it."""
    try:
        values = json.loads(line)
        if not isinstance(values, dict) or values.keys() != _NAMES:
            return None
        is_ours = json.dumps(values, sort_keys=True).encode() == line
        entry = AuditEntry(**values)
    except (ValueError, TypeError, RecursionError):
        return None
    is_typed = all(type(values[name]) is int for name in ("seq", "at", "pid"))
    is_typed = is_typed and all(
        isinstance(values[name], str) for name in ("kind", "host", "previous", "hash")
    )
    return entry if is_ours and is_typed and isinstance(entry.details, dict) else None


def _body(entry: AuditEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _NAMES - {"hash"}}


def _hash(body: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _words(error: Exception) -> str:
    if isinstance(error, Timeout):
        return "another process holds it"
    return error.message if isinstance(error, JournalError) else str(error)
