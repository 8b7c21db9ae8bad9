"""`tradebot kill`: it stops what trades, works with anything broken, and stays until lifted."""

import os
import shutil
from pathlib import Path
from signal import SIGKILL, SIGSTOP

import pytest

from tests.support.shell import BUSY, refused, started, typed
from tradebot.runtime.host_lock import account_lock

LOOKS_MAX = 500

# A moment at which a position has its stop and target resting.
WITH_ORDERS_OUT = "2025-01-01T09:00:00Z"
SLOW = ("run", "--speed", "9000x")
# An hour takes a minute: the bot sleeps through the kill unless the latch wakes it.
ASLEEP = ("run", "--speed", "60x", "--seed", "8")


def wait_for_orders() -> None:
    """Look until the bot has an order at the exchange: its purchase is told before its stop is."""
    for _ in range(LOOKS_MAX):
        if typed("status", "--json", code=None).json["orders"]:
            return
    raise AssertionError("the bot placed no stop")


def test_kill_where_no_bot_was_ever_run_latches_and_does_not_pass_for_a_halt(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symptom: in another folder it said "Halted" and ended with 0, and the bot traded on."""
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    with account_lock("binance", "testnet", "key", logs=folder / "elsewhere"):
        for _ in range(2):
            result = typed("kill", code=7)
            assert "Halted" not in result.err + result.out
            assert "stays halted" not in result.out
            assert f"no bot was ever run from here: {folder}/logs has neither runs" in result.out
            who = f"held on this host by process {os.getpid()}, with its logs in {folder}/elsewhere"
            assert who in result.out
    killed = typed("kill", "--json", code=7).json
    assert (killed["halted"], killed["run"]) == (False, None)
    assert "No account is held on this host" in killed["problems"][0]
    assert "halted" in refused(6, "run")
    assert not (folder / "logs" / "runs").exists(), "a refused run leaves nothing behind"


def test_kill_from_another_folder_halts_the_bot_of_the_configuration(
    busy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symptom: relative paths meant the folder in which it was typed."""
    with started(busy, *SLOW) as program:
        program.hear(" BUY ")
        (busy / "elsewhere").mkdir()
        monkeypatch.chdir(busy / "elsewhere")
        killed = typed("kill", "--flatten", "--json", "--config", "../config.toml").json
        program.ended(6)
    assert (killed["halted"], killed["left"], killed["problems"]) == (True, {}, [])
    assert list((busy / "elsewhere").iterdir()) == []


def test_latch_that_is_removed_is_halted_until_a_person_resumes(busy: Path) -> None:
    """Symptom: after a kill and `rm -r logs/latch` the next run armed itself: "first run"."""
    typed("run")
    typed("kill")
    shutil.rmtree(busy / "logs" / "latch")
    words = refused(6, "run")
    assert "latch is gone or empty, though bots have run here" in words
    assert "tradebot resume --reason" in words
    assert typed("status", "--json", code=6).json["state"] == "halted"
    assert "Resumed." in typed("resume", "--reason", "looked at it").out
    typed("run")


def test_after_a_resume_no_command_calls_it_halted(busy: Path) -> None:
    """Symptom: `pause` said that it stays halted, and `reconcile` named the resume as still due."""
    with started(busy, *SLOW) as program:
        program.hear(" BUY ")
        typed("kill", "--flatten")
        program.ended(6)
    assert "Trading is halted" in typed("reconcile").out
    typed("resume", "--reason", "calm")
    assert "Trading is halted" not in typed("reconcile").out
    assert typed("reconcile", "--json").json["halted"] is False
    for words in (["--dry-run"], []):
        paused = typed("pause", "--reason", "a look", "--json", *words).json["text"]
        assert paused.startswith("only exits from now on; it was halted, and resumed since")


def test_kill_stops_a_bot_at_work_and_cancels_its_orders(busy: Path) -> None:
    with started(busy, *SLOW) as program:
        program.hear(" BUY ")
        wait_for_orders()
        killed = typed("kill", "--json", "--reason", "enough").json
        result = program.ended(6)
    assert "trading is HALTED: the emergency stop is latched" in result.err
    assert (killed["halted"], killed["run"]) == (True, "sandbox-0001")
    assert (killed["open_orders"], killed["problems"]) == ([], [])
    assert killed["cancelled"] >= 1
    assert list(killed["left"]) != []
    status = typed("status", "--json", code=6).json
    assert (status["state"], status["why"]) == ("halted", "enough")
    assert (status["orders"], len(status["positions"])) == ([], len(killed["left"]))


def test_flatten_sells_what_is_left_and_may_come_later(busy: Path) -> None:
    with started(busy, *SLOW) as program:
        program.hear(" BUY ")
        left = typed("kill", "--json").json["left"]
        program.ended(6)
    flat = typed("kill", "--flatten", "--json").json
    assert (flat["sold"], flat["left"], flat["problems"]) == (left, {}, [])
    assert typed("status", "--json", code=6).json["positions"] == []
    again = typed("kill", "--flatten", "--json").json
    assert (again["sold"], again["cancelled"]) == ({}, 0)


def test_kill_wakes_a_bot_that_sleeps(folder: Path) -> None:
    """A paced bot looked at the latch only after its next candle; kill gave up on it."""
    with started(folder, *ASLEEP) as program:
        program.hear("synthetic prices")
        while "last_candle" not in typed("status", "--json", code=None).out:
            assert program.process.poll() is None
        killed = typed("kill", "--json").json
        program.ended(6)
    assert killed["problems"] == []


def test_latch_outlives_every_process_until_a_person_lifts_it(busy: Path) -> None:
    typed("run")
    typed("kill", "--reason", "storm")
    for command in (["run"], ["run", "--resume", "last"], ["run", "--testnet"]):
        words = refused(6, *command)
        assert "trading is halted: storm" in words
        assert "tradebot resume --reason" in words
    assert refused(2, "resume")
    assert typed("resume", "--reason", "calm").out == (
        "Resumed. It was halted: storm\nsandbox-0001: journal and exchange agree.\n"
    )
    assert typed("resume", "--reason", "calm").out == "Trading was not halted.\n"
    typed("run")


def test_refused_run_does_not_become_the_last_one(busy: Path) -> None:
    """Kill then cleared the empty run, and the orders of the real one stayed."""
    typed("run")
    typed("kill")
    refused(6, "run")
    assert typed("kill", "--json").json["run"] == "sandbox-0001"


def test_kill_of_a_run_that_is_not_there_is_not_a_success(busy: Path) -> None:
    typed("run")
    killed = typed("kill", "--json", "--run", "sandbox-001", code=7).json
    assert killed["halted"] is True
    assert "there is no run 'sandbox-001'" in killed["problems"][0]


@pytest.mark.long
def test_kill_clears_every_bot_at_work(busy: Path) -> None:
    with started(busy, *SLOW) as one, started(busy, *SLOW) as other:
        one.hear(" BUY ")
        other.hear(" BUY ")
        killed = typed("kill", "--flatten", "--json").json
        one.ended(6)
        other.ended(6)
    assert sorted(killed["run"].split(", ")) == ["sandbox-0001", "sandbox-0002"]
    assert (killed["left"], killed["problems"]) == ({}, [])
    for run in ("sandbox-0001", "sandbox-0002"):
        status = typed("status", "--json", "--run", run, code=6).json
        assert (status["positions"], status["orders"]) == ([], [])


def test_kill_clears_a_run_whose_configuration_has_changed_since(busy: Path) -> None:
    with started(busy, *SLOW) as program:
        program.hear(" BUY ")
        (busy / "config.toml").write_text(BUSY + "[risk]\nopen_positions_max = 3\n")
        killed = typed("kill", "--flatten", "--json").json
        program.ended(6)
    assert (killed["left"], killed["problems"]) == ({}, [])


@pytest.mark.parametrize(
    "text",
    [
        "[bot]\nnmae = 'x'\n",
        "[bot\n",
        "\0",
        "[" * 20_000,
        "[risk]\norder_notional_max = 1e99999999999999999999",
    ],
)
def test_kill_with_a_broken_configuration_latches_and_names_what_was_not_done(
    folder: Path, text: str
) -> None:
    (folder / "config.toml").write_text(text)
    result = typed("kill", "--json", code=7)
    assert "nothing was cancelled" in result.json["problems"][1]
    (folder / "config.toml").unlink()
    assert "trading is halted" in refused(6, "run")


def test_kill_with_a_broken_configuration_finds_the_latch_of_the_bot(busy: Path) -> None:
    """It closed the latch of the default folder, and the bot traded on."""
    (busy / "config.toml").write_text(BUSY + "[paths]\nlogs = 'elsewhere'\n")
    with started(busy, *SLOW) as program:
        program.hear(" BUY ")
        (busy / "config.toml").write_text("paths.logs = 'elsewhere'\n[bot]\nnmae = 3\n[oops\n")
        assert typed("kill", "--json", code=7).json["halted"] is True
        program.ended(6)


def test_kill_with_a_damaged_journal_latches_and_says_what_was_not_done(busy: Path) -> None:
    typed("run")
    for path in (busy / "logs/runs/sandbox-0001").glob("journal.db*"):
        path.write_bytes(b"rubbish" * 1000)
    killed = typed("kill", "--json", code=7).json
    assert (killed["halted"], killed["run"]) == (True, "sandbox-0001")
    assert "cannot be" in killed["problems"][0]


def test_kill_with_a_damaged_journal_cancels_by_the_ids_at_the_exchange(busy: Path) -> None:
    typed("run", "--to", WITH_ORDERS_OUT)
    assert len(typed("status", "--json", code=3).json["orders"]) == 2
    for path in (busy / "logs/runs/sandbox-0001").glob("journal.db*"):
        path.write_bytes(b"rubbish" * 1000)
    killed = typed("kill", "--json", code=7).json
    assert (killed["cancelled"], killed["open_orders"]) == (2, [])
    assert "only orders were cancelled, those of bot 'main'" in killed["problems"][0]


def test_kill_where_the_latch_cannot_be_written_says_that_it_is_not_closed(busy: Path) -> None:
    (busy / "logs").write_text("a file in the place of the folder")
    killed = typed("kill", "--json", code=7).json
    assert killed["halted"] is False
    assert killed["problems"][0].startswith("THE LATCH IS NOT CLOSED")
    assert "cannot be written" in killed["problems"][0]
    result = typed("kill", code=7)
    assert "Halted" not in result.err + result.out
    assert "stays halted" not in result.out
    refused(1, "run")


@pytest.mark.long
def test_bot_that_hangs_is_ended_and_its_orders_are_cancelled(busy: Path) -> None:
    """Kill named it, and gave up."""
    with started(busy, *SLOW) as program:
        program.hear(" BUY ")
        program.send(SIGSTOP)
        killed = typed("kill", "--flatten", "--json").json
        program.ended(-SIGKILL)
    assert f"its process {program.process.pid} was ended by SIGKILL" in killed["notes"][0]
    assert (killed["open_orders"], killed["left"], killed["problems"]) == ([], {}, [])


@pytest.mark.long
def test_bot_that_does_not_leave_and_is_not_to_be_found_is_named(busy: Path) -> None:
    """Held by our own process here, which is never ended."""
    from tradebot.runtime.runs import Runs

    typed("run")
    with Runs(busy / "logs").find(None).lock():
        killed = typed("kill", "--json", code=7).json
    assert "does not leave its journal, and its process cannot be found" in killed["problems"][0]
