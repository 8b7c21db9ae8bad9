"""Random events of every kind, built from their own field types; only values that can occur."""

import dataclasses
import types
import typing
from decimal import Decimal
from enum import StrEnum
from typing import Any

from hypothesis import strategies as st

from tradebot.model.event import KINDS, Event

# All characters, lone surrogates included: an exchange may answer anything.
TEXTS = st.text(st.characters(codec=None), max_size=20)
DECIMALS = st.builds(
    lambda units, exponent: Decimal((units < 0, tuple(map(int, str(abs(units)))), exponent)),
    st.integers(-(10**30), 10**30),
    st.integers(-18, 3),
)
POSITIVE = st.integers(1, 10**9).map(lambda units: Decimal(units).scaleb(-4))


def events(kind: str) -> st.SearchStrategy[Event]:
    """Return random events of one kind."""
    return _of(KINDS[kind])


def any_events() -> st.SearchStrategy[Event]:
    """Return random events of all kinds."""
    return st.one_of([events(kind) for kind in sorted(KINDS)])


def _of(hint: Any) -> st.SearchStrategy[Any]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([st.none() if arg is types.NoneType else _of(arg) for arg in args])
    if origin is tuple:
        return st.lists(_of(args[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(TEXTS, _of(args[1]), max_size=3)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(hint)
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        fields = {item.name: _of(hints[item.name]) for item in dataclasses.fields(hint)}
        # A market without tick or step cannot be.
        fields.update({name: POSITIVE for name in fields if name in ("tick", "step")})
        return st.builds(typing.cast(Any, hint), **fields)
    return {
        int: st.integers(-(2**63), 2**63 - 1),
        bool: st.booleans(),
        str: TEXTS,
        Decimal: DECIMALS,
    }[hint]
