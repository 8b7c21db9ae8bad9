"""The backtest: the same Session as live, over the sandbox's book, with signals computed at once.

Law: no fill rule, limit or exit is written here: they are the live ones.
"""

import gc
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tradebot.candles import CandleTable
from tradebot.engine.state import State
from tradebot.errors import ConfigError
from tradebot.model.event import Event
from tradebot.model.market import Candle
from tradebot.model.money import decimals_of
from tradebot.research.kernel.backtest import compiled_backtest
from tradebot.research.kernel.simulate import NotSimulated
from tradebot.research.report import Report, report
from tradebot.runtime.assemble import Bot, backtest
from tradebot.runtime.chosen import Chosen
from tradebot.runtime.config import Config
from tradebot.runtime.ranges import mean_ranges
from tradebot.runtime.runs import RunSpec
from tradebot.runtime.world import World, simulated_world
from tradebot.sandbox.listing import Listing
from tradebot.strategies.base import checked_exposure, exposure_ppm

PROGRESS_EVERY = 4096
# Under [paths] logs: machine code, which is made once and takes half a minute. From so many candles
# on it is worth that: for fewer the Session takes a second.
MACHINE_CODE, COMPILED_FROM = "kernel", 100_000


class Engine(StrEnum):
    """What runs a backtest: one of the two and no other, or the compiled loop where it pays."""

    AUTO = "auto"
    KERNEL = "kernel"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """The journal of a backtest and the state it ends in. Times in UTC ms."""

    events: Sequence[Event]
    state: State
    start_ms: int
    end_ms: int
    candles: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A backtest's report. `why` names what the loop did not know; `result` is the Session's."""

    report: Report
    candles: int
    engine: Engine
    why: str = ""
    result: BacktestResult | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One market's candles and exposures, row by row; mean true ranges where they size entries."""

    name: str
    listing: Listing
    exposures: list[int | None]
    ranges: list[int]


def run_by_engine(
    config: Config,
    tables: Sequence[CandleTable],
    spec: RunSpec,
    chosen: Chosen,
    engine: Engine,
    *,
    on_progress: Callable[[int], None] = lambda candles: None,
) -> Finished:
    """Run the configured strategy over the candles; both engines report the same.

    Raises ConfigError, DataError or StrategyError.
    """
    why = ""
    if engine is Engine.AUTO and sum(map(len, tables)) < COMPILED_FROM:
        engine = Engine.SESSION
    if engine is Engine.AUTO and importlib.util.find_spec("numba") is None:
        why = "numba is not installed"
    elif engine is not Engine.SESSION:
        cache = config.paths.logs / MACHINE_CODE
        try:
            found, candles = compiled_backtest(config, tables, spec, chosen, cache=cache)
        except NotSimulated as unknown:
            if engine is Engine.KERNEL:
                raise ConfigError(
                    f"the compiled backtest does not know {unknown.reason}",
                    "--engine session runs it",
                ) from None
            why = unknown.reason
        else:
            return Finished(found, candles, Engine.KERNEL)
    result = run_backtest(config, tables, spec, chosen, on_progress=on_progress)
    return Finished(report(result.events), result.candles, Engine.SESSION, why, result)


def run_backtest(
    config: Config,
    tables: Sequence[CandleTable],
    spec: RunSpec,
    chosen: Chosen,
    *,
    on_progress: Callable[[int], None] = lambda candles: None,
) -> BacktestResult:
    """Run the configured strategy over the candles.

    Raises ConfigError, DataError or StrategyError.
    """
    world = simulated_world(config, tables, spec)
    return backtest_world(config, world, chosen, on_progress=on_progress)


def backtest_world(
    config: Config,
    world: World,
    chosen: Chosen,
    *,
    on_progress: Callable[[int], None] = lambda candles: None,
) -> BacktestResult:
    """Run the strategy in a world that nobody has traded in. Raises StrategyError."""
    columns = _columns(world, chosen)
    bot = backtest(config, world, chosen.strategy.name, tell=lambda event, state: None)
    # Events are kept and none is in a cycle: the collector would only walk them again and again.
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        candles = _drive(bot, world, columns, on_progress)
    finally:
        if is_collecting:
            gc.enable()
    events = list(bot.session.journal.events())
    return BacktestResult(events, bot.session.state, world.start_ms, world.end_ms, candles)


def _columns(world: World, chosen: Chosen) -> list[Column]:
    columns = []
    for market in world.markets:
        table = world.tables[market.symbol]
        values = checked_exposure(chosen.strategy, table.frame(), chosen.params)
        listing = world.book.listings[market.symbol]
        count, decimals = chosen.range_candles, decimals_of(market.tick)
        ranges = mean_ranges(table, count, decimals) if count else []
        columns.append(Column(market.name, listing, exposure_ppm(values), ranges))
    return sorted(columns, key=lambda column: column.name)


def _drive(
    bot: Bot, world: World, columns: list[Column], on_progress: Callable[[int], None]
) -> int:
    """Step through every close of the span; return how many candles were decided."""
    session, clock, interval = bot.session, bot.clock, bot.timeframe_ms
    rows = [_first_row(column, world.start_ms) for column in columns]
    count = 0
    # Every close on the grid, candles or not: in a gap the live loop wakes too, settles and
    # protects.
    for time in range(world.start_ms + interval, world.end_ms + 1, interval):
        clock.sleep_until(time)
        session.settle()
        candles: dict[str, Candle] = {}
        exposures: dict[str, int | None] = {}
        for index, column in enumerate(columns):
            row, listing = rows[index], column.listing
            if row < len(listing.closed_at) and listing.closed_at[row] == time:
                candle = listing.candle(row)
                if column.ranges:
                    candle = candle._replace(mean_range=column.ranges[row])
                candles[column.name] = candle
                exposures[column.name] = column.exposures[row]
                rows[index] = row + 1
        if candles:
            session.step(time, candles, exposures)
            count += len(candles)
            if count % PROGRESS_EVERY < len(columns):
                on_progress(count)
    on_progress(count)
    return count


def _first_row(column: Column, start_ms: int) -> int:
    opened_at = column.listing.opened_at
    return next((row for row, time in enumerate(opened_at) if time >= start_ms), len(opened_at))
