"""What becomes of an order and of the coins, event by event.

Law: an event that contradicts the order table is our own bug and raises InvariantError.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

from tradebot.engine import stage, track
from tradebot.engine.booking import book_fill, is_third_coin
from tradebot.engine.orders import Orders
from tradebot.engine.state import Feed, State
from tradebot.errors import InvariantError
from tradebot.model import event as ev
from tradebot.model.account import Position
from tradebot.model.money import MONEY_CONTEXT
from tradebot.model.order import (
    NOT_ATTEMPTED,
    SETTLED,
    TRANSITIONS,
    Leg,
    Order,
    OrderKind,
    OrderStatus,
)

# Settled orders stay known for late fills and for deciding a candle twice; older ones are in the
# journal.
SETTLED_KEPT_MAX = 512


def order_intended(state: State, event: ev.OrderIntended) -> State:
    """Return the state that knows the order, and how often its leg was tried."""
    if state.orders.get(event.order_id) is not None:
        raise InvariantError(f"order {event.order_id} was intended twice")
    order = Order(
        id=event.order_id,
        market=event.market,
        side=event.side,
        kind=event.kind,
        leg=event.leg,
        quantity=event.quantity,
        reference_price=event.reference_price,
        status=OrderStatus.INTENDED,
        closed_at=event.closed_at,
        price=event.price,
        stop_price=event.stop_price,
    )
    known = state.orders
    newest = known.latest(event.market, event.leg, event.closed_at)
    count = known.attempts(event.market, event.leg, newest) + 1
    orders = Orders(
        {**known.unsettled, order.id: order},
        known.settled,
        {**known.attempted, (event.market, event.leg): (newest, count)},
    )
    is_entry = event.leg is Leg.ENTRY
    state = _on_track(
        state._replace(orders=orders),
        track.intended(
            state.track,
            at=event.at,
            closed_at=event.closed_at,
            market=event.market,
            entry_of=event.quantity if is_entry else None,
        ),
    )
    if is_entry and event.kind is OrderKind.LIMIT:
        rounds = {**state.feed.rounds, event.market: state.feed.rounds.get(event.market, 0) + 1}
        return state._replace(feed=state.feed._replace(rounds=rounds))
    if event.leg is Leg.STOP and event.stop_price is not None:
        position = replace(state.positions[event.market], stop=event.stop_price)
        state = state._replace(positions={**state.positions, event.market: position})
    return state


def _on_track(state: State, after: track.Track) -> State:
    return state if after is state.track else state._replace(track=after)


def _moved(state: State, order: Order, status: OrderStatus) -> State:
    """Return the state with `order` in `status`, filed under unsettled or settled."""
    known = state.orders.get(order.id)
    assert known is not None, order.id
    if status not in TRANSITIONS[known.status]:
        raise InvariantError(f"order {order.id}: {known.status} cannot become {status}")
    order = replace(order, status=status)
    unsettled, settled = dict(state.orders.unsettled), dict(state.orders.settled)
    # A late fill of an ended order tells of its past; one of an ABSENT order, that it may be alive.
    is_late = order.id in settled and known.status is not OrderStatus.ABSENT
    unsettled.pop(order.id, None)
    settled.pop(order.id, None)
    if status in SETTLED or is_late:
        settled[order.id] = order
        if len(settled) > SETTLED_KEPT_MAX:
            del settled[next(iter(settled))]
    else:
        unsettled[order.id] = order
    return state._replace(orders=Orders(unsettled, settled, state.orders.attempted))


def _order(state: State, order_id: str) -> Order:
    order = state.orders.get(order_id)
    if order is None:
        raise InvariantError(f"order {order_id} is not in the journal")
    return order


def to_status(status: OrderStatus) -> Callable[[State, Any], State]:
    """Return what moves an order to that status."""

    def move(state: State, event: Any) -> State:
        return _moved(state, _order(state, event.order_id), status)

    return move


def order_sent(state: State, event: ev.OrderSent) -> State:
    """Return the state after the order was handed to the wire."""
    order = _order(state, event.order_id)
    order = replace(order, sent_at=event.at, window_ms=event.window_ms)
    return _moved(state, order, OrderStatus.SENT)


def order_accepted(state: State, event: ev.OrderAccepted) -> State:
    """Return the state after the exchange took the order."""
    order = replace(_order(state, event.order_id), exchange_id=event.exchange_id)
    state = _on_track(state, track.answered(state.track))
    status = OrderStatus.PARTIAL if order.filled else OrderStatus.ACCEPTED
    return _moved(state, order, status)


def order_rejected(state: State, event: ev.OrderRejected) -> State:
    """Return the state after the exchange said no."""
    order = _order(state, event.order_id)
    if event.code == NOT_ATTEMPTED:
        order = replace(order, is_attempted=False)
    else:
        state = _on_track(state, track.erred(state.track))
    return _moved(state, order, OrderStatus.REJECTED)


def order_unknown(state: State, event: ev.OrderUnknown) -> State:
    """Return the state after no answer proved what became of the order."""
    state = _on_track(state, track.erred(state.track))
    return _moved(state, _order(state, event.order_id), OrderStatus.UNKNOWN)


def fill_booked(state: State, event: ev.FillBooked) -> State:
    """Return the state after a fill; one that is known changes nothing."""
    # Python's default of 28 digits would round a balance; the books are exact under any caller.
    with localcontext(MONEY_CONTEXT):
        return _filled(state, event)


def _filled(state: State, event: ev.FillBooked) -> State:
    order, fill = state.orders.get(event.order_id), event.fill
    if order is None:
        # A late fill of an order older than those kept: its coins have changed all the same.
        return _book(state, event)
    if fill.trade_id in order.trade_ids:
        return state
    filled = order.filled + fill.quantity
    order = replace(
        order,
        filled=filled,
        cost=order.cost + fill.quantity * fill.price,
        trade_ids=(*order.trade_ids, fill.trade_id),
    )
    # More than was asked for is booked as it was: coins are a fact. Who records it halts trading.
    is_full = filled >= order.quantity
    state = _moved(state, order, OrderStatus.FILLED if is_full else OrderStatus.PARTIAL)
    return _book(state, event)


def _book(state: State, event: ev.FillBooked) -> State:
    market = state.markets[event.market]
    before = state.positions.get(event.market, Position())
    position, changes = book_fill(market, before, event.side, event.fill)
    balances = dict(state.balances)
    fees, coin = state.third_fees, event.fill.fee_asset
    if is_third_coin(market, event.fill):
        fees = {**fees, coin: fees.get(coin, Decimal(0)) + event.fill.fee}
    if coin not in (market.base, market.quote, *balances):
        # Nobody has told how much there is of it: a balance of less than nothing is no fact.
        del changes[coin]
    for asset, change in changes.items():
        balances[asset] = balances.get(asset, Decimal(0)) + change
    positions = {**state.positions, event.market: position}
    feed = signal_spent(state.feed, event.market, before, position)
    kept, week = track.answered(state.track), state.stage
    if before.is_open and not position.is_open:
        kept = track.ended(kept, event.market, event.fill.filled_at, position, event.fill.price)
        week = stage.traded(week)
    return state._replace(
        balances=balances,
        positions=positions,
        feed=feed,
        third_fees=fees,
        track=kept,
        stage=week,
    )


def signal_spent(feed: Feed, market: str, before: Position, after: Position) -> Feed:
    """Return the feed in which a signal is spent whose position has ended."""
    is_closed = before.is_open and not after.is_open
    if is_closed and (feed.exposures.get(market) or 0) > 0:
        return feed._replace(spent=feed.spent | {market})
    return feed
