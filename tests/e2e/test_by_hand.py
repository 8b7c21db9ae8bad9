"""What a person tells a bot: one that runs, and one that does not; each word once, and kept."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.shell import Started, refused, started, typed
from tradebot.runtime.runs import Runs

# Always long: what it sells by hand, nothing but the rule keeps it from buying back.
ALWAYS_LONG = """
from dataclasses import dataclass
import numpy as np
from tradebot.strategies.base import Explanation, Strategy

class AlwaysLong(Strategy):
    name = "always_long"

    @dataclass(frozen=True, slots=True)
    class Params:
        pass

    def warmup(self, params):
        return 1

    def exposure(self, candles, params):
        return np.ones(len(candles))

    def explain(self, candles, params):
        return Explanation(confidence=1.0, reasons=("always",))
"""
CONFIG = """
[bot]
markets = ["BTC/USDT"]
[sandbox]
candles = 2000
[strategy]
name = "long.py:AlwaysLong"
[exits]
stop_fraction = 0.3
target_fraction = 0
"""
# A limit entry so far under the price that it stays.
RESTING = """
[entries]
kind = "limit"
offset_fraction = 0.3
timeout_candles = 1000
[risk]
price_collar_fraction = 0.9
"""
# An hour takes a second.
SLOW = ("run", "--speed", "3600x")
FIELDS = {
    *("schema", "run", "command", "id", "scope", "fraction", "reason", "dry_run"),
    *("outcome", "text"),
}
REASON = ("--reason", "a test")


@pytest.fixture
def always(folder: Path) -> Path:
    """Return a folder whose bot is always long."""
    (folder / "long.py").write_text(ALWAYS_LONG)
    (folder / "config.toml").write_text(CONFIG)
    return folder


@contextmanager
def holding(folder: Path) -> Iterator[Started]:
    """Let a bot run that holds a position."""
    with started(folder, *SLOW) as program:
        program.hear(" BUY ")
        yield program


def held(code: int | None = None) -> list[dict[str, Any]]:
    """Return the positions of the last run."""
    positions: list[dict[str, Any]] = typed("status", "--json", code=code).json["positions"]
    return positions


def bodies(kind: str) -> list[dict[str, Any]]:
    """Return the journal's events of one kind."""
    shown = typed("journal", "show", "--json", "--kind", kind).out
    return [json.loads(line)["body"] for line in shown.splitlines()]


def candles() -> int:
    """Return how many candles were decided."""
    return len(bodies("candles_closed"))


def after_candles(count: int, program: Started) -> None:
    """Return when the bot has decided so many candles more."""
    wanted = candles() + count
    while candles() < wanted:
        assert program.process.poll() is None


# --- a bot that runs ----------------------------------------------------------------------------


@pytest.mark.long
def test_part_and_then_all_is_sold_and_nothing_is_bought_back(always: Path) -> None:
    with holding(always) as program:
        (before,) = held()
        half = typed("close", "BTC/USDT", "--fraction", "0.5", "--json", *REASON).json
        (after,) = held()
        assert set(half) == FIELDS
        assert (half["schema"], half["outcome"]) == ("tradebot.command/1", "done")
        assert 0 < float(after["quantity"]) - float(before["quantity"]) / 2 < 0.0001
        assert after["unprotected_since"] is None
        after_candles(2, program)
        assert held()[0]["quantity"] == after["quantity"]
        told = typed("close", "BTC/USDT", *REASON)
        assert "Done: BTC/USDT: sold " in told.out
        after_candles(2, program)
    assert held(3) == []
    assert [each["side"] for each in bodies("fill_booked")] == ["buy", "sell", "sell"]
    assert len(bodies("signal_spent")) == 2


@pytest.mark.long
def test_pause_holds_over_a_restart_and_resume_lifts_it(always: Path) -> None:
    with started(always, *SLOW) as program:
        program.hear("synthetic prices")
        while "last_candle" not in typed("status", "--json", code=None).out:
            assert program.process.poll() is None
        paused = typed("pause", "--reason", "lunch", "--json").json
        assert (paused["outcome"], paused["scope"]) == ("done", None)
        assert "only exits: lunch" in typed("status").out
        typed("close", "BTC/USDT", code=None)
    with started(always, "run", "--resume", "last", "--speed", "3600x") as program:
        while typed("status", code=None).code != 0:
            assert program.process.poll() is None
        after_candles(2, program)
        assert held() == []
        assert "only exits: lunch" in typed("status").out
        lifted = typed("resume", *REASON)
        assert "Done: all trading goes on; it was held up: lunch" in lifted.out
    assert [each["state"] for each in bodies("trading_state_changed")] == ["reducing", "active"]


@pytest.mark.long
def test_resting_entry_is_cancelled_and_stays_cancelled(always: Path) -> None:
    (always / "config.toml").write_text(CONFIG + RESTING)
    with started(always, *SLOW) as program:
        program.hear("synthetic prices")
        while not typed("status", "--json", code=None).out.count('"entry"'):
            assert program.process.poll() is None
        (order,) = typed("status", "--json").json["orders"]
        dry = typed("cancel", "--dry-run")
        assert f"Nothing was done; this would be: cancel the entry order {order['id']}" in dry.out
        assert f"{order['id']} is cancelled" in typed("cancel", order["id"]).out
        after_candles(2, program)
        assert typed("status", "--json").json["orders"] == []
        assert "no entry rests" in typed("cancel", code=3).out


def test_stop_is_not_cancelled_by_hand(always: Path) -> None:
    with holding(always):
        (stop,) = typed("status", "--json").json["orders"]
        told = typed("cancel", stop["id"], code=2)
        assert "`tradebot close BTC/USDT`" in told.out
        assert typed("status", "--json").json["orders"] == [stop]


@pytest.mark.long
def test_two_commands_at_once_are_done_in_turn(always: Path) -> None:
    with (
        holding(always),
        started(always, "close", "BTC/USDT", "--fraction", "0.5", "--json") as one,
        started(always, "close", "BTC/USDT", "--fraction", "0.5", "--json") as other,
        started(always, "pause", "--json") as third,
    ):
        told = [each.ended(0).json["outcome"] for each in (one, other, third)]
    assert told == ["done"] * 3
    assert len({each["command_id"] for each in bodies("command_taken")}) == 3
    assert len(bodies("command_ended")) == 3
    sides = [each["side"] for each in bodies("fill_booked")]
    assert sides == ["buy", "sell", "sell"]


def test_adopting_what_agrees_is_nothing_to_do(always: Path) -> None:
    with holding(always):
        assert "nothing that was named" in typed("adopt", *REASON, code=3).out
        assert "no market or coin" in typed("adopt", "XRP", *REASON, code=2).out


def test_rubbish_among_the_commands_is_refused_by_name_and_the_bot_goes_on(always: Path) -> None:
    with holding(always) as program:
        inbox = always / "logs/runs/sandbox-0001/commands"
        inbox.mkdir(mode=0o700)
        (inbox / "close-all.json").write_text('{"word": "close"}')
        (inbox / "1763648909123-1-0.json").write_text("{" * 100)
        program.hear("'close-all.json' is no command and was not obeyed")
        assert typed("pause", "--json").json["outcome"] == "done"
        assert len(held()) == 1
    names = {each["name"] for each in bodies("command_refused")}
    assert names == {"close-all.json", "1763648909123-1-0.taken"}
    assert len(list((inbox / "refused").iterdir())) == 2


@pytest.mark.long
def test_command_whose_bot_hangs_and_is_killed_is_done_by_who_gave_it(always: Path) -> None:
    inbox = always / "logs/runs/sandbox-0001/commands"
    with holding(always) as program:
        program.send(signal.SIGSTOP)
        with started(always, "close", "BTC/USDT", "--json", *REASON) as giver:
            while not list(inbox.glob("*.json")):
                assert giver.process.poll() is None
            program.send(signal.SIGKILL)
            told = giver.ended(0).json
    assert told["outcome"] == "done"
    assert held(3) == []
    assert len(bodies("command_taken")) == len(bodies("command_ended")) == 1


@pytest.mark.long
def test_ctrl_c_takes_a_waiting_command_back(always: Path) -> None:
    inbox = always / "logs/runs/sandbox-0001/commands"
    with holding(always) as program:
        program.send(signal.SIGSTOP)
        with started(always, "close", "BTC/USDT", *REASON) as giver:
            while not list(inbox.glob("*.json")):
                assert giver.process.poll() is None
            giver.send(signal.SIGINT)
            giver.ended(130)
        assert not list(inbox.glob("*.json"))


# --- a bot that does not run --------------------------------------------------------------------


@pytest.fixture
def left(always: Path) -> Path:
    """Return a folder whose bot was stopped while it held a position."""
    typed("run", "--to", "2025-01-02")
    assert len(held(3)) == 1
    return always


def test_position_of_a_stopped_bot_is_sold_in_part_and_the_rest_is_guarded(left: Path) -> None:
    (before,) = held(3)
    told = typed("close", "BTC/USDT", "--fraction", "0.25", "--json", *REASON).json
    assert told["outcome"] == "done"
    (after,) = held(3)
    (stop,) = typed("status", "--json", code=3).json["orders"]
    assert stop["leg"] == "stop"
    assert float(stop["quantity"]) == pytest.approx(float(before["quantity"]) * 0.75, abs=1e-4)
    assert after["unprotected_since"] is None
    typed("close", "BTC/USDT")
    assert held(3) == []
    assert typed("status", "--json", code=3).json["orders"] == []
    typed("run", "--resume", "last")
    assert "BUY" not in [each["side"].upper() for each in bodies("fill_booked")][1:]
    assert "nothing is held" in typed("close", "BTC/USDT", code=3).out


def test_stopped_bot_is_paused_and_its_next_start_buys_nothing(always: Path) -> None:
    typed("run", "--to", "2025-01-01T00:00:00Z", code=None)
    (always / "config.toml").write_text(CONFIG)
    typed("run", "--to", "2025-01-01T01:00:00Z")
    typed("close", "BTC/USDT", code=None)
    told = typed("pause", *REASON)
    assert "no bot runs, and the next one begins so" in told.out
    assert typed("pause", *REASON).out.count("paused already: a test") == 1
    bought = len(bodies("fill_booked"))
    typed("run", "--resume", "last")
    assert len(bodies("fill_booked")) == bought
    assert "was held up: a test" in typed("resume", "--reason", "back").out
    assert typed("resume", "--reason", "back").out == "Trading was not halted.\n"


def test_resume_lifts_a_pause_that_lies_under_a_halt(left: Path) -> None:
    typed("pause", *REASON)
    typed("kill", "--reason", "storm")
    assert "storm" in refused(6, "run", "--resume", "last")
    dry = typed("resume", "--dry-run", "--json", *REASON).json
    assert (dry["was_halted"], dry["pause"], dry["dry_run"]) == ("storm", "done", True)
    assert typed("status", code=6).code == 6
    told = typed("resume", "--json", *REASON).json
    assert (told["was_halted"], told["pause"]) == ("storm", "done")
    typed("run", "--resume", "last")
    assert "only exits" not in typed("status", code=3).out


def test_pause_survives_kill_where_another_run_is_resumed(left: Path) -> None:
    typed("pause", *REASON)
    typed("run", "--to", "2025-01-01T05:00:00Z")
    typed("kill")
    assert typed("resume", "--json", *REASON).json["pause"] is None
    typed("run", "--resume", "sandbox-0001")
    assert "only exits: a test" in typed("status", "--run", "sandbox-0001", code=3).out


def test_dry_runs_write_nothing(left: Path) -> None:
    folder = left / "logs/runs/sandbox-0001"

    def all_there() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    before = all_there()
    for words in (
        ("pause",),
        ("close", "BTC/USDT"),
        ("close", "BTC/USDT", "--fraction", "0.5"),
        ("cancel",),
        ("adopt", *REASON),
        ("resume", *REASON),
    ):
        told = typed(*words, "--dry-run", "--json", code=None)
        assert told.json["dry_run"] is True
    assert all_there() == before
    plan = typed("close", "BTC/USDT", "--fraction", "0.5", "--dry-run").out
    assert "cancel the stop order" in plan
    assert "at the last close" in plan
    assert "and guard them" in plan


def test_bot_that_does_not_answer_leaves_the_command_waiting_and_it_can_be_withdrawn(
    left: Path,
) -> None:
    """Held by hand here: a process that hangs holds its lock the same way."""
    with Runs(left / "logs").find(None).lock():
        told = typed("close", "BTC/USDT", "--wait", "0", "--json", code=7).json
        assert told["outcome"] == "waiting"
        assert "`tradebot withdraw` takes it back" in told["text"]
        (waits,) = typed("status", "--json").json["commands"]
        scope = "BTC/USDT"
        assert waits == {"id": told["id"], "command": "close", "scope": scope, "taken": False}
        assert f"close BTC/USDT: waits ({told['id']})" in typed("status").out
        dry = typed("withdraw", "--dry-run", "--json").json
        assert (dry["withdrawn"], dry["dry_run"]) == ([told["id"]], True)
        gone = typed("withdraw", told["id"], "--json").json
        assert gone["withdrawn"] == [told["id"]]
        assert "no such command waits" in refused(3, "withdraw")
        typed("close", "BTC/USDT", "--wait", "0", code=7)
        typed("pause", "--wait", "0", code=7)
    assert len(held(3)) == 1
    typed("close", "BTC/USDT", code=3)
    assert held(3) == [], "what waited came first, and left nothing to this one"
    assert [each["word"] for each in bodies("command_taken")] == ["close", "pause", "close"]


def test_command_of_another_user_is_refused_as_the_bot_could_not_read_it(
    left: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    assert f"not to you ({other})" in refused(2, "pause")
    monkeypatch.undo()
    assert not (left / "logs/runs/sandbox-0001/commands").exists()


def test_words_that_cannot_be_are_refused(left: Path) -> None:
    assert "is no market of this run" in refused(2, "close", "XRP/USDT")
    assert "is no market of this run" in refused(2, "cancel", "XRP/USDT")
    assert "--fraction 'half'" in refused(2, "close", "BTC/USDT", "--fraction", "half")
    for fraction in ("0", "1.5", "-1", "0.0000001", "nan"):
        refused(2, "close", "BTC/USDT", "--fraction", fraction)
    assert "one line" in refused(2, "pause", "--reason", "a\nb")
    for seconds in ("-1", "nan", "inf", "3601", "0.5"):
        typed("pause", "--wait", seconds, code=2)
    assert "Missing option '--reason'" in refused(2, "adopt")
    for words in (("pause",), ("close", "BTC/USDT"), ("cancel",), ("adopt", *REASON)):
        assert "there is no run" in refused(3, *words, "--run", "sandbox-0009")
    assert not (left / "logs/runs/sandbox-0001/commands").exists()
