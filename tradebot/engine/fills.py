"""How a candle fills an order: the assumptions of every simulated fill, in one place.

The sandbox exchange, the Session backtest and the compiled backtest all fill by these rules:

1.  A market order fills whole at the open of the next candle, worse by the slippage. Inside a gap
    of the data it waits for the first candle after the gap.
2.  A stop triggers when the candle's low (for a buy: high) reaches it, and fills at the worse of
    stop price and candle open, worse by the slippage: gaps go through stops.
3.  A limit order fills at its price, and only when the price trades *through* it; a touch fills
    nothing. A limit order that crosses the market when it is placed fills at once, as a taker.
4.  When one candle reaches both stop and target, the stop is filled: the path inside a candle is
    unseen, so the worse is taken.
5.  An order placed at the open of a candle meets the whole of that candle, its high and low
    included.
6.  Market orders and triggered stops pay the taker fee, resting limits the maker fee. Fees are
    rounded up, in the coin the market says: what is received, or always quote.
7.  Slippage is rounded against us to the tick. The order never moves the market, and there is
    always enough volume for it.
8.  Fills inside a candle are booked at its close; fills at its open are booked at its open.

"""

from typing import NamedTuple

from tradebot.engine.rules.fills import (
    limit_buy_fill,
    limit_sell_fill,
    stop_buy_fill,
    stop_sell_fill,
)
from tradebot.model.market import Candle
from tradebot.model.order import Side


class Filled(NamedTuple):
    """At what price, when, and whether as a maker a candle fills an order."""

    price: int
    filled_at: int
    is_maker: bool


def stop_fill(
    side: Side, stop: int, candle: Candle, *, slippage_ppm: int, tick: int
) -> Filled | None:
    """Return how a candle fills a resting stop-market order; None where it is not reached."""
    if side is Side.SELL:
        price = stop_sell_fill(stop, candle.open, candle.low, slippage_ppm, tick)
        is_gap = candle.open <= stop
    else:
        price = stop_buy_fill(stop, candle.open, candle.high, slippage_ppm, tick)
        is_gap = candle.open >= stop
    if price == 0:
        return None
    return Filled(price, candle.opened_at if is_gap else candle.closed_at, False)


def limit_fill(side: Side, limit: int, candle: Candle) -> Filled | None:
    """Return how a candle fills a resting limit order; None where nothing traded through it."""
    if side is Side.SELL:
        price = limit_sell_fill(limit, candle.high)
    else:
        price = limit_buy_fill(limit, candle.low)
    if price == 0:
        return None
    return Filled(price, candle.closed_at, True)
