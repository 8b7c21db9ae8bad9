"""Reading what the exchange knows of our orders: reports, lists, fills, balances, prices.

Law: reads are retried a few times; an answer that cannot be understood is no answer.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import ccxt.async_support as ccxt

from tradebot.adapters.answers import coin, identifier, not_negative, positive, time_ms
from tradebot.adapters.ccxt_client import CcxtClient
from tradebot.adapters.exchange import BROKEN_ANSWERS, retried
from tradebot.engine.risk import is_order_id
from tradebot.errors import ExchangeUnavailable, KeystoreError
from tradebot.model.money import parse_decimal
from tradebot.model.order import (
    Fill,
    ListedFill,
    ListedOrder,
    Order,
    OrderStatus,
    Report,
    Side,
)
from tradebot.ports import LISTED_BEFORE_MS, LISTED_MAX

STATUS = {
    "open": OrderStatus.ACCEPTED,
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
    # Not ended yet: a cancel, or the order itself, is still on its way.
    "canceling": OrderStatus.ACCEPTED,
    "PENDING_NEW": OrderStatus.ACCEPTED,
}

# An order in more pieces than these hold stays unsettled.
FILL_PAGES_MAX = 100

T = TypeVar("T")


class OrderReader:
    """What one account's orders look like at the exchange. `prefix` marks which are ours.

    `has_others`: the lists show those of other tradebots, too.
    """

    def __init__(self, client: CcxtClient, *, prefix: str, has_others: bool = False) -> None:
        self._client = client
        self._prefix = prefix
        self._has_others = has_others

    def order_report(self, order: Order) -> Report | None:
        """Return what the exchange knows of an order, fills included; None where it knows none."""
        params = {"clientOrderId": order.id}
        symbol = symbol_of(order.market)

        def ask() -> Any:
            try:
                return self._client.call("fetch_order", None, symbol, params)
            except ccxt.OrderNotFound:
                return None

        what = f"order {order.id}"
        answer = retried(ask, what, self._client.exchange)
        if answer is None:
            return None
        return self._understood(what, lambda: self.report(order.id, symbol, answer))

    def is_listed(self, order: Order) -> bool:
        """Return whether the market's list of orders, a second endpoint, shows this order."""
        since = order.sent_at - LISTED_BEFORE_MS
        answers = self._read("orders", "fetch_orders", symbol_of(order.market), since)
        return self._understood(
            "orders", lambda: any(item["clientOrderId"] == order.id for item in answers)
        )

    def listed_orders(self, market: str, since_ms: int) -> Sequence[ListedOrder]:
        """Return our orders of one market since a time, oldest first, at most the newest 1,000."""
        answers = self._read(
            "orders", "fetch_orders", symbol_of(market), since_ms - LISTED_BEFORE_MS, LISTED_MAX
        )
        return self._understood(
            "orders",
            lambda: [_listed_order(market, item) for item in answers if self._is_shown(item)],
        )

    def listed_fills(self, market: str, since_ms: int) -> Sequence[ListedFill]:
        """Return every fill of one market since a time, ours or not, at most the newest 1,000."""
        answers = self._read(
            "fills", "fetch_my_trades", symbol_of(market), since_ms - LISTED_BEFORE_MS, LISTED_MAX
        )
        return self._understood("fills", lambda: [_listed_fill(item) for item in answers])

    def open_order_filled(self) -> Mapping[str, Decimal]:
        """Return how much each of our open orders has filled, by our order id."""
        answers = self._read("open orders", "fetch_open_orders")
        return self._understood(
            "open orders",
            lambda: {
                item["clientOrderId"]: _filled(item)
                for item in answers
                if self._is_shown(item)
            },
        )

    def balances(self) -> Mapping[str, Decimal]:
        """Return the total of every coin on the account that is not zero."""
        answer = self._read("balances", "fetch_balance")
        totals = self._understood(
            "balances",
            lambda: {
                coin(asset): parse_decimal(total) for asset, total in answer["total"].items()
            },
        )
        if not totals:
            raise ExchangeUnavailable(
                f"{self._client.exchange} names no coin when asked for balances",
                hint="an empty answer is not an empty account; fund the account if it is new",
            )
        return totals

    def last_price(self, market: str) -> Decimal:
        """Return the price of the market's last trade."""
        answer = self._read("a price", "fetch_ticker", symbol_of(market))
        return self._understood("a price", lambda: positive(answer["last"]))

    def report(self, order_id: str, symbol: str, answer: Mapping[str, Any]) -> Report:
        """Return what an answer about one order says. Raises one of BROKEN_ANSWERS."""
        filled = _filled(answer)
        status = STATUS[answer["status"]]
        if status is OrderStatus.ACCEPTED and filled:
            status = OrderStatus.PARTIAL
        exchange_id = identifier(answer["id"])
        fills = self._fills(exchange_id, symbol) if filled else ()
        return Report(
            order_id=order_id,
            exchange_id=exchange_id,
            status=status,
            filled=filled,
            fills=fills,
        )

    def _fills(self, exchange_id: str, symbol: str) -> tuple[Fill, ...]:
        """Return the fills of an order, oldest first.

        None where they cannot be read now: they are asked for again.
        """
        found: list[Fill] = []
        first = 0
        for _ in range(FILL_PAGES_MAX):
            # By its first number: Binance would else give the newest, and never the others.
            params = {"orderId": exchange_id, "fromId": first}
            try:
                page = self._read("trades", "fetch_my_trades", symbol, None, LISTED_MAX, params)
            except (ExchangeUnavailable, KeystoreError):
                return ()
            by_number = {int(item["id"]): item for item in page}
            new = sorted(number for number in by_number if number >= first)
            ours = (by_number[number] for number in new)
            found += [_fill(item) for item in ours if str(item["order"]) == exchange_id]
            if len(page) < LISTED_MAX:
                return tuple(found)
            if not new:
                return ()  # It repeats itself.
            first = new[-1] + 1
        return ()

    def _is_ours(self, item: Mapping[str, Any]) -> bool:
        return bool(item["clientOrderId"].startswith(self._prefix))

    def _is_shown(self, item: Mapping[str, Any]) -> bool:
        return self._is_ours(item) or (self._has_others and is_order_id(item["clientOrderId"]))

    def _read(self, what: str, method: str, *arguments: Any) -> Any:
        return retried(
            lambda: self._client.call(method, *arguments), what, self._client.exchange
        )

    def _understood(self, what: str, read: Callable[[], T]) -> T:
        """Return what an answer says. Raises ExchangeUnavailable where it says nothing."""
        try:
            return read()
        except BROKEN_ANSWERS as error:
            raise self._rubbish(what) from error

    def _rubbish(self, what: str) -> ExchangeUnavailable:
        return ExchangeUnavailable(
            f"{self._client.exchange} answered rubbish when asked for {what}"
        )


def _filled(item: Mapping[str, Any]) -> Decimal:
    """Return how much of an order has filled, where the exchange says so."""
    # The library makes a 0 of an empty one.
    return not_negative(item["info"].get("executedQty", item["filled"]))


def _fill(item: Mapping[str, Any]) -> Fill:
    fee = item["fee"]
    return Fill(
        trade_id=identifier(item["id"]),
        quantity=positive(item["amount"]),
        price=positive(item["price"]),
        fee=parse_decimal(fee["cost"]),
        fee_asset=coin(fee["currency"]),
        is_maker=item["takerOrMaker"] == "maker",
        filled_at=time_ms(item["timestamp"]),
    )


def _listed_order(market: str, item: Mapping[str, Any]) -> ListedOrder:
    return ListedOrder(
        order_id=item["clientOrderId"],
        exchange_id=identifier(item["id"]),
        market=market,
        filled=_filled(item),
        is_open=STATUS[item["status"]] is OrderStatus.ACCEPTED,
        created_at=time_ms(item["timestamp"]),
    )


def _listed_fill(item: Mapping[str, Any]) -> ListedFill:
    return ListedFill(
        exchange_id=identifier(item["order"]), side=Side(item["side"]), fill=_fill(item)
    )


def symbol_of(market: str) -> str:
    """Return the exchange's symbol in a market's name: `BTC/USDT` of `binance:BTC/USDT`."""
    return market.partition(":")[2]
