"""What a person tells a bot on the wall's clock, at an exchange in real time over HTTP."""

from pathlib import Path
from signal import SIGINT
from typing import Any

import pytest

from tests.support.account import Account, account
from tests.support.shell import typed

REASON = ("--reason", "a test")
# Somebody takes cash out a moment before the first order.
BY_HAND = """
[[script]]
fault = "balance"
request = "POST order"
hit = 1
asset = "USDT"
change = -250.5
"""


def positions() -> list[dict[str, Any]]:
    held: list[dict[str, Any]] = typed("status", "--json", code=None).json["positions"]
    return held


def events() -> int:
    return int(typed("status", "--json", code=None).json["events"])


def started_again(made: Account, folder: Path, wanted: str) -> None:
    """Let a bot run until it has written some events; its state must be as wanted then."""
    before = events()
    with made.bot(folder) as bot:
        while events() < before + 5:
            assert bot.process.poll() is None
        assert wanted in typed("status").out
        bot.send(SIGINT)
        bot.ended(130)


@pytest.mark.long
def test_account_is_closed_in_part_paused_restarted_and_closed_while_stopped(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with account(folder, tmp_path) as made:
        made.project(folder, monkeypatch, leaves=500)
        with made.bot(folder) as bot:
            bot.hear("BUY ")
            half = typed("close", "BTC/USDT", "--fraction", "0.5", "--json", *REASON).json
            assert half["outcome"] == "done"
            assert half["text"].endswith("guarded")
            assert made.status()["open_orders"] == 1
            assert typed("pause", "--json", "--reason", "lunch").json["outcome"] == "done"
            bot.send(SIGINT)
            bot.ended(130)
        assert "only exits: lunch" in typed("status", code=3).out
        started_again(made, folder, "only exits: lunch")
        told = typed("close", "BTC/USDT", "--json", *REASON, *made.unlock).json
        assert told["outcome"] == "done"
        assert positions() == []
        assert "was held up: lunch" in typed("resume", *REASON).out
        there = made.status()
    assert there["open_orders"] == 0
    assert set(there["posts_by_client_id"].values()) == {1}


@pytest.mark.long
def test_wrong_passphrase_of_a_stopped_account_leaves_no_command_behind(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with account(folder, tmp_path) as made:
        made.project(folder, monkeypatch, leaves=500)
        with made.bot(folder) as bot:
            bot.hear("BUY ")
            bot.send(SIGINT)
            bot.ended(130)
        typed("close", "BTC/USDT", "--passphrase-file", "missing", code=4)
        typed("withdraw", code=3)
        assert typed("pause").out.count("Done") == 1, "a pause needs no keys"
        before = positions()
        started_again(made, folder, "only exits")
        assert [each["quantity"] for each in positions()] == [each["quantity"] for each in before]


@pytest.mark.long
def test_running_bot_adopts_what_it_has_named_and_takes_entries_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with account(folder, tmp_path, BY_HAND) as made:
        made.project(folder, monkeypatch, leaves=500)
        with made.bot(folder) as bot:
            bot.hear("USDT: .* 250.5 less; no entries in BTC/USDT from now on")
            dry = typed("adopt", "USDT", "--dry-run", *REASON)
            assert "250.5 less" in dry.out
            told = typed("adopt", "USDT", "--json", "--reason", "paid the rent").json
            assert told["outcome"] == "done"
            assert "BTC/USDT is unlocked" in told["text"]
            bot.hear("BTC/USDT takes entries again: paid the rent")
            assert typed("status", "--json").json["locks"] == []
            bot.send(SIGINT)
            bot.ended(130)
        assert typed("reconcile", "--json", *made.unlock).json["agreed"] is True
    assert '"reason":"paid the rent"' in typed("journal", "show", "--kind", "balance_adjusted").out
