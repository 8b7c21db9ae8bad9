"""How much to buy: by a fraction of equity, or by what may be lost at the stop."""

from tradebot.engine.rules.arithmetic import floor_to, portion


def quantity_for_cash(cash: int, price: int, lot: int, lot_cash: int) -> int:
    """Return the whole lots that `cash` buys at `price`, in quantity units."""
    return cash // (price * lot_cash) * lot


def quantity_by_fraction(
    equity: int, fraction_ppm: int, price: int, lot: int, lot_cash: int
) -> int:
    """Return the quantity worth `fraction_ppm` of equity at `price`."""
    return quantity_for_cash(portion(equity, fraction_ppm), price, lot, lot_cash)


def quantity_by_risk(
    equity: int, risk_ppm: int, price: int, stop: int, lot: int, lot_cash: int
) -> int:
    """Return the quantity that loses `risk_ppm` of equity between `price` and `stop`.

    0 when the stop is not below the price: without a distance there is no risk to size by.
    """
    if stop >= price:
        return 0
    return portion(equity, risk_ppm) // ((price - stop) * lot_cash) * lot


def scaled(quantity: int, exposure_ppm: int, lot: int) -> int:
    """Return the whole lots of `quantity` that a target exposure of 0…1 asks for."""
    return floor_to(portion(quantity, exposure_ppm), lot)
