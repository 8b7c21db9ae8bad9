"""Which runs the emergency stop clears: the last, those at work, accounts that are not closed."""

from pathlib import Path

import pytest

from tests.support.builders import market, started
from tradebot.adapters.journal import SqliteJournal
from tradebot.runtime.kill import targets
from tradebot.runtime.runs import Run, Runs, RunSpec


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Return the runs of a folder without any."""
    return Runs(tmp_path)


def _account(runs: Runs, name: str, *, has_journal: bool = True) -> Run:
    """Return an account that has begun; without its journal where that is to be."""
    run = runs.create(RunSpec(mode="testnet", exchange="binance", account=name))
    with run.lock():
        pass
    if has_journal:
        journal = SqliteJournal(run.journal)
        journal.append([started(market())])
        journal.close()
    return run


def _names(runs: Runs, name: str | None = None) -> list[str]:
    problems: list[str] = []
    found = [each.name for each in targets(runs, name, problems)]
    assert (name is None) or bool(found) != bool(problems)
    return found


def test_no_run_is_nothing_to_clear(runs: Runs) -> None:
    assert _names(runs) == []


def test_last_run_comes_first_and_closed_accounts_are_left_alone(runs: Runs) -> None:
    _account(runs, "closed")
    runs.set_last(_account(runs, "main"))
    assert _names(runs) == ["testnet-binance-main"]


def test_account_at_work_or_with_a_journal_that_tells_nothing_is_cleared(runs: Runs) -> None:
    """Without a journal, a bot that was dead was no run at all: nothing was cancelled."""
    runs.set_last(_account(runs, "main"))
    _account(runs, "gone", has_journal=False)
    _account(runs, "broken").journal.write_bytes(b"rubbish" * 1000)
    busy = _account(runs, "working")
    with busy.lock():
        assert _names(runs) == [
            "testnet-binance-main",
            "testnet-binance-working",
            "testnet-binance-broken",
            "testnet-binance-gone",
        ]


def test_only_the_run_that_is_named_is_cleared(runs: Runs) -> None:
    runs.set_last(_account(runs, "main"))
    _account(runs, "gone", has_journal=False)
    assert _names(runs, "testnet-binance-main") == ["testnet-binance-main"]
    assert _names(runs, "testnet-binance-none") == []


def test_lock_that_cannot_be_tried_counts_as_held(runs: Runs) -> None:
    runs.set_last(_account(runs, "main"))
    run = _account(runs, "odd")
    (run.folder / "lock").unlink()
    (run.folder / "lock").mkdir()
    assert _names(runs) == ["testnet-binance-main", "testnet-binance-odd"]
