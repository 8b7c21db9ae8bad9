"""`tradebot resume`: the emergency stop is lifted where journal and exchange agree."""

from pathlib import Path

import pytest

from tests.support.account import Account, account
from tests.support.clients import client_at
from tests.support.servers import refusing_port
from tests.support.shell import refused, typed
from tradebot.adapters.clock import WallClock
from tradebot.adapters.latch import FileLatch
from tradebot.runtime.runs import Runs

REASON = ("--reason", "calm")
UNREACHABLE = """
[exchange.ccxt.urls.test]
public = "{url}/api/v3"
private = "{url}/api/v3"
v1 = "{url}/api/v1"
"""


def latched(folder: Path) -> str:
    """Return why orders may not leave; "" = they may."""
    latch = FileLatch(folder / "logs" / "latch", WallClock())
    return "" if latch.may_start() else latch.state().reason


def test_dry_run_compares_and_lifts_nothing(busy: Path) -> None:
    typed("run")
    typed("kill", "--reason", "storm")
    told = typed("resume", *REASON, "--dry-run", "--json").json
    assert (told["was_halted"], told["agreed"]) == ("storm", ["sandbox-0001"])
    assert latched(busy) == "storm"


def test_run_that_a_bot_holds_is_not_compared_and_the_halt_stays(busy: Path) -> None:
    typed("run")
    typed("kill", "--reason", "storm")
    with Runs(busy / "logs").find(None).lock():
        assert "another tradebot holds sandbox-0001" in refused(8, "resume", *REASON)
        refused(8, "resume", *REASON, "--unreconciled")
    assert latched(busy) == "storm"


def test_what_cannot_be_compared_refuses_unless_that_is_typed_and_is_noted(busy: Path) -> None:
    typed("run")
    typed("kill", "--reason", "storm")
    (busy / "logs/runs/sandbox-0001/sandbox.jsonl").write_text("rubbish\n")
    result = typed("resume", *REASON, code=None)
    assert result.code not in (0, 7)
    assert latched(busy) == "storm"
    lifted = typed("resume", *REASON, "--unreconciled")
    assert lifted.out.startswith("Resumed. It was halted: storm\nNOT COMPARED: sandbox-0001: ")
    note = FileLatch(busy / "logs" / "latch", WallClock()).state()
    assert note.armed
    assert note.reason.startswith("resumed: calm; UNRECONCILED: sandbox-0001: ")


def test_account_that_never_began_keeps_nobody_from_resuming(folder: Path, tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery")
    unlock = ("--passphrase-file", str(passphrase))
    key = "key-7f3a9c\nsecret-51b2e8\n"
    typed("keys", "add", "binance", "--testnet", "--stdin", *unlock, stdin=key)
    url = f"http://127.0.0.1:{refusing_port()}"
    (folder / "config.toml").write_text(UNREACHABLE.format(url=url))
    typed("run", "--testnet", *unlock, code=5)
    typed("kill", *unlock, code=7)
    assert typed("resume", *REASON, *unlock).out == "Resumed. It was halted: tradebot kill\n"


def _killed_with_a_position(made: Account, folder: Path) -> None:
    with made.bot(folder) as bot:
        while not made.status()["open_orders"]:
            assert bot.process.poll() is None
        assert typed("kill", "--json", *made.unlock).json["problems"] == []
        bot.ended(6)


def _sold_by_hand(made: Account) -> None:
    """Sell coins of the account, as its owner does on the exchange's own page."""
    client = client_at(f"{made.url}/api/v3", WallClock().now_ms)
    client.raw.apiKey, client.raw.secret = made.key.split()
    try:
        client.call("create_order", "BTC/USDT", "market", "sell", "0.01")
    finally:
        client.close()


@pytest.mark.long
def test_resume_refuses_where_books_and_exchange_disagree_until_that_is_settled(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with account(folder, tmp_path) as made:
        made.project(folder, monkeypatch, leaves=500)
        _killed_with_a_position(made, folder)
        _sold_by_hand(made)
        for more in ((), ("--unreconciled",)):
            words = typed("resume", *REASON, *more, *made.unlock, code=7).err
            assert "testnet-binance-main: journal and exchange disagree: BTC" in words
        assert "trading is halted" in refused(6, "run", "--testnet", *made.unlock)
        typed("reconcile", "adopt", "--reason", "sold by hand", *made.unlock)
        told = typed("resume", *REASON, *made.unlock).out
        assert told.splitlines()[1] == "testnet-binance-main: journal and exchange agree."
    assert latched(folder) == ""


@pytest.mark.long
def test_resume_refuses_where_the_exchange_the_keys_or_the_journal_cannot_be_had(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = folder / "logs" / "runs" / "testnet-binance-main"
    with account(folder, tmp_path) as made:
        made.project(folder, monkeypatch, leaves=500)
        _killed_with_a_position(made, folder)
        assert "passphrase" in typed("resume", *REASON, code=4).err
    assert "cannot be asked" in typed("resume", *REASON, *made.unlock, code=5).err
    for path in run.glob("journal.db*"):
        path.rename(path.with_suffix(".kept"))
    words = typed("resume", *REASON, *made.unlock, code=1).err
    assert "has candles, and no journal" in words
    assert not (run / "journal.db").exists(), "an empty one would know of no position"
    assert latched(folder) == "tradebot kill"
    told = typed("resume", *REASON, "--unreconciled", *made.unlock).out
    assert "NOT COMPARED: testnet-binance-main: " in told
    assert latched(folder) == ""
