"""A strategy's parameters: how they are declared, ranged, and read from a config table.

Law: an unknown key, a wrong type or a value out of range is refused by name, never mended.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar, get_type_hints

from tradebot.errors import ConfigError
from tradebot.words import nearest

if TYPE_CHECKING:
    from tradebot.strategies.base import Strategy

Number = TypeVar("Number", int, float)
Option = TypeVar("Option", bool, str)


@dataclass(frozen=True, slots=True)
class Range:
    """The values a number may take, both ends included; `step` is the grain a search tries."""

    low: float
    high: float
    step: float


@dataclass(frozen=True, slots=True)
class Choices:
    """The only values a parameter may take."""

    options: tuple[bool | str, ...]


def param(default: Number, low: Number, high: Number, step: Number) -> Number:
    """Declare a number of a Params dataclass with its default, range and search step."""
    field: Number = dataclasses.field(
        default=default, metadata={"domain": Range(low=low, high=high, step=step)}
    )
    return field


def choice(default: Option, options: Iterable[Option]) -> Option:
    """Declare a parameter that takes one of `options`."""
    field: Option = dataclasses.field(
        default=default, metadata={"domain": Choices(options=tuple(options))}
    )
    return field


def domains(strategy: "Strategy") -> dict[str, Range | Choices]:
    """Return the range or choices of every parameter that has one, for searches and help."""
    return {
        field.name: field.metadata["domain"]
        for field in dataclasses.fields(strategy.Params)
        if "domain" in field.metadata
    }


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest known word, or an empty string."""
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""


def parse_params(strategy: "Strategy", mapping: Mapping[str, object]) -> object:
    """Return the strategy's frozen Params read from a config table; absent keys keep defaults.

    A field of a shape of its own has `parse(where, raw)` in its metadata to read it with.
    Raises ConfigError naming strategy, key, value and bound.
    """
    hints = get_type_hints(strategy.Params)
    fields = {field.name: field for field in dataclasses.fields(strategy.Params)}
    values: dict[str, object] = {}
    for key, raw in mapping.items():
        where = f"{strategy.name}: {key}"
        if key not in fields:
            raise ConfigError(
                f"{strategy.name}: unknown parameter {key!r}{did_you_mean(key, fields)}",
                hint=f"{strategy.name} takes: {', '.join(fields) or 'no parameters'}",
            )
        metadata = fields[key].metadata
        if "parse" in metadata:
            values[key] = metadata["parse"](where, raw)
            continue
        value = _typed(where, raw, hints[key])
        if "domain" in metadata:
            _check_domain(where, value, metadata["domain"])
        values[key] = value
    try:
        return strategy.Params(**values)
    except (ValueError, TypeError) as error:
        # Params check in __post_init__ what one value alone cannot show (fast below slow).
        raise ConfigError(f"{strategy.name}: {error}") from error


def read_number(where: str, raw: object, bounds: Range) -> float:
    """Return `raw` as a float inside `bounds`. Raises ConfigError that starts with `where`."""
    value = _float(where, raw)
    _check_domain(where, value, bounds)
    return value


def _typed(where: str, raw: object, kind: type) -> object:
    if kind is int:
        return _int(where, raw)
    if kind is float:
        return _float(where, raw)
    if not isinstance(raw, kind):
        raise ConfigError(f"{where} = {raw!r} must be {_KIND_NAMES.get(kind, kind.__name__)}")
    return raw


def _int(where: str, raw: object) -> int:
    # bool is an int to Python; `period = true` is a slip of the pen, not a 1.
    if not isinstance(raw, bool):
        if isinstance(raw, int):
            return raw
        if isinstance(raw, float | Decimal) and _float(where, raw).is_integer():
            return int(raw)
    raise ConfigError(f"{where} = {_shown(raw)} must be a whole number")


def _float(where: str, raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        raise ConfigError(f"{where} = {_shown(raw)} must be a number")
    value = float(raw)
    if not math.isfinite(value):
        raise ConfigError(f"{where} = {raw} must be a finite number")
    return value


def _check_domain(where: str, value: object, domain: Range | Choices) -> None:
    if isinstance(domain, Choices):
        if value not in domain.options:
            known = [str(option) for option in domain.options]
            raise ConfigError(
                f"{where} = {value!r} is none of {', '.join(known)}"
                f"{did_you_mean(str(value), known)}"
            )
        return
    assert isinstance(value, int | float), f"{where}: a range on {value!r}"
    if value < domain.low:
        raise ConfigError(f"{where} = {value:g} is below the minimum {domain.low:g}")
    if value > domain.high:
        raise ConfigError(f"{where} = {value:g} is above the maximum {domain.high:g}")


def _shown(raw: object) -> str:
    return str(raw) if isinstance(raw, Decimal) else repr(raw)


_KIND_NAMES: dict[type, str] = {bool: "true or false", str: "a text in quotes"}
