"""The bot on the wall's clock: real client, real HTTP, an exchange that runs in real time."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT
from typing import Any

import pytest
import requests

from tests.support.shell import started, typed
from tradebot.adapters.journal import entries
from tradebot.model.event import FillBooked, OrderSent

# Nervous enough to trade within seconds on one-second candles.
CONFIG = """
[bot]
markets = ["BTC/USDT"]
timeframe = "1s"
[strategy]
name = "donchian"
[strategy.params]
entry = 2
exit = 2
[exits]
stop_fraction = 0.001
target_fraction = 0.002
[exchange.ccxt.urls.test]
public = "{url}/api/v3"
private = "{url}/api/v3"
v1 = "{url}/api/v1"
"""


# Far under the price, and for as long as the test may take.
RESTING = """
[entries]
kind = "limit"
offset_fraction = 0.2
timeout_candles = 1000
"""


@contextmanager
def exchange(folder: Path, unlock: tuple[str, ...], more: str = "") -> Iterator[str]:
    """Yield where a sandbox serves; configuration and keys of its account are in the folder."""
    serving = ("sandbox", "serve", "--speed", "real", "--timeframe", "1s", "--json")
    with started(folder, *serving) as server:
        assert server.process.stdout is not None
        door = json.loads(server.process.stdout.readline())
        (folder / "config.toml").write_text(CONFIG.format(url=door["url"]) + more)
        key = f"{door['api_key']}\n{door['secret']}\n"
        typed("keys", "add", "binance", "--testnet", "--stdin", *unlock, stdin=key)
        yield door["url"]


@pytest.fixture
def unlock(tmp_path: Path) -> tuple[str, ...]:
    """Return the options that unlock the keys."""
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery")
    return ("--passphrase-file", str(passphrase))


def told(url: str) -> dict[str, Any]:
    """Return what the exchange says of itself."""
    answer: dict[str, Any] = requests.get(f"{url}/sandbox/status", timeout=10).json()
    return answer


@pytest.mark.long
def test_stopped_bot_leaves_no_entry_behind_that_could_buy(
    folder: Path, unlock: tuple[str, ...]
) -> None:
    """Symptom: Ctrl-C left a limit entry at rest; what it bought later had no stop."""
    with exchange(folder, unlock, RESTING) as url:
        with started(folder, "run", "--testnet", *unlock) as bot:
            while not told(url)["open_orders"]:
                assert bot.process.poll() is None
            bot.send(SIGINT)
            bot.ended(130)
        assert told(url)["open_orders"] == 0
        assert told(url)["posts_by_client_id"]


@pytest.mark.long
def test_testnet_bot_trades_protects_and_is_killed_flat_with_one_post_per_order(
    folder: Path, unlock: tuple[str, ...]
) -> None:
    with exchange(folder, unlock) as url:
        with started(folder, "run", "--testnet", *unlock) as bot:
            bot.hear("BUY ")
            typed("status", code=0)
            killed = typed("kill", "--flatten", "--json", *unlock).json
            bot.ended(6)
        exchanged = told(url)
    assert killed["open_orders"] == []
    assert killed["left"] == {}
    assert exchanged["open_orders"] == 0
    assert set(exchanged["posts_by_client_id"].values()) == {1}
    run = folder / "logs" / "runs" / "testnet-binance-main"
    events = [entry.event for entry in entries(run / "journal.db")]
    sent = {event.order_id for event in events if isinstance(event, OrderSent)}
    posted = {name for name in exchanged["posts_by_client_id"] if not name.endswith("-l")}
    assert sent == posted
    fills = sum(isinstance(event, FillBooked) for event in events)
    assert fills == exchanged["trades"]
