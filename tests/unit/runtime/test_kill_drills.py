"""The record of kill drills: whole lines count, and nothing else does."""

import json
from pathlib import Path

import pytest

from tests.support.disks import full_disk
from tradebot.adapters.audit import AuditLog
from tradebot.adapters.evidence import append_line
from tradebot.adapters.proofs import Proofs, prove
from tradebot.errors import JournalError
from tradebot.runtime import drills as kept
from tradebot.runtime.drills import FILE_NAME, Drill

PASSED = Drill(
    at=1_735_689_600_000,
    mode="testnet",
    exchange="binance",
    account="main",
    latched_ms=10,
    cancelled_ms=1500,
    flat_ms=4000,
)


def audit(logs: Path) -> AuditLog:
    return AuditLog(logs, lambda: PASSED.at)


def drills(logs: Path) -> list[Drill]:
    return kept.drills(Proofs.read(audit(logs)))


def record_drill(logs: Path, drill: Drill) -> Path:
    return kept.record_drill(audit(logs), drill)


def test_what_was_recorded_is_read_again_in_order(tmp_path: Path) -> None:
    failed = Drill(
        at=PASSED.at + 1,
        mode="sandbox",
        exchange="binance",
        account="main",
        latched_ms=10,
        cancelled_ms=None,
        flat_ms=None,
        problems=("not flat",),
    )
    assert drills(tmp_path) == []
    logs = tmp_path / "logs"
    for each in (PASSED, failed):
        assert record_drill(logs, each) == logs / FILE_NAME
    assert drills(logs) == [PASSED, failed]
    assert [each.is_passed for each in drills(logs)] == [True, False]


def test_drill_with_a_problem_or_without_its_end_has_not_passed() -> None:
    assert PASSED.is_passed
    for change in ({"problems": ("x",)}, {"flat_ms": None}):
        values = {**PASSED.__class__.__dataclass_fields__}
        kept = {name: getattr(PASSED, name) for name in values}
        assert not Drill(**{**kept, **change}).is_passed


def test_torn_line_is_no_drill_and_swallows_none(tmp_path: Path) -> None:
    path = record_drill(tmp_path, PASSED)
    whole = path.read_bytes()
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        assert drills(tmp_path) == []
        record_drill(tmp_path, PASSED)
        assert drills(tmp_path)[-1] == PASSED


@pytest.mark.parametrize(
    "change",
    [
        {"at": "yesterday"},
        {"at": True},
        {"flat_ms": 4.5},
        {"flat_ms": "soon"},
        {"mode": None},
        {"problems": 3},
        {"more": 1},
    ],
)
def test_line_that_says_something_else_proves_nothing(
    tmp_path: Path, change: dict[str, object]
) -> None:
    values = json.loads(record_drill(tmp_path, PASSED).read_text())
    prove(audit(tmp_path), FILE_NAME, {**values, **change})
    assert drills(tmp_path) == [PASSED]


def test_line_that_somebody_has_typed_proves_nothing(tmp_path: Path) -> None:
    """Symptom: one echoed line was a drill that had passed."""
    path = record_drill(tmp_path, PASSED)
    values = json.loads(path.read_text())
    append_line(path, {**values, "at": PASSED.at + 1})
    assert drills(tmp_path) == [PASSED]
    (tmp_path / "audit.jsonl").unlink()
    assert drills(tmp_path) == [], "nor does one whose chain is gone"


def test_chain_that_is_broken_proves_nothing(tmp_path: Path) -> None:
    record_drill(tmp_path, PASSED)
    chain = tmp_path / "audit.jsonl"
    (line,) = chain.read_text().splitlines()
    other = {**json.loads(line), "pid": 1}
    chain.write_text(json.dumps(other, sort_keys=True) + "\n")
    assert drills(tmp_path) == []
    assert Proofs.read(audit(tmp_path)).fault == f"{chain}: line 1 was changed"


def test_disk_without_space_is_named(tmp_path: Path) -> None:
    with full_disk(), pytest.raises(JournalError, match="cannot be written"):
        record_drill(tmp_path, PASSED)


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(JournalError, match="cannot be read"):
        drills(tmp_path)
