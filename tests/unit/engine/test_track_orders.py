"""What the limits look back on: orders that failed, what left, and trades that ended."""

from dataclasses import replace

import pytest

from tests.support.builders import (
    BTC,
    ETH,
    HOUR,
    START,
    booked,
    d,
    fill,
    intended,
    market,
    order,
    position,
    state_with,
)
from tradebot.engine.apply import apply
from tradebot.engine.state import State
from tradebot.engine.track import PACE_MS, TRADES_KEPT_MAX, Ended, Track, answered, ended
from tradebot.model import event as ev
from tradebot.model.event import Event
from tradebot.model.order import NOT_ATTEMPTED, Leg, Order, OrderKind
from tradebot.model.timeframe import DAY_MS

NOON, MIDNIGHT = START + 12 * HOUR, START + DAY_MS


def after(state: State, *events: Event) -> State:
    """Return the state after some events."""
    for event in events:
        state = apply(state, event)
    return state


# --- orders that failed -------------------------------------------------------------------------


def sent(made: Order, at: int = NOON) -> list[Event]:
    """Return how an order comes to be on the wire."""
    return [intended(made), ev.OrderSent(at=at, order_id=made.id)]


def _failing(count: int) -> State:
    state = state_with()
    for number in range(count):
        made = order("buy 1 BTC @ 100", order_id=f"tb-{number}")
        no = ev.OrderRejected(at=NOON, order_id=made.id, code="-2010", message="no")
        unknown = ev.OrderUnknown(at=NOON, order_id=made.id, cause="timeout")
        state = after(state, *sent(made), unknown if number % 2 else no)
    return state


def test_errors_are_orders_in_a_row_that_were_rejected_or_got_no_proof() -> None:
    assert [_failing(count).track.errors for count in range(5)] == [0, 1, 2, 3, 4]


def test_order_that_was_never_attempted_is_no_error() -> None:
    made = order("buy 1 BTC @ 100", order_id="tb-x")
    told = ev.OrderRejected(at=NOON, order_id="tb-x", code=NOT_ATTEMPTED, message="no")
    assert after(_failing(3), *sent(made), told).track.errors == 3


@pytest.mark.parametrize(
    "answer",
    [
        ev.OrderAccepted(at=NOON, order_id="tb-x", exchange_id="7"),
        booked(order("buy 1 BTC @ 100", order_id="tb-x"), fill("1 @ 100")),
    ],
    ids=["accepted", "filled"],
)
def test_order_that_the_exchange_took_ends_the_row(answer: Event) -> None:
    made = order("buy 1 BTC @ 100", order_id="tb-x")
    assert after(_failing(4), *sent(made), answer).track.errors == 0


@pytest.mark.parametrize(
    "answer",
    [
        ev.OrderDropped(at=NOON, order_id="tb-x", reason="halted"),
        ev.OrderCancelled(at=NOON, order_id="tb-x"),
        ev.OrderExpired(at=NOON, order_id="tb-x"),
    ],
    ids=["dropped", "cancelled", "expired"],
)
def test_order_that_ended_otherwise_neither_adds_to_the_row_nor_ends_it(answer: Event) -> None:
    made = order("buy 1 BTC @ 100", order_id="tb-x")
    assert after(_failing(4), *sent(made), answer).track.errors == 4


def test_answer_after_no_error_changes_nothing() -> None:
    track = Track(entries=1)
    assert answered(track) is track


# --- what left ----------------------------------------------------------------------------------


def test_orders_and_cancels_of_the_last_hour_are_kept() -> None:
    state = state_with()
    for number, at in enumerate((START, START + 1, START + PACE_MS)):
        made = order("sell 1 BTC @ 100", order_id=f"tb-{number}", leg=Leg.TARGET)
        state = after(state, replace(intended(made), at=at))
    assert state.track.sent == (START + 1, START + PACE_MS)
    later = START + PACE_MS + 2
    state = after(state, ev.CancelSent(at=later, order_id="tb-1", reason="test"))
    assert state.track.sent == (START + PACE_MS, later)


def test_entries_alone_are_counted_by_day_and_kept_by_market() -> None:
    texts = ["buy 1 BTC @ 100", "sell 1 BTC @ 100", "buy 2 BTC @ 100", "buy 3 ETH @ 10"]
    times = [NOON, NOON, MIDNIGHT - 1, MIDNIGHT - 1]
    state = state_with(market(), market("ETH/USDT"))
    for number, (text, time) in enumerate(zip(texts, times, strict=True)):
        state = after(state, intended(order(text, order_id=f"tb-{number}", closed_at=time)))
    track = state.track
    assert [track.entries_on(time) for time in (START, NOON, MIDNIGHT - 1)] == [3, 3, 3]
    assert [track.entries_on(time) for time in (START - 1, MIDNIGHT)] == [0, 0]
    assert track.bought == {BTC: (MIDNIGHT - 1, d(2)), ETH: (MIDNIGHT - 1, d(3))}
    state = after(state, intended(order(texts[0], order_id="tb-9", closed_at=MIDNIGHT)))
    assert state.track.entries_on(MIDNIGHT) == 1
    assert state.track.entries_on(NOON) == 0, "it counts no day that is over"


# --- trades -------------------------------------------------------------------------------------


def bought(stop: str = "", fee: str = "0") -> State:
    """Return a state that bought 1 at 100, with its stop intended."""
    made = order("buy 1 BTC @ 100", order_id="tb-buy")
    state = after(state_with(market(step="0.1")), *sent(made))
    state = after(state, booked(made, fill(f"1 @ 100 fee {fee} USDT", trade_id="b")))
    if stop:
        guard = order("sell 1 BTC @ 95", order_id="tb-stop", leg=Leg.STOP, kind=OrderKind.STOP)
        state = after(state, intended(replace(guard, stop_price=d(stop))))
    return state


def sold(state: State, *fills: str, leg: Leg = Leg.EXIT) -> State:
    """Return the state after a sale in pieces, an hour apart."""
    made = order("sell 1 BTC @ 100", order_id="tb-sale", leg=leg)
    state = after(state, *sent(made))
    for number, text in enumerate(fills):
        piece = fill(text, trade_id=f"s{number}", at=NOON + number * HOUR)
        state = after(state, booked(made, piece))
    return state


@pytest.mark.parametrize("leg", [Leg.EXIT, Leg.STOP, Leg.TARGET, Leg.FLATTEN])
@pytest.mark.parametrize(
    ("stop", "price", "is_stopped"),
    [
        ("95", "95", True),
        ("95", "94.9", True),
        ("95", "95.1", False),
        ("105", "104", True),  # one that had risen: stopped out, at a gain
        ("", "1", False),  # it had none
    ],
)
def test_trade_is_stopped_out_where_it_sold_no_better_than_its_stop(
    stop: str, price: str, is_stopped: bool, leg: Leg
) -> None:
    track = sold(bought(stop), f"1 @ {price}", leg=leg).track
    gain = d(price) - 100
    assert track.trades == (Ended(BTC, NOON, gain, d(100), is_stopped),)
    assert track.stopped == ({BTC: NOON} if is_stopped else {})


@pytest.mark.parametrize(
    ("gain", "is_stopped", "is_loss"),
    [("-0.01", True, True), ("0", True, False), ("1", True, False), ("-1", False, False)],
)
def test_loss_by_stop_is_both(gain: str, is_stopped: bool, is_loss: bool) -> None:
    assert Ended(BTC, NOON, d(gain), d(100), is_stopped).is_loss_by_stop is is_loss


def test_without_a_stop_nothing_is_stopped_out_however_cheap_it_was_sold() -> None:
    assert not ended(Track(), BTC, NOON, position("1 @ 100"), d(0)).trades[0].is_stopped


def test_gain_of_a_trade_is_after_the_fees_in_quote() -> None:
    track = sold(bought(fee="0.1"), "1 @ 110 fee 0.11 USDT").track
    assert track.trades == (Ended(BTC, NOON, d("9.79"), d("100.1"), False),)


def test_sale_in_pieces_is_one_trade_at_its_last_piece() -> None:
    state = sold(bought("95"), "0.5 @ 96", "0.3 @ 95.5")
    assert state.track.trades == ()
    state = sold(bought("95"), "0.5 @ 96", "0.3 @ 95.5", "0.2 @ 94")
    assert state.track.trades == (Ended(BTC, NOON + 2 * HOUR, d("-4.55"), d(100), True),)


def test_rest_under_a_lot_ends_the_trade() -> None:
    state = sold(bought("95"), "0.95 @ 90")
    assert state.track.trades == (Ended(BTC, NOON, d("-14.5"), d(100), True),)


def test_position_that_a_person_took_is_no_trade() -> None:
    taken = ev.PositionAdjusted(at=NOON, market=BTC, before=d(1), quantity=d(0), reason="taken")
    assert after(bought("95"), taken).track.trades == ()


def test_stop_that_was_told_late_is_filed_by_its_time() -> None:
    """Symptom: after an outage fills came in any order, and newer stops hid behind an older one."""
    state = state_with(market(), market("ETH/USDT"))
    for number, (base, at) in enumerate((("BTC", NOON + HOUR), ("ETH", NOON))):
        buy = order(f"buy 1 {base} @ 100", order_id=f"tb-b{number}")
        sale = order(f"sell 1 {base} @ 90", order_id=f"tb-s{number}")
        state = after(state, *sent(buy), booked(buy, fill("1 @ 100", trade_id=f"b{number}")))
        state = after(
            state, *sent(sale), booked(sale, fill("1 @ 90", trade_id=f"s{number}", at=at))
        )
    assert [(each.market, each.at) for each in state.track.trades] == [
        (ETH, NOON),
        (BTC, NOON + HOUR),
    ]


def test_only_the_newest_trades_are_kept() -> None:
    old = tuple(Ended(ETH, START, d(number), d(100), False) for number in range(TRADES_KEPT_MAX))
    state = bought()
    state = sold(state._replace(track=replace(state.track, trades=old)), "1 @ 110")
    assert len(state.track.trades) == TRADES_KEPT_MAX
    assert state.track.trades[:-1] == old[1:]
    assert state.track.trades[-1].market == BTC
