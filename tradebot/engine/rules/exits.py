"""Where a long position ends: stop, target, trailing stop, time."""

from tradebot.engine.rules.arithmetic import ceil_to, portion, portion_up


def stop_price(entry: int, stop_ppm: int, tick: int) -> int:
    """Return the stop of a long entered at `entry`.

    Never further away than asked, at least a tick.
    """
    return max(tick, min(ceil_to(entry - portion(entry, stop_ppm), tick), below(entry, tick)))


def target_price(entry: int, target_ppm: int, tick: int) -> int:
    """Return the target of a long entered at `entry`: never nearer than asked."""
    return ceil_to(entry + portion_up(entry, target_ppm), tick)


def trailed_stop(stop: int, high: int, trailing_ppm: int, tick: int) -> int:
    """Return the stop after a candle that reached `high`: it only ever rises. 0 = no stop yet."""
    return max(stop, stop_price(high, trailing_ppm, tick))


def below(price: int, tick: int) -> int:
    """Return the highest tick under `price`."""
    return (price - 1) // tick * tick


def is_stop_clear(price: int, stop: int, tick: int) -> bool:
    """Return whether a stop is two ticks or more under the price: rounding alone takes one."""
    return price - stop >= 2 * tick


def is_time_up(opened_at: int, closed_at: int, held_ms_max: int) -> bool:
    """Return whether a position was held for `held_ms_max` or more. 0 = no limit."""
    return held_ms_max > 0 and closed_at - opened_at >= held_ms_max
