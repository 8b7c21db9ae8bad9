"""What we ask of the world: the few doors through which the Session acts and hears.

Law: every adapter behind a port passes the same contract suite; no port leaks a library's type.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from tradebot.model.event import Event
from tradebot.model.order import (
    Approved,
    ListedFill,
    ListedOrder,
    Order,
    Outcome,
    Report,
)

# Clocks differ: a list is asked for from a little before the time that is meant.
LISTED_BEFORE_MS = 60_000
# The exchange gives no more than so many in one answer.
LISTED_MAX = 1_000


class Broker(Protocol):
    """The door through which orders leave. Placing is never retried.

    What is placed holds a token of the risk gate, or is `Unsent`. `has_oco`: a stop and a target
    can rest as one; where they cannot, `place_oco` is never called.
    """

    has_oco: bool

    def place_order(self, approved: Approved) -> Outcome:
        """Place one order, once. Unknown unless the answer proves otherwise."""
        ...

    def place_oco(self, stop: Approved, target: Approved) -> tuple[Outcome, Outcome]:
        """Place a stop and a target of which one fill ends the other, in one request."""
        ...

    def replace_order(self, resting: Order, approved: Approved) -> tuple[Outcome, Outcome]:
        """Cancel a resting stop and place another in its stead, in one request.

        The first outcome is the old order's, as of a cancel, the second the new one's. Where the
        old one cannot be cancelled the new one is not placed.
        """
        ...

    def cancel_order(self, order: Order) -> Outcome:
        """Cancel one order, and its OCO sibling with it; a Report says what it had filled."""
        ...

    def order_report(self, order: Order) -> Report | None:
        """Return what the exchange knows of an order, fills included; None where it knows none.

        Raises ExchangeUnavailable when it cannot be asked.
        """
        ...

    def is_listed(self, order: Order) -> bool:
        """Return whether a second endpoint, the market's list of orders, shows this order.

        Raises ExchangeUnavailable when it cannot be asked.
        """
        ...

    def open_order_filled(self) -> Mapping[str, Decimal]:
        """Return how much each of our open orders has filled, by our order id.

        Raises ExchangeUnavailable when it cannot be asked.
        """
        ...

    def listed_orders(self, market: str, since_ms: int) -> Sequence[ListedOrder]:
        """Return our orders of one market since a time, oldest first. Raises ExchangeUnavailable.

        The exchange gives no more than its newest 1,000.
        """
        ...

    def listed_fills(self, market: str, since_ms: int) -> Sequence[ListedFill]:
        """Return every fill of one market since a time, ours or not. Raises ExchangeUnavailable.

        The exchange gives no more than its newest 1,000.
        """
        ...

    def last_price(self, market: str) -> Decimal:
        """Return the price of the market's last trade. Raises ExchangeUnavailable."""
        ...

    def dead_man(self, seconds: int) -> bool:
        """Have the exchange cancel all our orders, stops too, unless told again in that time.

        0 calls it off. Return whether the exchange has such a switch and took it.
        """
        ...

    def cancel_own(self) -> None:
        """Cancel every open order that carries our ids, known to the journal or not.

        Raises ExchangeUnavailable when the exchange cannot be asked which there are.
        """
        ...

    def balances(self) -> Mapping[str, Decimal]:
        """Return the account's total of every coin it holds. Raises ExchangeUnavailable."""
        ...


class Journal(Protocol):
    """The truth: events in order, appended once."""

    def append(self, events: Sequence[Event]) -> None:
        """Make the events durable together, or raise JournalError and write none of them."""
        ...

    def events(self) -> Iterable[Event]:
        """Yield every event from the first."""
        ...


class Clock(Protocol):
    """Time, and the only way to let it pass. UTC milliseconds."""

    def now_ms(self) -> int:
        """Return the time now."""
        ...

    def sleep_until(self, time_ms: int) -> None:
        """Return at `time_ms`, or earlier when the bot was told to stop."""
        ...


class Latch(Protocol):
    """The emergency stop, which outlives every process."""

    def is_armed(self) -> bool:
        """Return whether orders may leave. Absent or unreadable means no."""
        ...

    def suspend(self, reason: str) -> None:
        """Let no bot start until a person resumes; until then the running one may still guard."""
        ...


class AlertLevel(StrEnum):
    """How much an alert matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class Alerts(Protocol):
    """The door through which the owner is told. It queues and returns; it never raises or waits."""

    def send(self, level: AlertLevel, kind: str, text: str) -> None:
        """Queue one message. `kind`: order, fill, stop, error, lifecycle, daily_summary."""
        ...
