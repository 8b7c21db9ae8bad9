"""The report: days, totals and open positions of a run, with buy and hold beside every return."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from tradebot.engine.unprotected import Unprotected
from tradebot.model.event import Event
from tradebot.model.money import ZERO
from tradebot.model.order import Leg
from tradebot.model.timeframe import DAY_MS, format_time
from tradebot.research import metrics
from tradebot.research.ledger import Ledger, Mark, Trade, equity, ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One UTC day: what closed on it, and what the account gained by its last candle."""

    date: str
    trades: int
    net: Decimal
    fraction: Decimal | None
    hold_fraction: Decimal | None
    equity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPosition:
    """A position that is open at the end."""

    market: str
    quantity: Decimal
    entry_price: Decimal
    close: Decimal
    unrealised: Decimal
    stop: Decimal | None
    opened_at: int
    unprotected_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run in figures. Amounts in `quote`; fractions 0…1, None where there is nothing to say.

    `net` is `realised`, by trades that have ended, plus `unrealised`: open positions, and rests of
    coins too small to sell, at the last closes. `adjusted` is what was put in, less what was taken
    out by hand: no part of it. `third_fees` are those of `fees` that are in no figure in `quote`:
    taken in coins of which no price is known. `unprotected`: every round trip that was to have a
    stop, and how long none rested; `unprotected_ms` in all.
    """

    mode: str
    exchange: str
    strategy: str
    quote: str
    start: int
    end: int
    opening: Decimal
    equity: Decimal
    net: Decimal
    adjusted: Decimal
    realised: Decimal
    unrealised: Decimal
    fraction: Decimal | None
    hold_fraction: Decimal | None
    drawdown_max: Decimal
    trades: int
    win_rate: Decimal | None
    profit_factor: Decimal | None
    fees: dict[str, Decimal]
    third_fees: dict[str, Decimal]
    refused: dict[str, int]
    rejected: dict[str, int]
    days: tuple[Day, ...]
    positions: tuple[OpenPosition, ...]
    by_market: dict[str, tuple[int, Decimal]]
    by_exit: dict[str, tuple[int, Decimal]]
    unprotected_ms: int
    unprotected: tuple[Unprotected, ...]


def report(events: Iterable[Event]) -> Report:
    """Return the report of a journal's events. Raises JournalError for an empty journal."""
    sums = ledger(events)
    started = sums.state.started
    assert started is not None, "ledger refuses an empty journal"
    final = equity(sums.state)
    opening = sums.opening_equity
    realised = sum((trade.net for trade in sums.trades), start=ZERO)
    earned = final - sums.adjusted
    curve = [opening, *(mark.equity - mark.adjusted for mark in sums.marks)]
    trips = [*sums.unprotected.closed, *sums.unprotected.open()]
    return Report(
        mode=started.mode,
        exchange=started.exchange,
        strategy=started.strategy,
        quote=sums.quote,
        start=started.at,
        end=sums.marks[-1].closed_at if sums.marks else started.at,
        opening=opening,
        equity=final,
        net=earned - opening,
        adjusted=sums.adjusted,
        realised=realised,
        unrealised=earned - opening - realised,
        fraction=metrics.growth(opening, earned),
        hold_fraction=metrics.held_return(sums),
        drawdown_max=metrics.drawdown_max(curve),
        trades=len(sums.trades),
        win_rate=metrics.win_rate(sums.trades),
        profit_factor=metrics.profit_factor(sums.trades),
        fees=dict(sorted(sums.fees.items())),
        third_fees=dict(sorted(sums.state.third_fees.items())),
        refused=dict(sorted(sums.refused.items())),
        rejected=dict(sorted(sums.rejected.items())),
        days=_days(sums, final),
        positions=_positions(sums),
        by_market=grouped((trade.market.partition(":")[2], trade.net) for trade in sums.trades),
        by_exit=grouped((exit_name(each), each.net) for each in sums.trades),
        unprotected_ms=sum(each.milliseconds or 0 for each in trips),
        unprotected=tuple(each for each in trips if each.milliseconds is not None),
    )


def exit_name(trade: Trade) -> str:
    """Return what ended a trade: its leg, or the first words of the reason."""
    if trade.exit_leg is Leg.EXIT:
        return trade.reason.partition(":")[0]
    return trade.exit_leg.value


def grouped(named: Iterable[tuple[str, Decimal]]) -> dict[str, tuple[int, Decimal]]:
    """Return count and sum by name, in the order of the names."""
    groups: dict[str, tuple[int, Decimal]] = {}
    for name, net in named:
        count, total = groups.get(name, (0, ZERO))
        groups[name] = (count + 1, total + net)
    return dict(sorted(groups.items()))


def _days(sums: Ledger, final: Decimal) -> tuple[Day, ...]:
    """Return a row a day. A candle that closes at midnight belongs to the day it was open in."""
    last_of: dict[str, Mark] = {}
    for mark in sums.marks:
        last_of[date_of(mark.closed_at - 1)] = mark
    closed = [date_of(trade.closed_at - 1) for trade in sums.trades]
    days = []
    before, closes, put_in = sums.opening_equity, sums.first_closes, ZERO
    names = list(last_of)
    for name, mark in last_of.items():
        # What was decided from the very last candle belongs to the last day.
        is_last = name == names[-1]
        after = final if is_last else mark.equity
        adjusted = sums.adjusted if is_last else mark.adjusted
        earned = after - (adjusted - put_in)
        days.append(
            Day(
                date=name,
                trades=closed.count(name),
                net=earned - before,
                fraction=metrics.growth(before, earned),
                hold_fraction=metrics.buy_and_hold(closes, mark.closes),
                equity=after,
            )
        )
        before, closes, put_in = after, mark.closes, adjusted
    return tuple(days)


def date_of(time_ms: int) -> str:
    """Return the UTC day of a time."""
    return format_time(time_ms - time_ms % DAY_MS)[:10]


def _positions(sums: Ledger) -> tuple[OpenPosition, ...]:
    rows = []
    bare = {each.market: each.milliseconds for each in sums.unprotected.open()}
    for market, position in sorted(sums.state.positions.items()):
        close = sums.state.feed.closes.get(market)
        if position.is_open and close is not None:
            value = position.quantity * close
            rows.append(
                OpenPosition(
                    market=market,
                    quantity=position.quantity,
                    entry_price=position.entry_price,
                    close=close,
                    unrealised=value + position.proceeds - position.cost,
                    stop=position.stop or None,
                    opened_at=position.opened_at,
                    unprotected_ms=bare.get(market),
                )
            )
    return tuple(rows)
