"""What the checker hears from the wire and from the exchange, and what must hold as it happens.

Law: it is told plain rows by whoever stands there, and knows nothing of the program.
"""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.simulation.coins import Coins
from tests.simulation.hands import Hands
from tests.simulation.protection import Protection, at_rest
from tests.simulation.record import Record
from tests.simulation.rows import TOKEN_MS, Listed, There, Told


class Heard(Record):
    """Orders as journal and exchange have them, and everything that is not the journal's."""

    def __init__(
        self,
        markets: Mapping[str, Listed],
        opening: Mapping[str, Decimal],
        *,
        has_stop: bool,
        ahead_ms: int,
        lag_ms_max: int,
    ) -> None:
        super().__init__()
        self.markets = markets
        self.orders: dict[str, Told] = {}
        self.there: dict[str, There] = {}
        self.open_there: dict[str, There] = {}
        self.unsettled: dict[str, Told] = {}
        self.last_change = 0
        self.protection = Protection(is_wanted=has_stop)
        self.coins = Coins(self, markets, opening)
        self.hands = Hands(self, self.coins, markets, lag_ms_max=lag_ms_max)
        self._ahead_ms = ahead_ms
        self._has_stop = has_stop
        self._posts: Counter[str] = Counter()
        # Orders of others, which the bot leaves alone.
        self._others: set[str] = set()

    # --- the wire -------------------------------------------------------------------------------

    def posted(self, time: int, ids: list[str], tokens_taken: int) -> None:
        """Hear of a request to place orders that leaves the bot."""
        for order_id in ids:
            self.note(time, "post", order_id)
            self._posts[order_id] += 1
            order = self.orders.get(order_id)
            is_written = order is not None and order.status == "sent"
            self.must(is_written, "I1", f"{order_id} left before it was on disk")
            self.must(self._posts[order_id] == 1, "I2", f"{order_id} was posted twice")
            assert order is not None
            is_allowed = not self.hands.is_killed() or order.leg == "flatten"
            self.must(is_allowed, "I12", f"{order_id} after the kill")
            age = time + self._ahead_ms - order.ruled_at
            self.must(age <= TOKEN_MS, "I9", f"{order_id} left {age} ms after it was ruled on")
        posts = self._posts.total()
        self.must(posts == tokens_taken, "I9", f"{posts} posts, {tokens_taken} tokens")

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
        if order is not None and (order.status == "unknown" or order_id in self.hands.orders):
            order.looks.append((time, endpoint, found))

    # --- the exchange ---------------------------------------------------------------------------

    def placed(self, time: int, order_id: str, there: There) -> None:
        """Hear of an order of ours that the exchange has taken."""
        told = f"{order_id} {there.side} {there.kind} {there.quantity} {there.market}"
        self.note(time, "there", told)
        self.last_change = time
        self.must(order_id not in self.there, "I2", f"{order_id} is at the exchange twice")
        self.must(self._posts[order_id] == 1, "I1", f"{order_id} came from nowhere")
        is_same = there.quantity == self.orders[order_id].quantity
        self.must(is_same, "I1", f"{order_id} was changed")
        self.there[order_id] = self.open_there[order_id] = there
        self._watch(there.market)

    def traded(self, time: int, order_id: str, fill: dict[str, Any]) -> None:
        """Hear of a fill of ours at the exchange."""
        self.note(time, "trade", f"{order_id} {fill}")
        self.last_change = time
        there = self.there[order_id]
        there.filled += Decimal(fill["quantity"])
        self.coins.traded(there.market, there.side, fill)
        self._watch(there.market)

    def ended(self, time: int, order_id: str, word: str) -> None:
        """Hear of the end of an order of ours at the exchange."""
        self.note(time, "over", f"{order_id} {word}")
        self.last_change = time
        self.there[order_id].is_open = False
        self.open_there.pop(order_id, None)
        self._watch(self.there[order_id].market)

    # --- the hands of others --------------------------------------------------------------------

    def taken_away(self, time: int, order_id: str, what: str) -> None:
        """Hear that an order of ours has ended, by no doing of ours or the market's."""
        self.note(time, what, order_id)
        self.hands.touched(time, order_id)
        self.protection.hide(self.there[order_id].market, order_id)

    def moved(self, time: int, what: str, changes: Mapping[str, Decimal]) -> None:
        """Hear that others have moved coins of the account."""
        self.note(time, what, " ".join(f"{change} {coin}" for coin, change in changes.items()))
        self.last_change = time
        for coin in changes:
            self.hands.touched(time, coin)
        self.coins.moved(changes)
        for market in self.markets:
            self._watch(market)

    def other_placed(self, time: int, order_id: str) -> None:
        """Hear of an order of somebody else's that the exchange has taken."""
        self.note(time, "order of others", order_id)
        self._others.add(order_id)

    def other_ended(self, time: int, order_id: str, word: str, *, is_their_doing: bool) -> None:
        """Hear of the end of somebody else's order."""
        self.note(time, "order of others over", f"{order_id} {word}")
        self._others.discard(order_id)
        self.must(is_their_doing, "I21", f"{order_id} is not ours, and was ended")

    # --- protection -----------------------------------------------------------------------------

    def _watch(self, market: str) -> None:
        """Look whether the market's position is covered now, and whether too much is for sale."""
        covering, for_sale = at_rest(self.open_there.values(), market)
        held = self.coins.held[market]
        self.must(for_sale <= max(held, Decimal(0)), "I8", f"{for_sale} for sale of {held}")
        is_covered = covering >= self.coins.sellable(market) or any(
            each.market == market and each.side == "sell" and each.is_leaving
            for each in self.unsettled.values()
        )
        if is_covered:
            self.in_time(self.now)
        self.protection.seen(self.now, market, is_covered=is_covered)

    def in_time(self, time: int) -> None:
        """Check that no position has been bare for too long without a call of its owner."""
        late = self.protection.late(time)
        self.must(not late, "I8", f"{late} bare for too long, and nobody was called")
