"""Events to JSON text and back, exactly: Decimals as plain strings, no float anywhere.

Law: `decode(kind, encode(event)) == event` for every kind, for ever.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any, cast

from tradebot.model.event import KIND_OF, KINDS, Event
from tradebot.model.money import parse_decimal, plain

Convert = Callable[[Any], Any]


def encode(event: Event) -> str:
    """Return the event's fields as canonical JSON: sorted keys, no spaces, no floats, ASCII."""
    # ASCII, because an exchange's message may hold lone surrogates, which no disk takes as UTF-8.
    return json.dumps(_plain(event), sort_keys=True, separators=(",", ":"))


def decode(kind: str, text: str) -> Event:
    """Return the event that `encode` wrote. Raises ValueError for an unknown kind or a bad body."""
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise ValueError(f"unknown event kind {kind!r}")
    try:
        return cast(Event, decoder(json.loads(text)))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"event {kind}: {error}") from error


def kind_of(event: Event) -> str:
    """Return the name under which the journal files this event."""
    return KIND_OF[type(event)]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not finite: it cannot be journalled")
        return plain(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        return {
            item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)
        }
    raise TypeError(f"{type(value).__name__} cannot be journalled")


def _converter(hint: Any) -> Convert:
    """Return the function that turns JSON into `hint`.

    Raises TypeError for a type we never journal.
    """
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        inner = _converter(next(arg for arg in typing.get_args(hint) if arg is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        item = _converter(typing.get_args(hint)[0])
        return lambda value: tuple(item(each) for each in value)
    if origin is dict:
        item = _converter(typing.get_args(hint)[1])
        return lambda value: {key: item(each) for key, each in value.items()}
    if hint is Decimal:
        text = _checked(str)  # A JSON number has been a float: its digits are not to be trusted.
        return lambda value: parse_decimal(text(value))
    if hint in (int, bool, str):
        return _checked(hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    if dataclasses.is_dataclass(hint):
        return _dataclass_decoder(cast(type, hint))
    raise TypeError(f"no codec for {hint!r}")


def _checked(wanted: type) -> Convert:
    def check(value: Any) -> Any:
        if type(value) is not wanted:
            raise TypeError(f"{value!r} is not {wanted.__name__}")
        return value

    return check


def _dataclass_decoder(cls: type) -> Convert:
    hints = typing.get_type_hints(cls)
    converters = {item.name: _converter(hints[item.name]) for item in dataclasses.fields(cls)}

    def decoder(fields: dict[str, Any]) -> Any:
        return cls(**{name: converters[name](value) for name, value in fields.items()})

    return decoder


_DECODERS: dict[str, Convert] = {kind: _dataclass_decoder(cls) for kind, cls in KINDS.items()}
