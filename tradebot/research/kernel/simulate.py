"""A simulated world as columns for the loop, and what the loop makes of it.

Law: what the loop does not know is refused by name before it runs, and where it gives up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from tradebot.engine.rules.limits import loss_floor
from tradebot.engine.settings import Rules, Sizing
from tradebot.model.market import FeeAsset, Market, Scale, scales
from tradebot.model.timeframe import DAY_MS
from tradebot.research.kernel.compiled import compiled
from tradebot.research.kernel.layout import (
    HOLD,
    MESSAGES_KEPT,
    NEVER,
    Account,
    Book,
    Fill,
    Halt,
    Ints,
    Tape,
    Terms,
    Tripped,
    records,
)
from tradebot.research.kernel.loop import run

BITS = 2**62
# Equity may grow so many times within one candle before it would be noticed.
HEADROOM = 16
TRIPS_MAX = 3


class NotSimulated(Exception):  # it is no error: the Session runs instead
    """The loop does not know something of this backtest; `reason` names it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Column:
    """One market, its candles in price units, and its exposures in ppm, HOLD to hold.

    Rows from `first` to before `end` close within the span.
    """

    market: Market
    opened_at: Ints
    closed_at: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    exposure: Ints
    mean_range: Ints
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Simulated:
    """What the loop left behind; `fine_decimals` are those of the marks."""

    fills: Any
    trips: Any
    marks: Ints
    books: Any
    account: Any
    fine_decimals: int


def simulate(
    columns: Sequence[Column],
    rules: Rules,
    *,
    cash: int,
    slippage_ppm: int,
    cache: Path | None = None,
    plain: bool = False,
) -> Simulated:
    """Run the loop over columns in the order of their names; `cash` in cash units.

    `plain` runs the same text uncompiled. Raises NotSimulated.
    """
    markets = [column.market for column in columns]
    known = scales(markets)
    listed_scales = [known[market.name] for market in markets]
    _refuse(markets, rules)
    fine_decimals = max(
        [listed_scales[0].cash_decimals]
        + [each.price_decimals + each.quantity_decimals for each in listed_scales]
    )
    terms = _terms(rules, listed_scales[0], fine_decimals, slippage_ppm)
    books = _books(columns, listed_scales, rules, fine_decimals)
    tape = _tape(columns)
    _refuse_sizes(columns, books, terms, cash)
    account = records(Account, 1)[0]
    account.cash = cash
    account.marked = account.opening = account.peak = cash * terms.cash_fine
    account.peak_floor = loss_floor(int(account.peak), rules.drawdown_ppm_max)
    clusters = np.array(
        [[market.name in cluster for market in markets] for cluster in rules.clusters], np.int64
    ).reshape(len(rules.clusters), len(markets))
    fills, trips, marks = _room(columns)
    loop: Callable[..., int] = run if plain else compiled(run, cache)
    halt = loop(tape, books, account, terms, clusters, fills, trips, marks)
    if halt:
        raise NotSimulated(WHY_GIVEN_UP[Halt(halt)])
    return Simulated(
        fills=fills[: account.fills],
        trips=trips[: account.trips],
        marks=marks[:, : account.marks],
        books=books,
        account=account,
        fine_decimals=fine_decimals,
    )


WHY_GIVEN_UP = {
    Halt.SALE_TOO_LARGE: "a position was larger than one sale may be",
    Halt.PACE_OF_EXITS: "an exit met the limit on orders within a minute or an hour",
    Halt.SALE_REFUSED: "a position was worth less than an order when it was to be sold",
    Halt.HELD_TOO_LITTLE: "a position became worth less than an order",
    Halt.ENTRY_LOST_IN_GAP: "the price ran away from an entry that waited in a gap",
    Halt.SIXTY_FOUR_BITS: "equity outgrew 64 bits",
}


def _refuse(markets: Sequence[Market], rules: Rules) -> None:
    if rules.entry_ms_max:
        raise NotSimulated("limit entries")
    if len({market.quote for market in markets}) > 1:
        raise NotSimulated("markets of more than one quote coin")
    if rules.is_staged:
        raise NotSimulated("stages of real money")
    if rules.pace.orders_per_hour_max > MESSAGES_KEPT:
        raise NotSimulated(f"more than {MESSAGES_KEPT} orders within an hour")
    if not all(market.is_trading for market in markets):
        raise NotSimulated("a market that is not traded now")


def _terms(rules: Rules, scale: Scale, fine_decimals: int, slippage_ppm: int) -> Any:
    terms = records(Terms, 1)[0]
    for part in (rules, rules.pauses, rules.pace):
        for each in fields(part):
            if each.name in Terms.__annotations__:
                setattr(terms, each.name, getattr(part, each.name))
    terms.by_fraction = rules.sizing is Sizing.FRACTION
    terms.by_risk = rules.sizing is Sizing.RISK
    terms.slippage_ppm = slippage_ppm
    terms.cash_fine = 10 ** (fine_decimals - scale.cash_decimals)
    terms.equity_max = BITS // HEADROOM
    return terms


def _books(
    columns: Sequence[Column], known: Sequence[Scale], rules: Rules, fine_decimals: int
) -> Any:
    books = records(Book, len(columns))
    start = 0
    for index, (column, scale) in enumerate(zip(columns, known, strict=True)):
        book, market = books[index], column.market
        book.index = index
        book.lot, book.lot_cash, book.tick = scale.lot, scale.lot_cash, scale.tick
        book.quantity_min = scale.quantity(market.quantity_min)
        most = market.quantity_max
        book.quantity_max = BITS if most is None else scale.quantity_down(most)
        book.notional_min = scale.cash_down(market.notional_min)
        book.order_max = min(BITS, scale.cash_down(rules.order_notional_max))
        book.maker_ppm, book.taker_ppm = market.maker_ppm, market.taker_ppm
        book.fee_in_base = market.fee_asset is FeeAsset.RECEIVED
        book.fine = 10 ** (fine_decimals - scale.price_decimals - scale.quantity_decimals)
        book.row, book.end = start + column.first, start + column.end
        book.closed_at = book.bought_at = book.stopped_at = NEVER
        book.exposure = HOLD
        start += len(column.close)
        book.last = start
    return books


def _tape(columns: Sequence[Column]) -> Tape:
    """Return the columns one after the other; of one market, as they are."""
    return Tape(*(_joined([getattr(column, name) for column in columns]) for name in Tape._fields))


def _joined(parts: Sequence[Ints]) -> Ints:
    return np.ascontiguousarray(parts[0] if len(parts) == 1 else np.concatenate(parts))


def _room(columns: Sequence[Column]) -> tuple[Any, Any, Ints]:
    """Return room for fills, trips and marks: pages that are never written take no memory."""
    rows = sum(column.end - column.first for column in columns)
    days = sum(
        int(column.closed_at[column.end - 1] - column.closed_at[column.first]) // DAY_MS + 2
        for column in columns
        if column.end > column.first
    )
    fills = records(Fill, 3 * rows, are_made=False)
    return fills, records(Tripped, days + TRIPS_MAX), np.empty((2, rows), np.int64)


def _refuse_sizes(columns: Sequence[Column], books: Any, terms: Any, cash: int) -> None:
    """Refuse numbers that could leave 64 bits before the loop would notice."""
    for column, book in zip(columns, books, strict=True):
        if column.end <= column.first:
            raise NotSimulated("a market without candles in the span")
        high, low = column.high[column.first :], column.low[column.first :]
        dearest = int(high.max())
        if dearest * int(book.lot) * int(book.lot_cash) >= BITS:
            raise NotSimulated("a price that 64 bits do not hold")
        if np.any(high[1:] // HEADROOM >= low[:-1]):
            raise NotSimulated(f"a price that rose {HEADROOM} times within two candles")
    if cash * int(terms.cash_fine) > terms.equity_max:
        raise NotSimulated("cash that 64 bits do not hold")


def exposures(values: Sequence[int | None]) -> Ints:
    """Return exposures with HOLD for None."""
    return np.array([HOLD if value is None else value for value in values], np.int64)
