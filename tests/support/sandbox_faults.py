"""A sandbox that fails on purpose, a real ccxt client on it, and what both say afterwards."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ccxt

from tests.support.sandbox import KEY, SECRET, book
from tests.support.sandbox_client import AsyncClient, Caller
from tradebot.sandbox.book import Book
from tradebot.sandbox.faults_file import read_faults
from tradebot.sandbox.faults_plan import FaultPlan
from tradebot.sandbox.server import SandboxServer

SYMBOL = "BTC/USDT"
LOOKS_MAX = 20_000


def plan(text: str, made: Book | None = None) -> FaultPlan:
    """Return what a fault file of this text says of a book."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "faults.toml"
        path.write_text(text, encoding="utf-8")
        return read_faults(path, made or book("100 100"))


class Faulty:
    """A sandbox under faults, its book, a ccxt client and a bare caller."""

    def __init__(self, made: Book, server: SandboxServer, url: str) -> None:
        self.book = made
        self.server = server
        self.url = url
        self.client = AsyncClient(server, url)
        self.caller = Caller(server, url)

    def buy(self, client_id: str = "b", quantity: str = "1") -> Any:
        """Buy at the market; return what the client got."""
        return self._order("market", "buy", quantity, client_id)

    def stop(self, client_id: str = "s", price: str = "50", quantity: str = "1") -> Any:
        """Place a sell stop; return what the client got."""
        return self._order("market", "sell", quantity, client_id, stopLossPrice=price)

    def rest(self, client_id: str = "r", price: str = "50", quantity: str = "1") -> Any:
        """Place a buy limit that waits; return what the client got."""
        params = {"clientOrderId": client_id}
        return self.client.create_order(SYMBOL, "limit", "buy", quantity, price, params)

    def _order(self, kind: str, side: str, quantity: str, client_id: str, **params: Any) -> Any:
        named = {"clientOrderId": client_id, **params}
        return self.client.create_order(SYMBOL, kind, side, quantity, None, named)

    def ask(self, client_id: str = "b") -> Any:
        """Ask for an order by its client id; None where the exchange knows none."""
        try:
            return self.client.fetch_order(None, SYMBOL, {"clientOrderId": client_id})
        except ccxt.OrderNotFound:
            return None

    def status(self) -> Mapping[str, Any]:
        """Return the sandbox's own status."""
        answer: Mapping[str, Any] = self.caller.raw("GET", "/sandbox/status", key="")[1]
        return answer

    def faults(self) -> dict[str, int]:
        """Return how often each fault happened."""
        counts: dict[str, int] = self.status()["faults"]
        return counts

    def wait_for_fault(self) -> None:
        """Return when a fault has happened to what another thread sent."""
        for _ in range(LOOKS_MAX):
            if self.faults():
                return
        raise AssertionError("no fault happened")

    def close(self) -> None:
        """Close the client and the server."""
        self.client.close()
        self.caller.close()
        self.server.stop()


@contextmanager
def faulty(text: str, made: Book | None = None, **options: Any) -> Iterator[Faulty]:
    """Serve a book of flat candles under the faults of `text`, with a client that knows it."""
    made = made or book("100 " * 30, cash={"USDT": "1000", "BTC": "2"}, hours=2)
    server = SandboxServer(made, api_key=KEY, secret=SECRET, faults=plan(text, made), **options)
    served = Faulty(made, server, server.start())
    try:
        served.client.load_markets()
        yield served
    finally:
        served.close()
