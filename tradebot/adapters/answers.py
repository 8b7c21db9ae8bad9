"""What a value in an exchange's answer may be: ids, coins, times and numbers, else no answer.

Law: nothing is repaired. Each raises ValueError or TypeError, and the whole answer counts as none.
"""

import re
from decimal import Decimal
from math import isfinite
from typing import Any

from tradebot.adapters.redact import plain_text
from tradebot.model.money import parse_decimal

TEXT_MAX = 200
# What exchanges use in the ids that they give, and nothing that means something elsewhere.
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_COIN_MAX = 30
# To the year 2100.
_TIMES_MS = range(4_102_444_800_000)


def identifier(value: Any) -> str:
    """Return an id that the exchange gave."""
    text = str(value) if type(value) is int else value
    if _ID.fullmatch(text) is None:
        raise ValueError(f"{text[:TEXT_MAX]!r} is no id")
    return str(text)


def coin(value: str) -> str:
    """Return a coin's name: some are written in letters that are not ours."""
    if not 0 < len(value) <= _COIN_MAX or not value.isprintable() or " " in value:
        raise ValueError(f"{value[:_COIN_MAX]!r} is no coin")
    return value


def time_ms(value: Any) -> int:
    """Return a time in UTC ms."""
    if type(value) is not int or value not in _TIMES_MS:
        raise ValueError(f"{str(value)[:TEXT_MAX]!r} is no time")
    return value


def not_negative(text: str) -> Decimal:
    """Return an amount that is 0 or more."""
    value = parse_decimal(text)
    if value < 0:
        raise ValueError(f"{text} is below 0")
    return value


def positive(text: str) -> Decimal:
    """Return an amount above 0."""
    value = parse_decimal(text)
    if value <= 0:
        raise ValueError(f"{text} is not above 0")
    return value


def candle_number(cell: Any) -> float:
    """Return a candle's price or volume, finite, as it is kept."""
    if type(cell) not in (str, int, float):
        raise TypeError(f"a {type(cell).__name__} is no number")
    number = float(parse_decimal(cell) if isinstance(cell, str) else cell)
    if not isfinite(number):
        raise ValueError(f"{cell!r} is not finite")
    return number


def words(text: str) -> str:
    """Return what the exchange says in words, on one line that only shows text."""
    return plain_text(text, length_max=TEXT_MAX)
