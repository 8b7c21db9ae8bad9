"""The sandbox exchange's heart: balances, orders and fills on integers; no HTTP, no clock.

Law: time moves only in `advance_to`, and what a candle does to an order is said in `engine/fills`
alone. How much of the order trades then is said by `pieces`: all of it, unless told otherwise.
Codes and texts of rejections are Binance's.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence

from tradebot.engine.fills import Filled, limit_fill, stop_fill
from tradebot.engine.rules.costs import buy_price, sell_price
from tradebot.model.market import ASSET_DECIMALS, Candle, asset_decimals
from tradebot.model.order import OrderKind, Side
from tradebot.sandbox.filters import PRICED, check_counts, check_filters
from tradebot.sandbox.listing import (
    OPEN_STATUSES,
    BookOrder,
    BookTrade,
    FeeCoin,
    Listing,
    OrderRequest,
    Pieces,
    SandboxRejection,
    charge,
    spent,
    whole,
)

INSUFFICIENT = (-2010, "Account has insufficient balance for requested action.")
DUPLICATE = (-2010, "Duplicate order sent.")
UNKNOWN_ORDER = (-2011, "Unknown order sent.")
STOP_KINDS = frozenset({OrderKind.STOP, OrderKind.STOP_LIMIT})


class Book:
    """Orders and balances of one account in several markets, moved by candles.

    Balances are integers in each asset's smallest unit; `slippage_ppm` is half the spread.
    """

    def __init__(
        self,
        listings: Sequence[Listing],
        balances: Mapping[str, int],
        *,
        slippage_ppm: int,
        now: int,
        fee_coin: FeeCoin | None = None,
    ) -> None:
        self.listings = {item.market.symbol: item for item in listings}
        self.free: dict[str, int] = dict(balances)
        self.locked: dict[str, int] = {}
        self.slippage_ppm = slippage_ppm
        self.pieces: Callable[[Listing, BookOrder], Pieces] = whole
        self.now = now
        self.orders: dict[int, BookOrder] = {}
        self.open_orders: dict[int, BookOrder] = {}
        self.by_client_id: dict[str, int] = {}
        self.trades: list[BookTrade] = []
        self.lists: dict[int, tuple[BookOrder, BookOrder]] = {}
        self._next_list_id = 1
        self.decimals = asset_decimals(item.market for item in listings)
        self.fee_coin = fee_coin
        if fee_coin is not None:
            assert fee_coin.asset not in self.decimals, f"{fee_coin.asset} is traded here"
            self.decimals[fee_coin.asset] = ASSET_DECIMALS
        for asset in self.decimals:
            self.free.setdefault(asset, 0)
            self.locked.setdefault(asset, 0)

    # --- time -----------------------------------------------------------------------------------

    def advance_to(self, time: int) -> None:
        """Let time pass until `time`, candle by candle, filling what the candles fill."""
        assert time >= self.now, f"time runs backwards: {self.now} -> {time}"
        while self.open_orders:
            boundary, listing = self._next_boundary()
            if listing is None or boundary > time:
                break
            self.now = max(self.now, boundary)
            self._meet(listing)
        self.now = time

    def _next_boundary(self) -> tuple[int, Listing | None]:
        """Return when the next candle closes (or opens, for waiting market orders), and whose."""
        best: tuple[int, Listing | None] = (0, None)
        for symbol in sorted({order.symbol for order in self.open_orders.values()}):
            listing = self.listings[symbol]
            index = listing.cursor
            if index >= len(listing.closed_at):
                continue
            is_waiting = any(
                order.kind is OrderKind.MARKET
                for order in self.open_orders.values()
                if order.symbol == symbol
            )
            time = listing.opened_at[index] if is_waiting else listing.closed_at[index]
            if best[1] is None or time < best[0]:
                best = (time, listing)
        return best

    def _meet(self, listing: Listing) -> None:
        """Let the listing's next candle fill what it fills; move on when it has closed."""
        candle = listing.candle(listing.cursor)
        orders = [item for item in self.open_orders.values() if item.symbol == listing.symbol]
        waiting = [item for item in orders if item.kind is OrderKind.MARKET]
        for order in waiting:
            self._fill_market(listing, order, candle.open, candle.opened_at)
        if self.now < candle.closed_at:
            return
        listing.cursor += 1
        # Stop before target in one candle: the path is unseen, so take the worse.
        for order in sorted(orders, key=lambda item: (item.kind not in STOP_KINDS, item.order_id)):
            if order.status in OPEN_STATUSES and order.kind is not OrderKind.MARKET:
                filled = self._resting_fill(listing, order, candle)
                if filled is not None:
                    self._fill(listing, order, filled)

    def _resting_fill(self, listing: Listing, order: BookOrder, candle: Candle) -> Filled | None:
        slippage, tick = self.slippage_ppm, listing.scale.tick
        if order.kind is OrderKind.STOP:
            return stop_fill(order.side, order.stop, candle, slippage_ppm=slippage, tick=tick)
        if order.kind is OrderKind.STOP_LIMIT and not order.is_triggered:
            hit = stop_fill(order.side, order.stop, candle, slippage_ppm=slippage, tick=tick)
            if hit is None:
                return None
            order.is_triggered = True
            sells_in_limit = order.side is Side.SELL and hit.price >= order.price
            buys_in_limit = order.side is Side.BUY and hit.price <= order.price
            return hit if sells_in_limit or buys_in_limit else None
        if order.kind is OrderKind.TAKE_PROFIT_LIMIT and not order.is_triggered:
            touched = (
                candle.high >= order.stop
                if order.side is Side.SELL
                else candle.low <= order.stop
            )
            if not touched:
                return None
            order.is_triggered = True
        return limit_fill(order.side, order.price, candle)

    # --- prices ---------------------------------------------------------------------------------

    def price_now(self, listing: Listing) -> int | None:
        """Return the open of the candle under way, else the last close; None before any candle."""
        last = self.last_closed(listing)
        if self.is_trading(listing):
            return listing.open[last + 1]
        return None if last < 0 else listing.close[last]

    def last_closed(self, listing: Listing) -> int:
        """Return the index of the newest candle that has closed; -1 where none has."""
        return bisect_right(listing.closed_at, self.now) - 1

    def is_trading(self, listing: Listing) -> bool:
        """Return whether a candle opens now or is under way: else the market waits in a gap."""
        index = self.last_closed(listing) + 1
        return index < len(listing.opened_at) and listing.opened_at[index] <= self.now

    # --- placing --------------------------------------------------------------------------------

    def place(self, request: OrderRequest) -> BookOrder:
        """Take an order, filling it at once where it crosses. Raises SandboxRejection."""
        listing = self.check(request)
        asset, amount = self._reserve(listing, request)
        order = self._accept(listing, request, list_id=-1)
        self._lock(order, asset, amount)
        if order.kind is OrderKind.MARKET:
            if self.is_trading(listing):
                price = self.price_now(listing)
                assert price is not None, "a trading market has a price"
                self._fill_market(listing, order, price, self.now)
        elif order.kind in (OrderKind.LIMIT, OrderKind.LIMIT_MAKER):
            self._cross(listing, order)
            if order.time_in_force != "GTC" and order.status in OPEN_STATUSES:
                self._expire(order)
        return order

    def place_oco(
        self, above: OrderRequest, below: OrderRequest, *, list_client_id: str
    ) -> tuple[BookOrder, BookOrder]:
        """Take two orders of which one fill ends the other. Raises SandboxRejection."""
        listing = self.check(above, below)
        self.check(below)
        if above.client_id == below.client_id:
            raise SandboxRejection(*DUPLICATE)
        # One of the two will trade, so one is reserved: on a buy the dearer, which waits above.
        asset, amount = self._reserve(listing, below if above.side is Side.SELL else above)
        list_id = self._next_list_id
        self._next_list_id += 1
        lower = self._accept(listing, below, list_id=list_id)
        upper = self._accept(listing, above, list_id=list_id)
        self._lock(lower if above.side is Side.SELL else upper, asset, amount)
        lower.list_client_id = upper.list_client_id = list_client_id
        self.lists[list_id] = (lower, upper)
        return upper, lower

    def check(self, request: OrderRequest, *others: OrderRequest) -> Listing:
        """Return where it would be listed. Raises SandboxRejection for all but a low balance.

        `others` come with it and only count against the filters' numbers of orders.
        """
        listing = self.listings.get(request.symbol)
        if listing is None:
            raise SandboxRejection(-1121, "Invalid symbol.")
        price = self.price_now(listing)
        if price is None:
            raise SandboxRejection(-2010, "Market is closed.")
        if any(order.client_id == request.client_id for order in self.open_orders.values()):
            raise SandboxRejection(*DUPLICATE)
        check_filters(listing, request, price=price)
        check_counts(self.open_of(request.symbol), (request, *others))
        if request.kind is OrderKind.LIMIT_MAKER:
            taken = self._taken_price(listing, request.side, price)
            if request.price <= taken if request.side is Side.SELL else request.price >= taken:
                raise SandboxRejection(-2010, "Order would immediately match and take.")
        is_stop, is_sell = request.kind in STOP_KINDS, request.side is Side.SELL
        triggers_below = is_stop == is_sell  # sell stops and buy take-profits wait below the market
        if request.stop and (price <= request.stop if triggers_below else price >= request.stop):
            raise SandboxRejection(-2010, "Stop price would trigger immediately.")
        return listing

    def _reserve(self, listing: Listing, request: OrderRequest) -> tuple[str, int]:
        """Return what the order may spend. Raises SandboxRejection where it is not there."""
        price = request.price or request.stop
        if request.side is Side.BUY and request.kind in (OrderKind.MARKET, OrderKind.STOP):
            price = price or self.price_now(listing) or 0
            price = buy_price(price, self.slippage_ppm, listing.scale.tick)
        asset, amount = spent(listing, request.side, price, request.quantity)
        if self.free[asset] < amount:
            raise SandboxRejection(*INSUFFICIENT)
        return asset, amount

    def _accept(self, listing: Listing, request: OrderRequest, *, list_id: int) -> BookOrder:
        order = BookOrder(
            order_id=len(self.orders) + 1,
            client_id=request.client_id,
            symbol=request.symbol,
            side=request.side,
            kind=request.kind,
            quantity=request.quantity,
            price=request.price,
            stop=request.stop,
            list_id=list_id,
            created_at=self.now,
            updated_at=self.now,
            time_in_force=request.time_in_force,
            quote_quantity=request.quote_quantity,
        )
        if not any(item.symbol == order.symbol for item in self.open_orders.values()):
            listing.cursor = self.last_closed(listing) + 1
        self.orders[order.order_id] = order
        self.open_orders[order.order_id] = order
        self.by_client_id[order.client_id] = order.order_id
        return order

    def _lock(self, order: BookOrder, asset: str, amount: int) -> None:
        order.locked_asset, order.locked = asset, amount
        self.free[asset] -= amount
        self.locked[asset] += amount

    def _unlock(self, order: BookOrder) -> None:
        for each in self._linked(order):
            if each.locked:
                self.free[each.locked_asset] += each.locked
                self.locked[each.locked_asset] -= each.locked
                each.locked = 0

    def _linked(self, order: BookOrder) -> list[BookOrder]:
        if order.list_id < 0:
            return [order]
        return [item for item in self.lists[order.list_id] if item.order_id in self.open_orders]

    # --- filling --------------------------------------------------------------------------------

    def _cross(self, listing: Listing, order: BookOrder) -> None:
        """Fill a limit order that crosses the spread when it arrives, as a taker."""
        price = self.price_now(listing)
        assert price is not None, "checked before it was accepted"
        taken = self._taken_price(listing, order.side, price)
        if taken <= order.price if order.side is Side.BUY else taken >= order.price:
            self._fill(listing, order, Filled(taken, self.now, False))

    def _taken_price(self, listing: Listing, side: Side, price: int) -> int:
        taker = buy_price if side is Side.BUY else sell_price
        return taker(price, self.slippage_ppm, listing.scale.tick)

    def _fill_market(self, listing: Listing, order: BookOrder, price: int, time: int) -> None:
        self._fill(
            listing, order, Filled(self._taken_price(listing, order.side, price), time, False)
        )

    def _fill(self, listing: Listing, order: BookOrder, filled: Filled) -> None:
        """Trade what is taken of an order now; its OCO sibling ends with the first piece."""
        linked = self._linked(order)
        self._unlock(order)
        for sibling in linked:
            if sibling is not order:
                self._end(sibling, "EXPIRED", time=filled.filled_at)
        pieces = self.pieces(listing, order)
        left, taken = order.quantity - order.executed, sum(pieces.quantities)
        assert min(pieces.quantities, default=0) > 0, f"{pieces} of {left}"
        assert taken <= left and pieces.is_whole == (taken == left), f"{pieces} of {left}"
        if order.time_in_force == "FOK" and not self._is_payable(listing, order, filled, pieces):
            self._end(order, "EXPIRED", time=filled.filled_at)
            return
        for quantity in pieces.quantities:
            if not self._trade(listing, order, filled, quantity):
                # The price ran away from what was reserved while the order waited.
                self._end(order, "EXPIRED")
                return
        if pieces.is_whole:
            self._end(order, "FILLED", time=filled.filled_at)
        elif order.kind in PRICED and order.time_in_force == "GTC":
            order.status, order.updated_at = "PARTIALLY_FILLED", filled.filled_at
            asset, amount = spent(listing, order.side, order.price, left - taken)
            # Each piece's fee is rounded up: some units of what was reserved may be spent on that.
            self._lock(order, asset, min(amount, self.free[asset]))
        else:
            self._end(order, "EXPIRED", time=filled.filled_at)

    def _is_payable(
        self, listing: Listing, order: BookOrder, filled: Filled, pieces: Pieces
    ) -> bool:
        """Return whether the account can pay for all pieces, and they are all there is."""
        quote, free = listing.market.quote, self.free
        # Without the fee coin: it may run out between two pieces.
        charges = [charge(listing, order, filled, each, free=free) for each in pieces.quantities]
        change = sum(each.changes[quote] for each in charges)
        return pieces.is_whole and free[quote] + change >= 0

    def _trade(self, listing: Listing, order: BookOrder, filled: Filled, quantity: int) -> bool:
        """Trade a piece of an order; return whether the account could pay for it."""
        free = self.free
        cost = charge(listing, order, filled, quantity, coin=self.fee_coin, free=free)
        if any(free[asset] + change < 0 for asset, change in cost.changes.items()):
            return False
        for asset, change in cost.changes.items():
            free[asset] += change
        order.executed += quantity
        order.cash += cost.cash
        trade = BookTrade(
            trade_id=len(self.trades) + 1,
            order_id=order.order_id,
            list_id=order.list_id,
            symbol=order.symbol,
            side=order.side,
            price=filled.price,
            quantity=quantity,
            cash=cost.cash,
            fee=cost.fee,
            fee_asset=cost.fee_asset,
            fee_decimals=cost.fee_decimals,
            is_maker=filled.is_maker,
            time=filled.filled_at,
        )
        order.trades.append(trade)
        self.trades.append(trade)
        return True

    def _expire(self, order: BookOrder) -> None:
        linked = self._linked(order)
        self._unlock(order)
        for each in linked:
            self._end(each, "EXPIRED")

    def _end(self, order: BookOrder, status: str, *, time: int | None = None) -> None:
        order.status = status
        order.updated_at = self.now if time is None else time
        self.open_orders.pop(order.order_id, None)

    # --- cancelling and looking up --------------------------------------------------------------

    def find(self, symbol: str, *, order_id: int | None = None, client_id: str = "") -> BookOrder:
        """Return an order by either id. Raises SandboxRejection (-2013) where there is none."""
        known = self.by_client_id.get(client_id) if order_id is None else order_id
        order = self.orders.get(known) if known is not None else None
        if order is None or order.symbol != symbol:
            raise SandboxRejection(-2013, "Order does not exist.")
        return order

    def cancel(self, order: BookOrder) -> list[BookOrder]:
        """Cancel an open order, and its OCO sibling with it. Raises SandboxRejection (-2011)."""
        if order.order_id not in self.open_orders:
            raise SandboxRejection(*UNKNOWN_ORDER)
        linked = self._linked(order)
        self._unlock(order)
        for each in linked:
            self._end(each, "CANCELED")
        return linked

    def open_of(self, symbol: str | None = None) -> Iterator[BookOrder]:
        """Yield the open orders, of one market or of all, oldest first."""
        for order in self.open_orders.values():
            if symbol is None or order.symbol == symbol:
                yield order
