"""`apply`: what each event makes of the state, and what is our own bug."""

import decimal
from dataclasses import replace

import pytest

from tests.support.builders import (
    BTC,
    ETH,
    HOUR,
    START,
    booked,
    closed,
    d,
    fill,
    intended,
    market,
    order,
    position,
    started,
    state_with,
    stop_order,
    target_order,
)
from tradebot.engine import apply_orders
from tradebot.engine.apply import apply, fold
from tradebot.engine.state import State
from tradebot.engine.valuation import equity
from tradebot.errors import InvariantError
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.order import Leg, OrderKind, OrderStatus, Side

NEXT = START + 2 * HOUR


def test_session_started_begins_the_books() -> None:
    event = started(market(), market("ETH/USDT"), balances={"USDT": "1000", "BNB": "2"})
    state = apply(State(), event)
    assert state.started is event
    assert sorted(state.markets) == sorted(state.scales) == [BTC, ETH]
    assert state.balances == {"USDT": d(1000), "BNB": d(2)}
    assert state.trading is TradingState.ACTIVE
    assert not state.positions


def test_candles_closed_becomes_the_feed() -> None:
    state = apply(state_with(), closed(BTC="100"))
    assert state.feed.latest == START + HOUR
    assert state.feed.closes == {BTC: d(100)}
    assert state.feed.closed_at == {BTC: START + HOUR}
    assert state.feed.exposures == {BTC: 1_000_000}


def test_market_without_a_candle_keeps_its_last_close() -> None:
    state = fold([started(), closed(BTC="100", ETH="10"), closed(NEXT, exposure=0, BTC="101")])
    assert state.feed.closes == {BTC: d(101), ETH: d(10)}
    assert state.feed.closed_at == {BTC: NEXT, ETH: START + HOUR}
    assert state.feed.exposures == {BTC: 0, ETH: 1_000_000}


def test_as_many_candles_of_other_markets_do_not_push_a_close_out() -> None:
    """Symptom: BTC then ETH, one candle each: BTC's close was lost, and its value with it."""
    state = fold([started(), closed(BTC="100"), closed(NEXT, ETH="10")])
    assert state.feed.closes == {BTC: d(100), ETH: d(10)}
    assert state.feed.exposures == {BTC: 1_000_000, ETH: 1_000_000}


def test_candle_that_one_market_had_late_moves_no_time_back() -> None:
    """Symptom: after a restart the newer candle of the other market was decided a second time."""
    state = fold([started(), closed(NEXT, BTC="100"), closed(START + HOUR, ETH="10")])
    assert state.feed.latest == NEXT
    assert state.feed.closed_at == {BTC: NEXT, ETH: START + HOUR}


@pytest.mark.parametrize(
    ("exposure", "stays"), [(1_000_000, True), (1, True), (0, False), (-1, False), (None, False)]
)
def test_signal_that_is_not_long_ends_its_episode(exposure: int | None, stays: bool) -> None:
    before = state_with(closes={BTC: "100"}, spent=frozenset({BTC}), refused={BTC: "balance"})
    feed = apply(before, closed(NEXT, exposure=exposure, BTC="100")).feed
    assert (BTC in feed.spent) is stays
    assert (BTC in feed.refused) is stays


def test_spent_signal_and_refused_signal_end_each_by_itself() -> None:
    spent = state_with(closes={BTC: "100"}, spent=frozenset({BTC}))
    assert not apply(spent, closed(NEXT, exposure=0, BTC="100")).feed.spent
    refused = state_with(closes={BTC: "100"}, refused={BTC: "balance"})
    assert not apply(refused, closed(NEXT, exposure=0, BTC="100")).feed.refused


def test_limit_entries_of_one_signal_are_counted_and_market_entries_are_not() -> None:
    state = state_with(closes={BTC: "100"})
    for number, kind in enumerate((OrderKind.LIMIT, OrderKind.LIMIT, OrderKind.MARKET)):
        state = apply(state, intended(replace(order(order_id=f"tb-{number}"), kind=kind)))
    target = target_order("sell 0.5 BTC @ 110")
    state = apply(state, intended(replace(target, kind=OrderKind.LIMIT)))
    assert state.feed.rounds == {BTC: 2}
    long, hold = closed(NEXT, BTC="100"), closed(NEXT, exposure=None, BTC="100")
    assert apply(state, long).feed.rounds == {BTC: 2}
    assert apply(state, hold).feed.rounds == {}
    assert apply(state, closed(NEXT, exposure=0, ETH="1")).feed.rounds == {BTC: 2}


def test_episode_of_another_market_goes_on() -> None:
    before = state_with(closes={BTC: "100"}, spent=frozenset({ETH}), refused={ETH: "balance"})
    feed = apply(before, closed(NEXT, exposure=0, BTC="100")).feed
    assert (feed.spent, feed.refused) == (frozenset({ETH}), {ETH: "balance"})


def test_refused_intent_is_remembered_by_its_control() -> None:
    event = ev.IntentRefused(
        at=0, market=BTC, side=Side.BUY, leg=Leg.ENTRY, quantity=d(1), closed_at=0,
        control="balance", limit=d(1), value=d(2), message="",
    )  # fmt: skip
    assert apply(state_with(), event).feed.refused == {BTC: "balance"}


def test_intended_order_is_known_and_unsettled() -> None:
    wanted = stop_order("sell 0.5 BTC @ 19000", status=OrderStatus.INTENDED)
    state = apply(state_with(positions={BTC: position("0.5 @ 20000")}), intended(wanted))
    assert state.orders.unsettled == {"tb-stop": wanted}
    assert state.positions[BTC].stop == d(19_000), "the stop's price is remembered"


def test_only_a_stop_with_a_price_moves_the_stop_of_the_position() -> None:
    state = state_with(positions={BTC: position("0.5 @ 20000", stop="18000")})
    triggered = replace(order("sell 0.5 BTC @ 19000"), stop_price=d(19_000))
    unpriced = stop_order("sell 0.5 BTC @ 19000", stop_price=None)
    for wanted in (triggered, unpriced):
        assert apply(state, intended(wanted)).positions[BTC].stop == d(18_000)


def test_order_intended_twice_is_our_bug() -> None:
    state = apply(state_with(), intended(order()))
    with pytest.raises(InvariantError, match="order tb-1 was intended twice"):
        apply(state, intended(order()))


@pytest.mark.parametrize("status", [OrderStatus.FILLED, OrderStatus.ABSENT])
def test_settled_order_is_not_intended_again(status: OrderStatus) -> None:
    with pytest.raises(InvariantError, match="intended twice"):
        apply(state_with(orders=[order(status=status)]), intended(order()))


def test_event_of_an_order_never_intended_is_our_bug() -> None:
    with pytest.raises(InvariantError, match="order tb-9 is not in the journal"):
        apply(state_with(), ev.OrderSent(at=0, order_id="tb-9"))


def test_life_of_an_order_from_intent_to_fill() -> None:
    events = [
        intended(order()),
        ev.OrderSent(at=0, order_id="tb-1"),
        ev.OrderAccepted(at=0, order_id="tb-1", exchange_id="x1"),
        booked(order(), fill("0.2 @ 20000", trade_id="1")),
        booked(order(), fill("0.3 @ 20010", trade_id="2")),
    ]
    state, seen = state_with(balances={"USDT": "10003"}), list[OrderStatus]()
    for event in events:
        state = apply(state, event)
        found = state.orders.get("tb-1")
        assert found is not None
        seen.append(found.status)
    assert seen == ["intended", "sent", "accepted", "partial", "filled"]
    done = state.orders.settled["tb-1"]
    assert (done.exchange_id, done.filled, done.cost) == ("x1", d("0.5"), d(10_003))
    assert done.trade_ids == ("1", "2")
    assert not state.orders.unsettled
    assert state.balances == {"USDT": d(0), "BTC": d("0.5")}
    assert state.positions[BTC].entry_price == d(20_006)


def test_unknown_order_that_had_fills_is_partial_again_when_accepted() -> None:
    unknown = order(status=OrderStatus.UNKNOWN, filled=d("0.2"), trade_ids=("1",))
    event = ev.OrderAccepted(at=0, order_id="tb-1", exchange_id="x1")
    state = apply(state_with(orders=[unknown]), event)
    assert state.orders.unsettled["tb-1"].status is OrderStatus.PARTIAL


def test_fill_is_booked_once_by_its_trade_id() -> None:
    state = apply(state_with(orders=[order()]), booked(order(), fill("0.2 @ 100")))
    assert apply(state, booked(order(), fill("0.2 @ 100"))) is state


def test_fill_beyond_the_order_is_booked_as_it_was() -> None:
    """Symptom: InvariantError, and a journal at which every restart would have died again."""
    state = apply(state_with(orders=[order()]), booked(order(), fill("0.6 @ 100")))
    done = state.orders.settled["tb-1"]
    assert (done.status, done.filled, done.remaining) == (OrderStatus.FILLED, d("0.6"), d("-0.1"))
    assert state.positions[BTC].quantity == d("0.6")


def test_fill_of_an_order_that_is_full_already_is_booked_too() -> None:
    full = order(status=OrderStatus.FILLED, filled=d("0.5"), trade_ids=("1",))
    state = apply(state_with(orders=[full]), booked(full, fill("0.1 @ 100", trade_id="2")))
    assert state.orders.settled["tb-1"].filled == d("0.6")
    assert state.positions[BTC].quantity == d("0.1")


def test_more_sold_than_held_is_a_fact_of_the_books() -> None:
    out = order("sell 0.5 BTC @ 100")
    held = state_with(
        positions={BTC: position("0.5 @ 100")},
        balances={"USDT": "0", "BTC": "0.5"},
        orders=[out],
        closes={BTC: "100"},
    )
    state = apply(held, booked(out, fill("0.6 @ 100")))
    assert (state.positions[BTC].quantity, state.positions[BTC].sellable) == (d("-0.1"), 0)
    assert state.balances == {"USDT": d(60), "BTC": d("-0.1")}
    assert equity(state, BTC) == 50 * 10**8, "sixty in cash, less what a tenth costs"


def test_late_fill_of_an_order_that_is_no_longer_known_is_booked_without_it() -> None:
    """Symptom: InvariantError for a fill of an order older than the settled ones that are kept."""
    state = apply(state_with(balances={"USDT": "1000"}), booked(order(), fill("0.5 @ 100")))
    assert state.balances == {"USDT": d(950), "BTC": d("0.5")}
    assert state.positions[BTC].quantity == d("0.5")
    assert not state.orders.unsettled
    assert not state.orders.settled


def test_weighted_average_of_several_fills_is_exact() -> None:
    out = order("buy 0.7 BTC @ 100")
    state = state_with(orders=[out])
    for number, text in enumerate(("0.1 @ 100.01", "0.2 @ 99.97", "0.4 @ 101.13")):
        state = apply(state, booked(out, fill(text, trade_id=str(number))))
    # 10.001 + 19.994 + 40.452 = 70.447, of which a seventh part of ten is no finite decimal.
    done = state.orders.settled["tb-1"]
    assert (done.filled, done.cost) == (d("0.7"), d("70.447"))
    held = state.positions[BTC]
    assert held.entry_notional == d("70.447")
    assert abs(held.entry_price * 7 - d("704.47")) < d("1E-20")
    assert held.entry_price.quantize(d("1E-12")) == d("100.638571428571")


@pytest.mark.parametrize(
    "status", [OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED]
)
def test_order_proved_absent_that_comes_to_life_may_end_by_any_word(status: OrderStatus) -> None:
    ends: dict[OrderStatus, ev.Event] = {
        OrderStatus.CANCELLED: ev.OrderCancelled(at=0, order_id="tb-1"),
        OrderStatus.EXPIRED: ev.OrderExpired(at=0, order_id="tb-1"),
        OrderStatus.REJECTED: ev.OrderRejected(at=0, order_id="tb-1", code="", message=""),
    }
    state = apply(state_with(orders=[order(status=OrderStatus.ABSENT)]), ends[status])
    assert state.orders.settled["tb-1"].status is status


def test_order_proved_absent_that_rests_is_unsettled_again() -> None:
    event = ev.OrderAccepted(at=0, order_id="tb-1", exchange_id="x1")
    state = apply(state_with(orders=[order(status=OrderStatus.ABSENT)]), event)
    assert state.orders.unsettled["tb-1"].status is OrderStatus.ACCEPTED
    assert not state.orders.settled


@pytest.mark.parametrize(("code", "is_attempted"), [("NOT_ATTEMPTED", False), ("-2010", True)])
def test_refusal_of_what_was_never_tried_is_told_from_a_real_one(
    code: str, is_attempted: bool
) -> None:
    sent = order(status=OrderStatus.SENT)
    event = ev.OrderRejected(at=0, order_id="tb-1", code=code, message="")
    done = apply(state_with(orders=[sent]), event).orders.settled["tb-1"]
    assert (done.status, done.is_attempted) == (OrderStatus.REJECTED, is_attempted)


@pytest.mark.parametrize("status", [OrderStatus.CANCELLED, OrderStatus.EXPIRED])
def test_late_fills_of_an_ended_order_leave_it_settled(status: OrderStatus) -> None:
    """Symptom: the second late fill made a cancelled order unsettled, and blocked its market."""
    state = state_with(orders=[order(status=status)])
    for trade_id in ("1", "2"):
        state = apply(state, booked(order(), fill("0.2 @ 100", trade_id=trade_id)))
        assert list(state.orders.settled) == ["tb-1"]
        assert not state.orders.unsettled
    assert state.orders.settled["tb-1"].filled == d("0.4")
    assert state.positions[BTC].quantity == d("0.4")


def test_part_fill_of_an_order_proved_absent_makes_it_unsettled() -> None:
    """The proof was wrong: the rest of it may be resting at the exchange."""
    state = state_with(orders=[order(status=OrderStatus.ABSENT)])
    state = apply(state, booked(order(), fill("0.2 @ 100")))
    assert list(state.orders.unsettled) == ["tb-1"]
    assert not state.orders.settled


def test_settled_orders_beyond_the_limit_are_forgotten_oldest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apply_orders, "SETTLED_KEPT_MAX", 2)
    state = state_with()
    for number in range(3):
        made = order(order_id=f"tb-{number}", status=OrderStatus.INTENDED)
        state = apply(state, intended(made))
        state = apply(state, ev.OrderDropped(at=0, order_id=made.id, reason=""))
    assert list(state.orders.settled) == ["tb-1", "tb-2"]


def test_cancel_sent_changes_nothing_until_the_exchange_answers() -> None:
    state = state_with(orders=[order()])
    after = apply(state, ev.CancelSent(at=7, order_id="tb-1", reason=""))
    assert after.track.sent == (7,), "it counts as a message to the exchange"
    assert after._replace(track=state.track) == state


def test_trading_state_is_what_was_set_last() -> None:
    state = state_with()
    for wanted in (TradingState.REDUCING, TradingState.HALTED, TradingState.ACTIVE):
        state = apply(state, ev.TradingStateChanged(at=0, state=wanted, reason=""))
        assert state.trading is wanted


@pytest.mark.parametrize(
    ("exposure", "sold", "is_spent"),
    [
        (1_000_000, "0.5", True),
        (1, "0.5", True),
        (0, "0.5", False),
        (-1, "0.5", False),
        (None, "0.5", False),
        (1_000_000, "0.4", False),
    ],
)
def test_signal_is_spent_when_its_position_closes_while_it_is_still_long(
    exposure: int | None, sold: str, is_spent: bool
) -> None:
    out = order("sell 0.5 BTC @ 100")
    state = state_with(
        positions={BTC: position("0.5 @ 100")},
        balances={"USDT": "0", "BTC": "0.5"},
        orders=[out],
        closes={BTC: "100"},
        exposure=exposure,
    )
    assert (BTC in apply(state, booked(out, fill(f"{sold} @ 100"))).feed.spent) is is_spent


def test_first_piece_of_an_entry_under_one_lot_spends_no_signal() -> None:
    state = state_with(orders=[order()], closes={BTC: "100"})
    state = apply(state, booked(order(), fill("0.0005 @ 100")))
    assert not state.positions[BTC].is_open
    assert not state.feed.spent


def test_attempts_count_one_leg_of_one_market_at_its_newest_candle_settled_or_not() -> None:
    state = state_with()
    for made in (
        order(order_id="a"),
        order(order_id="b", closed_at=NEXT),
        order(order_id="c", closed_at=NEXT),
        order("buy 1 ETH @ 10", order_id="d", closed_at=NEXT),
        order("sell 0.5 BTC @ 1", order_id="e", closed_at=NEXT),
    ):
        state = apply(state, intended(made))
    state = apply(state, ev.OrderDropped(at=NEXT, order_id="b", reason="halted"))
    assert state.orders.attempts(BTC, Leg.ENTRY, NEXT) == 2
    assert state.orders.attempts(BTC, Leg.ENTRY, START + HOUR) == 0, "only the newest counts"
    assert [each.id for each in state.orders.of(BTC)] == ["a", "c", "e"]


def test_state_before_an_event_is_untouched() -> None:
    before = state_with(orders=[order()], closes={BTC: "1"})
    copy = before._replace(balances=dict(before.balances), positions=dict(before.positions))
    apply(before, booked(order(), fill("0.5 @ 100")))
    apply(before, closed(NEXT, BTC="2"))
    assert before == copy


def test_books_do_not_depend_on_the_decimal_context_of_the_caller() -> None:
    """Symptom: with Python's default 28 digits a balance of 30 was rounded, and coins were lost."""
    fine = market(step="1E-12", tick="1E-12")
    wanted = order("buy 123456.123456789012 BTC @ 1234567.123456789012")
    events = [
        started(fine, balances={"USDT": "1E+12"}),
        intended(wanted),
        ev.OrderSent(at=0, order_id="tb-1"),
        booked(wanted, fill("123456.123456789012 @ 1234567.123456789012 fee 1E-18 USDT")),
    ]
    with decimal.localcontext(decimal.Context(prec=28)):
        state = fold(events)
    # 10^12 - 123456.123456789012 * 1234567.123456789012 - 10^-18
    units = 10**36 - 123456_123456789012 * 1234567_123456789012 - 10**6
    assert state.balances["USDT"] == d(units).scaleb(-24)
