"""The bot on the wall's clock: real client, real HTTP, an exchange that runs in real time."""

from pathlib import Path
from signal import SIGINT

import pytest

from tests.support.account import STAYING, account
from tests.support.shell import typed
from tradebot.adapters.journal import entries
from tradebot.model.event import FillBooked, OrderSent

NEAR = """
[exits]
stop_fraction = 0.001
target_fraction = 0.002
"""
# Far under the price, and for as long as the test may take.
RESTING = """
[entries]
kind = "limit"
offset_fraction = 0.2
timeout_candles = 1000
"""


@pytest.mark.long
def test_stopped_bot_leaves_no_entry_behind_that_could_buy(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symptom: Ctrl-C left a limit entry at rest; what it bought later had no stop."""
    with account(folder, tmp_path) as made:
        made.project(folder, monkeypatch, leaves=2, more=STAYING + RESTING)
        with made.bot(folder) as bot:
            while not made.status()["open_orders"]:
                assert bot.process.poll() is None
            bot.send(SIGINT)
            bot.ended(130)
        told = made.status()
    assert told["open_orders"] == 0
    assert told["posts_by_client_id"]


@pytest.mark.long
def test_testnet_bot_trades_protects_and_is_killed_flat_with_one_post_per_order(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with account(folder, tmp_path) as made:
        made.project(folder, monkeypatch, leaves=2, more=NEAR)
        with made.bot(folder) as bot:
            bot.hear("BUY ")
            typed("status", code=0)
            killed = typed("kill", "--flatten", "--json", *made.unlock).json
            bot.ended(6)
        told = made.status()
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
