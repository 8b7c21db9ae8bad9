"""Where an entry rests that waits for its price."""

from tradebot.engine.rules.arithmetic import floor_to, portion_up


def limit_price(close: int, offset_ppm: int, tick: int) -> int:
    """Return the price of a buy that rests `offset_ppm` under `close`: down to the tick."""
    return max(tick, floor_to(close - portion_up(close, offset_ppm), tick))
