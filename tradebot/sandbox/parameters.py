"""What a request says, read as strictly as Binance does: unknown, missing or malformed is refused.

Law: no parameter is ever ignored: the caller would believe it was obeyed.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal
from urllib.parse import parse_qsl

from tradebot.sandbox.listing import SandboxRejection

AMOUNT = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
CLIENT_ID = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
SYMBOL = r"^[A-Z0-9-_.]{1,20}$"
INTEGER = r"^[0-9]{1,20}$"
LIMIT_MAX = 1000


class Parameters:
    """The parameters of one request; every getter raises SandboxRejection with Binance's code."""

    def __init__(self, encoded: str) -> None:
        sent = parse_qsl(encoded, keep_blank_values=True)
        self._values = dict(sent)
        if len(self._values) < len(sent):
            raise SandboxRejection(-1101, "Duplicate values for a parameter detected.")

    def check_known(self, names: Collection[str]) -> None:
        """Refuse a parameter that is not one of `names`, and one that is there but empty."""
        known = sum(name in names for name in self._values)
        if known < len(self._values):
            raise SandboxRejection(
                -1104,
                f"Not all sent parameters were read; read '{known}' parameter(s) "
                f"but was sent '{len(self._values)}'.",
            )
        for name, value in self._values.items():
            if value == "":
                raise SandboxRejection(-1105, f"Parameter '{name}' was empty.")

    def has(self, name: str) -> bool:
        """Return whether the parameter was sent."""
        return name in self._values

    def sent(self, *names: str) -> list[str]:
        """Return the values of those of `names` that were sent."""
        return [self._values[name] for name in names if name in self._values]

    def text(self, name: str) -> str:
        """Return a parameter that must be there."""
        value = self._values.get(name)
        if not value:
            raise SandboxRejection(
                -1102,
                f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.",
            )
        return value

    def matching(self, name: str, pattern: str) -> str:
        """Return a parameter that must be there and match."""
        value = self.text(name)
        if re.fullmatch(pattern, value, re.ASCII) is None:
            raise SandboxRejection(
                -1100,
                f"Illegal characters found in parameter '{name}'; legal range is '{pattern}'.",
            )
        return value

    def integer(self, name: str) -> int:
        """Return a whole number that must be there."""
        return int(self.matching(name, INTEGER))

    def integer_or_none(self, name: str) -> int | None:
        """Return a whole number where one was sent."""
        return self.integer(name) if self.has(name) else None

    def limit(self, default: int = 500, maximum: int = LIMIT_MAX) -> int:
        """Return how many items are asked for, at most `maximum`."""
        limit = self.integer_or_none("limit")
        if limit is None:
            return default
        if limit < 1:
            raise SandboxRejection(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(limit, maximum)

    def amount(self, name: str, decimals: int) -> Decimal:
        """Return an amount of at most `decimals` decimals that must be there."""
        value = Decimal(self.matching(name, AMOUNT))
        # Zeros at the end say nothing; anything else finer than the asset cannot be kept.
        if value != 0 and -int(value.normalize().as_tuple().exponent) > decimals:
            raise SandboxRejection(-1111, f"Parameter '{name}' has too much precision.")
        return value

    def client_id(self, name: str, default: str) -> str:
        """Return a client id where one was sent, else `default`."""
        return self.matching(name, CLIENT_ID) if self.has(name) else default

    def one_of(self, name: str, choices: Collection[str], code: int, message: str) -> str:
        """Return a parameter that must be there and be one of `choices`."""
        value = self.text(name)
        if value not in choices:
            raise SandboxRejection(code, message)
        return value

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """Return one of `choices` where it was sent, else `default`."""
        if not self.has(name):
            return default
        message = f"Data sent for parameter '{name}' is not valid."
        return self.one_of(name, choices, -1130, message)

    def refuse(self, *names: str) -> None:
        """Refuse parameters that this kind of order does not take."""
        for name in names:
            if self.has(name):
                raise SandboxRejection(-1106, f"Parameter '{name}' sent when not required.")
