"""The signed endpoints for OCO: a stop and a target of which one fill ends the other."""

from __future__ import annotations

from tradebot.model.order import OrderKind, Side
from tradebot.sandbox.desk import Desk
from tradebot.sandbox.listing import (
    OPEN_STATUSES,
    BookOrder,
    Listing,
    OrderRequest,
    SandboxRejection,
)
from tradebot.sandbox.parameters import Parameters
from tradebot.sandbox.routes_account import find_list
from tradebot.sandbox.routes_orders import (
    NEEDED,
    cancel,
    new_client_id,
    read_price,
    read_quantity,
    read_response,
    read_side,
    read_time_in_force,
    refuse_unsupported,
)
from tradebot.sandbox.wire import KIND_OF_TYPE, Fields, list_fields, placed_fields

STOPS = frozenset({OrderKind.STOP, OrderKind.STOP_LIMIT})
TARGETS = frozenset({OrderKind.LIMIT_MAKER, OrderKind.TAKE_PROFIT_LIMIT})


def place_oco(desk: Desk, parameters: Parameters) -> Fields:
    """Place an OCO list, each leg described by its own parameters."""
    listing, side = desk.traded(parameters), read_side(parameters)
    quantity = read_quantity(listing, parameters)
    above = _leg(desk, listing, side, quantity, parameters, "above")
    below = _leg(desk, listing, side, quantity, parameters, "below")
    _check_kinds(side, above.kind, below.kind)
    return _place(desk, parameters, above, below)


def place_oco_of_old(desk: Desk, parameters: Parameters) -> Fields:
    """Place an OCO list by the older parameters: a limit order and a stop."""
    listing, side = desk.traded(parameters), read_side(parameters)
    quantity = read_quantity(listing, parameters)
    refuse_unsupported(parameters, "trailingDelta", "stopIcebergQty")
    refuse_unsupported(parameters, "trailingDelta", "limitIcebergQty")
    for name in ("price", "stopPrice"):
        parameters.text(name)
    has_limit = parameters.has("stopLimitPrice")
    if has_limit:
        parameters.text("stopLimitTimeInForce")
    else:
        parameters.refuse("stopLimitTimeInForce")
    kind = OrderKind.STOP_LIMIT if has_limit else OrderKind.STOP
    target = OrderRequest(
        symbol=listing.symbol,
        side=side,
        kind=OrderKind.LIMIT_MAKER,
        quantity=quantity,
        client_id=parameters.client_id("limitClientOrderId", new_client_id(desk.book, 2)),
        price=read_price(listing, parameters, "price"),
    )
    stop = OrderRequest(
        symbol=listing.symbol,
        side=side,
        kind=kind,
        quantity=quantity,
        client_id=parameters.client_id("stopClientOrderId", new_client_id(desk.book)),
        price=read_price(listing, parameters, "stopLimitPrice"),
        stop=read_price(listing, parameters, "stopPrice"),
        time_in_force=read_time_in_force(parameters, "stopLimitTimeInForce", kind),
    )
    above, below = (target, stop) if side is Side.SELL else (stop, target)
    return _place(desk, parameters, above, below)


def cancel_list(desk: Desk, parameters: Parameters) -> Fields:
    """Cancel an OCO list whole."""
    listing = desk.listing(parameters)
    cancel_id = parameters.client_id("newClientOrderId", "")
    unknown = SandboxRejection(-2011, "Unknown order list sent.")
    try:
        orders = find_list(desk, parameters, "listClientOrderId")
    except SandboxRejection as error:
        raise (unknown if error.code == -2013 else error) from None
    # A leg that has traded in part may be open alone.
    still_open = [order for order in orders if order.status in OPEN_STATUSES]
    if orders[0].symbol != listing.symbol or not still_open:
        raise unknown
    return cancel(desk, still_open[0], cancel_id)


def _leg(
    desk: Desk, listing: Listing, side: Side, quantity: int, parameters: Parameters, where: str
) -> OrderRequest:
    """Return the leg that waits `where`: "above" or "below" the market. Raises SandboxRejection."""
    message = "Order type not supported in OCO."
    kind = KIND_OF_TYPE[parameters.one_of(f"{where}Type", KIND_OF_TYPE, -1158, message)]
    if kind not in STOPS | TARGETS:
        raise SandboxRejection(-1158, message)
    refuse_unsupported(parameters, f"{where}TrailingDelta", f"{where}IcebergQty")
    names = {
        "price": f"{where}Price",
        "stopPrice": f"{where}StopPrice",
        "timeInForce": f"{where}TimeInForce",
    }
    for name, sent in names.items():
        if name in NEEDED[kind]:
            parameters.text(sent)
        else:
            parameters.refuse(sent)
    offset = 1 if where == "below" else 2
    client_id = parameters.client_id(f"{where}ClientOrderId", new_client_id(desk.book, offset))
    return OrderRequest(
        symbol=listing.symbol,
        side=side,
        kind=kind,
        quantity=quantity,
        client_id=client_id,
        price=read_price(listing, parameters, names["price"]),
        stop=read_price(listing, parameters, names["stopPrice"]),
        time_in_force=read_time_in_force(parameters, names["timeInForce"], kind),
    )


def _check_kinds(side: Side, above: OrderKind, below: OrderKind) -> None:
    """Refuse legs that do not wait on their own side of the market, one stop and one target."""
    stop, target = (below, above) if side is Side.SELL else (above, below)
    if stop in STOPS and target in TARGETS:
        return
    if stop in TARGETS and target in TARGETS:
        raise SandboxRejection(-1168, "At least one OCO order must be contingent.")
    if side is Side.SELL:
        raise SandboxRejection(-1197, "A stop loss order in a sell OCO must be below.")
    raise SandboxRejection(-1196, "A stop loss order in a buy OCO must be above.")


def _place(desk: Desk, parameters: Parameters, above: OrderRequest, below: OrderRequest) -> Fields:
    book = desk.book
    list_client_id = parameters.client_id(
        "listClientOrderId", f"sandbox-list-{len(book.lists) + 1}"
    )
    response = read_response(parameters, "RESULT")
    upper, lower = book.place_oco(above, below, list_client_id=list_client_id)
    orders: tuple[BookOrder, BookOrder] = (lower, upper)
    scale = book.listings[upper.symbol].scale
    reports = [placed_fields(each, scale, now=book.now, response=response) for each in orders]
    return {**list_fields(orders, now=book.now), "orderReports": reports}
