"""Limits that have tripped: `status` tells them, and a word of their own lifts them."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.shell import BUSY, refused, typed
from tradebot.adapters.journal import SqliteJournal, entries
from tradebot.model.account import TradingState
from tradebot.model.event import LimitTripped, TradingStateChanged

REASON = ("--reason", "seen")
DRAWDOWN, DAILY = "drawdown_fraction_max", "daily_loss_fraction_max"
# The first trades of this market lose more than that.
LIMITS = """[sizing]
method = "fraction"
[risk]
daily_loss_fraction_max = 0.0005
drawdown_fraction_max = {drawdown}
"""
# The last hour of the first day.
LATE = "2025-01-01T23:00:00Z"


@pytest.fixture(params=["0.0005", "1"])
def fallen(folder: Path, request: pytest.FixtureRequest) -> Path:
    """Return a folder whose bot has lost so much within a day; its drawdown may have tripped."""
    return _fallen(folder, request.param)


def _fallen(folder: Path, drawdown: str) -> Path:
    (folder / "config.toml").write_text(BUSY + LIMITS.format(drawdown=drawdown))
    typed("run", "--to", LATE)
    return folder


def events(folder: Path) -> list[Any]:
    """Return the journal's events."""
    journal = folder / "logs/runs/sandbox-0001/journal.db"
    return [entry.event for entry in entries(journal)]


def test_status_shows_every_limit_that_keeps_entries_out(fallen: Path) -> None:
    """Symptom: a loss of the day that kept all entries out was shown nowhere."""
    tripped = [each for each in events(fallen) if isinstance(each, LimitTripped)]
    seen = typed("status", "--json", code=3).json
    assert [each["control"] for each in seen["limits"]] == [each.control for each in tripped]
    daily = seen["limits"][0]
    assert (daily["control"], daily["until"]) == (DAILY, "2025-01-02T00:00:00Z")
    assert all(each["until"] is None for each in seen["limits"][1:])
    text = typed("status", code=3).out
    for each in tripped:
        assert f"No entries ({each.control}): {each.message}\n" in text
    assert ("only exits: a limit has tripped" in text) is (len(tripped) > 1)


def test_loss_of_a_day_that_is_over_is_shown_no_more(folder: Path) -> None:
    (folder / "config.toml").write_text(BUSY + LIMITS.format(drawdown="1"))
    typed("run")
    assert any(isinstance(each, LimitTripped) for each in events(folder))
    assert typed("status", "--json", code=3).json["limits"] == []


def test_what_lifts_the_emergency_stop_names_the_limit_that_stays(folder: Path) -> None:
    """Symptom: `kill` and `resume` lifted a drawdown, and the next run bought again."""
    _fallen(folder, "0.0005")
    typed("kill", "--reason", "storm")
    for words in (("--dry-run",), ()):
        told = typed("resume", *REASON, *words).out
        assert "It was halted: storm\n" in told
        assert f"Still only exits ({DRAWDOWN}): equity " in told
        assert "the limit is " in told
        assert "`tradebot resume --reason TEXT` allows entries again" in told
    typed("run", "--resume", "last")
    assert "not running (only exits: a limit has tripped)" in typed("status", code=3).out
    lifted = typed("resume", *REASON, "--json").json
    assert (lifted["was_halted"], lifted["pause"], lifted["limits"]) == (None, "done", {})
    assert f"a limit had tripped: {DRAWDOWN}, " in lifted["text"]
    (left,) = typed("status", "--json", code=3).json["limits"]
    assert left["control"] == DAILY, "that one ends with its day"


def halted(folder: Path) -> None:
    """Have a journal that ends with a halt, whose latch is lifted, as after a kill at work."""
    journal = SqliteJournal(folder / "logs/runs/sandbox-0001/journal.db")
    at, halt = journal.last_at(), TradingState.HALTED
    journal.append([TradingStateChanged(at=at, state=halt, reason="a kill")])
    journal.close()


def test_second_word_lifts_the_limit_also_before_the_next_run(folder: Path) -> None:
    _fallen(folder, "0.0005")
    halted(folder)
    typed("kill")
    assert DRAWDOWN in typed("resume", *REASON, "--json").json["limits"]
    assert typed("resume", *REASON, "--json").json["pause"] == "done"
    assert "only exits" not in typed("status", code=3).out


def test_pause_over_a_lifted_halt_is_shown(folder: Path) -> None:
    """Symptom: after a kill, its resume and a pause nothing told of the pause."""
    _fallen(folder, "1")
    halted(folder)
    lifted = "the halt is lifted: the next run trades"
    assert typed("status", "--json", code=3).json["why"] == lifted
    typed("pause", "--reason", "lunch")
    seen = typed("status", "--json", code=3).json
    assert (seen["paused"], seen["why"]) == ("lunch", f"{lifted}, only exits: lunch")
    assert typed("resume", *REASON, "--json").json["pause"] == "done"
    seen = typed("status", "--json", code=3).json
    assert (seen["paused"], seen["why"]) == (None, "")


@pytest.mark.parametrize("reason", ["", "  "])
def test_reason_of_nothing_lifts_and_pauses_nothing(folder: Path, reason: str) -> None:
    """Symptom: `resume --reason ""` lifted a halt, and its reason was kept as none."""
    _fallen(folder, "1")
    typed("kill", "--reason", "storm")
    for command in ("resume", "pause"):
        assert "say why" in refused(2, command, "--reason", reason)
    assert "storm" in typed("status", code=6).out


def test_kill_without_a_reason_halts_and_is_lifted_as_any_other(folder: Path) -> None:
    """Symptom: after `kill --reason ""` it was told that trading had not been halted."""
    _fallen(folder, "1")
    typed("kill", "--reason", "")
    assert typed("resume", *REASON).out.startswith("Resumed. It was halted: no reason given\n")
