"""Comparing our books with the exchange, at the start and while running, and acting on it.

Law: nothing is traded here. What differs is recorded once, told, and locks or halts; a person lifts
it. One comparison sends no more requests than it is allowed.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TypeVar

from tradebot.engine.compare import (
    APART_MS,
    COINS_APART_MS,
    OF_COINS,
    SURE_AT_ONCE,
    Difference,
    Kind,
    Remedy,
    Sight,
    compare_coins,
    is_settled,
)
from tradebot.engine.compare_orders import BEFORE_MS, KnownOrder, compare_orders, order_of
from tradebot.engine.remedies import ADJUSTING, ASK_A_PERSON, NOTED, remedied, resolved
from tradebot.errors import BooksDisagree
from tradebot.model import event as ev
from tradebot.model.event import Resolution
from tradebot.model.timeframe import DAY_MS
from tradebot.ports import LISTED_BEFORE_MS, LISTED_MAX, Broker, Clock
from tradebot.runtime.settling import Books, Settler

# How far back orders and fills are asked for at a start.
BACK_MS_MAX = 7 * DAY_MS
# What an earlier look has covered is covered again: lists lag behind what happened.
OVERLAP_MS = 300_000
# Until every market was looked at once, and after a look that failed.
SOON_MS = 60_000
# While a position is bare or an order in doubt: its coins may not be there.
URGENT_MS = 20_000
# A start that finds something looks again, ten seconds later, until coins count, too; what goes on
# changing waits.
START_LOOKS_MAX = 1 + COINS_APART_MS // APART_MS
# Two for the account: balances, and open orders; two for a market: its orders, and its fills; two
# for an order: what became of it, and its fills.
ACCOUNT_REQUESTS, MARKET_REQUESTS, ORDER_REQUESTS = 2, 2, 2
# For each market, where a person waits: its lists, asked for again where they are full, and orders.
ALL_REQUESTS = 50
# So many differences are named in one look; `tradebot reconcile` shows them all.
NAMED_MAX = 20

RESUMED = "that is cleared up and `tradebot resume --reason TEXT` was typed"

Row = TypeVar("Row")


class Reconciler:
    """Books and exchange, compared in turn. `history` returns the events of one order."""

    def __init__(
        self,
        books: Books,
        broker: Broker,
        clock: Clock,
        *,
        history: Callable[[str], Iterable[ev.Event]],
        every_ms: int,
        requests_max: int,
    ) -> None:
        assert requests_max >= ACCOUNT_REQUESTS + MARKET_REQUESTS, "a market at a time, at least"
        self._books = books
        self._broker = broker
        self._clock = clock
        self._history = history
        self._every_ms = every_ms
        self._requests_max = requests_max
        self._settler = Settler(books, broker, clock)
        self._left = requests_max
        self._due = 0
        self._looked_at = 0
        # Markets that this turn has not come to, and since when each is asked about.
        self._waiting: list[str] = []
        self._since: dict[str, int] = {}
        # What one look has shown, and when: it counts when a second one shows the same.
        self._doubts: dict[tuple[str, str, str], tuple[int, Difference]] = {}
        self._coins_then: tuple[dict[str, Decimal], ...] | None = None
        self._is_unsure = False
        # The exchange was out of reach, and nothing was compared since.
        self.is_lost = False
        # When all of it was last compared, with nothing in doubt; 0 = not yet.
        self.compared_at = 0
        self._halted = ""

    # --- when -----------------------------------------------------------------------------------

    def start(self) -> int:
        """Compare before anything is traded; return the time after it.

        Raises BooksDisagree where trading halts, ExchangeUnavailable where nothing can be asked.
        """
        self._halted = ""
        self.compare()
        for _ in range(START_LOOKS_MAX - 1):
            if self._is_unsure and not self._halted:
                self._clock.sleep_until(self._clock.now_ms() + APART_MS)
                self.compare()
        if self._halted:
            hint = f"nothing is sent until {RESUMED}: {ASK_A_PERSON}"
            raise BooksDisagree(self._halted, hint=hint)
        return self._clock.now_ms()

    def tick(self, now_ms: int, *, is_urgent: bool = False) -> None:
        """Compare where it is time to: sooner where a position is bare or an order in doubt.

        Raises ExchangeUnavailable.
        """
        # The exchange may refuse to guard, or to sell, because the coins are not there.
        if now_ms >= self._due or (is_urgent and now_ms >= self._looked_at + URGENT_MS):
            self.compare()

    def lost(self) -> None:
        """Take in that the exchange was out of reach: all is compared again once it is back."""
        self._due = 0
        self._waiting, self._doubts = [], {}
        self.is_lost = True

    # --- one look -------------------------------------------------------------------------------

    def compare(self) -> None:
        """Look once at the account and at as many markets as the requests allow.

        Raises ExchangeUnavailable; then nothing is known that was not known before.
        """
        now = self._looked_at = self._clock.now_ms()
        self._due = now + SOON_MS
        self._left = self._requests_max - ACCOUNT_REQUESTS
        markets = self._chosen()
        sight = self._look(markets)
        self._waiting = [each for each in self._waiting if each not in sight.orders]
        self.is_lost = False
        before = self._books.state
        orders = self.settled(self.order_differences(sight), sight)
        state = self._books.state
        is_quiet = state is before and is_settled(state, sight, orders)
        coins = compare_coins(state, sight.balances, sight.open_filled) if is_quiet else []
        self._judge([*orders, *coins], now)
        if is_quiet:
            self._end_passing(coins)
        doubtful = {market for each in orders for market in each.markets}
        since = max(now - OVERLAP_MS, LISTED_BEFORE_MS)
        self._since |= {each: since for each in markets if each not in doubtful}
        # What was booked in this very look came after its balances were read.
        self._is_unsure = bool(self._doubts) or state is not before
        if self._is_unsure:
            self._due = now + APART_MS
        elif not self._waiting:
            self._due = now + self._every_ms
            if is_quiet:
                self.compared_at = now

    def _chosen(self) -> list[str]:
        """Return the markets of this look: those in doubt, else the next ones of this turn."""
        count = self._left // MARKET_REQUESTS
        if self._doubts:
            # Before a position is changed, its market's fills must not tell that it was sold.
            doubted = {
                market
                for _, each in self._doubts.values()
                if each.kind not in OF_COINS or each.remedy in ADJUSTING
                for market in each.markets
            }
            return sorted(doubted)[:count]
        if not self._waiting:
            self._waiting = self.markets()
        return self._waiting[:count]

    def markets(self) -> list[str]:
        """Return the markets that the bot trades now."""
        started = self._books.state.started
        assert started is not None, "a session has started"
        return [market.name for market in started.markets]

    def look_at_all(self) -> Sight:
        """Return what the exchange shows now, for a person who waits for it: of every market.

        Raises ExchangeUnavailable.
        """
        markets = self.markets()
        self._left = ALL_REQUESTS * len(markets)
        return self._look(markets)

    def _look(self, markets: Sequence[str]) -> Sight:
        # Balances first: a fill that changed them is then in the lists, which are asked later.
        balances = self._broker.balances()
        open_filled = self._broker.open_order_filled()
        return Sight(
            balances=balances,
            open_filled=open_filled,
            orders={each: self._newest(self._broker.listed_orders, each) for each in markets},
            fills={each: self._newest(self._broker.listed_fills, each) for each in markets},
        )

    def _newest(self, ask: Callable[[str, int], Sequence[Row]], market: str) -> Sequence[Row]:
        """Return what is listed since the last look; where one answer cannot hold it, the newest.

        A full answer holds the oldest ones: it is asked again for half the time.
        """
        started, now = self._books.state.started, self._clock.now_ms()
        assert started is not None, "a session has started"
        # Never before the exchange's own beginning of time, from which a made-up market may run.
        first = max(started.at - BEFORE_MS, now - BACK_MS_MAX, LISTED_BEFORE_MS)
        since = self._since.get(market, first)
        while True:
            self._left -= 1
            rows = ask(market, since)
            if len(rows) < LISTED_MAX or self._left <= 0:
                return rows
            since += (now - since) // 2

    def order_differences(self, sight: Sight) -> list[Difference]:
        """Return where orders and fills differ, but for what a person chose to leave."""
        state = self._books.state
        found = compare_orders(state, sight, self.older_orders(sight))
        return [each for each in found if not state.differences.is_ignored(*each.name)]

    def older_orders(self, sight: Sight) -> dict[str, KnownOrder]:
        """Return the orders shown that the state has let go, as the journal knows them."""
        unknown = [each for each in sight.order_ids() if self._books.state.orders.get(each) is None]
        known = {order_id: order_of(self._history(order_id)) for order_id in unknown}
        return {order_id: each for order_id, each in known.items() if each is not None}

    def settled(self, found: list[Difference], sight: Sight) -> list[Difference]:
        """Ask what became of the orders that this may settle; return what differs after it."""
        is_changed = False
        for difference in found:
            order = self._books.state.orders.get(difference.subject)
            if difference.remedy is Remedy.SETTLE and order is not None:
                if self._left < ORDER_REQUESTS:
                    break  # The next look asks about the others.
                self._left -= ORDER_REQUESTS
                is_changed |= self._settler.settle_order(order)
        return self.order_differences(sight) if is_changed else found

    # --- what counts ----------------------------------------------------------------------------

    def _judge(self, differences: Sequence[Difference], now: int) -> None:
        """Act on what is sure, and on what was seen twice with no coin moved in between."""
        state = self._books.state
        # A stop that is tried anew changes a position, and none of its coins.
        held = {market: each.quantity for market, each in state.positions.items()}
        # A purchase sold again at its price moves nothing else than the coin that paid the fees.
        coins = dict(state.balances), held, dict(state.third_fees)
        before = self._doubts if coins == self._coins_then else {}
        self._doubts, self._coins_then = {}, coins
        sure = []
        for each in differences:
            if each.kind is Kind.ORDER_GONE or state.differences.is_ignored(*each.name):
                continue  # What is gone is asked about at every wake, until there is proof.
            first, _ = before.get(each.name, (now, each))
            # What changes the books is looked at twice, even if it looks like something known.
            apart = COINS_APART_MS if each.kind in OF_COINS else APART_MS
            is_known = state.differences.is_found(*each.name) and each.remedy not in ADJUSTING
            if each.kind in SURE_AT_ONCE or is_known or now - first >= apart:
                sure.append(each)
            else:
                self._doubts[each.name] = first, each
        # Those that stand come last: many of them must not keep a new one from being named.
        sure.sort(key=lambda each: state.differences.is_found(*each.name))
        for each in sure[:NAMED_MAX]:
            self._act(each)

    def _act(self, difference: Difference) -> None:
        at = self._clock.now_ms()
        self._books.record(remedied(self._books.state, difference, at=at))
        if difference.remedy is Remedy.HALT:
            self._halted = self._halted or difference.text
            self._books.halt(difference.text)

    def _end_passing(self, coins: Sequence[Difference]) -> None:
        """Say of what was only named that it is over, where it is."""
        there = {(each.kind.value, each.subject) for each in coins}
        found = self._books.state.differences.found
        over = [each for key, each in found.items() if each.kind in NOTED and key not in there]
        at, reason = self._clock.now_ms(), "books and exchange agree"
        self._books.record([resolved(each, Resolution.AGREED, reason, at=at) for each in over])
