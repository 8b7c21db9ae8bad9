"""One bot an account on this host: the lock is shared and private, and its lack stops nobody."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from tradebot.errors import AccountLocked
from tradebot.runtime.host_lock import Holder, account_lock, bots_at_work, locks_folder

LOGS = Path("project/logs")


@pytest.fixture
def environ(tmp_path: Path) -> Mapping[str, str]:
    """Return an environment whose locks lie in a folder of the test's own."""
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


def test_account_is_held_once_and_its_holder_is_named(environ: Mapping[str, str]) -> None:
    with account_lock("binance", "testnet", "key", logs=LOGS, environ=environ) as problem:
        assert problem == ""
        with (
            pytest.raises(AccountLocked, match=f"process {os.getpid()}, trades this account") as e,
            account_lock("binance", "testnet", "key", logs=LOGS, environ=environ),
        ):
            pass
        assert e.value.exit_code == 8
        with account_lock("binance", "testnet", "another", logs=LOGS, environ=environ) as problem:
            assert problem == ""
    with account_lock("binance", "testnet", "key", logs=LOGS, environ=environ) as problem:
        assert problem == "", "it is free again"


def test_holder_that_left_no_number_is_not_named(environ: Mapping[str, str]) -> None:
    with account_lock("binance", "testnet", "key", logs=LOGS, environ=environ):
        for path in locks_folder(environ).glob("*.pid"):
            path.write_text("rubbish")
        with (
            pytest.raises(AccountLocked, match="another tradebot trades this account"),
            account_lock("binance", "testnet", "key", logs=LOGS, environ=environ),
        ):
            pass


def test_locks_are_the_user_s_own_and_say_nothing_of_the_key(environ: Mapping[str, str]) -> None:
    with account_lock("binance", "testnet", "my-api-key", logs=LOGS, environ=environ):
        folder = locks_folder(environ)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for path in folder.iterdir():
            assert "my-api-key" not in path.name + path.read_text()


def test_where_no_lock_can_be_made_the_bot_goes_on_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in the place of the folder")
    with account_lock(
        "binance", "testnet", "key", logs=LOGS, environ={"XDG_STATE_HOME": str(tmp_path / "state")}
    ) as problem:
        assert "no lock for all folders of this user" in problem


@pytest.mark.parametrize("told", [{}, {"XDG_STATE_HOME": ""}, {"XDG_STATE_HOME": "relative"}])
def test_without_a_folder_of_state_it_is_the_one_in_the_home(
    told: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locks_folder(told) == tmp_path / ".local" / "state" / "tradebot" / "locks"


def test_bots_at_work_are_named_with_their_logs_and_others_are_not(
    environ: Mapping[str, str],
) -> None:
    assert bots_at_work(environ) == []
    with (
        account_lock("binance", "testnet", "key", logs=LOGS, environ=environ),
        account_lock("binance", "testnet", "another key", logs=LOGS, environ=environ),
    ):
        held = Holder(os.getpid(), str(LOGS.absolute()))
        assert bots_at_work(environ) == [held, held]
        assert held.text == f"process {os.getpid()}, with its logs in {LOGS.absolute()}"
        (first, _) = locks_folder(environ).glob("*.pid")
        first.unlink()
        assert sorted(each.process for each in bots_at_work(environ)) == [0, os.getpid()]
        first.write_text("1\n")  # Of one that died: what it left says nothing.
    assert bots_at_work(environ) == []
