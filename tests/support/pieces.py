"""A say in how much of each order a small sandbox exchange fills: `taken(made, "0.3 0.2")`."""

from tests.support.builders import d
from tests.support.sandbox import COIN
from tradebot.sandbox.book import Book
from tradebot.sandbox.listing import BookOrder, Listing, Pieces, whole


def coins(amount: str) -> int:
    """Return an amount of a coin in the book's units."""
    return int(d(amount) * COIN)


def taken(made: Book, *fills: str) -> None:
    """Let the next fills take these quantities in turn; after them, each takes all there is."""
    planned = [tuple(map(coins, fill.split())) for fill in fills]

    def pieces(listing: Listing, order: BookOrder) -> Pieces:
        if not planned:
            return whole(listing, order)
        quantities = planned.pop(0)
        return Pieces(quantities, sum(quantities) == order.quantity - order.executed)

    made.pieces = pieces
