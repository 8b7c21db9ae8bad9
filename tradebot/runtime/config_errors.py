"""Configuration errors for people: file, line, key, what is wrong, and what was probably meant."""

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from tradebot.errors import ConfigError
from tradebot.runtime.config_rules import NO_NUMBER
from tradebot.words import nearest

_BITS_MAX = 64
# What the library's words for a wrong type would make a person guess at.
_WORDS = {
    "model_type": "this is a table: write its keys under [its name]",
    "dict_type": "this is a table: write its keys under [its name]",
    "tuple_type": 'this is a list: write it as ["one", "two"]',
    "string_type": 'this is text: write it in quotes, "so"',
    "path_type": 'this is a path: write it in quotes, "so"',
    "decimal_parsing": NO_NUMBER.format("0.1"),
    "decimal_type": NO_NUMBER.format("0.1"),
    "too_short": "this list is empty: name at least one",
}


def explain(
    error: ValidationError,
    *,
    file: Path,
    text: str,
    model: type[BaseModel],
    overridden: Collection[str] = (),
) -> ConfigError:
    """Return one ConfigError that names every problem, each with its line.

    `overridden` are the keys that the command line set, such as `bot.markets`.
    """
    lines = [_problem(each, file, text, model, overridden) for each in error.errors()]
    count = f"{len(lines)} problem{'s' if len(lines) > 1 else ''}"
    return ConfigError("\n".join(lines), hint=f"{count}; config.example.toml lists every key")


def _problem(
    error: Any, file: Path, text: str, model: type[BaseModel], overridden: Collection[str]
) -> str:
    # An item of a list stands where its list stands.
    path = [part for part in error["loc"] if isinstance(part, str)]
    key = ".".join(path)
    number = _line(text, path)
    where = f"{file}:{number}" if number else str(file)
    if key in overridden:
        where = "the command line"
    if error["type"] == "extra_forbidden":
        return f"{where}: {key}: unknown key{_suggestion(path, model)}"
    message = _WORDS.get(error["type"], error["msg"].removeprefix("Value error, "))
    choices = error.get("ctx", {}).get("expected", "")
    if error["type"] in ("literal_error", "enum"):
        message += _closest(str(error["input"]), re.findall(r"'([^']+)'", choices))
    return f"{where}: {key or 'config'}: {message}{_shown(error['input'])}"


def _shown(value: object) -> str:
    """Return in brackets what was set, where that is one value."""
    if isinstance(value, int) and value.bit_length() > _BITS_MAX:
        return " (got a number of too many digits)"  # Which the interpreter refuses to print.
    return f" (got {value})" if isinstance(value, (str, int, float)) or _is_number(value) else ""


def _is_number(value: object) -> bool:
    return type(value).__name__ == "Decimal"


def _suggestion(path: list[str], model: type[BaseModel]) -> str:
    """Return ` - did you mean 'x'?` from the keys that the section has."""
    for part in path[:-1]:
        field = model.model_fields.get(part)
        annotation = None if field is None else field.annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return ""
        model = annotation
    return _closest(path[-1], model.model_fields)


def _closest(word: str, choices: Iterable[str]) -> str:
    found = nearest(word, choices)
    return f" - did you mean '{found}'?" if found else ""


def _line(text: str, path: list[str]) -> int:
    """Return the line on which `path` is set, or its table begins.

    0 where the file does not say.
    """
    table, found = "", 0
    wanted_table, wanted_key = ".".join(path[:-1]), path[-1] if path else ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line)
        if header:
            table = header[1].replace('"', "").replace(" ", "")
            if table == ".".join(path):
                return number
            if table == wanted_table and not found:
                found = number
            continue
        key = re.match(r"""\s*["']?([\w-]+)["']?\s*=""", line)
        if key and key[1] == wanted_key and table == wanted_table:
            return number
    return found
