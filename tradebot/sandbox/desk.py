"""What every endpoint shares: the book, the account, names on the wire, and what was counted.

Law: only the server's loop thread touches a desk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tradebot.model.market import asset_decimals
from tradebot.sandbox.auth import Account
from tradebot.sandbox.book import Book
from tradebot.sandbox.listing import Listing, SandboxRejection
from tradebot.sandbox.parameters import SYMBOL, Parameters

_MINUTE_MS = 60_000


class Answer:
    """A reply that is not simply 200 with JSON: `text`, where given, is JSON already written."""

    __slots__ = ("body", "status", "text")

    def __init__(self, body: object = None, *, status: int = 200, text: str | None = None) -> None:
        self.body = body
        self.status = status
        self.text = text


class Desk:
    """The exchange behind the endpoints. `is_stepped`: time passes by request only."""

    def __init__(self, book: Book, account: Account, *, is_stepped: bool = False) -> None:
        self.book = book
        self.account = account
        self.is_stepped = is_stepped
        self.decimals = asset_decimals(item.market for item in book.listings.values())
        self.kline_texts: dict[str, dict[int, str]] = {symbol: {} for symbol in book.listings}
        self.order_posts = 0
        self.posts_by_client_id: Counter[str] = Counter()
        self._listings = {
            item.market.base + item.market.quote: item for item in book.listings.values()
        }
        assert len(self._listings) == len(book.listings), "two markets share a name on the wire"
        self._weight = 0
        self._weight_minute = 0

    def listing(self, parameters: Parameters) -> Listing:
        """Return the market a request names. Raises SandboxRejection."""
        return self.listed(parameters.matching("symbol", SYMBOL))

    def listed(self, name: str) -> Listing:
        """Return a market by its name on the wire. Raises SandboxRejection (-1121)."""
        found = self._listings.get(name)
        if found is None:
            raise SandboxRejection(-1121, "Invalid symbol.")
        return found

    def listings(self) -> Iterable[Listing]:
        """Return every market."""
        return self._listings.values()

    def count_post(self, client_ids: Iterable[str]) -> None:
        """Count one request that places orders, and each client id it carries."""
        self.order_posts += 1
        self.posts_by_client_id.update(client_ids)

    def weigh(self, weight: int) -> int:
        """Add a request's weight; return what this minute of the sandbox's time has used."""
        minute = self.book.now // _MINUTE_MS
        if minute != self._weight_minute:
            self._weight_minute, self._weight = minute, 0
        self._weight += weight
        return self._weight
