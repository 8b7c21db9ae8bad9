"""The exchange's truth: the sandbox's book, with orders that fill in pieces, told to a witness.

Law: nothing here lies; what is late, lost or old is the broker's affair.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Protocol

from tradebot.engine.fills import Filled
from tradebot.engine.rules.costs import sell_price
from tradebot.model.order import OrderKind
from tradebot.sandbox.book import Book
from tradebot.sandbox.filters import PRICED
from tradebot.sandbox.listing import BookOrder, BookTrade, Listing, OrderRequest, Pieces, whole

PIECES_MAX = 3


class Witness(Protocol):
    """Who is told what happens at the exchange, when it has happened."""

    def order_placed(self, order: BookOrder) -> None:
        """Hear of a new order."""
        ...

    def traded(self, order: BookOrder, trade: BookTrade) -> None:
        """Hear of a fill."""
        ...

    def order_ended(self, order: BookOrder) -> None:
        """Hear of an order's end."""
        ...

    def order_changes(self, order: BookOrder) -> None:
        """Hear of an order that is about to change."""
        ...


class PiecesBook(Book):
    """A watched book in which an order may fill in several trades, in part, or not to its end."""

    def __init__(
        self,
        listings: Sequence[Listing],
        balances: Mapping[str, int],
        *,
        slippage_ppm: int,
        now: int,
        draw: Random,
        hits: Callable[[str], bool],
    ) -> None:
        super().__init__(listings, balances, slippage_ppm=slippage_ppm, now=now)
        self._draw = draw
        self._hits = hits
        self.pieces = self._drawn
        self.witness: Witness | None = None

    def fill_at_once(self, order: BookOrder) -> None:
        """Fill a resting order now: the price has just touched it, for a moment."""
        listing = self.listings[order.symbol]
        if order.kind is OrderKind.STOP:
            price = sell_price(order.stop, self.slippage_ppm, listing.scale.tick)
            self._fill(listing, order, Filled(price, self.now, False))
        elif order.kind in PRICED:
            self._fill(listing, order, Filled(order.price, self.now, True))

    def _accept(self, listing: Listing, request: OrderRequest, *, list_id: int) -> BookOrder:
        order = super()._accept(listing, request, list_id=list_id)
        assert self.witness is not None, "somebody watches"
        self.witness.order_placed(order)
        return order

    def _end(self, order: BookOrder, status: str, *, time: int | None = None) -> None:
        assert self.witness is not None, "somebody watches"
        self.witness.order_changes(order)
        super()._end(order, status, time=time)
        self.witness.order_ended(order)

    def _fill(self, listing: Listing, order: BookOrder, filled: Filled) -> None:
        assert self.witness is not None, "somebody watches"
        self.witness.order_changes(order)
        super()._fill(listing, order, filled)

    def _trade(self, listing: Listing, order: BookOrder, filled: Filled, quantity: int) -> bool:
        has_traded = super()._trade(listing, order, filled, quantity)
        if has_traded:
            assert self.witness is not None, "somebody watches"
            self.witness.traded(order, order.trades[-1])
        return has_traded

    def _drawn(self, listing: Listing, order: BookOrder) -> Pieces:
        """Return how much of an order trades now: at times in pieces, at times not all of it."""
        left, lot = order.quantity - order.executed, listing.scale.lot
        lots = left // lot
        if lots < 2 or not self._hits("partial"):
            return whole(listing, order)
        cuts = sorted({self._draw.randrange(1, lots) for _ in range(PIECES_MAX - 1)})
        pieces = tuple(
            (after - before) * lot
            for before, after in zip([0, *cuts], [*cuts, lots], strict=True)
        )
        stays = order.kind in PRICED or self._hits("expire")
        return Pieces(pieces[:-1], False) if stays else Pieces(pieces, True)
