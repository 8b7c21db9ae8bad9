"""The backtest as a user asks for it, run by the compiled loop."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tradebot.candles import CandleTable
from tradebot.model.money import PPM, from_units, to_ppm
from tradebot.research.kernel.layout import HOLD, Ints
from tradebot.research.kernel.report import kernel_report
from tradebot.research.kernel.simulate import Column, simulate
from tradebot.research.report import Report
from tradebot.runtime.assemble import Mode
from tradebot.runtime.chosen import Chosen
from tradebot.runtime.config import Config
from tradebot.runtime.ranges import mean_ranges
from tradebot.runtime.runs import RunSpec
from tradebot.runtime.world import World, simulated_world
from tradebot.sandbox.listing import Listing
from tradebot.strategies.base import checked_exposure


def compiled_backtest(
    config: Config,
    tables: Sequence[CandleTable],
    spec: RunSpec,
    chosen: Chosen,
    *,
    cache: Path | None = None,
    plain: bool = False,
) -> tuple[Report, int]:
    """Return the report of the configured strategy over the candles, and how many there were.

    Machine code is kept in `cache`; `plain` runs the same text uncompiled. Raises NotSimulated for
    what the loop does not know, ConfigError, DataError or StrategyError.
    """
    world = simulated_world(config, tables, spec)
    columns = columns_of(world, chosen)
    quote = columns[0].market.quote
    cash = world.book.free[quote]
    rules = config.rules()
    found = simulate(
        columns,
        rules,
        cash=cash,
        slippage_ppm=to_ppm(config.costs.slippage_fraction),
        cache=cache,
        plain=plain,
    )
    report = kernel_report(
        columns,
        found,
        mode=Mode.BACKTEST.value,
        strategy=chosen.strategy.name,
        opening=from_units(cash, world.book.decimals[quote]),
        start=world.start_ms,
        is_trailing=bool(rules.trailing_ppm),
    )
    return report, sum(column.end - column.first for column in columns)


def columns_of(world: World, chosen: Chosen) -> list[Column]:
    """Return the world's markets as columns, in the order of their names. Raises StrategyError."""
    columns = []
    for market in sorted(world.markets, key=lambda each: each.name):
        table = world.tables[market.symbol]
        values = checked_exposure(chosen.strategy, table.frame(), chosen.params)
        is_held = np.isnan(values)
        exposure = np.rint(np.where(is_held, 0.0, values) * PPM).astype(np.int64)
        exposure[is_held] = HOLD
        listing = world.book.listings[market.symbol]
        opened_at, closed_at = _column(listing, "opened_at"), _column(listing, "closed_at")
        count = chosen.range_candles
        decimals = listing.scale.price_decimals
        ranges = mean_ranges(table, count, decimals) if count else [0] * len(opened_at)
        columns.append(
            Column(
                market=market,
                opened_at=opened_at,
                closed_at=closed_at,
                open=_column(listing, "open"),
                high=_column(listing, "high"),
                low=_column(listing, "low"),
                close=_column(listing, "close"),
                exposure=exposure,
                mean_range=np.array(ranges, np.int64),
                first=int(np.searchsorted(opened_at, world.start_ms)),
                end=int(np.searchsorted(closed_at, world.end_ms, side="right")),
            )
        )
    return columns


def _column(listing: Listing, name: str) -> Ints:
    column: Ints = np.asarray(getattr(listing, name), np.int64)
    return column
