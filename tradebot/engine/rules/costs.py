"""What a trade costs: slippage in the price, fees in the coin the exchange takes them in."""

from tradebot.engine.rules.arithmetic import ceil_to, floor_to, portion_up


def notional(price: int, quantity: int, lot: int, lot_cash: int) -> int:
    """Return price x quantity in cash units, exact for whole lots, else rounded down.

    Whole lots and the rest are multiplied apart, so that no product exceeds the result by more
    than one lot's worth.
    """
    return price * (quantity // lot) * lot_cash + price * (quantity % lot) * lot_cash // lot


def buy_price(price: int, slippage_ppm: int, tick: int) -> int:
    """Return what a market buy pays when the market is at `price`.

    Slippage up, to the next tick up.
    """
    return ceil_to(price + portion_up(price, slippage_ppm), tick)


def sell_price(price: int, slippage_ppm: int, tick: int) -> int:
    """Return what a market sell gets when the market is at `price`.

    Slippage down, at least one tick.
    """
    return max(tick, floor_to(price - portion_up(price, slippage_ppm), tick))


def fee(amount: int, fee_ppm: int) -> int:
    """Return the fee on an amount of the coin it is taken in, rounded up."""
    return portion_up(amount, fee_ppm)


def affordable_cash(cash: int, reserve_ppm: int) -> int:
    """Return what of `cash` an entry may spend: the reserve covers its fee and a worse price."""
    return cash - portion_up(cash, reserve_ppm)


def sellable(quantity: int, lot: int) -> int:
    """Return the whole lots in what is held: fees taken in base leave a rest under one lot."""
    return floor_to(quantity, lot)


def kept(quantity: int, base_fee_ppm: int, lot: int) -> int:
    """Return the whole lots that a buy leaves to sell, after a fee of `base_fee_ppm` in base."""
    return sellable(quantity - fee(quantity, base_fee_ppm), lot)
