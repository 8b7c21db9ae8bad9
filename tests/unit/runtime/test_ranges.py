"""The mean true range by hand, and that the feed and the backtest make the same of it."""

from collections.abc import Mapping

import numpy as np
import pytest

from tests.support.builders import BTC, HOUR, market
from tradebot.candles import CandleTable
from tradebot.errors import DataError
from tradebot.model.market import scales
from tradebot.runtime.feed import Feed
from tradebot.runtime.ranges import mean_ranges
from tradebot.sandbox.synthetic import synthetic_market
from tradebot.strategies.base import parse_params
from tradebot.strategies.registry import load


def table(*rows: str, missing: int = 0) -> CandleTable:
    """Return hourly candles of high/low/close; so many are missing before the last."""
    values = np.array([[float(part) for part in row.split("/")] for row in rows]).reshape(-1, 3)
    high, low, close = values.T
    opened_at = np.arange(len(rows)) * HOUR
    opened_at[-1:] += missing * HOUR
    return CandleTable("BTC/USDT", HOUR, opened_at, close, high, low, close, close)


# True ranges: 16 within the candle, 13 up from the close before, 31 down from it.
FOUR = ("110/95/105", "120/104/118", "131/129/130", "101/99/100")


@pytest.mark.parametrize(
    ("count", "means"),
    [
        # (16 + 13) / 2 is 14.5: rounded up, for a wider range buys less.
        (1, [0, 16, 13, 31]),
        (2, [0, 0, 15, 22]),
        (3, [0, 0, 0, 20]),
        (4, [0, 0, 0, 0]),
        (9, [0, 0, 0, 0]),
        (0, [0, 0, 0, 0]),
    ],
)
def test_mean_true_range_by_hand(count: int, means: list[int]) -> None:
    assert mean_ranges(table(*FOUR), count, 0) == means


def test_first_range_needs_the_close_before_it() -> None:
    assert mean_ranges(table(*FOUR[:2]), 2, 0) == [0, 0]
    assert mean_ranges(table(*FOUR[:3]), 2, 0) == [0, 0, 15]
    assert mean_ranges(table(), 2, 0) == []


def test_ranges_are_counted_in_price_units() -> None:
    fine = table("1.10/0.95/1.05", "1.20/1.04/1.18")
    assert mean_ranges(fine, 1, 2) == [0, 16]
    assert mean_ranges(fine, 1, 4) == [0, 1600]
    with pytest.raises(DataError, match="finer than 1 decimals"):
        mean_ranges(fine, 1, 1)


def test_candle_after_a_gap_ranges_from_the_last_close_that_there_was() -> None:
    assert mean_ranges(table(*FOUR, missing=5), 1, 0) == mean_ranges(table(*FOUR), 1, 0)


def test_market_that_does_not_move_has_no_range() -> None:
    assert mean_ranges(table(*["100/100/100"] * 3), 2, 0) == [0, 0, 0]


class Source:
    """An exchange that tells the candles of one synthetic market."""

    def __init__(self) -> None:
        self.table = synthetic_market(
            "BTC/USDT", timeframe_ms=HOUR, start_ms=0, count=60, seed=1, gap_rate=0.1
        )

    def candles(
        self, wanted: Mapping[str, int], timeframe_ms: int, *, now_ms: int
    ) -> dict[str, CandleTable]:
        """Return the newest closed candles."""
        closed = self.table.between(0, now_ms - timeframe_ms + 1)
        return {symbol: closed.last(count) for symbol, count in wanted.items()}


@pytest.mark.parametrize("count", [2, 14, 40])
def test_feed_reads_the_ranges_that_a_backtest_reads(count: int) -> None:
    source, strategy = Source(), load("donchian")
    markets = {BTC: market(tick="0.01")}
    feed = Feed(
        source,
        markets,
        scales(markets.values()),
        timeframe_ms=HOUR,
        strategy=strategy,
        params=parse_params(strategy, {}),
        range_candles=count,
        keep=lambda name, candles: None,
    )
    # It begins in the middle: what came before is fetched, and no more than is needed.
    closes = source.table.closed_at.tolist()
    feed.begin(closes[29], {})
    read = [each for each, _ in feed.last_readings(closes[29], since_ms=0)]
    for now in (closes[30], closes[31], closes[39], closes[-1]):
        for group in feed.refresh(now).values():
            read += group
    means = dict(zip(closes, mean_ranges(source.table, count, 2), strict=True))
    assert [each.candle.closed_at for each in read] == closes[29:]
    assert [each.candle.mean_range for each in read] == [means[time] for time in closes[29:]]
    assert means[closes[-1]] > 0
