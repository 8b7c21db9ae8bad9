"""An order in more trades than one answer holds is booked whole, and guarded."""

import json
from collections.abc import Iterator

import pytest

from tests.contract.test_broker_faults import BOUGHT as ONE
from tests.contract.test_broker_faults import BUY as BOUGHT_ONE
from tests.contract.test_broker_faults import broker_behind_faults
from tests.contract.test_brokers import World, over_http, simulated
from tests.support.builders import BTC, approved, candle, market, order, rules, started
from tests.support.fakes import FakeClock, FakeLatch, RecordingJournal, TokensForAll
from tests.support.faulty import ANSWERS
from tests.support.pieces import coins
from tests.support.sandbox import at
from tradebot.adapters import order_reads
from tradebot.engine.state import State
from tradebot.model.order import Leg, OrderStatus, Report
from tradebot.ports import LISTED_MAX
from tradebot.runtime.session import Session
from tradebot.sandbox.book import Book
from tradebot.sandbox.listing import BookOrder, Listing, Pieces, whole

LONG = 1_000_000
BUY = approved("buy 5 BTC @ 100", order_id="tb-buy")
BOUGHT = order("buy 5 BTC @ 100", order_id="tb-buy")
PIECE = coins("0.001")


def cut(made: Book, count: int) -> None:
    """Let each market order trade in `count` pieces, all but the last as small as can be."""

    def pieces(listing: Listing, one: BookOrder) -> Pieces:
        if one.stop:
            return whole(listing, one)
        left = one.quantity - (count - 1) * PIECE
        return Pieces((*[PIECE] * (count - 1), left), True)

    made.pieces = pieces


@pytest.fixture(params=[simulated, over_http], ids=["simulated", "ccxt over http"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    yield from request.param()


@pytest.mark.parametrize("count", [500, 501, 1000, 1001, 2000, 2001])
def test_every_fill_is_told_once_whatever_an_answer_holds(world: World, count: int) -> None:
    cut(world.book, count)
    placed = world.broker.place_order(BUY)
    for report in (placed, world.broker.order_report(BOUGHT)):
        assert isinstance(report, Report)
        assert report.status is OrderStatus.FILLED
        numbers = [int(fill.trade_id) for fill in report.fills]
        assert numbers == list(range(1, count + 1))
        assert sum(fill.quantity for fill in report.fills) == report.filled == 5


def test_entry_in_1203_pieces_is_booked_whole_and_gets_its_stop(world: World) -> None:
    """Symptom: 500 trades were read, the order was never settled, and stood without its stop."""
    cut(world.book, 1203)
    session = Session(
        State(),
        rules=rules(fraction_ppm=500_000, stop_ppm=50_000),
        broker=world.broker,
        journal=RecordingJournal(),
        clock=FakeClock(at(1)),
        latch=FakeLatch(),
        tokens=TokensForAll(),
        tell=lambda event, state: None,
    )
    session.record([started(market())])
    made = candle("100", closed_at=at(1))
    session.step(made.closed_at, {BTC: made}, {BTC: LONG})
    session.settle()
    (entry,) = session.state.orders.settled.values()
    assert (entry.status, len(entry.trade_ids)) == (OrderStatus.FILLED, 1203)
    (stop,) = session.state.orders.of(BTC)
    assert (stop.leg, stop.status) == (Leg.STOP, OrderStatus.ACCEPTED)
    assert stop.quantity == session.state.positions[BTC].sellable
    assert world.broker.balances() == session.state.balances


ASKED = "GET /api/v3/myTrades"


def page(first: int) -> tuple[int, str]:
    """Return a full answer, with the trades from number `first` on."""
    trade = {
        "symbol": "BTCUSDT", "orderId": 1, "orderListId": -1, "price": "100", "qty": "0.001",
        "quoteQty": "0.1", "commission": "0", "commissionAsset": "BTC", "time": at(1),
        "isBuyer": True, "isMaker": False, "isBestMatch": True,
    }  # fmt: skip
    return 200, json.dumps([{**trade, "id": first + each} for each in range(LISTED_MAX)])


def test_exchange_that_repeats_a_page_is_not_asked_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ANSWERS, "page", page(1))
    with broker_behind_faults() as (broker, faults, _):
        faults.script[ASKED] = ["page"] * 9
        placed = broker.place_order(BOUGHT_ONE)
        assert isinstance(placed, Report)
        assert (placed.filled, placed.fills) == (1, ())
        assert faults.count(ASKED) == 2
        faults.script.clear()
        report = broker.order_report(ONE)
        assert report is not None
        assert len(report.fills) == 1


def test_pages_without_an_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_reads, "FILL_PAGES_MAX", 3)
    for number in range(9):
        monkeypatch.setitem(ANSWERS, f"page {number}", page(number * LISTED_MAX))
    with broker_behind_faults() as (broker, faults, _):
        faults.script[ASKED] = [f"page {number}" for number in range(9)]
        placed = broker.place_order(BOUGHT_ONE)
        assert isinstance(placed, Report)
        assert placed.fills == ()
        assert faults.count(ASKED) == 3


def test_page_that_cannot_be_read_leaves_all_for_the_next_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ANSWERS, "page", page(1))
    with broker_behind_faults() as (broker, faults, _):
        faults.script[ASKED] = ["page", "502", "502", "502"]
        placed = broker.place_order(BOUGHT_ONE)
        assert isinstance(placed, Report)
        assert placed.fills == ()
        assert faults.count(ASKED) == 4
