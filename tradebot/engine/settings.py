"""What the owner set: sizing, exits and limits, as integers that the rules take."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tradebot.model.money import PPM


class Sizing(StrEnum):
    """How an entry is sized."""

    FRACTION = "fraction"  # a fraction of equity
    RISK = "risk"  # what may be lost between entry and stop
    VOLATILITY = "volatility"  # what may be lost within some mean true ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """When entries pause by themselves, and for how long; 0 switches a pause off.

    A market that was stopped out pauses for `cooldown_ms`. So many stops at a loss within
    `stops_within_ms` pause all markets, or the one that had them, for `stops_pause_ms`. A market
    whose last `low_profit_trades` or more, within `low_profit_within_ms`, gained less than
    `low_profit_ppm` of what they cost pauses for `low_profit_pause_ms`; all markets together, too.
    """

    cooldown_ms: int = 0
    all_cooldown_ms: int = 0
    stops_max: int = 0
    market_stops_max: int = 0
    stops_within_ms: int = 0
    stops_pause_ms: int = 0
    low_profit_trades: int = 0
    market_low_profit_trades: int = 0
    low_profit_ppm: int = 0
    low_profit_within_ms: int = 0
    low_profit_pause_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much may happen, and how much may go wrong; 0 switches a limit off.

    Of the orders and cancels that a minute or an hour may have, a fifth is for exits alone.
    """

    entries_per_day_max: int = 0
    orders_per_minute_max: int = 0
    orders_per_hour_max: int = 0
    errors_in_a_row_max: int = 0
    in_doubt_max: int = 0
    open_orders_max: int = 0
    duplicate_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Sizing, exits and limits. Fractions in parts per million; 0 switches an exit off.

    `reserve_ppm` of the free cash is never spent by an entry: it pays the fee and a worse price.
    A limit entry rests `entry_offset_ppm` under the close for `entry_ms_max`, and is priced anew
    `reprice_max` times while the signal stays; `entry_ms_max` 0 = entries are market orders.
    By volatility, an entry loses `risk_ppm` of equity within `range_multiple_ppm` mean true ranges.
    `is_staged`: real money, of which no more is put to work than its stage has earned.
    What has a default here is off by it: the configuration has defaults of its own.
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
    range_multiple_ppm: int = 0
    risk_ppm_max: int = PPM
    reward_ppm_min: int = 0
    daily_loss_ppm_max: int = PPM
    drawdown_ppm_max: int = PPM
    collar_ppm: int = 0
    clusters: tuple[frozenset[str], ...] = ()
    cluster_ppm_max: int = PPM
    is_staged: bool = False
    pauses: Pauses = Pauses()
    pace: Pace = Pace()
