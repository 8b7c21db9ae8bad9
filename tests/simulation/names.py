"""Whose order is it: the bot's, by the mark of its name, or somebody else's."""

from tradebot.engine.risk import namespace

BOT = "main"
OTHERS = "hand-"
_OURS = namespace(BOT)


def is_ours(order_id: str) -> bool:
    """Return whether an order's id is one of the bot's."""
    return order_id.startswith(_OURS)
