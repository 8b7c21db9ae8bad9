"""What to do about one market at one closed candle. Read this first.

Law: `decide` is opinion: it never acts, and the Session asks again after carrying out what it asked
for, until it asks for nothing. So each answer holds only what can be done now: first the cancel,
and once the exchange has confirmed it, the sale; first the cancel of an entry, and once it is gone,
the next.
"""

from tradebot.engine.actions import Action, Cancel, Place, Refuse
from tradebot.engine.controls.refusal import ALL_WELL, Outside
from tradebot.engine.entries import begun, entry_price, is_used_up, over
from tradebot.engine.exits import exit_reason, stop_level
from tradebot.engine.protect import (
    LATE_EXIT,
    exit_at,
    guard,
    is_exit_tried,
    is_under_way,
    resting_protection,
    strategy_of,
)
from tradebot.engine.risk import review
from tradebot.engine.settings import Rules
from tradebot.engine.sizing import entry_size
from tradebot.engine.state import State
from tradebot.engine.valuation import is_held
from tradebot.model.account import Position, TradingState
from tradebot.model.market import Candle
from tradebot.model.order import (
    Approved,
    Intent,
    Leg,
    OrderKind,
    Side,
)

HALTED, ACTIVE = TradingState.HALTED, TradingState.ACTIVE


def decide(
    state: State,
    market: str,
    candle: Candle,
    exposure_ppm: int | None,
    rules: Rules,
    *,
    outside: Outside = ALL_WELL,
    why: str = "",
) -> tuple[Action, ...]:
    """Return what to do about `market` now that `candle` has closed; empty = nothing (more).

    `exposure_ppm` is the strategy's target, None to hold. `why` is its reason, in words.
    """
    position = state.positions.get(market)
    if position is None or not position.sellable or not is_held(state, market):
        if state.orders.unsettled:
            resting = resting_protection(state.orders.of(market))
            # What is worth too little for a new order keeps the one that rests.
            if resting is not None and (position is None or not position.sellable):
                return (Cancel(resting, "nothing is left to guard"),)
            ended = over(state, market, candle, exposure_ppm, rules)
            if ended:
                return ended
        if exposure_ppm is None or exposure_ppm <= 0 or market in state.feed.spent:
            return ()
        return _enter(state, market, candle, exposure_ppm, rules, outside, why)
    if state.trading is HALTED or not state.markets[market].is_trading:
        return ()  # What guards it stays: no sale would be let through in its stead.
    level = stop_level(position, state.scales[market], rules, candle)
    reason = exit_reason(position, candle, exposure_ppm, rules, level)
    if not reason and exposure_ppm is None and market in state.feed.unwanted:
        reason = LATE_EXIT
    if reason:
        closing = f"signal: {why}" if reason == "signal" and why else reason
        actions = _exit(state, market, position, candle, rules, closing, level)
    else:
        actions = guard(state, market, position, rules, candle.closed_at, level)
    return (*actions, *begun(state, market)) if state.orders.unsettled else actions


def _enter(
    state: State,
    market: str,
    candle: Candle,
    exposure_ppm: int,
    rules: Rules,
    outside: Outside,
    why: str,
) -> tuple[Action, ...]:
    if state.orders.of(market) or state.orders.attempts(market, Leg.ENTRY, candle.closed_at):
        return ()
    if is_used_up(state, market, rules):
        return ()
    if state.trading is not ACTIVE and state.feed.refused.get(market) in state.track.trips:
        return ()  # Said once per signal: nothing is sized that a person has to allow first.
    scale = state.scales[market]
    units = entry_price(candle, scale, rules)
    sized = entry_size(state, market, candle, units, exposure_ppm, rules)
    price = scale.price_decimal(units)
    is_limit = rules.entry_ms_max > 0
    intent = Intent(
        market=market,
        side=Side.BUY,
        kind=OrderKind.LIMIT if is_limit else OrderKind.MARKET,
        leg=Leg.ENTRY,
        quantity=scale.quantity_decimal(sized.quantity),
        reference_price=price,
        closed_at=candle.closed_at,
        strategy=strategy_of(state),
        reason=f"signal: {why}" if why else "signal",
        price=price if is_limit else None,
        size=sized.size,
    )
    ruling = review(state, intent, rules, outside)
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
    if is_exit_tried(state, market, candle.closed_at):
        # The exchange refused the sale: the position must not stay bare until the next candle.
        return guard(state, market, position, rules, candle.closed_at, level)
    if is_under_way(state, market):
        return ()  # Its protection stays, too: nothing could be sold in its stead.
    price = state.scales[market].price_decimal(candle.close)
    return exit_at(
        state, market, position, rules, time=candle.closed_at, price=price, reason=reason
    )
