"""Who stands at the exchange and beside the journal, and tells the checker in plain rows."""

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal

from tests.simulation.checker import Checker
from tests.simulation.disk import DiskJournal
from tests.simulation.exchange import PiecesBook
from tests.simulation.faulty_broker import FaultyBroker, Place
from tests.simulation.names import is_ours
from tests.simulation.record import Violation
from tests.simulation.rows import There, changes_by
from tradebot.engine.apply import apply
from tradebot.engine.state import State
from tradebot.errors import JournalError
from tradebot.model.codec import decode, encode, kind_of
from tradebot.model.event import Event
from tradebot.model.money import from_units, plain
from tradebot.sandbox.listing import BookOrder, BookTrade

# Longer than the gate's ruling holds: what was to leave after it must not.
STALL_MS = 3_000


class ExchangeWitness:
    """Tells the checker what happens in the book, and the broker what may be read late."""

    def __init__(self, book: PiecesBook, broker: FaultyBroker, checker: Checker) -> None:
        self._book = book
        self._broker = broker
        self._checker = checker

    def order_placed(self, order: BookOrder) -> None:
        """Hear of a new order."""
        listing = self._book.listings[order.symbol]
        if not is_ours(order.client_id):
            self._checker.other_placed(self._book.now, order.client_id)
            return
        there = There(
            market=listing.market.name,
            side=order.side.value,
            kind=order.kind.value,
            quantity=listing.scale.quantity_decimal(order.quantity),
            group=order.list_id,
        )
        self._checker.placed(self._book.now, order.client_id, there)
        self._broker.stale.order_is_new(order)

    def traded(self, order: BookOrder, trade: BookTrade) -> None:
        """Hear of a fill."""
        listing = self._book.listings[trade.symbol]
        scale = listing.scale
        fill = {
            "trade_id": str(trade.trade_id),
            "quantity": plain(scale.quantity_decimal(trade.quantity)),
            "price": plain(scale.price_decimal(trade.price)),
            "fee": plain(from_units(trade.fee, trade.fee_decimals)),
            "fee_asset": trade.fee_asset,
        }
        if is_ours(order.client_id):
            self._checker.traded(self._book.now, order.client_id, fill)
            return
        listed = self._checker.markets[listing.market.name]
        changes = changes_by(listed, order.side.value, fill)
        self._checker.moved(self._book.now, "trade of others", changes)

    def order_changes(self, order: BookOrder) -> None:
        """Hear of an order that is about to change."""
        if is_ours(order.client_id):
            self._broker.stale.order_changes(order)

    def order_ended(self, order: BookOrder) -> None:
        """Hear of an order's end."""
        now, order_id = self._book.now, order.client_id
        if is_ours(order_id):
            self._checker.ended(now, order_id, order.status)
            return
        is_theirs = order.status != "CANCELED" or self._book.is_others_doing
        self._checker.other_ended(now, order_id, order.status, is_their_doing=is_theirs)


class SimulatedJournal:
    """A journal in memory that can die, fail or stall around each append.

    What a restart folds has been through the journal's own text, as on a disk. `disk` is one beside
    it that is the production's own.
    """

    def __init__(self, checker: Checker, world: Place, disk: DiskJournal | None) -> None:
        self._checker = checker
        self._world = world
        self._disk = disk
        self._events: list[Event] = []
        self._of_order: dict[str, list[Event]] = {}
        self._folded = State()

    def append(self, events: Sequence[Event]) -> None:
        """Keep the events together, or none of them."""
        kind = kind_of(events[0])
        self._world.step(f"journal: before {kind}")
        if self._world.hits("disk"):
            raise JournalError("the journal cannot be written: disk full")
        if self._world.hits("stall"):
            self._world.wait(STALL_MS)
        if self._disk is not None:
            self._disk.append(events)
        for event in events:
            name, text = kind_of(event), encode(event)
            body, read = json.loads(text), decode(name, text)
            if "order_id" in body:
                self._of_order.setdefault(body["order_id"], []).append(read)
            self._events.append(read)
            self._folded = apply(self._folded, read)
            self._checker.journalled(self._world.now, name, body, text)
        self._world.step(f"journal: after {kind}")

    def events(self) -> Iterable[Event]:
        """Return every event from the first."""
        return self._events

    def of_order(self, order_id: str) -> list[Event]:
        """Return the events of one order, oldest first."""
        return list(self._of_order.get(order_id, ()))

    def reopened(self) -> State:
        """Return what a start folds from it."""
        if self._disk is not None and self._disk.reopened() != self._folded:
            raise Violation("I15: the disk tells another story")
        return self._folded

    def close(self) -> None:
        """Check that the disk has kept it whole."""
        if self._disk is not None:
            self._disk.verify(len(self._events))


def held(state: State, market: str) -> Decimal:
    """Return what the bot believes to hold in a market."""
    position = state.positions.get(market)
    return Decimal(0) if position is None else position.quantity
