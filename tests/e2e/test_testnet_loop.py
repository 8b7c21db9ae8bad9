"""The bot on the wall's clock: real client, real HTTP, an exchange that runs in real time."""

import json
from pathlib import Path

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


@pytest.mark.long
def test_testnet_bot_trades_protects_and_is_killed_flat_with_one_post_per_order(
    folder: Path, tmp_path: Path
) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery")
    unlock = ("--passphrase-file", str(passphrase))
    serving = ("sandbox", "serve", "--speed", "real", "--timeframe", "1s", "--json")
    with started(folder, *serving) as server:
        assert server.process.stdout is not None
        door = json.loads(server.process.stdout.readline())
        (folder / "config.toml").write_text(CONFIG.format(url=door["url"]))
        key = f"{door['api_key']}\n{door['secret']}\n"
        typed("keys", "add", "binance", "--testnet", "--stdin", *unlock, stdin=key)
        with started(folder, "run", "--testnet", *unlock) as bot:
            bot.hear("BUY ")
            typed("status", code=0)
            killed = typed("kill", "--flatten", "--json", *unlock).json
            bot.ended(6)
        told = requests.get(f"{door['url']}/sandbox/status", timeout=10).json()
    assert killed["open_orders"] == []
    assert killed["left"] == {}
    assert told["open_orders"] == 0
    assert set(told["posts_by_client_id"].values()) == {1}
    run = folder / "logs" / "runs" / "testnet-binance-main"
    events = [entry.event for entry in entries(run / "journal.db")]
    sent = {event.order_id for event in events if isinstance(event, OrderSent)}
    posted = {name for name in told["posts_by_client_id"] if not name.endswith("-l")}
    assert sent == posted
    fills = sum(isinstance(event, FillBooked) for event in events)
    assert fills == told["trades"]
