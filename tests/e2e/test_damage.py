"""Files that were damaged behind our back, a disk that is full, a folder that is not one."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.disks import full_disk
from tests.support.shell import refused, typed

RUN = Path("logs/runs/sandbox-0001")
JOURNAL = RUN / "journal.db"
LOOKING = (["report"], ["status"], ["journal", "show"])


@pytest.fixture
def traded(busy: Path) -> Path:
    """Return a folder in which a run has ended."""
    typed("run")
    return busy


def tamper(statement: str) -> None:
    """Change the journal as somebody would who wants it to tell something else."""
    with closing(sqlite3.connect(JOURNAL)) as db:
        names = db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in names:
            db.execute(f"DROP TRIGGER {name}")
        db.execute(statement)
        db.commit()


def no_journal() -> None:
    """Remove the journal and what SQLite keeps beside it."""
    for path in RUN.glob("journal.db*"):
        path.unlink()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET body = replace(body, 'BTC', 'XTC') WHERE seq = 2",
        "UPDATE events SET kind = 'order_sent' WHERE seq = 2",
        "UPDATE events SET at = at + 1 WHERE seq = 2",
        "DELETE FROM events WHERE seq = 2",
        "DELETE FROM events WHERE seq = 1",
    ],
)
def test_tampered_journal_is_found_and_traded_on_by_nobody(traded: Path, statement: str) -> None:
    tamper(statement)
    verdict = typed("journal", "verify", "--json", code=1).json
    assert "the chain breaks at event" in verdict["fault"]
    assert "FAULT after" in typed("journal", "verify", code=1).out
    for command in (["run", "--resume", "last"], *LOOKING[:2]):
        assert "the chain breaks at event" in refused(1, *command)


def test_rubbish_in_the_place_of_the_journal_is_named(traded: Path) -> None:
    no_journal()
    JOURNAL.write_bytes(b"rubbish" * 1000)
    for command in (["run", "--resume", "last"], *LOOKING):
        assert "file is not a database" in refused(1, *command)
    assert "SQLite" in typed("journal", "verify", "--json", code=1).json["fault"]


def test_missing_journal_is_not_begun_anew_over_an_old_account(traded: Path) -> None:
    """The resumed run began a second journal on an exchange that knew the first one's orders."""
    no_journal()
    for command in LOOKING:
        assert "no journal at" in refused(3, *command)
    words = refused(6, "run", "--resume", "last")
    assert "sandbox.jsonl has orders, but" in words
    assert "restore the journal from a backup, or start a new run" in words


def test_missing_record_of_the_sandbox_is_not_begun_anew(traded: Path) -> None:
    (RUN / "sandbox.jsonl").unlink()
    assert "has fills, but" in refused(6, "run", "--resume", "last")


def test_torn_last_line_of_the_record_was_never_obeyed(traded: Path) -> None:
    with (RUN / "sandbox.jsonl").open("a") as record:
        record.write('{"at":17357')
    typed("run", "--resume", "last")


@pytest.mark.parametrize(
    ("damage", "code", "said"),
    [
        (lambda text: text + "rubbish\n", 1, "the record is damaged; start a new one"),
        (lambda text: "rubbish\n", 6, "the record of another sandbox market or account"),
        (lambda text: text.replace('"at"', '"ta"'), 6, "the record of another"),
    ],
)
def test_damaged_record_of_the_sandbox_is_named(
    traded: Path, damage: Callable[[str], str], code: int, said: str
) -> None:
    record = RUN / "sandbox.jsonl"
    record.write_text(damage(record.read_text()))
    assert said in refused(code, "run", "--resume", "last")


@pytest.mark.parametrize("text", ["rubbish", "{}", "[]", '{"files": 3}', '{"mode": "sandbox"}'])
def test_damaged_spec_of_a_run_is_named(traded: Path, text: str) -> None:
    (RUN / "run.json").write_text(text)
    words = refused(1, "run", "--resume", "last")
    assert "run.json is damaged" in words
    assert "start a new run" in words
    assert typed("status", "--json", code=3).json["run"] == "sandbox-0001"
    killed = typed("kill", "--json", code=7).json
    assert ["run.json is damaged" in problem for problem in killed["problems"]] == [True]
    assert (killed["open_orders"], killed["not_asked"]) == (None, ["sandbox-0001"])
    told = typed("kill", code=7).out
    assert "sandbox-0001: not asked, or without an answer: nobody knows here which of our" in told
    assert "shows 0 of our orders" not in told


def test_kill_finds_the_run_although_the_name_of_the_last_is_gone(traded: Path) -> None:
    Path("logs/runs/last").unlink()
    killed = typed("kill", "--flatten", "--json").json
    assert (killed["run"], killed["left"], killed["problems"]) == ("sandbox-0001", {}, [])


def test_missing_spec_does_not_hide_the_run_from_kill(traded: Path) -> None:
    (RUN / "run.json").unlink()
    assert "run.json is damaged" in typed("kill", "--json", code=7).json["problems"][0]


def test_damaged_candle_store_is_named(traded: Path) -> None:
    for path in RUN.glob("candles.db*"):
        path.unlink()
    (RUN / "candles.db").write_text("rubbish")
    assert "move it away and import again" in refused(1, "run", "--resume", "last")


def test_last_run_that_is_gone_is_named(traded: Path) -> None:
    shutil.rmtree(RUN)
    assert "there is no run 'sandbox-0001'" in refused(3, "report")
    typed("run")
    typed("report")


@pytest.mark.parametrize("name", ["lock", "sandbox-door.json", "sandbox.jsonl", "journal.db"])
def test_folder_in_the_place_of_a_file_is_named(traded: Path, name: str) -> None:
    no_journal() if name == "journal.db" else (RUN / name).unlink(missing_ok=True)
    (RUN / name).mkdir()
    words = refused(1, "run", "--resume", "last")
    assert name in words


def test_file_in_the_place_of_the_logs_is_named(busy: Path) -> None:
    (busy / "logs").write_text("a file")
    words = refused(1, "run")
    assert "the latch cannot be armed" in words
    assert "set [paths] logs" in words
    assert "there is no run yet" in refused(3, "report")


def test_logs_that_cannot_be_written_are_named(busy: Path) -> None:
    typed("run")
    shutil.rmtree(busy / "logs" / "runs")
    (busy / "logs" / "runs").write_text("a file")
    assert "check free space and permissions, or set [paths] logs" in refused(1, "run")


def test_full_disk_ends_in_words_and_loses_nothing(busy: Path) -> None:
    with full_disk():
        assert "cannot be armed" in refused(1, "run")
    before = typed("run", "--json").json["head"]
    with full_disk():
        words = refused(1, "run")
        assert "cannot be written" in words
        assert "free space" in words
        report = typed("report", "--json").json
    assert report["run"] == "sandbox-0001"
    assert typed("run", "--json").json["head"] == before


def test_kill_on_a_full_disk_halts(busy: Path) -> None:
    typed("run")
    with full_disk():
        killed = typed("kill", "--json", code=7).json
    assert killed["halted"] is True
    assert "trading is halted" in refused(6, "run")
