"""What a key may do, asked before it trades: the command line, the real client, the sandbox."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.sandbox import KEY, SECRET, book
from tests.support.shell import typed
from tradebot.sandbox.auth import KeyRights
from tradebot.sandbox.server import SandboxServer

CONFIG = """
[bot]
markets = ["BTC/USDT"]
timeframe = "1h"
[exchange.ccxt.urls.test]
public = "{url}/api/v3"
private = "{url}/api/v3"
v1 = "{url}/api/v1"
sapi = "{url}/sapi/v1"
"""
ADD = ("keys", "add", "binance", "--testnet", "--stdin")
LINES = f"{KEY}\n{SECRET}\n"


@dataclass
class Exchange:
    """A sandbox that stands in for Binance's testnet, and a project that is pointed at it."""

    url: str
    unlock: tuple[str, ...]

    def tells(self, rights: KeyRights) -> None:
        """Tell this of the key from now on."""
        sent = requests.post(f"{self.url}/sandbox/key", json={"rights": rights}, timeout=10)
        assert sent.status_code == 200

    def status(self) -> Any:
        """Return what the exchange itself counts."""
        return requests.get(f"{self.url}/sandbox/status", timeout=10).json()


@pytest.fixture
def exchange(folder: Path, tmp_path: Path) -> Iterator[Exchange]:
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery")
    server = SandboxServer(book("100 101 99"), api_key=KEY, secret=SECRET, is_time_checked=False)
    url = server.start()
    (folder / "config.toml").write_text(CONFIG.format(url=url))
    yield Exchange(url, ("--passphrase-file", str(passphrase)))
    server.stop()


def _verdicts() -> list[str]:
    """Return what the audit log says of the key: never a part of it."""
    shown = typed("journal", "audit", "--json").out
    assert KEY not in shown
    assert SECRET not in shown
    kept = Path("logs", "audit.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in kept]
    return [each["details"]["verdict"] for each in lines if each["kind"] == "key_checked"]


# --- at the start -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rights", "why"),
    [
        (KeyRights.WITHDRAW, "the key may withdraw"),
        (KeyRights.TRANSFER, "the key may transfer coins"),
        (KeyRights.READ, "the key may not trade"),
    ],
)
def test_start_with_a_key_that_does_more_or_less_than_trade_ends_with_4(
    folder: Path, exchange: Exchange, rights: KeyRights, why: str
) -> None:
    typed(*ADD, *exchange.unlock, stdin=LINES)
    exchange.tells(rights)
    done = typed("run", "--testnet", *exchange.unlock, code=4)
    assert f"binance/testnet/main is refused: {why}" in done.err
    assert exchange.status()["order_posts"] == 0
    assert _verdicts()[-1].endswith("; from listed addresses")
    assert not (folder / "logs" / "runs" / "testnet-binance-main" / "journal.db").exists()


@pytest.mark.parametrize(
    ("rights", "why"),
    [
        (KeyRights.PARTIAL, "does not name every right"),
        (KeyRights.MALFORMED, "does not name every right"),
        (KeyRights.FORBIDDEN, "cannot be asked for what the key may do"),
        (KeyRights.ABSENT, "cannot be asked for what the key may do"),
    ],
)
def test_testnet_is_traded_on_with_a_warning_where_rights_are_not_told(
    folder: Path, exchange: Exchange, rights: KeyRights, why: str
) -> None:
    typed(*ADD, *exchange.unlock, stdin=LINES)
    exchange.tells(rights)
    # What ends it is the market, which the exchange does not list under that name.
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("BTC/USDT", "ETH/USDT"))
    done = typed("run", "--testnet", *exchange.unlock, code=78)
    assert "binance/testnet/main counts as not checked: " in done.err
    assert why in done.err
    assert "give it no right to withdraw" in done.err
    assert "has no spot market ETH/USDT" in done.err
