"""One case run by both engines, and every figure in which they differ."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from tests.support import worlds
from tests.support.worlds import Case, backtested
from tradebot.model.event import Event, FillBooked, LimitTripped
from tradebot.model.market import Scale, scales
from tradebot.model.money import from_units, to_ppm
from tradebot.model.order import Side
from tradebot.research.backtest import BacktestResult
from tradebot.research.kernel.backtest import columns_of
from tradebot.research.kernel.layout import BUY, Ruling
from tradebot.research.kernel.report import kernel_report
from tradebot.research.kernel.simulate import Column, Simulated, simulate
from tradebot.research.report import Report, report
from tradebot.runtime.chosen import chosen_strategy
from tradebot.runtime.world import simulated_world

Fill = tuple[str, int, Side, int, int, int, str]
FRAMES = (60_000, 900_000, 3_600_000, 86_400_000)


def seeded_case(seed: int, candles: int) -> Case:
    """Return a random market and rules; one of four lengths of candles, so that days go by."""
    given = worlds.random_case(seed, candles, timeframe_ms=FRAMES[seed % len(FRAMES)])
    draw = Random(seed)  # noqa: S311  # a seeded test, no secret
    per_minute, per_hour = draw.choice([(5, 10), (5, 30), (60, 600)])
    markets = given.config.bot.markets
    risk: dict[str, Any] = {
        "orders_per_minute_max": per_minute,
        "orders_per_hour_max": per_hour,
        "errors_in_a_row_max": draw.choice([1, 5]),
        "open_orders_max": draw.choice([3, 50]),
        "price_collar_fraction": Decimal(draw.choice(["0.0005", "0.02"])),
        "order_notional_max": Decimal(draw.choice(["600", "1000000"])),
        "cluster_fraction_max": Decimal(draw.choice(["0.1", "0.3"])),
        "clusters": draw.choice([(), (markets,)]) if len(markets) > 1 else (),
    }
    pauses = {
        "all_cooldown_candles": draw.choice([0, 2]),
        "low_profit_trades": draw.choice([0, 3]),
    }
    return worlds.changed(given, {"risk": risk, "pauses": pauses})


def simulated(given: Case, *, plain: bool, cache: Path | None = None) -> tuple[Any, ...]:
    """Return columns, what the loop left behind, and its report. Raises NotSimulated."""
    chosen = chosen_strategy(given.config)
    world = simulated_world(given.config, given.tables, given.spec)
    columns = columns_of(world, chosen)
    rules, quote = given.config.rules(), columns[0].market.quote
    cash = world.book.free[quote]
    found = simulate(
        columns,
        rules,
        cash=cash,
        slippage_ppm=to_ppm(given.config.costs.slippage_fraction),
        cache=cache,
        plain=plain,
    )
    made = kernel_report(
        columns,
        found,
        mode="backtest",
        strategy=chosen.strategy.name,
        opening=from_units(cash, world.book.decimals[quote]),
        start=world.start_ms,
        is_trailing=bool(rules.trailing_ppm),
    )
    return columns, found, made


def differences(given: Case, *, plain: bool, cache: Path | None = None) -> list[str]:
    """Return what differs between the two engines, in words. Raises NotSimulated."""
    columns, found, made = simulated(given, plain=plain, cache=cache)
    result = backtested(given)
    return [
        *_unequal("fills", _fills(columns, found), _booked(columns, result.events)),
        *_unequal("balances", _balances(columns, found), _kept(columns, result)),
        *_unequal("trips", _trips(found), _tripped(result.events)),
        *(
            difference
            for name, value in _figures(report(result.events)).items()
            for difference in _unequal(name, _figures(made)[name], value)
        ),
    ]


def _unequal(name: str, kernel: Any, session: Any) -> list[str]:
    return [] if kernel == session else [f"{name}: {kernel!r} and not {session!r}"]


def _figures(of: Report) -> dict[str, Any]:
    """Return the report's figures; round trips that end at one time come in any order."""
    ordered = sorted(of.unprotected, key=lambda each: (each.market, each.opened_at))
    return asdict(replace(of, unprotected=tuple(ordered)))


def _scales(columns: Sequence[Column]) -> dict[str, Scale]:
    return scales([column.market for column in columns])


def _fills(columns: Sequence[Column], found: Simulated) -> list[Fill]:
    fills = []
    for market, at, side, price, quantity, fee, in_base, *_ in found.fills.tolist():
        listed = columns[market].market
        coin = listed.base if in_base else listed.quote
        traded = Side.BUY if side == BUY else Side.SELL
        fills.append((listed.name, at, traded, price, quantity, fee, coin))
    return sorted(fills)


def _booked(columns: Sequence[Column], events: Sequence[Event]) -> list[Fill]:
    known, fills = _scales(columns), []
    for each in events:
        if isinstance(each, FillBooked):
            scale, fill = known[each.market], each.fill
            is_base = fill.fee_asset == each.market.partition(":")[2].partition("/")[0]
            fee = scale.quantity(fill.fee) if is_base else scale.cash_down(fill.fee)
            price, quantity = scale.price(fill.price), scale.quantity(fill.quantity)
            fills.append(
                (each.market, fill.filled_at, each.side, price, quantity, fee, fill.fee_asset)
            )
    return sorted(fills)


def _balances(columns: Sequence[Column], found: Simulated) -> dict[str, int]:
    coins = {column.market.quote: int(found.account.cash) for column in columns}
    for column, book in zip(columns, found.books, strict=True):
        coins[column.market.base] = int(book.quantity)
    return coins


def _kept(columns: Sequence[Column], result: BacktestResult) -> dict[str, int]:
    known, kept, coins = _scales(columns), result.state.balances, {}
    for column in columns:
        market = column.market
        scale = known[market.name]
        coins[market.quote] = scale.cash_down(kept[market.quote])
        coins[market.base] = scale.quantity(kept.get(market.base, from_units(0, 0)))
    return coins


def _trips(found: Simulated) -> list[tuple[int, str]]:
    return [(at, Ruling(ruling).name.lower()) for at, ruling in found.trips.tolist()]


def _tripped(events: Sequence[Event]) -> list[tuple[int, str]]:
    return [(each.at, each.control) for each in events if isinstance(each, LimitTripped)]
