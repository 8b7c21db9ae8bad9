"""Orders that fill in pieces, or in part.

Law: only an order's first fill is in pieces; what is left of it then trades whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from tradebot.model.money import PPM
from tradebot.sandbox.book import Book
from tradebot.sandbox.faults_log import FaultLog
from tradebot.sandbox.faults_plan import Chance, FaultPlan
from tradebot.sandbox.listing import BookOrder, Listing, Pieces, whole
from tradebot.sandbox.wire import amount

_FIRST_PPM = (100_000, 600_000)
_SECOND_PPM = (100_000, 300_000)


class PieceFaults:
    """Tells a book in which pieces an order trades."""

    def __init__(self, plan: FaultPlan, book: Book, log: FaultLog) -> None:
        self._book, self._log, self._random = book, log, plan.random
        self._chance = Chance(0 if plan.random is None else plan.random.seed)
        # What the orders of the request under way are to fill in, and what those before it are.
        self._next: Sequence[int] = ()
        self._first_id = 1
        self._planned: dict[int, Sequence[int]] = {}
        book.pieces = self._pieces

    def begin(self, fractions: Sequence[int]) -> None:
        """Let the orders that are placed until `end` fill in these parts; none is whole."""
        self._next, self._first_id = fractions, len(self._book.orders) + 1

    def end(self) -> None:
        """Remember the orders placed since `begin`, as far as they wait."""
        for order_id in range(self._first_id, len(self._book.orders) + 1):
            if self._next and order_id in self._book.open_orders:
                self._planned[order_id] = self._next
        self._next = ()

    def _pieces(self, listing: Listing, order: BookOrder) -> Pieces:
        fractions = () if order.trades else self._fractions(order)
        left, lot = order.quantity, listing.scale.lot
        quantities = [left * each // PPM // lot * lot for each in fractions]
        is_whole = sum(fractions) == PPM
        if is_whole:
            quantities[-1] = left - sum(quantities[:-1])
        quantities = [each for each in quantities if each]
        if not quantities or quantities == [left]:
            return whole(listing, order)  # Too few lots to be cut.
        decimals = listing.scale.quantity_decimals
        parts = " + ".join(amount(each, decimals) for each in quantities)
        detail = f"{parts} of {amount(left, decimals)}"
        self._log.add(self._book.now, "partial", order.client_id, detail)
        return Pieces(tuple(quantities), is_whole)

    def _fractions(self, order: BookOrder) -> Sequence[int]:
        planned = self._planned.pop(order.order_id, ())
        if planned or (self._next and order.order_id >= self._first_id):
            return planned or self._next
        random, number = self._random, order.order_id
        if random is None or not random.period.covers(self._book.now):
            return ()
        if self._chance.below(PPM, "partial", number) >= random.rates.get("partial", 0):
            return ()
        first = self._chance.between(*_FIRST_PPM, "partial", "first", number)
        second = self._chance.between(*_SECOND_PPM, "partial", "second", number)
        shapes = ((first,), (first, second), (first, second, PPM - first - second))
        return shapes[self._chance.below(len(shapes), "partial", "shape", number)]
