"""`report` and `status` say how long each position stood without its stop.

One BTC is bought at 100 in the first second; its stop is heard of 1.5 s later, ends after a minute,
and another rests 2 s after that. A second position has no stop after its first ten seconds.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.builders import (
    START,
    booked,
    closed,
    fill,
    intended,
    market,
    order,
    started,
    stop_order,
)
from tests.support.shell import typed
from tradebot.adapters.clock import WallClock
from tradebot.adapters.journal import SqliteJournal
from tradebot.adapters.latch import FileLatch
from tradebot.model import event as ev
from tradebot.model.order import Order
from tradebot.runtime.runs import Runs, RunSpec

BUY_BTC, BUY_ETH = "buy 1 BTC @ 100", "buy 10 ETH @ 10"


def placed(what: Order, at: int, heard: int) -> list[ev.Event]:
    return [
        replace(intended(what), at=START + at),
        ev.OrderSent(at=START + at, order_id=what.id),
        ev.OrderAccepted(at=START + heard, order_id=what.id, exchange_id="x"),
    ]


def filled(what: Order, at: int, quantity: str) -> ev.Event:
    price = what.stop_price or what.reference_price
    return booked(what, fill(f"{quantity} @ {price}", trade_id=what.id, at=START + at))


def story() -> list[ev.Event]:
    first, entry = order(BUY_BTC, order_id="first"), order(BUY_ETH, order_id="entry")
    stop = stop_order("sell 1 BTC @ 95", order_id="stop")
    again = stop_order("sell 1 BTC @ 95", order_id="again")
    other = stop_order("sell 10 ETH @ 9", order_id="other")
    return [
        started(market(), market("ETH/USDT")),
        closed(START, BTC="100", ETH="10"),
        *placed(first, 0, 0),
        filled(first, 0, "1"),
        *placed(stop, 100, 1_500),
        *placed(entry, 2_000, 2_000),
        filled(entry, 2_000, "10"),
        *placed(other, 2_000, 2_000),
        ev.OrderExpired(at=START + 12_000, order_id=other.id),
        ev.OrderExpired(at=START + 60_000, order_id=stop.id),
        *placed(again, 60_100, 62_000),
        filled(again, 90_000, "1"),
        closed(START + 100_000, BTC="95", ETH="10"),
    ]


@pytest.fixture(autouse=True)
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a run with this story in a project folder."""
    monkeypatch.chdir(tmp_path)
    FileLatch(tmp_path / "logs" / "latch", WallClock()).arm("first run")
    runs = Runs(tmp_path / "logs")
    spec = RunSpec(mode="sandbox", exchange="binance", account="main", is_synthetic=True)
    run = runs.create(spec)
    journal = SqliteJournal(run.journal)
    journal.append(story())
    journal.close()
    runs.set_last(run)


def test_report_names_every_position_and_the_whole() -> None:
    told = typed("report", "--json").json
    assert told["unprotected_ms"] == 3_500 + 88_000
    closed_one, open_one = told["unprotected"]
    assert (closed_one["market"], closed_one["milliseconds"]) == ("binance:BTC/USDT", 3_500)
    assert (closed_one["closed_at"], closed_one["since"]) == ("2024-01-01T00:01:30Z", None)
    assert (open_one["market"], open_one["milliseconds"]) == ("binance:ETH/USDT", 88_000)
    assert (open_one["closed_at"], open_one["since"]) == (None, "2024-01-01T00:00:12Z")
    (position,) = told["positions"]
    assert position["unprotected_ms"] == 88_000


def test_report_shows_the_longest_first_in_words() -> None:
    lines = typed("report").out.splitlines()
    begin = lines.index("without their stop: 91.5 s in all, 2 of 2 positions")
    assert [line.split("\t") for line in lines[begin + 1 : begin + 4]] == [
        ["LONGEST", "OPENED", "CLOSED", "WITHOUT STOP"],
        ["ETH/USDT", "2024-01-01T00:00:02Z", "open", "88.0 s"],
        ["BTC/USDT", "2024-01-01T00:00:00Z", "2024-01-01T00:01:30Z", "3.5 s"],
    ]


def test_status_shows_it_for_what_is_open() -> None:
    (position,) = typed("status", "--json", code=3).json["positions"]
    assert position["unprotected_ms"] == 88_000
    assert position["unprotected_since"] == "2024-01-01T00:00:12Z"
    assert "88.0 s, has none now" in typed("status", code=3).out
