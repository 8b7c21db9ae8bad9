"""From what the exchange says of an order to the events that say it in our books.

Law: a fill is booked by its trade id, once; a status is taken only when all its fills are told.
"""

from collections.abc import Sequence
from decimal import Decimal

from tradebot.engine.state import State
from tradebot.model import event as ev
from tradebot.model.money import plain
from tradebot.model.order import (
    Order,
    OrderStatus,
    Outcome,
    Rejection,
    Report,
    Unknown,
    Unsent,
)

# Of which the exchange has told nothing yet. An order called absent may turn out to be alive.
_UNANSWERED = frozenset({OrderStatus.SENT, OrderStatus.UNKNOWN, OrderStatus.ABSENT})
_ENDED = frozenset({OrderStatus.CANCELLED, OrderStatus.EXPIRED})


def outcome_events(order: Order, outcome: Outcome, *, at: int) -> list[ev.Event]:
    """Return the events that an answer to a placing means."""
    if isinstance(outcome, Rejection):
        return [
            ev.OrderRejected(
                at=at, order_id=order.id, code=outcome.code, message=outcome.message
            )
        ]
    if isinstance(outcome, Unknown):
        return [ev.OrderUnknown(at=at, order_id=order.id, cause=outcome.cause)]
    if isinstance(outcome, Unsent):
        return [ev.OrderDropped(at=at, order_id=order.id, reason=outcome.reason)]
    return report_events(order, outcome, at=at)


def report_events(order: Order, report: Report, *, at: int) -> list[ev.Event]:
    """Return the events by which our books catch up with the exchange's report.

    Empty = they agree.
    """
    events: list[ev.Event] = []
    if order.status in _UNANSWERED:
        if report.status is OrderStatus.REJECTED:
            message = "the exchange reports it rejected"
            return [ev.OrderRejected(at=at, order_id=order.id, code="", message=message)]
        events.append(
            ev.OrderAccepted(at=at, order_id=order.id, exchange_id=report.exchange_id)
        )
    booked, known = order.filled, set(order.trade_ids)
    for fill in report.fills:
        if fill.trade_id not in known:
            known.add(fill.trade_id)
            booked += fill.quantity
            events.append(
                ev.FillBooked(
                    at=fill.filled_at,
                    order_id=order.id,
                    market=order.market,
                    side=order.side,
                    fill=fill,
                )
            )
    if booked < report.filled or booked >= order.quantity:
        # The trade list lags behind the order: its end is not booked before its fills. And what is
        # filled whole is FILLED, whatever the exchange calls its end.
        return events
    if order.status in _ENDED and booked == order.filled:
        return events
    if report.status is OrderStatus.CANCELLED:
        events.append(ev.OrderCancelled(at=at, order_id=order.id))
    elif report.status is OrderStatus.EXPIRED:
        events.append(ev.OrderExpired(at=at, order_id=order.id))
    elif report.status is OrderStatus.REJECTED:
        # A stop that was taken, and refused when its price came: it rests no more.
        reason = "the exchange reports it rejected after it had taken it"
        events.append(ev.OrderExpired(at=at, order_id=order.id, reason=reason))
    return events


def overfilled(state: State, events: Sequence[ev.Event]) -> str:
    """Return in words which order these events fill beyond its quantity; "" = none.

    More was traded than was asked for: the books hold it, and nobody knows what else is wrong.
    """
    filled: dict[str, Decimal] = {}
    for event in events:
        if not isinstance(event, ev.FillBooked):
            continue
        order = state.orders.get(event.order_id)
        if order is None or event.fill.trade_id in order.trade_ids:
            continue
        total = filled.get(order.id, order.filled) + event.fill.quantity
        if total > order.quantity:
            symbol = order.market.partition(":")[2]
            return (
                f"{symbol}: the exchange filled {plain(total)} of an order of "
                f"{plain(order.quantity)} ({order.id})"
            )
        filled[order.id] = total
    return ""
