"""Small sandbox exchanges: `book("100 101 99")`, `request("sell 1 stop 90")`; whole prices."""

from collections.abc import Mapping
from decimal import Decimal

from tests.support.builders import HOUR, START, candles, d, market
from tradebot.model.market import Candle, Market, asset_decimals, scales
from tradebot.model.order import OrderKind, Side
from tradebot.sandbox.book import Book
from tradebot.sandbox.listing import FeeCoin, Listing, OrderRequest

COIN = 10**8  # Quantities and cash are counted in 1e-8 of a coin.
KEY, SECRET = "k" * 64, "s" * 64


def listing_of(rules: Market, made: list[Candle], *, timeframe_ms: int = HOUR) -> Listing:
    """Return a market with these candles."""
    return Listing(
        market=rules,
        scale=scales([rules])[rules.name],
        timeframe_ms=timeframe_ms,
        opened_at=[item.opened_at for item in made],
        closed_at=[item.closed_at for item in made],
        open=[item.open for item in made],
        high=[item.high for item in made],
        low=[item.low for item in made],
        close=[item.close for item in made],
        volume=[1.5 for _ in made],
    )


def book(
    text: str,
    *,
    cash: Mapping[str, str] | None = None,
    slippage_ppm: int = 0,
    hours: int = 1,
    rules: Market | None = None,
    others: Mapping[str, str] | None = None,
    fee_coin: FeeCoin | None = None,
) -> Book:
    """Return a book of hourly candles, `hours` after the first opened; 1000 USDT and no BTC."""
    markets = {rules or market(): text}
    markets |= {market(symbol): more for symbol, more in (others or {}).items()}
    opening = {"USDT": "1000"} if cash is None else cash
    paid_in = set() if fee_coin is None else {fee_coin.asset}
    assert set(opening) <= {*asset_decimals(markets), *paid_in}, opening
    return Book(
        [listing_of(item, candles(made)) for item, made in markets.items()],
        {coin: int(d(amount) * COIN) for coin, amount in opening.items()},
        slippage_ppm=slippage_ppm,
        now=START + hours * HOUR,
        fee_coin=fee_coin,
    )


def request(text: str, *, client_id: str = "a", symbol: str = "BTC/USDT") -> OrderRequest:
    """Return an order: `buy 1 market`, `sell 1 stop 90`, `sell 1 stop_limit 90 89`: stop first."""
    side, quantity, kind, *prices = text.split()
    has_stop = kind in ("stop", "stop_limit", "take_profit_limit")
    return OrderRequest(
        symbol=symbol,
        side=Side(side),
        kind=OrderKind(kind),
        quantity=int(d(quantity) * COIN),
        client_id=client_id,
        price=int(prices[-1]) if prices and kind != "stop" else 0,
        stop=int(prices[0]) if has_stop else 0,
    )


def at(hours: int) -> int:
    """Return the moment `hours` after the first candle opened."""
    return START + hours * HOUR


def total(made: Book, coin: str) -> Decimal:
    """Return all the account has of a coin, free and locked."""
    return Decimal(made.free[coin] + made.locked[coin]) / COIN
