"""What is traded where, and the exact integer scale of its prices, quantities and cash."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from tradebot.model.money import decimals_of, from_units, to_units, to_units_down

# What exchanges keep for an asset unless a market is finer (Binance: eight decimals for every
# asset).
ASSET_DECIMALS = 8
COIN = "[A-Z0-9]{1,20}"
_SYMBOL = re.compile(f"({COIN})/({COIN})")


def is_symbol(text: str) -> bool:
    """Return whether a text names a market as people write it, `BTC/USDT`, of two coins."""
    found = _SYMBOL.fullmatch(text)
    return found is not None and found[1] != found[2]


class FeeAsset(StrEnum):
    """In which coin the exchange takes its fee."""

    RECEIVED = "received"  # what the order receives: base on a buy, quote on a sell (Binance)
    QUOTE = "quote"  # always the quote coin (Kraken, Coinbase)


class Candle(NamedTuple):
    """One closed interval of one market.

    Times in UTC milliseconds, prices in the market's price units. `mean_range` is the mean true
    range of the candles up to it, where entries are sized by that; 0 = not known.
    """

    opened_at: int
    closed_at: int
    open: int
    high: int
    low: int
    close: int
    mean_range: int = 0


@dataclass(frozen=True, slots=True)
class Market:
    """The rules of one market, as the exchange states them.

    Fees in parts per million of the notional. One that does not trade now, or is listed no more,
    has the rules that were known last: what is held there is kept in the books.
    """

    exchange: str
    base: str
    quote: str
    tick: Decimal
    step: Decimal
    quantity_min: Decimal
    notional_min: Decimal
    maker_ppm: int
    taker_ppm: int
    fee_asset: FeeAsset = FeeAsset.RECEIVED
    quantity_max: Decimal | None = None
    is_trading: bool = True

    def __post_init__(self) -> None:
        if self.tick <= 0 or self.step <= 0:
            raise ValueError(
                f"{self.symbol}: tick {self.tick} and step {self.step} must be above 0"
            )

    @property
    def symbol(self) -> str:
        """The exchange's usual name, `BTC/USDT`."""
        return f"{self.base}/{self.quote}"

    @property
    def name(self) -> str:
        """The name that is unique across exchanges, `binance:BTC/USDT`."""
        return f"{self.exchange}:{self.symbol}"


@dataclass(frozen=True, slots=True)
class Scale:
    """How many units one price, quantity and cash has, so that the integer rules are exact.

    A price unit is 10**-price_decimals of quote per base, a quantity unit 10**-quantity_decimals
    of base, a cash unit 10**-cash_decimals of quote. `lot_cash` is the cash of one price unit
    times one lot: an integer, so that the notional of whole lots is exact.
    """

    price_decimals: int
    quantity_decimals: int
    cash_decimals: int
    tick: int
    lot: int
    lot_cash: int

    def price(self, value: Decimal) -> int:
        """Return a price in units. Raises ValueError when it is finer than a unit."""
        return to_units(value, self.price_decimals)

    def price_down(self, value: Decimal) -> int:
        """Return the whole price units in an average: what is finer cannot be quoted anyway."""
        return to_units_down(value, self.price_decimals)

    def quantity(self, value: Decimal) -> int:
        """Return a quantity in units. Raises ValueError when it is finer than a unit."""
        return to_units(value, self.quantity_decimals)

    def quantity_down(self, value: Decimal) -> int:
        """Return the whole units in a quantity: what is finer cannot be traded anyway."""
        return to_units_down(value, self.quantity_decimals)

    def cash_down(self, value: Decimal) -> int:
        """Return the whole cash units in an amount, rounded against us."""
        return to_units_down(value, self.cash_decimals)

    def price_decimal(self, units: int) -> Decimal:
        """Return a price in units as a Decimal."""
        return from_units(units, self.price_decimals)

    def quantity_decimal(self, units: int) -> Decimal:
        """Return a quantity in units as a Decimal."""
        return from_units(units, self.quantity_decimals)

    def cash_decimal(self, units: int) -> Decimal:
        """Return cash in units as a Decimal."""
        return from_units(units, self.cash_decimals)


def asset_decimals(markets: Iterable[Market]) -> dict[str, int]:
    """Return for every asset of `markets` the decimals that hold all its amounts exactly."""
    decimals: dict[str, int] = {}
    for market in markets:
        needed_base = decimals_of(market.step)
        needed_quote = decimals_of(market.tick) + needed_base
        for asset, needed in ((market.base, needed_base), (market.quote, needed_quote)):
            decimals[asset] = max(decimals.get(asset, ASSET_DECIMALS), needed)
    return decimals


def scales(markets: Iterable[Market]) -> dict[str, Scale]:
    """Return the scale of every market by name; markets that share a coin share its unit."""
    markets = list(markets)
    decimals = asset_decimals(markets)
    return {market.name: _scale(market, decimals) for market in markets}


def _scale(market: Market, decimals: dict[str, int]) -> Scale:
    price_decimals = decimals_of(market.tick)
    quantity_decimals = decimals[market.base]
    cash_decimals = decimals[market.quote]
    lot = to_units(market.step, quantity_decimals)
    numerator = 10 ** (cash_decimals - price_decimals) * lot
    lot_cash, rest = divmod(numerator, 10**quantity_decimals)
    assert rest == 0, f"{market.name}: a lot at one price unit is no whole number of cash units"
    return Scale(
        price_decimals=price_decimals,
        quantity_decimals=quantity_decimals,
        cash_decimals=cash_decimals,
        tick=to_units(market.tick, price_decimals),
        lot=lot,
        lot_cash=lot_cash,
    )
