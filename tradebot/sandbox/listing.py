"""What the sandbox exchange lists, keeps and charges: markets and candles, orders, trades, fees.

Law: nothing here changes a book.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tradebot.engine.fills import Filled
from tradebot.engine.rules.costs import fee, notional
from tradebot.model.market import Candle, FeeAsset, Market, Scale
from tradebot.model.order import OrderKind, Side

OPEN_STATUSES = frozenset({"NEW", "PARTIALLY_FILLED"})


class SandboxRejection(Exception):
    """The sandbox exchange says no, with Binance's code and text."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


@dataclass(slots=True)
class Listing:
    """One market and its candles as integer columns; `cursor`: the next candle to meet orders."""

    market: Market
    scale: Scale
    timeframe_ms: int
    opened_at: Sequence[int]
    closed_at: Sequence[int]
    open: Sequence[int]
    high: Sequence[int]
    low: Sequence[int]
    close: Sequence[int]
    volume: Sequence[float]
    cursor: int = 0
    symbol: str = field(init=False)

    def __post_init__(self) -> None:
        self.symbol = self.market.symbol

    def candle(self, index: int) -> Candle:
        """Return the candle at `index`."""
        return Candle(
            self.opened_at[index],
            self.closed_at[index],
            self.open[index],
            self.high[index],
            self.low[index],
            self.close[index],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order as it arrives: integers in the listing's units, 0 where a price does not apply.

    `time_in_force` IOC ends a limit order at once with what it got, FOK unless it got all.
    `quote_quantity` is the cash a market order was to trade for.
    """

    symbol: str
    side: Side
    kind: OrderKind
    quantity: int
    client_id: str
    price: int = 0
    stop: int = 0
    time_in_force: str = "GTC"
    quote_quantity: int = 0


@dataclass(slots=True, kw_only=True)
class BookTrade:
    """A fill, as the exchange keeps it: integers in the listing's units."""

    trade_id: int
    order_id: int
    list_id: int
    symbol: str
    side: Side
    price: int
    quantity: int
    cash: int
    fee: int
    fee_asset: str
    is_maker: bool
    time: int


@dataclass(slots=True, kw_only=True)
class BookOrder:
    """An order, as the exchange keeps it. `status` is Binance's word."""

    order_id: int
    client_id: str
    symbol: str
    side: Side
    kind: OrderKind
    quantity: int
    price: int
    stop: int
    list_id: int
    created_at: int
    updated_at: int
    time_in_force: str = "GTC"
    quote_quantity: int = 0
    status: str = "NEW"
    list_client_id: str = ""
    executed: int = 0
    cash: int = 0
    locked_asset: str = ""
    locked: int = 0
    is_triggered: bool = False
    trades: list[BookTrade] = field(default_factory=list)


class Pieces(NamedTuple):
    """How much of an order trades now: at least one quantity, in turn, each a trade of its own.

    `is_whole`: nothing is left of the order afterwards.
    """

    quantities: tuple[int, ...]
    is_whole: bool


def whole(listing: Listing, order: BookOrder) -> Pieces:
    """Return all that is left of an order, in one piece."""
    return Pieces((order.quantity - order.executed,), True)


class Charge(NamedTuple):
    """What a trade is worth, its fee, and by how much both coins of the account change."""

    cash: int
    fee: int
    fee_asset: str
    base_change: int
    quote_change: int


def charge(listing: Listing, order: BookOrder, filled: Filled, quantity: int) -> Charge:
    """Return what trading a piece of an order costs and brings."""
    market, scale = listing.market, listing.scale
    cash = notional(filled.price, quantity, scale.lot, scale.lot_cash)
    fee_ppm = market.maker_ppm if filled.is_maker else market.taker_ppm
    if order.side is Side.BUY and market.fee_asset is FeeAsset.RECEIVED:
        charged = fee(quantity, fee_ppm)
        return Charge(cash, charged, market.base, quantity - charged, -cash)
    charged = fee(cash, fee_ppm)
    sign = 1 if order.side is Side.BUY else -1
    return Charge(cash, charged, market.quote, sign * quantity, -sign * cash - charged)


def spent(listing: Listing, side: Side, price: int, quantity: int) -> tuple[str, int]:
    """Return the coin that an order at this price spends, and how much of it at most."""
    market, scale = listing.market, listing.scale
    if side is Side.SELL:
        return market.base, quantity
    amount = notional(price, quantity, scale.lot, scale.lot_cash)
    if market.fee_asset is FeeAsset.QUOTE:
        amount += fee(amount, market.taker_ppm)
    return market.quote, amount
