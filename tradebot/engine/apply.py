"""`apply` folds events into the state.

Law: `apply` is history: it never refuses, never reads a clock, and the same events always give the
same state. An event that contradicts the order table is our own bug and raises InvariantError.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from decimal import localcontext
from typing import Any, cast

from tradebot.engine import apply_commands as commands
from tradebot.engine import apply_orders as orders
from tradebot.engine import stage, track
from tradebot.engine.booking import taken_out
from tradebot.engine.commands import strictest
from tradebot.engine.controls import losses
from tradebot.engine.state import Feed, State
from tradebot.engine.valuation import marked_equity
from tradebot.model import event as ev
from tradebot.model.account import Position, TradingState
from tradebot.model.command import CommandEnded, CommandRefused, CommandTaken, SignalSpent
from tradebot.model.market import scales
from tradebot.model.money import MONEY_CONTEXT, ZERO
from tradebot.model.order import OrderStatus


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
    opening = event.balances.get(event.markets[0].quote, ZERO)
    return State(
        started=event,
        markets={market.name: market for market in event.markets},
        scales=scales(event.markets),
        balances=dict(event.balances),
        marks=track.begun(opening),
        stage=stage.begun(opening, event.at),
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
        feed = feed._replace(unwanted=frozenset())  # Of what to keep, each has its opinion.
    return state._replace(started=started, markets=markets, scales=known, feed=feed)


def _journal_moved(state: State, event: ev.JournalMoved) -> State:
    assert state.started is not None, "a session starts before its journal moves"
    began = replace(state.started, place=event.place, instance=event.instance)
    return state._replace(started=began)


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
    closes = event.closes if every else {**feed.closes, **event.closes}
    times = dict.fromkeys(event.closes, closed_at)
    marks = track.marked(state.marks, marked_equity(state, closes), closed_at)
    week = state.stage
    if closed_at >= week.week_begins + stage.WEEK_MS:
        week = stage.closed(week, marks.marked, closed_at)
    return State(
        # Written out, for it runs at every candle.
        state.started,
        state.markets,
        state.scales,
        state.balances,
        state.positions,
        state.orders,
        Feed(
            # A candle of another market may come late: what is decided stays decided.
            max(feed.latest, closed_at),
            closes,
            times if every else {**feed.closed_at, **times},
            event.exposures if every else {**feed.exposures, **event.exposures},
            refused,
            spent,
            rounds,
            unwanted,
        ),
        state.trading,
        state.locks,
        state.differences,
        state.third_fees,
        marks,
        state.track,
        state.commands,
        week,
    )


def _intent_refused(state: State, event: ev.IntentRefused) -> State:
    refused = {**state.feed.refused, event.market: event.control}
    return state._replace(feed=state.feed._replace(refused=refused))


def _trading_state_changed(state: State, event: ev.TradingStateChanged) -> State:
    trading = strictest(state.trading, event.state)
    lasting = state.track.lasting()
    if event.state is TradingState.ACTIVE and lasting:
        if state.trading is TradingState.HALTED:
            trading = TradingState.REDUCING  # The halt is lifted by it, and no limit.
        else:
            state = _lifted(state, lasting)
    return state._replace(
        trading=trading,
        commands=state.commands.with_trading(event.state, event.reason),
    )


def _lifted(state: State, lasting: Collection[str]) -> State:
    """Return the state after a person lifted limits: what each is measured from begins anew."""
    marks = state.marks
    if losses.DRAWDOWN in lasting:
        marks = marks._replace(peak=marks.marked)
    known = track.resumed(
        state.track, are_errors=losses.ERRORS in lasting, are_entries=losses.ENTRIES in lasting
    )
    return state._replace(marks=marks, track=known)


def _limit_tripped(state: State, event: ev.LimitTripped) -> State:
    day_ends = state.marks.day_ends
    trip = track.Trip(event.until, event.limit, event.value, event.message, day_ends)
    trading = state.trading
    if event.until == track.FOR_EVER and trading is TradingState.ACTIVE:
        trading = TradingState.REDUCING
    return state._replace(
        trading=trading,
        track=track.tripped(state.track, event.control, trip),
        stage=stage.tripped(state.stage),
    )


def _market_locked(state: State, event: ev.MarketLocked) -> State:
    return state._replace(locks={**state.locks, (event.market, event.cause): event.reason})


def _market_unlocked(state: State, event: ev.MarketUnlocked) -> State:
    lifted = (event.market, event.cause)
    return state._replace(locks={key: why for key, why in state.locks.items() if key != lifted})


def _position_adjusted(state: State, event: ev.PositionAdjusted) -> State:
    before = state.positions.get(event.market, Position())
    with localcontext(MONEY_CONTEXT):
        position = taken_out(state.markets[event.market], before, event.quantity)
    after = state._replace(
        positions={**state.positions, event.market: position},
        feed=orders.signal_spent(state.feed, event.market, before, position),
        differences=state.differences.forgetting(event.market),
    )
    return _moved(state, after)


def _balance_adjusted(state: State, event: ev.BalanceAdjusted) -> State:
    after = state._replace(
        balances={**state.balances, event.asset: event.after},
        differences=state.differences.forgetting(event.asset),
    )
    return _moved(state, after)


def _moved(before: State, after: State) -> State:
    """Return `after`, in which a person's money has moved: no loss and no gain of the bot's."""
    worth = marked_equity(before, before.feed.closes), marked_equity(after, before.feed.closes)
    if worth[0] == worth[1]:
        return after
    return after._replace(
        marks=track.moved(before.marks, *worth), stage=stage.moved(before.stage, *worth)
    )


def _difference_found(state: State, event: ev.DifferenceFound) -> State:
    return state._replace(differences=state.differences.with_found(event))


def _difference_resolved(state: State, event: ev.DifferenceResolved) -> State:
    return state._replace(differences=state.differences.with_resolved(event))


def _cancel_sent(state: State, event: ev.CancelSent) -> State:
    return state._replace(track=track.paced(state.track, event.at))


def _nothing(state: State, event: ev.Event) -> State:
    return state


_APPLY: dict[type[ev.Event], Callable[[State, Any], State]] = {
    ev.SessionStarted: _session_started,
    ev.SessionReconfigured: _session_reconfigured,
    ev.JournalMoved: _journal_moved,
    ev.CandlesClosed: _candles_closed,
    ev.IntentRefused: _intent_refused,
    ev.OrderIntended: orders.order_intended,
    ev.OrderSent: orders.order_sent,
    ev.OrderAccepted: orders.order_accepted,
    ev.OrderRejected: orders.order_rejected,
    ev.OrderUnknown: orders.order_unknown,
    ev.FillBooked: orders.fill_booked,
    ev.CancelSent: _cancel_sent,
    ev.OrderCancelled: orders.to_status(OrderStatus.CANCELLED),
    ev.OrderExpired: orders.to_status(OrderStatus.EXPIRED),
    ev.OrderAbsent: orders.to_status(OrderStatus.ABSENT),
    ev.OrderDropped: orders.to_status(OrderStatus.DROPPED),
    ev.TradingStateChanged: _trading_state_changed,
    ev.LimitTripped: _limit_tripped,
    ev.ArmingOverridden: _nothing,
    ev.MarketLocked: _market_locked,
    ev.MarketUnlocked: _market_unlocked,
    ev.PositionUnprotected: _nothing,
    ev.PositionAdjusted: _position_adjusted,
    ev.BalanceAdjusted: _balance_adjusted,
    ev.DifferenceFound: _difference_found,
    ev.DifferenceResolved: _difference_resolved,
    CommandTaken: commands.command_taken,
    CommandEnded: commands.command_ended,
    CommandRefused: _nothing,
    SignalSpent: commands.signal_spent,
}
assert set(_APPLY) == set(cast(Any, ev.Event).__args__), "every event kind is applied"
