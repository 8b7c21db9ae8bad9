"""`tradebot kill --drill`: the whole emergency stop is rehearsed, and all is as it was before."""

import signal
from pathlib import Path

import pytest

from tests.support.account import account
from tests.support.shell import refused, typed
from tradebot.adapters.clock import WallClock
from tradebot.adapters.latch import FileLatch
from tradebot.adapters.proofs import Proofs
from tradebot.runtime.drills import Drill, drills
from tradebot.runtime.kill_drill import _lift
from tradebot.runtime.run_audit import audit_log

RUN = ("--run", "testnet-binance-main")


def recorded(folder: Path) -> list[Drill]:
    """Return the drills that a project has on record."""
    return drills(Proofs.read(audit_log(folder / "logs")))


def test_words_that_do_not_go_together_are_refused(folder: Path) -> None:
    assert "--testnet is for --drill" in refused(2, "kill", "--testnet")
    assert "neither --flatten nor --run" in refused(2, "kill", "--drill", "--flatten")
    assert "neither --flatten nor --run" in refused(2, "kill", "--drill", "--run", "x")
    assert not (folder / "logs").exists(), "nothing was halted"


def test_drill_lifts_its_own_halt_and_nobody_else_s(tmp_path: Path) -> None:
    latch = FileLatch(tmp_path, WallClock())
    latch.arm("first run")
    latch.halt("kill drill")
    mark = latch.mark()
    assert _lift(latch, mark, "first run") == ""
    assert (latch.may_start(), latch.state().reason) == (True, "first run")
    latch.halt("kill drill")
    mark = latch.mark()
    latch.halt("a real one")
    assert "it stays halted" in _lift(latch, mark, "first run")
    assert not latch.may_start()


@pytest.mark.long
def test_drill_in_the_sandbox_ends_flat_is_on_record_and_leaves_nothing(folder: Path) -> None:
    told = typed("kill", "--drill", "--json").json
    assert (told["passed"], told["mode"], told["problems"]) == (True, "sandbox", [])
    assert told["latched_ms"] <= told["cancelled_ms"] <= told["flat_ms"]
    (drill,) = recorded(folder)
    assert (drill.is_passed, drill.flat_ms) == (True, told["flat_ms"])
    kept = {path.name for path in (folder / "logs").iterdir()}
    assert kept <= {"kill-drills.jsonl", "audit.jsonl", "audit.lock"}, "and no latch"
    shown = typed("kill", "--drill").out
    assert shown.startswith("Kill drill on the sandbox exchange binance: passed; it is on record")
    assert len(recorded(folder)) == 2
    typed("run")


@pytest.mark.long
def test_drill_on_a_testnet_goes_through_the_account_s_journal_and_begins_flat(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with account(folder, tmp_path) as made:
        made.project(folder, monkeypatch, leaves=500)
        for _ in range(2):  # In a new account, and in one that has traded.
            told = typed("kill", "--drill", "--testnet", "--json", *made.unlock).json
            assert (told["passed"], told["mode"]) == (True, "testnet")
        assert made.status()["open_orders"] == 0
        assert "journal and exchange agree" in typed("reconcile", *RUN, *made.unlock).out
        with made.bot(folder) as bot:
            while not made.status()["open_orders"]:
                assert bot.process.poll() is None, "the halt of the drill is lifted"
            words = typed("kill", "--drill", "--testnet", *made.unlock, code=8).err
            assert "another tradebot holds testnet-binance-main" in words
            assert made.status()["open_orders"] == 1
            bot.send(signal.SIGTERM)
            bot.ended(143)
        words = typed("kill", "--drill", "--testnet", *made.unlock, code=2).err
        assert "the account holds a position" in words
        assert made.status()["open_orders"] == 1, "a drill ends nobody's position"
        typed("kill", *made.unlock)
        words = typed("kill", "--drill", "--testnet", *made.unlock, code=6).err
        assert "trading is halted" in words, "a drill lifts no halt"
    assert [each.is_passed for each in recorded(folder)] == [True, True]
