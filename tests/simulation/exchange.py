"""The exchange's truth: the sandbox's book, with orders that fill in pieces, told to a witness.

Law: nothing here lies; what is late, lost or old is the broker's affair.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Protocol

from tradebot.engine.fills import Filled
from tradebot.engine.rules.costs import fee, notional, sell_price
from tradebot.model.market import FeeAsset
from tradebot.model.order import OrderKind, Side
from tradebot.sandbox.book import Book
from tradebot.sandbox.listing import BookOrder, BookTrade, Listing, OrderRequest

PIECES_MAX = 3


class Witness(Protocol):
    """Who is told what happens at the exchange, when it has happened."""

    def order_placed(self, order: BookOrder) -> None:
        """Hear of a new order."""
        ...

    def traded(self, order: BookOrder, trade: BookTrade) -> None:
        """Hear of a fill."""
        ...

    def order_ended(self, order: BookOrder) -> None:
        """Hear of an order's end."""
        ...

    def order_changes(self, order: BookOrder) -> None:
        """Hear of an order that is about to change."""
        ...


class PiecesBook(Book):
    """A book in which an order may fill in several trades, in part, or not to its end."""

    def __init__(
        self,
        listings: Sequence[Listing],
        balances: Mapping[str, int],
        *,
        slippage_ppm: int,
        now: int,
        draw: Random,
        hits: Callable[[str], bool],
    ) -> None:
        super().__init__(listings, balances, slippage_ppm=slippage_ppm, now=now)
        self._draw = draw
        self._hits = hits
        self.witness: Witness | None = None

    def fill_at_once(self, order: BookOrder) -> None:
        """Fill a resting order now: the price has just touched it, for a moment."""
        listing = self.listings[order.symbol]
        if order.kind is OrderKind.STOP:
            price = sell_price(order.stop, self.slippage_ppm, listing.scale.tick)
            self._fill(listing, order, Filled(price, self.now, False))
        elif order.kind is OrderKind.LIMIT_MAKER:
            self._fill(listing, order, Filled(order.price, self.now, True))

    def _accept(self, listing: Listing, request: OrderRequest, *, list_id: int) -> BookOrder:
        order = super()._accept(listing, request, list_id=list_id)
        assert self.witness is not None, "somebody watches"
        self.witness.order_placed(order)
        return order

    def _end(self, order: BookOrder, status: str, *, time: int | None = None) -> None:
        assert self.witness is not None, "somebody watches"
        self.witness.order_changes(order)
        super()._end(order, status, time=time)
        self.witness.order_ended(order)

    def _fill(self, listing: Listing, order: BookOrder, filled: Filled) -> None:
        assert self.witness is not None, "somebody watches"
        self.witness.order_changes(order)
        for sibling in self._linked(order):
            if sibling is not order:
                if sibling.locked:
                    order.locked_asset, order.locked = sibling.locked_asset, sibling.locked
                    sibling.locked = 0
                self._end(sibling, "EXPIRED", time=filled.filled_at)
        self._unlock(order)
        pieces, is_whole = self._pieces(listing, order)
        for piece in pieces:
            if not self._trade(listing, order, filled, piece):
                self._end(order, "EXPIRED")
                return
        if is_whole:
            self._end(order, "FILLED", time=filled.filled_at)
        elif order.kind is OrderKind.LIMIT_MAKER:
            order.status, order.updated_at = "PARTIALLY_FILLED", filled.filled_at
            self._lock(order, listing.market.base, order.quantity - order.executed)
        else:
            self._end(order, "EXPIRED", time=filled.filled_at)

    def _pieces(self, listing: Listing, order: BookOrder) -> tuple[list[int], bool]:
        """Return the quantities that trade now, and whether nothing is left of the order."""
        left, lot = order.quantity - order.executed, listing.scale.lot
        lots = left // lot
        if lots < 2 or not self._hits("partial"):
            return [left], True
        cuts = sorted({self._draw.randrange(1, lots) for _ in range(PIECES_MAX - 1)})
        pieces = [
            (after - before) * lot
            for before, after in zip([0, *cuts], [*cuts, lots], strict=True)
        ]
        stays = order.kind is OrderKind.LIMIT_MAKER or self._hits("expire")
        return (pieces[:-1], False) if stays else (pieces, True)

    def _trade(self, listing: Listing, order: BookOrder, filled: Filled, quantity: int) -> bool:
        """Trade a piece; return whether the account could pay for it."""
        market, scale = listing.market, listing.scale
        cash = notional(filled.price, quantity, scale.lot, scale.lot_cash)
        is_buy = order.side is Side.BUY
        is_base_fee = is_buy and market.fee_asset is FeeAsset.RECEIVED
        fee_ppm = market.maker_ppm if filled.is_maker else market.taker_ppm
        charged = fee(quantity if is_base_fee else cash, fee_ppm)
        quote_change = (-cash if is_buy else cash) - (0 if is_base_fee else charged)
        base_change = (quantity if is_buy else -quantity) - (charged if is_base_fee else 0)
        if self.free[market.quote] + quote_change < 0 or self.free[market.base] + base_change < 0:
            return False
        self.free[market.quote] += quote_change
        self.free[market.base] += base_change
        order.executed += quantity
        order.cash += cash
        trade = BookTrade(
            trade_id=len(self.trades) + 1,
            order_id=order.order_id,
            list_id=order.list_id,
            symbol=order.symbol,
            side=order.side,
            price=filled.price,
            quantity=quantity,
            cash=cash,
            fee=charged,
            fee_asset=market.base if is_base_fee else market.quote,
            is_maker=filled.is_maker,
            time=filled.filled_at,
        )
        order.trades.append(trade)
        self.trades.append(trade)
        assert self.witness is not None, "somebody watches"
        self.witness.traded(order, trade)
        return True
