"""The report of a compiled backtest: the same figures, from fills and marks instead of events.

Law: what the Session's journal would say of this backtest, to the last unit; nothing is estimated.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import numpy as np

from tradebot.engine import protect
from tradebot.engine.unprotected import Unprotected
from tradebot.model.market import Scale, scales
from tradebot.model.money import ZERO, from_units
from tradebot.model.order import Leg
from tradebot.model.timeframe import DAY_MS
from tradebot.research import metrics
from tradebot.research.kernel.layout import BUY, Ruling, Why
from tradebot.research.kernel.simulate import Column, Simulated
from tradebot.research.ledger import Trade
from tradebot.research.report import Day, OpenPosition, Report, date_of, exit_name, grouped

# The words by which the Session gives its reason, by the decision that was carried out.
REASONS = {
    Why.SIGNAL: (Leg.EXIT, "signal"),
    Why.TIME: (Leg.EXIT, "time"),
    Why.REFUSED: (Leg.EXIT, protect.REFUSED),
    Why.STOP: (Leg.STOP, "stop of the position"),
    Why.TARGET: (Leg.TARGET, "target of the position"),
}
FILTERED, REFUSED = "-1013", "-2010"


class Told:
    """What the loop left behind, in decimals and names."""

    def __init__(self, columns: Sequence[Column], found: Simulated, *, is_trailing: bool) -> None:
        self.columns = columns
        self.found = found
        self._is_trailing = is_trailing
        known = scales([column.market for column in columns])
        self.scales: list[Scale] = [known[column.market.name] for column in columns]
        self.cash_decimals = self.scales[0].cash_decimals
        self.trades: list[Trade] = []
        self.unprotected: list[Unprotected] = []
        self.fees: dict[str, Decimal] = {}
        for trade, bare in self._round_trips():
            self.trades.append(trade)
            self.unprotected += bare

    def cash(self, units: int) -> Decimal:
        """Return cash in quote."""
        return from_units(int(units), self.cash_decimals)

    def marked(self, units: int) -> Decimal:
        """Return marked equity in quote."""
        return from_units(int(units), self.found.fine_decimals)

    def closes_at(self, time: int) -> dict[str, Decimal]:
        """Return the last close of every market within the span, by then."""
        closes = {}
        for column, scale in zip(self.columns, self.scales, strict=True):
            row = int(np.searchsorted(column.closed_at[: column.end], time, side="right")) - 1
            if row >= column.first:
                closes[column.market.name] = scale.price_decimal(int(column.close[row]))
        return closes

    def first_closes(self) -> dict[str, Decimal]:
        """Return the first close of every market within the span."""
        return {
            column.market.name: scale.price_decimal(int(column.close[column.first]))
            for column, scale in zip(self.columns, self.scales, strict=True)
        }

    def _round_trips(self) -> Iterator[tuple[Trade, list[Unprotected]]]:
        entries = {}
        for fill in self.found.fills.tolist():
            market, at, side, price, quantity, fee, in_base, why, stop, bare_at = fill
            scale, listed = self.scales[market], self.columns[market].market
            coin = listed.base if in_base else listed.quote
            charged = scale.quantity_decimal(fee) if in_base else self.cash(fee)
            self.fees[coin] = self.fees.get(coin, ZERO) + charged
            paid = scale.price_decimal(price) * scale.quantity_decimal(quantity)
            if side == BUY:
                cost = paid if in_base else paid + charged
                entries[market] = (at, scale.quantity_decimal(quantity), price, cost)
                continue
            opened_at, bought, entry, cost = entries.pop(market)
            leg, reason = self._reason(why)
            trade = Trade(
                market=listed.name,
                opened_at=opened_at,
                closed_at=at,
                quantity=bought,
                entry_price=scale.price_decimal(entry),
                exit_price=scale.price_decimal(price),
                cost=cost,
                net=paid - charged - cost,
                exit_leg=leg,
                reason=reason,
            )
            yield trade, _bare(trade, stop, at - bare_at)

    def _reason(self, why: int) -> tuple[Leg, str]:
        if why == Why.STOP_PASSED:
            return Leg.EXIT, "trailing stop" if self._is_trailing else "stop passed"
        return REASONS[Why(why)]


def _bare(trade: Trade, stop: int, milliseconds: int) -> list[Unprotected]:
    """Return how long a round trip that was to have a stop had none."""
    if not stop:
        return []
    return [
        Unprotected(
            market=trade.market,
            opened_at=trade.opened_at,
            closed_at=trade.closed_at,
            milliseconds=milliseconds,
        )
    ]


def kernel_report(
    columns: Sequence[Column],
    found: Simulated,
    *,
    mode: str,
    strategy: str,
    opening: Decimal,
    start: int,
    is_trailing: bool,
) -> Report:
    """Return the report of a compiled backtest; `opening` in quote, `start` in UTC ms."""
    told = Told(columns, found, is_trailing=is_trailing)
    positions = _positions(told)
    final = told.cash(found.account.cash) + _held_value(told)
    realised = sum((trade.net for trade in told.trades), start=ZERO)
    end = int(found.marks[0][-1]) if len(found.marks[0]) else start
    firsts, trips = told.first_closes(), _trips(told, positions)
    return Report(
        mode=mode,
        exchange=columns[0].market.exchange,
        strategy=strategy,
        quote=columns[0].market.quote,
        start=start,
        end=end,
        opening=opening,
        equity=final,
        net=final - opening,
        adjusted=ZERO,
        realised=realised,
        unrealised=final - opening - realised,
        fraction=metrics.growth(opening, final),
        hold_fraction=metrics.buy_and_hold(firsts, told.closes_at(end)),
        drawdown_max=_drawdown(told, opening),
        trades=len(told.trades),
        win_rate=metrics.win_rate(told.trades),
        profit_factor=metrics.profit_factor(told.trades),
        fees=dict(sorted(told.fees.items())),
        third_fees={},
        refused=_refused(found),
        rejected=_rejected(found),
        days=_days(told, opening, final, firsts),
        positions=positions,
        by_market=grouped((each.market.partition(":")[2], each.net) for each in told.trades),
        by_exit=grouped((exit_name(each), each.net) for each in told.trades),
        unprotected_ms=sum(each.milliseconds or 0 for each in trips),
        unprotected=trips,
    )


def _refused(found: Simulated) -> dict[str, int]:
    counts = {each.name.lower(): int(found.account.refused[each]) for each in Ruling}
    return {name: count for name, count in sorted(counts.items()) if count}


def _rejected(found: Simulated) -> dict[str, int]:
    account = found.account
    counts = {FILTERED: int(account.rejected_by_filter), REFUSED: int(account.rejected)}
    return {code: count for code, count in counts.items() if count}


def _trips(told: Told, positions: Sequence[OpenPosition]) -> tuple[Unprotected, ...]:
    """Return how long each round trip stood without its stop, open ones last."""
    waiting = [
        Unprotected(
            market=each.market,
            opened_at=each.opened_at,
            closed_at=None,
            milliseconds=each.unprotected_ms,
        )
        for each in positions
        if each.unprotected_ms is not None
    ]
    return (*told.unprotected, *waiting)


def _held_value(told: Told) -> Decimal:
    """Return what all positions are worth at their last closes."""
    worth = ZERO
    for book, scale in zip(told.found.books, told.scales, strict=True):
        price, quantity = int(book.close), int(book.quantity)
        worth += scale.price_decimal(price) * scale.quantity_decimal(quantity)
    return worth


def _drawdown(told: Told, opening: Decimal) -> Decimal:
    """Return the largest fall from a peak, as a fraction of it."""
    marks = told.found.marks[1]
    if not len(marks):
        return ZERO
    first = int(opening.scaleb(told.found.fine_decimals))
    peaks = np.maximum(np.maximum.accumulate(marks), first)
    falls = (peaks - marks) / np.maximum(peaks, 1)
    # Floats say which are deepest but for their last digits; of those the exact one counts.
    deepest = np.flatnonzero(falls >= falls.max() * (1 - 1e-12))
    kept = {(int(peaks[row]), int(marks[row])) for row in deepest if peaks[row] > 0}
    return max(
        ((told.marked(peak) - told.marked(mark)) / told.marked(peak) for peak, mark in kept),
        default=ZERO,
    )


def _days(
    told: Told, opening: Decimal, final: Decimal, firsts: dict[str, Decimal]
) -> tuple[Day, ...]:
    """Return a row a day. A candle that closes at midnight belongs to the day it was open in."""
    times, marks = told.found.marks
    numbers = (times - 1) // DAY_MS
    # Of no times none is the last of its day.
    is_last = np.append(numbers[1:] != numbers[:-1], [True] * (len(times) > 0))
    closed = [date_of(trade.closed_at - 1) for trade in told.trades]
    days: list[Day] = []
    before, closes = opening, firsts
    for row in np.flatnonzero(is_last):
        time = int(times[row])
        after = final if row == len(times) - 1 else told.marked(marks[row])
        date, now = date_of(time - 1), told.closes_at(time)
        days.append(
            Day(
                date=date,
                trades=closed.count(date),
                net=after - before,
                fraction=metrics.growth(before, after),
                hold_fraction=metrics.buy_and_hold(closes, now),
                equity=after,
            )
        )
        before, closes = after, now
    return tuple(days)


def _positions(told: Told) -> tuple[OpenPosition, ...]:
    rows = []
    last = int(told.found.marks[0][-1]) if len(told.found.marks[0]) else 0
    for book, scale, column in zip(told.found.books, told.scales, told.columns, strict=True):
        if not book.sellable:
            continue
        quantity = scale.quantity_decimal(int(book.quantity))
        close = scale.price_decimal(int(book.close))
        stop = int(book.stop)
        bare = last - int(book.waits_since) if book.waits else 0
        rows.append(
            OpenPosition(
                market=column.market.name,
                quantity=quantity,
                entry_price=scale.price_decimal(int(book.entry)),
                close=close,
                unrealised=quantity * close - told.cash(book.cost),
                stop=scale.price_decimal(stop) if stop else None,
                opened_at=int(book.opened_at),
                unprotected_ms=bare if stop else None,
            )
        )
    return tuple(rows)
