"""Whether what is held is guarded: a stop of ours rests for all that could be sold."""

from tradebot.engine.state import State
from tradebot.model.money import MONEY_CONTEXT, ZERO
from tradebot.model.order import RESTING, Leg


def has_stop_at_rest(state: State, market: str) -> bool:
    """Return whether stops that rest at the exchange cover all that could be sold."""
    position = state.positions.get(market)
    left = ZERO if position is None else position.sellable
    for order in state.orders.unsettled.values():
        if order.leg is Leg.STOP and order.market == market and order.status in RESTING:
            left = MONEY_CONTEXT.subtract(left, order.remaining)
    return left <= 0
