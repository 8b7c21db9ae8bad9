"""`tradebot arm` and `run --live`, as they are typed."""

import signal
from pathlib import Path

import pytest

from tests.support.account import account
from tests.support.shell import BUSY, typed

SENTENCE = "I trade real money without a rehearsed emergency stop"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_fresh_project_is_not_armed_and_is_told_how() -> None:
    done = typed("arm", code=6)
    assert "NOT ARMED: 9 of 10 rungs are missing." in done.out
    assert "tradebot kill --drill" in done.out
    assert f'--sentence "{SENTENCE}"' in done.out
    assert "100 in the quote coin may be at work" in done.out


def test_live_refuses_before_it_asks_for_any_key() -> None:
    done = typed("run", "--live", code=6)
    assert "not armed for real money: days: 0 days" in done.err
    assert not Path("logs/live-binance-main").exists()


def test_live_and_testnet_are_not_asked_for_at_once() -> None:
    typed("run", "--live", "--testnet", code=2)


def test_drill_and_full_sentence_meet_their_rungs() -> None:
    typed("kill", "--drill")
    override = ("arm", "--override", "replay", "--reason", "not built yet", "--json")
    typed(*override, "--sentence", "yes", code=2)
    words = "I trade real money without having compared trading with its replay"
    done = typed(*override, "--sentence", words, code=6)
    shown = done.json
    rungs = {rung["code"]: rung for rung in shown["rungs"]}
    assert (shown["schema"], shown["armed"], shown["stage"]) == ("tradebot.arm/1", False, None)
    assert rungs["drill"]["met"] is True
    assert (rungs["replay"]["met"], rungs["replay"]["override"]) == (False, "not built yet")


def test_backup_of_a_run_is_a_journal_of_its_own() -> None:
    Path("config.toml").write_text(BUSY)
    typed("run")
    done = typed("journal", "backup", "copy.db", "--json")
    assert done.json["events"] > 1
    assert Path("copy.db").is_file()
    typed("journal", "backup", "copy.db", code=1)


@pytest.mark.long
def test_bot_that_runs_shows_its_comparison_and_its_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    with account(folder, tmp_path) as made:
        made.project(folder, monkeypatch, leaves=500)
        with made.bot(folder) as bot:
            while not (folder / "logs" / "comparisons.jsonl").exists():
                assert bot.process.poll() is None
            bot.send(signal.SIGTERM)
            bot.ended(143)
        rungs = {rung["code"]: rung for rung in typed("arm", "--json", code=6).json["rungs"]}
        assert rungs["clock"]["met"] is True
        assert rungs["reconciled"]["met"] is True
        assert "is on this machine" in rungs["days"]["text"]
