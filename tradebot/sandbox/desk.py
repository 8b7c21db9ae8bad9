"""What every endpoint shares: the book, the account, names on the wire, and what was counted.

Law: only the server's loop thread touches a desk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from copy import copy

from tradebot.sandbox.auth import Account, KeyRights
from tradebot.sandbox.book import Book
from tradebot.sandbox.listing import Listing, SandboxRejection
from tradebot.sandbox.parameters import SYMBOL, Parameters

_MINUTE_MS = 60_000
TRADING = "TRADING"


class Answer:
    """A reply that is not simply 200 with JSON: `text`, where given, is JSON already written."""

    __slots__ = ("body", "status", "text")

    def __init__(self, body: object = None, *, status: int = 200, text: str | None = None) -> None:
        self.body = body
        self.status = status
        self.text = text


def shows_all(symbol: str, timeframe_ms: int) -> Callable[[int], bool]:
    """Return what says of a candle, by its open, whether klines show it: always."""
    return lambda opened_at: True


class Desk:
    """The exchange behind the endpoints. `is_stepped`: time passes by request only.

    `statuses` tells markets that do not trade, "" one that is no longer listed; `shown` which
    candles are told: both are for faults. `key_rights` is what is told of the key.
    """

    def __init__(self, book: Book, account: Account, *, is_stepped: bool = False) -> None:
        self.book = book
        self.account = account
        self.is_stepped = is_stepped
        self.decimals = book.decimals
        self.kline_texts: dict[str, dict[int, str]] = {symbol: {} for symbol in book.listings}
        self.order_posts = 0
        self.posts_by_client_id: Counter[str] = Counter()
        self.statuses: dict[str, str] = {}
        self.shown = shows_all
        self.key_rights = KeyRights.TRADE
        self._listings = {
            item.market.base + item.market.quote: item for item in book.listings.values()
        }
        assert len(self._listings) == len(book.listings), "two markets share a name on the wire"
        self._weight = 0
        self._weight_minute = 0

    def with_book(self, book: Book) -> Desk:
        """Return this desk, reading from another book."""
        made = copy(self)
        made.book = book
        return made

    def listing(self, parameters: Parameters) -> Listing:
        """Return the market a request names. Raises SandboxRejection."""
        return self.listed(parameters.matching("symbol", SYMBOL))

    def listed(self, name: str) -> Listing:
        """Return a market by its name on the wire. Raises SandboxRejection (-1121)."""
        found = self._listings.get(name)
        if found is None or not self.status(found):
            raise SandboxRejection(-1121, "Invalid symbol.")
        return found

    def traded(self, parameters: Parameters) -> Listing:
        """Return the market a new order is for. Raises SandboxRejection where it is closed."""
        found = self.listing(parameters)
        if self.status(found) != TRADING:
            raise SandboxRejection(-2010, "Market is closed.")
        return found

    def status(self, listing: Listing) -> str:
        """Return whether a market trades, in Binance's word; "" where it is no longer listed."""
        return self.statuses.get(listing.symbol, TRADING)

    def listings(self) -> Iterable[Listing]:
        """Return every market that is listed."""
        return [item for item in self._listings.values() if self.status(item)]

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
