"""An order is posted once, and "no" is believed only when it is proved."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.builders import approved, d, order
from tests.support.clients import client_at
from tests.support.fakes import FakeClock, TokensForAll
from tests.support.faulty import Faults, faulty_proxy
from tests.support.sandbox import KEY, SECRET, book
from tradebot.adapters.broker import CcxtBroker
from tradebot.errors import ExchangeUnavailable, KeystoreError
from tradebot.model.order import (
    NOT_ATTEMPTED,
    Approved,
    Leg,
    OrderKind,
    OrderStatus,
    Rejection,
    Report,
    Unknown,
)
from tradebot.sandbox.server import SandboxServer

POST = "POST /api/v3/order"
GET = "GET /api/v3/order"
OCO = "POST /api/v3/orderList/oco"
REPLACE = "POST /api/v3/order/cancelReplace"
# As long as a ban is where no header says how long.
BANNED_MS = 120_000
BUY = approved("buy 1 BTC @ 100", order_id="tb-buy")
BOUGHT = order("buy 1 BTC @ 100", order_id="tb-buy")


@contextmanager
def broker_behind_faults() -> Iterator[tuple[CcxtBroker, Faults, SandboxServer]]:
    server = SandboxServer(book("100 100 100"), api_key=KEY, secret=SECRET)
    with faulty_proxy(server.start()) as faults:
        client = client_at(f"{faults.url}/api/v3", server.now_ms)
        client.call("load_markets")
        try:
            broker = CcxtBroker(
                client, prefix="tb-", tokens=TokensForAll(), clock=FakeClock()
            )
            yield broker, faults, server
        finally:
            client.close()
            server.stop()


UNPROVED = ["garbage", "empty", "truncated", "other", "503", "500", "502", "-1008", "-9999", "drop"]


@pytest.mark.parametrize("fault", [*UNPROVED, "duplicate"])
def test_answer_that_proves_nothing_is_unknown_and_posted_once(fault: str) -> None:
    with broker_behind_faults() as (broker, faults, _):
        faults.script[POST] = [fault]
        outcome = broker.place_order(BUY)
        assert isinstance(outcome, Unknown), outcome
        assert faults.count(POST) == 1
        assert broker.order_report(BOUGHT) is None


@pytest.mark.parametrize("fault", [f"after:{name}" for name in UNPROVED])
def test_order_that_was_executed_behind_a_broken_answer_is_found_by_asking(fault: str) -> None:
    with broker_behind_faults() as (broker, faults, _):
        faults.script[POST] = [fault]
        assert isinstance(broker.place_order(BUY), Unknown)
        report = broker.order_report(BOUGHT)
        assert isinstance(report, Report)
        assert (report.status, report.filled) == (OrderStatus.FILLED, 1)
        assert len(report.fills) == 1
        assert faults.count(POST) == 1


@pytest.mark.parametrize("fault", ["-2010", "-1013", "-1021", "-2015", "418", "429"])
def test_proof_that_nothing_was_placed_is_a_rejection(fault: str) -> None:
    with broker_behind_faults() as (broker, faults, _):
        faults.script[POST] = [fault]
        outcome = broker.place_order(BUY)
        assert isinstance(outcome, Rejection), outcome
        assert faults.count(POST) == 1


def test_rejection_never_quotes_the_signed_request() -> None:
    with broker_behind_faults() as (broker, faults, _):
        for fault in ("-2010", "-2015", "502", "garbage", "429"):
            faults.script[POST] = [fault]
            outcome = broker.place_order(BUY)
            assert "signature" not in str(outcome)
            assert KEY not in str(outcome)


@pytest.mark.parametrize("fault", ["garbage", "503", "after:drop", "after:truncated"])
def test_oco_with_a_broken_answer_is_unknown_in_both_legs_and_posted_once(fault: str) -> None:
    with broker_behind_faults() as (broker, faults, _):
        broker.place_order(BUY)
        faults.script[OCO] = [fault]
        stop = approved(
            "sell 0.5 BTC @ 90",
            order_id="tb-stop",
            kind=OrderKind.STOP,
            leg=Leg.STOP,
            stop_price=d(90),
        )
        target = approved(
            "sell 0.5 BTC @ 110",
            order_id="tb-target",
            kind=OrderKind.LIMIT_MAKER,
            leg=Leg.TARGET,
            price=d(110),
        )
        outcomes = broker.place_oco(stop, target)
        assert all(isinstance(each, Unknown) for each in outcomes), outcomes
        assert faults.count(OCO) == 1
        is_there = broker.order_report(order("sell 0.5 BTC @ 90", order_id="tb-stop")) is not None
        assert is_there == fault.startswith("after:")


def test_fills_that_cannot_be_read_now_are_left_for_the_next_question() -> None:
    with broker_behind_faults() as (broker, faults, _):
        faults.script["GET /api/v3/myTrades"] = ["garbage", "502", "502", "502"]
        placed = broker.place_order(BUY)
        assert isinstance(placed, Report | Unknown), placed
        faults.script.clear()
        report = broker.order_report(BOUGHT)
        assert report is not None
        assert len(report.fills) == 1
        assert faults.count(POST) == 1


def test_read_is_asked_again_after_a_passing_fault() -> None:
    with broker_behind_faults() as (broker, faults, _):
        broker.place_order(BUY)
        faults.script[GET] = ["502", "drop"]
        assert broker.order_report(BOUGHT) is not None
        assert faults.count(GET) == 3


def test_read_is_given_up_after_three_tries() -> None:
    with broker_behind_faults() as (broker, faults, _):
        faults.script[GET] = ["502"] * 9
        with pytest.raises(ExchangeUnavailable, match="cannot be asked for order tb-buy"):
            broker.order_report(BOUGHT)
        assert faults.count(GET) == 3


@pytest.mark.parametrize("fault", ["418", "429"])
def test_banned_read_is_not_asked_again(fault: str) -> None:
    with broker_behind_faults() as (broker, faults, _):
        faults.script[GET] = [fault] * 9
        with pytest.raises(ExchangeUnavailable):
            broker.order_report(BOUGHT)
        assert faults.count(GET) == 1


def test_failed_question_is_never_read_as_an_absent_order() -> None:
    with broker_behind_faults() as (broker, faults, _):
        for fault in ("garbage", "empty", "truncated"):
            faults.script[GET] = [fault] * 9
            with pytest.raises(ExchangeUnavailable):
                broker.order_report(BOUGHT)


@pytest.mark.parametrize("fault", ["garbage", "empty"])
def test_broken_balance_is_never_read_as_an_empty_account(fault: str) -> None:
    with broker_behind_faults() as (broker, faults, _):
        faults.script["GET /api/v3/account"] = [fault] * 9
        with pytest.raises(ExchangeUnavailable, match="balances"):
            broker.balances()


def test_refused_key_is_named_as_such() -> None:
    with broker_behind_faults() as (broker, faults, _):
        faults.script["GET /api/v3/account"] = ["-2015"]
        with pytest.raises(KeystoreError, match="binance refuses the key"):
            broker.balances()


def test_key_revoked_after_it_was_taken_is_named_as_such() -> None:
    with broker_behind_faults() as (broker, faults, _):
        broker.balances()
        faults.script["GET /api/v3/account"] = ["-2015"]
        with pytest.raises(KeystoreError, match="binance refuses the key"):
            broker.balances()


def test_cancel_without_an_answer_is_unknown() -> None:
    with broker_behind_faults() as (broker, faults, _):
        broker.place_order(BUY)
        stop = approved(
            "sell 0.5 BTC @ 90",
            order_id="tb-stop",
            kind=OrderKind.STOP,
            leg=Leg.STOP,
            stop_price=d(90),
        )
        broker.place_order(stop)
        faults.script["DELETE /api/v3/order"] = ["503"]
        outcome = broker.cancel_order(order("sell 0.5 BTC @ 90", order_id="tb-stop"))
        assert isinstance(outcome, Unknown)
        assert broker.open_order_filled() == {"tb-stop": 0}


# --- replacing ----------------------------------------------------------------------------------

OLD = order("sell 0.5 BTC @ 80", order_id="tb-stop")
NEW = order("sell 0.5 BTC @ 90", order_id="tb-higher")


def _stop(order_id: str, price: int) -> Approved:
    return approved(
        f"sell 0.5 BTC @ {price}",
        order_id=order_id,
        kind=OrderKind.STOP,
        leg=Leg.STOP,
        stop_price=d(price),
    )


@contextmanager
def stop_behind_faults(*script: str) -> Iterator[tuple[CcxtBroker, Faults, SandboxServer]]:
    """Yield a broker under whose stop at 80 one at 90 is to be put, and what meets that request."""
    with broker_behind_faults() as (broker, faults, server):
        broker.place_order(BUY)
        broker.place_order(_stop("tb-stop", 80))
        faults.script[REPLACE] = list(script)
        yield broker, faults, server


@pytest.mark.parametrize("fault", UNPROVED)
def test_replacement_without_proof_is_in_doubt_and_the_old_one_rests(fault: str) -> None:
    with stop_behind_faults(fault) as (broker, faults, _):
        gone, placed = broker.replace_order(OLD, _stop("tb-higher", 90))
        assert isinstance(gone, Unknown), gone
        assert isinstance(placed, Unknown), placed
        assert faults.count(REPLACE) == 1
        assert broker.open_order_filled() == {"tb-stop": 0}
        assert broker.order_report(NEW) is None


@pytest.mark.parametrize("fault", [f"after:{name}" for name in UNPROVED])
def test_replacement_that_was_done_behind_a_broken_answer_is_found_by_asking(fault: str) -> None:
    with stop_behind_faults(fault) as (broker, faults, _):
        gone, placed = broker.replace_order(OLD, _stop("tb-higher", 90))
        assert isinstance(placed, Unknown), placed
        assert isinstance(gone, Unknown), gone
        assert faults.count(REPLACE) == 1
        assert broker.open_order_filled() == {"tb-higher": 0}
        old = broker.order_report(OLD)
        assert old is not None
        assert old.status is OrderStatus.CANCELLED


def test_refusal_after_the_cancel_is_a_rejection_in_the_exchange_s_words() -> None:
    with stop_behind_faults("-2021") as (broker, faults, _):
        broker.cancel_order(OLD)
        gone, placed = broker.replace_order(OLD, _stop("tb-higher", 90))
        assert isinstance(gone, Report), gone
        assert gone.status is OrderStatus.CANCELLED
        assert placed == Rejection(
            order_id="tb-higher", code="-2010", message="Stop price would trigger immediately."
        )
        assert faults.count(REPLACE) == 1


def test_half_refusal_that_does_not_say_which_half_proves_nothing() -> None:
    with stop_behind_faults("-2021 alone") as (broker, faults, _):
        gone, placed = broker.replace_order(OLD, _stop("tb-higher", 90))
        assert isinstance(gone, Unknown), gone
        assert isinstance(placed, Unknown), placed
        assert faults.count(REPLACE) == 1


def test_old_one_that_could_not_be_cancelled_means_that_the_new_one_was_never_tried() -> None:
    with stop_behind_faults("-2022") as (broker, faults, _):
        gone, placed = broker.replace_order(OLD, _stop("tb-higher", 90))
        assert isinstance(gone, Rejection), gone
        assert isinstance(placed, Rejection), placed
        assert placed.code == NOT_ATTEMPTED
        assert faults.count(REPLACE) == 1


@pytest.mark.parametrize("fault", ["-1013", "-1021", "-2015", "418", "429"])
def test_replacement_refused_whole_is_a_rejection_and_the_old_one_rests(fault: str) -> None:
    with stop_behind_faults(fault) as (broker, faults, server):
        gone, placed = broker.replace_order(OLD, _stop("tb-higher", 90))
        assert isinstance(gone, Unknown), gone
        assert isinstance(placed, Rejection), placed
        assert placed.code != NOT_ATTEMPTED
        assert faults.count(REPLACE) == 1
        server.advance_to(server.now_ms() + BANNED_MS)
        assert broker.open_order_filled() == {"tb-stop": 0}


def test_replacement_whose_old_order_cannot_be_asked_about_still_tells_of_the_new_one() -> None:
    with stop_behind_faults() as (broker, faults, _):
        faults.script[GET] = ["502"] * 9
        gone, placed = broker.replace_order(OLD, _stop("tb-higher", 90))
        assert isinstance(gone, Unknown), gone
        assert isinstance(placed, Report), placed
        assert placed.status is OrderStatus.ACCEPTED


# --- fees ---------------------------------------------------------------------------------------


def test_fee_in_a_third_coin_is_read_from_the_trades_in_that_coin() -> None:
    with broker_behind_faults() as (broker, faults, _):
        faults.script["GET /api/v3/myTrades"] = ["BNB"]
        report = broker.place_order(BUY)
        assert isinstance(report, Report), report
        assert [(each.quantity, each.fee, each.fee_asset) for each in report.fills] == [
            (d("0.4"), d("0.000026"), "BNB"),
            (d("0.6"), d("0.0006"), "BTC"),
        ]
