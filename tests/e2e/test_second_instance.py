"""A second bot on one account: in one folder it is locked out, from another one it is found out."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.account import Account
from tests.support.account import account as served
from tests.support.shell import typed
from tradebot.adapters.journal import entries
from tradebot.model.event import FillBooked, OrderSent


@pytest.fixture
def account(folder: Path, tmp_path: Path) -> Iterator[Account]:
    """Return an account of an exchange in real time."""
    with served(folder, tmp_path) as made:
        yield made


def journal(folder: Path) -> list[Any]:
    path = folder / "logs" / "runs" / "testnet-binance-main" / "journal.db"
    return [entry.event for entry in entries(path)]


def assert_every_order_was_posted_once(account: Account, *folders: Path) -> None:
    posts = account.status()["posts_by_client_id"]
    assert set(posts.values()) == {1}
    sent = [
        event.order_id
        for folder in folders
        for event in journal(folder)
        if isinstance(event, OrderSent)
    ]
    assert sorted(sent) == sorted(name for name in posts if not name.endswith("-l"))


@pytest.mark.long
def test_second_bot_in_the_same_folder_is_locked_out(
    account: Account, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.project(folder, monkeypatch, leaves=500)
    with account.bot(folder) as one:
        one.hear("BUY ")
        said = folder / "logs" / "runs" / "testnet-binance-main" / "run.json"
        before = said.read_bytes()
        result = typed("run", "--testnet", "--markets", "ETH/USDT", *account.unlock, code=8)
        assert "another tradebot holds testnet-binance-main" in result.err
        assert said.read_bytes() == before, "what kill and reconcile read is the first one's"
        shown = typed("reconcile", *account.unlock, code=8)
        assert "the bot runs and compares by itself" in shown.out
        assert one.process.poll() is None, "the first one goes on"


@pytest.mark.long
def test_second_bot_of_the_same_user_is_locked_out_from_whatever_folder(
    account: Account, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.project(folder, monkeypatch, leaves=500)
    with account.bot(folder) as one:
        while not (folder / "logs" / "runs" / "last").is_file():
            assert one.process.poll() is None
        other = account.project(tmp_path / "other", monkeypatch, leaves=500)
        result = typed("run", "--testnet", *account.unlock, code=8)
        assert f"another tradebot, process {one.process.pid}, trades this account" in result.err
        assert one.process.poll() is None, "the first one goes on"
    with account.bot(other) as two:
        two.hear("BUY ")
        # Symptom: from another folder of the account it cancelled the stop and sold the coins.
        monkeypatch.chdir(folder)
        words = ("reconcile", "close", "--reason", "x", *account.unlock)
        assert "trades this account on this host" in typed(*words, code=8).err
        assert account.status()["open_orders"] == 1


@pytest.mark.long
def test_second_bot_from_another_folder_refuses_and_the_first_goes_on(
    account: Account, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.project(folder, monkeypatch, leaves=500)
    other = account.project(tmp_path / "other", monkeypatch, leaves=500)
    with account.bot(folder) as one:
        one.hear("BUY ")
        while not account.status()["open_orders"]:
            assert one.process.poll() is None
        with account.bot(other, is_elsewhere=True) as two:
            result = two.ended(6)
        assert "another tradebot trades this account" in result.err
        assert "`tradebot reconcile` shows it" in result.err
        assert one.process.poll() is None
    assert not any(isinstance(event, OrderSent) for event in journal(other))
    assert_every_order_was_posted_once(account, folder)


@pytest.mark.long
def test_bot_from_a_copied_folder_halts_or_refuses_and_doubles_nothing(
    account: Account, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy has the first one's marks and ids: what the first has traded since gives it away."""
    account.project(folder, monkeypatch, leaves=500)
    copied = tmp_path / "copied"
    with account.bot(folder) as one:
        while not (folder / "logs" / "runs" / "last").is_file():
            assert one.process.poll() is None
        shutil.copytree(folder, copied)
        one.hear("BUY ")
        with account.bot(copied, is_elsewhere=True) as two:
            two.ended(6)
        assert one.process.poll() is None
    assert_every_order_was_posted_once(account, folder)


@pytest.mark.long
def test_bots_of_a_folder_copied_while_flat_give_no_two_orders_one_id_and_both_halt(
    account: Account, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both bought under one id, each took the other's fill for its own, and half had no stop."""
    account.project(folder, monkeypatch, leaves=500)
    config = folder / "config.toml"
    nervous = config.read_text()
    config.write_text(nervous.replace("entry = 2", "entry = 500"))
    with account.bot(folder) as one:
        while not (folder / "logs" / "runs" / "last").is_file():
            assert one.process.poll() is None
    assert account.status()["order_posts"] == 0, "it was flat"
    config.write_text(nervous)
    copied = Path(shutil.copytree(folder, tmp_path / "copied"))
    with account.bot(folder) as one, account.bot(copied, is_elsewhere=True) as two:
        assert "moved or copied" in two.ended(6).err
        assert "moved or copied" not in one.ended(6).err
    assert_every_order_was_posted_once(account, folder, copied)
    bought = [
        any(isinstance(event, FillBooked) for event in journal(each)) for each in (folder, copied)
    ]
    assert account.status()["open_orders"] == sum(bought), "what was bought keeps its stop"


@pytest.mark.long
def test_of_two_bots_that_began_while_both_were_flat_one_trades_on_at_most(
    account: Account, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither can know at its start; whoever first sees an order of the other one halts."""
    account.project(folder, monkeypatch, leaves=500)
    other = account.project(tmp_path / "other", monkeypatch, leaves=500)
    with account.bot(folder) as one, account.bot(other, is_elsewhere=True) as two:
        while one.process.poll() is None and two.process.poll() is None:
            account.status()
        halted = one if one.process.poll() is not None else two
        told = halted.ended(6).err
    assert "another tradebot trades this account" in told
    assert_every_order_was_posted_once(account, folder, other)
