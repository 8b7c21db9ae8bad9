"""What the checker counts with: orders as told by the journal and by the exchange, legal moves.

Law: written from the protocol, and not from the program.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

# Which state of an order may follow which; written here a second time, from the protocol.
LEGAL = {
    "": "intended",
    "intended": "sent dropped",
    "sent": "accepted rejected unknown dropped",
    "unknown": "accepted rejected absent",
    "accepted": "partial filled cancelled expired unknown",
    "partial": "partial filled cancelled expired unknown",
    "cancelled": "partial filled cancelled",
    "expired": "partial filled expired",
    "absent": "partial filled accepted",
    "filled": "",
    "rejected": "",
    "dropped": "",
}
UNSETTLED = frozenset({"intended", "sent", "unknown", "accepted", "partial"})
OPEN = frozenset({"accepted", "partial"})
NEVER_THERE = frozenset({"rejected", "absent", "dropped"})
# An order may be called absent this long after its window, by two looks so far apart; each look is
# two requests, and the second takes its time.
MARGIN_MS, APART_MS, REQUEST_MS = 30_000, 10_000, 500
# So old may the risk gate's ruling be when its order leaves.
TOKEN_MS = 2_000


@dataclass(slots=True)
class Told:
    """An order as the journal tells it."""

    market: str
    side: str
    kind: str
    leg: str
    quantity: Decimal
    price: Decimal
    closed_at: int
    ruled_at: int
    status: str = ""
    sent_at: int = 0
    window_ms: int = 0
    filled: Decimal = Decimal(0)
    trade_ids: set[str] = field(default_factory=set)
    answer: str = ""
    looks: list[tuple[int, str, bool]] = field(default_factory=list)

    @property
    def remaining_worth(self) -> Decimal:
        """How much could still be paid for it: what is in doubt counts whole."""
        return (self.quantity - self.filled) * self.price

    @property
    def is_leaving(self) -> bool:
        """Whether it is a market order under way to the exchange."""
        return self.kind == "market" and self.status == "sent" and not self.answer


@dataclass(slots=True)
class There:
    """An order as the exchange has it."""

    market: str
    side: str
    kind: str
    quantity: Decimal
    group: int
    filled: Decimal = Decimal(0)
    is_open: bool = True
    is_vanished: bool = False

    @property
    def remaining(self) -> Decimal:
        """How much could still trade."""
        return self.quantity - self.filled if self.is_open else Decimal(0)


@dataclass(frozen=True, slots=True)
class Listed:
    """A market: its coins, whole lots, smallest order, and every candle's close."""

    base: str
    quote: str
    step: Decimal
    minimum: Decimal
    worth_min: Decimal
    closes: Sequence[int]


def changes_by(listed: Listed, side: str, fill: dict[str, Any]) -> dict[str, Decimal]:
    """Return what a fill does to every coin."""
    quantity, price = Decimal(fill["quantity"]), Decimal(fill["price"])
    sign = 1 if side == "buy" else -1
    changes = {listed.base: sign * quantity, listed.quote: -sign * quantity * price}
    changes[fill["fee_asset"]] = changes.get(fill["fee_asset"], 0) - Decimal(fill["fee"])
    return changes
