"""Each fault of a request once: what a real client gets, and what the exchange holds afterwards."""

import threading
from http.client import HTTPConnection, RemoteDisconnected
from typing import Any

import ccxt
import pytest

from tests.support.builders import market
from tests.support.sandbox import at, book, total
from tests.support.sandbox_faults import SYMBOL, Faulty, faulty


def script(fault: str, *lines: str, request: str = "POST order") -> str:
    """Return a script whose fault happens to the first of these requests."""
    named = (f'fault = "{fault}"', f'request = "{request}"', "hit = 1", *lines)
    return "\n".join(("[[script]]", *named)) + "\n"


def bought(it: Faulty) -> bool:
    """Return whether the one order that was posted was executed."""
    assert it.status()["posts_by_client_id"] == {"b": 1}
    assert len(it.book.trades) == (total(it.book, "BTC") > 2)
    return it.ask() is not None


@pytest.mark.parametrize(
    ("text", "error", "is_executed"),
    [
        (script("drop_before"), ccxt.ExchangeNotAvailable, False),
        (script("drop_after"), ccxt.ExchangeNotAvailable, True),
        (script("late", "late_ms = 3000"), ccxt.ExchangeNotAvailable, False),
        (script("error_before"), ccxt.RequestTimeout, False),
        (script("error_after"), ccxt.RequestTimeout, True),
        (script("error_after", 'answer = "500"'), ccxt.OperationFailed, True),
        (script("error_after", 'answer = "502"'), ccxt.ExchangeNotAvailable, True),
        (script("error_after", 'answer = "504"'), ccxt.RequestTimeout, True),
        (script("limit", "retry_after_ms = 1500"), ccxt.DDoSProtection, False),
        (script("skew"), ccxt.InvalidNonce, False),
    ],
)
def test_order_raises_and_is_executed_or_not(
    text: str, error: type[Exception], is_executed: bool
) -> None:
    with faulty(text, is_stepped=True) as it:
        with pytest.raises(error) as caught:
            it.buy()
        assert type(caught.value) is error
        assert bought(it) == is_executed
        (fault,) = it.faults().values()
        assert fault == 1


@pytest.mark.parametrize(
    ("text", "is_executed"),
    [
        (script("garbage"), True),
        (script("garbage", "executed = false"), False),
        (script("truncated"), True),
        (script("empty"), True),
        (script("empty", "executed = false"), False),
    ],
)
def test_rubbish_with_status_200_raises_nothing_and_names_no_order(
    text: str, is_executed: bool
) -> None:
    with faulty(text, is_stepped=True) as it:
        order = it.buy()
        assert (order["id"], order["status"]) == (None, None)
        assert bought(it) == is_executed


FILTERS: dict[str, type[Exception]] = {
    "PRICE_FILTER": ccxt.InvalidOrder,
    "LOT_SIZE": ccxt.InvalidOrder,
    "MIN_NOTIONAL": ccxt.BadRequest,
    "NOTIONAL": ccxt.BadRequest,
    "MAX_NUM_ORDERS": ccxt.BadRequest,
    "MAX_NUM_ALGO_ORDERS": ccxt.BadRequest,
    "PERCENT_PRICE_BY_SIDE": ccxt.InvalidOrder,
    "MARKET_LOT_SIZE": ccxt.InvalidOrder,
    "INSUFFICIENT_BALANCE": ccxt.InsufficientFunds,
}


def test_orders_are_refused_by_the_filter_named() -> None:
    text = "".join(
        f'[[script]]\nfault = "filter"\nfilter = "{name}"\nhit = {number}\n'
        for number, name in enumerate(FILTERS, start=1)
    )
    with faulty(text, is_stepped=True) as it:
        for name, error in FILTERS.items():
            with pytest.raises(error) as caught:
                it.buy(name)
            told = "insufficient balance" if name == "INSUFFICIENT_BALANCE" else name
            assert told in str(caught.value)
        assert not it.book.orders
        assert it.buy("after")["status"] == "closed"
        assert it.faults() == {"filter": 9}


def test_late_order_is_executed_at_its_time() -> None:
    with faulty(script("late", "late_ms = 3000"), is_stepped=True) as it:
        with pytest.raises(ccxt.ExchangeNotAvailable):
            it.buy()
        it.server.advance_to(at(2) + 2999)
        assert it.ask() is None
        it.server.advance_to(at(4))
        assert it.ask()["timestamp"] == at(2) + 3000
        assert it.status()["order_posts"] == 1


def test_late_order_is_refused_beyond_its_window() -> None:
    with faulty(script("late", "late_ms = 12000"), is_stepped=True) as it:
        with pytest.raises(ccxt.ExchangeNotAvailable):
            it.buy()  # ccxt's own window is 10 s
        it.server.advance_to(at(3))
        assert not bought(it)


def test_delayed_answer_is_told_when_the_sandboxs_time_has_passed() -> None:
    with faulty(script("delay", "delay_ms = 700")) as it:
        answers: list[Any] = []
        client = threading.Thread(target=lambda: answers.append(it.buy()))
        client.start()
        it.wait_for_fault()
        assert len(it.book.trades) == 1  # Executed at once.
        it.server.advance_to(at(2) + 699)
        assert answers == []
        it.server.advance_to(at(2) + 700)
        client.join()
        assert answers[0]["status"] == "closed"


def test_delayed_answer_needs_no_time_where_time_is_stepped() -> None:
    with faulty(script("delay", "delay_ms = 700"), is_stepped=True) as it:
        assert it.buy()["status"] == "closed"
        (entry,) = it.status()["fault_log"]
        assert entry["detail"] == "700 ms, answered at once: time is stepped"


def test_server_stops_though_an_answer_is_still_delayed() -> None:
    with faulty(script("delay", "delay_ms = 700", request="GET ping")) as it:
        waiting = HTTPConnection(it.url.removeprefix("http://"))
        waiting.request("GET", "/api/v3/ping")
        it.wait_for_fault()
    with pytest.raises(RemoteDisconnected):
        waiting.getresponse()
    waiting.close()


def test_reads_lag_behind_every_change_for_so_long() -> None:
    text = '[[script]]\nfault = "lag"\nlag_ms = 3000\n'
    with faulty(text, is_stepped=True) as it:
        it.rest("r")
        it.server.advance_to(at(2) + 1000)
        it.buy()
        assert it.ask() is None
        assert it.client.fetch_open_orders() == []
        assert it.client.fetch_orders(SYMBOL) == []
        assert it.client.fetch_my_trades(SYMBOL) == []
        assert it.client.fetch_balance()["USDT"]["free"] == "1000.00000000"
        it.server.advance_to(at(2) + 3000)
        assert [each["clientOrderId"] for each in it.client.fetch_open_orders()] == ["r"]
        assert it.ask() is None
        assert it.client.fetch_balance()["USDT"] == {
            "free": "950.00000000",
            "used": "50.00000000",
            "total": "1000",
        }
        it.server.advance_to(at(2) + 4000)
        assert it.ask()["status"] == "closed"
        assert len(it.client.fetch_my_trades(SYMBOL)) == 1
        assert it.faults()["lag"] == 8


def test_lag_that_hides_nothing_is_not_counted() -> None:
    with faulty('[[script]]\nfault = "lag"\nlag_ms = 3000\n', is_stepped=True) as it:
        it.client.fetch_balance()
        assert it.faults() == {}


def test_lagging_read_shows_a_resting_order_as_it_was_before_its_fill() -> None:
    text = '[[script]]\nfault = "lag"\nlag_ms = 3000\nat = "1h"\n'
    with faulty(text, is_stepped=True) as it:
        it.server.advance_to(at(3) - 1)
        it.client.create_order(SYMBOL, "limit", "sell", "1", "101", {"clientOrderId": "t"})
        it.stop("s", "99")
        it.book.listings[SYMBOL].low[3] = 98  # type: ignore[index]  # a test's columns are lists
        it.server.advance_to(at(4) + 2999)
        assert (it.ask("s")["status"], it.ask("s")["filled"]) == ("open", "0.00000000")
        it.server.advance_to(at(4) + 3000)
        assert (it.ask("s")["status"], it.ask("s")["filled"]) == ("closed", "1.00000000")


def test_ban_answers_every_request_until_its_clock_has_run() -> None:
    text = script("ban", "ban_ms = 120000", request="GET account")
    with faulty(text, is_stepped=True) as it:
        for seconds, retry_after in ((0, "120"), (30, "90"), (89, "31")):
            it.server.advance_to(at(2) + seconds * 1000)
            assert it.caller.signed("GET", "account")[0] == 418
            assert it.caller.headers["retry-after"] == retry_after
        with pytest.raises(ccxt.DDoSProtection):
            it.buy()
        assert (it.faults(), it.status()["requests_in_ban"]) == ({"ban": 1}, 3)
        it.server.advance_to(at(2) + 120_000)
        assert not it.book.orders
        assert it.buy("free")["status"] == "closed"


def test_limit_says_when_to_ask_again() -> None:
    with faulty(script("limit", "retry_after_ms = 1500"), is_stepped=True) as it:
        assert it.caller.order()[0] == 429
        assert it.caller.headers["retry-after"] == "2"


def test_market_order_in_part_expires_with_what_it_traded() -> None:
    with faulty(script("partial", "pieces = [0.3, 0.2]"), is_stepped=True) as it:
        order = it.buy()
        assert (order["status"], order["filled"]) == ("expired", "0.50000000")
        assert [each["amount"] for each in it.client.fetch_my_trades(SYMBOL)] == [
            "0.30000000",
            "0.20000000",
        ]
        assert total(it.book, "USDT") == 950
        (entry,) = it.status()["fault_log"]
        assert entry["detail"] == "0.30000000 + 0.20000000 of 1.00000000"


def test_whole_order_in_pieces_is_filled() -> None:
    with faulty(script("partial", "pieces = [0.5, 0.25, 0.25]"), is_stepped=True) as it:
        assert it.buy(quantity="0.999")["status"] == "closed"
        assert [each["amount"] for each in it.client.fetch_my_trades(SYMBOL)] == [
            "0.49900000",
            "0.24900000",
            "0.25100000",
        ]


def test_resting_order_in_part_stays_open_and_then_fills_whole() -> None:
    with faulty(script("partial"), is_stepped=True) as it:
        it.rest("r", price="95")
        low = it.book.listings[SYMBOL].low
        low[2] = low[4] = 90  # type: ignore[index]  # a test's columns are lists
        it.server.advance_to(at(3))
        assert it.book.orders[1].status == "PARTIALLY_FILLED"
        assert (it.ask("r")["status"], it.ask("r")["filled"]) == ("open", "0.50000000")
        it.server.advance_to(at(5))
        assert (it.ask("r")["status"], it.ask("r")["filled"]) == ("closed", "1.00000000")
        assert it.faults() == {"partial": 1}


def test_order_in_part_whose_answer_is_lost_has_both_faults() -> None:
    text = script("partial") + script("drop_after")
    with faulty(text, is_stepped=True) as it:
        with pytest.raises(ccxt.ExchangeNotAvailable):
            it.buy()
        assert (it.ask()["status"], it.ask()["filled"]) == ("expired", "0.50000000")
        assert it.faults() == {"drop_after": 1, "partial": 1}


def test_order_of_one_lot_cannot_be_cut() -> None:
    whole_coins = book("100 100 100", rules=market(step="1"), hours=2)
    with faulty(script("partial"), whole_coins, is_stepped=True) as it:
        assert it.buy(quantity="1")["status"] == "closed"
        assert it.faults() == {}


def test_hits_are_counted_in_the_scripts_time_alone() -> None:
    text = '[[script]]\nfault = "skew"\nrequest = "GET account"\nhit = [2, 3]\nat = "1m"\n'
    with faulty(text, is_stepped=True) as it:
        it.client.fetch_balance()
        it.server.advance_to(at(2) + 60_000)
        it.client.fetch_balance()
        for _ in range(2):
            with pytest.raises(ccxt.InvalidNonce):
                it.client.fetch_balance()
        it.client.fetch_balance()


def test_first_script_that_fits_is_the_one() -> None:
    text = script("skew") + script("drop_after")
    with faulty(text, is_stepped=True) as it:
        with pytest.raises(ccxt.InvalidNonce):
            it.buy()
        assert it.faults() == {"skew": 1}


def test_client_repeats_a_cancel_whose_connection_was_closed_by_itself() -> None:
    """What was cancelled without an answer is then unknown to the second request."""
    with faulty(script("drop_after", request="DELETE order"), is_stepped=True) as it:
        it.rest("r")
        with pytest.raises(ccxt.OrderNotFound, match="-2011"):
            it.client.cancel_order(None, SYMBOL, {"clientOrderId": "r"})
        assert it.ask("r")["status"] == "canceled"


def test_cancel_that_is_dropped_twice_is_heard_of() -> None:
    text = '[[script]]\nfault = "drop_before"\nrequest = "DELETE order"\nhit = [1, 2]\n'
    with faulty(text, is_stepped=True) as it:
        it.rest("r")
        with pytest.raises(ccxt.ExchangeNotAvailable):
            it.client.cancel_order(None, SYMBOL, {"clientOrderId": "r"})
        assert it.ask("r")["status"] == "open"
