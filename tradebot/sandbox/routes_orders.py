"""The signed endpoints that place, cancel and replace orders.

Law: a request is read and refused whole before the book is touched.
"""

from __future__ import annotations

from collections.abc import Callable

from tradebot.engine.rules.costs import buy_price, sell_price
from tradebot.engine.rules.sizes import quantity_for_cash
from tradebot.model.order import OrderKind, Side
from tradebot.sandbox.book import UNKNOWN_ORDER, Book
from tradebot.sandbox.desk import Answer, Desk
from tradebot.sandbox.filters import check_counts, check_filters
from tradebot.sandbox.listing import BookOrder, Listing, OrderRequest, SandboxRejection
from tradebot.sandbox.parameters import Parameters
from tradebot.sandbox.wire import (
    KIND_OF_TYPE,
    Fields,
    cancelled_fields,
    list_fields,
    placed_fields,
)

SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
TIMES_IN_FORCE = ("GTC", "IOC", "FOK")
RESPONSES = ("ACK", "RESULT", "FULL")
PRICE_DECIMALS_MAX = 8
SELF_TRADE_MODES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")

FULL_BY_DEFAULT = frozenset({OrderKind.MARKET, OrderKind.LIMIT})
MODES = ("STOP_ON_FAILURE", "ALLOW_FAILURE")

# What each kind of order must carry besides symbol, side and type; all else is refused.
NEEDED = {
    OrderKind.MARKET: (),
    OrderKind.LIMIT: ("timeInForce", "quantity", "price"),
    OrderKind.LIMIT_MAKER: ("quantity", "price"),
    OrderKind.STOP: ("quantity", "stopPrice"),
    OrderKind.STOP_LIMIT: ("timeInForce", "quantity", "price", "stopPrice"),
    OrderKind.TAKE_PROFIT_LIMIT: ("timeInForce", "quantity", "price", "stopPrice"),
}


def place_order(desk: Desk, parameters: Parameters) -> Fields:
    """Place an order."""
    request, response = read_order(desk, parameters)
    return _placed(desk, desk.book.place(request), response)


def test_order(desk: Desk, parameters: Parameters) -> Fields:
    """Check an order and place nothing."""
    request, _ = read_order(desk, parameters)
    parameters.choice("computeCommissionRates", ("false",), "false")
    desk.book.check(request)
    return {}


def cancel_order(desk: Desk, parameters: Parameters) -> Fields:
    """Cancel an order; for a leg of an OCO the whole list, which is then the answer."""
    listing = desk.listing(parameters)
    order_id = parameters.integer_or_none("orderId")
    client_id = _named(parameters, order_id, "orderId", "origClientOrderId")
    cancel_id = parameters.client_id("newClientOrderId", "")
    return cancel(desk, _open_order(desk.book, listing, order_id, client_id), cancel_id)


def cancel_open_orders(desk: Desk, parameters: Parameters) -> list[Fields]:
    """Cancel every open order of a market."""
    listing = desk.listing(parameters)
    if not any(True for _ in desk.book.open_of(listing.symbol)):
        raise SandboxRejection(*UNKNOWN_ORDER)
    answers = []
    while (order := next(desk.book.open_of(listing.symbol), None)) is not None:
        answers.append(cancel(desk, order, ""))
    return answers


def cancel_replace(desk: Desk, parameters: Parameters) -> Fields | Answer:
    """Cancel an order and place another; which of the two failed is in the answer."""
    mode = parameters.one_of(
        "cancelReplaceMode",
        MODES,
        -1130,
        "Data sent for parameter 'cancelReplaceMode' is not valid.",
    )
    listing = desk.listing(parameters)
    order_id = parameters.integer_or_none("cancelOrderId")
    client_id = _named(parameters, order_id, "cancelOrderId", "cancelOrigClientOrderId")
    cancel_id = parameters.client_id("cancelNewClientOrderId", "")
    request, response = read_order(desk, parameters)
    price = desk.book.price_now(listing)
    if price is not None:  # Filters are judged before anything is cancelled.
        check_filters(listing, request, price=price)
    check_counts(desk.book.open_of(listing.symbol), (request,))
    is_cancelled, cancelled = _attempt(
        lambda: cancel(desk, _open_order(desk.book, listing, order_id, client_id), cancel_id)
    )
    is_tried = is_cancelled or mode == "ALLOW_FAILURE"
    is_placed, placed = (
        _attempt(lambda: _placed(desk, desk.book.place(request), response))
        if is_tried
        else (False, None)
    )
    body: Fields = {
        "cancelResult": "SUCCESS" if is_cancelled else "FAILURE",
        "newOrderResult": ("SUCCESS" if is_placed else "FAILURE") if is_tried else "NOT_ATTEMPTED",
        "cancelResponse": cancelled,
        "newOrderResponse": placed,
    }
    if is_cancelled and is_placed:
        return body
    if is_cancelled or is_placed:
        message = "Order cancel-replace partially failed."
        return Answer({"code": -2021, "msg": message, "data": body}, status=409)
    return Answer({"code": -2022, "msg": "Order cancel-replace failed.", "data": body}, status=400)


def read_order(desk: Desk, parameters: Parameters) -> tuple[OrderRequest, str]:
    """Return the order a request asks for and the kind of answer. Raises SandboxRejection."""
    listing = desk.traded(parameters)
    side = read_side(parameters)
    if parameters.text("type") == "TAKE_PROFIT":
        raise SandboxRejection(-2010, "Take profit orders are not supported for this symbol.")
    kind = KIND_OF_TYPE[parameters.one_of("type", KIND_OF_TYPE, -1116, "Invalid orderType.")]
    refuse_unsupported(parameters, "trailingDelta", "icebergQty")
    for name in NEEDED[kind]:
        parameters.text(name)
    takes = (*NEEDED[kind], *(("quantity", "quoteOrderQty") if kind is OrderKind.MARKET else ()))
    optional = ("timeInForce", "quantity", "quoteOrderQty", "price", "stopPrice")
    parameters.refuse(*(name for name in optional if name not in takes))
    quantity, quote_quantity = _quantities(desk.book, listing, side, parameters)
    request = OrderRequest(
        symbol=listing.symbol,
        side=side,
        kind=kind,
        quantity=quantity,
        client_id=parameters.client_id("newClientOrderId", new_client_id(desk.book)),
        price=read_price(listing, parameters, "price"),
        stop=read_price(listing, parameters, "stopPrice"),
        time_in_force=read_time_in_force(parameters, "timeInForce", kind),
        quote_quantity=quote_quantity,
    )
    return request, read_response(parameters, "FULL" if kind in FULL_BY_DEFAULT else "ACK")


def read_side(parameters: Parameters) -> Side:
    """Return the side. Raises SandboxRejection (-1117)."""
    return SIDES[parameters.one_of("side", SIDES, -1117, "Invalid side.")]


def read_response(parameters: Parameters, default: str) -> str:
    """Return in which detail to answer, the ignored self-trade mode checked too."""
    # There is one account, and its orders never meet each other: every mode is kept by nature.
    parameters.choice("selfTradePreventionMode", SELF_TRADE_MODES, "NONE")
    return parameters.choice("newOrderRespType", RESPONSES, default)


def refuse_unsupported(parameters: Parameters, trailing: str, iceberg: str) -> None:
    """Refuse what exchangeInfo says is not allowed."""
    if parameters.has(trailing):
        raise SandboxRejection(-2010, "Trailing stop orders are not supported for this symbol.")
    if parameters.has(iceberg):
        raise SandboxRejection(-2010, "Iceberg orders are not supported for this symbol.")


def read_price(listing: Listing, parameters: Parameters, name: str) -> int:
    """Return a price in units, 0 where none was sent. Raises SandboxRejection."""
    if not parameters.has(name):
        return 0
    value = parameters.amount(name, max(PRICE_DECIMALS_MAX, listing.scale.price_decimals))
    try:
        units = listing.scale.price(value)
    except ValueError:
        raise SandboxRejection(-1013, "Filter failure: PRICE_FILTER") from None
    if units == 0:
        raise SandboxRejection(-1013, "Invalid price.")
    return units


def read_quantity(listing: Listing, parameters: Parameters) -> int:
    """Return the quantity in units. Raises SandboxRejection."""
    decimals = listing.scale.quantity_decimals
    units = listing.scale.quantity(parameters.amount("quantity", decimals))
    if units == 0:
        raise SandboxRejection(-1013, "Invalid quantity.")
    return units


def read_time_in_force(parameters: Parameters, name: str, kind: OrderKind) -> str:
    """Return the time in force, GTC where none was sent. Raises SandboxRejection."""
    if not parameters.has(name):
        return "GTC"
    value = parameters.one_of(name, TIMES_IN_FORCE, -1115, "Invalid timeInForce.")
    if value != "GTC" and kind is not OrderKind.LIMIT:
        raise SandboxRejection(-1014, "Unsupported order combination.")
    return value


def new_client_id(book: Book, offset: int = 1) -> str:
    """Return the id of an order whose client gave none: it follows from the orders before it."""
    return f"sandbox-{len(book.orders) + offset}"


def _quantities(
    book: Book, listing: Listing, side: Side, parameters: Parameters
) -> tuple[int, int]:
    """Return the quantity, and the cash to trade for or 0. Raises SandboxRejection."""
    if not parameters.has("quoteOrderQty"):
        if not parameters.has("quantity"):
            raise SandboxRejection(
                -1102,
                "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!",
            )
        return read_quantity(listing, parameters), 0
    if parameters.has("quantity"):
        raise SandboxRejection(-1128, "Combination of optional parameters invalid.")
    scale = listing.scale
    cash = scale.cash_down(parameters.amount("quoteOrderQty", scale.cash_decimals))
    price = book.price_now(listing)
    if price is None:
        raise SandboxRejection(-2010, "Market is closed.")
    taken = (buy_price if side is Side.BUY else sell_price)(price, book.slippage_ppm, scale.tick)
    return quantity_for_cash(cash, taken, scale.lot, scale.lot_cash), cash


def _placed(desk: Desk, order: BookOrder, response: str) -> Fields:
    scale = desk.book.listings[order.symbol].scale
    return placed_fields(order, scale, now=desk.book.now, response=response)


def _named(parameters: Parameters, order_id: int | None, id_name: str, client_name: str) -> str:
    """Return the client id that names an order, "" where only the other id was sent."""
    if order_id is None and not parameters.has(client_name):
        raise SandboxRejection(
            -1102, f"Param '{client_name}' or '{id_name}' must be sent, but both were empty/null!"
        )
    return parameters.client_id(client_name, "")


def _open_order(book: Book, listing: Listing, order_id: int | None, client_id: str) -> BookOrder:
    """Return the open order of that name. Raises SandboxRejection (-2011) where there is none."""
    try:
        order = book.find(listing.symbol, order_id=order_id, client_id=client_id)
    except SandboxRejection:
        raise SandboxRejection(*UNKNOWN_ORDER) from None
    if client_id not in ("", order.client_id):
        raise SandboxRejection(*UNKNOWN_ORDER)
    return order


def cancel(desk: Desk, order: BookOrder, cancel_id: str) -> Fields:
    """Cancel an open order, and the list it is in. Raises SandboxRejection (-2011)."""
    book = desk.book
    cancelled = book.cancel(order)
    cancel_id = cancel_id or f"sandbox-cancel-{order.order_id}"
    scale = book.listings[order.symbol].scale
    reports = [
        cancelled_fields(each, scale, now=book.now, cancel_id=cancel_id) for each in cancelled
    ]
    if order.list_id < 0:
        return reports[0]
    return {**list_fields(book.lists[order.list_id], now=book.now), "orderReports": reports}


def _attempt(act: Callable[[], Fields]) -> tuple[bool, Fields]:
    try:
        return True, act()
    except SandboxRejection as error:
        return False, {"code": error.code, "msg": error.message}
