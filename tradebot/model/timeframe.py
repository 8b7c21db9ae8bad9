"""Timeframes by their exchange names, and points in time as UTC milliseconds.

Law: nothing here reads the clock.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from tradebot.errors import ConfigError, UsageError
from tradebot.words import nearest

_SECOND = 1000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
DAY_MS = 24 * _HOUR

# Source: Binance spot API, "Kline/Candlestick chart intervals"; weeks and months are left out,
# because they do not start at a multiple of their length since 1970.
TIMEFRAMES: Mapping[str, int] = MappingProxyType(
    {
        "1s": _SECOND,
        "1m": _MINUTE,
        "3m": 3 * _MINUTE,
        "5m": 5 * _MINUTE,
        "15m": 15 * _MINUTE,
        "30m": 30 * _MINUTE,
        "1h": _HOUR,
        "2h": 2 * _HOUR,
        "4h": 4 * _HOUR,
        "6h": 6 * _HOUR,
        "8h": 8 * _HOUR,
        "12h": 12 * _HOUR,
        "1d": DAY_MS,
    }
)
_NAMES = {length: name for name, length in TIMEFRAMES.items()}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# fromisoformat alone also takes week dates and dates without dashes: one way is enough.
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII
)


def timeframe_ms(name: str) -> int:
    """Return the length of the timeframe `name`, in ms. Raises ConfigError for an unknown one."""
    try:
        return TIMEFRAMES[name]
    except KeyError:
        close = nearest(name.lower(), TIMEFRAMES)
        hint = f"did you mean {close}? " if close else ""
        raise ConfigError(
            f"{name!r} is not a timeframe", f"{hint}known are {', '.join(TIMEFRAMES)}"
        ) from None


def timeframe_name(ms: int) -> str:
    """Return the exchange name of a timeframe of `ms`. Raises ConfigError when it has none."""
    try:
        return _NAMES[ms]
    except KeyError:
        raise ConfigError(
            f"{ms} ms is not the length of a timeframe", f"known are {', '.join(TIMEFRAMES)}"
        ) from None


def parse_time(text: str) -> int:
    """Return a date or RFC 3339 time in UTC ms; without an offset it is UTC. Raises UsageError."""
    hint = "write 2023-01-01 or 2023-01-01T04:00:00Z; without an offset it is UTC"
    if _TIME.fullmatch(text) is None:
        raise UsageError(f"{text!r} is not a time", hint)
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise UsageError(f"{text!r} is not a time: {error}", hint) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since_epoch = moment - _EPOCH
    if since_epoch % _MILLISECOND or _has_lost_digits(text):
        raise UsageError(f"{text!r} is finer than a millisecond", "drop the digits after the third")
    return since_epoch // _MILLISECOND


def _has_lost_digits(text: str) -> bool:
    """Say whether `text` has non-zero digits past the microseconds, which datetime cuts off."""
    fraction = re.search(r"\.(\d+)", text)
    return fraction is not None and fraction[1][6:].strip("0") != ""


def format_time(ms: int) -> str:
    """Return UTC ms as RFC 3339, `2023-01-01T00:00:00Z`, with ms only where there are some."""
    spec = "milliseconds" if ms % _SECOND else "seconds"
    moment = _EPOCH + timedelta(milliseconds=ms)
    return moment.replace(tzinfo=None).isoformat(timespec=spec) + "Z"


def floor_to_timeframe(ms: int, tf_ms: int) -> int:
    """Return the open time of the candle of length `tf_ms` in which the moment `ms` lies."""
    return ms - ms % tf_ms
