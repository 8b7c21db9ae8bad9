"""The broker that the bot sees: a wire that loses, delays and doubts, before an exact exchange.

Law: what has happened is asked of the book alone; a fault changes when a request arrives, whether
an answer comes back, and how old a read is, as a real exchange and the internet between do.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Protocol

from tests.simulation.checker import Checker
from tests.simulation.exchange import OwnDoor, PiecesBook
from tests.simulation.stale import Stale
from tradebot.adapters.gate_tokens import GateTokens
from tradebot.errors import ExchangeUnavailable
from tradebot.model.order import (
    Approved,
    ListedFill,
    ListedOrder,
    Order,
    Outcome,
    Rejection,
    Report,
    Unknown,
    Unsent,
)
from tradebot.ports import Clock

WINDOW_MS = 5_000
TIMEOUT_MS = (10_000, 15_000)
LATENCY_MS = (20, 300)

# Faults by which the exchange says no, and means it: its code and its text.
REFUSALS = {
    "reject": ("-1013", "Filter failure: TEST"),
    "clock": ("-1021", "Timestamp for this request is outside of the recvWindow."),
    "ban": ("-1003", "Way too much request weight used; IP banned."),
}


class Place(Protocol):
    """What the broker needs of the world around it."""

    now: int
    clock: Clock

    def hits(self, fault: str) -> bool:
        """Return whether this fault happens now."""
        ...

    def step(self, label: str) -> None:
        """Pass a labelled step, where the process may die."""
        ...

    def wait(self, milliseconds: int) -> None:
        """Let time pass while a call is under way."""
        ...

    def later(self, time: int, arrive: Callable[[], object]) -> None:
        """Do something at the exchange at that time."""
        ...

    def is_out(self) -> bool:
        """Return whether the exchange is out of reach."""
        ...

    def is_banned(self) -> bool:
        """Return whether the exchange refuses whatever we ask."""
        ...


class FaultyBroker:
    """Broker over a book, by way of a faulty wire."""

    has_oco = True

    def __init__(
        self, book: PiecesBook, world: Place, checker: Checker, draw: Random, *, lag_ms_max: int
    ) -> None:
        self._book = book
        self._inner = OwnDoor(book)
        self.stale = Stale(book, self._inner, world, draw, lag_ms_max=lag_ms_max)
        # One for all lives: a token that was never taken is of no use to the next one.
        self.tokens = GateTokens()
        self._world = world
        self._checker = checker
        self._draw = draw

    # --- placing --------------------------------------------------------------------------------

    def place_order(self, approved: Approved) -> Outcome:
        """Place one order, whatever comes of it."""
        (outcome,) = self._place([approved], lambda: (self._inner.execute(approved),))
        return outcome

    def place_oco(self, stop: Approved, target: Approved) -> tuple[Outcome, Outcome]:
        """Place a stop and a target in one request, whatever comes of it."""
        first, second = self._place([stop, target], lambda: self._inner.execute_oco(stop, target))
        return first, second

    def _place(
        self, approved: list[Approved], execute: Callable[[], tuple[Outcome, ...]]
    ) -> tuple[Outcome, ...]:
        world, ids = self._world, [each.order_id for each in approved]
        world.step("place: before the wire")
        now = world.clock.now_ms()
        reasons = [self.tokens.take(each, now_ms=now) for each in approved]
        reason = next(filter(None, reasons), "")
        if reason:
            return tuple(Unsent(order_id=order_id, reason=reason) for order_id in ids)
        self._checker.posted(world.now, ids, self.tokens.taken)
        fault = self._fault("reject", "clock", "drop_before", "drop_after", "late", "garbage")
        if fault in REFUSALS:
            return self._refused(ids, *REFUSALS[fault])
        if fault == "late":
            world.later(world.now + self._draw.randrange(1, WINDOW_MS), execute)
        if fault in ("drop_before", "late"):
            return self._no_answer(ids)
        self._latency()
        if fault == "garbage" and self._draw.random() < 0.5:
            return self._no_answer(ids, "garbage")
        outcomes = execute()
        world.step("place: executed")
        if fault == "garbage":
            return self._no_answer(ids, "garbage")
        if fault == "drop_after":
            return self._no_answer(ids)
        self._latency()
        told = tuple(self._told(outcome) for outcome in outcomes)
        for outcome in told:
            word = "no" if isinstance(outcome, Rejection) else "yes"
            self._checker.answered(world.now, outcome.order_id, word)
        world.step("place: answered")
        return told

    def _refused(self, ids: list[str], code: str, text: str) -> tuple[Rejection, ...]:
        self._latency()
        for order_id in ids:
            self._checker.answered(self._world.now, order_id, "no")
        self._world.step("place: refused")
        return tuple(Rejection(order_id=each, code=code, message=text) for each in ids)

    def _no_answer(self, ids: list[str], cause: str = "timeout") -> tuple[Unknown, ...]:
        if cause == "timeout":
            self._timeout()
        for order_id in ids:
            self._checker.answered(self._world.now, order_id, "nothing")
        self._world.step("place: no answer")
        return tuple(Unknown(order_id=order_id, cause=cause) for order_id in ids)

    def _told(self, outcome: Outcome) -> Outcome:
        """Return an answer with the fills that can be read by now."""
        return self.stale.with_fills(outcome) if isinstance(outcome, Report) else outcome

    def replace_order(self, resting: Order, approved: Approved) -> tuple[Outcome, Outcome]:
        """Cancel an order and place another in one request, whatever comes of it."""
        gone: list[Outcome] = [Unknown(order_id=resting.id, cause="timeout")]

        def execute() -> tuple[Outcome, ...]:
            self._checker.cancel_posted(self._world.now, resting.id)
            self._race(resting.id)
            if self._world.hits("replace_refused"):
                gone[0] = self._inner.cancel_order(resting)
                refusal = "Account has insufficient balance for requested action."
                return (Rejection(order_id=approved.order_id, code="-2010", message=refusal),)
            gone[0], placed = self._inner.execute_replace(resting, approved)
            return (placed,)

        (placed,) = self._place([approved], execute)
        if isinstance(placed, Unknown | Unsent):
            gone[0] = Unknown(order_id=resting.id, cause="timeout")
        elif isinstance(gone[0], Report):
            try:
                gone[0] = self.order_report(resting) or gone[0]
            except ExchangeUnavailable:
                gone[0] = Unknown(order_id=resting.id, cause="timeout")
        return gone[0], placed

    # --- cancelling -----------------------------------------------------------------------------

    def cancel_order(self, order: Order) -> Outcome:
        """Cancel an order, whatever comes of it."""
        world = self._world
        world.step("cancel: before the wire")
        self._checker.cancel_posted(world.now, order.id)
        fault = self._fault("cancel_refused", "drop_before", "drop_after", "late", "garbage")
        lost = Unknown(order_id=order.id, cause=fault)
        if fault == "late":
            at = world.now + self._draw.randrange(1, WINDOW_MS)
            world.later(at, lambda: self._inner.cancel_order(order))
        if fault in ("drop_before", "late"):
            self._timeout()
            return lost
        self._latency()
        if fault == "cancel_refused":
            return Rejection(order_id=order.id, code="-2011", message="Unknown order sent.")
        # A ban proves that nothing was cancelled, but not what has become of the order.
        if fault == "ban" or (fault == "garbage" and self._draw.random() < 0.5):
            return lost
        self._race(order.id)
        outcome = self._inner.cancel_order(order)
        world.step("cancel: executed")
        if fault == "garbage":
            return lost
        if fault == "drop_after":
            self._timeout()
            return lost
        self._latency()
        if isinstance(outcome, Report):
            # As over HTTP: the answer says "cancelled", and the order is asked for after it.
            try:
                outcome = self.order_report(order) or lost
            except ExchangeUnavailable:
                outcome = lost
        world.step("cancel: answered")
        return outcome

    def _race(self, order_id: str) -> None:
        """Let an order fill, perhaps, before its cancel arrives."""
        known = self._book.by_client_id.get(order_id)
        if known in self._book.open_orders and self._world.hits("cancel_race"):
            self._book.fill_at_once(self._book.open_orders[known])

    def cancel_own(self) -> None:
        """Cancel every open order of ours."""
        self._read("open orders")
        self._inner.cancel_own()

    def dead_man(self, seconds: int) -> bool:
        """Return False: the book has no such switch."""
        return False

    # --- reads ----------------------------------------------------------------------------------

    def order_report(self, order: Order) -> Report | None:
        """Return what one endpoint says of an order."""
        asked_at = self._read("order")
        report = self.stale.of_order(
            "report", order.id, lambda: self._inner.order_report(order)
        )
        self._checker.looked(asked_at, "report", order.id, report is not None)
        return None if report is None else self.stale.with_fills(report)

    def is_listed(self, order: Order) -> bool:
        """Return whether the second endpoint shows an order."""
        asked_at = self._read("list")
        is_there = bool(
            self.stale.of_order("listed", order.id, lambda: self._inner.is_listed(order))
        )
        self._checker.looked(asked_at, "listed", order.id, is_there)
        return is_there

    def open_order_filled(self) -> Mapping[str, Decimal]:
        """Return how much each open order has filled."""
        self._read("open orders")
        return self.stale.open_filled()

    def listed_orders(self, market: str, since_ms: int) -> Sequence[ListedOrder]:
        """Return our orders of a market."""
        self._read("orders of the market")
        return self.stale.orders(market, since_ms)

    def listed_fills(self, market: str, since_ms: int) -> Sequence[ListedFill]:
        """Return the fills of a market."""
        self._read("fills")
        return self.stale.fills(market, since_ms)

    def last_price(self, market: str) -> Decimal:
        """Return the price now."""
        self._read("a price")
        return self._inner.last_price(market)

    def balances(self) -> Mapping[str, Decimal]:
        """Return the account's total of every coin."""
        self._read("balances")
        return self.stale.balances()

    def true_balances(self) -> Mapping[str, Decimal]:
        """Return the account's total of every coin, as it is."""
        return self._inner.balances()

    def read_candles(self) -> None:
        """Pass the wire once to ask for candles."""
        self._read("candles")

    def _read(self, what: str) -> int:
        asked_at = self._world.now
        self._world.step(f"read: {what}")
        if self._world.is_banned():
            self._latency()
            raise ExchangeUnavailable("the exchange refuses us for now")
        if self._world.is_out() or self._world.hits("unavailable"):
            self._timeout()
            raise ExchangeUnavailable(f"the exchange cannot be asked for {what}")
        self._latency()
        return asked_at

    # --- the wire -------------------------------------------------------------------------------

    def _fault(self, *faults: str) -> str:
        if self._world.is_out():
            return self._draw.choice(("drop_before", "drop_before", "drop_before", "drop_after"))
        if self._world.is_banned():
            return "ban"
        return next((fault for fault in faults if self._world.hits(fault)), "")

    def _latency(self) -> None:
        self._world.wait(self._draw.randrange(*LATENCY_MS))

    def _timeout(self) -> None:
        # A gateway that says 503 does so at once; a dead line says nothing until we give up.
        is_quick = self._draw.random() < 0.5
        self._world.wait(self._draw.randrange(*(LATENCY_MS if is_quick else TIMEOUT_MS)))
