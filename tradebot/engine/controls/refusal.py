"""A refusal by the gate, and what of the world outside the books the gate is told."""

from dataclasses import dataclass
from decimal import Decimal

from tradebot.model.order import Intent, Refused


@dataclass(frozen=True, slots=True)
class Outside:
    """What the books cannot say.

    `is_contiguous`: the candle before this one was decided, too. `is_reconciled`: the books were
    compared with the exchange since it was last lost. `skew_ms`: how far apart its clock and ours
    are.
    """

    is_contiguous: bool = True
    is_reconciled: bool = True
    skew_ms: int = 0


ALL_WELL = Outside()


def refused(
    intent: Intent, control: str, limit: Decimal | int, value: Decimal | int, message: str
) -> Refused:
    """Return the refusal of an intent; the message is told with its market before it."""
    symbol = intent.market.partition(":")[2]
    return Refused(
        intent=intent,
        control=control,
        limit=Decimal(limit),
        value=Decimal(value),
        message=f"{symbol}: {message}",
    )
