"""What the exchange was some time ago: reads of a replica that has not caught up.

Law: what is kept is never changed; it is a copy of all that may still move.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import NamedTuple

from tradebot.sandbox.book import Book


class _State(NamedTuple):
    since: int
    book: Book


class History:
    """The states of a book of the last `kept_ms`, and the one before them."""

    def __init__(self, book: Book, kept_ms: int) -> None:
        self._book = book
        self._kept_ms = kept_ms
        self._states = [_State(book.now, _copied(book))]

    def note(self) -> None:
        """Keep the book's state where it is another than the last kept."""
        book, newest = self._book, self._states[-1].book
        if _content(book) == _content(newest):
            return
        self._states.append(_State(book.now, _copied(book)))
        oldest = book.now - self._kept_ms
        while len(self._states) > 1 and self._states[1].since <= oldest:
            del self._states[0]

    def before(self, time: int) -> Book | None:
        """Return the book as it was at `time`; None where that is what it is now."""
        found = next((item for item in reversed(self._states) if item.since <= time), None)
        state = found or self._states[0]
        if state is self._states[-1]:
            return None
        old = copy(state.book)
        old.now = self._book.now  # The replica's clock is right; only its data is behind.
        return old


def _content(book: Book) -> tuple[object, ...]:
    """Return what differs after every change that a request can show."""
    return len(book.orders), len(book.trades), book.free, book.locked, book.open_orders


def _copied(book: Book) -> Book:
    """Return a book that stays as this one is. An order that has ended never changes again."""
    made = copy(book)
    moving = {
        order_id: replace(order, trades=list(order.trades))
        for order_id, order in book.open_orders.items()
    }
    made.free, made.locked = dict(book.free), dict(book.locked)
    made.orders = {**book.orders, **moving}
    made.open_orders = moving
    made.by_client_id = dict(book.by_client_id)
    made.trades = list(book.trades)
    made.lists = {
        list_id: (moving.get(one.order_id, one), moving.get(two.order_id, two))
        for list_id, (one, two) in book.lists.items()
    }
    return made
