"""Limit entries: where they rest, how long, how often, and what ends them."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.support.builders import (
    BTC,
    HOUR,
    START,
    candle,
    d,
    intent,
    market,
    order,
    position,
    rules,
    state_with,
    stop_order,
)
from tradebot.engine.actions import Action, Cancel, Place, Refuse, Replace
from tradebot.engine.controls.amounts import check_price
from tradebot.engine.decide import decide
from tradebot.engine.entries import resting_entry
from tradebot.engine.protect import protect, sell_out
from tradebot.engine.rules.entries import limit_price
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.model.account import Position, TradingState
from tradebot.model.order import Intent, Leg, Order, OrderKind, OrderStatus, Side

LONG, FLAT, HOLD = 1_000_000, 0, None
NOW = START + HOUR
LIMIT = rules(entry_ms_max=HOUR, entry_offset_ppm=20_000, reprice_max=1, fraction_ppm=500_000)
GUARDED = replace(LIMIT, stop_ppm=50_000)


def _resting(text: str = "buy 5 BTC @ 98", **changes: object) -> Order:
    """Return a limit entry that rests since the candle before this one."""
    made = order(text, closed_at=NOW - HOUR, **changes)  # type: ignore[arg-type]  # order's own
    return replace(made, kind=OrderKind.LIMIT, price=made.reference_price)


def _decided(
    state: State, by: Rules = LIMIT, *, exposure: int | None = LONG, text: str = "100"
) -> tuple[Action, ...]:
    return decide(state, BTC, candle(text), exposure, by)


def _intent(actions: Iterable[Action]) -> Intent:
    (action,) = actions
    assert isinstance(action, Place)
    return action.order.intent


def _held(*orders: Order, held: Position | None = None) -> State:
    """Return a state that holds 2 at 98, bought by an entry that rests on."""
    own = position("2 @ 98", opened_at=START) if held is None else held
    return state_with(
        positions={BTC: own},
        balances={"USDT": "804", "BTC": "2"},
        orders=orders,
        closes={BTC: "100"},
    )


# --- placing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("close", "offset_ppm", "tick", "price"),
    [
        (100, 0, 1, 100),
        (100, 20_000, 1, 98),
        (101, 20_000, 1, 98),  # 98.98
        (103, 0, 5, 100),
        (100, 1, 1, 99),  # never nearer than asked
        (3, 999_999, 1, 1),  # never at nothing
    ],
)
def test_price_is_under_the_close_and_rounded_down_to_the_tick(
    close: int, offset_ppm: int, tick: int, price: int
) -> None:
    assert limit_price(close, offset_ppm, tick) == price


def test_entry_rests_under_the_close_and_is_sized_at_its_own_price() -> None:
    intent = _intent(_decided(state_with()))
    assert (intent.side, intent.kind, intent.leg) == (Side.BUY, OrderKind.LIMIT, Leg.ENTRY)
    assert (intent.price, intent.reference_price) == (d(98), d(98))
    # Half of 1000 at 98: 5.102 and a rest.
    assert intent.quantity == d("5.102")


def test_stop_is_measured_from_the_price_it_rests_at() -> None:
    by = replace(GUARDED, entry_offset_ppm=980_000)
    (refusal,) = _decided(state_with(), by)
    assert isinstance(refusal, Refuse)
    assert refusal.refused.control == "stop_distance_min", "a twentieth of 2 is no whole tick"


@pytest.mark.parametrize(("maker_ppm", "is_taken"), [(1000, True), (2000, False)])
def test_gate_counts_the_higher_fee_of_the_two_that_a_limit_entry_may_pay(
    maker_ppm: int, is_taken: bool
) -> None:
    listed = market(maker_ppm=maker_ppm, quantity_min="0.999")
    by = replace(LIMIT, fraction_ppm=100_000, entry_offset_ppm=0)
    (action,) = _decided(state_with(listed), by)
    assert isinstance(action, Place) is is_taken


def test_resting_entry_counts_in_the_limits_at_its_own_price() -> None:
    listed = (market(), market("ETH/USDT"))
    out = replace(_resting("buy 5 ETH @ 100"), price=d(98))
    by = replace(LIMIT, fraction_ppm=1_000_000, entry_offset_ppm=0)
    # 490 of 1000 are spoken for: 510 are left.
    assert _intent(_decided(state_with(*listed, orders=[out]), by)).quantity == d("5.1")


# --- resting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("exposure", [LONG, HOLD, 1])
def test_entry_whose_time_is_not_up_is_left_alone(exposure: int | None) -> None:
    by = replace(LIMIT, entry_ms_max=2 * HOUR)
    assert _decided(state_with(orders=[_resting()]), by, exposure=exposure) == ()


@pytest.mark.parametrize("exposure", [LONG, HOLD])
def test_entry_whose_time_is_up_is_cancelled(exposure: int | None) -> None:
    entry = _resting()
    found = _decided(state_with(orders=[entry]), exposure=exposure)
    assert found == (Cancel(entry, "its time is up"),)


@pytest.mark.parametrize("exposure", [FLAT, -1])
def test_entry_whose_signal_has_gone_is_cancelled_before_its_time(exposure: int) -> None:
    entry, by = _resting(), replace(LIMIT, entry_ms_max=9 * HOUR)
    found = _decided(state_with(orders=[entry]), by, exposure=exposure)
    assert found == (Cancel(entry, "the signal has gone"),)


def test_entry_whose_signal_has_had_its_trade_is_cancelled() -> None:
    entry, by = _resting(), replace(LIMIT, entry_ms_max=9 * HOUR)
    found = _decided(state_with(orders=[entry], spent=frozenset({BTC})), by)
    assert found == (Cancel(entry, "the signal has had its trade"),)


@pytest.mark.parametrize("trading", [TradingState.HALTED, TradingState.REDUCING])
def test_entry_is_cancelled_where_only_exits_are_allowed(trading: TradingState) -> None:
    entry, by = _resting(), replace(LIMIT, entry_ms_max=9 * HOUR)
    found = _decided(state_with(orders=[entry], trading=trading), by)
    assert found == (Cancel(entry, f"trading is {trading}"),)


def test_entry_in_a_market_that_was_locked_is_cancelled() -> None:
    entry, by = _resting(), replace(LIMIT, entry_ms_max=9 * HOUR)
    state = state_with(orders=[entry])._replace(locks={(BTC, "reconcile"): "coins are missing"})
    reason = "the market takes only exits: coins are missing"
    assert _decided(state, by) == (Cancel(entry, reason),)


@pytest.mark.parametrize("status", [OrderStatus.SENT, OrderStatus.UNKNOWN])
def test_entry_in_doubt_is_neither_cancelled_nor_followed_by_another(status: OrderStatus) -> None:
    assert _decided(state_with(orders=[_resting(status=status)])) == ()


def test_only_an_entry_counts_as_one() -> None:
    exit_at_a_limit = replace(_resting("sell 5 BTC @ 98"), leg=Leg.EXIT)
    assert resting_entry([exit_at_a_limit, _resting()]) == _resting()


def test_entry_at_the_market_takes_its_place_when_the_rules_change() -> None:
    entry = _resting()
    assert _decided(state_with(orders=[entry]), rules()) == (Cancel(entry, "its time is up"),)


# --- again --------------------------------------------------------------------------------------


def test_entry_is_placed_anew_at_the_new_close_once_the_old_one_is_gone() -> None:
    gone = _resting(status=OrderStatus.CANCELLED)
    intent = _intent(_decided(state_with(orders=[gone], rounds={BTC: 1}), text="110"))
    assert (intent.price, intent.closed_at) == (d(107), NOW), "107.8, down to the tick"


def test_signal_is_spent_when_its_rounds_are() -> None:
    gone = _resting(status=OrderStatus.CANCELLED)
    assert _decided(state_with(orders=[gone], rounds={BTC: 2})) == ()
    assert _decided(state_with(orders=[gone], rounds={BTC: 2}), rules()) != (), "market entries"


def test_one_candle_has_one_limit_entry() -> None:
    tried = replace(_resting(status=OrderStatus.CANCELLED), closed_at=NOW)
    assert _decided(state_with(orders=[tried], rounds={BTC: 1})) == ()


# --- begun to fill ------------------------------------------------------------------------------


def test_entry_that_has_begun_to_fill_is_guarded_and_then_cancelled() -> None:
    entry = _resting(filled=d(2), status=OrderStatus.PARTIAL)
    for actions in (
        _decided(_held(entry), GUARDED),
        protect(_held(entry), BTC, GUARDED, time=NOW + 5),
    ):
        place, cancel = actions
        assert isinstance(place, Place)
        intent = place.order.intent
        # Five percent under 98 is 93.1, and never further away than asked.
        assert (intent.leg, intent.quantity, intent.stop_price) == (Leg.STOP, d(2), d(94))
        assert cancel == Cancel(entry, "it has begun to fill")


def test_entry_that_has_begun_to_fill_is_cancelled_where_nothing_guards() -> None:
    entry = _resting(filled=d(2), status=OrderStatus.PARTIAL)
    assert _decided(_held(entry)) == (Cancel(entry, "it has begun to fill"),)


def test_first_piece_too_small_to_be_sold_lets_the_entry_rest() -> None:
    entry, by = _resting(filled=d("0.01")), replace(GUARDED, entry_ms_max=9 * HOUR)
    assert _decided(_held(entry, held=position("0.01 @ 98")), by) == ()


def test_stop_grows_with_what_the_entry_bought_before_its_cancel() -> None:
    entry = _resting(filled=d(2), status=OrderStatus.CANCELLED)
    stop = stop_order("sell 1.5 BTC @ 94")
    held = position("2 @ 98", opened_at=START, stop="94")
    (action,) = protect(_held(entry, stop, held=held), BTC, GUARDED, time=NOW + 5)
    assert isinstance(action, Replace)
    assert action.order.intent.quantity == d(2)


def test_signal_gone_sells_what_was_bought_and_cancels_the_rest() -> None:
    entry = _resting(filled=d(2), status=OrderStatus.PARTIAL)
    place, cancel = _decided(_held(entry), exposure=FLAT)
    assert isinstance(place, Place)
    assert (place.order.intent.leg, place.order.intent.quantity) == (Leg.EXIT, d(2))
    assert cancel == Cancel(entry, "it has begun to fill")


def test_sale_for_want_of_a_stop_cancels_the_rest_of_the_entry_too() -> None:
    entry = _resting(filled=d(2), status=OrderStatus.PARTIAL)
    place, cancel = sell_out(_held(entry), BTC, GUARDED, time=NOW + 5, reason="no stop")
    assert isinstance(place, Place)
    assert place.order.intent.leg is Leg.EXIT
    assert cancel == Cancel(entry, "it has begun to fill")


def test_stop_that_was_refused_beside_a_resting_entry_is_one_sale_and_one_cancel() -> None:
    entry = _resting(filled=d(2), status=OrderStatus.PARTIAL)
    refused = stop_order("sell 2 BTC @ 94", status=OrderStatus.REJECTED)
    place, cancel = protect(_held(entry, refused), BTC, GUARDED, time=NOW)
    assert isinstance(place, Place)
    assert place.order.intent.leg is Leg.EXIT
    assert cancel == Cancel(entry, "it has begun to fill")


def test_entry_that_rests_far_under_the_market_is_within_its_collar() -> None:
    """Symptom: every limit entry with an offset above the collar was refused."""
    by = rules(collar_ppm=20_000)
    limit = intent("buy 1 BTC @ 80", kind=OrderKind.LIMIT, price=d(80))
    assert check_price(limit, d(100), by) is None
    assert check_price(limit, d("78.4"), by) is None, "2 % over the market, as the collar allows"
    dear = check_price(limit, d("78.3"), by)
    assert dear is not None
    assert dear.control == "price_collar_fraction"
    unknown = check_price(limit, None, by)
    assert unknown is not None
    assert unknown.control == "reference_price"
