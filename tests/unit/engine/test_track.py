"""What the limits look back on: the day's opening, the peak, trades, errors, what left."""

import decimal
from collections.abc import Sequence
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
)
from tradebot.engine.apply import apply, fold
from tradebot.engine.controls.losses import DAILY_LOSS, DRAWDOWN, ENTRIES, ERRORS
from tradebot.engine.state import State
from tradebot.engine.track import FOR_EVER, Marks, Trip, in_proportion, moved
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.codec import decode, encode, kind_of
from tradebot.model.event import Event
from tradebot.model.order import Leg, Order, OrderKind
from tradebot.model.timeframe import DAY_MS

NOON, MIDNIGHT = START + 12 * HOUR, START + DAY_MS


def holding() -> State:
    """Return a state that holds 10 BTC and 100 USDT, and has seen no candle yet."""
    return state_with(
        market(),
        market("ETH/USDT"),
        balances={"USDT": "100", "BTC": "10"},
        positions={BTC: position("10 @ 90")},
    )


def after(state: State, *events: Event) -> State:
    """Return the state after some events."""
    for event in events:
        state = apply(state, event)
    return state


def seen(state: State) -> tuple[str, str, str, int]:
    """Return marked, opening and peak as text, and when the day ends."""
    marks = state.marks
    return str(marks.marked), str(marks.opening), str(marks.peak), marks.day_ends


# --- the day and the peak -----------------------------------------------------------------------


def test_session_begins_with_its_cash() -> None:
    state = fold([started(market(), balances={"USDT": "1000.5", "BTC": "3"})])
    assert seen(state) == ("1000.5", "1000.5", "1000.5", 0), "coins that it did not buy are not its"


def test_first_day_opens_with_what_the_session_began_with() -> None:
    state = after(fold([started()]), closed(NOON, BTC="100"))
    assert seen(state) == ("1000", "1000", "1000", MIDNIGHT)


def test_session_that_begins_at_midnight_has_seen_the_last_of_the_day_that_ends() -> None:
    state = after(fold([started()]), closed(START, BTC="100"))
    assert seen(state) == ("1000", "1000", "1000", START)


@pytest.mark.parametrize(
    ("time", "opening", "day_ends"),
    [
        (MIDNIGHT - 1, "100", MIDNIGHT),  # the same day: what the session began with
        (MIDNIGHT, "100", MIDNIGHT),  # its last candle is of the day that ends
        (MIDNIGHT + 1, "1100", MIDNIGHT + DAY_MS),  # the next one opens with the last mark
        (MIDNIGHT + HOUR, "1100", MIDNIGHT + DAY_MS),
        (MIDNIGHT + 9 * DAY_MS, "1100", MIDNIGHT + 9 * DAY_MS),
        (MIDNIGHT + 9 * DAY_MS + HOUR, "1100", MIDNIGHT + 10 * DAY_MS),
    ],
)
def test_day_ends_with_the_close_at_midnight_and_opens_with_the_last_mark(
    time: int, opening: str, day_ends: int
) -> None:
    state = after(holding(), closed(NOON, BTC="100"), closed(time, BTC="110"))
    assert seen(state) == ("1200", opening, "1200", day_ends)


def test_late_candle_of_yesterday_marks_today_and_opens_nothing() -> None:
    state = after(
        holding(),
        closed(NOON, BTC="100"),
        closed(MIDNIGHT + HOUR, BTC="110"),
        closed(MIDNIGHT - HOUR, ETH="7"),
    )
    assert seen(state) == ("1200", "1100", "1200", MIDNIGHT + DAY_MS)


def test_candle_that_moves_nothing_leaves_the_marks_alone() -> None:
    state = after(holding(), closed(NOON, BTC="100"))
    assert after(state, closed(NOON + HOUR, BTC="100")).marks is state.marks


def test_peak_rises_with_equity_and_never_falls_by_itself() -> None:
    state = holding()
    peaks = []
    for hour, close in enumerate(("100", "120", "90", "119", "121", "50"), start=1):
        state = after(state, closed(START + hour * HOUR, BTC=close))
        peaks.append(str(state.marks.peak))
    assert peaks == ["1100", "1300", "1300", "1300", "1310", "1310"]
    state = after(state, closed(MIDNIGHT, BTC="60"), closed(MIDNIGHT + HOUR, BTC="61"))
    assert seen(state) == ("710", "700", "1310", MIDNIGHT + DAY_MS)


def test_position_is_marked_at_its_price_until_its_market_has_a_close() -> None:
    state = after(holding(), closed(NOON, ETH="7"))
    assert seen(state)[0] == "1000"


# --- deposits and withdrawals -------------------------------------------------------------------


def lost_three_hundredths() -> State:
    """Return a state of 970, which began its day with 1000 and was 1250 once."""
    held = after(holding(), closed(NOON, BTC="87"))
    return held._replace(marks=Marks(d(970), d(1000), d(1250), MIDNIGHT))


def cash(after_: str, before: str = "100") -> ev.BalanceAdjusted:
    """Return what tells that a person moved cash."""
    return ev.BalanceAdjusted(
        at=NOON, asset="USDT", before=d(before), after=d(after_), reason="moved"
    )


def coins(after_: str) -> ev.PositionAdjusted:
    """Return what tells that a person moved the bot's coins."""
    return ev.PositionAdjusted(
        at=NOON, market=BTC, before=d(10), quantity=d(after_), reason="moved"
    )


@pytest.mark.parametrize(
    ("events", "marks"),
    [
        ([cash("1070")], ("1940", "2000", "2500")),
        ([cash("585")], ("1455", "1500", "1875")),
        ([cash("3")], ("873", "900", "1125")),
        ([cash("1070"), cash("100", "1070")], ("970", "1000", "1250")),
        # Five coins leave at 87 each: 535 are left of 970.
        ([coins("5")], ("535", "551.54639176", "689.43298970")),
        # He sold them himself: the same cash comes in, and nothing was lost.
        ([coins("5"), cash("535")], ("970", "1000.00000002", "1250.00000002")),
        # What was lost is rounded up: a limit trips no later for it.
        ([cash("100.00000001")], ("970.00000001", "1000.00000002", "1250.00000002")),
    ],
)
def test_money_that_a_person_moves_leaves_the_lost_part_as_it_was(
    events: Sequence[Event], marks: tuple[str, str, str]
) -> None:
    state = after(lost_three_hundredths(), *events)
    assert [d(text) for text in seen(state)[:3]] == [d(text) for text in marks]
    assert state.marks.day_ends == MIDNIGHT


def test_what_fills_cost_since_the_last_close_is_a_loss_and_no_withdrawal() -> None:
    # Marked at 1000 before the fill; its fee of 40 and the deposit of 960 come after it.
    state = fold([started(), closed(NOON, BTC="100")])
    bought = order("buy 1 BTC @ 100")
    state = after(
        state,
        intended(bought),
        ev.OrderSent(at=NOON, order_id=bought.id),
        booked(bought, fill("1 @ 100 fee 40 USDT")),
        cash("1820", "860"),
    )
    assert seen(state)[:3] == ("1920", "2000.00000000", "2000.00000000")


def test_coin_that_is_no_part_of_equity_moves_nothing() -> None:
    state = lost_three_hundredths()
    told = ev.BalanceAdjusted(at=NOON, asset="BNB", before=d(0), after=d(5), reason="a gift")
    assert after(state, told).marks is state.marks


@pytest.mark.parametrize("then", ["0", "-900"])
def test_who_takes_all_begins_anew(then: str) -> None:
    empty = after(fold([started(), closed(NOON, BTC="100")]), cash(then, "1000"))
    assert seen(empty) == (then, then, then, MIDNIGHT)
    again = after(empty, cash("500", then))
    assert seen(again) == ("500", "500", "500", MIDNIGHT)


@pytest.mark.parametrize(
    ("before", "after_", "opening"),
    [
        ("970", "1940", "2000"),
        ("2", "1", "500"),
        ("1", "3", "3000"),
        # Of nothing, and of less, no part is lost.
        ("970", "-900", "-900"),
        ("0", "500", "500"),
        ("-5", "500", "500"),
    ],
)
def test_part_of_nothing_is_none(before: str, after_: str, opening: str) -> None:
    marks = moved(Marks(d(before), d(1000), d(1000), MIDNIGHT), d(before), d(after_))
    assert marks == Marks(d(after_), d(opening), d(opening), MIDNIGHT)


def test_decimal_context_of_the_caller_moves_no_part() -> None:
    with decimal.localcontext(prec=6):
        assert in_proportion(d(1000), d(970), d(1455)) == d("1500.00000000")


# --- what tripped -------------------------------------------------------------------------------


def trip(control: str, until: int) -> ev.LimitTripped:
    """Return what tells of a tripped limit."""
    return ev.LimitTripped(
        at=NOON, control=control, limit=d(30), value=d(31), until=until, message="too much"
    )


def active() -> ev.TradingStateChanged:
    """Return a person's word that trading goes on."""
    return ev.TradingStateChanged(at=NOON, state=TradingState.ACTIVE, reason="seen")


def test_trips_are_kept_by_their_control_and_the_last_counts() -> None:
    first, second = trip("daily", MIDNIGHT), trip("daily", MIDNIGHT + DAY_MS)
    state = after(state_with(), first, trip("drawdown", FOR_EVER), second)
    assert state.track.trips == {
        "daily": Trip(MIDNIGHT + DAY_MS, d(30), d(31), "too much"),
        "drawdown": Trip(FOR_EVER, d(30), d(31), "too much"),
    }
    daily = state.track.trips["daily"]
    assert daily.is_active(MIDNIGHT + DAY_MS - 1)
    assert not daily.is_active(MIDNIGHT + DAY_MS)
    assert state.track.trips["drawdown"].is_active(2**62)


@pytest.mark.parametrize("trading", list(TradingState))
@pytest.mark.parametrize("until", [FOR_EVER, MIDNIGHT])
def test_trip_for_good_lets_only_exits_through_and_softens_no_halt(
    until: int, trading: TradingState
) -> None:
    state = after(state_with(trading=trading), trip("drawdown", until))
    is_stricter = until == FOR_EVER and trading is TradingState.ACTIVE
    assert state.trading is (TradingState.REDUCING if is_stricter else trading)
    assert not state.commands.paused, "no person has paused it"


def counting(*trips: str) -> State:
    """Return a state that has lost 200 of its peak, and where these controls wait for a person."""
    state = after(holding(), closed(NOON, BTC="100"), closed(NOON + HOUR, BTC="80"))
    state = state._replace(track=replace(state.track, errors=7, entries=9))
    return after(state, trip(DAILY_LOSS, MIDNIGHT), *(trip(each, FOR_EVER) for each in trips))


@pytest.mark.parametrize(
    ("trips", "peak", "errors", "entries"),
    [
        ([], "1100", 7, 9),
        ([DRAWDOWN], "900", 7, 9),
        ([ERRORS], "1100", 0, 9),
        ([ENTRIES], "1100", 7, 0),
        ([DRAWDOWN, ERRORS, ENTRIES], "900", 0, 0),
    ],
)
def test_person_begins_anew_what_had_tripped_and_nothing_else(
    trips: list[str], peak: str, errors: int, entries: int
) -> None:
    """Symptom: a pause and its resume hid each drawdown; 14 of them, 7.9 % with a limit of 2 %."""
    state = counting(*trips)
    paused = after(
        state, ev.TradingStateChanged(at=NOON, state=TradingState.REDUCING, reason="lunch")
    )
    assert (paused.track, paused.marks) == (state.track, state.marks)
    resumed = after(paused, active())
    assert resumed.trading is TradingState.ACTIVE
    assert not resumed.commands.paused
    daily = state.track.trips[DAILY_LOSS]
    assert resumed.track == replace(
        state.track, errors=errors, entries=entries, trips={DAILY_LOSS: daily}
    )
    assert seen(state) == ("900", "100", "1100", MIDNIGHT)
    assert seen(resumed) == ("900", "100", peak, MIDNIGHT)


def test_lifted_halt_lifts_no_limit_which_waits_for_a_word_of_its_own() -> None:
    """Symptom: kill and resume made a bot buy again whose drawdown had tripped."""
    state = counting(DRAWDOWN, ERRORS, ENTRIES)
    halted = after(
        state, ev.TradingStateChanged(at=NOON, state=TradingState.HALTED, reason="a kill")
    )
    once = after(halted, active())
    assert (once.track, once.marks) == (state.track, state.marks)
    assert once.trading is TradingState.REDUCING
    assert not once.commands.paused
    twice = after(once, active())
    assert twice.trading is TradingState.ACTIVE
    assert (list(twice.track.trips), seen(twice)[2]) == ([DAILY_LOSS], "900")


def test_lifted_limit_forgets_no_other_count() -> None:
    unlifted = after(counting(), active())
    assert seen(unlifted)[2] == "1100"
    lifted = after(counting(ENTRIES), active())
    assert (seen(lifted)[2], lifted.track.errors, lifted.track.entries) == ("1100", 7, 0)


def test_lifted_halt_lets_all_trading_go_on_where_only_the_day_was_lost() -> None:
    halted = after(
        counting(), ev.TradingStateChanged(at=NOON, state=TradingState.HALTED, reason="a kill")
    )
    assert after(halted, active()).trading is TradingState.ACTIVE


def test_trips_that_last_are_those_that_a_person_lifts() -> None:
    track = counting(DRAWDOWN).track
    assert track.lasting() == {DRAWDOWN: track.trips[DRAWDOWN]}


@pytest.mark.parametrize("trading", [TradingState.REDUCING, TradingState.HALTED])
def test_other_words_about_trading_arm_nothing(trading: TradingState) -> None:
    state = after(holding(), closed(NOON, BTC="100"), closed(NOON + HOUR, BTC="80"))
    state = after(state, trip("drawdown", FOR_EVER))
    told = after(state, ev.TradingStateChanged(at=NOON, state=trading, reason="lunch"))
    assert (told.track, told.marks) == (state.track, state.marks)


def sent(made: Order, at: int = NOON) -> list[Event]:
    """Return how an order comes to be on the wire."""
    return [intended(made), ev.OrderSent(at=at, order_id=made.id)]


# --- a restart ----------------------------------------------------------------------------------


def test_restart_knows_all_of_it_again() -> None:
    events: list[Event] = [started(market(), market("ETH/USDT")), closed(NOON, BTC="100", ETH="10")]
    buy = order("buy 1 BTC @ 100", order_id="tb-buy", closed_at=NOON)
    stop = order("sell 1 BTC @ 95", order_id="tb-stop", leg=Leg.STOP, kind=OrderKind.STOP)
    stop = replace(stop, stop_price=d(95))
    events += [*sent(buy), booked(buy, fill("1 @ 100 fee 0.1 USDT", trade_id="b", at=NOON))]
    events += [*sent(stop), ev.OrderAccepted(at=NOON, order_id=stop.id, exchange_id="7")]
    events += [cash("1899.9", "899.9"), closed(NOON + HOUR, BTC="90", ETH="10")]
    events += [booked(stop, fill("1 @ 94", trade_id="s", at=NOON + HOUR))]
    failed = order("buy 1 ETH @ 10", order_id="tb-eth", closed_at=NOON + HOUR)
    no = ev.OrderRejected(at=NOON, order_id=failed.id, code="-2010", message="no")
    events += [*sent(failed), no, closed(MIDNIGHT, BTC="91", ETH="10")]
    events += [trip("daily", MIDNIGHT + DAY_MS), trip("drawdown", FOR_EVER)]
    state = after(State(), *events)
    again = fold(decode(kind_of(event), encode(event)) for event in events)
    assert (again.track, again.marks, again.trading) == (state.track, state.marks, state.trading)
    assert again.trading is TradingState.REDUCING
    track = again.track
    assert (track.entries_on(NOON), track.errors, len(track.sent)) == (2, 1, 3)
    assert set(track.trips) == {"daily", "drawdown"}
    assert [each.is_loss_by_stop for each in track.trades] == [True]
    assert track.stopped == {BTC: NOON + HOUR}
    assert set(track.bought) == {BTC, ETH}
    assert seen(again)[3] == MIDNIGHT
    assert track.trips["daily"].day_ends == MIDNIGHT
