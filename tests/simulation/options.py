"""What a world is made of: everything drawn from its seed, and nothing from anywhere else.

Law: the same seed gives the same options on every machine. Each class of fault has a rate of its
own, drawn from none, low and high, so that worlds differ in what goes wrong together.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# Chance for each call, append or fill that it can happen to: (low, high).
RATES: dict[str, tuple[float, float]] = {
    "reject": (0.02, 0.15),  # the exchange says no, and means it
    "drop_before": (0.03, 0.2),  # the request is lost: nothing happens, no answer
    "drop_after": (0.03, 0.2),  # the answer is lost: it has happened
    "late": (0.03, 0.2),  # no answer, and the request arrives within its window
    "lag": (0.05, 0.4),  # reads show an older truth for a while
    "fill_lag": (0.05, 0.4),  # an order's fills are told later than its status
    "unavailable": (0.02, 0.2),  # a read fails
    "cancel_race": (0.05, 0.4),  # the order fills while its cancel is under way
    "cancel_refused": (0.03, 0.2),  # "unknown order", though it is open
    "partial": (0.1, 0.6),  # an order fills in pieces
    "expire": (0.03, 0.2),  # the exchange ends a market order with its rest unfilled
    "crash": (0.0005, 0.01),  # the process dies at a step
    "disk": (0.0005, 0.005),  # the journal cannot be written
    "candles": (0.02, 0.2),  # a closed candle is not there yet
}
# How many a day.
DAILY: dict[str, tuple[float, float]] = {"outages": (0.5, 4.0), "kills": (0.3, 1.5)}

# The same, drawn apart: the rest of a seed's world stays as it was.
MORE_RATES: dict[str, tuple[float, float]] = {
    "garbage": (0.03, 0.2),  # an answer that is none: it has happened, or not
    "clock": (0.02, 0.15),  # refused for its time, and nothing has happened
    "stall": (0.0005, 0.005),  # the journal takes three seconds for an append
    "account_lag": (0.05, 0.4),  # balances and lists are as they were before a fill
}
# Only where a stop trails alone is one order replaced by another.
REPLACING: dict[str, tuple[float, float]] = {
    "replace_refused": (0.05, 0.4),  # the old order is gone, and the new one is refused
}
MORE_DAILY: dict[str, tuple[float, float]] = {
    "ban": (0.5, 4.0),  # for minutes the exchange refuses whatever we ask
    "halt": (0.3, 1.5),  # for hours a market takes no orders and makes no candles
}
# What others do to the account, its owner or the exchange: none of it in one world of three.
BY_HAND: dict[str, tuple[float, float]] = {
    "cancel_by_hand": (0.5, 4.0),  # an order of ours is cancelled
    "vanish": (0.5, 4.0),  # an order of ours is at no endpoint any more: a testnet is wiped
    "cash_by_hand": (0.3, 2.0),  # quote is paid in, or taken out
    "coins_taken": (0.5, 3.0),  # base coins are sold or taken out, the bot's among them
    "coins_paid_in": (0.3, 2.0),  # base coins come in
    "order_of_others": (0.3, 2.0),  # an order without our mark rests beside ours
}
# The bot's clock and the exchange's: how far one may be ahead of the other.
AHEAD_MS_MAX = 900
# One world of so many keeps its journal on a disk.
DISK_EVERY = 50
# One of so many pays its fees in a third coin; none of those that failed once is among them.
FEE_COIN_EVERY, FEE_COIN_AT = 7, 4
# How much of it there is: enough for all, for a few trades, or for less than one.
FEE_COINS = ("10", "0.05", "0.001")

SHAPES = (
    (15 * MINUTE, 5 * MINUTE),
    (30 * MINUTE, 10 * MINUTE),
    (HOUR, 15 * MINUTE),
    (HOUR, HOUR),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One world. Times in ms, fractions in ppm; the exchange's candles are finer than the bot's."""

    seed: int
    timeframe_ms: int
    exchange_ms: int
    symbols: tuple[str, ...]
    days: int
    gap_rate: float
    lag_ms_max: int
    has_foreign_coins: bool
    slippage_ppm: int
    fee_asset: str
    rules: dict[str, Any]
    faults: dict[str, float]
    # (label, hit): the process dies there, whatever the rates say.
    crash_at: tuple[str, int] = ("", 0)
    # A part of the week under faults, then one without, and so on: hours of both.
    faulty_hours: tuple[int, ...] = field(default=())
    healed_hours: int = 3
    ahead_ms: int = 0
    is_on_disk: bool = False
    # How much there is of the coin that pays the fees; "" where there is none.
    fee_coin: str = ""

    def told(self) -> str:
        """Return the options in a few lines, for a person who has a failing seed."""
        faults = {name: rate for name, rate in self.faults.items() if rate}
        where = "on disk" if self.is_on_disk else "in memory"
        return (
            f"seed {self.seed}: {' '.join(self.symbols)}, {self.timeframe_ms // MINUTE} m candles, "
            f"the exchange's {self.exchange_ms // MINUTE} m, gaps {self.gap_rate}, "
            f"lag up to {self.lag_ms_max} ms, foreign coins {self.has_foreign_coins}, "
            f"slippage {self.slippage_ppm}, fee in {self.fee_asset}, "
            f"fee coin {self.fee_coin or 'none'}, crash at {self.crash_at}, "
            f"clock ahead {self.ahead_ms} ms, journal {where}\n"
            f"  rules {self.rules}\n  faults {faults}\n  faulty hours {self.faulty_hours}"
        )


def drawn(seed: int, *, days: int = 7, crash_at: tuple[str, int] = ("", 0)) -> Options:
    """Return the options of the world of this seed."""
    draw = Random(f"options {seed}")  # noqa: S311  # a seeded test, no secret
    timeframe_ms, exchange_ms = draw.choice(SHAPES)
    faults = {
        name: draw.choice((0.0, low, high))
        for name, (low, high) in (*RATES.items(), *DAILY.items())
    }
    return Options(
        seed=seed,
        timeframe_ms=timeframe_ms,
        exchange_ms=exchange_ms,
        symbols=draw.choice((("BTC/USDT",), ("BTC/USDT", "ETH/USDT"), ("BTC/USDT", "ETH/USDT"))),
        days=days,
        gap_rate=draw.choice((0.0, 0.0, 0.002)),
        lag_ms_max=draw.choice((2_000, 10_000, 25_000)),
        has_foreign_coins=draw.choice((False, True)),
        slippage_ppm=draw.choice((0, 500)),
        fee_asset=draw.choice(("received", "quote")),
        rules=_rules(draw) | _entries(seed, timeframe_ms),
        faults=faults | _mishaps(seed) | _replacing(seed),
        crash_at=crash_at,
        faulty_hours=tuple(draw.choice((4, 12, 20, 30)) for _ in range(24)),
        ahead_ms=_ahead_ms(seed),
        is_on_disk=seed % DISK_EVERY == 0,
        fee_coin=_fee_coin(seed) if seed % FEE_COIN_EVERY == FEE_COIN_AT else "",
    )


def _rules(draw: Random) -> dict[str, Any]:
    stop = draw.choice((0, 3_000, 10_000, 30_000, 30_000))
    return {
        "sizing": draw.choice(("fraction", "risk")) if stop else "fraction",
        "fraction_ppm": draw.choice((50_000, 300_000, 950_000)),
        "risk_ppm": draw.choice((1_000, 10_000)),
        "stop_ppm": stop,
        "target_ppm": draw.choice((0, 5_000, 20_000)),
        "trailing_ppm": draw.choice((0, 0, 8_000)),
        "held_ms_max": draw.choice((0, 0, 8 * HOUR)),
        "reserve_ppm": 10_000,
        "position_ppm_max": draw.choice((100_000, 1_000_000)),
        "exposure_ppm_max": 1_000_000,
        "open_positions_max": draw.choice((1, 10)),
        "order_notional_max": "1000000",
    }


def _entries(seed: int, timeframe_ms: int) -> dict[str, Any]:
    """Return how entries are bought. Drawn apart: the rest of a seed's world stays as it was."""
    draw = Random(f"limits {seed}")  # noqa: S311  # a seeded test, no secret
    is_limit = draw.choice((False, False, True))
    return {
        "entry_ms_max": draw.choice((1, 1, 3)) * timeframe_ms if is_limit else 0,
        "entry_offset_ppm": draw.choice((0, 1_000, 4_000)),
        "reprice_max": draw.choice((0, 1, 3, 3)),
    }


def _mishaps(seed: int) -> dict[str, float]:
    draw = Random(f"mishaps {seed}")  # noqa: S311  # a seeded test, no secret
    rates = {
        name: draw.choice((0.0, low, high))
        for name, (low, high) in (*MORE_RATES.items(), *MORE_DAILY.items())
    }
    is_touched = draw.choice((False, True, True))
    by_hand = {name: draw.choice((0.0, low, high)) for name, (low, high) in BY_HAND.items()}
    return rates | {name: rate if is_touched else 0.0 for name, rate in by_hand.items()}


def _replacing(seed: int) -> dict[str, float]:
    draw = Random(f"replacing {seed}")  # noqa: S311  # a seeded test, no secret
    return {name: draw.choice((0.0, low, high)) for name, (low, high) in REPLACING.items()}


def _fee_coin(seed: int) -> str:
    draw = Random(f"fee coin {seed}")  # noqa: S311  # a seeded test, no secret
    return draw.choice(FEE_COINS)


def _ahead_ms(seed: int) -> int:
    draw = Random(f"clock {seed}")  # noqa: S311  # a seeded test, no secret
    return draw.choice((0, draw.randint(-AHEAD_MS_MAX, AHEAD_MS_MAX)))
