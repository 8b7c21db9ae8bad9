"""`tradebot reconcile`: what differs is shown three ways, and a person's word ends it."""

import signal
from pathlib import Path

import pytest

from tests.support.account import account
from tests.support.shell import refused, started, typed

# A moment at which a position has its stop and target resting.
WITH_ORDERS_OUT = "2025-01-01T09:00:00Z"


def test_run_that_is_left_alone_agrees(busy: Path) -> None:
    typed("run")
    result = typed("reconcile")
    assert result.out.startswith("sandbox-0001: journal and exchange agree.\n")
    told = typed("reconcile", "--json").json
    assert (told["agreed"], told["conclusive"], told["differences"]) == (True, True, [])
    assert [each["coin"] for each in told["coins"]] == ["BTC", "ETH", "USDT"]
    for each in told["coins"]:
        assert each["journal"] == each["with_fills"] == each["exchange"]


def test_looking_writes_nothing(busy: Path) -> None:
    typed("run", "--to", WITH_ORDERS_OUT)
    before = typed("journal", "verify", "--json").json
    told = typed("reconcile", "--json").json
    assert {each["exchange"] for each in told["orders"]} == {"open, filled 0"}
    assert len(told["orders"]) == 2
    assert typed("journal", "verify", "--json").json == before


def test_words_that_cannot_be_are_refused(busy: Path) -> None:
    refused(3, "reconcile")
    typed("run")
    assert "no word here" in refused(2, "reconcile", "adapt", "--reason", "x")
    assert "wants a --reason" in refused(2, "reconcile", "adopt")
    assert "BTC, BTC/USDT" in refused(2, "reconcile", "adopt", "XRP", "--reason", "x")
    assert "no market to close" in refused(2, "reconcile", "close", "USDT", "--reason", "x")


def test_close_ends_one_market_with_its_reason_in_the_journal(busy: Path) -> None:
    typed("run", "--to", WITH_ORDERS_OUT)
    (order, _) = typed("status", "--json", code=3).json["orders"]
    symbol = order["market"].partition(":")[2]
    dry = typed("reconcile", "close", symbol, "--dry-run", "--json").json
    assert f"closing {symbol}: 2 orders" in dry["done"][0]
    assert len(typed("status", "--json", code=3).json["orders"]) == 2
    told = typed("reconcile", "close", symbol, "--reason", "moving house", "--json").json
    assert (told["agreed"], told["orders"], told["problems"]) == (True, [], [])
    assert typed("status", "--json", code=3).json["positions"] == []
    intended = typed("journal", "show", "--kind", "order_intended", "--last", "1").out
    assert '"leg":"flatten"' in intended
    assert '"reason":"moving house"' in intended


def test_running_bot_is_not_disturbed_and_its_last_word_is_shown(busy: Path) -> None:
    with started(busy, "run", "--speed", "9000x") as program:
        program.hear(" BUY ")
        shown = typed("reconcile", code=8)
        assert "the exchange was not asked" in shown.out
        assert "Nothing waits for a word." in shown.out
        assert typed("reconcile", "--json", code=8).json["running"] is True
        refused(8, "reconcile", "adopt", "--reason", "x")


# Somebody takes cash out, and puts coins in, a moment before the first order.
BY_HAND = """
[[script]]
fault = "balance"
request = "POST order"
hit = 1
asset = "USDT"
change = -250.5
[[script]]
fault = "balance"
request = "POST order"
hit = 1
asset = "BTC"
change = 0.125
"""


@pytest.mark.long
def test_what_was_changed_by_hand_is_named_locks_and_is_adopted(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with account(folder, tmp_path, BY_HAND) as made:
        made.project(folder, monkeypatch, leaves=500)
        with made.bot(folder) as bot:
            bot.hear("BTC: .* 0.125 more; not the bot's, left alone")
            bot.hear("USDT: .* 250.5 less; no entries in BTC/USDT from now on")
            assert "250.5 less" in typed("reconcile", *made.unlock, code=8).out
            bot.send(signal.SIGTERM)
            bot.ended(143)
        told = typed("reconcile", "--json", *made.unlock, code=7).json
        kinds = {each["coin"]: each["kind"] for each in told["coins"]}
        assert kinds == {"BTC": "coins_more", "USDT": "cash_short"}
        assert list(told["locked"]) == ["binance:BTC/USDT"]
        assert "No entries in BTC/USDT (reconcile): USDT" in typed("status", code=3).out
        (lock,) = typed("status", "--json", code=3).json["locks"]
        assert (lock["market"], lock["cause"]) == ("binance:BTC/USDT", "reconcile")
        reason = ("--reason", "paid the rent")
        dry = typed("reconcile", "adopt", "USDT", "--dry-run", *made.unlock, code=7)
        assert "Nothing was done. This would be:\n  adopted: USDT" in dry.out
        adopted = typed("reconcile", "adopt", "USDT", *reason, "--json", *made.unlock, code=7).json
        assert adopted["locked"] == {}
        ignored = typed("reconcile", "ignore", "BTC", *reason, *made.unlock)
        assert "journal and exchange agree" in ignored.out
        again = typed("reconcile", *made.unlock)
        assert "left as it is, by your word" in again.out
        shown = typed("journal", "show", "--kind", "balance_adjusted").out
        assert '"reason":"paid the rent"' in shown
        assert "by hand -250.50 USDT, not counted above" in typed("report").out
        before = typed("status", "--json", code=3).json["events"]
        with made.bot(folder) as bot:
            while typed("status", "--json", code=None).json["events"] < before + 5:
                assert bot.process.poll() is None
            bot.send(signal.SIGTERM)
            result = bot.ended(143)
        assert "250.5" not in result.err.partition("Result")[0]
