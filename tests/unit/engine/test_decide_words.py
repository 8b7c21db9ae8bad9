"""What a decision carries, to the word, and what is not even decided."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

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
)
from tradebot.engine.actions import Action, Cancel, Place, Refuse
from tradebot.engine.decide import decide
from tradebot.engine.orders import Orders
from tradebot.engine.protect import LATE_EXIT
from tradebot.engine.settings import Rules, Sizing
from tradebot.engine.state import State
from tradebot.engine.track import FOR_EVER, Trip
from tradebot.model.account import Position, TradingState
from tradebot.model.order import Intent, Leg, OrderKind, OrderStatus

LONG, FLAT, HOLD = 1_000_000, 0, None
NOW = START + HOUR
DAILY, DRAWDOWN = "daily_loss_fraction_max", "drawdown_fraction_max"


def _decided(
    state: State, by: Rules | None = None, *, exposure: int | None = LONG
) -> tuple[Action, ...]:
    return decide(state, BTC, candle("100"), exposure, by or rules())


def _intent(actions: Iterable[Action]) -> Intent:
    (action,) = actions
    assert isinstance(action, Place)
    return action.order.intent


def _held(stop: str = "0", **more: Any) -> State:
    return state_with(
        positions={BTC: position("2 @ 100", stop=stop)},
        balances={"USDT": "800", "BTC": "2"},
        closes={BTC: "100"},
        **more,
    )


def test_entry_without_a_reason_says_signal_and_carries_how_it_was_sized() -> None:
    intent = _intent(_decided(state_with(), rules(fraction_ppm=500_000)))
    assert intent.reason == "signal"
    assert (intent.size["method"], intent.size["quantity"]) == ("fraction", "5")


def test_entry_at_the_market_has_no_price_and_the_shortest_limit_entry_has_one() -> None:
    assert _intent(_decided(state_with())).price is None
    limit = _intent(_decided(state_with(), rules(entry_ms_max=1)))
    assert (limit.kind, limit.price) == (OrderKind.LIMIT, d(100))


def test_entry_by_volatility_is_sized_by_its_own_candle() -> None:
    by = rules(sizing=Sizing.VOLATILITY, range_multiple_ppm=1_000_000)
    seen = candle("100")._replace(mean_range=5)
    intent = _intent(decide(state_with(), BTC, seen, LONG, by))
    assert (intent.quantity, intent.size["mean_range"]) == (d(2), "5")


def test_limit_entry_may_be_tried_once_where_it_may_not_be_priced_anew() -> None:
    by = rules(entry_ms_max=1)
    assert _intent(_decided(state_with(), by)).leg is Leg.ENTRY
    assert _decided(state_with(rounds={BTC: 1}), by) == ()


# --- what tripped -------------------------------------------------------------------------------


def _tripped(control: str, until: int, trading: TradingState) -> State:
    """Return a state whose signal was refused by a limit that tripped."""
    state = state_with(trading=trading, refused={BTC: control})
    trips = {control: Trip(until, d(1), d(2), "too much")}
    return state._replace(track=replace(state.track, trips=trips))


def test_signal_that_a_person_must_allow_first_is_not_even_sized() -> None:
    # The halt would refuse it by another name, which was not told of yet.
    state = _tripped(DRAWDOWN, FOR_EVER, TradingState.HALTED)
    assert _decided(state) == ()
    (told,) = _decided(state._replace(feed=state.feed._replace(refused={})))
    assert isinstance(told, Refuse)


def test_signal_that_a_trip_held_back_enters_once_the_trip_is_over() -> None:
    assert _decided(_tripped(DAILY, NOW + 1, TradingState.ACTIVE)) == ()
    assert _intent(_decided(_tripped(DAILY, NOW, TradingState.ACTIVE))).leg is Leg.ENTRY


@pytest.mark.parametrize(("until", "is_cancelled"), [(NOW + 1, True), (NOW, False)])
def test_resting_entry_is_cancelled_while_a_trip_lasts(until: int, is_cancelled: bool) -> None:
    entry = replace(order("buy 5 BTC @ 98"), kind=OrderKind.LIMIT, price=d(98))
    state = _tripped(DAILY, until, TradingState.ACTIVE)
    state = state._replace(orders=Orders(unsettled={entry.id: entry}))
    cancelled = (Cancel(entry, "too much"),) if is_cancelled else ()
    assert _decided(state, rules(entry_ms_max=HOUR)) == cancelled


# --- leaving ------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", [None, position("0.0005 @ 90", sellable="0")])
def test_stop_that_guards_nothing_is_cancelled(held: Position | None) -> None:
    resting = stop_order("sell 2 BTC @ 95")
    state = state_with(positions={} if held is None else {BTC: held}, orders=[resting])
    assert _decided(state, exposure=HOLD) == (Cancel(resting, "nothing is left to guard"),)


def test_exit_of_an_earlier_candle_is_made_good_while_the_strategy_says_hold() -> None:
    unwanted = _held(unwanted=frozenset({BTC}))
    assert _intent(_decided(unwanted, exposure=HOLD)).reason == LATE_EXIT
    assert _decided(unwanted, exposure=LONG) == (), "it is wanted again"
    assert _decided(_held(), exposure=HOLD) == ()
    by = rules(held_ms_max=HOUR)
    assert _intent(_decided(unwanted, by, exposure=HOLD)).reason == "time", "it came first"


def test_sale_belongs_to_its_candle() -> None:
    assert _intent(_decided(_held(), exposure=FLAT)).closed_at == NOW


def test_position_whose_sale_failed_is_guarded_again_at_once() -> None:
    tried = order("sell 2 BTC @ 100", order_id="tb-exit", status=OrderStatus.REJECTED)
    stop = _intent(_decided(_held("90", orders=[tried]), exposure=FLAT))
    assert (stop.leg, stop.kind, stop.stop_price) == (Leg.STOP, OrderKind.STOP, d(90))
    assert (stop.quantity, stop.closed_at) == (d(2), NOW)


# --- orders that were intended ------------------------------------------------------------------


def test_where_nothing_was_intended_there_were_no_attempts() -> None:
    orders = Orders()
    assert [orders.attempts(BTC, Leg.EXIT, time) for time in (0, 1, NOW)] == [0, 0, 0]
    assert [orders.latest(BTC, Leg.EXIT, time) for time in (0, 1, NOW)] == [0, 1, NOW]
