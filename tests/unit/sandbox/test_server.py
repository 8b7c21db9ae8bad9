"""The server: one thread that starts, answers, lets time pass and ends."""

import socket
import threading
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.support.sandbox import KEY, SECRET, at, book
from tests.support.sandbox_client import Caller
from tradebot.errors import InvariantError, UsageError
from tradebot.sandbox.server import SandboxServer

LIMIT = {"type": "LIMIT", "price": "90", "timeInForce": "GTC"}


def server_of(**changes: Any) -> SandboxServer:
    """Return a server that has not started."""
    options = {"api_key": KEY, "secret": SECRET, **changes}
    return SandboxServer(book("100 100 100"), **options)


def test_thread_ends_with_stop_and_stop_may_be_said_twice() -> None:
    server = server_of()
    url = server.start()
    assert url.startswith("http://127.0.0.1:")
    assert any(thread.name == "sandbox" for thread in threading.enumerate())
    server.stop()
    server.stop()
    assert not any(thread.name == "sandbox" for thread in threading.enumerate())
    with pytest.raises(InvariantError, match="does not run"):
        server.now_ms()


def test_client_that_keeps_its_connection_does_not_hold_up_the_end() -> None:
    """Symptom: `sandbox serve` never ended while somebody kept an idle connection."""
    server = SandboxServer(book("100 100 100"), api_key=KEY, secret=SECRET)
    client = HTTPConnection(server.start().removeprefix("http://"), timeout=10)
    client.request("GET", "/api/v3/ping")
    assert client.getresponse().read() == b"{}"
    server.stop()
    client.close()


def test_port_in_use_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError) as caught:
            server_of(port=port).start()
    assert caught.value.message == f"port {port} on 127.0.0.1 is already in use"
    assert caught.value.hint == "name another --port, or 0 for any free one"


def test_error_while_time_passes_reaches_the_caller(server: SandboxServer) -> None:
    with pytest.raises(AssertionError, match="backwards"):
        server.advance_to(at(0))
    assert server.now_ms() == at(2)


def test_time_passes_only_when_told(server: SandboxServer, caller: Caller) -> None:
    assert caller.get("time") == (200, {"serverTime": at(2)})
    assert caller.get("ping") == (200, {})
    server.advance_to(at(4))
    assert server.now_ms() == caller.get("time")[1]["serverTime"] == at(4)


def test_weight_of_the_minute_is_in_the_headers(server: SandboxServer, caller: Caller) -> None:
    caller.get("ping")
    caller.get("klines", symbol="BTCUSDT", interval="1h")
    assert caller.headers["x-mbx-used-weight-1m"] == "3"
    server.advance_to(at(2) + 60_000)
    caller.get("ping")
    assert caller.headers["x-mbx-used-weight-1m"] == "1"


def test_klines_never_tell_the_future(server: SandboxServer, caller: Caller) -> None:
    for hours, known in ((2, 3), (4, 4), (5, 5)):  # the fifth hour is a gap: nothing is under way
        server.advance_to(at(hours))
        rows = caller.get("klines", symbol="BTCUSDT", interval="1h")[1]
        running = [row for row in rows if row[6] >= server.now_ms()]
        assert len(rows) == known
        assert all(len({row[1], row[2], row[3], row[4]}) == 1 for row in running)
        assert all(row[5] == "0.00000000" for row in running)


def test_coarser_klines_are_made_of_what_is_known(server: SandboxServer, caller: Caller) -> None:
    server.advance_to(at(3))
    rows = caller.get("klines", symbol="BTCUSDT", interval="2h")[1]
    assert [row[0] for row in rows] == [at(0), at(2)]
    assert [text.split(".")[0] for text in rows[0][1:5]] == ["100", "112", "95", "104"]
    # One of its two candles is closed; of the other only the open is known.
    assert [text.split(".")[0] for text in rows[1][1:5]] == ["104", "108", "90", "91"]
    assert caller.get("klines", symbol="BTCUSDT", interval="2h", limit=1)[1] == rows[1:]
    assert caller.get("klines", symbol="BTCUSDT", interval="2h", startTime=at(0), limit=1)[1] == [
        rows[0]
    ]
    assert caller.get("klines", symbol="BTCUSDT", interval="2h", startTime=at(0) + 1)[1] == [
        rows[1]
    ]
    assert caller.get("klines", symbol="BTCUSDT", interval="2h", endTime=at(2) - 1)[1] == [rows[0]]


def test_klines_of_a_span_begin_and_end_in_it(caller: Caller) -> None:
    rows = caller.get("klines", symbol="BTCUSDT", interval="1h", startTime=at(1), endTime=at(1))[1]
    assert [row[0] for row in rows] == [at(1)]
    later = caller.get("klines", symbol="BTCUSDT", interval="1h", startTime=at(3), endTime=at(1))
    assert later == (200, [])


def test_rules_of_one_market_or_all_are_told(caller: Caller) -> None:
    assert len(caller.get("exchangeInfo")[1]["symbols"]) == 2
    one = caller.get("exchangeInfo", symbol="ETHUSDT")[1]["symbols"]
    assert [item["symbol"] for item in one] == ["ETHUSDT"]
    assert caller.get("exchangeInfo", symbols='["BTCUSDT"]')[1]["symbols"][0]["baseAsset"] == "BTC"


@pytest.mark.parametrize(
    ("response", "extra"),
    [("ACK", set()), ("RESULT", {"status"}), ("FULL", {"status", "fills"}), (None, {"fills"})],
)
def test_answer_has_the_detail_that_was_asked_for(
    caller: Caller, response: str | None, extra: set[str]
) -> None:
    answer = caller.order(newOrderRespType=response)[1]
    assert extra <= set(answer)
    assert ("fills" in answer) == ("fills" in extra)


def test_order_that_rests_is_only_acknowledged_unless_it_is_a_limit(caller: Caller) -> None:
    stop = caller.order(side="SELL", type="STOP_LOSS", stopPrice="95")[1]
    assert set(stop) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    assert "fills" in caller.order(**LIMIT)[1]


def test_order_without_a_client_id_gets_one(caller: Caller) -> None:
    assert caller.order()[1]["clientOrderId"] == "sandbox-1"


def test_immediate_order_that_does_not_fill_is_expired(caller: Caller) -> None:
    answer = caller.order(**{**LIMIT, "timeInForce": "IOC"})[1]
    assert (answer["status"], answer["expiryReason"], answer["executedQty"]) == (
        "EXPIRED",
        "UNFILLED_IOC_QUANTITY_EXPIRED",
        "0.00000000",
    )


def test_market_sell_for_an_amount_of_cash_sells_what_that_takes(caller: Caller) -> None:
    answer = caller.order(side="SELL", quantity=None, quoteOrderQty="51")[1]
    assert (answer["executedQty"], answer["cummulativeQuoteQty"]) == ("0.50000000", "51.00000000")


def test_market_order_in_a_gap_stays_new_until_the_market_trades(
    server: SandboxServer, caller: Caller
) -> None:
    server.advance_to(at(4))
    assert caller.order(newClientOrderId="w")[1]["status"] == "NEW"
    server.advance_to(at(5))
    told = caller.signed("GET", "order", symbol="BTCUSDT", origClientOrderId="w")[1]
    assert (told["status"], told["updateTime"]) == ("FILLED", at(5))


def test_stop_is_not_working_until_it_triggers(server: SandboxServer, caller: Caller) -> None:
    caller.order(side="SELL", type="STOP_LOSS", stopPrice="95", newClientOrderId="s")
    told = caller.signed("GET", "order", symbol="BTCUSDT", origClientOrderId="s")[1]
    assert (told["isWorking"], told["workingTime"]) == (False, -1)
    server.advance_to(at(3))
    told = caller.signed("GET", "order", symbol="BTCUSDT", origClientOrderId="s")[1]
    assert (told["isWorking"], told["status"]) == (True, "FILLED")


def test_orders_and_trades_are_paged(caller: Caller) -> None:
    for number in range(5):
        caller.order(quantity="0.1", newClientOrderId=f"c{number}")

    def ids(path: str, name: str, **params: object) -> list[int]:
        return [item[name] for item in caller.signed("GET", path, symbol="BTCUSDT", **params)[1]]

    assert ids("allOrders", "orderId") == [1, 2, 3, 4, 5]
    assert ids("allOrders", "orderId", limit=2) == [4, 5]  # the newest
    assert ids("allOrders", "orderId", orderId=2, limit=2) == [2, 3]
    assert ids("allOrders", "orderId", startTime=at(2), limit=2) == [1, 2]
    assert ids("allOrders", "orderId", endTime=at(2) - 1) == []
    assert ids("myTrades", "id", limit=2) == [4, 5]
    assert ids("myTrades", "id", fromId=3) == [3, 4, 5]
    assert ids("myTrades", "id", orderId=3) == [3]
    assert ids("myTrades", "id", orderId=9) == []
    assert ids("myTrades", "id", orderId=3, fromId=3) == [3]
    assert ids("myTrades", "id", orderId=3, fromId=4) == []
    assert caller.signed("GET", "myTrades", symbol="ETHUSDT") == (200, [])


def test_query_by_both_ids_needs_both_to_fit(caller: Caller) -> None:
    caller.order(newClientOrderId="a")
    params = {"symbol": "BTCUSDT", "orderId": 1, "origClientOrderId": "b"}
    assert caller.signed("GET", "order", **params)[1]["code"] == -2013


def test_order_list_is_cancelled_whole(caller: Caller) -> None:
    params = {
        "symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "aboveType": "TAKE_PROFIT_LIMIT",
        "aboveStopPrice": "110", "abovePrice": "109", "aboveTimeInForce": "GTC",
        "belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "95", "belowPrice": "94",
        "belowTimeInForce": "GTC",
    }  # fmt: skip
    placed = caller.signed("POST", "orderList/oco", **params)[1]
    assert [item["status"] for item in placed["orderReports"]] == ["NEW", "NEW"]
    assert caller.signed("GET", "openOrderList")[1][0]["orderListId"] == placed["orderListId"]
    done = caller.signed("DELETE", "orderList", symbol="BTCUSDT", orderListId=1)[1]
    assert (done["listOrderStatus"], {item["status"] for item in done["orderReports"]}) == (
        "ALL_DONE",
        {"CANCELED"},
    )
    again = caller.signed("DELETE", "orderList", symbol="BTCUSDT", orderListId=1)[1]
    assert again["code"] == -2011
    assert len(caller.signed("GET", "allOrderList")[1]) == 1


def test_zero_balances_are_left_out_when_asked(caller: Caller) -> None:
    told = caller.signed("GET", "account", omitZeroBalances="true")[1]["balances"]
    assert [item["asset"] for item in told] == ["BTC", "USDT"]


def test_every_post_is_counted_by_its_client_id(caller: Caller) -> None:
    caller.order(newClientOrderId="twice")
    caller.order(newClientOrderId="twice")
    caller.order(newClientOrderId="never", quantity="bad")
    caller.signed("POST", "order/test", symbol="BTCUSDT", newClientOrderId="test")
    told = caller.raw("GET", "/sandbox/status", key="")[1]
    assert told["posts_by_client_id"] == {"twice": 2, "never": 1}
    assert (told["order_posts"], told["orders"], told["trades"]) == (3, 2, 2)


def test_time_passes_by_request_only_where_that_was_asked_for(caller: Caller) -> None:
    assert caller.raw("POST", "/sandbox/advance", body='{"to": 1}')[0] == 400


def test_stepped_sandbox_advances_by_request() -> None:
    server = server_of(is_stepped=True)
    caller = Caller(server, server.start())
    try:
        assert caller.raw("POST", "/sandbox/advance", body=f'{{"to": {at(2)}}}') == (
            200,
            {"now": at(2)},
        )
        for body in ('{"to": 1}', '{"to": true}', '{"to": "1"}', "[]", "x"):
            assert caller.raw("POST", "/sandbox/advance", body=body)[0] == 400, body
        assert server.now_ms() == at(2)
        assert caller.raw("GET", "/sandbox/nothing")[0] == 404
    finally:
        caller.close()
        server.stop()


def test_fast_sandbox_takes_any_timestamp() -> None:
    server = server_of(is_time_checked=False)
    caller = Caller(server, server.start())
    try:
        assert caller.signed("GET", "openOrders", timestamp=1) == (200, [])
    finally:
        caller.close()
        server.stop()
