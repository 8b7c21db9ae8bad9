"""Decimals for money: the door from float, exact units, and the context that traps floats.

Law: a float becomes money in `from_float`, rounded, or a column of them in
`CandleTable.price_units`, exactly or not at all; nowhere else.
"""

import re
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    InvalidOperation,
    Overflow,
)
from math import isfinite

# 60 digits: the product of two numbers of 18 decimals and 10 integer digits still has room.
MONEY_CONTEXT = Context(
    prec=60,
    rounding=ROUND_HALF_EVEN,
    traps=[FloatOperation, InvalidOperation, DivisionByZero, Overflow],
)

ZERO = Decimal(0)
PPM = 10**6

# Decimal itself also takes underscores, spaces, the digits of every script and 1e999999.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_TEXT_MAX = 200
# No amount of anything has so many digits before the point, or noughts behind it.
_MAGNITUDE_MAX = 40


def parse_decimal(text: str) -> Decimal:
    """Return the Decimal that `text` spells in plain digits, between 1e-40 and 1e40 or 0.

    Raises ValueError for anything else.
    """
    if len(text) > _TEXT_MAX or _NUMBER.fullmatch(text) is None:
        raise ValueError(f"{text[:_TEXT_MAX]!r} is not a number")
    value = Decimal(text)
    if value and abs(value.adjusted()) > _MAGNITUDE_MAX:
        raise ValueError(f"{text!r} is no number that an amount could be")
    return value


def plain(value: Decimal) -> str:
    """Return `value` without exponent and trailing zeros: Decimal('1E-7') -> '0.0000001'."""
    if value == 0:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def decimals_of(value: Decimal) -> int:
    """Return how many decimal places `value` needs: 0.0100 -> 2, 100 -> 0."""
    exponent = value.normalize(MONEY_CONTEXT).as_tuple().exponent
    assert isinstance(exponent, int), f"not finite: {value}"
    return max(0, -exponent)


def to_units(value: Decimal, decimals: int) -> int:
    """Return `value` as an exact count of 10**-decimals.

    Raises ValueError when it is finer than that.
    """
    scaled = value.scaleb(decimals, MONEY_CONTEXT)
    units = int(scaled)
    if units != scaled:
        raise ValueError(f"{plain(value)} has more than {decimals} decimals")
    return units


def to_units_down(value: Decimal, decimals: int) -> int:
    """Return the count of 10**-decimals in `value`, the rest cut off towards zero."""
    return int(value.scaleb(decimals, MONEY_CONTEXT))


def from_units(units: int, decimals: int) -> Decimal:
    """Return `units` counts of 10**-decimals as an exact Decimal."""
    return Decimal(units).scaleb(-decimals, MONEY_CONTEXT)


def from_float(value: float, decimals: int) -> Decimal:
    """Return a float as money, rounded half-even to `decimals`.

    Raises ValueError for NaN, infinity and what has more digits than money has.
    """
    if not isfinite(value):
        raise ValueError(f"{value!r} is not a finite number")
    # repr is the shortest text that reads back as this float: what the exchange or file wrote.
    # The class's own, because numpy's floats write their type around it.
    text = float.__repr__(value)
    try:
        return Decimal(text).quantize(
            Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN, context=MONEY_CONTEXT
        )
    except InvalidOperation:
        raise ValueError(f"{text} is too large") from None


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of `step` that is not above the non-negative `value`."""
    assert value >= 0 and step > 0, (value, step)
    # Integer division is exact or raises; a quotient would be rounded, and maybe up.
    return MONEY_CONTEXT.multiply(MONEY_CONTEXT.divide_int(value, step), step)


def to_ppm(fraction: Decimal) -> int:
    """Return a fraction as exact parts per million.

    Raises ValueError when it is finer than one ppm.
    """
    return to_units(fraction, 6)
