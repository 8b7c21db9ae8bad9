"""What an order is on the wire, and what an error proves; without the wire."""

from dataclasses import replace
from typing import Any

import ccxt
import pytest

from tests.support.builders import approved, d, intent
from tests.support.clients import client_at
from tests.support.fakes import FakeClock, TokensForAll
from tradebot.adapters.broker import CcxtBroker, _classify, _text, _wire
from tradebot.model.order import Leg, OrderKind, Rejection, Unknown

STOP = approved(
    "sell 1 BTC @ 90", order_id="tb-stop", kind=OrderKind.STOP, leg=Leg.STOP, stop_price=d(90)
)
TARGET = approved(
    "sell 1 BTC @ 110", order_id="tb-t", kind=OrderKind.LIMIT_MAKER, leg=Leg.TARGET, price=d(110)
)
WIRE: dict[OrderKind, tuple[str, str | None, dict[str, Any]]] = {
    OrderKind.MARKET: ("market", None, {}),
    OrderKind.LIMIT: ("limit", "95", {}),
    OrderKind.LIMIT_MAKER: ("limit", "95", {"postOnly": True}),
    OrderKind.STOP: ("market", None, {"stopLossPrice": "90"}),
    OrderKind.STOP_LIMIT: ("limit", "95", {"stopLossPrice": "90"}),
    OrderKind.TAKE_PROFIT_LIMIT: ("limit", "95", {"takeProfitPrice": "90"}),
}


@pytest.mark.parametrize("kind", OrderKind)
def test_each_kind_of_order_has_its_own_form(kind: OrderKind) -> None:
    assert _wire(intent(kind=kind, price=d(95), stop_price=d(90))) == WIRE[kind]


def test_order_that_lacks_its_price_is_a_bug_and_not_sent() -> None:
    for kind in (OrderKind.LIMIT, OrderKind.STOP):
        with pytest.raises(AssertionError, match=r"^an order of this kind has a price$"):
            _wire(intent(kind=kind))


def test_oco_that_lacks_a_price_is_a_bug_and_not_sent() -> None:
    client = client_at("http://127.0.0.1:9/api/v3", lambda: 0)
    try:
        broker = CcxtBroker(client, prefix="tb-", tokens=TokensForAll(), clock=FakeClock())
        bare = replace(STOP, intent=replace(STOP.intent, stop_price=None))
        with pytest.raises(AssertionError):
            broker.place_oco(bare, TARGET)
        free = replace(TARGET, intent=replace(TARGET.intent, price=None))
        with pytest.raises(AssertionError):
            broker.place_oco(STOP, free)
    finally:
        client.close()


def test_client_that_would_send_an_order_twice_makes_no_broker() -> None:
    client = client_at("http://127.0.0.1:9/api/v3", lambda: 0)
    client.raw.options["maxRetriesOnFailure"] = 1
    try:
        with pytest.raises(AssertionError, match=r"^an order would be sent twice$"):
            CcxtBroker(client, prefix="tb-", tokens=TokensForAll(), clock=FakeClock())
    finally:
        client.close()


@pytest.mark.parametrize(
    ("error", "is_refused"),
    [
        (ccxt.InvalidOrder("no"), True),
        (ccxt.InvalidNonce("no"), True),
        (ccxt.InvalidOrder('binance {"code":-2010,"msg":"Duplicate order sent."}'), False),
        (ccxt.OrderNotFound("no"), False),
        (ccxt.DuplicateOrderId("no"), False),
        (ccxt.RequestTimeout("no"), False),
        (ValueError("no"), False),
    ],
    ids=lambda each: type(each).__name__,
)
def test_only_what_proves_that_nothing_was_placed_is_a_rejection(
    error: Exception, is_refused: bool
) -> None:
    name = type(error).__name__
    assert _classify("tb-1", error) == (
        Rejection(order_id="tb-1", code=name, message="no")
        if is_refused
        else Unknown(order_id="tb-1", cause=name)
    )


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('binance {"code":1,"data":{"a":2}}', '{"code":1,"data":{"a":2}}'),
        ('{"msg":"see http://x"}', '{"msg":"see http://x"}'),
        ("binance GET https://x/order?signature=1", "BadRequest"),
        ("binance is closed", "binance is closed"),
    ],
)
def test_text_of_an_error_is_the_exchange_s_own(said: str, told: str) -> None:
    assert _text(ccxt.BadRequest(said)) == told


@pytest.mark.parametrize("start", ["", "{"])
def test_text_of_an_error_is_cut(start: str) -> None:
    told = _text(ccxt.BadRequest(start + "x" * 500))
    assert told.startswith(start + "x" * 150)
    assert len(told) == 200
