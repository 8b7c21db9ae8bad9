"""What the owner is told of an event: one line of words, its kind and its weight.

Law: amounts are told as the books hold them; nothing is told that is not on disk.
"""

from dataclasses import dataclass
from decimal import Decimal

from tradebot.engine.booking import is_third_coin
from tradebot.engine.compare import SURE_AT_ONCE
from tradebot.engine.remedies import CAUSE, NOTED
from tradebot.engine.state import State
from tradebot.engine.track import FOR_EVER
from tradebot.model import event as ev
from tradebot.model.account import Position, TradingState
from tradebot.model.command import CommandEnd, CommandEnded, CommandRefused
from tradebot.model.money import ZERO, plain
from tradebot.model.order import Leg, Side
from tradebot.ports import AlertLevel
from tradebot.runtime import key_checks

TRADING_LEVELS = {
    TradingState.ACTIVE: AlertLevel.INFO,
    TradingState.REDUCING: AlertLevel.WARNING,
    TradingState.HALTED: AlertLevel.CRITICAL,
}


@dataclass(frozen=True, slots=True)
class News:
    """One line for the owner. `at` in UTC ms."""

    at: int
    level: AlertLevel
    kind: str
    text: str


def news(event: ev.Event, state: State) -> News | None:
    """Return what to tell of `event`, given the state after it; None = nothing."""
    match event:
        case ev.FillBooked():
            return _fill(event, state)
        case ev.OrderRejected():
            return _rejected(event, state)
        case ev.OrderUnknown():
            return News(
                event.at,
                AlertLevel.ERROR,
                "error",
                f"{_order(state, event.order_id)}: no answer proves what became of it "
                f"({event.cause}); it counts as filled until the exchange tells",
            )
        case ev.OrderExpired(reason=reason) if reason:
            text = f"{_order(state, event.order_id)}: {reason}"
            return News(event.at, AlertLevel.ERROR, "error", text)
        case ev.OrderDropped():
            text = f"{_order(state, event.order_id)} was not sent: {event.reason}"
            return News(event.at, AlertLevel.WARNING, "order", text)
        case ev.IntentRefused():
            text = f"no {event.leg.value}: {event.message} ({event.control})"
            return News(event.at, AlertLevel.INFO, "order", text)
        case ev.LimitTripped():
            # A person must come for what only a person lifts.
            level = AlertLevel.CRITICAL if event.until == FOR_EVER else AlertLevel.ERROR
            return News(event.at, level, "error", f"no entries: {event.message} ({event.control})")
        case ev.ArmingOverridden():
            text = f"real money without {event.code}: {event.sentence} ({event.reason})"
            return News(event.at, AlertLevel.WARNING, "lifecycle", text)
        case ev.TradingStateChanged():
            # Not what was asked for: a lifted halt lifts no limit, and no pause softens a halt.
            text = f"trading is {state.trading.value.upper()}: {event.reason}"
            return News(event.at, TRADING_LEVELS[state.trading], "lifecycle", text)
        case ev.JournalMoved(before=before) if before:
            text = "this journal was moved or copied; if the other copy still runs, stop it"
            return News(event.at, AlertLevel.WARNING, "lifecycle", text)
        case CommandEnded(end=end):
            level = AlertLevel.INFO if end is CommandEnd.DONE else AlertLevel.WARNING
            text = f"by hand, {end.value}: {event.text}"
            return News(event.at, level, "lifecycle", text)
        case CommandRefused():
            text = f"{event.name!r} is no command and was not obeyed: {event.reason}"
            return News(event.at, AlertLevel.WARNING, "lifecycle", text)
        case _:
            return _adjustment(event, state)


def _adjustment(event: ev.Event, state: State) -> News | None:
    """Return what to tell of an event that a comparison with the exchange brought, or a guard."""
    match event:
        case ev.MarketLocked(cause=cause) if cause == CAUSE:
            return None  # The difference itself is told, once for all its markets.
        case ev.MarketLocked(cause=key_checks.CAUSE) | ev.MarketUnlocked(cause=key_checks.CAUSE):
            return _key_news(event, state)
        case ev.MarketLocked():
            text = f"{_symbol(event.market)} takes only exits: {event.reason}"
            return News(event.at, AlertLevel.ERROR, "error", text)
        case ev.MarketUnlocked():
            text = f"{_symbol(event.market)} takes entries again: {event.reason}"
            return News(event.at, AlertLevel.INFO, "error", text)
        case ev.PositionUnprotected():
            seconds = (event.at - event.since) // 1000
            text = f"{_symbol(event.market)} has had no stop for {seconds} s: {event.reason}"
            return News(event.at, AlertLevel.CRITICAL, "stop", text)
        case ev.PositionAdjusted():
            held = f"{plain(event.quantity)}, not {plain(event.before)}"
            text = f"{_symbol(event.market)}: the position is {held}: {event.reason}"
            return News(event.at, AlertLevel.ERROR, "error", text)
        case ev.BalanceAdjusted():
            held = f"{plain(event.after)}, not {plain(event.before)}"
            text = f"the balance of {event.asset} is {held}: {event.reason}"
            return News(event.at, AlertLevel.WARNING, "error", text)
        case ev.DifferenceFound(kind=kind) if kind in SURE_AT_ONCE:
            return None  # Trading halts for it, and that is told.
        case ev.DifferenceFound():
            level = AlertLevel.WARNING if event.kind in NOTED else AlertLevel.ERROR
            return News(event.at, level, "error", event.text)
        case _:
            return None


def _key_news(event: ev.MarketLocked | ev.MarketUnlocked, state: State) -> News | None:
    """Return what to tell of the key: once, though it concerns every market."""
    assert state.started is not None, "a session has started"
    if event.market != state.started.markets[0].name:
        return None
    if isinstance(event, ev.MarketUnlocked):
        return News(event.at, AlertLevel.INFO, "error", f"entries again: {event.reason}")
    return News(event.at, AlertLevel.CRITICAL, "error", f"no entries anywhere: {event.reason}")


def _fill(event: ev.FillBooked, state: State) -> News:
    order = state.orders.get(event.order_id)
    leg = Leg.EXIT if order is None else order.leg
    fill = event.fill
    symbol = _symbol(event.market)
    text = f"{event.side.value.upper():<4} {symbol} {plain(fill.quantity)} @ {plain(fill.price)}"
    market, kind = state.markets[event.market], "fill"
    if event.side is Side.SELL:
        kind = "stop" if leg is Leg.STOP else "fill"
        position = state.positions.get(event.market, Position())
        text += f"  {leg.value}"
        if not position.is_open:
            text += f"  {signed(position.proceeds - position.cost)} {market.quote}"
    if is_third_coin(market, fill):
        # No gain or loss in quote has it in it.
        text += f"  fee {plain(fill.fee)} {fill.fee_asset}"
    return News(fill.filled_at, AlertLevel.INFO, kind, text)


def _rejected(event: ev.OrderRejected, state: State) -> News | None:
    order = state.orders.get(event.order_id)
    if order is not None and not order.is_attempted:
        return None  # The order in its place has ended: that is the news.
    is_protection = order is not None and order.leg in (Leg.STOP, Leg.TARGET)
    remedy = ""
    if order is not None and is_protection:
        rests = any(each.leg is Leg.STOP for each in state.orders.of(order.market))
        remedy = "; the stop before it stays" if rests else "; the position is sold instead"
    text = (
        f"{_order(state, event.order_id)} rejected by the exchange: {event.message} "
        f"({event.code}){remedy}"
    )
    level = AlertLevel.ERROR if is_protection else AlertLevel.WARNING
    return News(event.at, level, "stop" if is_protection else "error", text)


def _order(state: State, order_id: str) -> str:
    order = state.orders.get(order_id)
    if order is None:
        return f"order {order_id}"
    what = f"{order.side.value} {plain(order.quantity)}"
    return f"{_symbol(order.market)}: {order.leg.value} order to {what} ({order_id})"


def _symbol(market: str) -> str:
    return market.partition(":")[2]


def signed(amount: Decimal) -> str:
    """Return an amount of quote with its sign, rounded to the cent for reading."""
    rounded = amount.quantize(Decimal("0.01"))
    # A loss under half a cent rounds to minus zero, which is not below zero.
    return f"+{abs(rounded)}" if rounded >= ZERO else str(rounded)
