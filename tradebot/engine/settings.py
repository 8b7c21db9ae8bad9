"""What the owner set: sizing, exits and limits, as integers that the rules take."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Sizing(StrEnum):
    """How an entry is sized."""

    FRACTION = "fraction"  # a fraction of equity
    RISK = "risk"  # what may be lost between entry and stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Sizing, exits and limits. Fractions in parts per million; 0 switches an exit off.

    `reserve_ppm` of the free cash is never spent by an entry: it pays the fee and a worse price.
    A limit entry rests `entry_offset_ppm` under the close for `entry_ms_max`, and is priced anew
    `reprice_max` times while the signal stays; `entry_ms_max` 0 = entries are market orders.
    """

    sizing: Sizing
    fraction_ppm: int
    risk_ppm: int
    stop_ppm: int
    target_ppm: int
    trailing_ppm: int
    held_ms_max: int
    entry_ms_max: int
    entry_offset_ppm: int
    reprice_max: int
    reserve_ppm: int
    position_ppm_max: int
    exposure_ppm_max: int
    open_positions_max: int
    order_notional_max: Decimal
