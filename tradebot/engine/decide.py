"""What to do about one market at one closed candle. Read this first.

Law: `decide` is opinion: it never acts, and the Session asks again after carrying out what it asked
for, until it asks for nothing. So each answer holds only what can be done now: first the cancel,
and once the exchange has confirmed it, the sale.
"""

from decimal import Decimal

from tradebot.engine.actions import Action, Cancel, Place, PlaceOco, Refuse
from tradebot.engine.exits import exit_reason, stop_level, target_level
from tradebot.engine.risk import review
from tradebot.engine.settings import Rules
from tradebot.engine.sizing import entry_quantity
from tradebot.engine.state import State
from tradebot.engine.valuation import is_held
from tradebot.model.account import Position
from tradebot.model.market import Candle
from tradebot.model.order import (
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


def decide(
    state: State,
    market: str,
    candle: Candle,
    exposure_ppm: int | None,
    rules: Rules,
    *,
    is_contiguous: bool = True,
    why: str = "",
) -> tuple[Action, ...]:
    """Return what to do about `market` now that `candle` has closed; empty = nothing (more).

    `exposure_ppm` is the strategy's target, None to hold. `why` is its reason, in words.
    """
    position = state.positions.get(market)
    if position is None or not position.sellable or not is_held(state, market):
        if state.orders.unsettled:
            resting = _resting_protection(state.orders.of(market))
            if resting is not None:
                return (Cancel(resting, "nothing is left to guard"),)
        if exposure_ppm is None or exposure_ppm <= 0 or market in state.feed.spent:
            return ()
        return _enter(state, market, candle, exposure_ppm, rules, is_contiguous, why)
    scale = state.scales[market]
    level = stop_level(position, scale, rules, candle)
    reason = exit_reason(position, candle, exposure_ppm, rules, level)
    if reason:
        closing = f"signal: {why}" if reason == "signal" and why else reason
        return _exit(state, market, position, candle, rules, closing, level)
    if level > scale.price(position.stop):
        resting = _resting_protection(state.orders.of(market))
        if resting is not None:
            return (Cancel(resting, "trailing stop rises"),)
    return _protect(state, market, position, rules, candle.closed_at, level)


def protect(state: State, market: str, rules: Rules, *, time: int) -> tuple[Action, ...]:
    """Return what a position needs that was filled between candles: its stop and target."""
    position = state.positions.get(market)
    if position is None or not is_held(state, market):
        return ()
    level = stop_level(position, state.scales[market], rules, None)
    return _protect(state, market, position, rules, time, level)


def is_bare(state: State, market: str, rules: Rules) -> bool:
    """Return whether an open position lacks the stop or target that the rules ask for."""
    orders = state.orders.of(market)
    if len(orders) > 1:
        return False  # Asked at every wake: an OCO at rest must cost nothing.
    position = state.positions.get(market)
    if position is None or not is_held(state, market):
        return False
    has_stop = bool(rules.stop_ppm or rules.trailing_ppm or position.stop)
    if orders:
        return has_stop and _lone_target(orders) is not None
    return has_stop or bool(rules.target_ppm)


def flatten(state: State, market: str, rules: Rules, *, time: int) -> tuple[Action, ...]:
    """Return the sale that ends a position in an emergency; once at any one time."""
    position = state.positions.get(market)
    if position is None or not is_held(state, market) or state.orders.of(market):
        return ()
    if state.orders.attempts(market, Leg.FLATTEN, time):
        return ()
    intent = _sale(
        state,
        market,
        position,
        leg=Leg.FLATTEN,
        kind=OrderKind.MARKET,
        closed_at=time,
        reference=state.feed.closes.get(market, position.entry_price),
        reason="emergency stop",
    )
    return (_ruled(state, intent, rules),)


def _enter(
    state: State,
    market: str,
    candle: Candle,
    exposure_ppm: int,
    rules: Rules,
    is_contiguous: bool,
    why: str,
) -> tuple[Action, ...]:
    if state.orders.of(market) or state.orders.attempts(market, Leg.ENTRY, candle.closed_at):
        return ()
    scale = state.scales[market]
    quantity = entry_quantity(state, market, candle.close, exposure_ppm, rules)
    intent = Intent(
        market=market,
        side=Side.BUY,
        kind=OrderKind.MARKET,
        leg=Leg.ENTRY,
        quantity=scale.quantity_decimal(quantity),
        reference_price=scale.price_decimal(candle.close),
        closed_at=candle.closed_at,
        strategy=_strategy(state),
        reason=f"signal: {why}" if why else "signal",
    )
    ruling = review(state, intent, rules, is_contiguous=is_contiguous)
    if isinstance(ruling, Approved):
        return (Place(ruling),)
    if state.feed.refused.get(market) == ruling.control:
        return ()  # Said once per signal; a refusal that repeats every candle tells nothing new.
    return (Refuse(ruling),)


def _exit(
    state: State,
    market: str,
    position: Position,
    candle: Candle,
    rules: Rules,
    reason: str,
    level: int,
) -> tuple[Action, ...]:
    """Return the cancel of the protection, then the sale; protection again where it failed."""
    is_tried = _is_exit_tried(state, market, candle.closed_at)
    orders = state.orders.of(market)
    if is_tried:
        # The exchange refused the sale: the position must not stay bare until the next candle.
        return () if orders else _protect(state, market, position, rules, candle.closed_at, level)
    resting = _resting_protection(orders)
    if resting is not None:
        return (Cancel(resting, reason),)
    if orders:
        return ()
    scale = state.scales[market]
    intent = _sale(
        state,
        market,
        position,
        leg=Leg.EXIT,
        kind=OrderKind.MARKET,
        closed_at=candle.closed_at,
        reference=scale.price_decimal(candle.close),
        reason=reason,
    )
    return (_ruled(state, intent, rules),)


def _protect(
    state: State, market: str, position: Position, rules: Rules, time: int, level: int
) -> tuple[Action, ...]:
    """Return the stop and target that are missing, or a sale where the exchange refused them."""
    orders = state.orders.of(market)
    lone = _lone_target(orders)
    if level and lone is not None:
        # A target that has begun to fill has ended its stop: what is left is guarded anew.
        return (Cancel(lone, "its stop is gone"),)
    target = target_level(position, state.scales[market], rules)
    if orders or not (level or target):
        return ()
    time = max(state.orders.latest(market, leg, time) for leg in PROTECTIVE)
    if any(state.orders.attempts(market, leg, time) for leg in PROTECTIVE) and _was_refused(
        state, market, time
    ):
        return _sell_unprotected(state, market, position, rules, time)
    stop = _protection(state, market, position, Leg.STOP, level, time) if level else None
    aim = _protection(state, market, position, Leg.TARGET, target, time) if target else None
    rulings = [review(state, intent, rules) for intent in (stop, aim) if intent is not None]
    for ruling in rulings:
        if isinstance(ruling, Refused):
            return (Refuse(ruling),)
    approved = [ruling for ruling in rulings if isinstance(ruling, Approved)]
    if len(approved) == 2:
        return (PlaceOco(approved[0], approved[1]),)
    return (Place(approved[0]),)


def _was_refused(state: State, market: str, time: int) -> bool:
    return any(
        order.market == market
        and order.leg in PROTECTIVE
        and order.closed_at == time
        and order.status is OrderStatus.REJECTED
        for order in state.orders.settled.values()
    )


def _sell_unprotected(
    state: State, market: str, position: Position, rules: Rules, time: int
) -> tuple[Action, ...]:
    # A stop that the exchange refuses is a stop that is already due: never wait for a better price.
    if _is_exit_tried(state, market, time):
        return ()
    intent = _sale(
        state,
        market,
        position,
        leg=Leg.EXIT,
        kind=OrderKind.MARKET,
        closed_at=time,
        reference=state.feed.closes.get(market, position.entry_price),
        reason="stop or target refused by the exchange",
    )
    return (_ruled(state, intent, rules),)


def _is_exit_tried(state: State, market: str, time: int) -> bool:
    latest = state.orders.latest(market, Leg.EXIT, time)
    return state.orders.attempts(market, Leg.EXIT, latest) > 0


def _protection(
    state: State, market: str, position: Position, leg: Leg, level: int, time: int
) -> Intent:
    price = state.scales[market].price_decimal(level)
    is_stop = leg is Leg.STOP
    return _sale(
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


def _sale(
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
    return Intent(
        market=market,
        side=Side.SELL,
        kind=kind,
        leg=leg,
        quantity=position.sellable,
        reference_price=reference,
        closed_at=closed_at,
        strategy=_strategy(state),
        reason=reason,
        price=price,
        stop_price=stop_price,
        reduce_only=True,
        sequence=state.orders.attempts(market, leg, closed_at),
    )


def _ruled(state: State, intent: Intent, rules: Rules) -> Action:
    ruling = review(state, intent, rules)
    return Place(ruling) if isinstance(ruling, Approved) else Refuse(ruling)


def _resting_protection(orders: list[Order]) -> Order | None:
    for order in orders:
        if order.leg in PROTECTIVE and order.status in RESTING:
            return order
    return None


def _lone_target(orders: list[Order]) -> Order | None:
    """Return the resting target that is all there is in its market."""
    if len(orders) != 1:
        return None
    (only,) = orders
    return only if only.leg is Leg.TARGET and only.status in RESTING else None


def _strategy(state: State) -> str:
    assert state.started is not None, "a session has started"
    return state.started.strategy
