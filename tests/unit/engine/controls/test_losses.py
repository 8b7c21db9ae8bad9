"""Loss of the day, drawdown, errors and entries: each trips at its value, once, and is told."""

from dataclasses import replace

import pytest

from tests.support.builders import BTC, d, intent, position, rules, state_with
from tests.support.gated import PASSES, Told, asked
from tests.support.losses import MIDNIGHT, NOW, marks, told, tripped
from tradebot.engine.apply import apply
from tradebot.engine.controls.losses import RESUME, is_reached, newly_tripped
from tradebot.engine.settings import Pace
from tradebot.engine.state import State
from tradebot.engine.track import FOR_EVER, Marks, Trip
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.timeframe import DAY_MS

BUY, SELL = "buy 0.06 BTC @ 100", "sell 1 BTC @ 100"
DAY_LIMIT, PEAK_LIMIT = rules(daily_loss_ppm_max=30_000), rules(drawdown_ppm_max=200_000)
UNTIL_MIDNIGHT = "no entries until 2024-01-02T00:00:00Z"


def counted(*, errors: int = 0, entries: int = 0) -> State:
    """Return a state after so many errors in a row, and so many entries today."""
    state = state_with(positions={BTC: position("1 @ 100")})
    track = replace(state.track, errors=errors, entries=entries, day=NOW // DAY_MS)
    return state._replace(track=track)


# --- the day's loss -----------------------------------------------------------------------------


def _day(marked: str, lost: str) -> Told:
    return (
        "daily_loss_fraction_max",
        "30",
        lost,
        f"BTC/USDT: equity {marked} is {lost} under the day's opening 1000, the limit is 30; "
        f"{UNTIL_MIDNIGHT}",
    )


@pytest.mark.parametrize(
    ("marked", "ruling"),
    [
        ("1001", PASSES),
        ("1000", PASSES),
        ("970.01", PASSES),
        ("970.00000001", PASSES),
        ("970.0000000000000001", PASSES),
        ("970", _day("970", "30")),
        ("969.99999999", _day("969.99999999", "30.00000001")),
        ("500", _day("500", "500")),
    ],
)
def test_loss_of_the_day_trips_at_its_value(marked: str, ruling: Told) -> None:
    state = marks(marked)
    assert asked(state, BUY, DAY_LIMIT) == ruling
    assert asked(state, SELL, DAY_LIMIT) == PASSES
    (trip,) = newly_tripped(state, DAY_LIMIT, at=NOW) or (None,)
    assert (trip is not None) is bool(ruling)
    if trip is not None:
        assert trip.until == MIDNIGHT
        assert (trip.at, f"BTC/USDT: {trip.message}") == (NOW, ruling[3])


def _peak(marked: str, lost: str) -> Told:
    return (
        "drawdown_fraction_max",
        "200",
        lost,
        f"BTC/USDT: equity {marked} is {lost} under its peak 1000, the limit is 200; {RESUME}",
    )


@pytest.mark.parametrize(
    ("marked", "ruling"),
    [
        ("800.00000001", PASSES),
        ("800", _peak("800", "200")),
        ("799.99999999", _peak("799.99999999", "200.00000001")),
    ],
)
def test_drawdown_trips_at_its_value(marked: str, ruling: Told) -> None:
    state = marks(marked, opening=marked)
    assert asked(state, BUY, PEAK_LIMIT) == ruling
    assert asked(state, SELL, PEAK_LIMIT) == PASSES
    (trip,) = newly_tripped(state, PEAK_LIMIT, at=NOW) or (None,)
    assert (trip is not None) is bool(ruling)
    if trip is not None:
        assert trip.until == FOR_EVER
        assert (trip.at, f"BTC/USDT: {trip.message}") == (NOW, ruling[3])


@pytest.mark.parametrize(
    ("opening", "over", "at"),
    [
        # Whole coins whose part is none: 3 % of 3 is 0.09, of 1001 it is 30.03.
        ("3", "2.91000001", "2.91"),
        ("3", "2.91000001", "2.9"),
        ("1001", "970.98", "970.97"),
        ("1001", "970.971", "970.9"),
        ("1000.01", "970.0097000001", "970.0097"),
        ("0.00000007", "0.00000006790001", "0.0000000679"),
    ],
)
def test_loss_is_exact_however_few_decimals_equity_had(opening: str, over: str, at: str) -> None:
    """Symptom: of 3 coins 1 had to be lost, a third, where three hundredths were the limit."""
    for by, control in (
        (DAY_LIMIT, "daily_loss_fraction_max"),
        (rules(drawdown_ppm_max=30_000), "drawdown_fraction_max"),
    ):
        for marked, is_tripped in ((over, False), (at, True)):
            state = marks(marked, opening=opening, peak=opening)
            assert [trip[0] for trip in tripped(state, by)] == [control] * is_tripped
            assert asked(state, BUY, by)[:1] == ((control,) if is_tripped else ())


def test_limit_of_all_trips_where_nothing_is_left() -> None:
    by = rules(daily_loss_ppm_max=1_000_000, drawdown_ppm_max=1_000_000)
    assert tripped(marks("0.00000001"), by) == []
    assert [trip[0] for trip in tripped(marks("0"), by)] == [
        "daily_loss_fraction_max",
        "drawdown_fraction_max",
    ]


@pytest.mark.parametrize("equity", ["0", "-5"])
def test_account_that_began_with_nothing_has_lost_nothing(equity: str) -> None:
    """Symptom: who withdrew all, or began with nothing, had to resume to trade what he paid in."""
    by = rules(daily_loss_ppm_max=30_000, drawdown_ppm_max=200_000)
    assert tripped(marks(equity, opening=equity, peak=equity), by) == []


def test_both_may_trip_at_once_and_the_day_is_named_first() -> None:
    by = replace(DAY_LIMIT, drawdown_ppm_max=200_000)
    state = marks("800")
    assert tripped(state, by) == [
        ("daily_loss_fraction_max", "30", "200", MIDNIGHT),
        ("drawdown_fraction_max", "200", "200", FOR_EVER),
    ]
    assert asked(state, BUY, by)[:1] == ("daily_loss_fraction_max",)


# --- errors and entries -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "ruling"),
    [
        (4, PASSES),
        (
            5,
            (
                "errors_in_a_row_max",
                "5",
                "5",
                "BTC/USDT: 5 orders in a row were rejected or got no proof, the limit is 5; "
                + RESUME,
            ),
        ),
        (
            6,
            (
                "errors_in_a_row_max",
                "5",
                "6",
                "BTC/USDT: 6 orders in a row were rejected or got no proof, the limit is 5; "
                + RESUME,
            ),
        ),
    ],
)
def test_errors_in_a_row_trip_at_their_count(count: int, ruling: Told) -> None:
    by, state = rules(pace=Pace(errors_in_a_row_max=5)), counted(errors=count)
    assert asked(state, BUY, by) == ruling
    assert asked(state, SELL, by) == PASSES
    assert [trip[3] for trip in tripped(state, by)] == [FOR_EVER] * bool(ruling)
    assert asked(state, BUY, rules(pace=Pace(errors_in_a_row_max=0))) == PASSES


@pytest.mark.parametrize(
    ("count", "ruling"),
    [
        (19, PASSES),
        (
            20,
            (
                "entries_per_day_max",
                "20",
                "20",
                f"BTC/USDT: 20 entries were made on one day, the limit is 20; {RESUME}",
            ),
        ),
        (
            21,
            (
                "entries_per_day_max",
                "20",
                "21",
                f"BTC/USDT: 21 entries were made on one day, the limit is 20; {RESUME}",
            ),
        ),
    ],
)
def test_entries_of_a_day_trip_at_their_count(count: int, ruling: Told) -> None:
    by, state = rules(pace=Pace(entries_per_day_max=20)), counted(entries=count)
    assert asked(state, BUY, by) == ruling
    assert asked(state, SELL, by) == PASSES
    assert [trip[3] for trip in tripped(state, by)] == [FOR_EVER] * bool(ruling)
    assert [trip[1:3] for trip in tripped(state, by, at=MIDNIGHT)] == [("20", str(count))] * bool(
        ruling
    ), "the day's end hides none of them"
    assert asked(state, BUY, rules(pace=Pace(entries_per_day_max=0))) == PASSES


@pytest.mark.parametrize(
    ("state", "at", "is_so"),
    [
        (marks("970.01"), NOW, False),
        (marks("970"), NOW, True),
        (marks("980", peak="1225.01"), NOW, True),
        (marks("980", peak="1225"), NOW, True),
        (marks("980", peak="1224.99"), NOW, False),
        (counted(errors=4, entries=19), NOW, False),
        (counted(errors=5), NOW, True),
        (counted(entries=20), NOW, True),
        (counted(entries=20), MIDNIGHT, True),
    ],
)
def test_most_candles_are_asked_no_more_than_whether_anything_was_reached(
    state: State, at: int, is_so: bool
) -> None:
    pace = Pace(errors_in_a_row_max=5, entries_per_day_max=20)
    by = rules(daily_loss_ppm_max=30_000, drawdown_ppm_max=200_000, pace=pace)
    assert is_reached(state, by) is is_so
    assert bool(tripped(state, by, at)) is is_so
    assert not is_reached(counted(), rules()), "limits that are off are not reached by none"
    for once, one in (
        (counted(errors=1), Pace(errors_in_a_row_max=1)),
        (counted(entries=1), Pace(entries_per_day_max=1)),
    ):
        assert is_reached(once, rules(pace=one))


def test_all_that_tripped_is_told_in_one_order() -> None:
    by = rules(
        daily_loss_ppm_max=1,
        drawdown_ppm_max=1,
        pace=Pace(errors_in_a_row_max=1, entries_per_day_max=1),
    )
    state = marks("1")._replace(track=counted(errors=1, entries=1).track)
    controls = [
        "daily_loss_fraction_max",
        "drawdown_fraction_max",
        "errors_in_a_row_max",
        "entries_per_day_max",
    ]
    assert [trip[0] for trip in tripped(state, by)] == controls


# --- told once ----------------------------------------------------------------------------------


def test_trip_is_told_once_and_anew_on_a_new_day() -> None:
    state = marks("970")
    state = told(state, newly_tripped(state, DAY_LIMIT, at=NOW))
    assert tripped(state, DAY_LIMIT) == []
    assert state.trading is TradingState.ACTIVE, "it ends by itself"
    # The same day, deeper: not again.
    assert tripped(state._replace(marks=state.marks._replace(marked=d(900))), DAY_LIMIT) == []
    tomorrow = Marks(d(800), d(900), d(1000), MIDNIGHT + DAY_MS)
    assert tripped(state._replace(marks=tomorrow), DAY_LIMIT, at=MIDNIGHT) == [
        ("daily_loss_fraction_max", "27", "100", MIDNIGHT + DAY_MS)
    ]


def test_trip_for_good_is_told_once_and_lets_only_exits_through() -> None:
    state = marks("800", opening="800")
    state = told(state, newly_tripped(state, PEAK_LIMIT, at=NOW))
    assert tripped(state, PEAK_LIMIT) == []
    assert state.trading is TradingState.REDUCING
    assert asked(state, BUY, PEAK_LIMIT)[:3] == ("drawdown_fraction_max", "200", "200")
    assert asked(state, SELL, PEAK_LIMIT) == PASSES
    # It stays tripped where equity has come back, and where its limit was raised since.
    back = state._replace(marks=state.marks._replace(marked=d(1000)))
    assert asked(back, BUY, rules())[:1] == ("drawdown_fraction_max",)


@pytest.mark.parametrize("now", list(TradingState))
def test_trip_for_good_never_softens_the_state_of_trading(now: TradingState) -> None:
    state = marks("800", opening="800")._replace(trading=now)
    state = told(state, newly_tripped(state, PEAK_LIMIT, at=NOW))
    is_active = now is TradingState.ACTIVE
    assert state.trading is (TradingState.REDUCING if is_active else now)


def test_known_trip_is_named_before_one_that_nobody_told_of() -> None:
    state = marks("800")
    trips = {"errors_in_a_row_max": Trip(FOR_EVER, d(5), d(5), "it failed")}
    state = state._replace(track=replace(state.track, trips=trips))
    assert asked(state, BUY, PEAK_LIMIT)[:1] == ("errors_in_a_row_max",)


def test_trip_that_is_over_hides_no_other() -> None:
    trips = {
        "daily_loss_fraction_max": Trip(NOW, d(1), d(1), "over"),
        "drawdown_fraction_max": Trip(FOR_EVER, d(2), d(2), "not over"),
    }
    state = state_with()
    state = state._replace(track=replace(state.track, trips=trips))
    assert asked(state, BUY, rules()) == (
        "drawdown_fraction_max",
        "2",
        "2",
        "BTC/USDT: not over",
    )


def test_resuming_forgets_all_but_the_loss_of_the_day() -> None:
    by = replace(
        DAY_LIMIT,
        drawdown_ppm_max=200_000,
        pace=Pace(errors_in_a_row_max=5, entries_per_day_max=20),
    )
    state = marks("800")._replace(track=counted(errors=5, entries=20).track)
    state = told(state, newly_tripped(state, by, at=NOW))
    resumed = apply(state, ev.TradingStateChanged(at=NOW, state=TradingState.ACTIVE, reason="seen"))
    assert resumed.trading is TradingState.ACTIVE
    assert asked(resumed, BUY, by)[:1] == ("daily_loss_fraction_max",)
    assert tripped(resumed, by) == []
    # The next day begins where this one ended; 20 % of 800 are 160.
    assert resumed.marks.peak == 800
    tomorrow = Marks(d(800), d(800), d(800), MIDNIGHT + DAY_MS)
    at_midnight = resumed._replace(marks=tomorrow)
    wanted = intent(BUY, closed_at=MIDNIGHT)
    assert asked(at_midnight, wanted, by) == PASSES
    deep = resumed._replace(marks=tomorrow._replace(marked=d(640), opening=d(640)))
    assert tripped(deep, by, at=MIDNIGHT) == [("drawdown_fraction_max", "160", "160", FOR_EVER)]


def test_decimal_context_of_the_caller_moves_no_limit() -> None:
    opening = "123456789012345678.12345678"
    # 97 % of it, to the last digit: 28 digits are too few for the product.
    floor, above = "119753085341975307.7797530766", "119753085341975307.7797530767"
    assert tripped(marks(above, opening=opening, peak=opening), DAY_LIMIT) == []
    assert tripped(marks(floor, opening=opening, peak=opening), DAY_LIMIT) != []
