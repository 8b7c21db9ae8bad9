"""What is decided at one closed candle: entry, exit, protection; the next step only."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.support.builders import (
    BTC,
    HOUR,
    START,
    candle,
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
from tradebot.engine.controls.refusal import Outside
from tradebot.engine.decide import decide
from tradebot.engine.protect import flatten, protect
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.model.account import Position, TradingState
from tradebot.model.order import Intent, Leg, Order, OrderKind, OrderStatus, Side

LONG, FLAT = 1_000_000, 0
NOW = START + HOUR
GUARDED = rules(stop_ppm=50_000, target_ppm=100_000)


def _held(*orders: Order, position_: Position | None = None, **more: object) -> State:
    """Return a state that holds 2 at 100, bought at the open of this candle."""
    held = position("2 @ 100", opened_at=START) if position_ is None else position_
    return state_with(
        positions={BTC: held},
        balances={"USDT": "800", "BTC": "2"},
        orders=orders,
        closes={BTC: "100"},
        **more,  # type: ignore[arg-type] - state_with's own keywords
    )


def _decided(
    state: State,
    by: Rules | None = None,
    *,
    exposure: int | None = LONG,
    text: str = "100",
    is_contiguous: bool = True,
    why: str = "",
) -> tuple[Action, ...]:
    outside = Outside(is_contiguous=is_contiguous)
    return decide(state, BTC, candle(text), exposure, by or rules(), outside=outside, why=why)


def _intent(actions: Iterable[Action]) -> Intent:
    """Return the intent of the one order that is placed."""
    (action,) = actions
    assert isinstance(action, Place)
    return action.order.intent


# --- entering -----------------------------------------------------------------------------------


@pytest.mark.parametrize("exposure", [None, 0, -1_000_000])
def test_flat_without_a_long_signal_does_nothing(exposure: int | None) -> None:
    assert _decided(state_with(), exposure=exposure) == ()


def test_long_signal_buys_at_the_market() -> None:
    intent = _intent(_decided(state_with(), rules(fraction_ppm=500_000), why="golden cross"))
    assert (intent.side, intent.kind, intent.leg) == (Side.BUY, OrderKind.MARKET, Leg.ENTRY)
    assert (intent.quantity, intent.reference_price) == (d(5), d(100))
    assert (intent.market, intent.closed_at, intent.strategy) == (BTC, NOW, "test")
    assert (intent.reason, intent.reduce_only) == ("signal: golden cross", False)


def test_half_a_signal_buys_half() -> None:
    assert _intent(_decided(state_with(), exposure=500_000)).quantity == d(5)


def test_signal_that_had_its_trade_is_not_traded_again() -> None:
    assert _decided(state_with(spent=frozenset({BTC}))) == ()


@pytest.mark.parametrize(
    "status", [OrderStatus.INTENDED, OrderStatus.SENT, OrderStatus.UNKNOWN, OrderStatus.ACCEPTED]
)
def test_order_that_is_out_blocks_entries_in_its_market(status: OrderStatus) -> None:
    before = order("buy 1 BTC @ 100", status=status, closed_at=NOW - HOUR)
    assert _decided(state_with(orders=[before])) == ()


@pytest.mark.parametrize(
    "status", [OrderStatus.REJECTED, OrderStatus.DROPPED, OrderStatus.ABSENT, OrderStatus.EXPIRED]
)
def test_one_candle_has_one_entry_and_the_next_a_new_one(status: OrderStatus) -> None:
    assert _decided(state_with(orders=[order(status=status)])) == ()
    earlier = order(status=status, closed_at=NOW - HOUR)
    assert _intent(_decided(state_with(orders=[earlier]))).leg is Leg.ENTRY


def test_refusal_is_told_once_for_one_signal_and_control() -> None:
    halted = TradingState.HALTED
    (refusal,) = _decided(state_with(trading=halted))
    assert isinstance(refusal, Refuse)
    assert refusal.refused.control == "trading_halted"
    told = {BTC: "trading_halted"}
    assert _decided(state_with(trading=halted, refused=told)) == ()
    (other,) = _decided(state_with(trading=TradingState.REDUCING, refused=told))
    assert isinstance(other, Refuse)
    assert other.refused.control == "trading_reducing"


def test_signal_too_small_for_a_lot_is_refused_not_ignored() -> None:
    (refusal,) = _decided(state_with(), exposure=1)
    assert isinstance(refusal, Refuse)
    assert refusal.refused.control == "quantity_min"


def test_candles_are_contiguous_unless_told() -> None:
    assert _intent(decide(state_with(), BTC, candle("100"), LONG, rules())).leg is Leg.ENTRY


def test_no_entry_after_a_gap_in_the_candles() -> None:
    (refusal,) = _decided(state_with(), is_contiguous=False)
    assert isinstance(refusal, Refuse)
    assert refusal.refused.control == "candle_gap"


def test_rest_under_one_lot_does_not_block_an_entry() -> None:
    rest = position("0.0005 @ 90", sellable="0")
    assert _intent(_decided(_held(position_=rest))).leg is Leg.ENTRY


# --- holding and protecting ---------------------------------------------------------------------


@pytest.mark.parametrize("exposure", [LONG, 1, None])
def test_position_without_exits_is_left_alone_while_the_signal_stays(exposure: int | None) -> None:
    assert _decided(_held(), exposure=exposure) == ()


def test_stop_alone_is_a_stop_order_of_all_that_can_be_sold() -> None:
    held = position("2.0005 @ 100", sellable="2", opened_at=START)
    intent = _intent(_decided(_held(position_=held), rules(stop_ppm=50_000)))
    assert (intent.side, intent.kind, intent.leg) == (Side.SELL, OrderKind.STOP, Leg.STOP)
    assert (intent.quantity, intent.stop_price, intent.price) == (d(2), d(95), None)
    assert (intent.reference_price, intent.reduce_only) == (d(95), True)
    assert intent.reason == "stop of the position"


def test_target_alone_is_a_limit_that_makes() -> None:
    intent = _intent(_decided(_held(), rules(target_ppm=100_000)))
    assert (intent.kind, intent.leg) == (OrderKind.LIMIT_MAKER, Leg.TARGET)
    assert (intent.quantity, intent.stop_price, intent.price) == (d(2), None, d(110))
    assert intent.reason == "target of the position"


def test_stop_and_target_are_placed_as_one() -> None:
    (action,) = _decided(_held(), GUARDED)
    assert isinstance(action, PlaceOco)
    assert (action.stop.intent.leg, action.target.intent.leg) == (Leg.STOP, Leg.TARGET)
    assert action.stop.intent.stop_price == d(95)
    assert action.target.intent.price == d(110)
    assert action.stop.order_id != action.target.order_id


@pytest.mark.parametrize(
    "out",
    [stop_order("sell 2 BTC @ 95"), stop_order("sell 2 BTC @ 95", status=OrderStatus.UNKNOWN)],
)
def test_protected_position_needs_nothing(out: Order) -> None:
    held = position("2 @ 100", opened_at=START, stop="95")
    assert _decided(_held(out, position_=held), rules(stop_ppm=50_000)) == ()


def test_protection_that_was_lost_is_placed_again_with_a_new_id() -> None:
    ended = stop_order("sell 2 BTC @ 95", status=OrderStatus.CANCELLED)
    held = position("2 @ 100", opened_at=START, stop="95")
    intent = _intent(_decided(_held(ended, position_=held), rules(stop_ppm=50_000)))
    assert (intent.leg, intent.sequence) == (Leg.STOP, 1)


def test_position_filled_between_candles_is_protected_without_a_candle() -> None:
    (action,) = protect(_held(), BTC, GUARDED, time=NOW + 5)
    assert isinstance(action, PlaceOco)
    assert action.stop.intent.closed_at == NOW + 5
    assert protect(state_with(), BTC, GUARDED, time=NOW) == ()
    rest = position("0.0005 @ 100", sellable="0")
    assert protect(_held(position_=rest), BTC, GUARDED, time=NOW) == ()


@pytest.mark.parametrize("exposure", [1_000_000, 0])
def test_halted_bot_leaves_its_position_and_what_guards_it(exposure: int) -> None:
    """Symptom: a sale by signal cancelled the stop, and the gate then refused the sale."""
    for orders in ([], [stop_order("sell 2 BTC @ 95")]):
        halted = _held(*orders, trading=TradingState.HALTED)
        assert _decided(halted, GUARDED, exposure=exposure) == ()


@pytest.mark.parametrize("leg", [Leg.STOP, Leg.TARGET])
def test_protection_that_the_exchange_rejects_becomes_a_market_exit(leg: Leg) -> None:
    rejected = stop_order("sell 2 BTC @ 95", status=OrderStatus.REJECTED, leg=leg)
    held = position("2 @ 100", opened_at=START, stop="95")
    intent = _intent(_decided(_held(rejected, position_=held), GUARDED))
    assert (intent.leg, intent.kind, intent.quantity) == (Leg.EXIT, OrderKind.MARKET, d(2))
    assert intent.reference_price == d(100)
    assert intent.reason == "stop or target refused by the exchange"


def test_market_exit_for_rejected_protection_is_tried_once_a_candle() -> None:
    rejected = stop_order("sell 2 BTC @ 95", status=OrderStatus.REJECTED)
    tried = order("sell 2 BTC @ 100", order_id="tb-exit", status=OrderStatus.REJECTED)
    assert _decided(_held(rejected, tried), GUARDED) == ()


@pytest.mark.parametrize(
    "rejected",
    [
        stop_order("sell 2 BTC @ 95", order_id="tb-0", closed_at=NOW - HOUR),
        stop_order("sell 2 ETH @ 95", order_id="tb-0"),
        order("buy 2 BTC @ 95", order_id="tb-0"),
    ],
    ids=["earlier", "other market", "entry"],
)
def test_only_a_rejected_protection_of_this_market_and_time_sells(rejected: Order) -> None:
    expired = stop_order("sell 2 BTC @ 95", status=OrderStatus.EXPIRED)
    state = _held(expired, replace(rejected, status=OrderStatus.REJECTED))
    assert _intent(_decided(state, rules(stop_ppm=50_000))).leg is Leg.STOP


def test_rejection_at_an_earlier_candle_is_forgotten() -> None:
    rejected = stop_order("sell 2 BTC @ 95", status=OrderStatus.REJECTED, closed_at=NOW - HOUR)
    (action,) = _decided(_held(rejected), GUARDED)
    assert isinstance(action, PlaceOco)


# --- leaving ------------------------------------------------------------------------------------


def test_signal_gone_sells_all_at_the_market() -> None:
    intent = _intent(_decided(_held(), exposure=FLAT, why="death cross"))
    assert (intent.side, intent.kind, intent.leg) == (Side.SELL, OrderKind.MARKET, Leg.EXIT)
    assert (intent.quantity, intent.reference_price) == (d(2), d(100))
    assert (intent.reason, intent.reduce_only) == ("signal: death cross", True)
    assert _intent(_decided(_held(), exposure=FLAT)).reason == "signal"


def test_time_up_sells_and_does_not_tell_the_signals_reason() -> None:
    intent = _intent(_decided(_held(), rules(held_ms_max=HOUR), why="golden cross"))
    assert intent.reason == "time"


@pytest.mark.parametrize("leg", [Leg.STOP, Leg.TARGET])
def test_resting_protection_is_cancelled_before_the_sale(leg: Leg) -> None:
    build = stop_order if leg is Leg.STOP else target_order
    resting = build("sell 2 BTC @ 95")
    assert _decided(_held(resting), exposure=FLAT) == (Cancel(resting, "signal"),)


def test_protection_stays_while_another_order_of_the_market_is_in_doubt() -> None:
    """Symptom: the stop was cancelled for a sale that then could not be sent, and it stood bare."""
    resting = stop_order("sell 2 BTC @ 95")
    doubtful = stop_order("sell 2 BTC @ 99", order_id="tb-new", status=OrderStatus.UNKNOWN)
    assert _decided(_held(resting, doubtful), exposure=FLAT) == ()


@pytest.mark.parametrize("status", [OrderStatus.UNKNOWN, OrderStatus.SENT])
def test_nothing_is_sold_while_an_order_of_unknown_fate_is_out(status: OrderStatus) -> None:
    """It may sell too: the account never sells more than the bot bought."""
    assert _decided(_held(stop_order("sell 2 BTC @ 95", status=status)), exposure=FLAT) == ()
    assert _decided(_held(order("buy 1 BTC @ 100", status=status)), exposure=FLAT) == ()


def test_market_entry_that_waits_is_neither_cancelled_nor_sold_against() -> None:
    assert _decided(_held(order("buy 1 BTC @ 90")), exposure=FLAT) == ()


def test_one_candle_has_one_exit() -> None:
    tried = order("sell 2 BTC @ 100", status=OrderStatus.REJECTED)
    assert _decided(_held(tried), exposure=FLAT) == ()


def test_exit_passes_a_gap_and_a_reducing_state() -> None:
    state = _held(trading=TradingState.REDUCING)
    assert _intent(_decided(state, exposure=FLAT, is_contiguous=False)).leg is Leg.EXIT


def test_other_markets_orders_do_not_block() -> None:
    state = state_with(market(), market("ETH/USDT"), orders=[order("buy 1 ETH @ 10")])
    assert _intent(_decided(state)).market == BTC


# --- the emergency ------------------------------------------------------------------------------


def test_emergency_sells_all_at_the_market_though_trading_is_halted() -> None:
    intent = _intent(flatten(_held(trading=TradingState.HALTED), BTC, rules(), time=NOW + 7))
    assert (intent.side, intent.kind, intent.leg) == (Side.SELL, OrderKind.MARKET, Leg.FLATTEN)
    assert (intent.quantity, intent.closed_at) == (d(2), NOW + 7)
    assert (intent.reference_price, intent.reason) == (d(100), "emergency stop")


def test_emergency_waits_for_orders_that_are_out_and_sells_once() -> None:
    assert flatten(state_with(), BTC, rules(), time=NOW) == ()
    rest = position("0.0005 @ 100", sellable="0")
    assert flatten(_held(position_=rest), BTC, rules(), time=NOW) == ()
    assert flatten(_held(stop_order("sell 2 BTC @ 95")), BTC, rules(), time=NOW) == ()
    tried = order("sell 2 BTC @ 100", leg=Leg.FLATTEN, status=OrderStatus.REJECTED)
    assert flatten(_held(tried), BTC, rules(), time=NOW) == ()
    assert flatten(_held(tried), BTC, rules(), time=NOW + 1) != ()


def test_more_than_the_exchange_takes_at_once_is_sold_in_pieces() -> None:
    """Symptom: an exchange that lowered its largest order kept a position for ever."""
    state = _held()
    state = state._replace(markets={BTC: replace(state.markets[BTC], quantity_max=d("1.5"))})
    intent = _intent(_decided(state, exposure=FLAT))
    assert (intent.leg, intent.quantity) == (Leg.EXIT, d("1.5"))
    (action,) = flatten(state, BTC, rules(), time=NOW)
    assert isinstance(action, Place)
    assert action.order.intent.quantity == d("1.5")


def test_stop_stays_where_what_it_guards_is_worth_too_little_for_a_new_order() -> None:
    """Symptom: the price fell, the stop was cancelled as idle, and the position never sold."""
    held = position("2 @ 100", opened_at=START, stop="70")
    state = _held(stop_order("sell 2 BTC @ 70"), position_=held)
    state = state._replace(markets={BTC: replace(state.markets[BTC], notional_min=d(500))})
    assert _decided(state, GUARDED, exposure=None) == ()
    assert _decided(state, GUARDED, exposure=FLAT) == ()
