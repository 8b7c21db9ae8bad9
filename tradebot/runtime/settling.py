"""Asking the exchange what became of our orders, and booking what it proves.

Law: a failed question proves nothing and stops no other question; an order is given up only when
two endpoints, twice and apart, do not know it.
"""

from collections.abc import Sequence
from typing import Protocol

from tradebot.engine.reconcile import overfilled, report_events
from tradebot.engine.resolve import evidence, is_absent, may_be_absent
from tradebot.engine.state import State
from tradebot.errors import ExchangeUnavailable
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.order import RESTING, Order, OrderStatus
from tradebot.ports import Broker, Clock


class Books(Protocol):
    """Who keeps the state and makes events durable: the Session."""

    state: State

    def record(self, events: Sequence[ev.Event]) -> None:
        """Make events durable and apply them."""
        ...

    def halt(self, reason: str) -> None:
        """Set trading to HALTED."""
        ...

    def suspend(self, reason: str) -> None:
        """Let no bot start until a person resumes."""
        ...


def record_told(books: Books, events: Sequence[ev.Event], *, at: int) -> None:
    """Record what the exchange told of orders; trading halts where it filled more than was asked.

    Fills and halt are one append, after what keeps the next start from trading: no restart knows of
    the one and not of the other.
    """
    reason = overfilled(books.state, events)
    if not reason:
        books.record(events)
        return
    books.suspend(reason)
    halted: list[ev.Event] = []
    if books.state.trading is not TradingState.HALTED:
        halted.append(ev.TradingStateChanged(at=at, state=TradingState.HALTED, reason=reason))
    books.record([*events, *halted])
    books.halt(reason)


class Settler:
    """What is asked about unsettled orders, and what the answers mean for the books."""

    def __init__(self, books: Books, broker: Broker, clock: Clock) -> None:
        self._books = books
        self._broker = broker
        self._clock = clock
        # When an order was first not found; a restart looks twice again.
        self._missed: dict[str, int] = {}
        # Whether the exchange answered the last time, though perhaps not every question.
        self.is_reached = True

    def settle(self) -> None:
        """Ask about every unsettled order and book what happened.

        Raises ExchangeUnavailable when one could not be asked about, after asking about the others.
        """
        unsettled = self._books.state.orders.unsettled
        if not unsettled:
            return
        self.is_reached = False
        resting = self._broker.open_order_filled()
        self.is_reached = True
        failed: ExchangeUnavailable | None = None
        for order_id in list(unsettled):
            # As it is now: what was booked of another may have ended this one, too.
            order = self._books.state.orders.unsettled.get(order_id)
            if order is None:
                continue
            if order.status in RESTING and resting.get(order.id) == order.filled:
                self._missed.pop(order.id, None)
                continue
            try:
                self.settle_order(order)
            except ExchangeUnavailable as error:
                failed = error
        if failed is not None:
            raise failed

    def settle_order(self, order: Order) -> bool:
        """Ask about one order and book what happened; return whether anything did."""
        now = self._clock.now_ms()
        if order.status is OrderStatus.INTENDED:
            reason = "the bot stopped before it was sent"
            self._books.record([ev.OrderDropped(at=now, order_id=order.id, reason=reason)])
            return True
        report = self._broker.order_report(order)
        if report is None:
            return self._settle_missing(order, asked_ms=now)
        self._missed.pop(order.id, None)
        events = report_events(order, report, at=now)
        record_told(self._books, events, at=now)
        return bool(events)

    def _settle_missing(self, order: Order, *, asked_ms: int) -> bool:
        """Deal with an order that the exchange does not know: as it was, until that is proved."""
        # A look counts from when it was asked: a slow answer is of a time before it came.
        now = asked_ms
        if order.status is OrderStatus.SENT:
            cause = "the bot stopped before the answer; the exchange does not know it yet"
            self._books.record([ev.OrderUnknown(at=now, order_id=order.id, cause=cause)])
            return False
        if not may_be_absent(order, now_ms=now):
            return False
        if self._broker.is_listed(order):
            self._missed.pop(order.id, None)
            return False
        first = self._missed.setdefault(order.id, now)
        if not is_absent(first_missed_ms=first, now_ms=now):
            return False
        proof = evidence(order, first_missed_ms=first, now_ms=now)
        if order.status is OrderStatus.UNKNOWN:
            self._books.record([ev.OrderAbsent(at=now, order_id=order.id, evidence=proof)])
        else:
            # It was accepted once: a testnet is wiped now and then, with all its orders.
            reason = f"the exchange has lost it: {proof}"
            self._books.record([ev.OrderExpired(at=now, order_id=order.id, reason=reason)])
        del self._missed[order.id]
        return True
