"""The checker: what must hold between the journal, the wire and the exchange, at every moment.

Law: it knows nothing of the program: no import of it, no type of it. It is told plain rows: the
journal's own text, what left on the wire, what the exchange did; and it counts everything again.
"""

from bisect import bisect_right
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.simulation.heard import Heard
from tests.simulation.limits import Caps, Limits
from tests.simulation.rows import (
    APART_MS,
    LEGAL,
    MARGIN_MS,
    NEVER_THERE,
    OPEN,
    REQUEST_MS,
    UNSETTLED,
    Listed,
    Told,
)


class Checker(Heard):
    """Hears all that happens, and raises Violation at the first thing that must not."""

    def __init__(
        self,
        markets: Mapping[str, Listed],
        opening: Mapping[str, Decimal],
        *,
        caps: Caps,
        has_stop: bool,
        ahead_ms: int = 0,
        lag_ms_max: int = 0,
    ) -> None:
        super().__init__(
            markets, opening, has_stop=has_stop, ahead_ms=ahead_ms, lag_ms_max=lag_ms_max
        )
        self._limits = Limits(self, self.coins, markets, caps)
        self._decided: dict[str, int] = {}
        self._first: dict[str, int] = {}
        self._missed: set[int] = set()
        # Markets whose last word, but for "hold", was not long.
        self._unwanted: set[str] = set()
        # Events on disk in this life of the bot, and those of which it has told.
        self._kept = self._told = 0

    # --- the bot --------------------------------------------------------------------------------

    def booted(self, time: int) -> None:
        """Hear that the bot has been started."""
        self.note(time, "boot")
        self._kept = self._told = 0

    def told(self) -> None:
        """Hear that the bot has told of an event."""
        self._told += 1
        self.must(self._told <= self._kept, "I15", "an event was told before it was on disk")

    def killed(self, time: int, *, is_killed: bool) -> None:
        """Hear that the emergency stop was latched, or lifted."""
        self.note(time, "killed" if is_killed else "resumed")
        self.hands.killed(time, is_killed=is_killed)

    def owner_acts(self, time: int, *, is_acting: bool) -> None:
        """Hear that the owner gives his word on what differs, or has given it."""
        self.note(time, "the owner acts" if is_acting else "the owner has spoken")
        self.hands.is_owner_acting = is_acting

    # --- the journal ----------------------------------------------------------------------------

    def journalled(self, time: int, kind: str, body: dict[str, Any], text: str) -> None:
        """Hear of an event that is on disk."""
        self.note(time, kind, text)
        self._kept += 1
        wrong = self.protection.heard(time, kind, body)
        self.must(not wrong, "I8", wrong)
        self.hands.heard(time, kind, body)
        handler = getattr(self, f"_on_{kind}", None)
        if handler is not None:
            handler(body)
            if "order_id" in body:
                self._watch(self.orders[body["order_id"]].market)
        elif kind == "position_adjusted":
            self._watch(body["market"])

    def _move(self, body: dict[str, Any], status: str) -> Told:
        order_id = body["order_id"]
        self.must(order_id in self.orders, "I6", f"{order_id} is {status} but was never intended")
        order = self.orders[order_id]
        legal = LEGAL[order.status].split()
        self.must(status in legal, "I6", f"{order_id} went from {order.status} to {status}")
        order.status = status
        if status in UNSETTLED:
            self.unsettled[order_id] = order
        else:
            self.unsettled.pop(order_id, None)
        return order

    def _on_candles_closed(self, body: dict[str, Any]) -> None:
        closed_at = body["closed_at"]
        early = closed_at - self.now
        # By its own clock it had: whose is ahead, and wakes in that moment, is that much too early.
        is_closed = early <= max(self._ahead_ms, 0)
        self.must(is_closed, "I13", f"{closed_at} was decided {early} ms early")
        self.counts["decided early"] += early > 0
        for market, close in body["closes"].items():
            self.coins.price[market] = self._number(close)
            closes, last = self.markets[market].closes, self._decided.get(market, 0)
            self.must(closed_at > last, "I22", f"{market} decided {closed_at} after {last}")
            if last:
                skipped = bisect_right(closes, closed_at) - bisect_right(closes, last) - 1
                self.must(skipped == 0, "I22", f"{market}: {skipped} candles before {closed_at}")
            self._decided[market] = closed_at
            self._first.setdefault(market, closed_at)
        for market, exposure in body["exposures"].items():
            if exposure is not None:
                (self._unwanted.add if exposure <= 0 else self._unwanted.discard)(market)
        if body["missed"]:
            self._missed.add(closed_at)

    def _on_order_intended(self, body: dict[str, Any]) -> None:
        order_id, market = body["order_id"], body["market"]
        self.must(order_id not in self.orders, "I2", f"{order_id} was intended twice")
        order = Told(
            market=market,
            side=body["side"],
            kind=body["kind"],
            leg=body["leg"],
            quantity=self._number(body["quantity"]),
            price=self._number(body["price"] or body["reference_price"]),
            closed_at=body["closed_at"],
            ruled_at=body["at"],
        )
        if order.leg == "entry":
            is_locked = self.hands.is_locked(market)
            self.must(not is_locked, "I8", f"an entry in {market}, which is locked")
            self.must(not self.hands.is_halted, "I12", f"an entry in {market}, while halted")
            is_missed = order.closed_at in self._missed
            self.must(not is_missed, "I13", f"{market} entered on a missed candle")
            first = self._first[market]
            self._limits.entry(self.now, order, self.unsettled.values(), first)
        self.orders[order_id] = order
        self._move(body, "intended")

    def _number(self, text: str) -> Decimal:
        number = Decimal(text)
        self.must(number.is_finite() and number > 0, "I11", f"{text} is no amount")
        return number

    def _on_order_sent(self, body: dict[str, Any]) -> None:
        order = self._move(body, "sent")
        order.sent_at, order.window_ms = body["at"] - self._ahead_ms, body["window_ms"]

    def _on_order_accepted(self, body: dict[str, Any]) -> None:
        self.must(body["order_id"] in self.there, "I7", f"{body['order_id']} is not there")
        order = self._move(body, "accepted")
        if order.filled:
            order.status = "partial"

    def _on_order_rejected(self, body: dict[str, Any]) -> None:
        order = self._move(body, "rejected")
        self.must(order.answer == "no", "I7", f"{body['order_id']} was never refused")
        self.must(body["order_id"] not in self.there, "I3", f"{body['order_id']} is there")

    def _on_order_unknown(self, body: dict[str, Any]) -> None:
        self._move(body, "unknown")

    def _on_order_cancelled(self, body: dict[str, Any]) -> None:
        self._ended(body, "cancelled")

    def _on_order_expired(self, body: dict[str, Any]) -> None:
        self._ended(body, "expired")

    def _ended(self, body: dict[str, Any], status: str) -> None:
        order_id = body["order_id"]
        order = self._move(body, status)
        there = self.there.get(order_id)
        is_over = there is not None and not there.is_open
        self.must(is_over, "I6", f"{order_id} is {status} in the journal, but lives")
        assert there is not None
        what = f"{order_id} {status} with {order.filled} booked of {there.filled}"
        self.must(order.filled == there.filled, "I4", what)
        if order_id in self.hands.orders:
            self.protection.found(self.now, order.market, order_id)
        if there.is_vanished:
            self._proved(order_id, order, self.hands.orders[order_id])

    def _on_order_dropped(self, body: dict[str, Any]) -> None:
        self._move(body, "dropped")
        self.must(not self._posts[body["order_id"]], "I3", f"{body['order_id']} had been posted")

    def _on_order_absent(self, body: dict[str, Any]) -> None:
        order_id = body["order_id"]
        order = self._move(body, "absent")
        self.must(order_id not in self.there, "I3", f"{order_id} is absent, but it is there")
        self._proved(order_id, order, order.sent_at + order.window_ms + MARGIN_MS)

    def _proved(self, order_id: str, order: Told, since: int) -> None:
        """Check that two endpoints did not know the order, twice and apart."""
        for endpoint in ("report", "listed"):
            late = [
                at
                for at, where, found in order.looks
                if where == endpoint and not found and at > since
            ]
            is_proved = bool(late) and late[-1] - late[0] >= APART_MS - REQUEST_MS
            self.must(is_proved, "I7", f"{order_id} given up on {endpoint} looks {late}")

    def _on_fill_booked(self, body: dict[str, Any]) -> None:
        order_id, fill = body["order_id"], body["fill"]
        order = self.orders[order_id]
        quantity = self._number(fill["quantity"])
        self._number(fill["price"])
        is_new = fill["trade_id"] not in order.trade_ids
        self.must(is_new, "I5", f"{order_id}: trade {fill['trade_id']} booked twice")
        order.trade_ids.add(fill["trade_id"])
        order.filled += quantity
        self.must(order.filled <= order.quantity, "I6", f"{order_id} filled over its quantity")
        self._move(body, "filled" if order.filled == order.quantity else "partial")
        self.coins.booked(order.market, order.side, fill)

    # --- quiet moments --------------------------------------------------------------------------

    def healed(self, time: int, open_ids: set[str]) -> None:
        """Check what must hold once the faults are over: both know the same orders."""
        self.note(time, "quiescent")
        doubt = {key: each.status for key, each in self.unsettled.items()}
        for order_id, status in doubt.items():
            self.must(status in OPEN, "I23", f"{order_id} is still {status}")
        self.must(set(doubt) == open_ids, "I3", f"open: {sorted(doubt)} and {sorted(open_ids)}")
        for order_id, there in self.there.items():
            order = self.orders[order_id]
            self.must(order.status not in NEVER_THERE, "I3", f"{order_id} is an orphan")
            self.must(order.filled == there.filled, "I4", f"{order_id}: fills are missing")
        for market in self.markets if self._has_stop else ():
            is_covered = self.protection.is_covered(market)
            self.must(is_covered, "I8", f"{market} is bare after the faults are over")
        # A sale that the exchange has, and does not fill, waits for a candle in a gap.
        waiting = {each.market for each in self.open_there.values() if each.kind == "market"}
        locked = self.protection.locked - waiting
        self.must(not locked, "I23", f"{locked} still locked after the faults are over")
        owed = self.owed() - waiting
        self.must(not owed, "I23", f"{owed} are held, which a signal has ended")

    def owed(self) -> set[str]:
        """Return the markets that a signal has ended, and of which something can be sold."""
        unwanted = set() if self.hands.is_halted else self._unwanted
        return {market for market in unwanted if self.coins.sellable(market)}

    def agreed(self, at_exchange: Mapping[str, Decimal]) -> None:
        """Check that all coins are told of alike, and that nothing waits for a person."""
        self.coins.told(at_exchange)
        self.coins.agree(at_exchange)
        self.hands.must_be_over()

    def trading_again(self, time: int, market: str, closed_at: int) -> None:
        """Check that this candle has been decided, in time: the newest that the bot must know."""
        self.note(time, "trading", market)
        decided = self._decided.get(market, 0)
        self.must(decided >= closed_at, "I23", f"{market}: decided {decided}, not {closed_at}")
        self.must(closed_at not in self._missed, "I23", f"{market}: {closed_at} was missed")
