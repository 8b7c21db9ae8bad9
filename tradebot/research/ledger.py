"""What the journal's events add up to: equity after every candle, round trips, fees, refusals.

Law: every figure is replayed from events; nothing is kept that could disagree with them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from tradebot.engine.apply import apply
from tradebot.engine.state import State
from tradebot.engine.unprotected import Watch
from tradebot.errors import JournalError
from tradebot.model import event as ev
from tradebot.model.account import Position
from tradebot.model.money import ZERO
from tradebot.model.order import Leg


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A round trip, entry to flat. `net` in quote, after the fees taken in base or quote."""

    market: str
    opened_at: int
    closed_at: int
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    cost: Decimal
    net: Decimal
    exit_leg: Leg
    reason: str


@dataclass(frozen=True, slots=True)
class Mark:
    """The account after one candle's close, before what was decided from it.

    `adjusted` is what was put in, less what was taken out by hand, until then.
    """

    closed_at: int
    equity: Decimal
    closes: dict[str, Decimal]
    adjusted: Decimal = ZERO


@dataclass(slots=True)
class Ledger:
    """The sums of a journal.

    `fees` by coin; `marks` oldest first; the first close of every market. `adjusted` is what was
    put in, less what was taken out by hand, at the closes of its time: no gain and no loss.
    """

    state: State = field(default_factory=State)
    trades: list[Trade] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    first_closes: dict[str, Decimal] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)
    fills: int = 0
    adjusted: Decimal = ZERO
    refused: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    orders: dict[str, tuple[Leg, str]] = field(default_factory=dict)
    unprotected: Watch = field(default_factory=Watch)

    @property
    def quote(self) -> str:
        """The coin in which all is counted."""
        return next(iter(self.state.markets.values())).quote

    @property
    def opening_equity(self) -> Decimal:
        """What the account began with, in quote."""
        assert self.state.started is not None, "a ledger has a session"
        return self.state.started.balances.get(self.quote, ZERO)


def ledger(events: Iterable[ev.Event]) -> Ledger:
    """Return the sums of a journal. Raises JournalError for an empty one."""
    sums = Ledger()
    for event in events:
        before = sums.state
        sums.state = apply(before, event)
        sums.unprotected.hear(event, sums.state)
        match event:
            case ev.FillBooked():
                _fill(sums, before, event)
            case ev.PositionAdjusted() | ev.BalanceAdjusted():
                _adjust(sums, before, event)
            case ev.CandlesClosed():
                _mark(sums, event)
            case ev.OrderIntended():
                sums.orders[event.order_id] = (event.leg, event.reason)
            case ev.IntentRefused():
                sums.refused[event.control] = sums.refused.get(event.control, 0) + 1
            case ev.OrderRejected():
                sums.rejected[event.code] = sums.rejected.get(event.code, 0) + 1
            case _:
                pass
    if sums.state.started is None:
        raise JournalError("the journal is empty", hint="the run stopped before it began")
    return sums


def equity(state: State) -> Decimal:
    """Return the quote balance plus every position at its last close."""
    total = sum(
        (
            position.quantity * state.feed.closes[market]
            for market, position in state.positions.items()
            if market in state.feed.closes
        ),
        start=ZERO,
    )
    quote = next(iter(state.markets.values())).quote
    return state.balances.get(quote, ZERO) + total


def _mark(sums: Ledger, event: ev.CandlesClosed) -> None:
    for market, close in event.closes.items():
        sums.first_closes.setdefault(market, close)
    sums.marks.append(
        Mark(event.closed_at, equity(sums.state), dict(sums.state.feed.closes), sums.adjusted)
    )


def _fill(sums: Ledger, before: State, event: ev.FillBooked) -> None:
    fill = event.fill
    sums.fills += 1
    sums.fees[fill.fee_asset] = sums.fees.get(fill.fee_asset, ZERO) + fill.fee
    was = before.positions.get(event.market, Position())
    now = sums.state.positions[event.market]
    if not (was.is_open and not now.is_open):
        return
    leg, reason = sums.orders[event.order_id]
    sums.trades.append(
        Trade(
            market=event.market,
            opened_at=now.opened_at,
            closed_at=fill.filled_at,
            quantity=now.bought,
            entry_price=now.entry_price,
            exit_price=fill.price,
            cost=now.cost,
            net=now.proceeds - now.cost,
            exit_leg=leg,
            reason=reason,
        )
    )


def _adjust(
    sums: Ledger, before: State, event: ev.PositionAdjusted | ev.BalanceAdjusted
) -> None:
    """Count what the books took over from the exchange, which the bot has not traded."""
    sums.adjusted += equity(sums.state) - equity(before)
    if not isinstance(event, ev.PositionAdjusted):
        return
    was = before.positions.get(event.market, Position())
    now = sums.state.positions[event.market]
    if was.is_open and not now.is_open and now.sold:
        # What the bot had sold before the rest was taken out is a round trip of its own.
        sums.trades.append(
            Trade(
                market=event.market,
                opened_at=now.opened_at,
                closed_at=event.at,
                quantity=now.bought,
                entry_price=now.entry_price,
                exit_price=now.proceeds / now.sold,
                cost=now.cost,
                net=now.proceeds - now.cost,
                exit_leg=Leg.EXIT,
                reason="by hand",
            )
        )
