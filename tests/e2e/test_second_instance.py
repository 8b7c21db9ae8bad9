"""A second bot on one account: in one folder it is locked out, from another one it is found out."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.shell import Started, started, typed
from tradebot.adapters.journal import entries
from tradebot.model.event import OrderSent

# Nervous enough to trade within seconds on one-second candles; far stops, so that it stays in.
CONFIG = """
[bot]
markets = ["BTC/USDT"]
timeframe = "1s"
[strategy]
name = "donchian"
[strategy.params]
entry = 2
exit = {exit}
[exits]
stop_fraction = 0.1
target_fraction = 0
[reconcile]
every_seconds = 10
[exchange.ccxt.urls.test]
public = "{url}/api/v3"
private = "{url}/api/v3"
v1 = "{url}/api/v1"
"""


@dataclass(frozen=True)
class Account:
    """A served exchange, and the way to open a keystore."""

    url: str
    key: str
    unlock: tuple[str, ...]

    def status(self) -> Any:
        """Return what the exchange itself counts."""
        return requests.get(f"{self.url}/sandbox/status", timeout=10).json()

    def project(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, leaves: int) -> Path:
        """Make a folder from which the account is traded; positions are left after so long."""
        folder.mkdir(exist_ok=True)
        (folder / "config.toml").write_text(CONFIG.format(url=self.url, exit=leaves))
        monkeypatch.chdir(folder)
        typed("keys", "add", "binance", "--testnet", "--stdin", *self.unlock, stdin=self.key)
        return folder

    @contextmanager
    def bot(self, folder: Path) -> Iterator[Started]:
        """Start a bot in a folder."""
        with started(folder, "run", "--testnet", *self.unlock) as program:
            yield program


@pytest.fixture
def account(folder: Path, tmp_path: Path) -> Iterator[Account]:
    """Return an account of an exchange in real time."""
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery")
    serving = ("sandbox", "serve", "--speed", "real", "--timeframe", "1s", "--json")
    with started(folder, *serving) as server:
        assert server.process.stdout is not None
        door = json.loads(server.process.stdout.readline())
        key = f"{door['api_key']}\n{door['secret']}\n"
        yield Account(door["url"], key, ("--passphrase-file", str(passphrase)))


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
        result = typed("run", "--testnet", *account.unlock, code=8)
        assert "another tradebot holds testnet-binance-main" in result.err
        shown = typed("reconcile", *account.unlock, code=8)
        assert "the bot runs and compares by itself" in shown.out
        assert one.process.poll() is None, "the first one goes on"


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
        with account.bot(other) as two:
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
        with account.bot(copied) as two:
            two.ended(6)
        assert one.process.poll() is None
    assert_every_order_was_posted_once(account, folder)


@pytest.mark.long
def test_of_two_bots_that_began_while_both_were_flat_one_trades_on_at_most(
    account: Account, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither can know at its start; whoever first sees an order of the other one halts."""
    account.project(folder, monkeypatch, leaves=500)
    other = account.project(tmp_path / "other", monkeypatch, leaves=500)
    with account.bot(folder) as one, account.bot(other) as two:
        while one.process.poll() is None and two.process.poll() is None:
            account.status()
        halted = one if one.process.poll() is not None else two
        told = halted.ended(6).err
    assert "another tradebot trades this account" in told
    assert_every_order_was_posted_once(account, folder, other)
