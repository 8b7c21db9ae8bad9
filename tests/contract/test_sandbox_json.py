"""The sandbox's JSON has the keys and forms of answers that Binance itself once gave."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.sandbox import KEY, SECRET, at, book
from tests.support.sandbox_client import Caller
from tradebot.sandbox.server import SandboxServer

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "recorded"

# What Binance added after the recording of 2021, by its own documentation.
SYMBOL_KEYS_SINCE = {
    "allowTrailingStop", "cancelReplaceAllowed", "amendAllowed", "otoAllowed", "opoAllowed",
    "pegInstructionsAllowed", "permissionSets", "defaultSelfTradePreventionMode",
    "allowedSelfTradePreventionModes",
}  # fmt: skip
FILTERS_SINCE = {"TRAILING_DELTA", "PERCENT_PRICE_BY_SIDE", "NOTIONAL"}
FILTERS_GONE = {"PERCENT_PRICE", "MIN_NOTIONAL"}
FILTER_KEYS = {
    "TRAILING_DELTA": {
        "filterType", "minTrailingAboveDelta", "maxTrailingAboveDelta",
        "minTrailingBelowDelta", "maxTrailingBelowDelta",
    },
    "PERCENT_PRICE_BY_SIDE": {
        "filterType", "bidMultiplierUp", "bidMultiplierDown", "askMultiplierUp",
        "askMultiplierDown", "avgPriceMins",
    },
    "NOTIONAL": {
        "filterType", "minNotional", "applyMinToMarket", "maxNotional", "applyMaxToMarket",
        "avgPriceMins",
    },
}  # fmt: skip


def recorded(name: str) -> Any:
    """Return a recorded file, or skip the test that asks."""
    path = RECORDED / name
    if not path.is_file():
        pytest.skip(f"{name} is not in {RECORDED}: recorded answers are not part of the repository")
    return json.loads(path.read_text())


def response(method: str, description: str) -> Any:
    """Return what Binance answered in one recorded case."""
    cases = recorded("ccxt_static_subset.json")["binance"]["response"]
    found = [
        case["httpResponse"]
        for case in cases
        if case["method"] == method and case["description"] == description
    ]
    assert len(found) == 1, (method, description)
    return found[0]


@pytest.fixture
def caller() -> Iterator[Caller]:
    made = book("100 100/112/95/104 104/108/90/91", cash={"USDT": "1000", "BTC": "2"}, hours=2)
    server = SandboxServer(made, api_key=KEY, secret=SECRET)
    opened = Caller(server, server.start())
    yield opened
    opened.close()
    server.stop()


def forms(value: object) -> object:
    """Return a value's form: amounts are text with their decimals, times and ids numbers."""
    if isinstance(value, str):
        _, point, decimals = value.partition(".")
        if point and value.replace(".", "").isdigit():
            return f"amount.{len(decimals)}"
        # The recorded answers passed through a client that made text of ids and times.
        return "number" if value.lstrip("-").isdigit() else "text"
    return "number" if isinstance(value, int) and not isinstance(value, bool) else type(value)


def assert_like(
    ours: dict[str, Any], theirs: dict[str, Any], *, without: frozenset[str] = frozenset()
) -> None:
    """Check that keys are equal, but for `without`, and that every value has the same form."""
    assert set(ours) == set(theirs) - without
    assert {name: forms(ours[name]) for name in ours} == {
        name: forms(theirs[name]) for name in ours
    }


def test_exchange_info_is_like_the_recorded_one(caller: Caller) -> None:
    theirs = recorded("binance_exchange_info_2021.json")
    ours = caller.get("exchangeInfo")[1]
    assert set(ours) == {name for name in theirs if not name.startswith("_")}
    assert {tuple(limit) for limit in ours["rateLimits"]} == {
        tuple(limit) for limit in theirs["rateLimits"]
    }
    market = next(item for item in theirs["symbols"] if item["symbol"] == "BTCUSDT")
    listed = ours["symbols"][0]
    assert set(listed) == set(market) | SYMBOL_KEYS_SINCE
    shared = set(market) - {"filters", "permissions", "orderTypes"}
    assert {name: forms(listed[name]) for name in shared} == {
        name: forms(market[name]) for name in shared
    }
    assert set(market["orderTypes"]) <= set(listed["orderTypes"])


def test_filters_are_like_the_recorded_ones(caller: Caller) -> None:
    market = next(
        item
        for item in recorded("binance_exchange_info_2021.json")["symbols"]
        if item["symbol"] == "BTCUSDT"
    )
    theirs = {item["filterType"]: item for item in market["filters"]}
    ours = {
        item["filterType"]: item for item in caller.get("exchangeInfo")[1]["symbols"][0]["filters"]
    }
    assert set(ours) == (set(theirs) - FILTERS_GONE) | FILTERS_SINCE
    for name, item in ours.items():
        if name in theirs:
            assert_like(item, theirs[name])
        else:
            assert set(item) == FILTER_KEYS[name]


def test_klines_are_like_the_recorded_ones(caller: Caller) -> None:
    theirs = response("fetchOHLCV", "Spot OHLCV with since and limit")[0]
    ours = caller.get("klines", symbol="BTCUSDT", interval="1h", limit=2)[1][0]
    assert len(ours) == len(theirs)
    assert [forms(value) for value in ours] == [forms(value) for value in theirs]
    assert ours[6] - ours[0] == theirs[6] - theirs[0] == 3_600_000 - 1


def test_placed_order_is_like_the_recorded_one(caller: Caller) -> None:
    theirs = response("createOrder", "spot +selfTradePrevention +iceberg")
    ours = caller.signed(
        "POST", "order", symbol="BTCUSDT", side="BUY", type="LIMIT", quantity="0.5", price="90",
        timeInForce="GTC", newClientOrderId="x", selfTradePreventionMode="EXPIRE_MAKER",
    )[1]  # fmt: skip
    assert_like(ours, theirs, without=frozenset({"icebergQty"}))
    assert ours["fills"] == theirs["fills"] == []


def test_filled_order_is_like_the_recorded_one(caller: Caller) -> None:
    caller.order(side="SELL", newClientOrderId="x")
    ours = caller.signed("GET", "order", symbol="BTCUSDT", origClientOrderId="x")[1]
    theirs = response("fetchOrder", "Fetch spot closed order")
    assert_like(ours, theirs)
    assert (ours["status"], ours["type"], ours["price"]) == ("FILLED", "MARKET", theirs["price"])


def test_open_order_is_like_the_recorded_one(caller: Caller) -> None:
    caller.order(type="LIMIT_MAKER", price="90", newClientOrderId="x")
    ours = caller.signed("GET", "openOrders", symbol="BTCUSDT")[1]
    theirs = response("fetchOpenOrders", "Fetch spot open orders")
    assert_like(ours[0], theirs[0])


@pytest.mark.parametrize(
    "description",
    [
        "Spot market buy order (price given => quoteOrderQty!)",
        "Spot limit buy order",
        "Spot limit buy with postOnly",
        "Spot limit buy with test endpoint",
    ],
)
def test_parameters_of_recorded_requests_are_known(caller: Caller, description: str) -> None:
    """What ccxt sends for a real order is refused here, if at all, for its amounts alone."""
    case = next(
        item
        for item in recorded("ccxt_static_subset.json")["binance"]["request"]
        if item["description"] == description
    )
    params = dict(pair.split("=") for pair in case["output"].split("&"))
    path = case["url"].partition("/api/v3/")[2]
    params |= {"symbol": "BTCUSDT", "timestamp": str(at(2))}
    status, answer = caller.signed("POST", path, **params)
    assert status == 200, answer


def test_recorded_iceberg_and_stop_are_refused_by_name(caller: Caller) -> None:
    """The sandbox has no icebergs, and says so; a buy stop over the market rests."""
    limit = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.2", "timeInForce": "GTC"}
    told = caller.signed("POST", "order", **limit, type="LIMIT", price="90", icebergQty="0.1")[1]
    assert told["msg"] == "Iceberg orders are not supported for this symbol."
    status, _ = caller.signed(
        "POST", "order", **limit, type="STOP_LOSS_LIMIT", price="111", stopPrice="110"
    )
    assert status == 200
