"""Ending one market on a person's word: cancel what rests there, then sell what the bot holds.

Law: it goes on while trading is halted, and sells no more than the bot's position.
"""

from tradebot.engine.actions import Action, Cancel
from tradebot.engine.protect import ruled, sale
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.engine.valuation import is_held
from tradebot.model.order import RESTING, Leg, OrderKind


def close_out(
    state: State, market: str, rules: Rules, *, time: int, reason: str
) -> tuple[Action, ...]:
    """Return what ends a market: the cancel of what rests there, then the sale, once at a time."""
    orders = state.orders.of(market)
    resting = next((order for order in orders if order.status in RESTING), None)
    if resting is not None:
        return (Cancel(resting, reason),)
    position = state.positions.get(market)
    if orders or position is None or not is_held(state, market):
        return ()  # What is in doubt may still sell: nothing is sold beside it.
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
    return (ruled(state, intent, rules),)
