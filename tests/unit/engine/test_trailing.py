"""A stop that rests too low, or for another quantity than is held, is replaced."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.support.builders import (
    BTC,
    HOUR,
    START,
    candle,
    d,
    order,
    position,
    rules,
    state_with,
    stop_order,
    target_order,
)
from tradebot.engine.actions import Action, Cancel, Place, PlaceOco, Replace
from tradebot.engine.decide import decide
from tradebot.engine.protect import protect
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.model.account import TradingState
from tradebot.model.order import Intent, Leg, Order, OrderKind, OrderStatus

LONG = 1_000_000
NOW = START + HOUR
TRAILING = rules(stop_ppm=50_000, trailing_ppm=50_000)
# Five percent under 120 is 114, the close is above it.
RISEN = "100/120/99/118"
RESTING = stop_order("sell 2 BTC @ 95", closed_at=NOW - HOUR)


def _held(*orders: Order, stop: str = "95", **more: object) -> State:
    """Return a state that holds 2 at 100, bought at the open of this candle."""
    return state_with(
        positions={BTC: position("2 @ 100", opened_at=START, stop=stop)},
        balances={"USDT": "800", "BTC": "2"},
        orders=orders,
        closes={BTC: "100"},
        **more,  # type: ignore[arg-type]  # state_with's own keywords
    )


def _decided(state: State, by: Rules = TRAILING, *, text: str = RISEN) -> tuple[Action, ...]:
    return decide(state, BTC, candle(text), LONG, by)


def _replacing(actions: Iterable[Action]) -> Intent:
    """Return the intent of the order that takes another's place."""
    (action,) = actions
    assert isinstance(action, Replace)
    assert action.order.order_id != action.resting.id
    return action.order.intent


def test_lone_stop_that_rises_is_replaced_in_one_request() -> None:
    (action,) = _decided(_held(RESTING))
    assert isinstance(action, Replace)
    assert (action.resting, action.reason) == (RESTING, "trailing stop rises")
    intent = action.order.intent
    assert (intent.leg, intent.kind, intent.stop_price) == (Leg.STOP, OrderKind.STOP, d(114))
    assert (intent.quantity, intent.reduce_only, intent.closed_at) == (d(2), True, NOW)


def test_stop_of_an_oco_that_rises_is_cancelled_and_both_are_placed_anew() -> None:
    by = rules(trailing_ppm=50_000, target_ppm=500_000)
    target = target_order("sell 2 BTC @ 150", closed_at=NOW - HOUR)
    assert _decided(_held(RESTING, target), by) == (Cancel(RESTING, "trailing stop rises"),)
    (action,) = _decided(_held(), by)
    assert isinstance(action, PlaceOco)
    assert action.stop.intent.stop_price == d(114)


@pytest.mark.parametrize("high", ["100", "99"])
def test_stop_that_does_not_rise_is_left_where_it_is(high: str) -> None:
    assert _decided(_held(RESTING), text=f"{high}/{high}/96/{high}") == ()


def test_stop_that_is_lower_than_was_once_intended_is_replaced_at_the_next_candle() -> None:
    """A replacement that failed has moved the intended stop to 114, but 95 is what rests."""
    failed = replace(
        stop_order("sell 2 BTC @ 114", order_id="tb-failed", closed_at=NOW - HOUR),
        status=OrderStatus.REJECTED,
    )
    calm = "118/118/117/118"
    earlier = replace(RESTING, closed_at=NOW - 2 * HOUR)
    assert _replacing(_decided(_held(earlier, failed, stop="114"), text=calm)).stop_price == d(114)


def test_stop_is_replaced_once_a_candle() -> None:
    """A restart decides the newest candle again: what was refused in it is not tried again."""
    failed = stop_order("sell 2 BTC @ 114", order_id="tb-failed", status=OrderStatus.REJECTED)
    assert _decided(_held(RESTING, failed, stop="114")) == ()


def test_stop_placed_after_a_candle_is_not_replaced_when_that_candle_is_decided_again() -> None:
    assert _decided(_held(replace(RESTING, closed_at=NOW + 5))) == ()


@pytest.mark.parametrize("status", [OrderStatus.UNKNOWN, OrderStatus.SENT])
def test_nothing_is_replaced_while_an_order_is_in_doubt(status: OrderStatus) -> None:
    doubtful = stop_order("sell 2 BTC @ 101", order_id="tb-new", status=status)
    assert _decided(_held(RESTING, replace(doubtful, closed_at=NOW - HOUR))) == ()


def test_of_two_stops_one_is_gone_already_and_neither_is_touched() -> None:
    """The old one's end was not told yet; cancelling the new one would leave the position bare."""
    new = stop_order("sell 2 BTC @ 101", order_id="tb-new", closed_at=NOW - HOUR)
    assert _decided(_held(RESTING, new, stop="101")) == ()


def test_stop_of_a_halted_bot_rises_no_more() -> None:
    """Symptom: an OCO was cancelled in a halted bot, which could not place the next one."""
    target = target_order("sell 2 BTC @ 150", closed_at=NOW - HOUR)
    for orders in ([RESTING], [RESTING, target]):
        assert _decided(_held(*orders, trading=TradingState.HALTED)) == ()


@pytest.mark.parametrize("rests", ["1.5", "2.5"])
def test_stop_of_another_quantity_than_is_held_is_replaced(rests: str) -> None:
    resting = stop_order(f"sell {rests} BTC @ 95")
    (action,) = _decided(_held(resting), text="100")
    assert isinstance(action, Replace)
    assert action.reason == "another quantity is held"
    intent = action.order.intent
    assert (intent.quantity, intent.stop_price, intent.sequence) == (d(2), d(95), 1)


def test_stop_of_another_quantity_keeps_its_price_though_the_rules_want_it_lower() -> None:
    resting, by = stop_order("sell 1.5 BTC @ 97"), rules(stop_ppm=50_000)
    assert _replacing(_decided(_held(resting, stop="0"), by, text="100")).stop_price == d(97)


def test_stop_that_has_begun_to_fill_is_of_what_is_left() -> None:
    resting = stop_order("sell 3 BTC @ 95", filled=d(1), status=OrderStatus.PARTIAL)
    assert _decided(_held(resting), text="100") == ()


def test_oco_of_another_quantity_than_is_held_is_cancelled() -> None:
    by = rules(stop_ppm=50_000, target_ppm=100_000)
    stop, target = stop_order("sell 1 BTC @ 95"), target_order("sell 1 BTC @ 110")
    actions = protect(_held(stop, target), BTC, by, time=NOW + 5)
    assert actions == (Cancel(stop, "another quantity is held"),)


@pytest.mark.parametrize(("by", "is_left"), [(TRAILING, False), (rules(target_ppm=100_000), True)])
def test_target_alone_is_cancelled_where_a_stop_belongs(by: Rules, is_left: bool) -> None:
    target = target_order("sell 2 BTC @ 110")
    found = _decided(_held(target, stop="0"), by, text="100")
    assert found == (() if is_left else (Cancel(target, "its stop is gone"),))


def test_target_of_another_quantity_than_is_held_is_placed_anew() -> None:
    target, by = target_order("sell 1 BTC @ 110"), rules(target_ppm=100_000)
    found = _decided(_held(target, stop="0"), by, text="100")
    assert found == (Cancel(target, "another quantity is held"),)


def test_stop_whose_replacement_was_never_tried_is_placed_anew_and_nothing_is_sold() -> None:
    """Its fill left a part: the refusal said only that the old one had ended."""
    unseen = stop_order(
        "sell 2 BTC @ 114", order_id="tb-new", status=OrderStatus.REJECTED, is_attempted=False
    )
    (action,) = _decided(_held(unseen, stop="114"))
    assert isinstance(action, Place)
    assert (action.order.intent.leg, action.order.intent.stop_price) == (Leg.STOP, d(114))


def test_stop_that_was_refused_after_the_old_one_was_gone_is_a_sale() -> None:
    gone = replace(RESTING, status=OrderStatus.CANCELLED)
    refused = stop_order("sell 2 BTC @ 114", order_id="tb-new", status=OrderStatus.REJECTED)
    (action,) = _decided(_held(gone, refused, stop="114"))
    assert isinstance(action, Place)
    assert action.order.intent.leg is Leg.EXIT


def test_stop_that_has_risen_above_the_market_is_a_sale() -> None:
    (action,) = _decided(_held(), rules(trailing_ppm=50_000), text="100/120/99/114")
    assert isinstance(action, Place)
    intent = action.order.intent
    assert (intent.leg, intent.reason) == (Leg.EXIT, "trailing stop")


def test_market_entry_that_waits_keeps_its_market_for_itself() -> None:
    assert _decided(_held(RESTING, order("buy 1 BTC @ 90"))) == ()
