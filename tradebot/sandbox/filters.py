"""The exchange's filters: sizes, ticks, notional and order counts, refused as Binance refuses."""

from collections.abc import Iterable

from tradebot.engine.rules.costs import notional
from tradebot.model.order import OrderKind
from tradebot.sandbox.listing import BookOrder, Listing, OrderRequest, SandboxRejection

PRICED = frozenset(
    {OrderKind.LIMIT, OrderKind.LIMIT_MAKER, OrderKind.STOP_LIMIT, OrderKind.TAKE_PROFIT_LIMIT}
)
ALGO = frozenset({OrderKind.STOP, OrderKind.STOP_LIMIT, OrderKind.TAKE_PROFIT_LIMIT})

# How far a limit price may be from the market's, and how many orders may be open in one market.
PRICE_FACTOR_MAX = 5
ORDERS_MAX = 200
ALGO_ORDERS_MAX = 5


def check_filters(listing: Listing, request: OrderRequest, *, price: int) -> None:
    """Refuse an order that breaks a filter; `price` is the market's. Raises SandboxRejection."""
    market, scale = listing.market, listing.scale
    minimum = scale.quantity(market.quantity_min)
    maximum = None if market.quantity_max is None else scale.quantity(market.quantity_max)
    if (
        request.quantity <= 0
        or request.quantity < minimum
        or request.quantity % scale.lot
        or (maximum is not None and request.quantity > maximum)
    ):
        raise SandboxRejection(-1013, "Filter failure: LOT_SIZE")
    if request.kind in PRICED and request.price <= 0:
        raise SandboxRejection(-1013, "Filter failure: PRICE_FILTER")
    if request.price % scale.tick or request.stop % scale.tick:
        raise SandboxRejection(-1013, "Filter failure: PRICE_FILTER")
    is_far = request.price > price * PRICE_FACTOR_MAX or request.price * PRICE_FACTOR_MAX < price
    if request.price and is_far:
        raise SandboxRejection(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE")
    at = request.price or request.stop or price
    worth = notional(at, request.quantity, scale.lot, scale.lot_cash)
    if worth < scale.cash_down(market.notional_min):
        raise SandboxRejection(-1013, "Filter failure: NOTIONAL")


def check_counts(placed: Iterable[BookOrder], requests: Iterable[OrderRequest]) -> None:
    """Refuse what would be too many open orders in one market. Raises SandboxRejection."""
    kinds = [order.kind for order in placed] + [request.kind for request in requests]
    if len(kinds) > ORDERS_MAX:
        raise SandboxRejection(-1013, "Filter failure: MAX_NUM_ORDERS")
    if sum(kind in ALGO for kind in kinds) > ALGO_ORDERS_MAX:
        raise SandboxRejection(-1013, "Filter failure: MAX_NUM_ALGO_ORDERS")
