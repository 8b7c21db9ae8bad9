"""Orders, trades and order lists as Binance writes them in JSON.

Law: amounts are strings of exact decimals, at least eight of them; nothing passes through a float.
"""

from __future__ import annotations

from tradebot.model.market import Scale
from tradebot.model.order import OrderKind, Side
from tradebot.sandbox.filters import ALGO
from tradebot.sandbox.listing import OPEN_STATUSES, BookOrder, BookTrade

Fields = dict[str, object]

DECIMALS_SHOWN = 8
SELF_TRADE = "EXPIRE_MAKER"

KIND_OF_TYPE = {
    "MARKET": OrderKind.MARKET,
    "LIMIT": OrderKind.LIMIT,
    "LIMIT_MAKER": OrderKind.LIMIT_MAKER,
    "STOP_LOSS": OrderKind.STOP,
    "STOP_LOSS_LIMIT": OrderKind.STOP_LIMIT,
    "TAKE_PROFIT_LIMIT": OrderKind.TAKE_PROFIT_LIMIT,
}
TYPE_OF_KIND = {kind: name for name, kind in KIND_OF_TYPE.items()}

_POWER = [10**decimals for decimals in range(40)]


def amount(units: int, decimals: int) -> str:
    """Return a non-negative count of 10**-decimals as plain text of eight decimals or more."""
    if decimals < DECIMALS_SHOWN:
        units *= _POWER[DECIMALS_SHOWN - decimals]
        decimals = DECIMALS_SHOWN
    whole, rest = divmod(units, _POWER[decimals])
    return f"{whole}.{rest:0{decimals}d}"


ZERO = amount(0, 0)


def wire_symbol(symbol: str) -> str:
    """Return a market's name on the wire: BTC/USDT -> BTCUSDT."""
    return symbol.replace("/", "")


def order_fields(order: BookOrder, scale: Scale) -> Fields:
    """Return an order as queries tell it. Fees are not in it: they are in fills and trades."""
    is_working = _is_working(order)
    fields = _core(order, scale)
    fields |= {
        "stopPrice": amount(order.stop, scale.price_decimals),
        "icebergQty": ZERO,
        "time": order.created_at,
        "updateTime": order.updated_at,
        "isWorking": is_working,
        "workingTime": order.created_at if is_working else -1,
        "selfTradePreventionMode": SELF_TRADE,
    }
    return fields | _expiry(order)


def placed_fields(order: BookOrder, scale: Scale, *, now: int, response: str) -> Fields:
    """Return the answer to placing an order; `response` is ACK, RESULT or FULL."""
    if response == "ACK":
        return {
            "symbol": wire_symbol(order.symbol),
            "orderId": order.order_id,
            "orderListId": order.list_id,
            "clientOrderId": order.client_id,
            "transactTime": now,
        }
    fields = _acted(order, scale, now) | {
        "workingTime": now if _is_working(order) else -1,
        "selfTradePreventionMode": SELF_TRADE,
    }
    fields |= _expiry(order)
    if response == "FULL":
        fields["fills"] = [_fill_fields(trade, scale) for trade in order.trades]
    return fields


def cancelled_fields(order: BookOrder, scale: Scale, *, now: int, cancel_id: str) -> Fields:
    """Return the answer to a cancel: `clientOrderId` is the cancel's own, not the order's."""
    return {
        **_acted(order, scale, now),
        "origClientOrderId": order.client_id,
        "clientOrderId": cancel_id,
        "selfTradePreventionMode": SELF_TRADE,
    }


def trade_fields(trade: BookTrade, scale: Scale) -> Fields:
    """Return a trade as myTrades tells it."""
    return {
        "symbol": wire_symbol(trade.symbol),
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": trade.list_id,
        "price": amount(trade.price, scale.price_decimals),
        "qty": amount(trade.quantity, scale.quantity_decimals),
        "quoteQty": amount(trade.cash, scale.cash_decimals),
        "commission": amount(trade.fee, trade.fee_decimals),
        "commissionAsset": trade.fee_asset,
        "time": trade.time,
        "isBuyer": trade.side is Side.BUY,
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def list_fields(orders: tuple[BookOrder, BookOrder], *, now: int) -> Fields:
    """Return an OCO list as queries tell it."""
    first = orders[0]
    is_open = any(order.status in OPEN_STATUSES for order in orders)
    return {
        "orderListId": first.list_id,
        "contingencyType": "OCO",
        "listStatusType": "EXEC_STARTED" if is_open else "ALL_DONE",
        "listOrderStatus": "EXECUTING" if is_open else "ALL_DONE",
        "listClientOrderId": first.list_client_id,
        "transactionTime": now,
        "symbol": wire_symbol(first.symbol),
        "orders": [
            {
                "symbol": wire_symbol(order.symbol),
                "orderId": order.order_id,
                "clientOrderId": order.client_id,
            }
            for order in orders
        ],
    }


def _core(order: BookOrder, scale: Scale) -> Fields:
    return {
        "symbol": wire_symbol(order.symbol),
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        "price": amount(order.price, scale.price_decimals),
        "origQty": amount(order.quantity, scale.quantity_decimals),
        "executedQty": amount(order.executed, scale.quantity_decimals),
        "origQuoteOrderQty": amount(order.quote_quantity, scale.cash_decimals),
        "cummulativeQuoteQty": amount(order.cash, scale.cash_decimals),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": TYPE_OF_KIND[order.kind],
        "side": order.side.upper(),
    }


def _acted(order: BookOrder, scale: Scale, now: int) -> Fields:
    fields = _core(order, scale) | {"transactTime": now}
    if order.stop:
        fields["stopPrice"] = amount(order.stop, scale.price_decimals)
    return fields


def _is_working(order: BookOrder) -> bool:
    return order.kind not in ALGO or order.is_triggered or order.executed > 0


def _expiry(order: BookOrder) -> Fields:
    if order.status != "EXPIRED":
        return {}
    if order.time_in_force == "IOC":
        return {"expiryReason": "UNFILLED_IOC_QUANTITY_EXPIRED"}
    if order.time_in_force == "FOK":
        return {"expiryReason": "UNFILLED_FOK_ORDER_EXPIRED"}
    if order.executed:
        return {"expiryReason": "INSUFFICIENT_LIQUIDITY"}
    return {"expiryReason": "OCO_TRIGGER" if order.list_id >= 0 else "EXCHANGE_CANCELED"}


def _fill_fields(trade: BookTrade, scale: Scale) -> Fields:
    return {
        "price": amount(trade.price, scale.price_decimals),
        "qty": amount(trade.quantity, scale.quantity_decimals),
        "commission": amount(trade.fee, trade.fee_decimals),
        "commissionAsset": trade.fee_asset,
        "tradeId": trade.trade_id,
    }
