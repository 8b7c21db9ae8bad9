"""The broker: the only module that sends orders. Placing is never retried.

Law: "no" comes from a short list of errors that prove it; everything else is UNKNOWN. An answer
that raised nothing but is empty or broken is UNKNOWN too.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt

from tradebot.adapters.ccxt_client import CcxtClient
from tradebot.adapters.exchange import retried
from tradebot.errors import ExchangeUnavailable, KeystoreError
from tradebot.model.money import parse_decimal, plain
from tradebot.model.order import (
    Approved,
    Fill,
    Intent,
    Order,
    OrderKind,
    OrderStatus,
    Outcome,
    Rejection,
    Report,
    Unknown,
)

# Proofs that nothing was placed. DDoSProtection and RateLimitExceeded are a real 429 or 418;
# InvalidNonce is refused at the exchange's door, before its matching engine.
REFUSALS = (
    ccxt.InsufficientFunds,
    ccxt.InvalidOrder,
    ccxt.BadSymbol,
    ccxt.BadRequest,
    ccxt.ArgumentsRequired,
    ccxt.NotSupported,
    ccxt.PermissionDenied,
    ccxt.AuthenticationError,
    ccxt.DDoSProtection,
    ccxt.RateLimitExceeded,
    ccxt.InvalidNonce,
    ccxt.MarketClosed,
)
# Refusals by class that prove nothing: the order may be there already.
NOT_REFUSALS = (ccxt.OrderNotFound, ccxt.DuplicateOrderId)
DUPLICATE_TEXT = "Duplicate order"

# What the wire may raise, and what reading an empty or broken answer raises. Anything else is our
# own bug: the order stays SENT on disk, and the restart asks what became of it.
WIRE_ERRORS = (ccxt.BaseError, OSError)
BROKEN_ANSWERS = (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError)

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
TEXT_MAX = 200
# Clocks differ: the list is asked for from a little before the order was sent.
LISTED_BEFORE_MS = 60_000


class CcxtBroker:
    """Orders of one account, over ccxt. `prefix` marks our order ids; all others are left alone."""

    def __init__(self, client: CcxtClient, *, prefix: str) -> None:
        assert not client.raw.options.get("maxRetriesOnFailure"), "an order would be sent twice"
        self._client = client
        self._prefix = prefix

    def place_order(self, approved: Approved) -> Outcome:
        """Place one order, once."""
        intent = approved.intent
        kind, price, params = _wire(intent)
        try:
            answer = self._client.call(
                "create_order",
                _symbol(intent.market),
                kind,
                intent.side.value,
                plain(intent.quantity),
                price,
                {**params, "clientOrderId": approved.order_id},
            )
        except (*WIRE_ERRORS, *BROKEN_ANSWERS) as error:
            return _classify(approved.order_id, error)
        return self._placed(approved, answer)

    def place_oco(self, stop: Approved, target: Approved) -> tuple[Outcome, Outcome]:
        """Place a stop and a target of which one fill ends the other, in one request."""
        assert stop.intent.stop_price is not None and target.intent.price is not None
        market = self._client.raw.market(_symbol(stop.intent.market))
        request = {
            "symbol": market["id"],
            "side": stop.intent.side.value.upper(),
            "quantity": plain(stop.intent.quantity),
            "listClientOrderId": f"{stop.order_id}-l",
            "aboveType": "LIMIT_MAKER",
            "abovePrice": plain(target.intent.price),
            "aboveClientOrderId": target.order_id,
            "belowType": "STOP_LOSS",
            "belowStopPrice": plain(stop.intent.stop_price),
            "belowClientOrderId": stop.order_id,
        }
        try:
            answer = self._client.call("private_post_orderlist_oco", request)
            reports = {item["clientOrderId"]: item for item in answer["orderReports"]}
            return (
                _accepted(stop.order_id, reports[stop.order_id]),
                _accepted(target.order_id, reports[target.order_id]),
            )
        except (*WIRE_ERRORS, *BROKEN_ANSWERS) as error:
            return _classify(stop.order_id, error), _classify(target.order_id, error)

    def cancel_order(self, order: Order) -> Outcome:
        """Cancel one order, and its OCO sibling with it."""
        try:
            self._client.call(
                "cancel_order", None, _symbol(order.market), {"clientOrderId": order.id}
            )
        except ccxt.OrderNotFound as error:
            return Rejection(order_id=order.id, code="OrderNotFound", message=_text(error))
        except (*WIRE_ERRORS, *BROKEN_ANSWERS) as error:
            return Unknown(order_id=order.id, cause=type(error).__name__)
        try:
            report = self.order_report(order)
        except (ExchangeUnavailable, KeystoreError) as error:
            return Unknown(order_id=order.id, cause=error.message)
        return report or Unknown(order_id=order.id, cause="cancelled, then not found")

    def order_report(self, order: Order) -> Report | None:
        """Return what the exchange knows of an order, fills included; None where it knows none."""
        params = {"clientOrderId": order.id}
        symbol = _symbol(order.market)

        def ask() -> Any:
            try:
                return self._client.call("fetch_order", None, symbol, params)
            except ccxt.OrderNotFound:
                return None

        answer = retried(ask, f"order {order.id}", self._client.exchange)
        if answer is None:
            return None
        try:
            return self._report(order.id, symbol, answer)
        except BROKEN_ANSWERS as error:
            raise ExchangeUnavailable(
                f"{self._client.exchange} answered rubbish when asked for order {order.id}"
            ) from error

    def is_listed(self, order: Order) -> bool:
        """Return whether the market's list of orders, a second endpoint, shows this order."""
        answers = retried(
            lambda: self._client.call(
                "fetch_orders", _symbol(order.market), order.sent_at - LISTED_BEFORE_MS
            ),
            "orders",
            self._client.exchange,
        )
        try:
            return any(item["clientOrderId"] == order.id for item in answers)
        except BROKEN_ANSWERS as error:
            raise ExchangeUnavailable(
                f"{self._client.exchange} answered rubbish when asked for orders"
            ) from error

    def open_order_filled(self) -> Mapping[str, Decimal]:
        """Return how much each of our open orders has filled, by our order id."""
        answers = retried(
            lambda: self._client.call("fetch_open_orders"), "open orders", self._client.exchange
        )
        try:
            return {
                item["clientOrderId"]: parse_decimal(item["filled"])
                for item in answers
                if item["clientOrderId"].startswith(self._prefix)
            }
        except BROKEN_ANSWERS as error:
            raise ExchangeUnavailable(
                f"{self._client.exchange} answered rubbish when asked for open orders"
            ) from error

    def cancel_own(self) -> None:
        """Cancel every open order that carries our ids; one that cannot be stays, to be seen."""
        answers = retried(
            lambda: self._client.call("fetch_open_orders"), "open orders", self._client.exchange
        )
        for item in answers:
            try:
                if item["clientOrderId"].startswith(self._prefix):
                    self._client.call("cancel_order", item["id"], item["symbol"])
            except (*WIRE_ERRORS, *BROKEN_ANSWERS):
                # An OCO's other leg has gone with the first; what is left is listed afterwards.
                continue

    def balances(self) -> Mapping[str, Decimal]:
        """Return the total of every coin on the account that is not zero."""
        answer = retried(
            lambda: self._client.call("fetch_balance"), "balances", self._client.exchange
        )
        try:
            totals = {asset: parse_decimal(total) for asset, total in answer["total"].items()}
        except BROKEN_ANSWERS as error:
            raise ExchangeUnavailable(
                f"{self._client.exchange} answered rubbish when asked for balances"
            ) from error
        if not totals:
            raise ExchangeUnavailable(
                f"{self._client.exchange} names no coin when asked for balances",
                hint="an empty answer is not an empty account; fund the account if it is new",
            )
        return totals

    def _placed(self, approved: Approved, answer: Any) -> Outcome:
        """Return what an answer to a placing proves."""
        order_id = approved.order_id
        try:
            if answer["clientOrderId"] != order_id or not answer["id"]:
                return Unknown(order_id=order_id, cause="the answer is of another order")
            return self._report(order_id, _symbol(approved.intent.market), answer)
        except BROKEN_ANSWERS:
            return Unknown(order_id=order_id, cause="the answer is empty or broken")

    def _report(self, order_id: str, symbol: str, answer: Mapping[str, Any]) -> Report:
        filled = parse_decimal(answer["filled"])
        status = STATUS[answer["status"]]
        if status is OrderStatus.ACCEPTED and filled:
            status = OrderStatus.PARTIAL
        exchange_id = str(answer["id"])
        fills = self._fills(exchange_id, symbol) if filled else ()
        return Report(
            order_id=order_id,
            exchange_id=exchange_id,
            status=status,
            filled=filled,
            fills=fills,
        )

    def _fills(self, exchange_id: str, symbol: str) -> tuple[Fill, ...]:
        """Return the fills of an order.

        None where they cannot be read now: they are asked for again.
        """
        try:
            answers = retried(
                lambda: self._client.call(
                    "fetch_my_trades", symbol, None, None, {"orderId": exchange_id}
                ),
                "trades",
                self._client.exchange,
            )
        except (ExchangeUnavailable, KeystoreError):
            return ()
        return tuple(_fill(item) for item in answers if str(item["order"]) == exchange_id)


def _wire(intent: Intent) -> tuple[str, str | None, dict[str, Any]]:
    """Return ccxt's order type, price and parameters for an intent."""
    match intent.kind:
        case OrderKind.MARKET:
            # Never a price with a market order: it would change the meaning of the amount.
            return "market", None, {}
        case OrderKind.LIMIT:
            return "limit", _price(intent.price), {}
        case OrderKind.LIMIT_MAKER:
            return "limit", _price(intent.price), {"postOnly": True}
        case OrderKind.STOP:
            return "market", None, {"stopLossPrice": _price(intent.stop_price)}
        case OrderKind.STOP_LIMIT:
            return "limit", _price(intent.price), {"stopLossPrice": _price(intent.stop_price)}
        case OrderKind.TAKE_PROFIT_LIMIT:
            return "limit", _price(intent.price), {"takeProfitPrice": _price(intent.stop_price)}


def _price(value: Decimal | None) -> str:
    assert value is not None, "an order of this kind has a price"
    return plain(value)


def _symbol(market: str) -> str:
    return market.partition(":")[2]


def _accepted(order_id: str, item: Mapping[str, Any]) -> Report:
    """Return the report of one leg of a fresh OCO: nothing has filled yet."""
    return Report(
        order_id=order_id,
        exchange_id=str(item["orderId"]),
        status=OrderStatus.ACCEPTED,
        filled=parse_decimal(item["executedQty"]),
        fills=(),
    )


def _fill(item: Mapping[str, Any]) -> Fill:
    fee = item["fee"]
    return Fill(
        trade_id=str(item["id"]),
        quantity=parse_decimal(item["amount"]),
        price=parse_decimal(item["price"]),
        fee=parse_decimal(fee["cost"]),
        fee_asset=str(fee["currency"]),
        is_maker=item["takerOrMaker"] == "maker",
        filled_at=int(item["timestamp"]),
    )


def _classify(order_id: str, error: Exception) -> Rejection | Unknown:
    """Return whether an error proves that nothing was placed."""
    text = _text(error)
    is_refusal = isinstance(error, REFUSALS) and not isinstance(error, NOT_REFUSALS)
    if is_refusal and DUPLICATE_TEXT not in text:
        return Rejection(order_id=order_id, code=type(error).__name__, message=text)
    return Unknown(order_id=order_id, cause=type(error).__name__)


def _text(error: Exception) -> str:
    """Return the exchange's own words, never the URL of the signed request in some texts."""
    text = str(error)
    start = text.find("{")
    if start >= 0:
        return text[start : start + TEXT_MAX]
    return type(error).__name__ if "http" in text else text[:TEXT_MAX]
