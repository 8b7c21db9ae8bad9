"""What a run's folder says of it: whole or not at all, and changed only by who holds it."""

import json
from pathlib import Path

import pytest

from tradebot.errors import AccountLocked, JournalError
from tradebot.runtime.runs import Run, Runs, RunSpec

SPEC = RunSpec(mode="testnet", exchange="binance", account="main", markets=("BTC/USDT",))
OTHER = RunSpec(mode="testnet", exchange="binance", account="main", markets=("ETH/USDT",))
NAMED = RunSpec(mode="testnet", exchange="binance", account="main")
SANDBOX = RunSpec(mode="sandbox", exchange="binance", account="main", is_synthetic=True)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "logs")


def begun(runs: Runs) -> Run:
    """Return a run of an account that was held once."""
    run = runs.create(SPEC)
    with run.lock():
        pass
    return runs.find(run.name)


def test_second_start_changes_nothing_of_what_the_first_one_says(runs: Runs) -> None:
    """Symptom: a start that was refused had written its markets over those of the running bot."""
    first = runs.create(SPEC)
    with first.lock():
        second = runs.create(OTHER)
        assert second == first
        with pytest.raises(AccountLocked), second.lock():
            pass
        assert runs.find(first.name).spec() == SPEC
        assert second.is_locked()
    assert not second.is_locked()
    assert runs.find(first.name).spec() == SPEC, "asking who holds it is no start"
    with second.lock():
        assert runs.find(first.name).spec() == OTHER


def test_what_a_run_was_started_with_is_written_whole(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(runs)
    before = run.spec_file.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    second = runs.create(OTHER)
    with pytest.raises(JournalError, match=r"run\.json cannot be written"), second.lock():
        pass
    assert run.spec_file.read_bytes() == before
    assert not run.is_locked()
    assert sorted(path.name for path in run.folder.iterdir()) == ["lock", "run.json"]


def test_simulated_run_is_new_and_says_at_once_what_it_is(runs: Runs) -> None:
    assert runs.find(runs.create(SANDBOX).name).spec() == SANDBOX


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "\0" * 100,
        json.dumps({"mode": "testnet", "exchange": "binance", "account": "other"}),
        json.dumps({"mode": "live", "exchange": "binance", "account": "main"}),
    ],
)
def test_folder_of_an_account_says_by_its_name_whose_it_is(runs: Runs, text: str) -> None:
    run = begun(runs)
    assert run.spec_or_name() == SPEC
    run.spec_file.write_text(text)
    with pytest.raises(JournalError, match=r"run\.json is damaged"):
        run.spec()
    assert run.spec_or_name() == NAMED


@pytest.mark.parametrize("name", ["sandbox-0001", "testnet-binance", "testnet-binance-Main", "x"])
def test_other_folders_say_nothing_by_their_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(JournalError, match=r"run\.json is damaged"):
        Run(tmp_path / name).spec_or_name()


@pytest.mark.parametrize("is_empty", [True, False])
def test_account_whose_journal_is_gone_is_not_begun_anew(runs: Runs, is_empty: bool) -> None:
    """Symptom: after the file was lost, the position and its coins were taken for the owner's."""
    run = begun(runs)
    run.check_journal()
    run.journal.write_bytes(b"x")
    run.candles.write_bytes(b"x")
    run.check_journal()
    run.journal.write_bytes(b"")
    if not is_empty:
        run.journal.unlink()
    with pytest.raises(JournalError, match="testnet-binance-main has candles, and no journal"):
        run.check_journal()
