"""The state of the bot and `apply`, which folds events into it.

Law: `apply` is history: it never refuses, never reads a clock, and the same events always give the
same state. An event that contradicts the order table is our own bug and raises InvariantError.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext
from typing import Any, cast

from tradebot.engine.booking import book_fill, is_third_coin, taken_out
from tradebot.engine.differences import Differences
from tradebot.engine.orders import Orders
from tradebot.errors import InvariantError
from tradebot.model import event as ev
from tradebot.model.account import Position, TradingState
from tradebot.model.market import Market, Scale, scales
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


@dataclass(frozen=True, slots=True)
class Feed:
    """What was put before the engine: the last close, close time and exposure of every market.

    `spent` are markets whose present signal has had its trade: after a stop or target they re-enter
    only once a candle's signal was not long. `refused` names the control that last refused the
    present signal, `rounds` counts the limit entries that it was tried with. `unwanted` are markets
    whose strategy's last word, but for "hold", was not long: what is held there has to go.
    """

    latest: int = 0
    closes: Mapping[str, Decimal] = field(default_factory=dict)
    closed_at: Mapping[str, int] = field(default_factory=dict)
    exposures: Mapping[str, int | None] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    spent: frozenset[str] = frozenset()
    rounds: Mapping[str, int] = field(default_factory=dict)
    unwanted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class State:
    """All that the engine knows; the fold of the journal's events."""

    started: ev.SessionStarted | None = None
    markets: Mapping[str, Market] = field(default_factory=dict)
    scales: Mapping[str, Scale] = field(default_factory=dict)
    balances: Mapping[str, Decimal] = field(default_factory=dict)
    positions: Mapping[str, Position] = field(default_factory=dict)
    orders: Orders = field(default_factory=Orders)
    feed: Feed = Feed()
    trading: TradingState = TradingState.ACTIVE
    # Why a market takes only exits, by market and cause.
    locks: Mapping[tuple[str, str], str] = field(default_factory=dict)
    differences: Differences = field(default_factory=Differences)
    # What fees took in a coin that their market does not trade, by coin: no part of any equity.
    third_fees: Mapping[str, Decimal] = field(default_factory=dict)


def apply(state: State, event: ev.Event) -> State:
    """Return the state after `event`."""
    return _APPLY[type(event)](state, event)


def fold(events: Iterable[ev.Event]) -> State:
    """Return the state after all of `events`: this is what a restart does."""
    state = State()
    for event in events:
        state = _APPLY[type(event)](state, event)
    return state


def _session_started(state: State, event: ev.SessionStarted) -> State:
    return State(
        started=event,
        markets={market.name: market for market in event.markets},
        scales=scales(event.markets),
        balances=dict(event.balances),
    )


def _session_reconfigured(state: State, event: ev.SessionReconfigured) -> State:
    assert state.started is not None, "a session starts before it changes"
    started = replace(
        state.started,
        timeframe_ms=event.timeframe_ms,
        markets=event.markets,
        strategy=event.strategy,
        config_hash=event.config_hash,
        version=event.version,
    )
    # Markets of the past stay known: their coins and rests are still ours.
    markets = {**state.markets, **{market.name: market for market in event.markets}}
    known, feed = scales(markets.values()), state.feed
    if event.config_hash != state.started.config_hash:
        feed = replace(feed, unwanted=frozenset())  # Of what to keep, each has its opinion.
    return replace(state, started=started, markets=markets, scales=known, feed=feed)


def _journal_moved(state: State, event: ev.JournalMoved) -> State:
    assert state.started is not None, "a session starts before its journal moves"
    began = replace(state.started, place=event.place, instance=event.instance)
    return replace(state, started=began)


def _candles_closed(state: State, event: ev.CandlesClosed) -> State:
    feed = state.feed
    spent, refused, rounds = feed.spent, feed.refused, feed.rounds
    if spent or refused or rounds:
        # A signal that is not long ends its episode: the next long one is new.
        ended = {name for name, ppm in event.exposures.items() if ppm is None or ppm <= 0}
        spent = spent - ended
        refused = {name: control for name, control in refused.items() if name not in ended}
        rounds = {name: count for name, count in rounds.items() if name not in ended}
    unwanted = feed.unwanted
    for name, ppm in event.exposures.items():
        if ppm is not None and (ppm <= 0) is not (name in unwanted):
            unwanted ^= {name}
    closed_at = event.closed_at
    every = event.closes.keys() >= feed.closes.keys()
    return _with_feed(
        state,
        Feed(
            # A candle of another market may come late: what is decided stays decided.
            max(feed.latest, closed_at),
            event.closes if every else {**feed.closes, **event.closes},
            {**feed.closed_at, **dict.fromkeys(event.closes, closed_at)},
            event.exposures if every else {**feed.exposures, **event.exposures},
            refused,
            spent,
            rounds,
            unwanted,
        ),
    )


def _with_feed(state: State, feed: Feed) -> State:
    # Written out, here and below: it runs at every candle, and dataclasses.replace is slower.
    return State(
        state.started,
        state.markets,
        state.scales,
        state.balances,
        state.positions,
        state.orders,
        feed,
        state.trading,
        state.locks,
        state.differences,
        state.third_fees,
    )


def _with_orders(state: State, orders: Orders) -> State:
    return State(
        state.started,
        state.markets,
        state.scales,
        state.balances,
        state.positions,
        orders,
        state.feed,
        state.trading,
        state.locks,
        state.differences,
        state.third_fees,
    )


def _intent_refused(state: State, event: ev.IntentRefused) -> State:
    refused = {**state.feed.refused, event.market: event.control}
    return _with_feed(state, replace(state.feed, refused=refused))


def _order_intended(state: State, event: ev.OrderIntended) -> State:
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
    state = _with_orders(state, orders)
    if event.leg is Leg.ENTRY and event.kind is OrderKind.LIMIT:
        rounds = {**state.feed.rounds, event.market: state.feed.rounds.get(event.market, 0) + 1}
        return _with_feed(state, replace(state.feed, rounds=rounds))
    if event.leg is Leg.STOP and event.stop_price is not None:
        position = replace(state.positions[event.market], stop=event.stop_price)
        state = replace(state, positions={**state.positions, event.market: position})
    return state


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
    return _with_orders(state, Orders(unsettled, settled, state.orders.attempted))


def _order(state: State, order_id: str) -> Order:
    order = state.orders.get(order_id)
    if order is None:
        raise InvariantError(f"order {order_id} is not in the journal")
    return order


def _to(status: OrderStatus) -> Callable[[State, Any], State]:
    def move(state: State, event: Any) -> State:
        return _moved(state, _order(state, event.order_id), status)

    return move


def _order_sent(state: State, event: ev.OrderSent) -> State:
    order = _order(state, event.order_id)
    order = replace(order, sent_at=event.at, window_ms=event.window_ms)
    return _moved(state, order, OrderStatus.SENT)


def _order_accepted(state: State, event: ev.OrderAccepted) -> State:
    order = replace(_order(state, event.order_id), exchange_id=event.exchange_id)
    status = OrderStatus.PARTIAL if order.filled else OrderStatus.ACCEPTED
    return _moved(state, order, status)


def _order_rejected(state: State, event: ev.OrderRejected) -> State:
    order = _order(state, event.order_id)
    if event.code == NOT_ATTEMPTED:
        order = replace(order, is_attempted=False)
    return _moved(state, order, OrderStatus.REJECTED)


def _fill_booked(state: State, event: ev.FillBooked) -> State:
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
    feed = _spent(state.feed, event.market, before, position)
    return replace(state, balances=balances, positions=positions, feed=feed, third_fees=fees)


def _spent(feed: Feed, market: str, before: Position, after: Position) -> Feed:
    """Return the feed in which a signal is spent whose position has ended."""
    is_closed = before.is_open and not after.is_open
    if is_closed and (feed.exposures.get(market) or 0) > 0:
        return replace(feed, spent=feed.spent | {market})
    return feed


def _trading_state_changed(state: State, event: ev.TradingStateChanged) -> State:
    return replace(state, trading=event.state)


def _market_locked(state: State, event: ev.MarketLocked) -> State:
    return replace(state, locks={**state.locks, (event.market, event.cause): event.reason})


def _market_unlocked(state: State, event: ev.MarketUnlocked) -> State:
    lifted = (event.market, event.cause)
    return replace(state, locks={key: why for key, why in state.locks.items() if key != lifted})


def _position_adjusted(state: State, event: ev.PositionAdjusted) -> State:
    before = state.positions.get(event.market, Position())
    with localcontext(MONEY_CONTEXT):
        position = taken_out(state.markets[event.market], before, event.quantity)
    return replace(
        state,
        positions={**state.positions, event.market: position},
        feed=_spent(state.feed, event.market, before, position),
        differences=state.differences.forgetting(event.market),
    )


def _balance_adjusted(state: State, event: ev.BalanceAdjusted) -> State:
    return replace(
        state,
        balances={**state.balances, event.asset: event.after},
        differences=state.differences.forgetting(event.asset),
    )


def _difference_found(state: State, event: ev.DifferenceFound) -> State:
    return replace(state, differences=state.differences.with_found(event))


def _difference_resolved(state: State, event: ev.DifferenceResolved) -> State:
    return replace(state, differences=state.differences.with_resolved(event))


def _nothing(state: State, event: ev.Event) -> State:
    return state


_APPLY: dict[type[ev.Event], Callable[[State, Any], State]] = {
    ev.SessionStarted: _session_started,
    ev.SessionReconfigured: _session_reconfigured,
    ev.JournalMoved: _journal_moved,
    ev.CandlesClosed: _candles_closed,
    ev.IntentRefused: _intent_refused,
    ev.OrderIntended: _order_intended,
    ev.OrderSent: _order_sent,
    ev.OrderAccepted: _order_accepted,
    ev.OrderRejected: _order_rejected,
    ev.OrderUnknown: _to(OrderStatus.UNKNOWN),
    ev.FillBooked: _fill_booked,
    ev.CancelSent: _nothing,
    ev.OrderCancelled: _to(OrderStatus.CANCELLED),
    ev.OrderExpired: _to(OrderStatus.EXPIRED),
    ev.OrderAbsent: _to(OrderStatus.ABSENT),
    ev.OrderDropped: _to(OrderStatus.DROPPED),
    ev.TradingStateChanged: _trading_state_changed,
    ev.MarketLocked: _market_locked,
    ev.MarketUnlocked: _market_unlocked,
    ev.PositionUnprotected: _nothing,
    ev.PositionAdjusted: _position_adjusted,
    ev.BalanceAdjusted: _balance_adjusted,
    ev.DifferenceFound: _difference_found,
    ev.DifferenceResolved: _difference_resolved,
}
assert set(_APPLY) == set(cast(Any, ev.Event).__args__), "every event kind is applied"
