"""The audit log: a chain of durable lines that shows what was changed, and never in the way."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from tests.support.disks import full_disk
from tradebot.adapters import audit
from tradebot.adapters.audit import AUDIT_NAME, AuditKind, AuditLog
from tradebot.adapters.redact import Redactor, Secret
from tradebot.errors import JournalError

NOW_MS = 1_700_000_000_000
CANARY = "canary-7f3a9c"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return where the name of this host can be set."""
    name = {"name": "vps-1"}
    found = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((found[0], name["name"], *found[2:])))
    return name


def log_in(folder: Path) -> AuditLog:
    return AuditLog(folder / "logs", lambda: NOW_MS, Redactor([Secret(CANARY)]))


def filled(folder: Path) -> AuditLog:
    """Return a log of three lines."""
    log = log_in(folder)
    log.record(AuditKind.UNLOCK_FAILED)
    log.record(AuditKind.UNLOCKED, source="prompt")
    log.record(AuditKind.LATCH_CLOSED, reason="kill", sold=True, count=2)
    return log


def lines(log: AuditLog) -> list[bytes]:
    return log.path.read_bytes().splitlines(keepends=True)


def test_a_line_says_what_when_where_and_who(tmp_path: Path, host: dict[str, str]) -> None:
    log = filled(tmp_path)
    last = log.entries()[-1]
    assert (last.seq, last.at, last.kind, last.host) == (3, NOW_MS, "latch_closed", "vps-1")
    assert last.pid == os.getpid()
    assert last.details == {"reason": "kill", "sold": True, "count": 2}
    assert log.verify() == audit.AuditVerdict(3, last.hash, 0, "")
    assert log.path == tmp_path / "logs" / AUDIT_NAME


def test_the_files_are_private(tmp_path: Path) -> None:
    log = filled(tmp_path)
    files = [log.path, log.path.with_suffix(".lock")]
    assert [stat.S_IMODE(each.stat().st_mode) for each in files] == [0o600, 0o600]


def test_no_secret_and_no_escape_gets_in(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.record(
        AuditKind.OVERRIDE_TYPED, reason=f"a\x1b[31m\n{CANARY} canary-\x007f3a9c {'x' * 999}"
    )
    assert CANARY not in log.path.read_text()
    reason = str(log.entries()[0].details["reason"])
    assert reason.startswith("a *** *** xxx")
    assert len(reason) <= 500


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_changed_line_is_named(tmp_path: Path, number: int) -> None:
    log = filled(tmp_path)
    found = lines(log)
    found[number - 1] = found[number - 1].replace(str(NOW_MS).encode(), b"1600000000000")
    log.path.write_bytes(b"".join(found))
    assert log.verify().fault == f"line {number} was changed"
    assert log.verify().entries == number - 1


def test_a_line_that_was_changed_and_hashed_again_is_missed_by_the_next(tmp_path: Path) -> None:
    log = filled(tmp_path)
    found = lines(log)
    body = {**json.loads(found[0]), "at": 1}
    del body["hash"]
    found[0] = json.dumps({**body, "hash": audit._hash(body)}, sort_keys=True).encode() + b"\n"
    log.path.write_bytes(b"".join(found))
    assert log.verify().fault == "line 2 does not follow the one before it"


@pytest.mark.parametrize("number", [1, 2])
def test_a_line_that_was_taken_out_or_made_unreadable_is_missed(
    tmp_path: Path, number: int
) -> None:
    log = filled(tmp_path)
    found = lines(log)
    for replaced in ([], [b"{}\n"], [b"not JSON\n"], [found[number - 1].replace(b": ", b":")]):
        log.path.write_bytes(b"".join([*found[: number - 1], *replaced, *found[number:]]))
        place = number + len(replaced)
        assert log.verify().fault == f"line {place} does not follow the one before it"


@pytest.mark.parametrize(
    "name", ["seq", "at", "kind", "host", "pid", "details", "previous", "hash"]
)
def test_a_line_with_a_field_of_another_type_is_none(tmp_path: Path, name: str) -> None:
    log = filled(tmp_path)
    found = lines(log)
    odd = json.dumps({**json.loads(found[2]), name: None}, sort_keys=True).encode() + b"\n"
    log.path.write_bytes(b"".join([*found[:2], odd]))
    assert (log.verify().entries, log.verify().torn) == (2, 1)


def test_every_cut_of_the_last_line_leaves_a_chain_that_goes_on(tmp_path: Path) -> None:
    log = filled(tmp_path)
    whole = log.path.read_bytes()
    begins = len(whole) - len(lines(log)[-1])
    for end in range(begins, len(whole)):
        log.path.write_bytes(whole[:end])
        assert log.record(AuditKind.STARTED, run="testnet-binance-main", end=end) == ""
        found = log.verify()
        # All of it but its line end is the line itself.
        kept, torn = (3, 0) if end == len(whole) - 1 else (2, 0 if end == begins else 1)
        assert (found.entries, found.torn, found.fault) == (kept + 1, torn, "")


def test_a_long_log_goes_on_from_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_TAIL_BYTES", 700)
    log = filled(tmp_path)
    assert log.record(AuditKind.UNLOCKED) == ""
    assert (log.verify().entries, log.verify().fault) == (4, "")


def test_processes_that_write_at_once_make_one_chain(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tradebot.adapters.audit import *\n"
        "log = AuditLog(Path(sys.argv[1]) / 'logs', lambda: 1)\n"
        "for number in range(20): assert log.record(AuditKind.STARTED, number=number) == ''"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, tmp_path]) for _ in range(2)]  # noqa: S603  # our own code
    assert [each.wait(timeout=60) for each in both] == [0, 0]
    verdict = log_in(tmp_path).verify()
    assert (verdict.entries, verdict.torn, verdict.fault) == (40, 0, "")


def test_what_cannot_be_written_is_said_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_LOCK_SECONDS", 0)
    log = filled(tmp_path)
    with FileLock(log.path.with_suffix(".lock")):
        assert log.record(AuditKind.UNLOCKED).endswith(
            "audit.jsonl was not written: another process holds it"
        )
    with full_disk():
        assert "File too large" in log.record(AuditKind.UNLOCKED)
    assert log.verify().entries == 3
    (tmp_path / "file").touch()
    elsewhere = AuditLog(tmp_path / "file" / "logs", lambda: NOW_MS)
    assert "Not a directory" in elsewhere.record(AuditKind.UNLOCKED)


def test_a_symbolic_link_in_its_place_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "elsewhere").touch()
    (tmp_path / "logs" / AUDIT_NAME).symlink_to(tmp_path / "elsewhere")
    assert "symbolic link" in log_in(tmp_path).record(AuditKind.UNLOCKED)
    assert (tmp_path / "elsewhere").read_bytes() == b""


def test_a_log_that_cannot_be_read_is_an_error_and_one_that_is_not_there_is_empty(
    tmp_path: Path,
) -> None:
    assert log_in(tmp_path).verify() == audit.AuditVerdict(0, "0" * 64, 0, "")
    (tmp_path / "logs" / AUDIT_NAME).mkdir(parents=True)
    with pytest.raises(JournalError, match=r"audit.jsonl cannot be read: Is a directory"):
        log_in(tmp_path).entries()
    assert log_in(tmp_path).review() == [
        f"{tmp_path}/logs/audit.jsonl cannot be read: Is a directory"
    ]


# --- what the owner should hear of --------------------------------------------------------------


def test_failures_before_an_unlock_are_told_from_the_third_on_and_once(
    tmp_path: Path, host: dict[str, str]
) -> None:
    log = log_in(tmp_path)
    for failures in (2, 3):
        for _ in range(failures):
            log.record(AuditKind.UNLOCK_FAILED)
        log.record(AuditKind.UNLOCKED)
    assert log.review() == ["the keystore was opened after 3 failures, on vps-1"]
    assert log.review() == []
    log.record(AuditKind.UNLOCK_FAILED)
    log.record(AuditKind.UNLOCKED)
    assert log.review() == []


def test_failures_that_a_review_lies_between_are_counted_together(
    tmp_path: Path, host: dict[str, str]
) -> None:
    log = log_in(tmp_path)
    for _ in range(3):
        log.record(AuditKind.UNLOCK_FAILED)
        assert log.review() == []
    log.record(AuditKind.UNLOCKED)
    assert log.review() == ["the keystore was opened after 3 failures, on vps-1"]


def test_an_unlock_on_another_host_is_told_but_not_the_first_ever(
    tmp_path: Path, host: dict[str, str]
) -> None:
    log = log_in(tmp_path)
    log.record(AuditKind.UNLOCKED)
    host["name"] = "thief\x1b[2J"
    log.record(AuditKind.UNLOCKED)
    log.record(AuditKind.UNLOCKED)
    assert log.review() == ["the keystore was opened on a host not seen before, thief"]
    host["name"] = "vps-1"
    log.record(AuditKind.UNLOCKED)
    assert log.review() == []


def test_a_key_that_may_do_something_else_than_before_is_told(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    for key, verdict in (("a", "trade"), ("b", "withdraw"), ("a", "trade"), ("a", "withdraw")):
        log.record(AuditKind.KEY_CHECKED, key=key, verdict=verdict)
    assert log.review() == ["what the key a may do has changed: trade, now withdraw"]


def test_a_broken_chain_is_told_once(tmp_path: Path) -> None:
    log = filled(tmp_path)
    log.path.write_bytes(b"".join(lines(log)[1:]))
    told = [f"{log.path}: line 1 does not follow the one before it"]
    assert [log.review(), log.review()] == [told, []]


def test_a_review_of_nothing_new_writes_nothing(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.review()
    assert not log.path.exists()
    log.record(AuditKind.STARTED)
    log.review()
    before = log.path.read_bytes()
    log.review()
    assert log.path.read_bytes() == before
