"""One exchange, two ways in: a sandbox run over HTTP books the fills that the backtest books."""

from pathlib import Path

import pytest

from tests.support.shared_data import BTC_1H, BTC_1M, DOGE_1M, candle_file
from tests.support.worlds import Case, backtested, case, fill_rows, random_case, traded
from tradebot.adapters.candle_files import read_candles

HOUR = 3_600_000
QUICK_SEEDS = range(6)
QUICK_CANDLES = 120
LONG_CANDLES = 150


def assert_same_fills(given: Case, logs: Path) -> int:
    """Compare fills and final balances to the last digit; return how many fills there were."""
    tested = backtested(given)
    ran = traded(given, logs)
    rows = fill_rows(tested.events)
    assert fill_rows(ran.events) == rows
    assert ran.state.balances == tested.state.balances
    for asset, total in ran.exchange_balances.items():
        assert ran.state.balances.get(asset, 0) == total, asset
    return len(rows)


@pytest.mark.parametrize("seed", QUICK_SEEDS)
def test_synthetic_market_books_the_same_fills_over_http(seed: int, tmp_path: Path) -> None:
    assert_same_fills(random_case(seed, QUICK_CANDLES), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 200, 20))
def test_two_hundred_synthetic_markets_book_the_same_fills_over_http(
    first: int, tmp_path: Path
) -> None:
    seeds = range(first, first + 20)
    fills = sum(
        assert_same_fills(random_case(seed, LONG_CANDLES), tmp_path / str(seed)) for seed in seeds
    )
    # Cases that never trade would agree on nothing.
    assert fills > 10 * len(seeds)


REAL = [
    (BTC_1H, "vote", {}, 1_672_531_200_000, 500),
    (BTC_1H, "ema_cross", {"fast": 5, "slow": 12}, 1_640_995_200_000, 400),
    # Exchange outages of up to two days lie in this span.
    (BTC_1H, "donchian", {"entry": 8, "exit": 4}, 1_517_800_000_000, 400),
    (BTC_1M, "ema_cross", {"fast": 5, "slow": 12}, 1_616_900_000_000, 500),
    (DOGE_1M, "rsi_reversion", {"period": 5}, 1_748_800_000_000, 500),
]


@pytest.mark.parametrize(("file", "strategy", "params", "start", "candles"), REAL)
def test_real_candles_book_the_same_fills_over_http(
    file: str, strategy: str, params: dict[str, int], start: int, candles: int, tmp_path: Path
) -> None:
    table = read_candles(candle_file(file))
    start -= start % table.timeframe_ms
    given = case(
        [table],
        {"strategy": {"name": strategy, "params": params}},
        start_ms=start,
        end_ms=start + candles * table.timeframe_ms,
    )
    assert assert_same_fills(given, tmp_path) > 0
