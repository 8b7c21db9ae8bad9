"""The checker: what must hold between the journal, the wire and the exchange, at every moment.

Law: it knows nothing of the program: no import of it, no type of it. It is told plain rows: the
journal's own text, what left on the wire, what the exchange did; and it counts everything again.
"""

import hashlib
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from tests.simulation.protection import Protection, at_rest
from tests.simulation.rows import (
    APART_MS,
    LEGAL,
    MARGIN_MS,
    NEVER_THERE,
    OPEN,
    REQUEST_MS,
    ROWS_KEPT,
    UNSETTLED,
    Listed,
    There,
    Told,
    changes_by,
)


class Violation(AssertionError):
    """Something that must always hold does not."""


class Checker:
    """Hears all that happens, and raises Violation at the first thing that must not."""

    def __init__(
        self,
        markets: Mapping[str, Listed],
        opening: Mapping[str, Decimal],
        *,
        positions_max: int,
        has_stop: bool,
    ) -> None:
        self.markets = markets
        self.orders: dict[str, Told] = {}
        self.there: dict[str, There] = {}
        self.open_there: dict[str, There] = {}
        self.unsettled: dict[str, Told] = {}
        self.rows: deque[str] = deque(maxlen=ROWS_KEPT)
        self.counts: Counter[str] = Counter()
        self.last_change = 0
        self.protection = Protection(is_wanted=has_stop)
        self._hash = hashlib.sha256()
        self._positions_max = positions_max
        self._has_stop = has_stop
        self._posts: Counter[str] = Counter()
        self._is_killed = False
        self._opening = dict(opening)
        # Coins by the journal's fills, and by the exchange's trades.
        self._booked: dict[str, Decimal] = {}
        self._traded: dict[str, Decimal] = {}
        self.held: dict[str, Decimal] = dict.fromkeys(markets, Decimal(0))
        self._held_booked: dict[str, Decimal] = dict.fromkeys(markets, Decimal(0))
        # The last close that the bot was shown: it says what a rest is worth.
        self._price: dict[str, Decimal] = dict.fromkeys(markets, Decimal(0))
        self._decided: dict[str, int] = {}
        self._missed: set[int] = set()
        self._entries: set[tuple[str, int]] = set()
        self._now = 0

    # --- the record -----------------------------------------------------------------------------

    def note(self, time: int, what: str, text: str = "") -> None:
        """Keep one row of the story, and mix it into the hash."""
        row = f"{time} {what} {text}"
        self.rows.append(row)
        self._hash.update(row.encode())
        self.counts[what] += 1
        self._now = time

    def trace(self) -> str:
        """Return the hash of the story so far."""
        return self._hash.hexdigest()

    def must(self, holds: bool, rule: str, text: str) -> None:
        """Raise Violation where something does not hold."""
        if not holds:
            raise Violation(f"{rule}: {text}")

    # --- the journal ----------------------------------------------------------------------------

    def journalled(self, time: int, kind: str, body: dict[str, Any], text: str) -> None:
        """Hear of an event that is on disk."""
        self.note(time, kind, text)
        wrong = self.protection.heard(time, kind, body)
        self.must(not wrong, "I8", wrong)
        handler = getattr(self, f"_on_{kind}", None)
        if handler is not None:
            handler(body)
            if "order_id" in body:
                self._watch(self.orders[body["order_id"]].market)

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
        for market, close in body["closes"].items():
            self._price[market] = Decimal(close)
            closes, last = self.markets[market].closes, self._decided.get(market, 0)
            self.must(closed_at > last, "I22", f"{market} decided {closed_at} after {last}")
            if last:
                skipped = bisect_right(closes, closed_at) - bisect_right(closes, last) - 1
                self.must(skipped == 0, "I22", f"{market}: {skipped} candles before {closed_at}")
            self._decided[market] = closed_at
        if body["missed"]:
            self._missed.add(closed_at)

    def _on_order_intended(self, body: dict[str, Any]) -> None:
        order_id, market = body["order_id"], body["market"]
        self.must(order_id not in self.orders, "I2", f"{order_id} was intended twice")
        if body["leg"] == "entry":
            self._entry(market, body["closed_at"])
        self.orders[order_id] = Told(
            market=market,
            side=body["side"],
            kind=body["kind"],
            leg=body["leg"],
            quantity=Decimal(body["quantity"]),
            closed_at=body["closed_at"],
        )
        self._move(body, "intended")

    def _entry(self, market: str, closed_at: int) -> None:
        """Check that an entry may be intended now."""
        is_locked = market in self.protection.locked
        self.must(not is_locked, "I8", f"an entry in {market}, which is locked")
        out = list(self.unsettled.values())
        doubt = [each for each in out if each.market == market and each.status not in OPEN]
        self.must(not doubt, "I7", f"an entry in {market} while an order there is in doubt")
        self.must((market, closed_at) not in self._entries, "I22", f"{market} entered twice")
        self._entries.add((market, closed_at))
        self.must(closed_at not in self._missed, "I13", f"{market} entered on a missed candle")
        busy = {name for name in self.markets if self._is_long(name)}
        busy |= {each.market for each in out if each.side == "buy"}
        self.must(
            len(busy | {market}) <= self._positions_max,
            "I10",
            f"{len(busy | {market})} positions, the limit is {self._positions_max}",
        )

    def _on_order_sent(self, body: dict[str, Any]) -> None:
        order = self._move(body, "sent")
        order.sent_at, order.window_ms = body["at"], body["window_ms"]

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
        order = self._move(body, status)
        there = self.there.get(body["order_id"])
        is_over = there is not None and not there.is_open
        self.must(is_over, "I6", f"{body['order_id']} is {status} in the journal, but lives")
        assert there is not None
        self.must(
            order.filled == there.filled,
            "I4",
            f"{body['order_id']} {status} with {order.filled} booked of {there.filled}",
        )

    def _on_order_dropped(self, body: dict[str, Any]) -> None:
        self._move(body, "dropped")
        self.must(not self._posts[body["order_id"]], "I3", f"{body['order_id']} had been posted")

    def _on_order_absent(self, body: dict[str, Any]) -> None:
        order_id = body["order_id"]
        order = self._move(body, "absent")
        self.must(order_id not in self.there, "I3", f"{order_id} is absent, but it is there")
        since = order.sent_at + order.window_ms + MARGIN_MS
        misses = {
            endpoint: [at for at, where, found in order.looks if where == endpoint and not found]
            for endpoint in ("report", "listed")
        }
        for endpoint, times in misses.items():
            late = [at for at in times if at > since]
            is_proved = bool(late) and late[-1] - late[0] >= APART_MS - REQUEST_MS
            self.must(is_proved, "I7", f"{order_id} called absent on {endpoint} looks {late}")

    def _on_fill_booked(self, body: dict[str, Any]) -> None:
        order_id, fill = body["order_id"], body["fill"]
        order = self.orders[order_id]
        quantity = Decimal(fill["quantity"])
        is_new = fill["trade_id"] not in order.trade_ids
        self.must(is_new, "I5", f"{order_id}: trade {fill['trade_id']} booked twice")
        order.trade_ids.add(fill["trade_id"])
        order.filled += quantity
        self.must(order.filled <= order.quantity, "I6", f"{order_id} filled over its quantity")
        self._move(body, "filled" if order.filled == order.quantity else "partial")
        listed = self.markets[order.market]
        changes = changes_by(listed, order.side, fill)
        for coin, change in changes.items():
            self._booked[coin] = self._booked.get(coin, Decimal(0)) + change
        self._held_booked[order.market] += changes[listed.base]

    def claimed(self, market: str, held: Decimal, balances: Mapping[str, Decimal]) -> None:
        """Compare what the bot believes with the journal's fills."""
        self.must(
            held == self._held_booked[market],
            "I4",
            f"{market}: the bot believes {held}, its fills say {self._held_booked[market]}",
        )
        self._compare("I19", "the bot", balances, self._booked)

    def _compare(
        self,
        rule: str,
        who: str,
        balances: Mapping[str, Decimal],
        changes: Mapping[str, Decimal],
    ) -> None:
        for coin in {*balances, *self._opening, *changes}:
            expected = self._opening.get(coin, Decimal(0)) + changes.get(coin, Decimal(0))
            found = balances.get(coin, Decimal(0))
            self.must(found == expected, rule, f"{who} has {found} {coin}, not {expected}")

    # --- the wire -------------------------------------------------------------------------------

    def posted(self, time: int, ids: list[str]) -> None:
        """Hear of a request to place orders that leaves the bot."""
        for order_id in ids:
            self.note(time, "post", order_id)
            self._posts[order_id] += 1
            order = self.orders.get(order_id)
            is_written = order is not None and order.status == "sent"
            self.must(is_written, "I1", f"{order_id} left before it was on disk")
            self.must(self._posts[order_id] == 1, "I2", f"{order_id} was posted twice")
            assert order is not None
            self.must(
                not self._is_killed or order.leg == "flatten", "I12", f"{order_id} after the kill"
            )

    def cancel_posted(self, time: int, order_id: str) -> None:
        """Hear of a request to cancel that leaves the bot."""
        self.note(time, "cancel", order_id)
        self.must(order_id in self.orders, "I21", f"{order_id} is not ours")

    def answered(self, time: int, order_id: str, word: str) -> None:
        """Hear of the answer to a placing: yes, no or nothing."""
        self.note(time, f"answer {word}", order_id)
        if order_id in self.orders:
            self.orders[order_id].answer = word
            self._watch(self.orders[order_id].market)

    def looked(self, time: int, endpoint: str, order_id: str, found: bool) -> None:
        """Hear of a read that looked for one order."""
        order = self.orders.get(order_id)
        if order is not None and order.status == "unknown":
            order.looks.append((time, endpoint, found))

    def killed(self, time: int, *, is_killed: bool) -> None:
        """Hear that the emergency stop was latched, or lifted."""
        self.note(time, "killed" if is_killed else "resumed")
        self._is_killed = is_killed

    # --- the exchange ---------------------------------------------------------------------------

    def placed(
        self, time: int, order_id: str, market: str, side: str, kind: str, quantity: Decimal,
        group: int,
    ) -> None:  # fmt: skip
        """Hear of an order that the exchange has taken."""
        self.note(time, "there", f"{order_id} {side} {kind} {quantity} {market}")
        self.last_change = time
        self.must(order_id not in self.there, "I2", f"{order_id} is at the exchange twice")
        self.must(self._posts[order_id] == 1, "I1", f"{order_id} came from nowhere")
        self.must(quantity == self.orders[order_id].quantity, "I1", f"{order_id} was changed")
        there = There(market, side, kind, quantity, group)
        self.there[order_id] = self.open_there[order_id] = there
        self._watch(market)

    def traded(self, time: int, order_id: str, fill: dict[str, Any], market: str) -> None:
        """Hear of a fill at the exchange."""
        self.note(time, "trade", f"{order_id} {fill}")
        self.last_change = time
        there, listed = self.there[order_id], self.markets[market]
        there.filled += Decimal(fill["quantity"])
        changes = changes_by(listed, there.side, fill)
        for coin, change in changes.items():
            self._traded[coin] = self._traded.get(coin, Decimal(0)) + change
        self.held[market] += changes[listed.base]
        # The bot sells what it bought, and none of the owner's own coins.
        self.must(self.held[market] >= 0, "I8", f"{market}: sold {-self.held[market]} too much")
        self._watch(market)

    def ended(self, time: int, order_id: str, word: str) -> None:
        """Hear of an order's end at the exchange."""
        self.note(time, "over", f"{order_id} {word}")
        self.last_change = time
        self.there[order_id].is_open = False
        self.open_there.pop(order_id, None)
        self._watch(self.there[order_id].market)

    # --- protection -----------------------------------------------------------------------------

    def _sellable(self, market: str, held: Decimal, price: Decimal) -> Decimal:
        """Return the whole lots that the exchange would take at this price."""
        listed = self.markets[market]
        lots = (held / listed.step).to_integral_value(ROUND_FLOOR) * listed.step
        is_taken = lots >= listed.minimum and lots * price >= listed.worth_min
        return lots if is_taken else Decimal(0)

    def _is_long(self, market: str) -> bool:
        """Return whether the journal's fills leave a position."""
        held = self._held_booked[market]
        return self._sellable(market, held, self._price[market]) > 0

    def _watch(self, market: str) -> None:
        """Look whether the market's position is covered now, and whether too much is for sale."""
        covering, for_sale = at_rest(self.open_there.values(), market)
        held = self.held[market]
        self.must(for_sale <= max(held, Decimal(0)), "I8", f"{for_sale} for sale of {held}")
        sellable = self._sellable(market, held, self._price[market])
        is_covered = covering >= sellable or any(
            each.market == market and each.side == "sell" and each.is_leaving
            for each in self.unsettled.values()
        )
        if is_covered:
            self.in_time(self._now)
        self.protection.seen(self._now, market, is_covered=is_covered)

    def in_time(self, time: int) -> None:
        """Check that no position has been bare for too long without a call of its owner."""
        late = self.protection.late(time)
        self.must(not late, "I8", f"{late} bare for too long, and nobody was called")

    # --- quiet moments --------------------------------------------------------------------------

    def quiescent(
        self, time: int, at_exchange: Mapping[str, Decimal], open_ids: set[str]
    ) -> None:
        """Check what must hold once the faults are over: both tell the same story."""
        self.note(time, "quiescent")
        doubt = {key: each.status for key, each in self.unsettled.items()}
        for order_id, status in doubt.items():
            self.must(status in OPEN, "I23", f"{order_id} is still {status}")
        self.must(set(doubt) == open_ids, "I3", f"open: {sorted(doubt)} and {sorted(open_ids)}")
        for order_id, there in self.there.items():
            order = self.orders[order_id]
            self.must(order.status not in NEVER_THERE, "I3", f"{order_id} is an orphan")
            self.must(order.filled == there.filled, "I4", f"{order_id}: fills are missing")
        for market, held in self.held.items():
            booked = self._held_booked[market]
            self.must(held == booked, "I4", f"{market}: {booked} booked of {held}")
            if self._has_stop:
                is_covered = self.protection.is_covered(market)
                self.must(is_covered, "I8", f"{market} is bare after the faults are over")
        # A sale that the exchange has, and does not fill, waits for a candle in a gap.
        waiting = {each.market for each in self.open_there.values() if each.kind == "market"}
        locked = self.protection.locked - waiting
        self.must(not locked, "I23", f"{locked} still locked after the faults are over")
        self._compare("I19", "the exchange", at_exchange, self._traded)
        self._compare("I4", "the journal", at_exchange, self._booked)

    def trading_again(self, time: int, market: str, closed_at: int) -> None:
        """Check that the newest candle has been decided, in time."""
        self.note(time, "trading", market)
        decided = self._decided.get(market, 0)
        self.must(decided == closed_at, "I23", f"{market}: decided {decided}, not {closed_at}")
        self.must(closed_at not in self._missed, "I23", f"{market}: {closed_at} was missed")
