"""The signed endpoints that only ask: balances, fees, orders, lists, trades."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

from tradebot.model.timeframe import DAY_MS
from tradebot.sandbox.auth import KeyRights
from tradebot.sandbox.desk import Answer, Desk
from tradebot.sandbox.listing import BookOrder, BookTrade, Listing, SandboxRejection
from tradebot.sandbox.parameters import Parameters
from tradebot.sandbox.rules_wire import PERMISSIONS
from tradebot.sandbox.wire import Fields, amount, list_fields, order_fields, trade_fields

Item = TypeVar("Item", BookOrder, BookTrade)


def account(desk: Desk, parameters: Parameters) -> Fields:
    """Answer with the balances."""
    book = desk.book
    is_short = parameters.choice("omitZeroBalances", ("true", "false"), "false") == "true"
    market = next(iter(book.listings.values())).market
    maker, taker = _rate(market.maker_ppm), _rate(market.taker_ppm)
    return {
        "makerCommission": market.maker_ppm // 100,
        "takerCommission": market.taker_ppm // 100,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {"maker": maker, "taker": taker, "buyer": _rate(0), "seller": _rate(0)},
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": book.now,
        "accountType": "SPOT",
        "balances": [
            {
                "asset": asset,
                "free": amount(free, desk.decimals[asset]),
                "locked": amount(book.locked[asset], desk.decimals[asset]),
            }
            for asset, free in sorted(book.free.items())
            if not is_short or free or book.locked[asset]
        ],
        "permissions": list(PERMISSIONS),
        "uid": 1,
    }


def key_restrictions(desk: Desk, parameters: Parameters) -> Fields | Answer:
    """Answer with what the key may do; the rights themselves bind nothing here."""
    rights = desk.key_rights
    if rights is KeyRights.ABSENT:
        unsupported = {"code": -1020, "msg": "This operation is not supported."}
        return Answer(unsupported, status=404)
    if rights is KeyRights.FORBIDDEN:
        return Answer(status=403, text="<html><body>403 Forbidden</body></html>")
    told: Fields = {
        "ipRestrict": rights is not KeyRights.ANYWHERE,
        "createTime": 1_700_000_000_000,
        "enableReading": True,
        "enableWithdrawals": rights is KeyRights.WITHDRAW,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": rights is KeyRights.TRANSFER,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": rights is not KeyRights.READ,
        "enablePortfolioMarginTrading": False,
    }
    if rights is KeyRights.PARTIAL:
        del told["enableWithdrawals"]
    if rights is KeyRights.MALFORMED:
        return {name: str(value) for name, value in told.items()}
    return told


def commission(desk: Desk, parameters: Parameters) -> Fields:
    """Answer with one market's fees."""
    market = desk.listing(parameters).market
    nothing = {"maker": _rate(0), "taker": _rate(0), "buyer": _rate(0), "seller": _rate(0)}
    standard = {"maker": _rate(market.maker_ppm), "taker": _rate(market.taker_ppm)}
    coin = desk.book.fee_coin
    return {
        "symbol": market.base + market.quote,
        "standardCommission": {**nothing, **standard},
        "specialCommission": nothing,
        "taxCommission": nothing,
        "discount": {
            "enabledForAccount": coin is not None,
            "enabledForSymbol": coin is not None,
            "discountAsset": "BNB" if coin is None else coin.asset,
            "discount": _rate(0),
        },
    }


def query_order(desk: Desk, parameters: Parameters) -> Fields:
    """Answer with one order, by the exchange's id or the client's."""
    listing = desk.listing(parameters)
    return order_fields(find_order(desk, parameters, listing), listing.scale)


def find_order(desk: Desk, parameters: Parameters, listing: Listing) -> BookOrder:
    """Return the order that orderId or origClientOrderId names. Raises SandboxRejection (-2013)."""
    if not parameters.has("orderId") and not parameters.has("origClientOrderId"):
        raise SandboxRejection(
            -1102,
            "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
        )
    order = desk.book.find(
        listing.symbol,
        order_id=parameters.integer_or_none("orderId"),
        client_id=parameters.client_id("origClientOrderId", ""),
    )
    if order.client_id != parameters.client_id("origClientOrderId", order.client_id):
        raise SandboxRejection(-2013, "Order does not exist.")
    return order


def open_orders(desk: Desk, parameters: Parameters) -> list[Fields]:
    """Answer with the open orders of one market or of all."""
    symbol = desk.listing(parameters).symbol if parameters.has("symbol") else None
    listings = desk.book.listings
    return [
        order_fields(order, listings[order.symbol].scale) for order in desk.book.open_of(symbol)
    ]


def all_orders(desk: Desk, parameters: Parameters) -> list[Fields]:
    """Answer with a market's orders of every state, oldest first."""
    listing = desk.listing(parameters)
    from_id = parameters.integer_or_none("orderId")
    is_asked = _window(parameters)
    chosen = (
        order
        for order in _walk(desk.book.orders.values(), is_forward=_is_forward(parameters, from_id))
        if order.symbol == listing.symbol
        and (from_id is None or order.order_id >= from_id)
        and is_asked(order.created_at)
    )
    found = sorted(islice(chosen, parameters.limit()), key=lambda order: order.order_id)
    return [order_fields(order, listing.scale) for order in found]


def my_trades(desk: Desk, parameters: Parameters) -> list[Fields]:
    """Answer with a market's trades, or one order's, oldest first."""
    listing = desk.listing(parameters)
    order_id, from_id = (parameters.integer_or_none(name) for name in ("orderId", "fromId"))
    if parameters.sent("orderId", "fromId") and parameters.sent("startTime", "endTime"):
        raise SandboxRejection(-1128, "Combination of optional parameters invalid.")
    is_asked = _window(parameters)
    order = None if order_id is None else desk.book.orders.get(order_id)
    trades: Iterable[BookTrade] = desk.book.trades
    if order_id is not None:
        trades = [] if order is None else order.trades
    chosen = (
        trade
        for trade in _walk(trades, is_forward=_is_forward(parameters, from_id))
        if trade.symbol == listing.symbol
        and (from_id is None or trade.trade_id >= from_id)
        and is_asked(trade.time)
    )
    found = sorted(islice(chosen, parameters.limit()), key=lambda trade: trade.trade_id)
    return [trade_fields(trade, listing.scale) for trade in found]


def query_list(desk: Desk, parameters: Parameters) -> Fields:
    """Answer with one OCO list, by the exchange's id or the client's."""
    return list_answer(desk, find_list(desk, parameters, "origClientOrderId"))


def open_lists(desk: Desk, parameters: Parameters) -> list[Fields]:
    """Answer with the OCO lists that are open."""
    ids = dict.fromkeys(order.list_id for order in desk.book.open_of() if order.list_id >= 0)
    return [list_answer(desk, desk.book.lists[each]) for each in ids]


def all_lists(desk: Desk, parameters: Parameters) -> list[Fields]:
    """Answer with the newest OCO lists, oldest first."""
    newest = list(desk.book.lists.values())[-parameters.limit() :]
    return [list_answer(desk, orders) for orders in newest]


def find_list(desk: Desk, parameters: Parameters, client_name: str) -> tuple[BookOrder, BookOrder]:
    """Return the orders of the list that an id names. Raises SandboxRejection."""
    list_id = parameters.integer_or_none("orderListId")
    client_id = parameters.client_id(client_name, "")
    if list_id is None and not client_id:
        raise SandboxRejection(
            -1102,
            f"Param '{client_name}' or 'orderListId' must be sent, but both were empty/null!",
        )
    for orders in reversed(desk.book.lists.values()):
        first = orders[0]
        is_named = (
            first.list_client_id == client_id if list_id is None else first.list_id == list_id
        )
        if is_named and client_id in ("", first.list_client_id):
            return orders
    raise SandboxRejection(-2013, "Order list does not exist.")


def list_answer(desk: Desk, orders: tuple[BookOrder, BookOrder]) -> Fields:
    """Return a list as queries tell it, with the time of what last happened to it."""
    return list_fields(orders, now=max(order.updated_at for order in orders))


def _rate(ppm: int) -> str:
    return amount(ppm, 6)


def _is_forward(parameters: Parameters, from_id: int | None) -> bool:
    """Return whether the oldest are wanted: else, where no start is given, the newest."""
    return from_id is not None or parameters.has("startTime")


def _walk(items: Iterable[Item], *, is_forward: bool) -> Iterable[Item]:
    return items if is_forward else reversed(list(items))


def _window(parameters: Parameters) -> Callable[[int], bool]:
    """Return what says whether a moment is in the time asked for. Raises SandboxRejection."""
    start, end = (parameters.integer_or_none(name) for name in ("startTime", "endTime"))
    if start is not None and end is not None and end - start > DAY_MS:
        raise SandboxRejection(-1127, "More than 24 hours between startTime and endTime.")
    return lambda time: (start is None or time >= start) and (end is None or time <= end)
