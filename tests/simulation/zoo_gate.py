"""Bugs of the gate's limits: where they trip, what moves them, what they count, what lifts them."""

from tests.simulation.zoo import Bug
from tests.support.builders import START
from tradebot.engine import apply, protect, risk, sizing, track, valuation
from tradebot.engine.controls import admission, amounts, holdings, losses, pace
from tradebot.model.order import OrderStatus
from tradebot.model.timeframe import DAY_MS
from tradebot.runtime.carrying import Carrier
from tradebot.runtime.session import Session

_CONTROLS = "tests.unit.engine.controls"
_LIMITS = "tests.unit.runtime.test_limits"
_PACE = "tests.unit.engine.test_pace_of_exits"
_TRACK = "tests.unit.engine.test_track"
_BUY = "buy 1 BTC @ 100"

GATE_BUGS = (
    Bug(
        "the loss of a day is measured on cash alone",
        ((valuation.marked_equity, "if position.quantity:", "if False:"),),
        test=(_TRACK, "test_peak_rises_with_equity_and_never_falls_by_itself"),
    ),
    Bug(
        "a loss trips one unit late",
        (
            (
                losses._reached,
                "if marks.marked <= floor < before",
                "if marks.marked < floor < before",
            ),
        ),
        test=(
            f"{_CONTROLS}.test_losses",
            "test_both_may_trip_at_once_and_the_day_is_named_first",
        ),
    ),
    Bug(
        "a limit on losses is rounded to what equity was counted in",
        (
            (
                losses.floor_of,
                "max(decimals_of(before), decimals_of(marked))",
                "decimals_of(before)",
            ),
        ),
        test=(
            f"{_CONTROLS}.test_losses",
            "test_loss_is_exact_however_few_decimals_equity_had",
            "3",
            "2.91000001",
            "2.91",
        ),
    ),
    Bug(
        "an account of nothing has tripped",
        ((losses._reached, "<= floor < before", "<= floor"),),
        test=(
            f"{_CONTROLS}.test_losses",
            "test_account_that_began_with_nothing_has_lost_nothing",
            "0",
        ),
    ),
    Bug(
        "a deposit moves the peak",
        (
            (
                track.moved,
                "in_proportion(marks.peak, before, after)",
                "max(marks.peak, after)",
            ),
        ),
        test=(_TRACK, "test_what_fills_cost_since_the_last_close_is_a_loss_and_no_withdrawal"),
    ),
    Bug(
        "a deposit hides the day's loss",
        ((track.moved, "in_proportion(marks.opening, before, after)", "after"),),
        test=(_TRACK, "test_what_fills_cost_since_the_last_close_is_a_loss_and_no_withdrawal"),
    ),
    Bug(
        "a day opens with the candle after midnight",
        ((track.marked, "Marks(equity, marks.marked, peak", "Marks(equity, equity, peak"),),
        test=(_TRACK, "test_late_candle_of_yesterday_marks_today_and_opens_nothing"),
    ),
    Bug(
        "a day's last candle is of the next one",
        ((track.marked, "if closed_at <= marks.day_ends", "if closed_at < marks.day_ends"),),
        test=(
            _TRACK,
            "test_day_ends_with_the_close_at_midnight_and_opens_with_the_last_mark",
            START + DAY_MS,
            "100",
            START + DAY_MS,
        ),
    ),
    Bug(
        "a loss that the day's end shows keeps nobody out",
        ((losses._day_until, "marks.day_ends + DAY_MS", "marks.day_ends"),),
        test=(_LIMITS, "test_loss_of_the_last_hour_keeps_entries_out_of_the_day_that_begins"),
    ),
    Bug(
        "a person who resumes forgets the day's loss",
        ((track.resumed, "if trip.until != FOR_EVER", "if False"),),
        test=(_TRACK, "test_lifted_halt_lifts_no_limit_which_waits_for_a_word_of_its_own"),
    ),
    Bug(
        "a person who resumes keeps the old peak",
        ((apply._lifted, "(peak=marks.marked)", "()"),),
        test=(_TRACK, "test_lifted_halt_lifts_no_limit_which_waits_for_a_word_of_its_own"),
    ),
    Bug(
        "a lifted halt lifts a drawdown",
        ((apply._trading_state_changed, "state.trading is TradingState.HALTED", "False"),),
        test=(_TRACK, "test_lifted_halt_lifts_no_limit_which_waits_for_a_word_of_its_own"),
    ),
    Bug(
        "a pause and its resume forget the drawdown",
        (
            (apply._trading_state_changed, "ACTIVE and lasting", "ACTIVE"),
            (apply._lifted, "if losses.DRAWDOWN in lasting", "if True"),
        ),
        test=(_TRACK, "test_lifted_limit_forgets_no_other_count"),
    ),
    Bug(
        "a person who resumes forgets errors that had not tripped",
        ((track.resumed, "0 if are_errors else track.errors", "0"),),
        test=(_TRACK, "test_lifted_limit_forgets_no_other_count"),
    ),
    Bug(
        "the entries of a day are forgotten over midnight",
        ((losses._reached, "_max <= track.entries:", "_max <= track.entries_on(at):"),),
        test=(_LIMITS, "test_entries_of_a_day_that_is_over_wait_for_a_person_too"),
    ),
    Bug(
        "the day's loss is lifted by nobody",
        ((track.Trip.is_active, "now_ms < self.until", "True"),),
        test=(_LIMITS, "test_midnight_lifts_the_loss_of_the_day_and_not_an_hour_sooner"),
    ),
    Bug(
        "a drawdown ends with the day",
        (
            (
                losses._reached,
                "rules.drawdown_ppm_max, FOR_EVER",
                "rules.drawdown_ppm_max, marks.day_ends",
            ),
        ),
        test=(
            f"{_CONTROLS}.test_losses",
            "test_trip_for_good_is_told_once_and_lets_only_exits_through",
        ),
    ),
    Bug(
        "a trip softens a halt",
        ((apply._limit_tripped, " and trading is TradingState.ACTIVE", ""),),
        test=(f"{_LIMITS}_lifted", "test_trip_softens_no_halt"),
    ),
    Bug(
        "a trip is not on disk, and a restart forgets it",
        ((Session._take_in, "if is_reached(", "if False and is_reached("),),
        test=(_LIMITS, "test_restart_knows_of_the_trip"),
    ),
    Bug(
        "a tripped limit holds exits back",
        ((risk._check, "if of_any_order is not None or intent.reduce_only", "if of_any_order"),),
        test=(_LIMITS, "test_exits_go_on_after_a_trip"),
    ),
    Bug(
        "the gate lets a decision through a second time",
        ((pace.check_twice, "if state.orders.get(order_id) is None", "if True"),),
        test=(
            f"{_CONTROLS}.test_pace",
            "test_same_order_is_never_carried_out_twice",
            _BUY,
            OrderStatus.REJECTED,
        ),
    ),
    Bug(
        "entries take the share of exits",
        (
            (
                pace.check_rate,
                "share = most if intent.reduce_only else most - most // RESERVED_PART",
                "share = most",
            ),
        ),
        test=(f"{_CONTROLS}.test_pace", "test_fifth_for_exits_is_rounded_down", 10, 8),
    ),
    Bug(
        "the pace keeps the stop of a bare position back",
        ((pace.check_rate, " or is_for_bare(state, intent)", ""),),
        test=(f"{_CONTROLS}.test_pace", "test_what_guards_or_ends_a_bare_position_never_waits"),
    ),
    Bug(
        "a stop goes for a sale that the pace holds back",
        ((protect.exit_at, "messages=2", ""),),
        test=(_PACE, "test_sale_that_the_pace_holds_back_costs_no_stop"),
    ),
    Bug(
        "of a stop and its target one is counted",
        ((protect._guarded_by, "messages=2", ""),),
        test=(_PACE, "test_target_that_would_pass_the_pace_lets_its_stop_leave_alone", 9),
    ),
    Bug(
        "an order in doubt lets entries in beside it",
        ((admission.check_doubt, "if here:", "if False:"),),
        test=(
            f"{_CONTROLS}.test_admission",
            "test_orders_in_doubt_are_counted_in_their_market",
        ),
    ),
    Bug(
        "what is in doubt is not counted",
        (
            (
                valuation.reserved,
                "if order.leg is Leg.ENTRY and",
                'if order.status.value == "accepted" and order.leg is Leg.ENTRY and',
            ),
        ),
        test=(
            f"{_CONTROLS}.test_holdings",
            "test_unsettled_entries_count_as_filled_in_every_limit",
            OrderStatus.UNKNOWN,
        ),
    ),
    Bug(
        "a cluster counts no order that is out",
        ((holdings.cluster_used, "used += valuation.reserved(state, name)", "used += 0"),),
        test=(
            f"{_CONTROLS}.test_holdings",
            "test_cluster_counts_what_is_held_and_what_is_out_in_cash_units",
        ),
    ),
    Bug(
        "a price that fell is within every collar",
        (
            (
                amounts.check_price,
                "subtract(max(price, reference), min(price, reference))",
                "subtract(price, reference)",
            ),
        ),
        test=(
            _LIMITS,
            "test_entry_leaves_only_where_the_market_still_is",
            "97.99999999",
            "price_collar_fraction",
        ),
    ),
    Bug(
        "an entry leaves though nobody knows the price",
        ((Carrier._off_price, "price = None", "return None"),),
        test=(
            _LIMITS,
            "test_entry_leaves_only_where_the_market_still_is",
            None,
            "reference_price",
        ),
    ),
    Bug(
        "errors are counted though the exchange took orders between them",
        ((track.answered, "replace(track, errors=0) if track.errors else track", "track"),),
        test=(_LIMITS, "test_order_that_the_exchange_takes_ends_the_row"),
    ),
    Bug(
        "a stop that was told late hides newer ones",
        (
            (
                track.ended,
                "sorted((*track.trades, trade), key=lambda each: each.at)",
                "(*track.trades, trade)",
            ),
        ),
        test=(
            "tests.unit.engine.test_track_orders",
            "test_stop_that_was_told_late_is_filed_by_its_time",
        ),
    ),
    Bug(
        "a range is rounded down, and more is at risk",
        (
            (
                sizing._wanted,
                "portion_up(candle.mean_range, rules.range_multiple_ppm)",
                "candle.mean_range * rules.range_multiple_ppm // PPM",
            ),
        ),
        test=(
            "tests.unit.engine.test_sizing",
            "test_volatility_buys_what_some_ranges_can_lose",
            3,
            500_000,
            "5",
        ),
    ),
)
