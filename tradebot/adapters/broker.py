"""The broker: the only module that sends orders. Placing is never retried.

Law: nothing leaves without the risk gate's token; "no" comes from a short list of errors that prove
it; everything else is UNKNOWN. An answer that raised nothing but is empty or broken is UNKNOWN too.
What did not leave, in a ban or while the exchange fails, is Unsent.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt

from tradebot.adapters.answers import identifier, not_negative, words
from tradebot.adapters.bans import Paused, told
from tradebot.adapters.breakers import Kind, asking
from tradebot.adapters.ccxt_client import CcxtClient, read_error
from tradebot.adapters.exchange import BROKEN_ANSWERS
from tradebot.adapters.gate_tokens import GateTokens
from tradebot.adapters.order_reads import OrderReader, symbol_of
from tradebot.errors import ExchangeUnavailable, KeystoreError
from tradebot.model.money import plain
from tradebot.model.order import (
    NOT_ATTEMPTED,
    Approved,
    Intent,
    Leg,
    Order,
    OrderKind,
    OrderStatus,
    Outcome,
    Rejection,
    Report,
    Unknown,
    Unsent,
)
from tradebot.ports import Clock

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

# What the wire may raise. Anything but this and a broken answer is our own bug: the order stays
# SENT on disk, and the restart asks what became of it.
WIRE_ERRORS = (ccxt.BaseError, OSError)
CANCELS_AT_ONCE = 20
# By what an order is for, so that nothing which ends a position waits for anything else.
KINDS = {
    Leg.ENTRY: Kind.ENTRY,
    Leg.STOP: Kind.PROTECTION,
    Leg.TARGET: Kind.PROTECTION,
    Leg.EXIT: Kind.EXIT,
    Leg.FLATTEN: Kind.EXIT,
}
# Binance's codes of a replacement of which one half was refused.
CANCELLED_ONLY, NOT_CANCELLED = "-2021", "-2022"


class CcxtBroker(OrderReader):
    """Orders of one account, over ccxt. `prefix` marks our order ids; all others are left alone.

    `has_others`: what it lists are the orders of every tradebot; what it cancels are ours, but for
    `cancel_shown`.
    """

    has_oco = True  # Binance's order lists; no other exchange is taken yet.

    def __init__(
        self,
        client: CcxtClient,
        *,
        prefix: str,
        tokens: GateTokens,
        clock: Clock,
        has_others: bool = False,
    ) -> None:
        assert not client.raw.options.get("maxRetriesOnFailure"), "an order would be sent twice"
        super().__init__(client, prefix=prefix, has_others=has_others)
        self._tokens = tokens
        self._clock = clock

    def place_order(self, approved: Approved) -> Outcome:
        """Place one order, once."""
        unsent = self._unsent(approved)
        if unsent is not None:
            return unsent
        intent = approved.intent
        kind, price, params = _wire(intent)
        try:
            with asking(KINDS[intent.leg]):
                answer = self._client.call(
                    "create_order",
                    symbol_of(intent.market),
                    kind,
                    intent.side.value,
                    plain(intent.quantity),
                    price,
                    {**params, "clientOrderId": approved.order_id},
                )
        except Paused as pause:
            return _paused(approved.order_id, pause)
        except (*WIRE_ERRORS, *BROKEN_ANSWERS) as error:
            return _classify(approved.order_id, error)
        return self._placed(approved, answer)

    def place_oco(self, stop: Approved, target: Approved) -> tuple[Outcome, Outcome]:
        """Place a stop and a target of which one fill ends the other, in one request."""
        assert stop.intent.stop_price is not None and target.intent.price is not None
        unsent = self._unsent(stop) or self._unsent(target)
        if unsent is not None:
            reason = unsent.reason
            return Unsent(order_id=stop.order_id, reason=reason), Unsent(
                order_id=target.order_id, reason=reason
            )
        market = self._client.raw.market(symbol_of(stop.intent.market))
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
            with asking(Kind.PROTECTION):
                answer = self._client.call("private_post_orderlist_oco", request)
            reports = {item["clientOrderId"]: item for item in answer["orderReports"]}
            return (
                _accepted(stop.order_id, reports[stop.order_id]),
                _accepted(target.order_id, reports[target.order_id]),
            )
        except Paused as pause:
            return _paused(stop.order_id, pause), _paused(target.order_id, pause)
        except (*WIRE_ERRORS, *BROKEN_ANSWERS) as error:
            return _classify(stop.order_id, error), _classify(target.order_id, error)

    def replace_order(self, resting: Order, approved: Approved) -> tuple[Outcome, Outcome]:
        """Cancel a resting stop and place another in its stead, in one request."""
        intent = approved.intent
        assert intent.kind is OrderKind.STOP, "only a stop is replaced"
        unsent = self._unsent(approved)
        if unsent is not None:
            return Unknown(order_id=resting.id, cause="nothing was sent"), unsent
        request = {
            "symbol": self._client.raw.market(symbol_of(intent.market))["id"],
            "side": intent.side.value.upper(),
            "type": "STOP_LOSS",
            # The new order is placed only where the old one is gone.
            "cancelReplaceMode": "STOP_ON_FAILURE",
            "cancelOrigClientOrderId": resting.id,
            "newClientOrderId": approved.order_id,
            # For a stop the answer would else not say what has filled.
            "newOrderRespType": "RESULT",
            "quantity": plain(intent.quantity),
            "stopPrice": _price(intent.stop_price),
        }
        try:
            with asking(Kind.PROTECTION):
                answer = self._client.call("private_post_order_cancelreplace", request)
            placed: Outcome = _accepted(approved.order_id, answer["newOrderResponse"])
        except Paused as pause:
            return _paused(resting.id, pause), _paused(approved.order_id, pause)
        except (*WIRE_ERRORS, *BROKEN_ANSWERS) as error:
            return self._half_replaced(resting, approved, error)
        return self._after_cancel(resting), placed

    def _half_replaced(
        self, resting: Order, approved: Approved, error: Exception
    ) -> tuple[Outcome, Outcome]:
        """Return what a refused replacement proves of the old order and of the new one."""
        key = approved.order_id
        code, data = _refused_replacement(error)
        if code == CANCELLED_ONLY and data.get("newOrderResult") == "FAILURE":
            new = data.get("newOrderResponse")
            told_of = new if isinstance(new, dict) else {}
            refusal = Rejection(
                order_id=key,
                code=words(str(told_of.get("code", code))),
                message=words(str(told_of.get("msg", ""))),
            )
            return self._after_cancel(resting), refusal
        if code == NOT_CANCELLED and data.get("newOrderResult") == NOT_ATTEMPTED:
            text = "the order in its place could not be cancelled"
            return (
                Rejection(order_id=resting.id, code="OrderNotFound", message=text),
                Rejection(order_id=key, code=NOT_ATTEMPTED, message=text),
            )
        # Refused whole: the old order rests as before. Anything else proves nothing of either.
        unknown = Unknown(order_id=resting.id, cause=type(error).__name__)
        return unknown, _classify(key, error)

    def cancel_order(self, order: Order) -> Outcome:
        """Cancel one order, and its OCO sibling with it."""
        try:
            with asking(Kind.CANCEL):
                self._client.call(
                    "cancel_order", None, symbol_of(order.market), {"clientOrderId": order.id}
                )
        except Paused as pause:
            return _paused(order.id, pause)
        except ccxt.OrderNotFound as error:
            return Rejection(order_id=order.id, code="OrderNotFound", message=_text(error))
        except (ccxt.BadResponse, *BROKEN_ANSWERS):
            pass  # Something answered, and may be asked what became of the order.
        except WIRE_ERRORS as error:
            return Unknown(order_id=order.id, cause=type(error).__name__)
        return self._after_cancel(order)

    def _after_cancel(self, order: Order) -> Outcome:
        """Return what is known of an order that has just been cancelled: it may have filled."""
        try:
            with asking(Kind.OUTCOME):
                report = self.order_report(order)
        except (ExchangeUnavailable, KeystoreError) as error:
            return Unknown(order_id=order.id, cause=error.message)
        return report or Unknown(order_id=order.id, cause="cancelled, then not found")

    def cancel_own(self) -> None:
        """Cancel every open order that carries our ids; one that cannot be stays, to be seen."""
        with asking(Kind.OUTCOME):
            shown = self._read("open orders", "fetch_open_orders")
        for item in shown:
            try:
                if self._is_ours(item):
                    with asking(Kind.CANCEL):
                        self._client.call("cancel_order", item["id"], item["symbol"])
            except (*WIRE_ERRORS, *BROKEN_ANSWERS):
                # An OCO's other leg has gone with the first; what is left is listed afterwards.
                continue

    def cancel_shown(self) -> tuple[str, ...]:
        """Cancel every open order that is shown, all at once; return the ids that were open.

        One list, without the markets' rules, and no second try: who asks looks again. Raises
        ExchangeUnavailable and KeystoreError.
        """
        what = "open orders"
        try:
            with asking(Kind.OUTCOME):
                answers = self._client.call("private_get_openorders")
            shown = [each for each in answers if self._is_shown(each)]
            named = [{"symbol": each["symbol"], "orderId": each["orderId"]} for each in shown]
        except ccxt.BaseError as error:
            raise read_error(error, what, self._client.exchange) from error
        except BROKEN_ANSWERS as error:
            raise self._rubbish(what) from error
        # Whatever comes of each, the next list tells: an OCO's other leg has gone with the first.
        cancel = self._client.raw.private_delete_order
        for first in range(0, len(named), CANCELS_AT_ONCE):
            batch = named[first : first + CANCELS_AT_ONCE]
            with asking(Kind.CANCEL):
                self._client.gather([cancel(each) for each in batch])
        return tuple(each["clientOrderId"] for each in shown)

    def dead_man(self, seconds: int) -> bool:
        """Have the exchange cancel all orders unless told again in time; 0 calls it off.

        Return whether the exchange has such a switch and took it.
        """
        if not self._client.raw.has.get("cancelAllOrdersAfter"):
            return False
        try:
            with asking(Kind.CANCEL):
                self._client.call("cancel_all_orders_after", seconds * 1000)
        except (*WIRE_ERRORS, *BROKEN_ANSWERS):
            return False
        return True

    def _unsent(self, approved: Approved) -> Unsent | None:
        """Spend the order's token; return why it does not leave, None = it may."""
        reason = self._tokens.take(approved, now_ms=self._clock.now_ms())
        return Unsent(order_id=approved.order_id, reason=reason) if reason else None

    def _placed(self, approved: Approved, answer: Any) -> Outcome:
        """Return what an answer to a placing proves."""
        order_id = approved.order_id
        try:
            if answer["clientOrderId"] != order_id or not answer["id"]:
                return Unknown(order_id=order_id, cause="the answer is of another order")
            return self.report(order_id, symbol_of(approved.intent.market), answer)
        except BROKEN_ANSWERS:
            return Unknown(order_id=order_id, cause="the answer is empty or broken")


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


def _accepted(order_id: str, item: Mapping[str, Any]) -> Report:
    """Return the report of one leg of a fresh OCO: nothing has filled yet."""
    return Report(
        order_id=order_id,
        exchange_id=identifier(item["orderId"]),
        status=OrderStatus.ACCEPTED,
        filled=not_negative(item["executedQty"]),
        fills=(),
    )


def _paused(order_id: str, pause: Paused) -> Unsent:
    return Unsent(order_id=order_id, reason=f"not sent: {told(pause)}")


def _classify(order_id: str, error: Exception) -> Rejection | Unknown:
    """Return whether an error proves that nothing was placed."""
    text = _text(error)
    is_refusal = isinstance(error, REFUSALS) and not isinstance(error, NOT_REFUSALS)
    if is_refusal and DUPLICATE_TEXT not in text:
        return Rejection(order_id=order_id, code=type(error).__name__, message=text)
    return Unknown(order_id=order_id, cause=type(error).__name__)


def _refused_replacement(error: Exception) -> tuple[str, Mapping[str, Any]]:
    """Return code and data of a half refused replacement; empty where the answer is none."""
    text = str(error)
    try:
        answer = json.loads(text[text.index("{") :])
        return str(answer["code"]), dict(answer["data"])
    except BROKEN_ANSWERS:
        return "", {}


def _text(error: Exception) -> str:
    """Return the exchange's own words, never the URL of the signed request in some texts."""
    text = str(error)
    start = text.find("{")
    if start >= 0:
        return words(text[start:])
    return type(error).__name__ if "http" in text else words(text)
