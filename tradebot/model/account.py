"""What the bot holds: a position per market, built from fills alone."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tradebot.model.money import ZERO


class TradingState(StrEnum):
    """What the bot may do: all, exits only, or nothing."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What the bot bought in one market and has not sold. Spot: never negative.

    `quantity` is all base coins held, less fees taken in base; `sellable` is its whole lots.
    `bought`, `cost` (with quote fees), `sold` and `proceeds` (less quote fees) count the present
    round trip; a remainder under one lot stays in `quantity` and joins the next one. `stop` is the
    highest stop price intended for this round trip, 0 before the first; `entry_price` the volume-
    weighted price of its buys, before fees.
    """

    quantity: Decimal = ZERO
    sellable: Decimal = ZERO
    bought: Decimal = ZERO
    cost: Decimal = ZERO
    sold: Decimal = ZERO
    proceeds: Decimal = ZERO
    entry_notional: Decimal = ZERO
    entry_price: Decimal = ZERO
    opened_at: int = 0
    stop: Decimal = ZERO

    @property
    def is_open(self) -> bool:
        """Whether at least one lot could be sold."""
        return self.sellable > 0
