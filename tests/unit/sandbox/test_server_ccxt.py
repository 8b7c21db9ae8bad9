"""The real ccxt clients, synchronous and asynchronous, trade on the sandbox without noticing."""

from typing import Any

import ccxt
import pytest

from tests.support.sandbox import at
from tradebot.sandbox.server import SandboxServer

SYMBOL = "BTC/USDT"


def test_markets_are_read_with_their_filters(client: Any) -> None:
    market = client.load_markets()[SYMBOL]
    assert (market["precision"]["price"], market["precision"]["amount"]) == (
        "1.00000000",
        "0.00100000",
    )
    assert market["limits"]["cost"]["min"] == "5.00000000"
    assert (market["active"], market["spot"], market["margin"]) == (True, True, False)


def test_time_is_the_sandboxs(client: Any, server: SandboxServer) -> None:
    assert client.fetch_time() == at(2)
    server.advance_to(at(2) + 5)
    assert client.fetch_time() == at(2) + 5


def test_candles_are_the_closed_ones_and_the_open_of_the_one_under_way(client: Any) -> None:
    rows = client.fetch_ohlcv(SYMBOL, "1h", limit=2)
    assert [row[0] for row in rows] == [at(1), at(2)]
    assert rows[0][1:5] == ["100.00000000", "112.00000000", "95.00000000", "104.00000000"]
    assert set(rows[1][1:5]) == {"104.00000000"}
    assert rows[1][5] == "0.00000000"


def test_candles_from_a_time_on_start_there(client: Any) -> None:
    assert [row[0] for row in client.fetch_ohlcv(SYMBOL, "1h", since=at(0), limit=2)] == [
        at(0),
        at(1),
    ]


def test_ticker_and_book_stand_around_the_price(client: Any) -> None:
    ticker = client.fetch_ticker(SYMBOL)
    assert (ticker["last"], ticker["bid"], ticker["ask"]) == (
        "104.00000000",
        "102.00000000",
        "106.00000000",
    )
    assert (ticker["high"], ticker["low"]) == ("112.00000000", "95.00000000")
    levels = client.fetch_order_book(SYMBOL, 2)
    assert [level[0] for level in levels["bids"]] == [102, 101]
    assert [level[0] for level in levels["asks"]] == [106, 107]
    assert set(client.fetch_tickers([SYMBOL, "ETH/USDT"])) == {SYMBOL, "ETH/USDT"}
    assert client.fetch_bids_asks([SYMBOL])[SYMBOL]["ask"] == "106.00000000"
    assert client.fetch_last_prices([SYMBOL])[SYMBOL]["price"] == "104.00000000"


def test_market_order_fills_and_tells_its_fee(client: Any) -> None:
    order = client.create_order(SYMBOL, "market", "buy", "1", None, {"newClientOrderId": "tb-1"})
    assert (order["status"], order["clientOrderId"]) == ("closed", "tb-1")
    assert (order["average"], order["filled"]) == ("106", "1.00000000")
    assert order["fees"] == [{"currency": "BTC", "cost": "0.00100000"}]
    assert client.fetch_balance()["total"] == {"BTC": "2.999", "ETH": "0", "USDT": "894"}
    trade = client.fetch_my_trades(SYMBOL)[0]
    assert (trade["id"], trade["order"], trade["price"]) == ("1", order["id"], "106.00000000")
    assert trade["fee"] == {"currency": "BTC", "cost": "0.00100000"}
    assert client.fetch_order_trades(order["id"], SYMBOL)[0]["id"] == "1"


def test_market_order_for_an_amount_of_cash_buys_the_whole_lots_it_pays_for(client: Any) -> None:
    order = client.create_market_buy_order_with_cost(SYMBOL, "100")
    assert (order["filled"], order["cost"]) == ("0.94300000", "99.95800000")
    assert order["info"]["origQuoteOrderQty"] == "100.00000000"


@pytest.mark.parametrize(
    ("kind", "side", "price", "params", "wire"),
    [
        ("limit", "buy", "90", {}, "LIMIT"),
        ("limit", "buy", "90", {"postOnly": True}, "LIMIT_MAKER"),
        ("market", "sell", None, {"stopLossPrice": "95"}, "STOP_LOSS"),
        ("limit", "sell", "94", {"stopLossPrice": "95"}, "STOP_LOSS_LIMIT"),
        ("limit", "sell", "109", {"takeProfitPrice": "110"}, "TAKE_PROFIT_LIMIT"),
        ("STOP_LOSS_LIMIT", "sell", "94", {"stopPrice": "95"}, "STOP_LOSS_LIMIT"),
    ],
)
def test_resting_orders_are_placed_found_and_cancelled_by_client_id(
    client: Any, kind: str, side: str, price: str | None, params: dict[str, Any], wire: str
) -> None:
    sent = {"newClientOrderId": "tb-x", **params}
    order = client.create_order(SYMBOL, kind, side, "0.5", price, sent)
    assert (order["status"], order["info"]["type"]) == ("open", wire)
    found = client.fetch_order(None, SYMBOL, {"clientOrderId": "tb-x"})
    assert (found["id"], found["status"], found["remaining"]) == (order["id"], "open", "0.5")
    assert [item["id"] for item in client.fetch_open_orders(SYMBOL)] == [order["id"]]
    assert [item["id"] for item in client.fetch_open_orders()] == [order["id"]]
    answer = client.cancel_order(None, SYMBOL, {"clientOrderId": "tb-x"})
    assert (answer["id"], answer["status"]) == (order["id"], "canceled")
    assert client.fetch_order(order["id"], SYMBOL)["status"] == "canceled"
    assert client.fetch_open_orders(SYMBOL) == []
    assert set(client.fetch_balance()["used"].values()) == {"0.00000000"}


def test_stop_fills_while_time_passes(client: Any, server: SandboxServer) -> None:
    order = client.create_order(SYMBOL, "market", "sell", "1", None, {"stopLossPrice": "95"})
    server.advance_to(at(3))
    found = client.fetch_order(order["id"], SYMBOL)
    assert (found["status"], found["average"], found["lastTradeTimestamp"]) == (
        "closed",
        "94",
        at(3),
    )


def test_oco_is_placed_and_one_fill_ends_the_other(client: Any, server: SandboxServer) -> None:
    client.load_markets()
    answer = client.private_post_orderlist_oco(
        {
            "symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "listClientOrderId": "l",
            "aboveType": "LIMIT_MAKER", "abovePrice": "115", "aboveClientOrderId": "target",
            "belowType": "STOP_LOSS", "belowStopPrice": "95", "belowClientOrderId": "stop",
        }
    )  # fmt: skip
    assert answer["listOrderStatus"] == "EXECUTING"
    assert {item["clientOrderId"]: item["status"] for item in answer["orderReports"]} == {
        "stop": "NEW",
        "target": "NEW",
    }
    server.advance_to(at(3))
    told = {
        name: client.fetch_order(None, SYMBOL, {"clientOrderId": name})["status"]
        for name in ("stop", "target")
    }
    assert told == {"stop": "closed", "target": "expired"}
    assert client.private_get_orderlist({"origClientOrderId": "l"})["listOrderStatus"] == "ALL_DONE"
    assert client.private_get_openorderlist() == []


def test_cancelling_one_leg_of_an_oco_cancels_both(client: Any) -> None:
    client.private_post_order_oco(
        {
            "symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "price": "115",
            "stopPrice": "95", "stopLimitPrice": "94", "stopLimitTimeInForce": "GTC",
            "limitClientOrderId": "target", "stopClientOrderId": "stop",
        }
    )  # fmt: skip
    client.cancel_order(None, SYMBOL, {"clientOrderId": "stop"})
    assert client.fetch_open_orders(SYMBOL) == []
    assert client.fetch_order(None, SYMBOL, {"clientOrderId": "target"})["status"] == "canceled"


def test_cancel_all_cancels_orders_and_lists(client: Any) -> None:
    client.create_order(SYMBOL, "limit", "buy", "0.5", "90")
    client.create_order(SYMBOL, "limit", "buy", "0.5", "91")
    assert len(client.cancel_all_orders(SYMBOL)) == 2
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_all_orders(SYMBOL)


def test_edit_replaces_an_order_by_another(client: Any) -> None:
    old = client.create_order(SYMBOL, "limit", "buy", "0.5", "90")
    new = client.edit_order(old["id"], SYMBOL, "limit", "buy", "0.5", "91")
    assert (new["id"], new["price"], new["status"]) == ("2", "91.00000000", "open")
    assert client.fetch_order(old["id"], SYMBOL)["status"] == "canceled"


def test_test_order_is_checked_and_not_placed(client: Any) -> None:
    client.create_order(SYMBOL, "limit", "buy", "0.5", "90", {"test": True})
    assert client.fetch_orders(SYMBOL) == []
    with pytest.raises(ccxt.BadRequest, match="NOTIONAL"):
        client.create_order(SYMBOL, "limit", "buy", "0.01", "90", {"test": True})


def test_fees_are_told(client: Any) -> None:
    told = client.private_get_account_commission({"symbol": "BTCUSDT"})
    assert told["standardCommission"]["taker"] == "0.00100000"


@pytest.mark.parametrize(
    ("kind", "amount", "price", "params", "error"),
    [
        ("market", "100", None, {}, ccxt.InsufficientFunds),
        ("limit", "0.01", "90", {}, ccxt.BadRequest),
        ("limit", "1", "110", {"postOnly": True}, ccxt.OrderImmediatelyFillable),
        ("limit", "1", "90", {"stopLoss": {"triggerPrice": 80}}, ccxt.BadRequest),
        ("market", "1", None, {"newClientOrderId": "no spaces"}, ccxt.BadRequest),
    ],
)
def test_refusals_arrive_as_ccxts_errors(
    client: Any,
    kind: str,
    amount: str,
    price: str | None,
    params: dict[str, Any],
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        client.create_order(SYMBOL, kind, "buy", amount, price, params)


def test_unknown_orders_are_not_found(client: Any) -> None:
    with pytest.raises(ccxt.OrderNotFound):
        client.fetch_order(None, SYMBOL, {"clientOrderId": "never"})
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(None, SYMBOL, {"clientOrderId": "never"})
