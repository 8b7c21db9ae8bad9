"""The simulated broker: the sandbox exchange's book, called in process by the backtest.

The same book answers the sandbox's HTTP, so a backtest and a sandbox run meet one exchange.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from tradebot.adapters.gate_tokens import GateTokens
from tradebot.errors import ExchangeUnavailable
from tradebot.model.market import Scale
from tradebot.model.money import from_units
from tradebot.model.order import (
    NOT_ATTEMPTED,
    Approved,
    Fill,
    Intent,
    ListedFill,
    ListedOrder,
    Order,
    OrderStatus,
    Outcome,
    Rejection,
    Report,
    Unknown,
    Unsent,
)
from tradebot.ports import Clock
from tradebot.sandbox.book import Book
from tradebot.sandbox.filters import check_counts, check_filters
from tradebot.sandbox.listing import BookOrder, BookTrade, OrderRequest, SandboxRejection

STATUS = {
    "NEW": OrderStatus.ACCEPTED,
    "PARTIALLY_FILLED": OrderStatus.PARTIAL,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.EXPIRED,
}


class BookDoor:
    """What can be asked of a `Book` and done in it, in the Broker's words."""

    has_oco = True

    def __init__(self, book: Book) -> None:
        self._book = book
        self._symbols = {item.market.name: symbol for symbol, item in book.listings.items()}

    def execute(self, approved: Approved) -> Outcome:
        """Place one order."""
        try:
            order = self._book.place(self._request(approved))
        except SandboxRejection as rejection:
            return _rejected(approved, rejection)
        return self._report(order)

    def execute_oco(self, stop: Approved, target: Approved) -> tuple[Outcome, Outcome]:
        """Place a stop and a target of which one fill ends the other."""
        try:
            above, below = self._book.place_oco(
                self._request(target), self._request(stop), list_client_id=stop.order_id
            )
        except SandboxRejection as rejection:
            return _rejected(stop, rejection), _rejected(target, rejection)
        return self._report(below), self._report(above)

    def execute_replace(self, resting: Order, approved: Approved) -> tuple[Outcome, Outcome]:
        """Cancel a resting order and place another in its stead."""
        book, request = self._book, self._request(approved)
        listing = book.listings[request.symbol]
        price = book.price_now(listing)
        try:
            # As over HTTP: filters are judged before anything is cancelled.
            if price is not None:
                check_filters(listing, request, price=price)
            check_counts(book.open_of(request.symbol), (request,))
        except SandboxRejection as rejection:
            stays = Unknown(order_id=resting.id, cause="the other order was refused first")
            return stays, _rejected(approved, rejection)
        gone = self._cancelled(resting)
        if isinstance(gone, Rejection):
            refusal = "the order in its place could not be cancelled"
            key = approved.order_id
            return gone, Rejection(order_id=key, code=NOT_ATTEMPTED, message=refusal)
        return gone, self.execute(approved)

    def cancel_order(self, order: Order) -> Outcome:
        """Cancel an order and its OCO sibling."""
        return self._cancelled(order)

    def _cancelled(self, order: Order) -> Report | Rejection:
        try:
            found = self._book.find(self._symbols[order.market], client_id=order.id)
            self._book.cancel(found)
        except SandboxRejection as rejection:
            return Rejection(
                order_id=order.id, code=str(rejection.code), message=rejection.message
            )
        return self._report(found)

    def order_report(self, order: Order) -> Report | None:
        """Return what the book knows of an order."""
        try:
            found = self._book.find(self._symbols[order.market], client_id=order.id)
        except SandboxRejection:
            return None
        return self._report(found)

    def is_listed(self, order: Order) -> bool:
        """Return whether the book has the order."""
        return order.id in self._book.by_client_id

    def open_order_filled(self) -> Mapping[str, Decimal]:
        """Return how much each open order has filled, by our id."""
        listings = self._book.listings
        return {
            order.client_id: listings[order.symbol].scale.quantity_decimal(order.executed)
            for order in self._book.open_orders.values()
        }

    def listed_orders(self, market: str, since_ms: int) -> Sequence[ListedOrder]:
        """Return the orders of one market since a time."""
        symbol = self._symbols[market]
        scale = self._book.listings[symbol].scale
        return [
            ListedOrder(
                order_id=order.client_id,
                exchange_id=str(order.order_id),
                market=market,
                filled=scale.quantity_decimal(order.executed),
                is_open=order.order_id in self._book.open_orders,
            )
            for order in self._book.orders.values()
            if order.symbol == symbol and order.created_at >= since_ms
        ]

    def listed_fills(self, market: str, since_ms: int) -> Sequence[ListedFill]:
        """Return the fills of one market since a time."""
        symbol = self._symbols[market]
        scale = self._book.listings[symbol].scale
        return [
            ListedFill(
                exchange_id=str(trade.order_id), side=trade.side, fill=self._fill(trade, scale)
            )
            for trade in self._book.trades
            if trade.symbol == symbol and trade.time >= since_ms
        ]

    def last_price(self, market: str) -> Decimal:
        """Return the price now."""
        listing = self._book.listings[self._symbols[market]]
        price = self._book.price_now(listing)
        if price is None:
            raise ExchangeUnavailable(f"{market} has not traded yet")
        return listing.scale.price_decimal(price)

    def dead_man(self, seconds: int) -> bool:
        """Return False: Binance spot, which the book is, has no such switch."""
        return False

    def cancel_own(self) -> None:
        """Cancel every open order: the book has no others."""
        while self._book.open_orders:
            self._book.cancel(next(iter(self._book.open_orders.values())))

    def balances(self) -> Mapping[str, Decimal]:
        """Return the total of every coin."""
        return {
            asset: from_units(free + self._book.locked[asset], self._book.decimals[asset])
            for asset, free in self._book.free.items()
        }

    def _request(self, approved: Approved) -> OrderRequest:
        intent: Intent = approved.intent
        symbol = self._symbols[intent.market]
        scale = self._book.listings[symbol].scale
        return OrderRequest(
            symbol=symbol,
            side=intent.side,
            kind=intent.kind,
            quantity=scale.quantity(intent.quantity),
            client_id=approved.order_id,
            price=0 if intent.price is None else scale.price(intent.price),
            stop=0 if intent.stop_price is None else scale.price(intent.stop_price),
        )

    def _report(self, order: BookOrder) -> Report:
        scale = self._book.listings[order.symbol].scale
        return Report(
            order_id=order.client_id,
            exchange_id=str(order.order_id),
            status=STATUS[order.status],
            filled=scale.quantity_decimal(order.executed),
            fills=tuple(self._fill(trade, scale) for trade in order.trades),
        )

    def _fill(self, trade: BookTrade, scale: Scale) -> Fill:
        return Fill(
            trade_id=str(trade.trade_id),
            quantity=scale.quantity_decimal(trade.quantity),
            price=scale.price_decimal(trade.price),
            fee=from_units(trade.fee, trade.fee_decimals),
            fee_asset=trade.fee_asset,
            is_maker=trade.is_maker,
            filled_at=trade.time,
        )


class SimulatedBroker(BookDoor):
    """Broker over a `Book`. It is never unreachable, so nothing is ever UNKNOWN."""

    def __init__(self, book: Book, *, tokens: GateTokens, clock: Clock) -> None:
        super().__init__(book)
        self._tokens = tokens
        self._clock = clock

    def place_order(self, approved: Approved) -> Outcome:
        """Place one order in the book, once the gate's token is spent."""
        (unsent,) = self._unsent(approved)
        return unsent or self.execute(approved)

    def place_oco(self, stop: Approved, target: Approved) -> tuple[Outcome, Outcome]:
        """Place a stop and a target of which one fill ends the other."""
        unsent, other = self._unsent(stop, target)
        return (unsent, other) if unsent and other else self.execute_oco(stop, target)

    def replace_order(self, resting: Order, approved: Approved) -> tuple[Outcome, Outcome]:
        """Cancel a resting order and place another in its stead."""
        (unsent,) = self._unsent(approved)
        if unsent is not None:
            return Unknown(order_id=resting.id, cause="nothing was sent"), unsent
        return self.execute_replace(resting, approved)

    def _unsent(self, *approved: Approved) -> tuple[Unsent | None, ...]:
        """Spend the orders' tokens; all are unsent where one is refused."""
        now = self._clock.now_ms()
        reasons = [self._tokens.take(each, now_ms=now) for each in approved]
        reason = next(filter(None, reasons), "")
        return tuple(
            Unsent(order_id=each.order_id, reason=reason) if reason else None for each in approved
        )


def _rejected(approved: Approved, rejection: SandboxRejection) -> Rejection:
    return Rejection(
        order_id=approved.order_id, code=str(rejection.code), message=rejection.message
    )
