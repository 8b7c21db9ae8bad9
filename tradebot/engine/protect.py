"""What guards an open position: its stop and target, and the sale where they cannot be had.

Law: a position that the rules give a stop is guarded or on its way out; no order here sells more
than is held.
"""

from dataclasses import replace
from decimal import Decimal

from tradebot.engine.actions import Action, Cancel, Place, PlaceOco, Refuse, Replace
from tradebot.engine.entries import begun
from tradebot.engine.exits import stop_level, target_level
from tradebot.engine.guarded import has_stop_at_rest
from tradebot.engine.risk import review
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.engine.valuation import is_held
from tradebot.model.account import Position
from tradebot.model.money import MONEY_CONTEXT, ZERO
from tradebot.model.order import (
    IN_DOUBT,
    RESTING,
    Approved,
    Intent,
    Leg,
    Order,
    OrderKind,
    OrderStatus,
    Refused,
    Side,
)

PROTECTIVE = frozenset({Leg.STOP, Leg.TARGET})
# Sets, not members: to look one up in its enum takes four times as long, at every candle.
AT_MARKET, STOPS = frozenset({OrderKind.MARKET}), frozenset({Leg.STOP})
REFUSED = "stop or target refused by the exchange"
# What comes before the colon names the exit in a report.
LATE_EXIT = "signal: of an earlier candle, whose sale was not carried out"
RISES, OTHER_QUANTITY = "trailing stop rises", "another quantity is held"


def protect(state: State, market: str, rules: Rules, *, time: int) -> tuple[Action, ...]:
    """Return what a position needs that was filled between candles: its stop and target."""
    position = state.positions.get(market)
    if position is None or not is_held(state, market):
        return ()
    level = stop_level(position, state.scales[market], rules, None)
    guarding = guard(state, market, position, rules, time, level)
    return (*guarding, *begun(state, market))


def is_bare(state: State, market: str, rules: Rules) -> bool:
    """Return whether a position that the rules give a stop has none at rest for all of it."""
    position = state.positions.get(market)
    if position is None or not position.sellable:
        return False
    if not (rules.stop_ppm or rules.trailing_ppm or position.stop):
        return False
    return not has_stop_at_rest(state, market) and is_held(state, market)


def lacks_target(state: State, market: str, rules: Rules) -> bool:
    """Return whether a position that the rules give no stop, but a target, has none."""
    if not rules.target_ppm or rules.stop_ppm or rules.trailing_ppm or state.orders.of(market):
        return False
    return is_held(state, market)


def is_under_way(state: State, market: str) -> bool:
    """Return whether an order of this market could trade now without being told to.

    One in doubt may rest or fill, and a market order at the exchange fills: nothing is sold beside.
    """
    return any(is_moving(order) for order in state.orders.of(market))


def is_moving(order: Order) -> bool:
    """Return whether an order is in doubt, or a market order that has not ended."""
    return order.status in IN_DOUBT or order.kind in AT_MARKET


def sell_out(
    state: State, market: str, rules: Rules, *, time: int, reason: str
) -> tuple[Action, ...]:
    """Return what sells a position at the market: the cancel of what rests, then the sale, once."""
    position = state.positions.get(market)
    if position is None or not is_held(state, market):
        return ()
    selling = _sold(state, market, position, rules, time=time, reason=reason)
    return (*selling, *begun(state, market))


def _sold(
    state: State, market: str, position: Position, rules: Rules, *, time: int, reason: str
) -> tuple[Action, ...]:
    if not state.markets[market].is_trading:
        return ()  # What rests waits for the market to open; a sale would be refused.
    resting = resting_protection(state.orders.of(market))
    if resting is None and (is_under_way(state, market) or is_exit_tried(state, market, time)):
        return ()
    price = state.feed.closes.get(market, position.entry_price)
    return exit_at(state, market, position, rules, time=time, price=price, reason=reason)


def flatten(
    state: State, market: str, rules: Rules, *, time: int, down_to: Decimal = ZERO
) -> tuple[Action, ...]:
    """Return the sale of a position, but for `down_to`, in an emergency; once at any one time."""
    return ended_by_hand(
        state, market, rules, time=time, reason="emergency stop", down_to=down_to
    )


def ended_by_hand(
    state: State,
    market: str,
    rules: Rules,
    *,
    time: int,
    reason: str,
    down_to: Decimal = ZERO,
) -> tuple[Action, ...]:
    """Return the sale of a position, but for `down_to`, by a person's word; once at any one time.

    What is in doubt may still sell: nothing is sold beside it.
    """
    position = state.positions.get(market)
    if position is None or not is_held(state, market) or state.orders.of(market):
        return ()
    if state.orders.attempts(market, Leg.FLATTEN, time):
        return ()
    intent = sale(
        state,
        market,
        position,
        leg=Leg.FLATTEN,
        kind=OrderKind.MARKET,
        closed_at=time,
        reference=state.feed.closes.get(market, position.entry_price),
        reason=reason,
    )
    if down_to:
        most = MONEY_CONTEXT.subtract(position.sellable, down_to)
        intent = replace(intent, quantity=min(intent.quantity, most))
    return (ruled(state, intent, rules),)


def guard(
    state: State, market: str, position: Position, rules: Rules, time: int, level: int
) -> tuple[Action, ...]:
    """Return the stop and target that are missing, or a sale where the exchange refused them."""
    resting = []
    for order in state.orders.of(market):
        if is_moving(order):
            return ()
        if order.leg in PROTECTIVE:
            resting.append(order)
    if resting:
        return _renewed(state, market, position, rules, time, level, resting)
    target = target_level(position, state.scales[market], rules)
    if not (level or target):
        return ()
    time = max(state.orders.latest(market, leg, time) for leg in PROTECTIVE)
    if any(state.orders.attempts(market, leg, time) for leg in PROTECTIVE) and _was_refused(
        state, market, time
    ):
        # A stop that the exchange refuses is one already due: never wait for a better price.
        return _sold(state, market, position, rules, time=time, reason=REFUSED)
    stop = _protection(state, market, position, Leg.STOP, level, time) if level else None
    aim = _protection(state, market, position, Leg.TARGET, target, time) if target else None
    if stop is not None and aim is not None:
        return _guarded_by(state, rules, stop, aim)
    return tuple(ruled(state, each, rules) for each in (stop, aim) if each is not None)


def _guarded_by(state: State, rules: Rules, stop: Intent, aim: Intent) -> tuple[Action, ...]:
    """Return the placing of a stop and its target in one; no target holds its stop back."""
    guarding = review(state, stop, rules)
    if isinstance(guarding, Refused):
        return (Refuse(guarding),)
    aimed = review(state, aim, rules, messages=2)
    if isinstance(aimed, Refused):
        return (Place(guarding), Refuse(aimed))
    return (PlaceOco(guarding, aimed),)


def _renewed(
    state: State,
    market: str,
    position: Position,
    rules: Rules,
    time: int,
    level: int,
    resting: list[Order],
) -> tuple[Action, ...]:
    """Return what sets right a stop or target that rests: too low, or of another quantity."""
    stops, is_fit = [], True
    for each in resting:
        is_fit = is_fit and each.remaining == position.sellable
        if each.leg in STOPS:
            stops.append(each)
    if not stops and level:
        # A target that has begun to fill has ended its stop: what is left is guarded anew.
        return (Cancel(resting[0], "its stop is gone"),)
    if not stops:
        return () if is_fit else (Cancel(resting[0], OTHER_QUANTITY),)
    stop = stops[0]
    assert stop.stop_price is not None, "a stop has its price"
    # Its own price counts, not the one last intended: what failed is tried at the next candle.
    own = state.scales[market].price(stop.stop_price)
    if len(stops) > 1 or (is_fit and level <= own):
        return ()  # Of two, one is gone and was not told of yet.
    time = state.orders.latest(market, Leg.STOP, time)
    if is_fit and state.orders.attempts(market, Leg.STOP, time):
        return ()
    level = max(level, own)
    # The old one goes for it; with its target, both have to be placed anew.
    ruling = review(
        state,
        _protection(state, market, position, Leg.STOP, level, time),
        rules,
        messages=1 + len(resting),
    )
    if isinstance(ruling, Refused):
        return (Refuse(ruling),)
    reason = RISES if is_fit else OTHER_QUANTITY
    if len(resting) > 1:
        return (Cancel(stop, reason),)
    return (Replace(stop, ruling, reason),)


def _was_refused(state: State, market: str, time: int) -> bool:
    return any(
        order.market == market
        and order.leg in PROTECTIVE
        and order.closed_at == time
        and order.status is OrderStatus.REJECTED
        and order.is_attempted
        for order in state.orders.settled.values()
    )


def is_exit_tried(state: State, market: str, time: int) -> bool:
    """Return whether the sale of this position was tried at or after this time."""
    latest = state.orders.latest(market, Leg.EXIT, time)
    return state.orders.attempts(market, Leg.EXIT, latest) > 0


def _protection(
    state: State, market: str, position: Position, leg: Leg, level: int, time: int
) -> Intent:
    price = state.scales[market].price_decimal(level)
    is_stop = leg is Leg.STOP
    return sale(
        state,
        market,
        position,
        leg=leg,
        kind=OrderKind.STOP if is_stop else OrderKind.LIMIT_MAKER,
        closed_at=time,
        reference=price,
        reason=f"{leg.value} of the position",
        price=None if is_stop else price,
        stop_price=price if is_stop else None,
    )


def sale(
    state: State,
    market: str,
    position: Position,
    *,
    leg: Leg,
    kind: OrderKind,
    closed_at: int,
    reference: Decimal,
    reason: str,
    price: Decimal | None = None,
    stop_price: Decimal | None = None,
) -> Intent:
    """Return the intent to sell all that is sellable of a position.

    At the market no more than the exchange takes at once; the next sale is of the rest.
    """
    quantity, most = position.sellable, state.markets[market].quantity_max
    if most is not None and kind in AT_MARKET:
        quantity = min(quantity, most)
    return Intent(
        market=market,
        side=Side.SELL,
        kind=kind,
        leg=leg,
        quantity=quantity,
        reference_price=reference,
        closed_at=closed_at,
        strategy=strategy_of(state),
        reason=reason,
        price=price,
        stop_price=stop_price,
        reduce_only=True,
        sequence=state.orders.attempts(market, leg, closed_at),
    )


def exit_at(
    state: State,
    market: str,
    position: Position,
    rules: Rules,
    *,
    time: int,
    price: Decimal,
    reason: str,
) -> tuple[Action, ...]:
    """Return the sale of a position at the market, or first the cancel of what rests there.

    What the gate will not let leave costs no position its stop: then the sale is refused at once.
    """
    resting = resting_protection(state.orders.of(market))
    intent = sale(
        state,
        market,
        position,
        leg=Leg.EXIT,
        kind=OrderKind.MARKET,
        closed_at=time,
        reference=price,
        reason=reason,
    )
    # The cancel goes with it; where none is needed the position is bare, and no pace holds it back.
    ruling = review(state, intent, rules, messages=2)
    if resting is not None and isinstance(ruling, Approved):
        return (Cancel(resting, reason),)
    return (_placed(ruling),)


def ruled(state: State, intent: Intent, rules: Rules) -> Action:
    """Return the placing of an intent, or its refusal by the risk gate."""
    return _placed(review(state, intent, rules))


def _placed(ruling: Approved | Refused) -> Action:
    return Place(ruling) if isinstance(ruling, Approved) else Refuse(ruling)


def resting_protection(orders: list[Order]) -> Order | None:
    """Return the first stop or target among orders that rests at the exchange."""
    for order in orders:
        if order.leg in PROTECTIVE and order.status in RESTING:
            return order
    return None


def strategy_of(state: State) -> str:
    """Return the name of the strategy that trades."""
    assert state.started is not None, "a session has started"
    return state.started.strategy
