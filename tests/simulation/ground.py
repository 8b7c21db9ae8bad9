"""The ground of a world: its markets and candles, the account, the rules that it is traded by."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from tests.simulation.exchange import PiecesBook
from tests.simulation.feed import Column, column
from tests.simulation.limits import Caps
from tests.simulation.names import BOT
from tests.simulation.options import DAY, Options
from tests.simulation.rows import Listed
from tradebot.engine.settings import Rules, Sizing
from tradebot.model.event import SessionStarted
from tradebot.model.market import (
    ASSET_DECIMALS,
    FeeAsset,
    Market,
    Scale,
    asset_decimals,
    scales,
)
from tradebot.model.money import to_units
from tradebot.sandbox.listing import FeeCoin
from tradebot.sandbox.replay import listing, market_for
from tradebot.sandbox.synthetic import synthetic_market

CASH = Decimal(10_000)
FOREIGN = Decimal("0.5")
FEE_COIN = FeeCoin("BNB", Decimal(600))


@dataclass(frozen=True, slots=True)
class Ground:
    """All that is there before anybody acts."""

    options: Options
    markets: tuple[Market, ...]
    scales: dict[str, Scale]
    book: PiecesBook
    columns: dict[str, Column]
    rules: Rules
    opening: dict[str, Decimal]

    def closes(self) -> dict[str, list[int]]:
        """Return when every candle of each market closes."""
        return {name: each.closed_at for name, each in self.columns.items()}

    def listed(self) -> dict[str, Listed]:
        """Return the markets in the checker's plain words."""
        return {
            each.name: Listed(
                base=each.base,
                quote=each.quote,
                step=each.step,
                minimum=each.quantity_min,
                worth_min=each.notional_min,
                closes=self.columns[each.name].closed_at,
            )
            for each in self.markets
        }

    def caps(self) -> Caps:
        """Return the limits that the bot trades under."""
        return Caps(
            positions_max=self.rules.open_positions_max,
            position_ppm_max=self.rules.position_ppm_max,
            exposure_ppm_max=self.rules.exposure_ppm_max,
            timeframe_ms=self.options.timeframe_ms,
        )

    def started(self, now: int) -> SessionStarted:
        """Return the first event of the journal: it tells of the coins of its markets alone."""
        traded = {coin for market in self.markets for coin in (market.base, market.quote)}
        return SessionStarted(
            at=now,
            mode="simulation",
            bot=BOT,
            exchange="binance",
            timeframe_ms=self.options.timeframe_ms,
            markets=self.markets,
            strategy="drawn",
            config_hash="",
            balances={coin: held for coin, held in self.opening.items() if coin in traded},
            version="0",
        )


def ground(
    options: Options, draw: Random, start_ms: int, hits: Callable[[str], bool]
) -> Ground:
    """Return the ground that the options describe."""
    listed = []
    for symbol in options.symbols:
        table = synthetic_market(
            symbol,
            timeframe_ms=options.exchange_ms,
            start_ms=start_ms - options.timeframe_ms,
            count=(options.days * DAY + options.timeframe_ms) // options.exchange_ms,
            seed=options.seed,
            gap_rate=options.gap_rate,
        )
        market = market_for(symbol, table, fee_asset=FeeAsset(options.fee_asset))
        listed.append((market, table))
    markets = tuple(market for market, _ in listed)
    scale_of, decimals = scales(markets), asset_decimals(markets)
    opening = {"USDT": CASH}
    if options.has_foreign_coins:
        opening |= {market.base: FOREIGN for market in markets}
    if options.fee_coin:
        opening[FEE_COIN.asset] = Decimal(options.fee_coin)
        decimals[FEE_COIN.asset] = ASSET_DECIMALS
    book = PiecesBook(
        [listing(market, table, scale_of[market.name]) for market, table in listed],
        {coin: to_units(amount, decimals[coin]) for coin, amount in opening.items()},
        slippage_ppm=options.slippage_ppm,
        now=start_ms,
        draw=draw,
        hits=hits,
        fee_coin=FEE_COIN if options.fee_coin else None,
    )
    columns = {
        market.name: column(book.listings[market.symbol], options.timeframe_ms, draw)
        for market in markets
    }
    return Ground(options, markets, scale_of, book, columns, _rules(options), opening)


def _rules(options: Options) -> Rules:
    values = dict(options.rules)
    sizing, notional = Sizing(values.pop("sizing")), Decimal(values.pop("order_notional_max"))
    return Rules(sizing=sizing, order_notional_max=notional, **values)
