"""The sandbox exchange alone, for any client: its markets, its keys, and how fast its time runs.

Law: the clock is given; nothing here reads one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from tradebot.candles import CandleTable
from tradebot.errors import UsageError
from tradebot.model.money import PPM, parse_decimal, to_ppm
from tradebot.model.timeframe import floor_to_timeframe
from tradebot.sandbox.auth import KeyRights
from tradebot.sandbox.book import Book
from tradebot.sandbox.listing import FeeCoin
from tradebot.sandbox.replay import market_for, open_book
from tradebot.sandbox.server import SandboxServer
from tradebot.sandbox.synthetic import synthetic_market

# Enough closed candles before the first moment for any indicator to be warm.
HISTORY = 500
SYNTHETIC_CANDLES = 20_000
SYNTHETIC_START_MS = 1_704_067_200_000  # 2024-01-01: any moment would do, as long as it is one.
OPENING_CASH = Decimal(10_000)
SPEED_MAX = 1_000_000
_LOOK_MS = 50


class WallTime(Protocol):
    """The machine's time, and waiting."""

    @property
    def is_stopped(self) -> bool:
        """Say whether all waiting is to end."""
        ...

    def now_ms(self) -> int:
        """Return the time now."""
        ...

    def monotonic_ms(self) -> int:
        """Return a time that never jumps."""
        ...

    def sleep_until(self, time_ms: int) -> None:
        """Return at `time_ms`, or earlier when told to stop."""
        ...


@dataclass(frozen=True, slots=True)
class Keys:
    """The sandbox account's key and secret."""

    api_key: str
    secret: str = field(repr=False)

    @classmethod
    def of_seed(cls, seed: int) -> Keys:
        """Return keys that are the same for the same seed. They guard nothing but play money."""
        key, secret = (
            hashlib.sha256(f"tradebot sandbox {name} {seed}".encode()).hexdigest()
            for name in ("key", "secret")
        )
        return cls(key, secret)


def parse_speed(text: str) -> Fraction | None:
    """Return how many times faster than the clock time runs; None for `step`. Raises UsageError."""
    if text == "step":
        return None
    if text == "real":
        return Fraction(1)
    try:
        factor = Fraction(parse_decimal(text.removesuffix("x")))
    except ValueError:
        factor = Fraction(0)
    if not text.endswith("x") or not 0 < factor <= SPEED_MAX:
        raise UsageError(f"{text!r} is not a speed", "write real, step, or a factor such as 60x")
    return factor


def parse_cash(items: Sequence[str]) -> dict[str, Decimal]:
    """Return the opening balances of `USDT=10000` and the like. Raises UsageError."""
    cash: dict[str, Decimal] = {}
    for item in items:
        asset, _, text = item.partition("=")
        try:
            amount = parse_decimal(text)
        except ValueError:
            raise UsageError(f"{item!r} is not a balance", "write it as USDT=10000") from None
        if not asset or asset in cash:
            raise UsageError(f"{item!r} names no new coin", "write each coin once: USDT=10000")
        cash[asset] = amount
    return cash


def parse_fee_coin(text: str) -> FeeCoin:
    """Return the coin and price of `BNB=600`. Raises UsageError."""
    asset, _, price = text.partition("=")
    try:
        coin = FeeCoin(asset, parse_decimal(price))
    except ValueError:
        coin = FeeCoin("", Decimal(0))
    if not coin.asset or coin.price <= 0:
        raise UsageError(f"{text!r} is no coin with a price", "write it as BNB=600")
    return coin


def parse_key_rights(text: str) -> KeyRights:
    """Return what is to be told of the key. Raises UsageError."""
    try:
        return KeyRights(text)
    except ValueError:
        known = f"one of {', '.join(KeyRights)}"
        raise UsageError(f"{text!r} is nothing that can be told of a key", known) from None


def parse_fraction(text: str) -> int:
    """Return a fraction from 0 to under 1 in parts per million. Raises UsageError."""
    try:
        ppm = to_ppm(parse_decimal(text))
    except ValueError as error:
        raise UsageError(f"{text!r} is not a fraction: {error}", "write 0.001 for 0.1 %") from None
    if not 0 <= ppm < PPM:
        raise UsageError(f"{text!r} is not between 0 and 1", "write 0.001 for 0.1 %")
    return ppm


def synthetic_tables(
    symbols: Sequence[str], *, timeframe_ms: int, seed: int, now_ms: int | None
) -> list[CandleTable]:
    """Return made-up candles of each market, around `now_ms` or a fixed date."""
    start = SYNTHETIC_START_MS
    if now_ms is not None:
        start = floor_to_timeframe(now_ms, timeframe_ms) - HISTORY * timeframe_ms
    count = HISTORY + SYNTHETIC_CANDLES
    return [
        synthetic_market(symbol, timeframe_ms=timeframe_ms, start_ms=start, count=count, seed=seed)
        for symbol in symbols
    ]


def standalone_book(
    tables: Sequence[CandleTable],
    cash: Mapping[str, Decimal],
    *,
    fee_ppm: int,
    slippage_ppm: int,
    now_ms: int | None = None,
    fee_coin: FeeCoin | None = None,
) -> Book:
    """Return the book of these candles at `now_ms`, else when each market has some history.

    Where `cash` is empty the account starts with 10,000 of every quote coin.
    """
    markets = [
        (market_for(table.symbol, table, maker_ppm=fee_ppm, taker_ppm=fee_ppm), table)
        for table in tables
    ]
    start = max(int(table.opened_at[min(HISTORY, len(table) // 2)]) for table in tables)
    return open_book(
        markets,
        cash or {market.quote: OPENING_CASH for market, _ in markets},
        slippage_ppm=slippage_ppm,
        now=start if now_ms is None else now_ms,
        fee_coin=fee_coin,
    )


def keep_time(server: SandboxServer, clock: WallTime, speed: Fraction | None, end_ms: int) -> None:
    """Let the sandbox's time follow the clock until it is stopped; after `end_ms` it stands."""
    began_ms, start_ms = clock.monotonic_ms(), server.now_ms()
    while not clock.is_stopped:
        clock.sleep_until(clock.now_ms() + _LOOK_MS)
        if speed is not None:
            passed_ms = (clock.monotonic_ms() - began_ms) * speed
            server.advance_to(max(start_ms, min(end_ms, start_ms + int(passed_ms))))
