"""What the sandbox exchange lists and keeps: markets and candles, orders, trades, rejections."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tradebot.model.market import Candle, Market, Scale
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

    `time_in_force` IOC and FOK end a limit order at once where it does not fill: here every fill is
    whole, so they are the same. `quote_quantity` is the cash a market order was to trade for.
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
