"""Limit entries: at what price one rests, and when it is over.

Law: a limit entry is never followed by an order at the market; one is gone before another rests.
"""

from tradebot.engine.actions import Action, Cancel
from tradebot.engine.controls.admission import closed_to_entries
from tradebot.engine.rules.entries import limit_price
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.model.market import Candle, Scale
from tradebot.model.order import RESTING, Leg, Order, OrderKind

# Sets, not members: to look one up in its enum takes four times as long, at every candle.
ENTRIES, LIMITS = frozenset({Leg.ENTRY}), frozenset({OrderKind.LIMIT})


def entry_price(candle: Candle, scale: Scale, rules: Rules) -> int:
    """Return the price that an entry is sized at, and a limit entry rests at, in price units."""
    if not rules.entry_ms_max:
        return candle.close
    return limit_price(candle.close, rules.entry_offset_ppm, scale.tick)


def is_used_up(state: State, market: str, rules: Rules) -> bool:
    """Return whether the present signal has been tried with all the limit entries it may have."""
    return rules.entry_ms_max > 0 and state.feed.rounds.get(market, 0) > rules.reprice_max


def resting_entry(orders: list[Order]) -> Order | None:
    """Return the limit entry that rests at the exchange; None where there is none."""
    for order in orders:
        if order.leg in ENTRIES and order.kind in LIMITS and order.status in RESTING:
            return order
    return None


def over(
    state: State, market: str, candle: Candle, exposure_ppm: int | None, rules: Rules
) -> tuple[Action, ...]:
    """Return the cancel of a resting entry of which nothing is held and whose time has come."""
    entry = resting_entry(state.orders.of(market))
    if entry is None:
        return ()
    reason = closed_to_entries(state, market, candle.closed_at)
    if not reason and exposure_ppm is not None and exposure_ppm <= 0:
        reason = "the signal has gone"
    if not reason and market in state.feed.spent:
        reason = "the signal has had its trade"
    if not reason and candle.closed_at - entry.closed_at >= rules.entry_ms_max:
        reason = "its time is up"
    return (Cancel(entry, reason),) if reason else ()


def begun(state: State, market: str) -> tuple[Action, ...]:
    """Return the cancel of a resting entry of which something is held by now.

    Protection comes before size: what was bought is guarded, and no more is bought beside it.
    """
    entry = resting_entry(state.orders.of(market))
    return () if entry is None else (Cancel(entry, "it has begun to fill"),)
