"""The risk gate's arithmetic.

How much room a limit leaves, and whether an amount stays within it.
"""

from tradebot.engine.rules.arithmetic import portion


def room(limit: int, used: int) -> int:
    """Return what a limit still allows; 0 when it is used up."""
    return max(0, limit - used)


def room_of_equity(equity: int, limit_ppm: int, used: int) -> int:
    """Return what a limit stated as a part of equity still allows, in cash units."""
    return room(portion(equity, limit_ppm), used)
