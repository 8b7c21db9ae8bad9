"""What befalls account, markets and candles: at its time, and told by every endpoint alike."""

from typing import Any

import ccxt
import pytest

from tests.support.builders import HOUR, d
from tests.support.sandbox import COIN, at, book, total
from tests.support.sandbox_faults import SYMBOL, Faulty, faulty


def entry(fault: str, **keys: Any) -> str:
    """Return a script of texts and numbers."""
    lines = [
        f'{key} = "{it}"' if isinstance(it, str) else f"{key} = {it}" for key, it in keys.items()
    ]
    return "\n".join(["[[script]]", f'fault = "{fault}"', *lines]) + "\n"


def opens(it: Faulty, timeframe: str = "1h", **asked: Any) -> list[int]:
    """Return which candles are told, by the hour of their open."""
    rows = it.client.fetch_ohlcv(SYMBOL, timeframe, **asked)
    return [(row[0] - at(0)) // HOUR for row in rows]


def test_vanished_order_is_gone_from_every_answer_and_its_coins_are_free() -> None:
    with faulty(entry("vanish", at="1h"), is_stepped=True) as it:
        it.stop("s")
        assert it.client.fetch_balance()["BTC"]["used"] == "1.00000000"
        it.server.advance_to(at(3))
        assert it.ask("s") is None
        assert it.client.fetch_open_orders() == []
        assert it.client.fetch_orders(SYMBOL) == []
        with pytest.raises(ccxt.OrderNotFound, match="-2011"):
            it.client.cancel_order(None, SYMBOL, {"clientOrderId": "s"})
        assert it.client.fetch_balance()["BTC"] == {
            "free": "2.00000000",
            "used": "0.00000000",
            "total": "2",
        }
        assert it.stop("s")["id"] == "2"  # Ids are never given twice.
        (told,) = it.status()["fault_log"]
        assert told == {"time": at(3), "fault": "vanish", "about": SYMBOL, "detail": "s"}


def test_vanishing_takes_an_oco_whole_and_trades_with_it() -> None:
    text = entry("vanish", request="GET openOrders", orders="all")
    text += '[[script]]\nfault = "partial"\nrequest = "POST order"\n'
    with faulty(text, is_stepped=True) as it:
        it.book.listings[SYMBOL].low[2] = 90  # type: ignore[index]  # a test's columns are lists
        it.rest("r", price="95")
        legs = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1"}
        legs |= {"aboveType": "LIMIT_MAKER", "abovePrice": "120"}
        legs |= {"belowType": "STOP_LOSS", "belowStopPrice": "80"}
        it.client.private_post_orderlist_oco(legs)
        it.server.advance_to(at(3))
        assert len(it.client.fetch_my_trades(SYMBOL)) == 1
        assert it.client.fetch_open_orders() == []
        assert it.client.fetch_my_trades(SYMBOL) == []
        assert it.client.private_get_allorderlist() == []
        assert it.caller.signed("GET", "orderList", orderListId=1)[1]["code"] == -2013
        assert set(it.book.locked.values()) == {0}
        assert total(it.book, "USDT") == d("952.5")  # What was bought stays bought.
        assert it.faults() == {"partial": 1, "vanish": 2}


@pytest.mark.parametrize(("which", "left"), [("oldest", ["b"]), ("newest", ["a"]), ("all", [])])
def test_vanishing_takes_the_orders_that_are_said(which: str, left: list[str]) -> None:
    with faulty(entry("vanish", at="1s", orders=which), is_stepped=True) as it:
        it.rest("a")
        it.stop("b")
        it.server.advance_to(at(2) + 1000)
        assert [each["clientOrderId"] for each in it.client.fetch_open_orders()] == left


def test_vanishing_of_nothing_is_not_counted() -> None:
    with faulty(entry("vanish", at="1s"), is_stepped=True) as it:
        it.server.advance_to(at(3))
        assert it.faults() == {}


@pytest.mark.parametrize(
    ("change", "free", "detail"),
    [
        ("-250.5", "749.50000000", "-250.50000000"),
        ("7", "1007.00000000", "+7.00000000"),
        ("-5000", "0.00000000", "-1000.00000000"),
    ],
)
def test_balance_is_changed_by_hand_but_never_below_nothing(
    change: str, free: str, detail: str
) -> None:
    text = f'[[script]]\nfault = "balance"\nat = "1h"\nasset = "USDT"\nchange = {change}\n'
    with faulty(text, is_stepped=True) as it:
        it.server.advance_to(at(3) - 1)
        assert it.client.fetch_balance()["USDT"]["free"] == "1000.00000000"
        it.server.advance_to(at(3))
        assert it.client.fetch_balance()["USDT"]["free"] == free
        (told,) = it.status()["fault_log"]
        assert told["detail"] == detail


def test_balance_changed_by_hand_leaves_what_is_locked() -> None:
    text = entry("balance", request="GET account", hit=1, asset="BTC", change=-2)
    with faulty(text, is_stepped=True) as it:
        it.stop("s")
        it.client.fetch_balance()
        assert (it.book.free["BTC"], it.book.locked["BTC"]) == (0, COIN)


def test_market_in_a_break_refuses_orders_and_lets_them_be_cancelled() -> None:
    text = entry("delist", symbol=SYMBOL, at="1h", until="2h")
    with faulty(text, is_stepped=True) as it:
        it.stop("s")
        it.server.advance_to(at(3))
        assert it.client.load_markets(True)[SYMBOL]["active"] is False
        assert it.caller.get("exchangeInfo", symbolStatus="TRADING")[1]["symbols"] == []
        with pytest.raises(ccxt.MarketClosed, match="Market is closed"):
            it.buy()
        assert it.client.cancel_order(None, SYMBOL, {"clientOrderId": "s"})["status"] == "canceled"
        it.server.advance_to(at(4))
        assert it.client.load_markets(True)[SYMBOL]["active"] is True
        assert it.buy("again")["status"] == "closed"
        assert it.faults() == {"delist": 1}


def test_delisted_market_is_absent_and_its_orders_have_ended() -> None:
    text = entry("delist", symbol=SYMBOL, at="1h", how="absent")
    two = book(
        "100 " * 9, cash={"USDT": "1000", "BTC": "2"}, hours=2, others={"ETH/USDT": "50 " * 9}
    )
    with faulty(text, two, is_stepped=True) as it:
        it.stop("s")
        it.server.advance_to(at(3))
        assert it.client.fetch_balance()["BTC"]["used"] == "0.00000000"
        for asked in (it.buy, it.ask):
            with pytest.raises(ccxt.BadSymbol, match="-1121"):
                asked()
        assert it.client.fetch_open_orders() == []
        assert set(it.client.load_markets(True)) == {"ETH/USDT"}
        assert it.client.fetch_ohlcv("ETH/USDT", "1h", limit=1)[0][0] == at(3)


@pytest.mark.parametrize("answer", ["drop", "502", "503"])
def test_outage_lets_nothing_in_for_its_span(answer: str) -> None:
    text = entry("outage", at="1h", until="2h", answer=answer)
    with faulty(text, is_stepped=True) as it:
        it.stop("s", price="90")
        it.book.listings[SYMBOL].low[3] = 80  # type: ignore[index]  # a test's columns are lists
        for moment in (at(3), at(4) - 1):
            it.server.advance_to(moment)
            with pytest.raises(ccxt.ExchangeNotAvailable):
                it.buy(f"b{moment}")
            with pytest.raises(ccxt.ExchangeNotAvailable):
                it.client.fetch_time()
        it.server.advance_to(at(4))
        # Its clients were out of reach, not its market.
        assert it.ask("s")["status"] == "closed"
        assert len(it.book.orders) == 1


def test_outage_of_a_day_lasts_a_day() -> None:
    with faulty(entry("outage", at="1m", until="1441m"), is_stepped=True) as it:
        for moment in (at(2) + 60_000, at(26) + 59_999):
            it.server.advance_to(moment)
            assert it.caller.raw("GET", "/sandbox/status", key="")[0] == 200
            with pytest.raises(ccxt.ExchangeNotAvailable):
                it.client.fetch_time()
        it.server.advance_to(at(26) + 60_000)
        assert it.client.fetch_time() == at(26) + 60_000


def test_candles_of_a_gap_are_missing_for_ever_however_they_are_asked_for() -> None:
    text = entry("candle_gap", at="1h", until="3h")
    with faulty(text, is_stepped=True) as it:
        it.server.advance_to(at(7))
        assert opens(it) == [0, 1, 2, 5, 6, 7]
        assert opens(it, limit=4) == [2, 5, 6, 7]
        assert opens(it, since=at(1), limit=3) == [1, 2, 5]
        assert opens(it, "2h") == [0, 6]  # Of hours 2 to 5 a part is missing.
        it.server.advance_to(at(29))
        assert opens(it, since=at(0), limit=4) == [0, 1, 2, 5]
        assert it.faults() == {"candle_gap": 4}


def test_gap_of_one_market_leaves_the_others() -> None:
    text = entry("candle_gap", at="1h", until="2h", symbol="ETH/USDT")
    two = book("100 " * 9, hours=2, others={"ETH/USDT": "50 " * 9})
    with faulty(text, two, is_stepped=True) as it:
        it.server.advance_to(at(5))
        assert opens(it) == [0, 1, 2, 3, 4, 5]
        assert len(it.client.fetch_ohlcv("ETH/USDT", "1h")) == 5


def test_late_candle_is_not_there_until_so_long_after_its_close() -> None:
    with faulty(entry("candle_late", late_ms=5000, at="1h", until="2h"), is_stepped=True) as it:
        it.server.advance_to(at(3))
        # Nor is the one that opens then: the source is behind, it has no hole.
        assert opens(it) == [0, 1]
        it.server.advance_to(at(3) + 4999)
        assert opens(it, limit=1) == [1]
        it.server.advance_to(at(3) + 5000)
        assert opens(it) == [0, 1, 2, 3]
        it.server.advance_to(at(4))
        assert opens(it) == [0, 1, 2, 3, 4]  # `until` has come.
        assert it.faults() == {"candle_late": 1}


def test_orders_fill_by_candles_that_nobody_is_shown() -> None:
    with faulty(entry("candle_gap", at="0s", until="2h"), is_stepped=True) as it:
        it.stop("s", price="90")
        it.book.listings[SYMBOL].low[2] = 80  # type: ignore[index]  # a test's columns are lists
        it.server.advance_to(at(4))
        assert it.ask("s")["status"] == "closed"


def test_absolute_times_reach_back_before_the_start() -> None:
    text = entry("candle_gap", at="2024-01-01T00:00:00Z", until="2024-01-01T01:00:00Z")
    with faulty(text, is_stepped=True) as it:
        assert opens(it) == [1, 2]
