"""The risk gate's arithmetic.

How much room a limit leaves, whether an amount stays within it, and where a loss has reached it.
"""

from tradebot.engine.rules.arithmetic import portion, portion_up


def room(limit: int, used: int) -> int:
    """Return what a limit still allows; 0 when it is used up."""
    return max(0, limit - used)


def room_of_equity(equity: int, limit_ppm: int, used: int) -> int:
    """Return what a limit stated as a part of equity still allows, in cash units."""
    return room(portion(equity, limit_ppm), used)


def loss_floor(before: int, loss_ppm: int) -> int:
    """Return the equity at which `loss_ppm` of what there was `before` is lost, in cash units.

    A limit on losses has tripped at it, and under it: not one cash unit above.
    """
    return before - portion_up(before, loss_ppm)


def risked(worth: int, price: int, stop: int) -> int:
    """Return what an entry worth `worth` at `price` loses at `stop`, in cash units, rounded up.

    A stop of 0, or one that is not below the price, protects nothing: then all of it is at risk.
    """
    if stop <= 0 or stop >= price:
        return worth
    # Split first, as in `portion`: the plain product overflows 64 bits.
    distance = price - stop
    return worth // price * distance + (worth % price * distance + price - 1) // price
