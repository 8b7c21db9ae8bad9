"""Make a market up from a seed: trends, calm and wild spells, fat tails, gaps and one crash day.

Law: the same seed gives the same candles, byte for byte, on every machine. So nothing is drawn but
the raw bits of PCG64, which numpy never changes, and nothing is computed but integers and the four
float operations that IEEE 754 fixes to the last bit; no library exp, log or normal.
It shows that the machine works, not that a strategy earns.
"""

from __future__ import annotations

import hashlib
from math import isqrt
from typing import Final

import numpy as np
from numpy.random import PCG64
from numpy.typing import NDArray

from tradebot.candles import CandleTable, Floats, Ints
from tradebot.errors import ConfigError
from tradebot.model.timeframe import DAY_MS

# Log prices are counted in NANO: a change of 1e-9 is one.
NANO: Final = 10**9
_DAILY_MOVE: Final = 35 * NANO // 1000  # 3.5 % a day, about Bitcoin's since 2017.
_SPAN: Final = 2 * NANO  # The walk turns back at e**2 = 7.4 times above and below its start.

# (drift as permille of one candle's move, move in tenths of the usual): calm, up, down, wild.
_REGIMES: Final = np.array([(0, 5), (60, 9), (-60, 10), (0, 18)], dtype=np.int64)
_REGIME_CANDLES: Final = (60, 420)

# Tenths of a draw's size, by a byte: 90 % small, 8 % large, 2 % huge. Together about variance 1.
_TAIL: Final = np.repeat(np.array([9, 17, 28], dtype=np.int64), [230, 21, 5])

_CRASH_HOURS: Final = 8
_CRASH_CANDLES_MIN: Final = 240
_CRASH_DEPTH: Final = (19, 27)  # Percent, without what chance adds.

_TURNOVER: Final = 5_000_000  # Quote coins an hour, when nothing happens.
_VOLUME_SCALE: Final = 10**6
_START_PRICES: Final = {
    "BTC": 30_000.0, "ETH": 2_000.0, "BNB": 300.0, "SOL": 100.0, "LTC": 80.0,
}  # fmt: skip
_START_TICKS_MIN: Final = 1000


def synthetic_market(
    symbol: str,
    *,
    timeframe_ms: int,
    start_ms: int,
    count: int,
    seed: int,
    start_price: float | None = None,
    price_decimals: int = 2,
    gap_rate: float = 0.0002,
) -> CandleTable:
    """Return the candles of `count` intervals from `start_ms`, prices on 10**-price_decimals.

    `gap_rate` gaps an interval (rounded down) leave some candles out; the first and the last are
    always there. Raises ConfigError when the start price has under 1,000 ticks: too coarse to move.
    """
    assert count >= 1, count
    assert start_ms % timeframe_ms == 0, (start_ms, timeframe_ms)
    usual = _START_PRICES.get(symbol.partition("/")[0], 100.0)
    price = usual if start_price is None else start_price
    start = round(price * 10**price_decimals)
    if start < _START_TICKS_MIN:
        raise ConfigError(
            f"{symbol}: a synthetic market from {price:g} has {start} ticks of {price_decimals} "
            f"decimals, under {_START_TICKS_MIN}",
            "raise the start price or price_decimals",
        )
    bits = _Bits(symbol, seed)
    draws, sizes = _moves(bits, count, timeframe_ms)
    crash, fall = _crash(bits, count, timeframe_ms)
    draws[fall] //= 4  # There the crash moves the price; chance only roughens it.
    path = _folded(np.cumsum(draws)) + crash
    draws = np.diff(path, prepend=0)
    sizes = np.maximum(sizes, np.abs(np.diff(crash, prepend=0)))
    closes = np.maximum(1, np.rint(start * _exp(path)).astype(np.int64))
    opens = _opens(bits, closes, start)
    highs, lows = _wicks(bits, opens, closes, sizes)
    volume = _volume(bits, draws, sizes, timeframe_ms, price)
    keep = _kept(bits, count, gap_rate)
    scale = float(10**price_decimals)
    return CandleTable(
        symbol,
        timeframe_ms,
        (start_ms + timeframe_ms * np.arange(count, dtype=np.int64))[keep],
        opens[keep] / scale,
        highs[keep] / scale,
        lows[keep] / scale,
        closes[keep] / scale,
        volume[keep],
    )


class _Bits:
    """Uniform whole numbers from one seeded stream."""

    def __init__(self, symbol: str, seed: int) -> None:
        # Not hash(): Python salts it anew in every process.
        digest = hashlib.sha256(f"{seed}:{symbol}".encode()).digest()
        self._stream = PCG64(int.from_bytes(digest[:16], "big"))

    def words(self, count: int) -> NDArray[np.uint16]:
        """Return `count` numbers from 0 to 65,535."""
        raw = np.asarray(self._stream.random_raw(-(-count // 4)), dtype="<u8")
        return raw.view("<u2")[:count].astype(np.uint16)

    def below(self, bound: int, count: int) -> Ints:
        """Return `count` numbers from 0 to bound - 1 (the bound small against 65,536)."""
        return self.words(count).astype(np.int64) * bound >> 16

    def between(self, low: int, high: int) -> int:
        """Return one number from `low` to `high`."""
        return low + int(self.below(high - low + 1, 1)[0])


def _moves(bits: _Bits, count: int, timeframe_ms: int) -> tuple[Ints, Ints]:
    """Return each candle's change of the log price, and the usual size of one then; in NANO."""
    low, high = _REGIME_CANDLES
    spells = -(-count // low)
    lengths = low + bits.below(high - low + 1, spells)
    regimes = np.repeat(_REGIMES[bits.below(len(_REGIMES), spells)], lengths, axis=0)[:count]
    # Moves grow with the square root of time.
    usual = isqrt(_DAILY_MOVE**2 * timeframe_ms // DAY_MS)
    sizes = usual * regimes[:, 1] // 10
    # Twelve uniform words have nearly the normal's shape, and exactly its variance of one.
    total = bits.words(12 * count).reshape(count, 12).astype(np.int64).sum(axis=1)
    normal = total * NANO // 65_536 - 6 * NANO
    tail = _TAIL[bits.below(256, count)]
    # Divided in two steps, so that the product stays below 2**63.
    draws = normal // 1000 * (sizes * tail // 10) // (NANO // 1000)
    return draws + sizes * regimes[:, 0] // 1000, sizes


def _folded(path: Ints) -> Ints:
    """Return a walk reflected at -_SPAN and +_SPAN, so that no market dies or flies off."""
    return _SPAN - np.abs((path + _SPAN) % (4 * _SPAN) - 2 * _SPAN)


def _crash(bits: _Bits, count: int, timeframe_ms: int) -> tuple[Ints, slice]:
    """Return what a crash adds to the log price, and its fall: within hours, then half of it back.

    It comes after 45 to 70 % of the candles. Short markets have none.
    """
    profile = np.zeros(count, dtype=np.int64)
    fall = max(1, _CRASH_HOURS * DAY_MS // 24 // timeframe_ms)
    depth = _log_of_percent(100 - bits.between(*_CRASH_DEPTH))
    begin = count * bits.between(45, 70) // 100
    if count < max(_CRASH_CANDLES_MIN, 20 * fall):
        return profile, slice(0, 0)
    low, back = begin + fall, begin + 5 * fall
    profile[begin:low] = depth * np.arange(1, fall + 1) // fall
    profile[low:back] = depth - depth * np.arange(1, 4 * fall + 1) // (8 * fall)
    profile[back:] = depth - depth // 2
    return profile, slice(begin, low)


def _log_of_percent(percent: int) -> int:
    """Return ln(percent / 100) in NANO, as -(x + x**2/2 + ...) of x = 1 - percent / 100."""
    rest = 100 - percent
    total = 0
    for n in range(1, 40):
        total += NANO * rest**n // (n * int(100**n))
    return -total


def _exp(path: Ints) -> Floats:
    """Return e**(path / NANO), the same to the last bit on every machine. (n,) -> (n,)."""
    # e**x = (e**(x/64))**64; below |x/64| = 0.04 nine terms are as exact as a float is.
    x = path / (64.0 * NANO)
    total = np.ones_like(x)
    for n in range(9, 0, -1):
        total = total * x / n + 1.0
    for _ in range(6):
        total = total * total
    result: Floats = total
    return result


def _opens(bits: _Bits, closes: Ints, start: int) -> Ints:
    """Return the opens: the close before, one in eight of them moved by up to 0.02 % or a tick."""
    opens = np.concatenate([[start], closes[:-1]])
    chance, shift = bits.below(8, len(closes)), bits.below(401, len(closes)) - 200
    jumps = opens * shift // 1_000_000 + np.sign(shift)
    return np.maximum(1, np.where(chance == 0, opens + jumps, opens))


def _wicks(bits: _Bits, opens: Ints, closes: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """Return highs and lows: the body and the smaller of two draws of up to two moves beyond."""
    top, bottom = np.maximum(opens, closes), np.minimum(opens, closes)
    reach = []
    for edge in (top, bottom):
        draw = np.minimum(bits.below(2000, len(opens)), bits.below(2000, len(opens)))
        reach.append(np.rint(edge * (sizes * draw // 1000 / NANO)).astype(np.int64))
    return top + reach[0], np.maximum(1, bottom - reach[1])


def _volume(bits: _Bits, draws: Ints, sizes: Ints, timeframe_ms: int, start_price: float) -> Floats:
    """Return volumes in base: an even turnover, times chance, times how wild the candle is."""
    base = _TURNOVER * _VOLUME_SCALE / start_price * timeframe_ms * 24 / DAY_MS
    usual = isqrt(_DAILY_MOVE**2 * timeframe_ms // DAY_MS)
    # In percent: half a share always, the rest with the spell's size and with the move made.
    wild = 50 + 50 * sizes // usual + 70 * np.abs(draws) // usual
    chance = 500 + bits.below(1000, len(draws))
    volume: Floats = np.rint(base * (wild * chance) / 100_000) / _VOLUME_SCALE
    return volume


def _kept(bits: _Bits, count: int, gap_rate: float) -> NDArray[np.bool_]:
    """Return which candles stay: one gap of one to six candles somewhere in each equal stretch."""
    keep = np.ones(count, dtype=np.bool_)
    gaps = int(count * gap_rate)
    for i in range(gaps):
        first, stop = 1 + i * (count - 2) // gaps, 1 + (i + 1) * (count - 2) // gaps
        begin = first + (stop - first) * int(bits.below(1000, 1)[0]) // 1000
        keep[begin : min(begin + bits.between(1, 6), stop)] = False
    return keep
