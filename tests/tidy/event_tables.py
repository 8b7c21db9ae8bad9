"""The tables of docs/events.md, made from the code; run as a module, it writes them anew."""

import dataclasses
import inspect
import types
import typing
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from tests.tidy.rule import ROOT
from tradebot.model.event import KINDS
from tradebot.model.market import Market
from tradebot.model.order import Fill

FILE = ROOT / "docs" / "events.md"
# All that follows this line is made.
MARK = "writes them anew. -->\n"

_NAMES = {int: "int", str: "text", bool: "bool", Decimal: "decimal"}
_VALUES = {"market": Market, "fill": Fill}


def tables() -> str:
    """Return every event kind, and the values inside events, as Markdown tables."""
    return f"{_table('kind', KINDS)}\nValues inside events:\n{_table('value', _VALUES)}"


def _table(title: str, rows: Mapping[str, type]) -> str:
    lines = [f"| {title} | meaning | fields |", "|---|---|---|"]
    for name, cls in rows.items():
        lines.append(f"| `{name}` | {_meaning(cls)} | {_fields(cls)} |")
    return "\n" + "\n".join(lines) + "\n"


def _meaning(cls: type) -> str:
    """Return the first paragraph of the docstring, on one line."""
    return " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split())


def _fields(cls: type) -> str:
    hints = typing.get_type_hints(cls)
    missing = dataclasses.MISSING
    shown = []
    for item in dataclasses.fields(cls):
        text = f"`{item.name}` {_type(hints[item.name])}"
        has_default = item.default is not missing or item.default_factory is not missing
        shown.append(f"[{text}]" if has_default else text)
    return ", ".join(shown)


def _type(hint: object) -> str:
    """Return how a field is written in JSON."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(each) for each in arguments)
    if origin is dict:
        return f"{_type(arguments[1])} by name"
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if hint is types.NoneType:
        return "null"
    for name, cls in _VALUES.items():
        if hint is cls:
            return name
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return " / ".join(each.value for each in hint)
    assert isinstance(hint, type), hint
    return _NAMES[hint]


if __name__ == "__main__":
    head, mark, _ = FILE.read_text(encoding="utf-8").partition(MARK)
    FILE.write_text(head + mark + tables(), encoding="utf-8")
