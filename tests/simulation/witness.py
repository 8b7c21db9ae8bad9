"""Who stands at the exchange and beside the journal, and tells the checker in plain rows."""

import json
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from tests.simulation.checker import Checker
from tests.simulation.exchange import PiecesBook
from tests.simulation.faulty_broker import FaultyBroker
from tradebot.engine.state import State, apply
from tradebot.errors import JournalError
from tradebot.model.codec import decode, encode, kind_of
from tradebot.model.event import Event
from tradebot.model.money import from_units, plain
from tradebot.sandbox.listing import BookOrder, BookTrade


class ExchangeWitness:
    """Tells the checker what happens in the book, and the broker what may be read late."""

    def __init__(self, book: PiecesBook, broker: FaultyBroker, checker: Checker) -> None:
        self._book = book
        self._broker = broker
        self._checker = checker

    def order_placed(self, order: BookOrder) -> None:
        """Hear of a new order."""
        listing = self._book.listings[order.symbol]
        self._checker.placed(
            self._book.now,
            order.client_id,
            listing.market.name,
            order.side.value,
            order.kind.value,
            listing.scale.quantity_decimal(order.quantity),
            order.list_id,
        )
        self._broker.order_is_new(order)

    def traded(self, order: BookOrder, trade: BookTrade) -> None:
        """Hear of a fill."""
        listing = self._book.listings[trade.symbol]
        scale = listing.scale
        is_base_fee = trade.fee_asset == listing.market.base
        decimals = scale.quantity_decimals if is_base_fee else scale.cash_decimals
        fill = {
            "trade_id": str(trade.trade_id),
            "quantity": plain(scale.quantity_decimal(trade.quantity)),
            "price": plain(scale.price_decimal(trade.price)),
            "fee": plain(from_units(trade.fee, decimals)),
            "fee_asset": trade.fee_asset,
        }
        self._checker.traded(self._book.now, order.client_id, fill, listing.market.name)

    def order_changes(self, order: BookOrder) -> None:
        """Hear of an order that is about to change."""
        self._broker.order_changes(order)

    def order_ended(self, order: BookOrder) -> None:
        """Hear of an order's end."""
        self._checker.ended(self._book.now, order.client_id, order.status)


class SimulatedJournal:
    """A journal in memory that can die or fail around each append.

    What a restart folds has been through the journal's own text, as on a disk.
    """

    def __init__(
        self,
        checker: Checker,
        *,
        now: Callable[[], int],
        step: Callable[[str], None],
        fails: Callable[[], bool],
    ) -> None:
        self._checker = checker
        self._now = now
        self._step = step
        self._fails = fails
        self.kept: list[tuple[str, str]] = []
        self.folded = State()

    def append(self, events: Sequence[Event]) -> None:
        """Keep the events together, or none of them."""
        kind = kind_of(events[0])
        self._step(f"journal: before {kind}")
        if self._fails():
            raise JournalError("the journal cannot be written: disk full")
        for event in events:
            name, text = kind_of(event), encode(event)
            self.kept.append((name, text))
            self.folded = apply(self.folded, decode(name, text))
            self._checker.journalled(self._now(), name, json.loads(text), text)
        self._step(f"journal: after {kind}")

    def events(self) -> Iterable[Event]:
        """Return every event from the first."""
        return [decode(kind, text) for kind, text in self.kept]


def held(state: State, market: str) -> Decimal:
    """Return what the bot believes to hold in a market."""
    position = state.positions.get(market)
    return Decimal(0) if position is None else position.quantity
