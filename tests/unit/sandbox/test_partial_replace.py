"""cancelReplace: which half was done is told, for the parts of an order and a leg of an OCO too."""

import json
from typing import Any

import ccxt
import pytest

from tests.support.pieces import taken
from tests.support.sandbox import at
from tests.support.sandbox_client import Caller
from tradebot.sandbox.server import SandboxServer

SYMBOL = "BTC/USDT"
NEW = {
    "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "96",
    "newClientOrderId": "new", "cancelOrigClientOrderId": "old",
    "cancelReplaceMode": "STOP_ON_FAILURE",
}  # fmt: skip
UNKNOWN = {"code": -2011, "msg": "Unknown order sent."}
LOW = {"code": -2010, "msg": "Account has insufficient balance for requested action."}


def stop(client: Any, quantity: str = "2") -> dict[str, Any]:
    """Place the order that is to be replaced."""
    client.load_markets()
    sent = {"stopLossPrice": "95", "newClientOrderId": "old"}
    return client.create_order(SYMBOL, "market", "sell", quantity, None, sent)


def refused(client: Any, **changes: str) -> dict[str, Any]:
    """Ask for a replacement that fails in part; return what the error carries."""
    client.load_markets()
    try:
        client.private_post_order_cancelreplace({**NEW, **changes})
    except ccxt.ExchangeError as error:
        # Kept longer, ccxt's error keeps its connection open.
        text = str(error)
    answer: dict[str, Any] = json.loads(text[text.index("{") :])
    return answer


def open_ids(client: Any) -> list[str]:
    """Return the client ids of the open orders."""
    return [each["clientOrderId"] for each in client.fetch_open_orders(SYMBOL)]


def test_both_halves_are_told_as_a_cancel_and_a_placing_are(client: Any) -> None:
    old = stop(client)
    answer = client.private_post_order_cancelreplace({**NEW, "newOrderRespType": "FULL"})
    assert set(answer) == {"cancelResult", "newOrderResult", "cancelResponse", "newOrderResponse"}
    assert (answer["cancelResult"], answer["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    cancelled, placed = answer["cancelResponse"], answer["newOrderResponse"]
    assert (cancelled["origClientOrderId"], cancelled["orderId"], cancelled["status"]) == (
        "old",
        int(old["id"]),
        "CANCELED",
    )
    assert (placed["clientOrderId"], placed["status"], placed["fills"]) == ("new", "NEW", [])
    assert open_ids(client) == ["new"]


def test_new_order_has_the_funds_and_may_have_the_id_of_the_old_one(client: Any) -> None:
    stop(client, "2")
    client.private_post_order_cancelreplace({**NEW, "quantity": "2", "newClientOrderId": "old"})
    assert open_ids(client) == ["old"]
    assert client.fetch_balance()["used"]["BTC"] == "2.00000000"
    assert [each["status"] for each in client.fetch_orders(SYMBOL)] == ["canceled", "open"]


@pytest.mark.parametrize("mode", ["STOP_ON_FAILURE", "ALLOW_FAILURE"])
def test_old_order_stays_cancelled_where_the_new_one_is_refused(client: Any, mode: str) -> None:
    stop(client)
    answer = refused(client, cancelReplaceMode=mode, quantity="3")
    assert (answer["code"], answer["msg"]) == (-2021, "Order cancel-replace partially failed.")
    data = answer["data"]
    assert (data["cancelResult"], data["newOrderResult"]) == ("SUCCESS", "FAILURE")
    assert (data["cancelResponse"]["status"], data["newOrderResponse"]) == ("CANCELED", LOW)
    assert open_ids(client) == []


def test_new_order_is_not_attempted_where_the_old_one_cannot_be_cancelled(client: Any) -> None:
    assert refused(client) == {
        "code": -2022,
        "msg": "Order cancel-replace failed.",
        "data": {
            "cancelResult": "FAILURE",
            "newOrderResult": "NOT_ATTEMPTED",
            "cancelResponse": UNKNOWN,
            "newOrderResponse": None,
        },
    }
    assert client.fetch_orders(SYMBOL) == []


def test_new_order_is_placed_all_the_same_where_failure_is_allowed(client: Any) -> None:
    answer = refused(client, cancelReplaceMode="ALLOW_FAILURE")
    data = answer["data"]
    assert (answer["code"], data["cancelResult"], data["newOrderResult"]) == (
        -2021,
        "FAILURE",
        "SUCCESS",
    )
    assert (data["cancelResponse"], data["newOrderResponse"]["clientOrderId"]) == (UNKNOWN, "new")
    assert open_ids(client) == ["new"]


def test_both_halves_may_fail(client: Any) -> None:
    answer = refused(client, cancelReplaceMode="ALLOW_FAILURE", quantity="3")
    data = answer["data"]
    assert (answer["code"], data["cancelResult"], data["newOrderResult"]) == (
        -2022,
        "FAILURE",
        "FAILURE",
    )
    assert (data["cancelResponse"], data["newOrderResponse"]) == (UNKNOWN, LOW)


def test_status_is_200_409_or_400(caller: Caller) -> None:
    for number, (changes, status) in enumerate(
        [({}, 200), ({"quantity": "3"}, 409), ({"cancelOrigClientOrderId": "none"}, 400)]
    ):
        caller.order(side="SELL", type="STOP_LOSS", stopPrice="95", newClientOrderId="old")
        sent = {**NEW, "newClientOrderId": f"new-{number}", **changes}
        assert caller.signed("POST", "order/cancelReplace", **sent)[0] == status, changes


def test_order_is_named_by_both_its_ids_or_either(caller: Caller) -> None:
    caller.order(side="SELL", type="STOP_LOSS", stopPrice="95", newClientOrderId="old")
    both = {**NEW, "cancelOrderId": 1}
    wrong = {**both, "cancelOrigClientOrderId": "other"}
    answer = caller.signed("POST", "order/cancelReplace", **wrong)[1]
    assert answer["data"]["cancelResponse"] == UNKNOWN
    assert caller.signed("POST", "order/cancelReplace", **both)[0] == 200
    neither = {**both, "cancelOrderId": None, "cancelOrigClientOrderId": None}
    assert caller.signed("POST", "order/cancelReplace", **neither)[1]["code"] == -1102


def test_order_that_has_ended_cannot_be_replaced(client: Any, server: SandboxServer) -> None:
    stop(client)
    server.advance_to(at(3))
    answer = refused(client, stopPrice="80")
    assert (answer["code"], answer["data"]["cancelResponse"]) == (-2022, UNKNOWN)


def test_numbers_of_orders_are_judged_before_anything_is_cancelled(caller: Caller) -> None:
    small = {"side": "SELL", "type": "STOP_LOSS", "stopPrice": "95", "quantity": "0.1"}
    for name in ("a", "b", "c", "d", "old"):
        caller.order(**small, newClientOrderId=name)
    status, answer = caller.signed("POST", "order/cancelReplace", **NEW)
    assert (status, answer["msg"]) == (400, "Filter failure: MAX_NUM_ALGO_ORDERS")
    assert len(caller.signed("GET", "openOrders")[1]) == 5


def test_replaced_order_that_had_filled_in_part_tells_what_it_got(
    client: Any, server: SandboxServer
) -> None:
    order = client.create_order(SYMBOL, "limit", "buy", "1", "95")
    server.call(lambda: taken(server._desk.book, "0.3"))
    server.advance_to(at(3))
    new = client.edit_order(order["id"], SYMBOL, "limit", "buy", "0.7", "80")
    assert (new["status"], new["filled"]) == ("open", "0.00000000")
    old = client.fetch_order(order["id"], SYMBOL)
    assert (old["status"], old["filled"], old["cost"]) == ("canceled", "0.30000000", "28.50000000")
    assert client.fetch_balance()["used"]["USDT"] == "56.00000000"


def test_cancel_half_of_a_partly_filled_order_tells_its_parts(
    caller: Caller, server: SandboxServer
) -> None:
    limit = {"side": "SELL", "type": "LIMIT", "price": "107", "timeInForce": "GTC"}
    caller.order(**limit, newClientOrderId="old")
    server.call(lambda: taken(server._desk.book, "0.3"))
    server.advance_to(at(3))
    answer = caller.signed("POST", "order/cancelReplace", **{**NEW, "stopPrice": "80"})[1]
    cancelled = answer["cancelResponse"]
    assert (cancelled["status"], cancelled["executedQty"], cancelled["cummulativeQuoteQty"]) == (
        "CANCELED",
        "0.30000000",
        "32.10000000",
    )


def test_replacing_a_leg_cancels_its_whole_list(client: Any) -> None:
    client.load_markets()
    client.private_post_orderlist_oco(
        {
            "symbol": "BTCUSDT", "side": "SELL", "quantity": "2", "listClientOrderId": "l",
            "aboveType": "LIMIT_MAKER", "abovePrice": "115", "aboveClientOrderId": "target",
            "belowType": "STOP_LOSS", "belowStopPrice": "95", "belowClientOrderId": "old",
        }
    )  # fmt: skip
    answer = client.private_post_order_cancelreplace({**NEW, "quantity": "2"})
    cancelled = answer["cancelResponse"]
    assert (cancelled["contingencyType"], cancelled["listOrderStatus"]) == ("OCO", "ALL_DONE")
    assert {each["origClientOrderId"]: each["status"] for each in cancelled["orderReports"]} == {
        "old": "CANCELED",
        "target": "CANCELED",
    }
    assert open_ids(client) == ["new"]
    assert client.fetch_balance()["used"]["BTC"] == "2.00000000"


def test_replacement_that_trades_at_once_in_pieces_tells_its_fills(
    client: Any, server: SandboxServer
) -> None:
    stop(client)
    server.call(lambda: taken(server._desk.book, "0.4 0.6"))
    sent = {name: value for name, value in NEW.items() if name != "stopPrice"}
    answer = client.private_post_order_cancelreplace({**sent, "type": "MARKET"})
    placed = answer["newOrderResponse"]
    assert (placed["status"], [each["qty"] for each in placed["fills"]]) == (
        "FILLED",
        ["0.40000000", "0.60000000"],
    )
