"""From candles to a market that trades: integer listings, rules read from the data, a book.

Law: nothing is rounded: a price finer than the market's tick is refused, never moved.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from decimal import Decimal

import numpy as np

from tradebot.candles import CandleTable, Ints
from tradebot.errors import ConfigError
from tradebot.model.market import (
    ASSET_DECIMALS,
    FeeAsset,
    Market,
    Scale,
    asset_decimals,
    scales,
)
from tradebot.model.money import to_units
from tradebot.sandbox.book import Book
from tradebot.sandbox.listing import FeeCoin, Listing

# Tick and step together get no more decimals than an exchange keeps for an asset.
DECIMALS_TOGETHER_MAX = 8
NOTIONAL_MIN = Decimal(5)


def market_for(
    symbol: str,
    table: CandleTable,
    *,
    exchange: str = "binance",
    maker_ppm: int = 1000,
    taker_ppm: int = 1000,
    fee_asset: FeeAsset = FeeAsset.RECEIVED,
) -> Market:
    """Return rules that fit the candles: the tick from their decimals, the step from their prices.

    The step is a power of ten, at most 1, worth 0.1 to 1 quote at the median price, or more where
    tick and step would need over eight decimals together. Raises ConfigError for no candles.
    """
    if len(table) == 0:
        raise ConfigError(f"{symbol}: there are no candles", "give a file or a span that has some")
    base, _, quote = symbol.partition("/")
    if not base or not quote:
        raise ConfigError(f"{symbol!r} is not a market", "write it as BTC/USDT")
    decimals = table.price_decimals()
    closes = table.price_units(decimals)[3]
    median = int(np.partition(closes, len(closes) // 2)[len(closes) // 2])
    # The digits before the point: a price of 20000.00 has 5, one of 0.197 has 0, one of 0.0012 -2.
    magnitude = len(str(median)) - decimals
    step_decimals = max(0, min(magnitude, DECIMALS_TOGETHER_MAX - decimals))
    step = Decimal(1).scaleb(-step_decimals)
    return Market(
        exchange=exchange,
        base=base,
        quote=quote,
        tick=Decimal(1).scaleb(-decimals),
        step=step,
        quantity_min=step,
        notional_min=NOTIONAL_MIN,
        maker_ppm=maker_ppm,
        taker_ppm=taker_ppm,
        fee_asset=fee_asset,
    )


def listing(market: Market, table: CandleTable, scale: Scale) -> Listing:
    """Return the market with its candles as columns that index to Python integers.

    Raises DataError for a price finer than the scale's units.
    """
    opened, high, low, close = table.price_units(scale.price_decimals)
    return Listing(
        market=market,
        scale=scale,
        timeframe_ms=table.timeframe_ms,
        opened_at=_column(table.opened_at),
        closed_at=_column(table.closed_at),
        open=_column(opened),
        high=_column(high),
        low=_column(low),
        close=_column(close),
        volume=array("d", table.volume.tobytes()),
    )


def open_book(
    markets: Iterable[tuple[Market, CandleTable]],
    cash: Mapping[str, Decimal],
    *,
    slippage_ppm: int,
    now: int,
    fee_coin: FeeCoin | None = None,
) -> Book:
    """Return an exchange that lists these markets, with one account that holds `cash`, at `now`.

    Raises ConfigError for cash no market trades, negative cash, a market listed twice, or a coin
    for the fees that is traded here or has no one price.
    """
    listed = list(markets)
    names = [market.symbol for market, _ in listed]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"{twice} is listed twice", "give each market one set of candles")
    rules = [market for market, _ in listed]
    scale_of, decimals = scales(rules), asset_decimals(rules)
    if fee_coin is not None:
        _check_fee_coin(fee_coin, rules)
        decimals[fee_coin.asset] = ASSET_DECIMALS
    return Book(
        [listing(market, table, scale_of[market.name]) for market, table in listed],
        _units(cash, decimals),
        slippage_ppm=slippage_ppm,
        now=now,
        fee_coin=fee_coin,
    )


def _check_fee_coin(coin: FeeCoin, markets: Iterable[Market]) -> None:
    traded = [market for market in markets if coin.asset in (market.base, market.quote)]
    if traded:
        raise ConfigError(
            f"{coin.asset} cannot pay the fees: {traded[0].symbol} trades it",
            "name a coin that no market here trades",
        )
    quotes = sorted({market.quote for market in markets})
    if len(quotes) > 1:
        raise ConfigError(
            f"{coin.asset} has one price, but the markets are in {' and '.join(quotes)}",
            "serve markets of one quote coin",
        )


def _units(cash: Mapping[str, Decimal], decimals: Mapping[str, int]) -> dict[str, int]:
    units = {}
    for asset, amount in cash.items():
        if asset not in decimals:
            known = ", ".join(sorted(decimals))
            raise ConfigError(f"no market here trades {asset}", f"the sandbox's coins are {known}")
        if amount < 0:
            raise ConfigError(f"{asset}: {amount} is below 0", "an account starts with 0 or more")
        try:
            units[asset] = to_units(amount, decimals[asset])
        except ValueError as error:
            raise ConfigError(f"{asset}: {error}", "round the opening balance") from None
    return units


def _column(values: Ints) -> array[int]:
    return array("q", values.tobytes())
