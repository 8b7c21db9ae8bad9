"""The synthetic market: the same everywhere, always made of candles, and with bad days."""

import hashlib

import numpy as np
import pytest

from tradebot.candles import VALUE_COLUMNS, CandleTable, Columns, Floats, find_problems
from tradebot.errors import ConfigError
from tradebot.model.timeframe import parse_time, timeframe_ms
from tradebot.sandbox.synthetic import synthetic_market

START = parse_time("2024-01-01")
HOUR = timeframe_ms("1h")
SEEDS = range(40)


def market(
    seed: int, *, count: int = 3000, symbol: str = "BTC/USDT", timeframe: str = "1h"
) -> CandleTable:
    return synthetic_market(
        symbol, timeframe_ms=timeframe_ms(timeframe), start_ms=START, count=count, seed=seed
    )


def log_changes(table: CandleTable) -> Floats:
    changes: Floats = np.diff(np.log(table.close))
    return changes


def test_same_seed_is_the_same_market_byte_for_byte_on_every_machine() -> None:
    """A changed digest changes every golden run: it needs a reason in the commit."""
    digest = hashlib.sha256()
    table = market(7, count=20_000)
    for name in ("opened_at", *VALUE_COLUMNS):
        digest.update(getattr(table, name).astype("<f8").tobytes())
    assert digest.hexdigest() == (
        "8508cfa75effdc2d00335e30f0ce94b4e817adab62290586997f93a4cc8a5bc1"
    )


def test_seed_and_symbol_each_make_another_market() -> None:
    closes = {tuple(market(seed, count=50).close) for seed in SEEDS}
    assert len(closes) == len(SEEDS)
    bitcoin, ether = (log_changes(market(1, symbol=s)) for s in ("BTC/USDT", "ETH/USDT"))
    assert abs(np.corrcoef(bitcoin, ether)[0, 1]) < 0.1


@pytest.mark.parametrize("timeframe", ["1s", "1m", "1h", "1d"])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_row_is_a_candle_on_the_tick(seed: int, timeframe: str) -> None:
    table = market(seed, timeframe=timeframe)
    assert find_problems(Columns.of(table)) == ([], 0)
    assert table.price_decimals() <= 2
    assert (table.volume > 0).all()


def test_fine_ticks_of_a_cheap_coin_are_kept() -> None:
    table = synthetic_market(
        "DOGE/USDT",
        timeframe_ms=HOUR,
        start_ms=START,
        count=2000,
        seed=1,
        start_price=0.2,
        price_decimals=5,
    )
    assert table.open[0] == pytest.approx(0.2, rel=0.001)
    assert table.price_decimals() == 5


@pytest.mark.parametrize("count", [1, 2, 3, 50, 239, 240])
def test_short_market_has_exactly_the_candles_asked_for(count: int) -> None:
    table = market(3, count=count)
    assert table.opened_at.tolist() == [START + i * HOUR for i in range(count)]


@pytest.mark.parametrize("seed", SEEDS)
def test_gaps_are_few_and_short_and_never_at_an_end(seed: int) -> None:
    table = market(seed, count=20_000)
    assert 1 <= len(table.gaps()) <= 4
    assert all(1 <= missing <= 6 for _, _, missing in table.gaps())
    assert (table.opened_at[0], table.opened_at[-1]) == (START, START + 19_999 * HOUR)


def test_gap_rate_of_zero_leaves_nothing_out() -> None:
    table = synthetic_market(
        "BTC/USDT", timeframe_ms=HOUR, start_ms=START, count=20_000, seed=1, gap_rate=0
    )
    assert len(table) == 20_000
    assert table.gaps() == []


@pytest.mark.parametrize("seed", SEEDS)
def test_one_day_crashes_by_15_to_30_percent_and_half_comes_back(seed: int) -> None:
    table = market(seed)
    falls = table.close[8:] / table.close[:-8] - 1
    low = int(falls.argmin()) + 8
    assert -0.31 < falls.min() < -0.15
    assert table.close[low : low + 60].max() / table.close[low] > 1.05


@pytest.mark.parametrize("seed", SEEDS)
def test_opens_are_the_close_before_or_close_to_it(seed: int) -> None:
    table = market(seed)
    jumps = table.open[1:] / table.close[:-1] - 1
    assert 0.8 < (jumps == 0).mean() < 0.95
    assert np.abs(jumps).max() < 0.0005


@pytest.mark.parametrize("seed", SEEDS)
def test_changes_look_like_a_crypto_market(seed: int) -> None:
    table = market(seed, count=20_000)
    changes = log_changes(table)
    kurtosis = ((changes - changes.mean()) ** 4).mean() / changes.var() ** 2
    clustering = np.corrcoef(np.abs(changes[1:]), np.abs(changes[:-1]))[0, 1]
    assert 0.025 < changes.std() * 24**0.5 < 0.06  # a day
    assert kurtosis > 5  # the normal distribution has 3
    assert clustering > 0.1
    assert np.corrcoef(np.abs(changes), table.volume[1:])[0, 1] > 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_market_neither_dies_nor_flies_off(seed: int) -> None:
    table = market(seed, count=50_000)
    assert table.close.min() > 30_000 / 12
    assert table.close.max() < 30_000 * 8


def test_start_price_too_coarse_for_its_tick_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        synthetic_market(
            "DOGE/USDT", timeframe_ms=HOUR, start_ms=START, count=9, seed=1, start_price=0.2
        )
    assert caught.value.message == (
        "DOGE/USDT: a synthetic market from 0.2 has 20 ticks of 2 decimals, under 1000"
    )
    assert caught.value.hint == "raise the start price or price_decimals"
