"""Faults on purpose: one way for requests and for time through a sandbox that fails as planned.

Law: no clock and no chance but the plan's: the same plan, requests and times give the same faults.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from tradebot.model.money import PPM
from tradebot.sandbox.book import Book
from tradebot.sandbox.desk import Desk
from tradebot.sandbox.endpoints import Request, Written, count, execute
from tradebot.sandbox.faults_answers import banned, instead, out_of_reach
from tradebot.sandbox.faults_candles import CandleFaults
from tradebot.sandbox.faults_draws import LAG_MS, drawn_details
from tradebot.sandbox.faults_events import Events, Schedule
from tradebot.sandbox.faults_lag import History
from tradebot.sandbox.faults_log import FaultLog
from tradebot.sandbox.faults_pieces import PieceFaults
from tradebot.sandbox.faults_plan import (
    EVENT_KINDS,
    FOREVER,
    KINDS,
    ORDER_KINDS,
    REQUEST_KINDS,
    Chance,
    Details,
    FaultPlan,
    Script,
)

# The request is not carried out; after all others it is, whatever the client hears of it.
_BEFORE = frozenset({"drop_before", "error_before", "limit", "skew", "filter"})


class Outcome(NamedTuple):
    """What becomes of a request: no answer where `written` is None, none before `ready_at`."""

    written: Written | None
    ready_at: int = 0


class _Call(NamedTuple):
    request: Request
    weight: int
    pieces: Sequence[int]


class _Trigger:
    """A scripted fault that waits for requests, and how many of them came."""

    __slots__ = ("_count", "_kind", "script")

    def __init__(self, script: Script) -> None:
        self.script = script
        self._kind = KINDS[script.fault]
        self._count = 0

    def is_pulled(self, name: str, now: int) -> bool:
        """Count a request that is meant; return whether the fault happens to this one."""
        script = self.script
        is_meant = name == script.request if script.request else name in self._kind.befalls
        if not is_meant or not script.period.covers(now):
            return False
        self._count += 1
        return not script.hits or self._count in script.hits


class Faults:
    """Stands between the wire and a desk, and lets go wrong what the plan says."""

    def __init__(self, plan: FaultPlan, desk: Desk) -> None:
        self._desk, self._random = desk, plan.random
        self._chance = Chance(0 if plan.random is None else plan.random.seed)
        self._log, self._schedule = FaultLog(), Schedule()
        self._events = Events(plan, desk, self._log, self._schedule)
        asked = [each for each in plan.scripts if each.is_asked]
        self._on_events = [_Trigger(each) for each in asked if each.fault in EVENT_KINDS]
        self._on_orders = [_Trigger(each) for each in asked if each.fault in ORDER_KINDS]
        self._on_requests = [_Trigger(each) for each in asked if each.fault in REQUEST_KINDS]
        self._draws: Counter[str] = Counter()
        self._banned_until = 0
        self._requests_in_ban = 0
        lag_ms = _longest_lag(plan)
        self._history = History(desk.book, lag_ms) if lag_ms else None
        self._pieces = PieceFaults(plan, desk.book, self._log)
        desk.shown = CandleFaults(plan, desk.book, self._log).shown
        self.advance_to(desk.book.now)

    def status(self) -> dict[str, object]:
        """Return what went wrong so far."""
        return {
            "faults": dict(sorted(self._log.counts.items())),
            "requests_in_ban": self._requests_in_ban,
            "fault_log": list(self._log.last),
        }

    # --- time -----------------------------------------------------------------------------------

    def advance_to(self, time: int) -> None:
        """Let time pass until `time`, and happen what is due by then, each at its own time."""
        while self._schedule.next_time() <= time:
            self._pass_until(max(self._desk.book.now, self._schedule.next_time()))
            self._schedule.do_next()
            self._note()
        self._pass_until(time)

    def _pass_until(self, time: int) -> None:
        book = self._desk.book
        # A replica that lags needs each state by itself: so candle by candle, where any is open.
        while self._history is not None and (at := _next_candle(book)) < time:
            book.advance_to(at)
            self._note()
        book.advance_to(time)
        self._note()

    def _note(self) -> None:
        if self._history is not None:
            self._history.note()

    # --- requests -------------------------------------------------------------------------------

    def serve(self, request: Request) -> Outcome:
        """Do what becomes of a request, and return what its client hears of it."""
        weight = count(self._desk, request)
        outcome = self._shut(request, weight)
        if outcome is None:
            for each in self._pulled(self._on_events, request.name):
                self._events.happen(each.fault, each.details)
            self._note()
            outcome = self._befallen(self._ordered(request, weight), *self._chosen(request.name))
            self._note()
        return outcome

    def _shut(self, request: Request, weight: int) -> Outcome | None:
        """Return the answer where nothing is let in: in a ban, or in an outage."""
        now = self._desk.book.now
        answer = self._events.outage()
        if answer:
            self._log.add(now, "outage", request.name, answer)
            return Outcome(out_of_reach(answer, weight))
        if now < self._banned_until:
            self._requests_in_ban += 1
            return Outcome(banned(self._banned_until, now, weight))
        return None

    def _chosen(self, name: str) -> tuple[str, Details]:
        """Return the fault of this request, "" for none: a scripted one before one of chance."""
        due = self._pulled(self._on_requests, name)
        drawn = [fault for fault in REQUEST_KINDS if self._is_drawn(fault, name)]
        if due:
            return due[0].fault, due[0].details
        if not drawn or self._random is None:
            return "", Details()
        fault, left_ms = drawn[0], self._random.period.end - self._desk.book.now
        details = drawn_details(self._chance, fault, self._draws[fault])
        # When chance has had its time, nothing of it is left.
        return fault, replace(details, ban_ms=min(details.ban_ms, left_ms))

    def _pulled(self, triggers: list[_Trigger], name: str) -> list[Script]:
        now = self._desk.book.now
        return [each.script for each in triggers if each.is_pulled(name, now)]

    def _is_drawn(self, fault: str, name: str) -> bool:
        random = self._random
        if random is None or not random.period.covers(self._desk.book.now):
            return False
        if fault not in random.rates or name not in REQUEST_KINDS[fault].befalls:
            return False
        self._draws[fault] += 1
        return self._chance.below(PPM, fault, self._draws[fault]) < random.rates[fault]

    def _ordered(self, request: Request, weight: int) -> _Call:
        """Return a request with what the orders that it places are to fill in."""
        pulled = self._pulled(self._on_orders, request.name)
        return _Call(request, weight, pulled[0].details.pieces if pulled else ())

    def _befallen(self, call: _Call, fault: str, details: Details) -> Outcome:
        """Carry a request out, or not, and return what its client hears under this fault."""
        now, name = self._desk.book.now, call.request.name
        if fault == "lag" and self._history is not None:
            return Outcome(self._lagging(call, self._history, details.lag_ms))
        if fault == "late":
            self._log.add(now, fault, name, f"arrives after {details.late_ms} ms")
            # Beyond the request's own window it is refused then, as it would be on the real one.
            self._schedule.at(now + details.late_ms, lambda: self._arrive(call))
            return Outcome(None)
        if fault == "ban":
            self._log.add(now, fault, name, f"for {details.ban_ms} ms")
            self._banned_until = now + details.ban_ms
            return Outcome(banned(self._banned_until, now, call.weight))
        real = None
        if fault not in _BEFORE and details.is_executed:
            real = self._execute(call)
        if not fault:
            return Outcome(real)
        if fault == "delay":
            return self._delayed(real, name, details.delay_ms)
        self._log.add(now, fault, name, details.answer or details.filter)
        return Outcome(instead(fault, details, real, call.weight))

    def _execute(self, call: _Call) -> Written:
        self._pieces.begin(call.pieces)
        written = execute(self._desk, call.request, call.weight)
        self._pieces.end()
        return written

    def _arrive(self, call: _Call) -> None:
        self._execute(call)

    def _delayed(self, real: Written | None, name: str, delay_ms: int) -> Outcome:
        now, is_stepped = self._desk.book.now, self._desk.is_stepped
        # Nobody lets a stepped time pass while he waits: the delay is only told.
        note = f"{delay_ms} ms{', answered at once: time is stepped' if is_stepped else ''}"
        self._log.add(now, "delay", name, note)
        return Outcome(real, 0 if is_stepped else now + delay_ms)

    def _lagging(self, call: _Call, history: History, lag_ms: int) -> Written:
        old = history.before(self._desk.book.now - lag_ms)
        if old is None:
            return self._execute(call)
        self._log.add(self._desk.book.now, "lag", call.request.name, f"{lag_ms} ms behind")
        return execute(self._desk.with_book(old), call.request, call.weight)


def _longest_lag(plan: FaultPlan) -> int:
    by_chance = LAG_MS[1] if plan.random is not None and plan.random.rates.get("lag") else 0
    return max(by_chance, *(each.details.lag_ms for each in plan.scripts), 0)


def _next_candle(book: Book) -> int:
    """Return when the next candle of a market with open orders opens or closes."""
    times = [FOREVER]
    for symbol in {order.symbol for order in book.open_orders.values()}:
        listing = book.listings[symbol]
        for column in (listing.opened_at, listing.closed_at):
            index = bisect_right(column, book.now)
            times += column[index : index + 1]
    return min(times)
