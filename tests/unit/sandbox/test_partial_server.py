"""Partial fills over HTTP: the real ccxt clients read parts, rests, pieces and ends as they are."""

from typing import Any

import pytest

from tests.support.pieces import taken
from tests.support.sandbox import at
from tests.support.sandbox_client import Caller
from tradebot.sandbox.server import SandboxServer

SYMBOL = "BTC/USDT"
OCO = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "listClientOrderId": "l",
    "aboveType": "LIMIT_MAKER", "abovePrice": "107", "aboveClientOrderId": "target",
    "belowType": "STOP_LOSS", "belowStopPrice": "80", "belowClientOrderId": "stop",
}  # fmt: skip


def fill(server: SandboxServer, *fills: str) -> None:
    """Let the server's next fills take these quantities."""
    server.call(lambda: taken(server._desk.book, *fills))


def test_market_order_in_pieces_tells_every_fill_and_its_average(
    client: Any, server: SandboxServer
) -> None:
    fill(server, "0.2 0.3 0.5")
    order = client.create_order(SYMBOL, "market", "buy", "1")
    assert (order["status"], order["filled"], order["average"]) == ("closed", "1.00000000", "106")
    assert [
        (each["tradeId"], each["price"], each["qty"], each["commission"])
        for each in order["info"]["fills"]
    ] == [
        (1, "106.00000000", "0.20000000", "0.00020000"),
        (2, "106.00000000", "0.30000000", "0.00030000"),
        (3, "106.00000000", "0.50000000", "0.00050000"),
    ]
    assert [each["cost"] for each in order["fees"]] == ["0.001"]
    trades = client.fetch_order_trades(order["id"], SYMBOL)
    assert [(each["id"], each["amount"], each["cost"]) for each in trades] == [
        ("1", "0.20000000", "21.20000000"),
        ("2", "0.30000000", "31.80000000"),
        ("3", "0.50000000", "53.00000000"),
    ]
    assert client.fetch_balance()["total"] == {"BTC": "2.999", "ETH": "0", "USDT": "894"}


def test_average_of_pieces_at_two_prices_is_weighted_by_their_volume(
    client: Any, server: SandboxServer
) -> None:
    fill(server, "0.25")
    order = client.create_order(SYMBOL, "limit", "buy", "1", "110")
    assert (order["status"], order["filled"], order["remaining"]) == ("open", "0.25000000", "0.75")
    server.advance_to(at(3))
    found = client.fetch_order(order["id"], SYMBOL)
    assert (found["status"], found["cost"], found["average"]) == ("closed", "109.00000000", "109")
    assert [each["takerOrMaker"] for each in client.fetch_my_trades(SYMBOL)] == ["taker", "maker"]


def test_rest_of_a_limit_order_is_open_locked_and_cancelled_with_what_it_got(
    client: Any, server: SandboxServer
) -> None:
    sent = {"newClientOrderId": "tb-1"}
    order = client.create_order(SYMBOL, "limit", "buy", "1", "95", sent)
    fill(server, "0.1 0.2")
    server.advance_to(at(3))
    for found in (client.fetch_order(order["id"], SYMBOL), client.fetch_open_orders(SYMBOL)[0]):
        assert (found["status"], found["info"]["status"]) == ("open", "PARTIALLY_FILLED")
        assert (found["filled"], found["remaining"], found["cost"]) == (
            "0.30000000",
            "0.7",
            "28.50000000",
        )
        assert (found["lastTradeTimestamp"], found["info"]["isWorking"]) == (at(3), True)
    assert client.fetch_balance()["used"]["USDT"] == "66.50000000"
    answer = client.cancel_order(None, SYMBOL, {"clientOrderId": "tb-1"})
    assert (answer["status"], answer["filled"], answer["info"]["cummulativeQuoteQty"]) == (
        "canceled",
        "0.30000000",
        "28.50000000",
    )
    found = client.fetch_order(order["id"], SYMBOL)
    assert (found["status"], found["filled"], found["remaining"]) == (
        "canceled",
        "0.30000000",
        "0.7",
    )
    assert client.fetch_balance()["used"]["USDT"] == "0.00000000"


@pytest.mark.parametrize(
    ("kind", "side", "price", "params", "got", "reason"),
    [
        ("market", "sell", None, {}, "0.40000000", "INSUFFICIENT_LIQUIDITY"),
        ("market", "sell", None, {"stopLossPrice": "95"}, "0.40000000", "INSUFFICIENT_LIQUIDITY"),
        ("limit", "buy", "110", {"timeInForce": "IOC"}, "0.40000000", "UNFILLED_IOC_QUANTITY"),
        ("limit", "buy", "110", {"timeInForce": "FOK"}, "0.00000000", "UNFILLED_FOK_ORDER"),
    ],
)
def test_order_that_ends_unfilled_is_expired_with_what_it_got(
    client: Any,
    server: SandboxServer,
    kind: str,
    side: str,
    price: str | None,
    params: dict[str, str],
    got: str,
    reason: str,
) -> None:
    fill(server, "0.3 0.1")
    order = client.create_order(SYMBOL, kind, side, "1", price, params)
    server.advance_to(at(3))
    found = client.fetch_order(order["id"], SYMBOL)
    assert (found["status"], found["filled"]) == ("expired", got)
    assert found["info"]["expiryReason"].removesuffix("_EXPIRED") == reason
    assert client.fetch_open_orders(SYMBOL) == []
    assert set(client.fetch_balance()["used"].values()) == {"0.00000000"}


def test_first_piece_of_a_target_ends_its_stop_and_the_rest_is_cancelled_as_a_list(
    client: Any, server: SandboxServer
) -> None:
    client.load_markets()
    placed = client.private_post_orderlist_oco(OCO)
    fill(server, "0.4")
    server.advance_to(at(3))
    assert [(each["clientOrderId"], each["filled"]) for each in client.fetch_open_orders()] == [
        ("target", "0.40000000")
    ]
    stop = client.fetch_order(None, SYMBOL, {"clientOrderId": "stop"})
    assert (stop["status"], stop["info"]["expiryReason"]) == ("expired", "OCO_TRIGGER")
    assert client.fetch_balance()["used"]["BTC"] == "0.60000000"
    answer = client.private_delete_orderlist(
        {"symbol": "BTCUSDT", "orderListId": placed["orderListId"]}
    )
    assert answer["listOrderStatus"] == "ALL_DONE"
    assert [
        (each["origClientOrderId"], each["status"], each["executedQty"])
        for each in answer["orderReports"]
    ] == [("target", "CANCELED", "0.40000000")]
    stop = client.fetch_order(None, SYMBOL, {"clientOrderId": "stop"})
    assert (stop["status"], client.fetch_balance()["used"]["BTC"]) == ("expired", "0.00000000")


def test_stop_that_fills_in_part_is_not_told_as_ended_by_its_target(
    server: SandboxServer, caller: Caller
) -> None:
    caller.signed("POST", "orderList/oco", **{**OCO, "belowStopPrice": "95", "abovePrice": "115"})
    fill(server, "0.4")
    server.advance_to(at(3))
    told = {
        each["clientOrderId"]: (each["status"], each["executedQty"], each["expiryReason"])
        for each in caller.signed("GET", "allOrders", symbol="BTCUSDT")[1]
    }
    assert told == {
        "stop": ("EXPIRED", "0.40000000", "INSUFFICIENT_LIQUIDITY"),
        "target": ("EXPIRED", "0.00000000", "OCO_TRIGGER"),
    }
