"""One table of a fault file: typed values out, and a line for everything that is wrong with it.

Law: a wrong value is written down and replaced by nothing; whoever reads the file then refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from tradebot.errors import UsageError
from tradebot.model.money import PPM, plain, to_ppm, to_units
from tradebot.model.timeframe import DAY_MS, parse_time
from tradebot.words import nearest

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": DAY_MS}
_DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d)", re.ASCII)
# As long as the longest ban. Source: Binance spot API, "IP Limits".
DURATION_MS_MAX = 3 * DAY_MS
_AMOUNT_MAX = 10**12
_TIME_WORDS = 'write it as "90m" after the start, or as 2024-01-01T04:00:00Z'


class Place(NamedTuple):
    """Where a table stands in the file: its name, and which of that name it is."""

    name: str = ""
    number: int = 1


TOP = Place()


class Table:
    """Values of one table; `problems` collects what is wrong."""

    def __init__(
        self,
        values: Mapping[str, object],
        file: str,
        text: str,
        problems: list[str],
        place: Place = TOP,
    ) -> None:
        self._values = dict(values)
        self._file, self._text, self._place = file, text, place
        self._problems = problems

    # --- problems -------------------------------------------------------------------------------

    def problem(self, key: str, message: str) -> None:
        """Write down what is wrong with a key."""
        line = _line(self._text, self._place, key)
        name = f"{self._place.name}.{key}" if self._place.name else key
        self._problems.append(f"{self._file}:{line}: {name}: {message}")

    def _wrong(self, key: str, message: str) -> None:
        self.problem(key, f"{message} (got {_shown(self._values[key])})")

    def check_known(self, known: Collection[str]) -> None:
        """Refuse keys that are not in `known`, and forget them."""
        for key in [key for key in self._values if key not in known]:
            self.problem(key, f"unknown key{_closest(key, known)}")
            del self._values[key]

    def need(self, keys: Iterable[str]) -> None:
        """Refuse a table that lacks one of `keys`."""
        for key in keys:
            if key not in self._values:
                fault = self._values.get("fault")
                self.problem(key, f"is missing{f': {fault!r} needs it' if fault else ''}")

    # --- values: empty where the key is not there, or is wrong ----------------------------------

    @property
    def keys(self) -> frozenset[str]:
        """The keys that are there."""
        return frozenset(self._values)

    def has(self, key: str) -> bool:
        """Return whether the key is there."""
        return key in self._values

    def tables(self, key: str) -> Iterator[Table]:
        """Yield the tables of a list of tables."""
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            self.problem(key, f"this is a list of tables: write [[{key}]] above each")
            return
        for number, each in enumerate(value, start=1):
            yield Table(each, self._file, self._text, self._problems, Place(key, number))

    def table(self, key: str) -> Table | None:
        """Return a table; None where it is not there."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.problem(key, f"this is a table: write its keys under [{key}]")
            return None
        return Table(value, self._file, self._text, self._problems, Place(key))

    def choice(self, key: str, choices: Iterable[str]) -> str:
        """Return one of `choices`."""
        value = self._values.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            self._wrong(key, 'this is text: write it in quotes, "so"')
            return ""
        known = list(choices)
        if value not in known:
            self._wrong(key, f"is not one of {', '.join(known)}{_closest(value, known)}")
            return ""
        return value

    def flag(self, key: str) -> bool:
        """Return true or false; true where the key is not there."""
        value = self._values.get(key, True)
        if not isinstance(value, bool):
            self._wrong(key, "this is true or false, without quotes")
            return True
        return value

    def whole(self, key: str, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        value = self._values.get(key)
        if value is None:
            return low
        if not isinstance(value, int) or isinstance(value, bool):
            self._wrong(key, "this is a whole number: write it without quotes")
        elif not low <= value <= high:
            self._wrong(key, f"is not from {low} to {high}")
        else:
            return value
        return low

    def duration(self, key: str) -> int:
        """Return a length of time in milliseconds; 0 where the key is not there."""
        return self.whole(key, 1, DURATION_MS_MAX) if key in self._values else 0

    def hits(self, key: str) -> frozenset[int]:
        """Return the numbers of the requests that are hit; none of them is every one."""
        value = self._values.get(key, "every")
        if value == "every":
            return frozenset()
        numbers = value if isinstance(value, list) else [value]
        if not numbers or not all(type(each) is int and each >= 1 for each in numbers):
            self._wrong(key, 'is not "every", a number from 1, or a list of them')
            return frozenset()
        return frozenset(numbers)

    def fraction(self, key: str) -> int:
        """Return a fraction from 0 to 1 in parts per million."""
        return self.number_ppm(key, 1)

    def number_ppm(self, key: str, maximum: int) -> int:
        """Return a number from 0 to `maximum` in millionths."""
        value = self._values[key]
        if not isinstance(value, (int, Decimal)) or isinstance(value, bool):
            self._wrong(key, "this is a number: write it without quotes, as 0.1")
            return 0
        number = Decimal(value)
        if not number.is_finite() or not 0 <= number <= maximum:
            self._wrong(key, f"is not from 0 to {maximum}")
            return 0
        try:
            return to_ppm(number)
        except ValueError:
            self._wrong(key, "has more than 6 decimals")
            return 0

    def pieces(self, key: str) -> tuple[int, ...]:
        """Return parts of an order in parts per million, together at most the whole of it."""
        value = self._values.get(key)
        if value is None:
            return ()
        items = value if isinstance(value, list) else []
        parts = tuple(ppm for each in items if (ppm := _part_ppm(each)))
        if not parts or len(parts) < len(items) or sum(parts) > PPM or parts == (PPM,):
            self._wrong(key, "is no list of parts above 0, together at most 1, as [0.3, 0.2]")
            return ()
        return parts

    def amount(self, key: str, decimals: int) -> int:
        """Return an amount, which may be below 0, in units of 10**-decimals."""
        value = self._values.get(key, 0)
        if not isinstance(value, (int, Decimal)) or isinstance(value, bool):
            self._wrong(key, "this is a number: write it without quotes, as -0.1")
            return 0
        number = Decimal(value)
        if not number.is_finite() or abs(number) >= _AMOUNT_MAX:
            self._wrong(key, "is no amount that an account can have")
            return 0
        try:
            return to_units(number, decimals)
        except ValueError:
            self._wrong(key, f"has more than the coin's {decimals} decimals")
            return 0

    def time(self, key: str, start: int, default: int) -> int:
        """Return a moment in UTC milliseconds: after the sandbox's `start`, or absolute."""
        value = self._values.get(key)
        if value is None:
            return default
        if isinstance(value, str) and (found := _DURATION.fullmatch(value)):
            return start + int(found[1]) * _UNITS_MS[found[2]]
        if isinstance(value, (str, date)):
            try:
                # TOML's own times are datetimes, which are dates.
                return parse_time(value if isinstance(value, str) else value.isoformat())
            except UsageError:
                pass
        self._wrong(key, f"this is no time: {_TIME_WORDS}")
        return default


def _shown(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, Decimal) and value.is_finite():
        return plain(value)
    return str(value)


def _part_ppm(value: object) -> int:
    """Return a fraction above 0 in parts per million; 0 where it is none."""
    if not isinstance(value, (int, Decimal)) or isinstance(value, bool):
        return 0
    number = Decimal(value)
    try:
        return to_ppm(number) if number.is_finite() and 0 < number <= 1 else 0
    except ValueError:
        return 0


def _closest(word: str, known: Iterable[str]) -> str:
    found = nearest(word, known)
    return f" - did you mean '{found}'?" if found else ""


def _line(text: str, place: Place, key: str) -> int:
    """Return the line on which a key is set, or its table begins."""
    table, seen, found = "", 0, 1
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([\w.-]+)\s*\]+", line)
        if header:
            table = header[1]
            seen += table == place.name
            if table == key and not place.name:
                return number
        is_here = table == place.name and (seen == place.number or not place.name)
        if header and is_here:
            found = number
        setting = re.match(r"""\s*["']?([\w-]+)["']?\s*=""", line)
        if setting and setting[1] == key and is_here:
            return number
    return found
