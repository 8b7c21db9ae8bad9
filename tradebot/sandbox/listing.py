"""What the sandbox exchange lists, keeps and charges: markets and candles, orders, trades, fees.

Law: nothing here changes a book.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from tradebot.engine.fills import Filled
from tradebot.engine.rules.costs import fee, notional
from tradebot.model.market import ASSET_DECIMALS, Candle, FeeAsset, Market, Scale
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
    fee_decimals: int
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


@dataclass(frozen=True, slots=True)
class FeeCoin:
    """A coin that no market here trades, in which fees are paid while the account has enough.

    `price` is one coin's in the quote coin of the markets: Binance's BNB, at a price that stands.
    """

    asset: str
    price: Decimal

    def units(self, cash: int, cash_decimals: int) -> int:
        """Return how much of the coin is worth this cash, rounded up as every fee is."""
        over, under = self.price.as_integer_ratio()
        units: int = -(-cash * under * 10**ASSET_DECIMALS // (over * 10**cash_decimals))
        return units


class Charge(NamedTuple):
    """What a trade is worth, its fee, and by how much each coin of the account changes."""

    cash: int
    fee: int
    fee_asset: str
    fee_decimals: int
    changes: dict[str, int]


def charge(
    listing: Listing,
    order: BookOrder,
    filled: Filled,
    quantity: int,
    *,
    coin: FeeCoin | None = None,
    free: Mapping[str, int],
) -> Charge:
    """Return what trading a piece of an order costs and brings to an account with so much free.

    A fee is taken from `coin` whole or not at all: where it would not do, as if there were none.
    """
    market, scale = listing.market, listing.scale
    cash = notional(filled.price, quantity, scale.lot, scale.lot_cash)
    fee_ppm = market.maker_ppm if filled.is_maker else market.taker_ppm
    sign = 1 if order.side is Side.BUY else -1
    changes = {market.base: sign * quantity, market.quote: -sign * cash}
    charged, asset, decimals = fee(cash, fee_ppm), market.quote, scale.cash_decimals
    in_coin = 0 if coin is None else coin.units(charged, scale.cash_decimals)
    if coin is not None and in_coin <= free[coin.asset]:
        charged, asset, decimals = in_coin, coin.asset, ASSET_DECIMALS
    elif order.side is Side.BUY and market.fee_asset is FeeAsset.RECEIVED:
        charged, asset = fee(quantity, fee_ppm), market.base
        decimals = scale.quantity_decimals
    changes[asset] = changes.get(asset, 0) - charged
    return Charge(cash, charged, asset, decimals, changes)


def spent(listing: Listing, side: Side, price: int, quantity: int) -> tuple[str, int]:
    """Return the coin that an order at this price spends, and how much of it at most."""
    market, scale = listing.market, listing.scale
    if side is Side.SELL:
        return market.base, quantity
    amount = notional(price, quantity, scale.lot, scale.lot_cash)
    if market.fee_asset is FeeAsset.QUOTE:
        amount += fee(amount, market.taker_ppm)
    return market.quote, amount
