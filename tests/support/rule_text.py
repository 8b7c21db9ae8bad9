"""Every rule of `engine/rules`: found, compiled with numba, and run on integers of 64 bits.

A rule that is added is found by itself. Arguments are drawn by their names: money and quantities up
to what 64 bits hold, fractions up to ten times the whole, divisors from one.
"""

import importlib
import inspect
import pkgutil
import random
import types
from collections.abc import Callable
from functools import cache
from typing import Any

import numba

from tradebot.engine import rules

Rule = Callable[..., int]
INT64_MAX = 2**63 - 1
EDGES = (0, 1, 2, 999_999, 1_000_000, 1_000_001, 2**31, 2**32, 2**53, 2**62, INT64_MAX)
DIVISORS = frozenset({"lot", "lot_cash", "tick", "unit", "price"})


def all_rules() -> list[Rule]:
    """Return every function that a module of `engine/rules` defines."""
    found: list[Rule] = []
    for info in pkgutil.walk_packages(rules.__path__, f"{rules.__name__}."):
        module = importlib.import_module(info.name)
        found += [
            item
            for item in vars(module).values()
            if inspect.isfunction(item) and item.__module__ == info.name
        ]
    return found


@cache
def compiled(rule: Rule) -> Rule:
    """Return the same text compiled, with the rules that it calls compiled too."""
    assert isinstance(rule, types.FunctionType)
    names: dict[str, Any] = {
        name: compiled(value) if _is_rule(value) else value
        for name, value in rule.__globals__.items()
        if name in rule.__code__.co_names
    }
    clone = types.FunctionType(rule.__code__, names, rule.__name__, rule.__defaults__)
    made: Rule = numba.njit(clone)
    return made


def _is_rule(value: Any) -> bool:
    return inspect.isfunction(value) and value.__module__.startswith(f"{rules.__name__}.")


def draw(rule: Rule, rng: random.Random) -> tuple[int, ...]:
    """Return random arguments of a rule: mostly of a trade's size, sometimes edges."""
    return tuple(_argument(name, rng) for name in inspect.signature(rule).parameters)


def _argument(name: str, rng: random.Random) -> int:
    lowest = 1 if name in DIVISORS else 0
    if rng.random() < 0.1:
        return max(lowest, rng.choice(EDGES))
    if name.endswith("_ppm"):
        return rng.choice((rng.randint(0, 1_000_000), rng.randint(0, 100_000), 10_000_000))
    # Even in orders of magnitude: small numbers meet the roundings, large ones the bounds.
    return max(lowest, rng.randint(0, 2 ** rng.randint(1, 62)))


class Int64(int):
    """An integer that raises OverflowError where 64 bits would wrap around."""

    def _checked(self, value: Any) -> "Int64":
        if abs(value) > INT64_MAX:
            raise OverflowError(value)
        return Int64(value)

    def __add__(self, other: int) -> "Int64":
        """Return the sum."""
        return self._checked(int(self) + int(other))

    def __radd__(self, other: int) -> "Int64":
        """Return the sum."""
        return self + other

    def __sub__(self, other: int) -> "Int64":
        """Return the difference."""
        return self._checked(int(self) - int(other))

    def __rsub__(self, other: int) -> "Int64":
        """Return the difference."""
        return self._checked(int(other) - int(self))

    def __mul__(self, other: int) -> "Int64":
        """Return the product."""
        return self._checked(int(self) * int(other))

    def __rmul__(self, other: int) -> "Int64":
        """Return the product."""
        return self * other

    def __floordiv__(self, other: int) -> "Int64":
        """Return the floored quotient."""
        return self._checked(int(self) // int(other))

    def __mod__(self, other: int) -> "Int64":
        """Return the rest."""
        return self._checked(int(self) % int(other))


def fits(rule: Rule, arguments: tuple[int, ...]) -> bool:
    """Return whether no step of the rule leaves 64 bits, and none divides by nothing."""
    try:
        rule(*map(Int64, arguments))
    except (OverflowError, ZeroDivisionError):
        return False
    return True
