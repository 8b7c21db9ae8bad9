"""A simulated market: candles and the configured costs made into an exchange's book."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tradebot.candles import CandleTable
from tradebot.errors import ConfigError
from tradebot.model.market import Market
from tradebot.model.money import to_ppm
from tradebot.model.timeframe import timeframe_ms
from tradebot.runtime.checks import traded_span
from tradebot.runtime.config import Config
from tradebot.runtime.runs import RunSpec
from tradebot.sandbox.book import Book
from tradebot.sandbox.replay import market_for, open_book


@dataclass(frozen=True, slots=True)
class World:
    """A simulated market: the exchange's book, and the span of candles to trade.

    Times in UTC ms.
    """

    book: Book
    markets: tuple[Market, ...]
    tables: Mapping[str, CandleTable]
    start_ms: int
    end_ms: int


class AlwaysArmed:
    """The latch of a backtest: nothing there can cost money."""

    def is_armed(self) -> bool:
        """Return True."""
        return True

    def suspend(self, reason: str) -> None:
        """Nothing outlives a backtest."""


def simulated_world(
    config: Config, tables: Sequence[CandleTable], spec: RunSpec
) -> World:
    """Return the sandbox's market over these candles, cut to the span of `spec`.

    Candles before the span are history for the strategy. The last candle decides nothing: its open
    fills what the one before it decided. Raises ConfigError or DataError.
    """
    interval = timeframe_ms(config.bot.timeframe)
    for table in tables:
        if table.timeframe_ms != interval:
            raise ConfigError(
                f"{table.symbol}: the candles are of another timeframe than {config.bot.timeframe}",
                hint="give --timeframe, or set [bot] timeframe to that of the file",
            )
    start_ms, end_ms = traded_span(tables, spec)
    cut = {table.symbol: table.between(0, end_ms + 1) for table in tables}
    costs = config.costs
    markets = {
        symbol: market_for(
            symbol,
            table,
            exchange=config.exchange.id,
            maker_ppm=to_ppm(costs.maker_fee_fraction),
            taker_ppm=to_ppm(costs.taker_fee_fraction),
            fee_asset=costs.fee_asset,
        )
        for symbol, table in sorted(cut.items())
    }
    quote = next(iter(markets.values())).quote
    book = open_book(
        [(market, cut[symbol]) for symbol, market in markets.items()],
        {quote: config.sandbox.cash},
        slippage_ppm=to_ppm(costs.slippage_fraction),
        now=start_ms,
    )
    return World(book, tuple(markets.values()), cut, start_ms, end_ms)
