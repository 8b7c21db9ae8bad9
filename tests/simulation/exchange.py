"""The exchange's truth: the sandbox's book, with orders that fill in pieces, told to a witness.

Law: nothing here lies; what is late, lost or old is the broker's affair.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Protocol

from tests.simulation.names import is_ours
from tradebot.adapters.simulated import BookDoor
from tradebot.engine.fills import Filled
from tradebot.engine.rules.costs import sell_price
from tradebot.model.order import ListedOrder, OrderKind
from tradebot.sandbox.book import Book
from tradebot.sandbox.filters import PRICED
from tradebot.sandbox.listing import (
    BookOrder,
    BookTrade,
    FeeCoin,
    Listing,
    OrderRequest,
    Pieces,
    SandboxRejection,
    whole,
)

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
        fee_coin: FeeCoin | None = None,
    ) -> None:
        super().__init__(
            listings, balances, slippage_ppm=slippage_ppm, now=now, fee_coin=fee_coin
        )
        self._draw = draw
        self._hits = hits
        self.pieces = self._drawn
        self.witness: Witness | None = None
        # Symbols in which nothing can be placed, and ids of orders that nobody knows any more.
        self.halted: set[str] = set()
        self.vanished: set[str] = set()
        # Somebody else is at work on an order of his own.
        self.is_others_doing = False

    def check(self, request: OrderRequest, *others: OrderRequest) -> Listing:
        """Refuse everything in a market that is halted; else as the book does."""
        if request.symbol in self.halted:
            raise SandboxRejection(-1013, "Market is closed.")
        return super().check(request, *others)

    def halt(self, symbol: str, from_ms: int, until_ms: int) -> None:
        """Take no orders in a market from now on, and let none of its candles open in that span."""
        listing = self.listings[symbol]
        first = bisect_left(listing.opened_at, from_ms)
        last = bisect_left(listing.opened_at, until_ms)
        for name in ("opened_at", "closed_at", "open", "high", "low", "close", "volume"):
            column = getattr(listing, name)
            del column[first:last]
        self.halted.add(symbol)

    def vanish(self, order: BookOrder) -> list[BookOrder]:
        """Forget an open order and its OCO sibling, as a testnet that is wiped; free its coins."""
        linked = self._linked(order)
        self._unlock(order)
        for each in linked:
            self._end(each, "VANISHED")
            del self.by_client_id[each.client_id]
            self.vanished.add(each.client_id)
        return linked

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


class OwnDoor(BookDoor):
    """What can be asked of the book: our orders, and none that has vanished."""

    def __init__(self, book: PiecesBook) -> None:
        super().__init__(book)
        self._pieces = book

    def open_order_filled(self) -> Mapping[str, Decimal]:
        """Return how much each open order of ours has filled, by our id."""
        found = super().open_order_filled()
        return {order_id: filled for order_id, filled in found.items() if is_ours(order_id)}

    def listed_orders(self, market: str, since_ms: int) -> Sequence[ListedOrder]:
        """Return our orders of one market since a time."""
        vanished = self._pieces.vanished
        return [
            each
            for each in super().listed_orders(market, since_ms)
            if is_ours(each.order_id) and each.order_id not in vanished
        ]

    def cancel_own(self) -> None:
        """Cancel every open order of ours."""
        for order in [each for each in self._book.open_orders.values() if is_ours(each.client_id)]:
            if order.order_id in self._book.open_orders:
                self._book.cancel(order)
