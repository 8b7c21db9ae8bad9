"""exchangeInfo: what trades here and by which filters, as Binance writes it.

Law: every limit stated here is one that the book enforces, or one that nothing here can break.
"""

from __future__ import annotations

from decimal import Decimal

from tradebot.model.market import Market, Scale
from tradebot.sandbox.filters import ALGO_ORDERS_MAX, ORDERS_MAX, PRICE_FACTOR_MAX
from tradebot.sandbox.listing import Listing
from tradebot.sandbox.wire import KIND_OF_TYPE, SELF_TRADE, ZERO, Fields, amount

WEIGHT_LIMIT = 6000
PERMISSIONS = ("SPOT",)

RATE_LIMITS: tuple[Fields, ...] = (
    {
        "rateLimitType": "REQUEST_WEIGHT",
        "interval": "MINUTE",
        "intervalNum": 1,
        "limit": WEIGHT_LIMIT,
    },
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61_000},
)

# What the exchange states where the market has no bound of its own: far above any order.
_QUANTITY_MAX = Decimal(900_000_000)
_PRICE_MAX = 1_000_000_000
_NOTIONAL_MAX = 1_000_000_000_000


def symbol_fields(listing: Listing) -> Fields:
    """Return one market's rules."""
    market, scale = listing.market, listing.scale
    return {
        "symbol": market.base + market.quote,
        "status": "TRADING",
        "baseAsset": market.base,
        "baseAssetPrecision": scale.quantity_decimals,
        "quoteAsset": market.quote,
        "quotePrecision": max(8, scale.price_decimals),
        "quoteAssetPrecision": scale.cash_decimals,
        "baseCommissionPrecision": scale.quantity_decimals,
        "quoteCommissionPrecision": scale.cash_decimals,
        "orderTypes": list(KIND_OF_TYPE),
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(market, scale),
        "permissions": list(PERMISSIONS),
        "permissionSets": [list(PERMISSIONS)],
        "defaultSelfTradePreventionMode": SELF_TRADE,
        "allowedSelfTradePreventionModes": ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def _filters(market: Market, scale: Scale) -> list[Fields]:
    tick = amount(scale.tick, scale.price_decimals)
    lot = amount(scale.lot, scale.quantity_decimals)
    largest = amount(
        scale.quantity_down(market.quantity_max or _QUANTITY_MAX), scale.quantity_decimals
    )
    up, down = str(PRICE_FACTOR_MAX), str(Decimal(1) / PRICE_FACTOR_MAX)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": tick,
            "maxPrice": amount(_PRICE_MAX, 0),
            "tickSize": tick,
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": amount(scale.quantity(market.quantity_min), scale.quantity_decimals),
            "maxQty": largest,
            "stepSize": lot,
        },
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {"filterType": "MARKET_LOT_SIZE", "minQty": ZERO, "maxQty": largest, "stepSize": ZERO},
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": 10,
            "maxTrailingAboveDelta": 2000,
            "minTrailingBelowDelta": 10,
            "maxTrailingBelowDelta": 2000,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": up,
            "bidMultiplierDown": down,
            "askMultiplierUp": up,
            "askMultiplierDown": down,
            "avgPriceMins": 0,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": amount(scale.cash_down(market.notional_min), scale.cash_decimals),
            "applyMinToMarket": True,
            "maxNotional": amount(_NOTIONAL_MAX, 0),
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": ORDERS_MAX},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": ALGO_ORDERS_MAX},
    ]
