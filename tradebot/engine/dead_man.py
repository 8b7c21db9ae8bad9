"""When the exchange may cancel all our orders should it hear nothing more of us.

Law: never while anything is held: it would cancel the stop that guards it while the bot is dead.
"""

from tradebot.engine.state import State
from tradebot.model.order import RESTING, Leg


def is_dead_man_wanted(state: State) -> bool:
    """Return whether entries rest, nothing is held anywhere, and no order is in doubt."""
    orders = state.orders.unsettled.values()
    if not orders or any(each.is_open for each in state.positions.values()):
        return False
    return all(
        each.leg is Leg.ENTRY and each.status in RESTING and not each.filled for each in orders
    )
