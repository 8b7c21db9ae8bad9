"""The broker under the sandbox's faults: what it believes, and what the exchange holds then."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.support.builders import BTC, HOUR, approved, d, order
from tests.support.clients import client_at
from tests.support.fakes import FakeClock, TokensForAll
from tests.support.sandbox import KEY, SECRET, at, book
from tests.support.sandbox_client import Caller
from tests.support.sandbox_faults import plan
from tradebot.adapters.broker import CcxtBroker
from tradebot.adapters.ccxt_client import CcxtClient
from tradebot.adapters.exchange import ExchangeReader
from tradebot.errors import ExchangeUnavailable
from tradebot.model.order import Leg, OrderKind, OrderStatus, Rejection, Report, Unknown
from tradebot.sandbox.book import Book
from tradebot.sandbox.server import SandboxServer

BUY = approved("buy 1 BTC @ 100", order_id="tb-buy")
BOUGHT = replace(order("buy 1 BTC @ 100", order_id="tb-buy"), sent_at=at(2))
STOP = approved(
    "sell 1 BTC @ 90", order_id="tb-stop", kind=OrderKind.STOP, leg=Leg.STOP, stop_price=d(90)
)
STOPPED = replace(order("sell 1 BTC @ 90", order_id="tb-stop"), sent_at=at(2))


class Place:
    """A broker, the sandbox it trades on, and its book."""

    def __init__(self, text: str, *, others: Mapping[str, str] | None = None) -> None:
        cash = {"USDT": "1000", "BTC": "2"}
        self.book: Book = book("100 " * 30, cash=cash, hours=2, others=others)
        self.server = SandboxServer(
            self.book,
            api_key=KEY,
            secret=SECRET,
            is_stepped=True,
            faults=plan(text, self.book),
        )
        self.url = self.server.start()
        self.caller = Caller(self.server, self.url)
        self.client = self.new_client()
        self.client.call("load_markets")
        self.reader = ExchangeReader(self.client)
        self.broker = CcxtBroker(
            self.client, prefix="tb-", tokens=TokensForAll(), clock=FakeClock()
        )

    def new_client(self) -> CcxtClient:
        """Return a client of the server that knows nothing yet."""
        return client_at(f"{self.url}/api/v3", self.server.now_ms)

    def posts(self) -> dict[str, int]:
        """Return how often each client id was posted, whatever became of it."""
        told: dict[str, int] = self.caller.raw("GET", "/sandbox/status")[1]["posts_by_client_id"]
        return told

    def close(self) -> None:
        """Close the clients and the server."""
        self.caller.close()
        self.client.close()
        self.server.stop()


@contextmanager
def under(fault: str, *lines: str, request: str = "POST order", hit: str = "1") -> Iterator[Place]:
    """Serve one scripted fault, with a broker that meets it."""
    head = ("[[script]]", f'fault = "{fault}"', f'request = "{request}"', f"hit = {hit}")
    place = Place("\n".join((*head, *lines)))
    try:
        yield place
    finally:
        place.close()


UNPROVED: list[tuple[str, ...]] = [
    *((fault, f'answer = "{answer}"') for fault in ("error_before", "error_after")
      for answer in ("500", "502", "503", "504")),
    ("drop_before",),
    ("drop_after",),
    ("garbage",),
    ("garbage", "executed = false"),
    ("truncated",),
    ("empty",),
    ("empty", "executed = false"),
]  # fmt: skip


@pytest.mark.parametrize("fault", UNPROVED, ids="-".join)
def test_what_proves_nothing_is_unknown_and_found_by_asking_if_it_is_there(
    fault: tuple[str, ...],
) -> None:
    with under(*fault) as place:
        assert isinstance(place.broker.place_order(BUY), Unknown)
        is_executed = bool(place.book.orders)
        assert is_executed != (fault[0].endswith("before") or "executed = false" in fault)
        report = place.broker.order_report(BOUGHT)
        assert (report is not None) == is_executed
        assert place.broker.is_listed(BOUGHT) == is_executed
        if report is not None:
            assert (report.status, report.filled) == (OrderStatus.FILLED, 1)
        assert place.posts() == {"tb-buy": 1}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (("limit", "retry_after_ms = 1000"), "DDoSProtection"),
        (("ban", "ban_ms = 1000"), "DDoSProtection"),
        (("skew",), "InvalidNonce"),
        (("filter", 'filter = "PRICE_FILTER"'), "InvalidOrder"),
        (("filter", 'filter = "LOT_SIZE"'), "InvalidOrder"),
        (("filter", 'filter = "MARKET_LOT_SIZE"'), "InvalidOrder"),
        (("filter", 'filter = "PERCENT_PRICE_BY_SIDE"'), "InvalidOrder"),
        (("filter", 'filter = "MIN_NOTIONAL"'), "BadRequest"),
        (("filter", 'filter = "NOTIONAL"'), "BadRequest"),
        (("filter", 'filter = "MAX_NUM_ORDERS"'), "BadRequest"),
        (("filter", 'filter = "MAX_NUM_ALGO_ORDERS"'), "BadRequest"),
        (("filter", 'filter = "INSUFFICIENT_BALANCE"'), "InsufficientFunds"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else value,
)
def test_proof_that_nothing_was_placed_is_a_rejection(fault: tuple[str, ...], code: str) -> None:
    with under(*fault) as place:
        outcome = place.broker.place_order(BUY)
        assert isinstance(outcome, Rejection), outcome
        assert outcome.code == code
        assert not place.book.orders
        assert place.posts() == {"tb-buy": 1}


def test_late_order_is_unknown_and_then_found() -> None:
    with under("late", "late_ms = 4000") as place:
        assert isinstance(place.broker.place_order(BUY), Unknown)
        assert place.broker.order_report(BOUGHT) is None
        assert not place.broker.is_listed(BOUGHT)
        place.server.advance_to(at(2) + 4000)
        report = place.broker.order_report(BOUGHT)
        assert report is not None
        assert report.status is OrderStatus.FILLED
        assert place.posts() == {"tb-buy": 1}


def test_late_order_is_never_there_beyond_its_window() -> None:
    with under("late", "late_ms = 5001") as place:
        assert isinstance(place.broker.place_order(BUY), Unknown)
        place.server.advance_to(at(3))
        assert place.broker.order_report(BOUGHT) is None


def test_delayed_answer_is_a_report() -> None:
    with under("delay", "delay_ms = 9000") as place:
        assert isinstance(place.broker.place_order(BUY), Report)


def test_order_in_part_is_reported_with_each_trade() -> None:
    with under("partial", "pieces = [0.25, 0.25]") as place:
        report = place.broker.place_order(BUY)
        assert isinstance(report, Report)
        assert (report.status, report.filled) == (OrderStatus.EXPIRED, d("0.5"))
        assert [each.quantity for each in report.fills] == [d("0.25"), d("0.25")]


def test_lagging_endpoints_do_not_know_a_new_order_yet() -> None:
    with under("lag", "lag_ms = 2000", request="GET order", hit='"every"') as place:
        assert isinstance(place.broker.place_order(BUY), Report)
        assert place.broker.order_report(BOUGHT) is None
        assert place.broker.is_listed(BOUGHT)  # The second endpoint is not behind.
        place.server.advance_to(at(2) + 2000)
        assert place.broker.order_report(BOUGHT) is not None


@pytest.mark.parametrize("fault", ["drop_after", "error_after", "garbage"])
def test_cancel_without_a_clear_answer_is_known_by_asking(fault: str) -> None:
    with under(fault, request="DELETE order") as place:
        place.broker.place_order(STOP)
        outcome = place.broker.cancel_order(STOPPED)
        # A closed connection makes the client send it again by itself: "unknown order", by then.
        expected = {"drop_after": Rejection, "error_after": Unknown, "garbage": Report}[fault]
        assert isinstance(outcome, expected), outcome
        report = place.broker.order_report(STOPPED)
        assert report is not None
        assert report.status is OrderStatus.CANCELLED


def test_vanished_stop_is_absent_from_both_endpoints() -> None:
    with under("vanish", request="GET openOrders") as place:
        place.broker.place_order(STOP)
        assert place.broker.open_order_filled() == {}
        assert place.broker.order_report(STOPPED) is None
        assert not place.broker.is_listed(STOPPED)
        outcome = place.broker.cancel_order(STOPPED)
        assert isinstance(outcome, Rejection)
        assert outcome.code == "OrderNotFound"


def test_closed_market_rejects_an_order() -> None:
    place = Place('[[script]]\nfault = "delist"\nsymbol = "BTC/USDT"\nat = "1s"\n')
    try:
        place.server.advance_to(at(3))
        outcome = place.broker.place_order(BUY)
        assert isinstance(outcome, Rejection)
        assert outcome.code == "MarketClosed"
    finally:
        place.close()


def _candles(place: Place) -> object:
    return place.reader.candles({"BTC/USDT": 5}, HOUR, now_ms=place.server.now_ms())


READS: dict[str, tuple[str, Callable[[Place], object]]] = {
    "second endpoint": ("GET allOrders", lambda place: place.broker.is_listed(BOUGHT)),
    "orders": ("GET allOrders", lambda place: place.broker.listed_orders(BTC, at(0))),
    "fills": ("GET myTrades", lambda place: place.broker.listed_fills(BTC, at(0))),
    "open orders": ("GET openOrders", lambda place: place.broker.open_order_filled()),
    "cancelling our own": ("GET openOrders", lambda place: place.broker.cancel_own()),
    "one order": ("GET order", lambda place: place.broker.order_report(BOUGHT)),
    "balances": ("GET account", lambda place: place.broker.balances()),
    "price": ("GET ticker/24hr", lambda place: place.broker.last_price(BTC)),
    "candles": ("GET klines", _candles),
    "fees": ("GET account/commission", lambda place: place.reader.markets(["BTC/USDT"], HOUR)),
}


@pytest.mark.parametrize(
    "fault", ["garbage", "truncated", "empty", "drop_before", "error_before"]
)
@pytest.mark.parametrize("read", READS)
def test_rubbish_is_no_answer_to_any_read(read: str, fault: str) -> None:
    """Symptom: a login page was read as "no fills", and an AttributeError ended the bot."""
    request, ask = READS[read]
    with under(fault, request=request, hit='"every"') as place:
        assert isinstance(place.broker.place_order(BUY), Report)
        with pytest.raises(ExchangeUnavailable):
            ask(place)
