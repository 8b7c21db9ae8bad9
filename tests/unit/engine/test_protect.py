"""What guards a position, asked of the functions themselves: what is bare, and what is sold."""

from dataclasses import replace
from typing import Any

import pytest

from tests.support.builders import (
    BTC,
    ETH,
    HOUR,
    START,
    d,
    market,
    order,
    position,
    rules,
    state_with,
    stop_order,
    target_order,
)
from tradebot.engine.actions import Action, Cancel, Place, PlaceOco, Refuse
from tradebot.engine.guarded import has_stop_at_rest
from tradebot.engine.orders import Orders
from tradebot.engine.protect import (
    ended_by_hand,
    flatten,
    is_bare,
    lacks_target,
    protect,
    sell_out,
    strategy_of,
)
from tradebot.engine.state import State
from tradebot.model.account import TradingState
from tradebot.model.order import Intent, Leg, Order, OrderKind, OrderStatus

NOW = START + HOUR
TWO = (market(), market("ETH/USDT"))
STOPPED, TARGETED = rules(stop_ppm=50_000), rules(target_ppm=100_000)
STOP = stop_order("sell 2 BTC @ 95")


def held(*orders: Order, stop: str = "0", close: str | None = "100", **more: Any) -> State:
    """Return a state that holds 2 BTC bought at 90."""
    return state_with(
        *TWO,
        positions={BTC: position("2 @ 90", stop=stop)},
        balances={"USDT": "800", "BTC": "2"},
        orders=orders,
        closes={} if close is None else {BTC: close},
        **more,
    )


def intent_of(actions: tuple[Action, ...]) -> Intent:
    """Return the intent of the one order that is placed."""
    (action,) = actions
    assert isinstance(action, Place)
    return action.order.intent


# --- what is bare -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "by", [STOPPED, rules(trailing_ppm=50_000)], ids=["by a fixed stop", "by a trailing one"]
)
def test_position_that_the_rules_give_a_stop_is_bare_without_it(by: Any) -> None:
    assert is_bare(held(), BTC, by)
    assert not is_bare(held(STOP), BTC, by)
    assert not is_bare(held(), ETH, by)


def test_position_that_had_a_stop_is_bare_without_it_whatever_the_rules_say_now() -> None:
    assert is_bare(held(stop="85"), BTC, rules())
    assert not is_bare(held(), BTC, rules())


@pytest.mark.parametrize(
    "other",
    [
        stop_order("sell 1.999 BTC @ 95"),
        stop_order("sell 2 ETH @ 95"),
        stop_order("sell 2 BTC @ 95", status=OrderStatus.UNKNOWN),
        target_order("sell 2 BTC @ 110"),
    ],
    ids=["of less", "of another market", "in doubt", "a target"],
)
def test_only_stops_at_rest_for_all_of_it_cover_a_position(other: Order) -> None:
    assert is_bare(held(other), BTC, STOPPED)
    rest = replace(STOP, id="tb-rest", quantity=d("0.001"))
    assert is_bare(held(other, rest), BTC, STOPPED) is (other.quantity == 2)


def test_of_nothing_all_is_guarded() -> None:
    assert has_stop_at_rest(state_with(), BTC)
    assert not has_stop_at_rest(held(), BTC)


def test_what_cannot_be_sold_is_not_bare() -> None:
    for rest in (position("0.0005 @ 90", sellable="0"), position("0.01 @ 90")):
        state = state_with(positions={BTC: rest}, closes={BTC: "100"})
        assert not is_bare(state, BTC, STOPPED)


def test_target_is_lacking_only_where_it_is_all_that_was_asked_for() -> None:
    assert lacks_target(held(), BTC, TARGETED)
    assert not lacks_target(held(), BTC, rules())
    assert not lacks_target(held(), BTC, replace(TARGETED, stop_ppm=1))
    assert not lacks_target(held(), BTC, replace(TARGETED, trailing_ppm=1))
    assert not lacks_target(held(target_order("sell 2 BTC @ 110")), BTC, TARGETED)
    assert lacks_target(held(target_order("sell 2 ETH @ 110")), BTC, TARGETED)
    assert not lacks_target(held(), ETH, TARGETED)


# --- selling out --------------------------------------------------------------------------------


def test_what_rests_is_cancelled_before_all_is_sold_and_both_say_why() -> None:
    found = sell_out(held(STOP), BTC, STOPPED, time=NOW, reason="no stop")
    assert found == (Cancel(STOP, "no stop"),)
    intent = intent_of(sell_out(held(), BTC, STOPPED, time=NOW + 5, reason="no stop"))
    assert (intent.leg, intent.kind, intent.quantity) == (Leg.EXIT, OrderKind.MARKET, d(2))
    assert (intent.reason, intent.closed_at, intent.strategy) == ("no stop", NOW + 5, "test")
    assert intent.reference_price == d(100)


def test_nothing_is_sold_of_nothing_nor_beside_what_moves_nor_twice() -> None:
    moving = order("sell 2 BTC @ 100", order_id="tb-exit")
    tried = replace(moving, status=OrderStatus.REJECTED)
    doubtful = order("buy 1 BTC @ 100", status=OrderStatus.UNKNOWN)
    rest = state_with(positions={BTC: position("0.01 @ 90")}, closes={BTC: "100"})
    for state in (held(moving), held(tried), held(doubtful), rest):
        assert sell_out(state, BTC, STOPPED, time=NOW, reason="x") == ()
    assert sell_out(held(), ETH, STOPPED, time=NOW, reason="x") == ()
    assert sell_out(held(tried), BTC, STOPPED, time=NOW - 1, reason="x") == (), "a later try"
    assert sell_out(held(tried), BTC, STOPPED, time=NOW + 1, reason="x") != ()


def test_what_rests_beside_a_sale_that_failed_is_cancelled_for_the_next() -> None:
    tried = order("sell 2 BTC @ 100", order_id="tb-exit", status=OrderStatus.REJECTED)
    found = sell_out(held(STOP, tried), BTC, STOPPED, time=NOW, reason="no stop")
    assert found == (Cancel(STOP, "no stop"),)


def test_without_a_close_the_price_it_was_bought_at_is_the_reference() -> None:
    unseen = held(close=None)
    for actions in (
        sell_out(unseen, BTC, STOPPED, time=NOW, reason="x"),
        flatten(unseen, BTC, STOPPED, time=NOW),
    ):
        assert intent_of(actions).reference_price == d(90)
    assert intent_of(flatten(held(), BTC, STOPPED, time=NOW)).reference_price == d(100)


@pytest.mark.parametrize(("down_to", "sold"), [("0", "2"), ("0.5", "1.5"), ("1.999", "0.001")])
def test_emergency_leaves_what_it_was_told_to(down_to: str, sold: str) -> None:
    for actions in (
        flatten(held(), BTC, rules(), time=NOW, down_to=d(down_to)),
        ended_by_hand(held(), BTC, rules(), time=NOW, reason="enough", down_to=d(down_to)),
    ):
        assert intent_of(actions).quantity == d(sold)


def test_emergency_sells_no_more_at_once_than_the_exchange_takes() -> None:
    state = held()
    state = state._replace(markets={BTC: replace(state.markets[BTC], quantity_max=d(1))})
    for down_to in ("0", "0.5"):
        intent = intent_of(flatten(state, BTC, rules(), time=NOW, down_to=d(down_to)))
        assert intent.quantity == d(1)


# --- guarding -----------------------------------------------------------------------------------


def test_stop_and_target_are_of_the_same_later_time_after_a_restart() -> None:
    state = held()
    attempted = {(BTC, Leg.TARGET): (NOW + HOUR, 1), (ETH, Leg.STOP): (NOW + 9 * HOUR, 1)}
    state = state._replace(orders=Orders(attempted=attempted))
    (action,) = protect(state, BTC, replace(STOPPED, target_ppm=300_000), time=NOW)
    assert isinstance(action, PlaceOco)
    times = (action.stop.intent.closed_at, action.target.intent.closed_at)
    assert times == (NOW + HOUR, NOW + HOUR)
    assert (action.stop.intent.sequence, action.target.intent.sequence) == (0, 1)


def test_guard_that_the_gate_refuses_is_told() -> None:
    state = held()
    state = state._replace(markets={BTC: replace(state.markets[BTC], quantity_min=d(3))})
    sold = sell_out(state, BTC, STOPPED, time=NOW, reason="x")
    guarded = protect(state, BTC, STOPPED, time=NOW)
    grown = held(stop_order("sell 1 BTC @ 85"), stop="85")
    grown = grown._replace(markets=state.markets)
    renewed = protect(grown, BTC, STOPPED, time=NOW)
    both = protect(state, BTC, replace(STOPPED, target_ppm=300_000), time=NOW)
    for actions in (sold, guarded, renewed, both):
        (action,) = actions
        assert isinstance(action, Refuse)
        assert action.refused.control == "quantity_min"


def test_halt_keeps_a_sale_back_and_no_stop() -> None:
    halted = held(trading=TradingState.HALTED)
    (action,) = sell_out(halted, BTC, STOPPED, time=NOW, reason="x")
    assert isinstance(action, Refuse)
    assert intent_of(protect(halted, BTC, STOPPED, time=NOW)).leg is Leg.STOP


def test_what_cannot_be_is_a_bug() -> None:
    with pytest.raises(AssertionError, match=r"^a session has started$"):
        strategy_of(State())
    priceless = replace(STOP, stop_price=None)
    with pytest.raises(AssertionError, match=r"^a stop has its price$"):
        protect(held(priceless), BTC, STOPPED, time=NOW)
