"""Ending one market on a person's word: cancel what rests there, then sell what the bot holds.

Law: it goes on while trading is halted, and sells no more than the bot's position.
"""

from tradebot.engine.actions import Action, Cancel
from tradebot.engine.protect import ended_by_hand
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.model.order import RESTING


def close_out(
    state: State, market: str, rules: Rules, *, time: int, reason: str
) -> tuple[Action, ...]:
    """Return what ends a market: the cancel of what rests there, then the sale, once at a time."""
    if not state.markets[market].is_trading:
        return ()  # A sale would be refused, and what guards the position be gone.
    orders = state.orders.of(market)
    resting = next((order for order in orders if order.status in RESTING), None)
    if resting is not None:
        return (Cancel(resting, reason),)
    return ended_by_hand(state, market, rules, time=time, reason=reason)
