"""Ctrl-C, SIGTERM and kill -9 at a moment of our choice: the restart ends as if nothing had been.

After an orderly stop the journal is the same to the last byte. After a crash in the middle of an
order it tells of the crash too (a dead intent is never revived), but of the same fills.
"""

from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM

import pytest

from tests.support.shell import BUSY, fills, head, started, typed

# Two candles a second, or ten: the signal comes long before the end.
PACED = ("run", "--speed", "9000x")
BRISK = ("run", "--speed", "36000x")


@dataclass(frozen=True)
class Whole:
    """A run that nobody stopped."""

    head: str
    equity: str
    fills: list[tuple[str, ...]]


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Whole:
    """Return how a run ends that nobody stopped."""
    elsewhere = tmp_path / "whole"
    elsewhere.mkdir()
    (elsewhere / "config.toml").write_text(BUSY)
    with monkeypatch.context() as patch:
        patch.chdir(elsewhere)
        run = typed("run", "--json").json
        return Whole(run["head"], run["equity"], fills())


def resumed() -> Whole:
    """Go on with the last run, to its end."""
    run = typed("run", "--json", "--resume", "last").json
    return Whole(run["head"], run["equity"], fills())


def assert_same_trades(one: Whole, other: Whole) -> None:
    """Demand the same fills and the same money, whatever the journal tells besides."""
    assert (one.fills, one.equity) == (other.fills, other.equity)


@pytest.mark.parametrize(("signal", "code"), [(SIGINT, 130), (SIGTERM, 143)])
def test_stopped_run_says_so_and_goes_on_to_the_same_end(
    whole: Whole, busy: Path, signal: object, code: int
) -> None:
    with started(busy, *PACED) as program:
        program.hear(" BUY ")
        program.send(signal)  # type: ignore[arg-type]  # typed as int above
        result = program.ended(code)
    assert "Stopping: no new orders; positions keep their stops." in result.err
    assert "Result  " in result.out
    assert typed("status", code=3).out.splitlines()[0].endswith("not running")
    assert head() != whole.head
    assert resumed() == whole


def test_second_signal_ends_at_once_and_loses_nothing(whole: Whole, busy: Path) -> None:
    """Two different signals: two of one kind may reach the program as one."""
    with started(busy, *PACED) as program:
        program.hear(" BUY ")
        program.send(SIGINT, SIGTERM)
        program.process.wait()
        result = program.ended(program.process.returncode)
    assert result.code in (130, 143)
    assert_same_trades(resumed(), whole)


def test_killed_process_leaves_a_journal_that_goes_on(whole: Whole, busy: Path) -> None:
    with started(busy, *PACED) as program:
        program.hear(" BUY ")
        program.send(SIGKILL)
        program.ended(-SIGKILL)
    assert typed("journal", "verify", "--json").json["fault"] is None
    assert typed("status", "--json", code=3).json["positions"] != []
    assert_same_trades(resumed(), whole)


@pytest.mark.long
def test_run_may_be_stopped_as_often_as_one_likes(whole: Whole, busy: Path) -> None:
    with started(busy, *BRISK) as program:
        program.hear(" BUY ")
        program.send(SIGKILL)
        program.ended(-SIGKILL)
    for _ in range(2):
        with started(busy, *BRISK, "--resume", "last") as program:
            program.hear(" (BUY|SELL) ")
            program.send(SIGINT)
            program.ended(130)
    assert_same_trades(resumed(), whole)


def test_run_that_is_being_traded_is_locked(busy: Path) -> None:
    with started(busy, *PACED) as program:
        program.hear(" BUY ")
        assert typed("status", "--json").json["state"] == "running"
        second = typed("run", "--resume", "last", code=8)
        assert "Error: another tradebot holds sandbox-0001" in second.err
        program.send(SIGINT)
        program.ended(130)


@pytest.mark.long
def test_two_runs_side_by_side_have_each_their_own_journal(busy: Path) -> None:
    with started(busy, *PACED) as program:
        program.hear(" BUY ")
        assert typed("run", "--json").json["run"] == "sandbox-0002"
        program.send(SIGINT)
        program.ended(130)
    assert typed("journal", "verify", "--json", "--run", "sandbox-0001").json["fault"] is None
