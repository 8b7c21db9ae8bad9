"""A size worked out anew from what the journal keeps of it, in exact fractions."""

from collections.abc import Mapping
from fractions import Fraction
from math import ceil, floor

from tradebot.model.market import Market


def recomputed(size: Mapping[str, str], market: Market) -> dict[str, Fraction]:
    """Return what was wanted, what room there was for it, and what came of it."""
    told = {key: Fraction(text) for key, text in size.items() if key not in _WORDS}
    step = Fraction(market.step)

    def whole(amount: Fraction) -> Fraction:
        return floor(amount / step) * step

    wanted = whole(_lost_or_spent(size["method"], told, market))
    asked = whole(wanted * told["exposure"])
    room = told["room"]
    assert (size["capped_by"] != "") == (room < asked), size
    return {"wanted": wanted, "quantity": min(asked, room)}


_WORDS = frozenset({"method", "capped_by"})


def _lost_or_spent(method: str, told: Mapping[str, Fraction], market: Market) -> Fraction:
    """Return how much the method asks for, before it is cut to whole lots."""
    if method == "fraction":
        return told["equity"] * told["fraction"] / told["price"]
    risk = told["equity"] * told["risk_fraction"]
    if method == "risk":
        return risk / (told["price"] - told["stop"])
    unit = Fraction(1, 10 ** max(0, -market.tick.normalize().as_tuple().exponent))  # type: ignore[operator]  # it is finite
    distance = ceil(told["mean_range"] * told["range_multiple"] / unit) * unit
    return risk / min(distance, told["price"]) if distance else Fraction(0)
