"""What the compiled loop reads and writes: records and columns of integers of 64 bits.

Law: nothing here has a meaning of its own: each field is one of the Session's, in the same units.
Times in UTC ms; prices, quantities and cash in the units of the market's `Scale`. The classes name
the fields of numpy records; none is ever made.
"""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradebot.engine.track import TRADES_KEPT_MAX

Ints = NDArray[np.int64]

# A signal that says "hold"; every other one is an exposure in ppm.
HOLD = -(2**62)
NEVER = -(2**62)
BUY, SELL = 1, -1
MESSAGES_KEPT = 1 << 14


class Why(IntEnum):
    """Which decision a fill carries out; the words are the Session's."""

    NONE = 0
    SIGNAL = 1
    TIME = 2
    STOP_PASSED = 3
    REFUSED = 4
    STOP = 5
    TARGET = 6
    ENTRY = 7


class Halt(IntEnum):
    """Why the loop gave up: what happened there is left to the Session."""

    NONE = 0
    SALE_TOO_LARGE = 1
    PACE_OF_EXITS = 2
    SALE_REFUSED = 3
    HELD_TOO_LITTLE = 4
    ENTRY_LOST_IN_GAP = 5
    SIXTY_FOUR_BITS = 6


class Ruling(IntEnum):
    """Which control refuses an entry; the names are the gate's, in small letters."""

    APPROVED = 0
    DAILY_LOSS_FRACTION_MAX = 1
    DRAWDOWN_FRACTION_MAX = 2
    ERRORS_IN_A_ROW_MAX = 3
    ENTRIES_PER_DAY_MAX = 4
    QUANTITY_MIN = 5
    ORDERS_PER_MINUTE_MAX = 6
    ORDERS_PER_HOUR_MAX = 7
    CANDLE_GAP = 8
    OPEN_ORDERS_MAX = 9
    DUPLICATE_SECONDS = 10
    COOLDOWN_CANDLES = 11
    ALL_COOLDOWN_CANDLES = 12
    MARKET_STOPS_MAX = 13
    STOPS_MAX = 14
    MARKET_LOW_PROFIT_TRADES = 15
    LOW_PROFIT_TRADES = 16
    STOP_DISTANCE_MIN = 17
    REWARD_TO_RISK_MIN = 18
    NOTIONAL_MIN = 19
    OPEN_POSITIONS_MAX = 20
    PRICE_COLLAR_FRACTION = 21


# Rulings up to this one are limits that trip.
TRIPS = 4


class Terms:
    """The owner's rules: those of `engine.settings` that the loop knows."""

    by_fraction: int
    by_risk: int
    fraction_ppm: int
    risk_ppm: int
    range_multiple_ppm: int
    stop_ppm: int
    target_ppm: int
    trailing_ppm: int
    held_ms_max: int
    reserve_ppm: int
    position_ppm_max: int
    exposure_ppm_max: int
    open_positions_max: int
    risk_ppm_max: int
    reward_ppm_min: int
    daily_loss_ppm_max: int
    drawdown_ppm_max: int
    collar_ppm: int
    cluster_ppm_max: int
    entries_per_day_max: int
    orders_per_minute_max: int
    orders_per_hour_max: int
    errors_in_a_row_max: int
    open_orders_max: int
    duplicate_ms: int
    cooldown_ms: int
    all_cooldown_ms: int
    stops_max: int
    market_stops_max: int
    stops_within_ms: int
    stops_pause_ms: int
    low_profit_trades: int
    market_low_profit_trades: int
    low_profit_ppm: int
    low_profit_within_ms: int
    low_profit_pause_ms: int
    slippage_ppm: int
    # Of one cash unit, in the units that marked equity is counted in, exactly.
    cash_fine: int
    equity_max: int


class Book:
    """One market: its rules, its candles' rows on the tape, and what is known and held of it.

    Rows from `row` to before `end` close within the span; from there to before `last` they are only
    there to be traded at their open. `fine` is a price unit times a quantity unit in the units of
    marked equity. What waits (`BUY` or `SELL`, else 0) is filled at the end of a gap.
    """

    index: int
    lot: int
    lot_cash: int
    tick: int
    quantity_min: int
    quantity_max: int
    notional_min: int
    order_max: int
    maker_ppm: int
    taker_ppm: int
    fee_in_base: int
    fine: int
    row: int
    end: int
    last: int
    closed_at: int
    close: int
    exposure: int
    mean_range: int
    is_next: int
    spent: int
    # The ruling that last refused the present signal.
    refused: int
    # The price at which an order fills now, and whether a candle is under way that fills it.
    price_now: int
    is_open: int
    quantity: int
    sellable: int
    entry: int
    cost: int
    opened_at: int
    stop: int
    rests_stop: int
    rests_target: int
    waits: int
    waits_quantity: int
    waits_locked: int
    waits_price: int
    waits_why: int
    waits_since: int
    bought_at: int
    bought: int
    stopped_at: int


class Account:
    """What all markets share.

    `sent` are the times of orders and cancels, a ring of which `sent_count` were ever written;
    `trade_…` the newest ended trades by their time. At `…_floor` a limit on losses is reached.
    """

    cash: int
    locked: int
    errors: int
    entries: int
    day: int
    daily_day_ends: int
    daily_until: int
    marked: int
    opening: int
    opening_floor: int
    peak: int
    peak_floor: int
    day_ends: int
    halt: int
    fills: int
    trips: int
    marks: int
    sent_count: int
    trades: int
    rejected_by_filter: int
    rejected: int
    # The limits that have tripped, in turn, and at which place each is; 0 = it has not.
    tripped_count: int
    tripped: Any
    tripped_as: Any
    # How often each control refused, as often as it is told of.
    refused: Any
    sent: Any
    trade_at: Any
    trade_market: Any
    trade_gain: Any
    trade_cost: Any
    trade_is_loss: Any


class Fill:
    """One fill; a fee is in the base coin or in quote.

    Of a sale, `stop` is the position's last stop, 0 = it had none, and `bare_at` since when none
    rested.
    """

    market: int
    at: int
    side: int
    price: int
    quantity: int
    fee: int
    fee_in_base: int
    why: int
    stop: int
    bare_at: int


class Tripped:
    """One limit that tripped."""

    at: int
    ruling: int


class Tape(NamedTuple):
    """The candles of all markets, one market after the other."""

    opened_at: Ints
    closed_at: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    exposure: Ints
    mean_range: Ints


_RINGS = {"sent": MESSAGES_KEPT, "tripped": TRIPS + 1, "tripped_as": TRIPS + 1, "refused": 32}


def records(form: type, count: int, *, are_made: bool = True) -> Any:
    """Return so many records of a class's fields, zero where they are made and not only room."""
    kinds: list[Any] = []
    for name, kind in form.__annotations__.items():
        ring = _RINGS.get(name, TRADES_KEPT_MAX + 1)
        kinds.append((name, np.int64) if kind is int else (name, np.int64, (ring,)))
    return (np.zeros if are_made else np.empty)(count, np.dtype(kinds)).view(np.recarray)
