"""The feed: closed candles, oldest first, each once, none passed over."""

from collections.abc import Mapping

from tests.support.builders import BTC, ETH, market
from tradebot.candles import CandleTable
from tradebot.model.market import scales
from tradebot.runtime.feed import Feed
from tradebot.sandbox.synthetic import synthetic_market
from tradebot.strategies.base import parse_params
from tradebot.strategies.registry import load

MINUTE = 60_000
MARKETS = {BTC: market(tick="0.01"), ETH: market("ETH/USDT", tick="0.01")}
TABLES = {
    made.symbol: synthetic_market(
        made.symbol, timeframe_ms=MINUTE, start_ms=0, count=60, seed=1, gap_rate=0.0
    )
    for made in MARKETS.values()
}


class Source:
    """Candles by time; `late` symbols have not published their newest one yet."""

    def __init__(self) -> None:
        self.late: set[str] = set()

    def candles(
        self, wanted: Mapping[str, int], timeframe_ms: int, *, now_ms: int
    ) -> dict[str, CandleTable]:
        """Return the newest closed candles."""
        found = {}
        for symbol, count in wanted.items():
            end = now_ms - timeframe_ms + 1 - (timeframe_ms if symbol in self.late else 0)
            found[symbol] = TABLES[symbol].between(0, end).last(count)
        return found


def feed(source: Source) -> Feed:
    strategy = load("donchian")
    return Feed(
        source,
        MARKETS,
        scales(MARKETS.values()),
        timeframe_ms=MINUTE,
        strategy=strategy,
        params=parse_params(strategy, {}),
        keep=lambda market, table: None,
    )


def test_each_closed_candle_is_read_once_in_order_markets_sorted() -> None:
    made = feed(Source())
    made.begin(30 * MINUTE, {})
    read = made.refresh(32 * MINUTE)
    assert {time: [each.market for each in group] for time, group in read.items()} == {
        31 * MINUTE: [BTC, ETH],
        32 * MINUTE: [BTC, ETH],
    }
    assert made.refresh(32 * MINUTE) == {}


def test_candle_that_came_late_is_told_after_a_restart() -> None:
    """Symptom: the restart began at the newest close of all markets, and a late one was lost."""
    source = Source()
    source.late = {"ETH/USDT"}
    first = feed(source)
    first.begin(30 * MINUTE, {})
    assert [each.market for each in first.refresh(31 * MINUTE)[31 * MINUTE]] == [BTC]
    source.late = set()
    again = feed(source)
    again.begin(31 * MINUTE, {BTC: 31 * MINUTE, ETH: 30 * MINUTE})
    read = again.refresh(32 * MINUTE)
    assert [each.market for each in read[31 * MINUTE]] == [ETH]
    assert [each.market for each in read[32 * MINUTE]] == [BTC, ETH]
