"""What is to go wrong in the sandbox: scripted faults, random ones, and how chance is drawn.

Law: a draw follows from the seed and its own name alone, on every machine; no fault shifts
another's draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from tradebot.sandbox.endpoints import ENDPOINTS, PLACING

FOREVER = 2**62

ANY = frozenset(f"{method} {name}" for method, name in ENDPOINTS)
PLACED = frozenset(f"POST {name}" for name in PLACING)
CHANGING = frozenset(name for name in ANY if not name.startswith("GET "))
SIGNED = frozenset(f"{method} {name}" for (method, name), it in ENDPOINTS.items() if it.is_signed)
LAGGING = SIGNED - CHANGING - {"GET account/commission"}

INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
FILTERS = (
    "PRICE_FILTER",
    "LOT_SIZE",
    "MIN_NOTIONAL",
    "NOTIONAL",
    "MAX_NUM_ORDERS",
    "MAX_NUM_ALGO_ORDERS",
    "PERCENT_PRICE_BY_SIDE",
    "MARKET_LOT_SIZE",
    INSUFFICIENT_BALANCE,
)
ERRORS = ("503", "500", "502", "504")
OUTAGES = ("drop", "502", "503")
VANISHING = ("oldest", "newest", "all")
# How a market stops: it stands still, or it is listed no longer.
DELISTED = ("break", "absent")


class Kind(NamedTuple):
    """What a scripted fault must and may say besides its time, and which requests it can befall."""

    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    befalls: frozenset[str] = frozenset()


# Every fault of a request, in the order in which chance tries them: the first that hits is the one.
REQUEST_KINDS: Mapping[str, Kind] = {
    "drop_before": Kind(befalls=ANY),
    "drop_after": Kind(befalls=ANY),
    "late": Kind(("late_ms",), befalls=CHANGING),
    "delay": Kind(("delay_ms",), befalls=ANY),
    "lag": Kind(("lag_ms",), befalls=LAGGING),
    "error_before": Kind(optional=("answer",), befalls=ANY),
    "error_after": Kind(optional=("answer",), befalls=ANY),
    "limit": Kind(("retry_after_ms",), befalls=ANY),
    "ban": Kind(("ban_ms",), befalls=ANY),
    "skew": Kind(befalls=SIGNED),
    "garbage": Kind(optional=("executed",), befalls=ANY),
    "truncated": Kind(befalls=ANY),
    "empty": Kind(optional=("executed",), befalls=ANY),
    "filter": Kind(("filter",), befalls=PLACED),
}
# What becomes of the orders that a request places, whatever its client hears of it.
ORDER_KINDS: Mapping[str, Kind] = {"partial": Kind(optional=("pieces",), befalls=PLACED)}
# What happens to the account from outside: just before a request, or at a time.
EVENT_KINDS: Mapping[str, Kind] = {
    "vanish": Kind(optional=("orders",), befalls=ANY),
    "balance": Kind(("asset", "change"), befalls=ANY),
}
# What is so for a while, whatever is asked.
SPAN_KINDS: Mapping[str, Kind] = {
    "outage": Kind(("until",), ("answer",)),
    "delist": Kind(("symbol",), ("how",)),
    "candle_gap": Kind(("at", "until"), ("symbol",)),
    "candle_late": Kind(("late_ms",), ("symbol",)),
}
KINDS: Mapping[str, Kind] = {**REQUEST_KINDS, **ORDER_KINDS, **EVENT_KINDS, **SPAN_KINDS}

RATES = (*REQUEST_KINDS, *ORDER_KINDS, "candle_gap", "candle_late")
PER_DAY: Mapping[str, str] = {
    "outages_per_day": "outage",
    "vanishings_per_day": "vanish",
    "balance_changes_per_day": "balance",
    "delistings_per_day": "delist",
}


class Period(NamedTuple):
    """From one time of the sandbox to another, which is no longer in it."""

    start: int = 0
    end: int = FOREVER

    def covers(self, time: int) -> bool:
        """Return whether `time` is in it."""
        return self.start <= time < self.end


ALWAYS = Period()


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """How a fault happens; each holds only what its kind says, the rest stays empty."""

    delay_ms: int = 0
    late_ms: int = 0
    lag_ms: int = 0
    retry_after_ms: int = 0
    ban_ms: int = 0
    answer: str = ""
    is_executed: bool = True
    pieces: tuple[int, ...] = ()
    filter: str = ""
    orders: str = ""
    asset: str = ""
    change: int = 0
    symbol: str = ""
    how: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One fault in a known place: on hits of a request where it `is_asked`, else by time alone.

    `request` "" is any that the fault can befall; `hits` empty is every hit.
    """

    fault: str
    is_asked: bool = True
    request: str = ""
    hits: frozenset[int] = frozenset()
    period: Period = ALWAYS
    details: Details = Details()


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomFaults:
    """Faults by chance: parts per million of the requests or candles, and millionths a day."""

    seed: int
    period: Period = ALWAYS
    rates: Mapping[str, int] = field(default_factory=dict)
    per_day: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """All that is to go wrong."""

    scripts: tuple[Script, ...] = ()
    random: RandomFaults | None = None


class Chance:
    """Whole numbers that follow from a seed and from what they are drawn for."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def below(self, bound: int, *what_for: object) -> int:
        """Return a number from 0 to bound - 1, always the same for the same words."""
        text = ":".join(map(str, (self._seed, *what_for)))
        return int.from_bytes(sha256(text.encode()).digest()[:8], "big") % bound

    def between(self, low: int, high: int, *what_for: object) -> int:
        """Return a number from `low` to `high`."""
        return low + self.below(high - low + 1, *what_for)

    def one_of(self, choices: tuple[str, ...], *what_for: object) -> str:
        """Return one of `choices`."""
        return choices[self.below(len(choices), *what_for)]
