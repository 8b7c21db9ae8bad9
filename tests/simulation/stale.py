"""What reads may still say for a while: an order before it changed, balances before a fill.

Law: what is old was true once, and is old for a bounded time; each endpoint has a time of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any, Protocol

from tests.simulation.exchange import PiecesBook
from tradebot.adapters.simulated import BookDoor
from tradebot.model.order import ListedFill, ListedOrder, Report
from tradebot.sandbox.listing import BookOrder

# Lists are compared twice, ten seconds apart, and balances half a minute apart: that they are never
# older is what the comparison takes for granted. What is asked about orders that are out may be.
LIST_LAG_MS_MAX, BALANCES_LAG_MS_MAX = 9_000, 29_000


class Moment(Protocol):
    """What is needed of the world around it."""

    now: int

    def hits(self, fault: str) -> bool:
        """Return whether this fault happens now."""
        ...


class Stale:
    """Old answers, by endpoint and order, and until when they are given."""

    def __init__(
        self, book: PiecesBook, inner: BookDoor, world: Moment, draw: Random, *, lag_ms_max: int
    ) -> None:
        self._book = book
        self._inner = inner
        self._world = world
        self._draw = draw
        self._lag_ms_max = lag_ms_max
        # What an endpoint still says of an order, and until when.
        self._old: dict[tuple[str, str], tuple[int, Any]] = {}
        # How many of an order's fills are told, and until when.
        self._fills_told: dict[str, tuple[int, int]] = {}
        # Balances, a market's orders, and how many trades are told, and until when.
        self._balances: tuple[int, Mapping[str, Decimal]] = (0, {})
        self._orders: dict[str, tuple[int, dict[str, ListedOrder]]] = {}
        self._trades: tuple[int, int] = (0, 0)
        # When the last of all this is over.
        self._latest = 0

    def heal(self) -> None:
        """Let every read be of now."""
        self._old.clear()
        self._fills_told.clear()
        self._orders.clear()
        self._balances, self._trades = (0, {}), (0, 0)
        self._latest = 0

    def is_current(self) -> bool:
        """Return whether no read is older than now."""
        return self._latest <= self._world.now

    # --- what becomes old -----------------------------------------------------------------------

    def order_is_new(self, order: BookOrder) -> None:
        """Let reads not know a new order for a while."""
        if self._world.hits("lag"):
            self._keep_old(order.client_id, {"report": None, "listed": False, "open": None})

    def order_changes(self, order: BookOrder) -> None:
        """Let reads show an order as it was before it changed, for a while."""
        if self._world.hits("lag"):
            report = self._inner._report(order)
            is_open = order.order_id in self._book.open_orders and order.executed < order.quantity
            filled = report.filled if is_open else None
            self._keep_old(order.client_id, {"report": report, "open": filled})
        told_until = self._fills_told.get(order.client_id, (0, 0))[0]
        if self._world.hits("fill_lag") and told_until <= self._world.now:
            self._fills_told[order.client_id] = (self._until(self._lag_ms_max), len(order.trades))
        if self._world.hits("account_lag"):
            self._keep_account(self._book.listings[order.symbol].market.name)

    def _keep_old(self, order_id: str, answers: dict[str, Any]) -> None:
        now = self._world.now
        for endpoint, answer in answers.items():
            if self._old.get((endpoint, order_id), (0, None))[0] > now:
                continue
            if self._draw.random() < 0.7:
                self._old[endpoint, order_id] = self._until(self._lag_ms_max), answer

    def _keep_account(self, market: str) -> None:
        now, longest = self._world.now, min(self._lag_ms_max, LIST_LAG_MS_MAX)
        if self._balances[0] <= now:
            until = self._until(min(self._lag_ms_max, BALANCES_LAG_MS_MAX))
            self._balances = until, dict(self._inner.balances())
        if self._orders.get(market, (0, {}))[0] <= now:
            rows = {each.order_id: each for each in self._inner.listed_orders(market, 0)}
            self._orders[market] = self._until(longest), rows
        if self._trades[0] <= now:
            self._trades = self._until(longest), len(self._book.trades)

    def _until(self, longest_ms: int) -> int:
        until = self._world.now + self._draw.randrange(500, longest_ms)
        self._latest = max(self._latest, until)
        return until

    # --- what is read ---------------------------------------------------------------------------

    def of_order(self, endpoint: str, order_id: str, ask: Callable[[], Any]) -> Any:
        """Return what an endpoint says of an order."""
        until, old = self._old.get((endpoint, order_id), (0, None))
        return old if until > self._world.now else ask()

    def with_fills(self, report: Report) -> Report:
        """Return a report with the fills that can be read by now."""
        until, count = self._fills_told.get(report.order_id, (0, 0))
        fills = report.fills[:count] if until > self._world.now else report.fills
        return Report(
            order_id=report.order_id,
            exchange_id=report.exchange_id,
            status=report.status,
            filled=report.filled,
            fills=fills,
        )

    def open_filled(self) -> dict[str, Decimal]:
        """Return how much each open order has filled, as the list of them shows it."""
        found = dict(self._inner.open_order_filled())
        for (endpoint, order_id), (until, filled) in list(self._old.items()):
            if until <= self._world.now:
                del self._old[endpoint, order_id]
            elif endpoint == "open":
                if filled is None:
                    found.pop(order_id, None)
                else:
                    found[order_id] = filled
        return found

    def balances(self) -> Mapping[str, Decimal]:
        """Return the account's total of every coin."""
        until, old = self._balances
        return old if until > self._world.now else self._inner.balances()

    def orders(self, market: str, since_ms: int) -> Sequence[ListedOrder]:
        """Return the orders of a market."""
        rows = self._inner.listed_orders(market, since_ms)
        until, old = self._orders.get(market, (0, {}))
        if until <= self._world.now:
            return rows
        return [old[each.order_id] for each in rows if each.order_id in old]

    def fills(self, market: str, since_ms: int) -> Sequence[ListedFill]:
        """Return the fills of a market."""
        rows = self._inner.listed_fills(market, since_ms)
        until, count = self._trades
        if until <= self._world.now:
            return rows
        known = {str(each.trade_id) for each in self._book.trades[:count]}
        return [each for each in rows if each.fill.trade_id in known]
