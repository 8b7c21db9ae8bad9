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


@pytest.mark.long
def test_account_whose_run_json_is_damaged_is_cleared_by_the_name_of_its_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symptom: kill asked nobody, and said that the exchange shows none of our orders."""
    said = folder / "logs" / "runs" / "testnet-binance-main" / "run.json"
    with account(folder, tmp_path) as made:
        made.project(folder, monkeypatch, leaves=500)
        with made.bot(folder) as bot:
            while not made.status()["open_orders"]:
                assert bot.process.poll() is None
        said.write_text("")
        asked = typed("kill", "--json", "--passphrase-file", "missing", code=7).json
        assert (asked["open_orders"], asked["not_asked"]) == (None, ["testnet-binance-main"])
        killed = typed("kill", "--flatten", "--json", *made.unlock).json
        told = made.status()
    assert (killed["open_orders"], killed["not_asked"], killed["problems"]) == ([], [], [])
    assert (killed["cancelled"], killed["left"]) == (1, {})
    assert "run.json is damaged" in killed["notes"][0]
    assert "the account is the one its folder is named after" in killed["notes"][0]
    assert told["open_orders"] == 0
