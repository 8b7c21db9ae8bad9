"""At which price one candle fills a resting order; 0 where it does not."""

from tradebot.engine.rules.costs import buy_price, sell_price


def stop_sell_fill(stop: int, opened: int, low: int, slippage_ppm: int, tick: int) -> int:
    """Return what a sell stop gets in a candle.

    The worse of stop and open, less slippage; 0 = untouched.
    """
    if low > stop:
        return 0
    return sell_price(min(stop, opened), slippage_ppm, tick)


def stop_buy_fill(stop: int, opened: int, high: int, slippage_ppm: int, tick: int) -> int:
    """Return what a buy stop pays in a candle.

    The worse of stop and open, plus slippage; 0 = untouched.
    """
    if high < stop:
        return 0
    return buy_price(max(stop, opened), slippage_ppm, tick)


def limit_sell_fill(limit: int, high: int) -> int:
    """Return what a resting sell limit gets.

    Its price, once the market traded *through* it; else 0.
    """
    # A touch is not enough: others were in the queue before us.
    if high > limit:
        return limit
    return 0


def limit_buy_fill(limit: int, low: int) -> int:
    """Return what a resting buy limit pays.

    Its price, once the market traded *through* it; else 0.
    """
    if low < limit:
        return limit
    return 0
