"""Fakes behind our own ports, scripted by the test: broker, clock, latch, journal.

All of them write what they were asked into one shared `diary`, so that a test can read the order of
things: disk, wire, tell.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from tests.support.builders import START, fill, report
from tradebot.adapters.gate_tokens import GateTokens
from tradebot.errors import ExchangeUnavailable, JournalError
from tradebot.model.codec import kind_of
from tradebot.model.event import Event
from tradebot.model.order import (
    NOT_ATTEMPTED,
    Approved,
    ListedFill,
    ListedOrder,
    Order,
    OrderKind,
    OrderStatus,
    Outcome,
    Rejection,
    Report,
    Unknown,
)

Answer = str | Callable[[Approved], Outcome]
CancelAnswer = str | Callable[[Order], Outcome]


class FakeBroker:
    """A broker whose answers are scripted: one of `script` for each order placed, in order.

    "filled" (at its reference price), "accepted", "rejected", "unknown", "partial 0.2", or a
    function. When the script has run out, market orders fill and all others are accepted.
    """

    def __init__(self, *script: Answer, diary: list[str] | None = None) -> None:
        self.script: list[Answer] = list(script)
        self.cancels: list[CancelAnswer] = []
        self.diary: list[str] = [] if diary is None else diary
        self.placed: list[Approved] = []
        self.cancelled: list[str] = []
        self.asked: list[str] = []
        self.reports: dict[str, Report] = {}
        self.is_reachable = True
        self.listed: set[str] = set()
        self.unreachable: set[str] = set()
        self.listed_orders_made: list[ListedOrder] = []
        self.listed_fills_made: dict[str, list[ListedFill]] = {}
        self.prices: dict[str, Decimal] = {}
        self.coins: dict[str, Decimal] = {}
        self.has_dead_man = False
        self.has_oco = True
        self.on_place: Callable[[Approved], None] = lambda approved: None

    def place_order(self, approved: Approved) -> Outcome:
        """Place one order and answer by the script."""
        self.diary.append(f"wire: {approved.intent.leg} {approved.intent.side}")
        return self._answer(approved)

    def place_oco(self, stop: Approved, target: Approved) -> tuple[Outcome, Outcome]:
        """Place both and answer by the script, the stop first."""
        self.diary.append("wire: oco")
        return self._answer(stop), self._answer(target)

    def replace_order(self, resting: Order, approved: Approved) -> tuple[Outcome, Outcome]:
        """Cancel by `cancels`, and place by the script only where that worked."""
        self.diary.append(f"wire: replace {resting.leg}")
        gone = self.cancel_order(resting)
        if isinstance(gone, Rejection):
            refusal = "the order in its place could not be cancelled"
            return gone, Rejection(order_id=approved.order_id, code=NOT_ATTEMPTED, message=refusal)
        return gone, self._answer(approved)

    def cancel_order(self, order: Order) -> Outcome:
        """Cancel and answer by `cancels`: "cancelled" (the default), "rejected", "unknown"."""
        self.diary.append(f"wire: cancel {order.leg}")
        self.cancelled.append(order.id)
        answer = self.cancels.pop(0) if self.cancels else "cancelled"
        if callable(answer):
            return answer(order)
        if answer == "rejected":
            return Rejection(order_id=order.id, code="-2011", message="Unknown order sent.")
        if answer == "unknown":
            return Unknown(order_id=order.id, cause="timeout")
        told = report(order, OrderStatus.CANCELLED, filled=str(order.filled))
        self.reports[order.id] = told
        return told

    def order_report(self, order: Order) -> Report | None:
        """Return the last report of an order, None where there is none."""
        if not self.is_reachable or order.id in self.unreachable:
            raise ExchangeUnavailable("the exchange cannot be reached")
        self.asked.append(order.id)
        return self.reports.get(order.id)

    def is_listed(self, order: Order) -> bool:
        """Return whether the second endpoint shows the order."""
        if not self.is_reachable:
            raise ExchangeUnavailable("the exchange cannot be reached")
        return order.id in self.listed

    def open_order_filled(self) -> Mapping[str, Decimal]:
        """Return the filled part of every order that is open in the last reports."""
        if not self.is_reachable:
            raise ExchangeUnavailable("the exchange cannot be reached")
        is_open = (OrderStatus.ACCEPTED, OrderStatus.PARTIAL)
        return {
            key: each.filled for key, each in self.reports.items() if each.status in is_open
        }

    def cancel_own(self) -> None:
        """Cancel every order that is open in the last reports."""
        for key in self.open_order_filled():
            self.diary.append("wire: cancel own")
            self.reports[key] = replace(self.reports[key], status=OrderStatus.CANCELLED)

    def balances(self) -> Mapping[str, Decimal]:
        """Return the balances that the test set."""
        if not self.is_reachable:
            raise ExchangeUnavailable("the exchange cannot be reached")
        return self.coins

    def listed_orders(self, market: str, since_ms: int) -> Sequence[ListedOrder]:
        """Return the orders that the test listed."""
        return [each for each in self.listed_orders_made if each.market == market]

    def listed_fills(self, market: str, since_ms: int) -> Sequence[ListedFill]:
        """Return the fills that the test listed."""
        return self.listed_fills_made.get(market, [])

    def last_price(self, market: str) -> Decimal:
        """Return the price that the test set."""
        if not self.is_reachable or market not in self.prices:
            raise ExchangeUnavailable("the exchange cannot be reached")
        return self.prices[market]

    def dead_man(self, seconds: int) -> bool:
        """Note what was asked for; the exchange has a switch where the test says so."""
        self.diary.append(f"wire: dead man {seconds}")
        return self.has_dead_man

    def _answer(self, approved: Approved) -> Outcome:
        self.placed.append(approved)
        self.on_place(approved)
        is_market = approved.intent.kind is OrderKind.MARKET
        default = "filled" if is_market else "accepted"
        answer = self.script.pop(0) if self.script else default
        outcome = answer(approved) if callable(answer) else _scripted(answer, approved)
        if isinstance(outcome, Report):
            self.reports[approved.order_id] = outcome
        return outcome


def _scripted(answer: str, approved: Approved) -> Outcome:
    key, intent = approved.order_id, approved.intent
    word, _, part = answer.partition(" ")
    if word == "rejected":
        return Rejection(order_id=key, code="-2010", message="Account has insufficient balance.")
    if word == "unknown":
        return Unknown(order_id=key, cause="timeout")
    if word == "accepted":
        return report(key, OrderStatus.ACCEPTED)
    quantity = part or str(intent.quantity)
    piece = fill(f"{quantity} @ {intent.reference_price}", trade_id=f"t-{key}", at=intent.closed_at)
    status = {"filled": OrderStatus.FILLED, "partial": OrderStatus.PARTIAL}[word]
    return report(key, status, piece)


class TokensForAll(GateTokens):
    """Tokens for every order, for tests of what a broker puts on the wire and nothing else."""

    def take(self, approved: Approved, *, now_ms: int) -> str:
        """Let the order leave."""
        return ""


class FakeClock:
    """A clock that stands still until it is told the time."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def now_ms(self) -> int:
        """Return the time it was told."""
        return self.now

    def sleep_until(self, time_ms: int) -> None:
        """Be at `time_ms` at once."""
        self.now = max(self.now, time_ms)


class FakeLatch:
    """A latch that is armed, until it is closed."""

    def __init__(self, *, armed: bool = True, diary: list[str] | None = None) -> None:
        self.armed = armed
        self.suspended = ""
        self.diary: list[str] = [] if diary is None else diary

    def is_armed(self) -> bool:
        """Return what it was set to."""
        self.diary.append("latch")
        return self.armed

    def suspend(self, reason: str) -> None:
        """Keep why."""
        self.diary.append("latch: suspended")
        self.suspended = reason


class RecordingJournal:
    """A journal in memory that notes each append in the diary, and fails at kinds it is told to."""

    def __init__(self, *, diary: list[str] | None = None) -> None:
        self.diary: list[str] = [] if diary is None else diary
        self.kept: list[Event] = []
        self.fails_at: str = ""

    def append(self, events: Sequence[Event]) -> None:
        """Keep the events together, or none of them."""
        kinds = [kind_of(event) for event in events]
        if self.fails_at in kinds:
            raise JournalError("the journal cannot be written: disk full")
        self.diary.extend(f"disk: {kind}" for kind in kinds)
        self.kept.extend(events)

    def events(self) -> Sequence[Event]:
        """Return every event from the first."""
        return tuple(self.kept)

    def kinds(self) -> list[str]:
        """Return the kinds of all events kept."""
        return [kind_of(event) for event in self.kept]
