"""Whole runs in a test: the same configuration and candles, backtested and traded over HTTP."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from tradebot.adapters.clock import WallClock
from tradebot.adapters.journal import entries
from tradebot.adapters.latch import FileLatch
from tradebot.candles import CandleTable
from tradebot.engine.state import State
from tradebot.model.event import Event, FillBooked
from tradebot.model.timeframe import timeframe_name
from tradebot.research.backtest import BacktestResult, run_backtest
from tradebot.runtime import assemble
from tradebot.runtime.chosen import chosen_strategy
from tradebot.runtime.config import Config
from tradebot.runtime.drive import drive_virtual
from tradebot.runtime.runs import Run, Runs, RunSpec
from tradebot.runtime.trader import Ticked
from tradebot.runtime.world import simulated_world
from tradebot.sandbox.synthetic import synthetic_market

MINUTE = 60_000
STRATEGIES: dict[str, dict[str, Any]] = {
    "ema_cross": {"fast": 3, "slow": 8},
    "donchian": {"entry": 6, "exit": 3},
    "rsi_reversion": {"period": 3, "entry": 35, "exit": 65},
}


@dataclass(frozen=True, slots=True)
class Case:
    """A configuration, its candles and the span to trade."""

    config: Config
    tables: tuple[CandleTable, ...]
    spec: RunSpec


def case(tables: Sequence[CandleTable], values: dict[str, dict[str, Any]], **span: int) -> Case:
    """Return a case over `tables`; `values` are configuration sections."""
    bot = {
        "markets": [table.symbol for table in tables],
        "timeframe": timeframe_name(tables[0].timeframe_ms),
    }
    config = Config.model_validate({**values, "bot": bot})
    spec = RunSpec(
        mode="sandbox", exchange="binance", account="main", files=("candles.csv",), **span
    )
    return Case(config, tuple(tables), spec)


def random_case(seed: int, candles: int, *, timeframe_ms: int = MINUTE) -> Case:
    """Return a synthetic market or two with random rules: everything that a run can be set to."""
    draw = Random(seed)  # noqa: S311  # a seeded test, no secret
    name = draw.choice(sorted(STRATEGIES))
    # History for the longest warm-up, so that every market trades from its first candle on.
    history = 400
    tables = [
        synthetic_market(
            symbol,
            timeframe_ms=timeframe_ms,
            start_ms=0,
            count=history + candles,
            seed=seed,
            gap_rate=draw.choice([0.0, 0.01, 0.05]),
        )
        for symbol in draw.choice([["BTC/USDT"], ["BTC/USDT", "ETH/USDT"]])
    ]
    stop = Decimal(draw.choice(["0.001", "0.005", "0.02"]))
    values: dict[str, dict[str, Any]] = {
        "strategy": {"name": name, "params": STRATEGIES[name]},
        "sizing": {
            "method": draw.choice(["risk", "fraction", "volatility"]),
            "fraction": Decimal(draw.choice(["0.05", "0.3", "0.95"])),
            "risk_fraction": Decimal(draw.choice(["0.001", "0.01"])),
        },
        "exits": {
            "stop_fraction": stop,
            "target_fraction": Decimal(draw.choice(["0", "0.002", "0.01"])),
            "trailing_fraction": Decimal(draw.choice(["0", "0.003"])),
            "hold_candles_max": draw.choice([0, 7]),
        },
        "risk": {
            "position_fraction_max": Decimal(draw.choice(["0.1", "1"])),
            "open_positions_max": draw.choice([1, 10]),
            "reward_to_risk_min": 0,
            "risk_fraction_max": Decimal(draw.choice(["0.02", "1"])),
            "daily_loss_fraction_max": Decimal(draw.choice(["0.01", "0.02", "0.2"])),
            "drawdown_fraction_max": Decimal(draw.choice(["0.2", "1"])),
            "entries_per_day_max": draw.choice([5, 100_000]),
            "duplicate_seconds": draw.choice([0, 120]),
        },
        "pauses": {
            "cooldown_candles": draw.choice([0, 3]),
            "stops_max": draw.choice([0, 2]),
            "market_stops_max": draw.choice([0, 2]),
            "market_low_profit_trades": draw.choice([0, 2]),
        },
        "costs": {
            "slippage_fraction": Decimal(draw.choice(["0", "0.0005"])),
            "maker_fee_fraction": Decimal(draw.choice(["0", "0.0007"])),
            "fee_asset": draw.choice(["received", "quote"]),
        },
    }
    return case(tables, values, start_ms=history * timeframe_ms)


def changed(given: Case, values: dict[str, dict[str, Any]]) -> Case:
    """Return the case with other values in some sections of its configuration."""
    sections = given.config.model_dump()
    for section, keys in values.items():
        sections[section] |= keys
    return replace(given, config=Config.model_validate(sections))


def gappy_case(seed: int, candles: int) -> Case:
    """Return a market with many holes, and a strategy that wants to enter after some of them."""
    table = synthetic_market(
        "BTC/USDT", timeframe_ms=MINUTE, start_ms=0, count=candles, seed=seed, gap_rate=0.05
    )
    params = STRATEGIES["donchian"]
    return case([table], {"strategy": {"name": "donchian", "params": params}})


def backtested(given: Case) -> BacktestResult:
    """Run the case as a backtest."""
    chosen = chosen_strategy(given.config)
    return run_backtest(given.config, given.tables, given.spec, chosen)


@dataclass(frozen=True, slots=True)
class Traded:
    """What a run over HTTP left behind."""

    run: Run
    events: list[Event]
    head: str
    state: State
    exchange_balances: dict[str, Decimal]


def traded(given: Case, logs: Path, stop_after: Sequence[int] = ()) -> Traded:
    """Trade the case over the real client and HTTP.

    The bot is stopped in good order after each of the candle counts `stop_after`, closed, and
    started again from its files.
    """
    config = given.config.model_copy(
        update={"paths": given.config.paths.model_copy(update={"logs": logs})}
    )
    FileLatch(logs / "latch", WallClock()).arm("test")
    run = Runs(logs).create(given.spec)
    for count in (*stop_after, None):
        finished = _drive(config, given, run, count)
    rows = list(entries(run.journal))
    return Traded(run, [row.event for row in rows], rows[-1].hash, *finished)


def _drive(
    config: Config, given: Case, run: Run, stop_after: int | None
) -> tuple[State, dict[str, Decimal]]:
    world = simulated_world(config, given.tables, given.spec)
    chosen = chosen_strategy(config)
    bot = assemble.sandbox(config, world, run, chosen, tell=lambda event, state: None)
    try:
        drive_virtual(bot, _stopper(bot, stop_after))
        totals = dict(bot.session.exchange_balances())
        return bot.session.state, totals
    finally:
        bot.close()


def _stopper(bot: assemble.Bot, stop_after: int | None) -> Callable[[int, Ticked], None]:
    seen = 0

    def on_tick(time_ms: int, ticked: Ticked) -> None:
        nonlocal seen
        # Only decided candles move a restart on: an idle wake in a gap leaves nothing behind.
        seen += len(ticked.decided)
        if seen == stop_after:
            bot.clock.stop()

    return on_tick


FillRow = tuple[int, str, str, Decimal, Decimal, Decimal, str, bool]


def fill_rows(events: Sequence[Event]) -> list[FillRow]:
    """Return every fill as time, market, side, quantity, price, fee, fee coin, maker."""
    return [
        (
            event.fill.filled_at,
            event.market,
            event.side.value,
            event.fill.quantity,
            event.fill.price,
            event.fill.fee,
            event.fill.fee_asset,
            event.fill.is_maker,
        )
        for event in events
        if isinstance(event, FillBooked)
    ]


