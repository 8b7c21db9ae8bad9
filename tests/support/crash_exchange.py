"""An exchange that outlives its bots: the sandbox on a port, with a fate for some requests.

Law: what the exchange knows is told as it tells any client, over its own API, in plain rows.
"""

import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from tradebot.sandbox.book import Book
from tradebot.sandbox.server import SandboxServer

# A fate: the exchange says no; it acts, and its answer is lost; or it never hears of it.
WORDS = ("refused", "unanswered", "undelivered")
NO = '{"code":-2010,"msg":"Account has insufficient balance for requested action."}'
PAGE = 1000
PATIENCE_SECONDS = 30
_CLIENT_IDS = re.compile(r"(?:new|list|above|below)ClientOrderId=([^&]+)")


class FatefulServer(SandboxServer):
    """A sandbox whose time is stepped, and that ill-treats the requests of certain moments."""

    def __init__(self, book: Book, *, api_key: str, secret: str) -> None:
        super().__init__(book, api_key=api_key, secret=secret, is_stepped=True)
        self.fates: dict[int, tuple[str, ...]] = {}
        self.posts: Counter[str] = Counter()
        self._book = book

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        body = (await request.read()).decode()
        path = request.path.removeprefix("/api/v3/")
        if request.method == "POST":
            # Also what the exchange never hears of: it has left the bot.
            self.posts.update(_CLIENT_IDS.findall(body))
        word = self._fate(request.method, path, body)
        if word == "refused":
            return web.Response(status=400, text=NO)
        answer = web.Response() if word == "undelivered" else await super()._handle(request)
        if word:
            assert request.transport is not None
            request.transport.close()
        return answer

    def _fate(self, method: str, path: str, body: str) -> str:
        planned = dict(each.split() for each in self.fates.get(self._book.now, ()))
        return planned.get(_what(method, path, body), "")


def _what(method: str, path: str, body: str) -> str:
    """Return what a request is, in one word; "" for a read."""
    if (method, path) == ("DELETE", "order"):
        return "cancel"
    if (method, path) != ("POST", "order"):
        return {"orderList/oco": "oco", "order/cancelReplace": "replace"}.get(path, "")
    if "type=STOP_LOSS" in body:
        return "stop"
    return "entry" if "side=BUY" in body else "exit"


@dataclass(slots=True)
class Story:
    """What the exchange tells of one account: its rows as they came, totals, posts by id."""

    now: int
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    trades: list[dict[str, Any]] = field(default_factory=list)
    balances: dict[str, Decimal] = field(default_factory=dict)
    posts: dict[str, int] = field(default_factory=dict)


class Door:
    """A client of the exchange that owes nothing to the program's own."""

    def __init__(self, url: str, *, key: str, secret: str) -> None:
        self._connection = HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE_SECONDS)
        self._key = key
        self._secret = secret

    def status(self) -> dict[str, Any]:
        """Return the sandbox's own counts."""
        return dict(self._asked("GET", "/sandbox/status"))

    def advance(self, time_ms: int) -> None:
        """Let the exchange's time pass until `time_ms`."""
        self._asked("POST", "/sandbox/advance", json.dumps({"to": time_ms}))

    def story(self, symbols: Mapping[str, str]) -> Story:
        """Return all that the account has done; `symbols` name each market on the wire."""
        status = self.status()
        story = Story(now=status["now"], posts=status["posts_by_client_id"])
        for name, symbol in symbols.items():
            by_id = {}
            for row in self._pages("allOrders", symbol, "orderId"):
                by_id[row["orderId"]] = row["clientOrderId"]
                story.orders[row["clientOrderId"]] = {**row, "market": name}
            for row in self._pages("myTrades", symbol, "fromId", key="id"):
                told = {**row, "market": name, "clientOrderId": by_id[row["orderId"]]}
                story.trades.append(told)
        for row in self._signed("account")["balances"]:
            story.balances[row["asset"]] = Decimal(row["free"]) + Decimal(row["locked"])
        return story

    def _pages(
        self, path: str, symbol: str, after: str, key: str = "orderId"
    ) -> Iterator[dict[str, Any]]:
        first = 1
        while True:
            rows = self._signed(path, symbol=symbol, limit=PAGE, **{after: first})
            yield from rows
            if len(rows) < PAGE:
                return
            first = rows[-1][key] + 1

    def _signed(self, path: str, **parameters: object) -> Any:
        query = urlencode({**parameters, "timestamp": self.status()["now"]})
        signature = hmac.new(self._secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        return self._asked("GET", f"/api/v3/{path}?{query}&signature={signature}")

    def _asked(self, method: str, target: str, body: str = "") -> Any:
        self._connection.request(method, target, body or None, {"X-MBX-APIKEY": self._key})
        answer = self._connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, f"{method} {target}: {answer.status} {text}"
        return json.loads(text)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def door(url: str, *, key: str, secret: str) -> Iterator[Door]:
    """Yield a client of the exchange at `url`."""
    made = Door(url, key=key, secret=secret)
    try:
        yield made
    finally:
        made.close()
