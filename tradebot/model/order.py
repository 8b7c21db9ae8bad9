"""Orders: what we intend, what the gate ruled, what became of it, and the legal moves.

Law: `TRANSITIONS` is the only statement of which state may follow which.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from tradebot.model.money import MONEY_CONTEXT, ZERO


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"


class OrderKind(StrEnum):
    """How an order trades. A STOP becomes a market order once its stop price trades."""

    MARKET = "market"
    LIMIT = "limit"
    LIMIT_MAKER = "limit_maker"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT_LIMIT = "take_profit_limit"


class Leg(StrEnum):
    """What an order is for in the life of a position."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"
    TARGET = "target"
    FLATTEN = "flatten"


class OrderStatus(StrEnum):
    """Where an order is. UNKNOWN is a state, never a guess."""

    INTENDED = "intended"  # on disk, not yet on the wire
    SENT = "sent"  # handed to the wire; the answer is not on disk yet
    ACCEPTED = "accepted"
    PARTIAL = "partial"
    FILLED = "filled"
    REJECTED = "rejected"  # the exchange said no
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"  # it may or may not exist
    ABSENT = "absent"  # proved never to have arrived
    DROPPED = "dropped"  # never sent: we stopped between intent and wire


_S = OrderStatus
TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    _S.INTENDED: frozenset({_S.SENT, _S.DROPPED}),
    _S.SENT: frozenset(
        {
            _S.ACCEPTED, _S.PARTIAL, _S.FILLED, _S.REJECTED, _S.CANCELLED, _S.EXPIRED, _S.UNKNOWN,
            _S.DROPPED,  # the broker did not let it leave
        }
    ),
    _S.UNKNOWN: frozenset(
        {_S.ACCEPTED, _S.PARTIAL, _S.FILLED, _S.REJECTED, _S.CANCELLED, _S.EXPIRED, _S.ABSENT}
    ),
    _S.ACCEPTED: frozenset({_S.PARTIAL, _S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.UNKNOWN}),
    _S.PARTIAL: frozenset({_S.PARTIAL, _S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.UNKNOWN}),
    # Real world: a fill that happened before the cancel may be reported after it.
    _S.CANCELLED: frozenset({_S.PARTIAL, _S.FILLED, _S.CANCELLED}),
    _S.EXPIRED: frozenset({_S.PARTIAL, _S.FILLED, _S.EXPIRED}),
    # The evidence was wrong: it is alive, or has been.
    _S.ABSENT: frozenset(
        {_S.ACCEPTED, _S.PARTIAL, _S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED}
    ),
    _S.FILLED: frozenset({_S.FILLED}),  # the exchange filled more than was asked for
    _S.REJECTED: frozenset(),
    _S.DROPPED: frozenset(),
}
SETTLED = frozenset(
    {_S.FILLED, _S.REJECTED, _S.CANCELLED, _S.EXPIRED, _S.ABSENT, _S.DROPPED}
)
RESTING = frozenset({_S.ACCEPTED, _S.PARTIAL})
# Nobody knows whether the exchange has them.
IN_DOUBT = frozenset({_S.INTENDED, _S.SENT, _S.UNKNOWN})
# The code of an order that was to replace another, which could not be cancelled.
NOT_ATTEMPTED = "NOT_ATTEMPTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What we would like to trade, before risk. `reference_price` is the price it was sized at."""

    market: str
    side: Side
    kind: OrderKind
    leg: Leg
    quantity: Decimal
    reference_price: Decimal
    closed_at: int
    strategy: str
    reason: str
    price: Decimal | None = None
    stop_price: Decimal | None = None
    reduce_only: bool = False
    # Sequence within one leg of one candle: a trailing stop may be replaced more than once.
    sequence: int = 0
    # Of an entry: how its quantity came about, in words and numbers, for whoever asks why.
    size: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """An intent that the risk gate let through, with the id it will carry everywhere."""

    order_id: str
    intent: Intent


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An intent that the risk gate stopped: the control, its limit and the value that broke it."""

    intent: Intent
    control: str
    limit: Decimal
    value: Decimal
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A piece of an order that happened. `trade_id` is the exchange's, unique in its market."""

    trade_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    is_maker: bool
    filled_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An approved intent and all that is known of its life."""

    id: str
    market: str
    side: Side
    kind: OrderKind
    leg: Leg
    quantity: Decimal
    reference_price: Decimal
    status: OrderStatus
    closed_at: int
    price: Decimal | None = None
    stop_price: Decimal | None = None
    exchange_id: str | None = None
    sent_at: int = 0
    window_ms: int = 0  # how long after `sent_at` the exchange may still take it
    filled: Decimal = ZERO
    cost: Decimal = ZERO  # quote paid or received, before fees
    trade_ids: tuple[str, ...] = ()
    is_attempted: bool = True  # False: refused unseen, with the code NOT_ATTEMPTED

    @property
    def remaining(self) -> Decimal:
        """How much of the quantity has not been filled."""
        if not self.filled:
            return self.quantity  # Most orders that rest; asked of them at every candle.
        return MONEY_CONTEXT.subtract(self.quantity, self.filled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the exchange says of one of our orders. `fills` holds all it has told, old and new."""

    order_id: str
    exchange_id: str
    status: OrderStatus
    filled: Decimal
    fills: tuple[Fill, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """The exchange said no, and it is certain that nothing was placed or cancelled."""

    order_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """No answer that proves anything: the order may or may not exist."""

    order_id: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsent:
    """The broker itself did not let the order leave: nothing was on the wire."""

    order_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOrder:
    """An order of ours as the exchange lists it, with what reconciling compares.

    A comparison sees those of other tradebots, too.
    """

    order_id: str
    exchange_id: str
    market: str
    filled: Decimal
    is_open: bool
    created_at: int = 0  # UTC ms; 0 where it is not told


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFill:
    """A fill as the exchange lists it for a market, ours or not."""

    exchange_id: str  # of the order that it filled
    side: Side
    fill: Fill


Outcome = Report | Rejection | Unknown | Unsent
