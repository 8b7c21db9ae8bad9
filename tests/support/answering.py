"""A broker and a reader over the real client, at an exchange that answers as a test wants."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.builders import BTC, HOUR, approved, order
from tests.support.clients import client_at
from tests.support.fakes import FakeClock, TokensForAll
from tests.support.listeners import Listener, listener
from tests.support.sandbox import KEY, SECRET, at, book
from tradebot.adapters.broker import CcxtBroker
from tradebot.adapters.ccxt_client import CcxtClient
from tradebot.adapters.exchange import ExchangeReader
from tradebot.sandbox.server import SandboxServer

BUY = approved("buy 1 BTC @ 100", order_id="tb-buy")
BOUGHT = order("buy 1 BTC @ 100", order_id="tb-buy")
_ORDER = {
    "symbol": "BTCUSDT", "orderId": 7, "orderListId": -1, "clientOrderId": "tb-buy",
    "price": "0.00", "origQty": "1.00000", "executedQty": "0.00000", "cummulativeQuoteQty": "0.00",
    "status": "NEW", "timeInForce": "GTC", "type": "MARKET", "side": "BUY", "time": at(2),
    "updateTime": at(2), "workingTime": at(2), "transactTime": at(2),
}  # fmt: skip
_TRADE = {
    "symbol": "BTCUSDT", "id": 8, "orderId": 7, "price": "100.00", "qty": "1.00000",
    "quoteQty": "100.00", "commission": "0.001", "commissionAsset": "BTC", "time": at(2),
    "isBuyer": True, "isMaker": False, "isBestMatch": True,
}  # fmt: skip
# What is asked, and an answer that is understood.
SOUND: dict[str, Any] = {
    "place": _ORDER,
    "report": _ORDER,
    "open": [_ORDER],
    "shown": [_ORDER],
    "orders": [_ORDER],
    "fills": [_TRADE],
    "balances": {"balances": [{"asset": "USDT", "free": "10.00", "locked": "0.50"}]},
    "price": {"symbol": "BTCUSDT", "lastPrice": "100.00", "closeTime": at(2)},
    "candles": [[at(0), "1", "3", "1", "2", "5", at(1) - 1, "9", 1, "1", "1", "0"]],
    "time": {"serverTime": at(2)},
}


@dataclass(frozen=True)
class Answering:
    """An exchange that gives one answer to everything, and who asks it."""

    exchange: Listener
    clock: FakeClock
    broker: CcxtBroker
    reader: ExchangeReader

    def ask(self, what: str, answer: Any) -> Any:
        """Return what is made of an answer, JSON or bytes, to a question of `SOUND`."""
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.exchange.answer = text
        # Whatever a breaker waits for: a broken answer must not stop the next question.
        self.clock.now += 120_000
        calls: dict[str, Callable[[], Any]] = {
            "place": lambda: self.broker.place_order(BUY),
            "report": lambda: self.broker.order_report(BOUGHT),
            "open": self.broker.open_order_filled,
            "shown": self.broker.cancel_shown,
            "orders": lambda: self.broker.listed_orders(BTC, at(0)),
            "fills": lambda: self.broker.listed_fills(BTC, at(0)),
            "balances": self.broker.balances,
            "price": lambda: self.broker.last_price(BTC),
            "candles": lambda: self.reader.candles({"BTC/USDT": 3}, HOUR, now_ms=at(9)),
            "time": self.reader.now_ms,
        }
        return calls[what]()

    def markets(self, listing: Any) -> Any:
        """Return what is made of a list of the exchange's markets."""
        raw = self.reader._client.raw
        known = raw.markets, raw.markets_by_id
        # Without a key: the account's fees are another question.
        key, raw.apiKey = raw.apiKey, ""
        raw.markets = raw.markets_loading = None
        self.exchange.answer = json.dumps(listing).encode()
        self.clock.now += 120_000
        try:
            return self.reader.markets(["BTC/USDT"], HOUR)
        finally:
            raw.apiKey, (raw.markets, raw.markets_by_id) = key, known


@contextmanager
def answering(**settings: Any) -> Iterator[Answering]:
    """Run the exchange; its markets are the sandbox's, and known."""
    with listener(**settings) as exchange:
        clock = FakeClock(at(2))
        client = client_of(exchange, clock.now_ms)
        broker = CcxtBroker(client, prefix="tb-", tokens=TokensForAll(), clock=FakeClock())
        try:
            yield Answering(exchange, clock, broker, ExchangeReader(client))
        finally:
            client.close()


def client_of(exchange: Listener, now_ms: Callable[[], int] = lambda: at(2)) -> CcxtClient:
    """Return a client that knows the sandbox's markets, and asks `exchange`."""
    server = SandboxServer(book("100 100 100"), api_key=KEY, secret=SECRET)
    first = client_at(f"{server.start()}/api/v3", server.now_ms)
    markets = first.call("load_markets")
    first.close()
    server.stop()
    client = client_at(f"{exchange.url}/api/v3", now_ms)
    client.raw.set_markets(list(markets.values()))
    return client
