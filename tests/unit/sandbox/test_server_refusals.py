"""Every refusal has Binance's code: a client's handling of them can be rehearsed here."""

from urllib.parse import urlencode

import pytest

from tests.support.sandbox import KEY, SECRET, at
from tests.support.sandbox_client import Caller
from tradebot.sandbox.auth import sign
from tradebot.sandbox.server import SandboxServer

LIMIT = {"type": "LIMIT", "price": "90", "timeInForce": "GTC"}
OCO = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER",
    "abovePrice": "115", "belowType": "STOP_LOSS", "belowStopPrice": "95",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": None}, -1102),
        ({"symbol": "XRPUSDT"}, -1121),
        ({"symbol": "btc/usdt"}, -1100),
        ({"symbol": ""}, -1105),
        ({"side": "HOLD"}, -1117),
        ({"side": None}, -1102),
        ({"type": "ICEBERG"}, -1116),
        ({"type": "TAKE_PROFIT", "stopPrice": "110"}, -2010),
        ({"quantity": None}, -1102),
        ({"quantity": "one"}, -1100),
        ({"quantity": "1e3"}, -1100),
        ({"quantity": "-1"}, -1100),
        ({"quantity": "0"}, -1013),
        ({"quantity": "0.0000000001"}, -1111),
        ({"quantity": "1.0005"}, -1013),
        ({"quoteOrderQty": "100"}, -1128),
        ({"price": "90"}, -1106),
        ({"timeInForce": "GTC"}, -1106),
        ({"stopPrice": "90"}, -1106),
        ({"stopLoss": "{'triggerPrice': 80}"}, -1104),
        ({"newClientOrderId": "no spaces"}, -1100),
        ({"newClientOrderId": "x" * 37}, -1100),
        ({"newClientOrderId": "é"}, -1100),
        ({"newOrderRespType": "LONG"}, -1130),
        ({"selfTradePreventionMode": "WHATEVER"}, -1130),
        ({"icebergQty": "0.1"}, -2010),
        ({"trailingDelta": "100"}, -2010),
        ({"quantity": "100"}, -2010),
        ({**LIMIT, "timeInForce": "DAY"}, -1115),
        ({**LIMIT, "timeInForce": None}, -1102),
        ({**LIMIT, "price": None}, -1102),
        ({**LIMIT, "price": "0"}, -1013),
        ({**LIMIT, "price": "90.5"}, -1013),
        ({**LIMIT, "price": "90.123456789"}, -1111),
        ({**LIMIT, "price": "521"}, -1013),
        ({"type": "STOP_LOSS", "side": "SELL", "stopPrice": "104"}, -2010),
        (
            {
                "type": "STOP_LOSS_LIMIT", "side": "SELL", "stopPrice": "95", "price": "94",
                "timeInForce": "IOC",
            },
            -1014,
        ),
        ({"recvWindow": "60001"}, -1131),
        ({"recvWindow": "soon"}, -1100),
        ({"timestamp": None}, -1102),
        ({"timestamp": "now"}, -1100),
    ],
)  # fmt: skip
def test_bad_order_is_refused_with_its_code(
    caller: Caller, server: SandboxServer, changes: dict[str, str | None], code: int
) -> None:
    status, answer = caller.order(**changes)
    assert (status, answer["code"]) == (400, code), answer
    assert server.call(lambda: len(server._desk.book.orders)) == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aboveType": "MARKET"}, -1158),
        ({"aboveType": None}, -1102),
        ({"abovePrice": None}, -1102),
        ({"belowPrice": "94"}, -1106),
        ({"aboveType": "STOP_LOSS", "aboveStopPrice": "115", "abovePrice": None}, -1197),
        ({"side": "BUY"}, -1196),
        ({"belowType": "LIMIT_MAKER", "belowPrice": "95", "belowStopPrice": None}, -1168),
        ({"abovePrice": "102"}, -2010),
        ({"belowStopPrice": "105"}, -2010),
        ({"quantity": "3"}, -2010),
        ({"aboveClientOrderId": "same", "belowClientOrderId": "same"}, -2010),
    ],
)
def test_bad_oco_is_refused_with_its_code(
    caller: Caller, changes: dict[str, str | None], code: int
) -> None:
    status, answer = caller.signed("POST", "orderList/oco", **{**OCO, **changes})
    assert (status, answer["code"]) == (400, code), answer
    assert caller.signed("GET", "openOrders")[1] == []


def test_missing_or_malformed_key_is_refused(caller: Caller) -> None:
    for key in ("", "too short"):
        status, answer = caller.raw("GET", "account", query="timestamp=1&signature=x", key=key)
        assert (status, answer["code"]) == (401, -2014)


def test_other_key_is_refused(caller: Caller) -> None:
    status, answer = caller.raw("GET", "account", query="timestamp=1&signature=x", key="o" * 64)
    assert (status, answer["code"]) == (401, -2015)


def test_signature_is_over_the_exact_text_that_was_sent(caller: Caller) -> None:
    payload = f"symbol=BTCUSDT&timestamp={at(2)}"
    signature = sign(SECRET, payload)
    good = f"{payload}&signature={signature}"
    assert caller.raw("GET", "openOrders", query=good) == (200, [])
    for changed in (
        good.replace("BTC", "ETH"),
        f"timestamp={at(2)}&symbol=BTCUSDT&signature={signature}",
        f"{payload}&signature={'0' * 64}",
    ):
        status, answer = caller.raw("GET", "openOrders", query=changed)
        assert (status, answer["code"]) == (400, -1022)
    status, answer = caller.raw("GET", "openOrders", query=payload)
    assert (status, answer["code"]) == (400, -1102)


def test_query_and_body_may_share_the_parameters(caller: Caller) -> None:
    query = "symbol=BTCUSDT&side=BUY&type=MARKET"
    body = f"quantity=1&timestamp={at(2)}"
    signed = f"{body}&signature={sign(SECRET, query + body)}"
    status, answer = caller.raw("POST", "order", query=query, body=signed)
    assert (status, answer["status"]) == (200, "FILLED")


def test_parameter_sent_twice_is_refused(caller: Caller) -> None:
    status, answer = caller.raw("GET", "klines", query="symbol=BTCUSDT&symbol=ETHUSDT")
    assert (status, answer["code"]) == (400, -1101)


@pytest.mark.parametrize(
    ("ahead_ms", "window", "is_taken"),
    [
        (999, None, True),
        (1000, None, False),
        (-5000, None, True),
        (-5001, None, False),
        (-60_000, 60_000, True),
        (-101, 100, False),
    ],
)
def test_request_is_taken_within_its_window_of_the_sandboxs_time(
    caller: Caller, ahead_ms: int, window: int | None, is_taken: bool
) -> None:
    status, answer = caller.signed(
        "GET", "openOrders", timestamp=at(2) + ahead_ms, recvWindow=window
    )
    assert status == (200 if is_taken else 400)
    assert is_taken or answer["code"] == -1021


def test_public_endpoints_refuse_what_they_do_not_know(caller: Caller) -> None:
    for path, params, code in (
        ("klines", {"symbol": "BTCUSDT"}, -1102),
        ("klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m"}, -1120),  # finer than the candles
        ("klines", {"symbol": "BTCUSDT", "interval": "1h", "limit": "0"}, -1130),
        ("klines", {"symbol": "BTCUSDT", "interval": "1h", "tz": "0"}, -1104),
        ("ticker/24hr", {"symbol": "NOPE"}, -1121),
        ("ticker/price", {"symbols": "BTCUSDT"}, -1135),
        ("ticker/price", {"symbols": '["BTCUSDT","BTCUSDT"]'}, -1151),
        ("ticker/price", {"symbols": '["btc"]'}, -1100),
        ("ticker/price", {"symbols": "[]"}, -1130),
        ("ticker/price", {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, -1128),
        ("ping", {"x": "1"}, -1104),
    ):
        status, answer = caller.get(path, **params)
        assert (status, answer["code"]) == (400, code), (path, params)


def test_unknown_path_or_method_is_no_endpoint(caller: Caller) -> None:
    for method, path in (("GET", "order/oco"), ("PUT", "order"), ("GET", "/api/v1/ping")):
        assert caller.raw(method, path)[0] == 404


def test_unknown_orders_and_lists_have_their_codes(caller: Caller) -> None:
    for method, path, params, code in (
        ("GET", "order", {"symbol": "BTCUSDT", "orderId": 9}, -2013),
        ("GET", "order", {"symbol": "BTCUSDT", "origClientOrderId": "x"}, -2013),
        ("GET", "order", {"symbol": "BTCUSDT"}, -1102),
        ("DELETE", "order", {"symbol": "BTCUSDT", "orderId": 9}, -2011),
        ("DELETE", "order", {"symbol": "BTCUSDT"}, -1102),
        ("DELETE", "openOrders", {"symbol": "BTCUSDT"}, -2011),
        ("DELETE", "orderList", {"symbol": "BTCUSDT", "orderListId": 9}, -2011),
        ("DELETE", "orderList", {"symbol": "BTCUSDT"}, -1102),
        ("GET", "orderList", {"orderListId": 9}, -2013),
        ("GET", "myTrades", {}, -1102),
        ("GET", "myTrades", {"symbol": "BTCUSDT", "orderId": 1, "startTime": 1}, -1128),
        ("GET", "myTrades", {"symbol": "BTCUSDT", "fromId": 1, "endTime": 1}, -1128),
        ("GET", "allOrders", {"symbol": "BTCUSDT", "startTime": 0, "endTime": at(0)}, -1127),
    ):
        status, answer = caller.signed(method, path, **params)
        assert (status, answer["code"]) == (400, code), (method, path, params)


def test_cancel_replace_says_which_half_failed(caller: Caller) -> None:
    caller.order(**LIMIT, newClientOrderId="old")
    replace = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "1", **LIMIT}

    def tried(**params: str) -> tuple[int, int, str, str]:
        status, answer = caller.signed("POST", "order/cancelReplace", **{**replace, **params})
        data = answer["data"]
        return status, answer["code"], data["cancelResult"], data["newOrderResult"]

    old, none = {"cancelOrigClientOrderId": "old"}, {"cancelOrigClientOrderId": "none"}
    stop, go_on = {"cancelReplaceMode": "STOP_ON_FAILURE"}, {"cancelReplaceMode": "ALLOW_FAILURE"}
    assert tried(**none, **stop) == (400, -2022, "FAILURE", "NOT_ATTEMPTED")
    assert tried(**none, **go_on, quantity="100") == (400, -2022, "FAILURE", "FAILURE")
    assert tried(**none, **go_on, newClientOrderId="new") == (409, -2021, "FAILURE", "SUCCESS")
    assert tried(**old, **stop, quantity="100") == (409, -2021, "SUCCESS", "FAILURE")
    assert [item["clientOrderId"] for item in caller.signed("GET", "openOrders")[1]] == ["new"]


def test_cancel_replace_judges_filters_before_it_cancels(caller: Caller) -> None:
    caller.order(**LIMIT, newClientOrderId="old")
    status, answer = caller.signed(
        "POST", "order/cancelReplace", symbol="BTCUSDT", side="BUY", **LIMIT, quantity="0.01",
        cancelReplaceMode="STOP_ON_FAILURE", cancelOrigClientOrderId="old",
    )  # fmt: skip
    assert (status, answer["msg"]) == (400, "Filter failure: NOTIONAL")
    assert len(caller.signed("GET", "openOrders")[1]) == 1


def test_keys_are_not_shown(server: SandboxServer) -> None:
    assert KEY not in repr(server._desk.account)
    assert SECRET not in repr(server._desk.account)


def test_overlong_body_is_refused_unread(caller: Caller) -> None:
    body = urlencode({"symbol": "B" * 70_000})
    caller._connection.request("POST", "/api/v3/order", body)
    assert caller._connection.getresponse().status == 413
