"""Evidence that a typed line cannot give: the digest of each line stands in the audit log's chain.

Law: what is not in the chain, or in a chain that is broken, proves nothing. Whoever owns the files
can make all of it anew: this keeps slips out, and lines put in or changed by hand.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradebot.adapters.audit import AuditKind, AuditLog
from tradebot.adapters.evidence import append_line, read_lines
from tradebot.errors import JournalError


def prove(audit: AuditLog, name: str, values: Mapping[str, object]) -> Path:
    """Write one line of evidence beside the audit log, and note it there; return its file.

    Raises JournalError where either cannot be written; it then proves nothing.
    """
    path = audit.path.with_name(name)
    append_line(path, values)
    unwritten = audit.record(AuditKind.EVIDENCE, file=name, line=_digest(values))
    if unwritten:
        raise JournalError(unwritten, hint="check free space and permissions of its folder")
    return path


@dataclass(frozen=True, slots=True)
class Proofs:
    """What a folder's chain holds of evidence; `fault` says why none of it counts, "" = it does."""

    folder: Path
    fault: str
    known: frozenset[tuple[str, str]]

    @classmethod
    def read(cls, audit: AuditLog) -> "Proofs":
        """Return the chain's word on all evidence. Raises JournalError where it cannot be read."""
        fault = audit.verify().fault
        kept = (
            [] if fault else [each for each in audit.entries() if each.kind == AuditKind.EVIDENCE]
        )
        known = {(str(each.details.get("file")), str(each.details.get("line"))) for each in kept}
        return cls(audit.path.parent, fault and f"{audit.path}: {fault}", frozenset(known))

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of a file that are proven, oldest first. Raises JournalError."""
        found = read_lines(self.folder / name)
        return [each for each in found if (name, _digest(each)) in self.known]


def _digest(values: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
