"""Events: facts in the past tense, appended once and never changed.

Law: a new field has a default; a changed meaning is a new kind. Times are UTC milliseconds of the
bot's clock, which in a sandbox run is the sandbox's. Every kind is listed in `KINDS`.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from tradebot.model.account import TradingState
from tradebot.model.command import CommandEnded, CommandRefused, CommandTaken, SignalSpent
from tradebot.model.market import Market
from tradebot.model.order import Fill, Leg, OrderKind, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted:
    """A new journal began: who trades what, by which rules, with which opening balances."""

    at: int
    mode: str
    bot: str
    exchange: str
    timeframe_ms: int
    markets: tuple[Market, ...]
    strategy: str
    config_hash: str
    balances: dict[str, Decimal]
    version: str
    account: str = ""
    instance: str = ""  # this journal's own mark, so that two journals never give one order id
    place: str = ""  # where the journal lies, hashed


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReconfigured:
    """A journal went on under other terms: another configuration, or the exchange's new rules."""

    at: int
    timeframe_ms: int
    markets: tuple[Market, ...]
    strategy: str
    config_hash: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalMoved:
    """The journal lies elsewhere than `before`, moved or copied: it has a new mark from now on.

    The original, which may still run, gives its orders ids by the old one. `before` is "" where no
    place was known.
    """

    at: int
    place: str
    before: str
    instance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandlesClosed:
    """Candles closed and were put before the engine. Exposures in ppm, None = hold.

    Written before anything is decided from them: all candles up to the newest are decided, and a
    restart decides the newest again, which changes nothing. `missed` marks candles that were found
    too late to act on: seen, recorded, not traded.
    """

    at: int
    closed_at: int
    closes: dict[str, Decimal]
    exposures: dict[str, int | None]
    missed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentRefused:
    """The risk gate stopped an intent."""

    at: int
    market: str
    side: Side
    leg: Leg
    quantity: Decimal
    closed_at: int
    control: str
    limit: Decimal
    value: Decimal
    message: str
    size: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntended:
    """An approved order is on disk; nothing is on the wire yet."""

    at: int
    order_id: str
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
    size: dict[str, str] = field(default_factory=dict)  # of an entry: how its quantity came about


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSent:
    """The order is about to be handed to the wire, once.

    `window_ms`: how long the exchange may take it.
    """

    at: int
    order_id: str
    window_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted:
    """The exchange has the order."""

    at: int
    order_id: str
    exchange_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected:
    """The exchange said no."""

    at: int
    order_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderUnknown:
    """No answer proves anything: the order counts as filled in every limit until evidence comes."""

    at: int
    order_id: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FillBooked:
    """A fill of one of our orders, booked once."""

    at: int
    order_id: str
    market: str
    side: Side
    fill: Fill


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSent:
    """A cancel of the order is about to be handed to the wire."""

    at: int
    order_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled:
    """The exchange reports the order cancelled, with what it had filled."""

    at: int
    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExpired:
    """The exchange ended the order: an OCO's other leg, no liquidity; or lost it, see `reason`."""

    at: int
    order_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAbsent:
    """Proved never to have arrived; `evidence` says how."""

    at: int
    order_id: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDropped:
    """The order was never sent: we stopped, or the latch closed, between intent and wire."""

    at: int
    order_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingStateChanged:
    """Trading was set to ACTIVE, REDUCING or HALTED."""

    at: int
    state: TradingState
    reason: str
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitTripped:
    """A limit keeps entries out until `until`; 0 = until a person resumes. Exits go on."""

    at: int
    control: str
    limit: Decimal
    value: Decimal
    until: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmingOverridden:
    """Real money is traded though something was not shown: what a person typed instead, and why."""

    at: int
    code: str
    sentence: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketLocked:
    """A market takes no entries until every cause of its locks is lifted; exits go on."""

    at: int
    market: str
    cause: str  # who locked it: reconcile, protection, permissions
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketUnlocked:
    """One cause of a market's locks was lifted."""

    at: int
    market: str
    cause: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionUnprotected:
    """A position has been without its stop for too long, since `since`; the owner is called."""

    at: int
    market: str
    since: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAdjusted:
    """The exchange holds less than we bought: the position is `quantity` now."""

    at: int
    market: str
    before: Decimal
    quantity: Decimal
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceAdjusted:
    """A coin's balance in the books was set to the exchange's: a deposit, a coin that pays fees."""

    at: int
    asset: str
    before: Decimal
    after: Decimal
    reason: str


class Resolution(StrEnum):
    """How books and exchange came to an end of a difference."""

    AGREED = "agreed"  # it is gone: both say the same again
    ADOPTED = "adopted"  # a person took the exchange's word into the books
    IGNORED = "ignored"  # a person left the books as they are
    CLOSED = "closed"  # a person had orders cancelled and the position sold


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceFound:
    """Books and exchange disagree: what each says. The same `mark` is the same difference."""

    at: int
    kind: str
    subject: str  # an order's id, a market or a coin
    mark: str
    journal: str
    exchange: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceResolved:
    """A difference has ended; one that a person chose to ignore is not named again."""

    at: int
    kind: str
    subject: str
    mark: str
    how: Resolution
    reason: str


Event = (
    SessionStarted
    | SessionReconfigured
    | JournalMoved
    | CandlesClosed
    | IntentRefused
    | OrderIntended
    | OrderSent
    | OrderAccepted
    | OrderRejected
    | OrderUnknown
    | FillBooked
    | CancelSent
    | OrderCancelled
    | OrderExpired
    | OrderAbsent
    | OrderDropped
    | TradingStateChanged
    | LimitTripped
    | ArmingOverridden
    | MarketLocked
    | MarketUnlocked
    | PositionUnprotected
    | PositionAdjusted
    | BalanceAdjusted
    | DifferenceFound
    | DifferenceResolved
    | CommandTaken
    | CommandEnded
    | CommandRefused
    | SignalSpent
)


def _kind(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


KINDS: dict[str, type[Event]] = {_kind(cls.__name__): cls for cls in Event.__args__}
KIND_OF: dict[type[Event], str] = {cls: kind for kind, cls in KINDS.items()}
