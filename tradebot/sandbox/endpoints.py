"""Every endpoint the sandbox serves, in one table, and the one way a request becomes an answer.

Law: key, signature and time are checked before anything else a request says is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

from tradebot.sandbox import routes_account, routes_lists, routes_orders, routes_public
from tradebot.sandbox.auth import SIGNED_NAMES
from tradebot.sandbox.desk import Answer, Desk
from tradebot.sandbox.listing import SandboxRejection
from tradebot.sandbox.parameters import Parameters

Handler = Callable[[Desk, Parameters], object]

PREFIX = "/api/v3/"
# Binance has this one elsewhere, where its testnet has nothing.
KEY_PATH = "/sapi/v1/account/apiRestrictions"

# HTTP statuses of codes whose status is not 400. Source: Binance spot API, "HTTP Return Codes".
STATUS_OF_CODE = {-2014: 401, -2015: 401}


class Endpoint(NamedTuple):
    """What answers, what it weighs, which parameters it takes, and which name new orders."""

    handler: Handler
    weight: int
    names: frozenset[str]
    is_signed: bool
    id_names: tuple[str, ...] = ()


class Request(NamedTuple):
    """A request exactly as it arrived."""

    method: str
    path: str
    query: str = ""
    body: str = ""
    api_key: str | None = None

    @property
    def name(self) -> str:
        """What the endpoint is called here: `POST order`."""
        return f"{self.method} {self.path.removeprefix(PREFIX)}"

    def parameters(self) -> Parameters:
        """Return what the request says. Raises SandboxRejection."""
        both = self.query and self.body
        return Parameters(f"{self.query}&{self.body}" if both else self.query or self.body)


class Written(NamedTuple):
    """An answer as it goes on the wire."""

    status: int
    text: str
    weight: int
    headers: Mapping[str, str] = {}


def _public(handler: Handler, weight: int, names: str = "") -> Endpoint:
    return Endpoint(handler, weight, frozenset(names.split()), False)


def _signed(handler: Handler, weight: int, names: str = "", ids: str = "") -> Endpoint:
    known = frozenset(names.split()) | frozenset(ids.split()) | SIGNED_NAMES
    return Endpoint(handler, weight, known, True, tuple(ids.split()))


_SYMBOLS = "symbol symbols symbolStatus"
_PAGE = "symbol startTime endTime limit"
_NEW = (
    "symbol side type timeInForce quantity quoteOrderQty price stopPrice trailingDelta icebergQty "
    "newOrderRespType selfTradePreventionMode"
)
_OCO = "symbol side quantity newOrderRespType selfTradePreventionMode"
_LEGS = " ".join(
    f"{where}{name}"
    for where in ("above", "below")
    for name in ("Type", "Price", "StopPrice", "TimeInForce", "TrailingDelta", "IcebergQty")
)
_OLD_LEGS = (
    "price stopPrice stopLimitPrice stopLimitTimeInForce trailingDelta stopIcebergQty "
    "limitIcebergQty"
)
_REPLACED = "cancelReplaceMode cancelNewClientOrderId cancelOrigClientOrderId cancelOrderId"
_CANCELLED = "symbol orderId origClientOrderId newClientOrderId"

ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("GET", "ping"): _public(routes_public.ping, 1),
    ("GET", "time"): _public(routes_public.time, 1),
    ("GET", "exchangeInfo"): _public(routes_public.exchange_info, 20, _SYMBOLS),
    ("GET", "klines"): _public(routes_public.klines, 2, f"{_PAGE} interval timeZone"),
    ("GET", "ticker/24hr"): _public(routes_public.ticker_24hr, 2, "symbol symbols type"),
    ("GET", "ticker/price"): _public(routes_public.ticker_price, 2, "symbol symbols"),
    ("GET", "ticker/bookTicker"): _public(routes_public.ticker_book, 2, "symbol symbols"),
    ("GET", "depth"): _public(routes_public.depth, 5, "symbol limit"),
    ("GET", "account"): _signed(routes_account.account, 20, "omitZeroBalances"),
    ("GET", "account/commission"): _signed(routes_account.commission, 20, "symbol"),
    ("GET", KEY_PATH): _signed(routes_account.key_restrictions, 1),
    ("GET", "order"): _signed(routes_account.query_order, 4, "symbol orderId origClientOrderId"),
    ("GET", "openOrders"): _signed(routes_account.open_orders, 6, "symbol"),
    ("GET", "allOrders"): _signed(routes_account.all_orders, 20, f"{_PAGE} orderId"),
    ("GET", "myTrades"): _signed(routes_account.my_trades, 20, f"{_PAGE} orderId fromId"),
    ("GET", "orderList"): _signed(routes_account.query_list, 4, "orderListId origClientOrderId"),
    ("GET", "openOrderList"): _signed(routes_account.open_lists, 6),
    ("GET", "allOrderList"): _signed(routes_account.all_lists, 20, "limit"),
    ("POST", "order"): _signed(routes_orders.place_order, 1, _NEW, "newClientOrderId"),
    ("POST", "order/test"): _signed(
        routes_orders.test_order, 1, f"{_NEW} newClientOrderId computeCommissionRates"
    ),
    ("DELETE", "order"): _signed(routes_orders.cancel_order, 1, _CANCELLED),
    ("DELETE", "openOrders"): _signed(routes_orders.cancel_open_orders, 1, "symbol"),
    ("POST", "order/cancelReplace"): _signed(
        routes_orders.cancel_replace, 1, f"{_NEW} {_REPLACED}", "newClientOrderId"
    ),
    ("POST", "orderList/oco"): _signed(
        routes_lists.place_oco,
        1,
        f"{_OCO} {_LEGS}",
        "listClientOrderId aboveClientOrderId belowClientOrderId",
    ),
    ("POST", "order/oco"): _signed(
        routes_lists.place_oco_of_old,
        1,
        f"{_OCO} {_OLD_LEGS}",
        "listClientOrderId limitClientOrderId stopClientOrderId",
    ),
    ("DELETE", "orderList"): _signed(
        routes_lists.cancel_list, 1, "symbol orderListId listClientOrderId newClientOrderId"
    ),
}
PLACING = frozenset({"order", "order/cancelReplace", "orderList/oco", "order/oco"})


def answer(desk: Desk, request: Request) -> Written:
    """Count one request and return its answer."""
    return execute(desk, request, count(desk, request))


def count(desk: Desk, request: Request) -> int:
    """Count a request that arrived; return the weight that this minute has used."""
    endpoint = _endpoint(request)
    if request.method == "POST" and request.path.removeprefix(PREFIX) in PLACING:
        assert endpoint is not None, "what places orders is an endpoint"
        with suppress(SandboxRejection):
            desk.count_post(request.parameters().sent(*endpoint.id_names))
    return desk.weigh(1 if endpoint is None else endpoint.weight)


def execute(desk: Desk, request: Request, weight: int) -> Written:
    """Do what a request asks and return the answer; `weight` is only told."""
    endpoint = _endpoint(request)
    if endpoint is None:
        return Written(404, error_text(-1020, "This operation is not supported."), weight)
    try:
        parameters = request.parameters()
        if endpoint.is_signed:
            raw = request.query + request.body
            desk.account.check(request.api_key, raw, parameters, now=desk.book.now)
        parameters.check_known(endpoint.names)
        reply = endpoint.handler(desk, parameters)
    except SandboxRejection as error:
        status = STATUS_OF_CODE.get(error.code, 400)
        return Written(status, error_text(error.code, error.message), weight)
    if not isinstance(reply, Answer):
        return Written(200, _json(reply), weight)
    return Written(reply.status, reply.text or _json(reply.body), weight)


def error_text(code: int, message: str) -> str:
    """Return an error as Binance writes it."""
    return _json({"code": code, "msg": message})


def _endpoint(request: Request) -> Endpoint | None:
    if not request.path.startswith((PREFIX, KEY_PATH)):
        return None
    return ENDPOINTS.get((request.method, request.path.removeprefix(PREFIX)))


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
