"""What befalls an account and its markets from outside, and when.

Law: all of it happens at a time of the sandbox, in the order of those times.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from tradebot.model.money import PPM
from tradebot.model.timeframe import DAY_MS
from tradebot.sandbox.book import Book
from tradebot.sandbox.desk import Desk
from tradebot.sandbox.faults_log import FaultLog
from tradebot.sandbox.faults_plan import (
    DELISTED,
    EVENT_KINDS,
    FOREVER,
    OUTAGES,
    PER_DAY,
    Chance,
    Details,
    FaultPlan,
    Period,
    RandomFaults,
)
from tradebot.sandbox.listing import BookOrder
from tradebot.sandbox.wire import amount

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
# A market that no listing has: what has vanished stays in the book's numbering, and nowhere else.
NOWHERE = ""
# How long an outage by chance lasts: from a minute, doubled up to so often, at most a day.
_OUTAGE_DOUBLINGS = 10


class Schedule:
    """What is to be done at which time."""

    def __init__(self) -> None:
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._number = count()

    def at(self, time: int, act: Callable[[], None]) -> None:
        """Plan `act` for `time`; of the same time, what was planned first comes first."""
        heappush(self._due, (time, next(self._number), act))

    def next_time(self) -> int:
        """Return when the next is due."""
        return self._due[0][0] if self._due else FOREVER

    def do_next(self) -> None:
        """Do what is due next."""
        heappop(self._due)[2]()


class Outage(NamedTuple):
    """A time in which no request is answered."""

    period: Period
    answer: str


class Events:
    """Makes orders vanish, balances change, markets end and the exchange go away."""

    def __init__(self, plan: FaultPlan, desk: Desk, log: FaultLog, schedule: Schedule) -> None:
        self._desk, self._book, self._log, self._schedule = desk, desk.book, log, schedule
        self._outages: list[Outage] = []
        for each in plan.scripts:
            if each.fault == "outage":
                self._outages.append(Outage(each.period, each.details.answer))
            elif each.fault == "delist":
                self._delist_for(each.period, each.details)
            elif each.fault in EVENT_KINDS and not each.is_asked:
                self._plan(each.period.start, each.fault, each.details)
        if plan.random is not None:
            self._random, self._chance = plan.random, Chance(plan.random.seed)
            self._plan_day(plan.random, 0, desk.book.now)

    def outage(self) -> str:
        """Return how requests fail now, as there is an outage; "" where there is none."""
        now = self._book.now
        return next((each.answer for each in self._outages if each.period.covers(now)), "")

    def happen(self, fault: str, details: Details) -> None:
        """Let something befall the account now."""
        if fault == "vanish":
            self._vanish(details.orders)
        else:
            self._change_balance(details.asset, details.change)

    def _vanish(self, orders: str) -> None:
        chosen = list(self._book.open_orders.values())
        if orders != "all":
            chosen = chosen[:1] if orders == "oldest" else chosen[-1:]
        for order in chosen:
            if order.order_id in self._book.open_orders:
                self._log.add(self._book.now, "vanish", order.symbol, order.client_id)
                vanish(self._book, order)

    def _change_balance(self, asset: str, change: int) -> None:
        free = self._book.free
        change = max(change, -free[asset])  # Nobody takes out what is not there, or locked.
        if change:
            free[asset] += change
            text = amount(abs(change), self._desk.decimals[asset])
            self._log.add(self._book.now, "balance", asset, ("-" if change < 0 else "+") + text)

    # --- markets that end -----------------------------------------------------------------------

    def _delist_for(self, period: Period, details: Details) -> None:
        self._plan(period.start, "delist", details)
        if period.end < FOREVER:
            self._schedule.at(period.end, lambda: self._relist(details.symbol))

    def _delist(self, symbol: str, how: str) -> None:
        is_absent = how == "absent"
        self._log.add(self._book.now, "delist", symbol, how)
        self._desk.statuses[symbol] = "" if is_absent else "BREAK"
        while is_absent and (order := next(self._book.open_of(symbol), None)) is not None:
            self._book.cancel(order)

    def _relist(self, symbol: str) -> None:
        self._desk.statuses.pop(symbol, None)

    # --- by the clock ---------------------------------------------------------------------------

    def _plan(self, time: int, fault: str, details: Details) -> None:
        if fault == "delist":
            self._schedule.at(time, lambda: self._delist(details.symbol, details.how))
        else:
            self._schedule.at(time, lambda: self.happen(fault, details))

    def _plan_day(self, random: RandomFaults, day: int, begins_at: int) -> None:
        """Plan what chance brings in 24 hours, and the planning of the next."""
        self._outages = [each for each in self._outages if each.period.end > begins_at]
        for fault in PER_DAY.values():
            whole, rest = divmod(random.per_day.get(fault, 0), PPM)
            number = whole + (self._chance.below(PPM, fault, day) < rest)
            for each in range(number):
                time = begins_at + self._chance.below(DAY_MS, fault, "time", day, each)
                if random.period.covers(time):
                    self._plan_by_chance(fault, time)
        ends_at = begins_at + DAY_MS
        if ends_at < random.period.end:
            self._schedule.at(ends_at, lambda: self._plan_day(random, day + 1, ends_at))

    def _plan_by_chance(self, fault: str, time: int) -> None:
        chance, healed_at = self._chance, self._random.period.end
        if fault == "outage":
            doubled = MINUTE_MS << chance.below(_OUTAGE_DOUBLINGS + 1, "minutes", time)
            length = min(DAY_MS, chance.between(doubled, 2 * doubled, "length", time))
            period = Period(time, min(time + length, healed_at))
            self._outages.append(Outage(period, chance.one_of(OUTAGES, "answer", time)))
        elif fault == "delist":
            symbol = chance.one_of(tuple(sorted(self._book.listings)), "symbol", time)
            how = chance.one_of(DELISTED, "how", time)
            length = chance.between(HOUR_MS, DAY_MS, "span", time)
            period = Period(time, min(time + length, healed_at))
            self._delist_for(period, Details(symbol=symbol, how=how))
        elif fault == "vanish":
            self._plan(time, fault, Details(orders="oldest"))
        else:
            self._schedule.at(time, lambda: self._change_by_chance(time))

    def _change_by_chance(self, time: int) -> None:
        """Take or give up to half of what is free of a coin the account has."""
        held = tuple(asset for asset, free in sorted(self._book.free.items()) if free)
        if held:
            asset = self._chance.one_of(held, "asset", time)
            part = self._chance.between(-PPM // 2, PPM // 2, "part", time)
            self._change_balance(asset, self._book.free[asset] * part // PPM)


def vanish(book: Book, order: BookOrder) -> None:
    """Take an open order, and its OCO sibling, out of every list, as if it had never been.

    What it had locked is free again; what it had traded stays traded, though nothing tells of it.
    """
    for each in book.cancel(order):
        del book.by_client_id[each.client_id]
        each.symbol = NOWHERE
        for trade in each.trades:
            trade.symbol = NOWHERE
    book.lists.pop(order.list_id, None)
