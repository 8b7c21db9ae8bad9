"""Every broker keeps one contract: the simulated one, and ccxt over HTTP to the sandbox."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.support.builders import approved, d, order
from tests.support.clients import client_at
from tests.support.fakes import FakeClock, TokensForAll
from tests.support.sandbox import KEY, SECRET, at, book
from tradebot.adapters.broker import CcxtBroker
from tradebot.adapters.ccxt_client import CcxtClient
from tradebot.adapters.gate_tokens import GateTokens
from tradebot.adapters.simulated import SimulatedBroker
from tradebot.model.order import (
    NOT_ATTEMPTED,
    Approved,
    Leg,
    Order,
    OrderKind,
    OrderStatus,
    Rejection,
    Report,
    Unknown,
    Unsent,
)
from tradebot.ports import Broker
from tradebot.sandbox.book import Book
from tradebot.sandbox.server import SandboxServer

CANDLES = "100 100 100/120/80/100 100 100"


class World:
    """A broker, its exchange's book, and the passing of the exchange's time."""

    def __init__(self, broker: Broker, made: Book, advance: Callable[[int], None]) -> None:
        self.broker = broker
        self.book = made
        self.advance = advance

    def bought(self, quantity: str = "1") -> None:
        """Buy at the market, so that there is something to sell."""
        placed = self.broker.place_order(approved(f"buy {quantity} BTC @ 100", order_id="tb-buy"))
        assert isinstance(placed, Report), placed


def simulated() -> Iterator[World]:
    made = book(CANDLES)
    broker = SimulatedBroker(made, tokens=TokensForAll(), clock=FakeClock())
    yield World(broker, made, made.advance_to)


def over_http() -> Iterator[World]:
    made = book(CANDLES)
    server = SandboxServer(made, api_key=KEY, secret=SECRET)
    client = _client(server)
    broker = CcxtBroker(client, prefix="tb-", tokens=TokensForAll(), clock=FakeClock())
    yield World(broker, made, server.advance_to)
    client.close()
    server.stop()


def _client(server: SandboxServer) -> CcxtClient:
    """Return the real client of a server that it starts."""
    client = client_at(f"{server.start()}/api/v3", server.now_ms)
    client.call("load_markets")
    return client


@pytest.fixture(params=[simulated, over_http], ids=["simulated", "ccxt over http"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    yield from request.param()


def stop(quantity: str, price: str) -> Approved:
    return approved(
        f"sell {quantity} BTC @ {price}",
        order_id="tb-stop",
        kind=OrderKind.STOP,
        leg=Leg.STOP,
        stop_price=d(price),
    )


def target(quantity: str, price: str) -> Approved:
    return approved(
        f"sell {quantity} BTC @ {price}",
        order_id="tb-target",
        kind=OrderKind.LIMIT_MAKER,
        leg=Leg.TARGET,
        price=d(price),
    )


def known(order_id: str, quantity: str = "0.5") -> Order:
    return order(f"sell {quantity} BTC @ 100", order_id=order_id)


def test_market_order_is_reported_filled_with_its_fill_and_fee(world: World) -> None:
    report = world.broker.place_order(approved("buy 1 BTC @ 100", order_id="tb-buy"))
    assert isinstance(report, Report), report
    assert (report.status, report.filled) == (OrderStatus.FILLED, 1)
    (fill,) = report.fills
    assert (fill.quantity, fill.price) == (1, 100)
    assert (fill.fee, fill.fee_asset, fill.is_maker) == (d("0.001"), "BTC", False)
    assert fill.filled_at == at(1)


def test_order_that_cannot_be_paid_is_rejected(world: World) -> None:
    outcome = world.broker.place_order(approved("buy 1000 BTC @ 100"))
    assert isinstance(outcome, Rejection), outcome
    assert "insufficient balance" in outcome.message


def test_order_under_the_minimum_is_rejected(world: World) -> None:
    outcome = world.broker.place_order(approved("buy 0.001 BTC @ 100"))
    assert isinstance(outcome, Rejection), outcome
    assert "NOTIONAL" in outcome.message


def test_stop_that_would_trigger_at_once_is_rejected(world: World) -> None:
    world.bought()
    outcome = world.broker.place_order(stop("0.5", "101"))
    assert isinstance(outcome, Rejection), outcome
    assert "trigger immediately" in outcome.message


def test_resting_stop_is_open_and_then_fills(world: World) -> None:
    world.bought()
    placed = world.broker.place_order(stop("0.5", "90"))
    assert isinstance(placed, Report), placed
    assert (placed.status, placed.filled, placed.fills) == (OrderStatus.ACCEPTED, 0, ())
    assert world.broker.open_order_filled() == {"tb-stop": 0}
    world.advance(at(3))
    report = world.broker.order_report(known("tb-stop"))
    assert report is not None
    assert (report.status, report.filled) == (OrderStatus.FILLED, d("0.5"))
    assert [(fill.price, fill.is_maker) for fill in report.fills] == [(90, False)]
    assert world.broker.open_order_filled() == {}


def test_oco_legs_rest_together_and_one_fill_expires_the_other(world: World) -> None:
    world.bought()
    outcomes = world.broker.place_oco(stop("0.5", "70"), target("0.5", "110"))
    for order_id, outcome in zip(("tb-stop", "tb-target"), outcomes, strict=True):
        assert isinstance(outcome, Report), outcome
        assert (outcome.order_id, outcome.status) == (order_id, OrderStatus.ACCEPTED)
    assert set(world.broker.open_order_filled()) == {"tb-stop", "tb-target"}
    world.advance(at(3))
    hit = world.broker.order_report(known("tb-target"))
    left = world.broker.order_report(known("tb-stop"))
    assert hit is not None
    assert left is not None
    assert (hit.status, left.status) == (OrderStatus.FILLED, OrderStatus.EXPIRED)
    (fill,) = hit.fills
    assert (fill.price, fill.is_maker, fill.fee, fill.fee_asset) == (110, True, d("0.055"), "USDT")


def test_refused_oco_refuses_both_legs(world: World) -> None:
    world.bought()
    outcomes = world.broker.place_oco(stop("0.5", "105"), target("0.5", "110"))
    assert all(isinstance(outcome, Rejection) for outcome in outcomes), outcomes
    assert world.broker.open_order_filled() == {}


def test_cancel_of_one_leg_ends_both(world: World) -> None:
    world.bought()
    world.broker.place_oco(stop("0.5", "90"), target("0.5", "110"))
    outcome = world.broker.cancel_order(known("tb-target"))
    assert isinstance(outcome, Report), outcome
    assert (outcome.order_id, outcome.status) == ("tb-target", OrderStatus.CANCELLED)
    sibling = world.broker.order_report(known("tb-stop"))
    assert sibling is not None
    assert sibling.status is OrderStatus.CANCELLED
    assert world.broker.open_order_filled() == {}


def test_cancel_of_what_has_filled_is_rejected(world: World) -> None:
    world.bought()
    outcome = world.broker.cancel_order(known("tb-buy"))
    assert isinstance(outcome, Rejection), outcome


def test_order_that_never_was_is_not_known(world: World) -> None:
    assert world.broker.order_report(known("tb-never")) is None


def test_balances_are_totals_free_and_locked(world: World) -> None:
    world.bought()
    world.broker.place_order(stop("0.5", "90"))
    balances = world.broker.balances()
    assert balances["BTC"] == d("0.999")
    assert balances["USDT"] == 900
    assert all(isinstance(total, Decimal) for total in balances.values())


def test_market_order_in_a_gap_waits_for_the_first_candle_after_it() -> None:
    made = book("100 - - 104", hours=1)
    broker = SimulatedBroker(made, tokens=TokensForAll(), clock=FakeClock())
    placed = broker.place_order(approved("buy 1 BTC @ 100", order_id="tb-buy"))
    assert isinstance(placed, Report), placed
    assert (placed.status, placed.filled) == (OrderStatus.ACCEPTED, 0)
    made.advance_to(at(3))
    report = broker.order_report(order("buy 1 BTC @ 100", order_id="tb-buy"))
    assert report is not None
    assert [(fill.price, fill.filled_at) for fill in report.fills] == [(100, at(3))]


# --- replacing ----------------------------------------------------------------------------------


def higher(quantity: str, price: str) -> Approved:
    return replace(stop(quantity, price), order_id="tb-higher")


def test_replaced_stop_is_cancelled_and_the_new_one_rests(world: World) -> None:
    world.bought()
    world.broker.place_order(stop("0.5", "80"))
    gone, placed = world.broker.replace_order(known("tb-stop"), higher("0.5", "90"))
    assert isinstance(gone, Report), gone
    assert (gone.order_id, gone.status) == ("tb-stop", OrderStatus.CANCELLED)
    assert isinstance(placed, Report), placed
    assert (placed.order_id, placed.status, placed.filled) == ("tb-higher", OrderStatus.ACCEPTED, 0)
    assert world.broker.open_order_filled() == {"tb-higher": 0}
    world.advance(at(3))
    report = world.broker.order_report(known("tb-higher"))
    assert report is not None
    assert [fill.price for fill in report.fills] == [90]


def test_stop_that_has_filled_is_not_replaced_and_nothing_is_sold_twice(world: World) -> None:
    world.bought()
    world.broker.place_order(stop("0.5", "90"))
    world.advance(at(3))
    gone, placed = world.broker.replace_order(known("tb-stop"), higher("0.4", "95"))
    assert isinstance(gone, Rejection), gone
    assert isinstance(placed, Rejection), placed
    assert placed.code == NOT_ATTEMPTED
    assert world.broker.open_order_filled() == {}
    assert world.broker.order_report(known("tb-higher")) is None


def test_replacement_that_would_trigger_at_once_is_refused_when_the_old_one_is_gone(
    world: World,
) -> None:
    world.bought()
    world.broker.place_order(stop("0.5", "90"))
    gone, placed = world.broker.replace_order(known("tb-stop"), higher("0.5", "101"))
    assert isinstance(gone, Report), gone
    assert gone.status is OrderStatus.CANCELLED
    assert isinstance(placed, Rejection), placed
    assert "trigger immediately" in placed.message
    assert placed.code != NOT_ATTEMPTED
    assert world.broker.open_order_filled() == {}


def test_replacement_that_breaks_a_filter_is_refused_whole_and_the_old_one_rests(
    world: World,
) -> None:
    world.bought()
    world.broker.place_order(stop("0.5", "80"))
    gone, placed = world.broker.replace_order(known("tb-stop"), higher("0.01", "90"))
    assert isinstance(gone, Unknown), gone
    assert isinstance(placed, Rejection), placed
    assert "NOTIONAL" in placed.message
    assert world.broker.open_order_filled() == {"tb-stop": 0}


# --- limit entries ------------------------------------------------------------------------------


def entry(quantity: str, price: str) -> Approved:
    return approved(
        f"buy {quantity} BTC @ {price}",
        order_id="tb-entry",
        kind=OrderKind.LIMIT,
        price=d(price),
    )


def test_limit_entry_rests_and_fills_at_its_price_as_a_maker(world: World) -> None:
    placed = world.broker.place_order(entry("1", "90"))
    assert isinstance(placed, Report), placed
    assert (placed.status, placed.filled) == (OrderStatus.ACCEPTED, 0)
    world.advance(at(3))
    report = world.broker.order_report(known("tb-entry", "1"))
    assert report is not None
    (fill,) = report.fills
    assert (fill.price, fill.is_maker, fill.fee, fill.fee_asset) == (90, True, d("0.001"), "BTC")


def test_limit_entry_that_crosses_fills_at_once_as_a_taker_and_no_worse_than_its_price(
    world: World,
) -> None:
    report = world.broker.place_order(entry("1", "103"))
    assert isinstance(report, Report), report
    assert [(fill.price, fill.is_maker) for fill in report.fills] == [(100, False)]


def test_limit_entry_that_is_cancelled_gives_its_cash_back(world: World) -> None:
    world.broker.place_order(entry("9", "90"))
    gone = world.broker.cancel_order(known("tb-entry", "9"))
    assert isinstance(gone, Report), gone
    assert (gone.status, gone.filled) == (OrderStatus.CANCELLED, 0)
    again = world.broker.place_order(approved("buy 9 BTC @ 100", order_id="tb-again"))
    assert isinstance(again, Report), again


# --- the gate's token ---------------------------------------------------------------------------


@pytest.mark.parametrize("has_token", [False, True])
def test_broker_posts_nothing_without_the_gate_s_token(has_token: bool) -> None:
    """Symptom: an order could reach the exchange by another way than the risk gate."""
    made, tokens, clock = book(CANDLES), GateTokens(), FakeClock()
    wanted = approved("buy 1 BTC @ 100", order_id="tb-buy")
    with ExitStack() as stack:
        server = SandboxServer(made, api_key=KEY, secret=SECRET)
        stack.callback(server.stop)
        client = _client(server)
        stack.callback(client.close)
        brokers = [
            SimulatedBroker(book(CANDLES), tokens=tokens, clock=clock),
            CcxtBroker(client, prefix="tb-", tokens=tokens, clock=clock),
        ]
        for broker in brokers:
            if has_token:
                tokens.issue(wanted, now_ms=clock.now_ms())
            outcome = broker.place_order(wanted)
            assert isinstance(outcome, Report if has_token else Unsent), outcome
            assert isinstance(broker.place_order(wanted), Unsent), "one token, one post"
        assert len(made.orders) == int(has_token)


def test_replacement_without_the_gate_s_token_leaves_the_old_stop(world: World) -> None:
    world.bought()
    world.broker.place_order(stop("0.5", "80"))
    world.broker._tokens = GateTokens()  # type: ignore[attr-defined]  # both keep them by this name
    gone, placed = world.broker.replace_order(known("tb-stop"), higher("0.5", "90"))
    assert isinstance(gone, Unknown), gone
    assert isinstance(placed, Unsent), placed
    assert world.broker.open_order_filled() == {"tb-stop": 0}
