"""When a position is closed by decision, and where its stop belongs."""

from tradebot.engine.rules.exits import is_time_up, stop_price, target_price, trailed_stop
from tradebot.engine.settings import Rules
from tradebot.model.account import Position
from tradebot.model.market import Candle, Scale


def entry_units(position: Position, scale: Scale) -> int:
    """Return the position's average entry price in price units, rounded down."""
    return scale.price_down(position.entry_price)


def stop_level(position: Position, scale: Scale, rules: Rules, candle: Candle | None) -> int:
    """Return where the stop belongs after `candle`, in price units; 0 = no stop is set up.

    It only ever rises: fixed and trailing distance from the entry, the highest intended so far,
    what the candle's high trails.
    """
    level = scale.price(position.stop)
    # A trailing stop begins at its distance from the entry: no position waits for a candle.
    for distance_ppm in (rules.stop_ppm, rules.trailing_ppm):
        if distance_ppm:
            level = max(level, stop_price(entry_units(position, scale), distance_ppm, scale.tick))
    # The entry's own candle opened before the position: its high may not be ours.
    if rules.trailing_ppm and candle is not None and candle.closed_at > position.opened_at:
        level = trailed_stop(level, candle.high, rules.trailing_ppm, scale.tick)
    return level


def target_level(position: Position, scale: Scale, rules: Rules) -> int:
    """Return the target in price units; 0 = no target is set up."""
    if not rules.target_ppm:
        return 0
    return target_price(entry_units(position, scale), rules.target_ppm, scale.tick)


def exit_reason(
    position: Position, candle: Candle, exposure_ppm: int | None, rules: Rules, level: int
) -> str:
    """Return why the position is to be closed now: signal, time or trailing stop; "" = keep it."""
    if exposure_ppm is not None and exposure_ppm <= 0:
        return "signal"
    if is_time_up(position.opened_at, candle.closed_at, rules.held_ms_max):
        return "time"
    if level >= candle.close:
        # The stop belongs above the market: it would have been hit inside the candle.
        return "trailing stop" if rules.trailing_ppm else "stop passed"
    return ""
