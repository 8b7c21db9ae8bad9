"""Hold config.example.toml to the code: keys, defaults, bounds and choices, and no more."""

import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tests.tidy.rule import ROOT
from tradebot.model.money import plain
from tradebot.runtime.config import Config, load_config

EXAMPLE = ROOT / "config.example.toml"
_BOUNDS = ("ge", "gt", "le", "lt", "min_length", "max_length")


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every key of the configuration that holds a value, with its table: `bot.name`."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields(kind, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def written(values: dict[str, Any], known: set[str], prefix: str = "") -> Iterator[str]:
    """Yield every key of a file; a table that is itself a value, such as exchange.ccxt, is one."""
    for name, value in values.items():
        key = prefix + name
        if isinstance(value, dict) and key not in known:
            yield from written(value, known, f"{key}.")
        else:
            yield key


def comments(text: str) -> dict[str, str]:
    """Return what stands in the comment lines just above every key and table."""
    found: dict[str, str] = {}
    table, above = "", ""
    for line in text.splitlines():
        header, key = re.match(r"\[(.+)\]", line), re.match(r"(\w+)\s*=", line)
        if line.startswith("#"):
            above += line.lstrip("# ") + "\n"
            continue
        if header:
            table = header[1]
            found[table] = above
        elif key:
            found[f"{table}.{key[1]}"] = above
        above = ""
    return found


def needed_words(field: FieldInfo) -> set[str]:
    """Return what a comment must name: the bounds and the choices of its key."""
    bounds = {
        plain(Decimal(value))
        for each in field.metadata
        for name in _BOUNDS
        if (value := getattr(each, name, None)) is not None
    }
    return bounds | set(_choices(field.annotation))


def _choices(hint: Any) -> Iterator[str]:
    if get_origin(hint) is Literal:
        yield from (f'"{each}"' for each in get_args(hint))
    elif isinstance(hint, type) and issubclass(hint, Enum):
        yield from (f'"{each.value}"' for each in hint)
    else:
        for each in get_args(hint):
            yield from _choices(each)


FIELDS = dict(fields(Config))


def test_the_example_is_the_defaults() -> None:
    example, code = load_config(EXAMPLE).model_dump(), Config().model_dump()
    # Relative to the file's own folder.
    code["paths"] = {name: EXAMPLE.parent / path for name, path in code["paths"].items()}
    for section, values in code.items():
        assert example[section] == values, f"[{section}] of {EXAMPLE.name} differs from the code"


def test_every_key_is_in_the_example_and_nothing_more() -> None:
    values = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    keys = set(written(values, set(FIELDS)))
    assert FIELDS.keys() - keys == set(), f"add them to {EXAMPLE.name}, with a comment"
    assert keys - FIELDS.keys() == set(), f"no such key in the code: drop it from {EXAMPLE.name}"


@pytest.mark.parametrize("key", FIELDS)
def test_a_key_has_a_comment_with_its_bounds_and_choices(key: str) -> None:
    comment = comments(EXAMPLE.read_text(encoding="utf-8")).get(key, "")
    assert len(comment) > 20, f"{key}: say above it what it means and in which unit"
    words = re.findall(r'"[^"]*"|-?[\d.,]*\d', comment)
    named = {word.replace(",", "") for word in words}
    missing = needed_words(FIELDS[key]) - named
    assert not missing, f"{key}: the comment does not name {sorted(missing)}"


def test_a_comment_belongs_to_the_key_under_it() -> None:
    text = "# Head.\n\n# One.\n# Two.\n[a]\nb = 1\n# Three.\nc = 2\n"
    assert comments(text) == {"a": "One.\nTwo.\n", "a.b": "", "a.c": "Three.\n"}


def test_bounds_and_choices_are_found_in_the_code() -> None:
    assert needed_words(FIELDS["risk.open_positions_max"]) == {"1", "200"}
    assert needed_words(FIELDS["risk.order_notional_max"]) == {"0", str(10**15)}
    assert needed_words(FIELDS["sizing.method"]) == {'"risk"', '"volatility"', '"fraction"'}
    assert needed_words(FIELDS["alerts.channels"]) >= {'"slack"', '"email"'}
