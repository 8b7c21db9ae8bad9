"""Loss of the day and drawdown: where they have reached their limits, and what trips for good.

Law: both are measured on equity with open positions marked at the last closes, and a limit trips at
its value: not a unit before, and not a unit after. The candle that closes at midnight is the last
of its day: a loss that only it shows keeps entries out of the day that begins.
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache

from tradebot.engine.controls.refusal import refused
from tradebot.engine.rules.limits import loss_floor
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.engine.track import FOR_EVER, Marks
from tradebot.model.event import LimitTripped
from tradebot.model.money import MONEY_CONTEXT, PPM, decimals_of, from_units, plain, to_units
from tradebot.model.order import Intent, Refused
from tradebot.model.timeframe import DAY_MS, format_time

MILLION = Decimal(PPM)
DAILY_LOSS, DRAWDOWN = "daily_loss_fraction_max", "drawdown_fraction_max"
ERRORS, ENTRIES = "errors_in_a_row_max", "entries_per_day_max"
RESUME = "`tradebot resume --reason TEXT` allows entries again"


def floor_of(before: Decimal, marked: Decimal, loss_ppm: int) -> Decimal:
    """Return the equity at which that part of `before` is lost, by the rule, exactly.

    In units that hold both amounts, as cash units do.
    """
    decimals = max(decimals_of(before), decimals_of(marked))
    return from_units(loss_floor(to_units(before, decimals), loss_ppm), decimals)


def newly_tripped(state: State, rules: Rules, *, at: int) -> list[LimitTripped]:
    """Return the limits that have been reached, and have not been told of yet."""
    if not is_reached(state, rules):
        return []
    reached = _reached(state, rules, at)
    return [trip for trip in reached if not _is_known(state, trip)]


@cache
def _kept(loss_ppm: int) -> Decimal:
    return Decimal(PPM - loss_ppm)


def is_reached(state: State, rules: Rules) -> bool:
    """Return whether any limit has been reached. Asked at every candle: as a rule none has."""
    marks, track, pace = state.marks, state.track, rules.pace
    multiply = MONEY_CONTEXT.multiply
    # The same as `marked <= floor_of(…)`, exactly: units lost are whole, so the rule's rounding up
    # of the limit asks for none more.
    left = multiply(marks.marked, MILLION)
    return (
        left <= multiply(marks.opening, _kept(rules.daily_loss_ppm_max))
        or left <= multiply(marks.peak, _kept(rules.drawdown_ppm_max))
        or 0 < pace.errors_in_a_row_max <= track.errors
        or 0 < pace.entries_per_day_max <= track.entries
    )


def _is_known(state: State, trip: LimitTripped) -> bool:
    """Return whether it was told before: a loss of the day, on this very day."""
    known = state.track.trips.get(trip.control)
    if known is None:
        return False
    return known.until == FOR_EVER or known.day_ends == state.marks.day_ends


def _day_until(marks: Marks, latest: int) -> int:
    """Return until when a loss of the day keeps entries out; `latest` is the newest close.

    What only the day's last close shows would keep out none: then it is for the day that begins.
    """
    return marks.day_ends if latest < marks.day_ends else marks.day_ends + DAY_MS


def _reached(state: State, rules: Rules, at: int) -> Iterator[LimitTripped]:
    marks, track = state.marks, state.track
    day_until = _day_until(marks, state.feed.latest)
    for control, before, ppm, until, what in (
        (DAILY_LOSS, marks.opening, rules.daily_loss_ppm_max, day_until, "the day's opening"),
        (DRAWDOWN, marks.peak, rules.drawdown_ppm_max, FOR_EVER, "its peak"),
    ):
        floor = floor_of(before, marks.marked, ppm)
        # Of nothing, nothing is lost: whoever took all out has tripped nothing.
        if marks.marked <= floor < before:
            limit = MONEY_CONTEXT.subtract(before, floor)
            value = MONEY_CONTEXT.subtract(before, marks.marked)
            yield LimitTripped(
                at=at,
                control=control,
                limit=limit,
                value=value,
                until=until,
                message=f"equity {plain(marks.marked)} is {plain(value)} under {what} "
                f"{plain(before)}, the limit is {plain(limit)}; {_until(until)}",
            )
    pace = rules.pace
    if 0 < pace.errors_in_a_row_max <= track.errors:
        yield _counted(
            at,
            ERRORS,
            pace.errors_in_a_row_max,
            track.errors,
            "orders in a row were rejected or got no proof",
        )
    if 0 < pace.entries_per_day_max <= track.entries:
        # Also where the day is over: a person has to look at it.
        yield _counted(
            at, ENTRIES, pace.entries_per_day_max, track.entries, "entries were made on one day"
        )


def _counted(at: int, control: str, limit: int, value: int, what: str) -> LimitTripped:
    return LimitTripped(
        at=at,
        control=control,
        limit=Decimal(limit),
        value=Decimal(value),
        until=FOR_EVER,
        message=f"{value} {what}, the limit is {limit}; {RESUME}",
    )


def _until(until: int) -> str:
    return RESUME if until == FOR_EVER else f"no entries until {format_time(until)}"


def check_trips(state: State, intent: Intent, rules: Rules) -> Refused | None:
    """Refuse an entry while a limit that has tripped keeps entries out, told of or not."""
    for control, trip in state.track.trips.items():
        if trip.is_active(intent.closed_at):
            return refused(intent, control, trip.limit, trip.value, trip.message)
    for reached in newly_tripped(state, rules, at=intent.closed_at):
        if reached.until == FOR_EVER or intent.closed_at < reached.until:
            return refused(
                intent, reached.control, reached.limit, reached.value, reached.message
            )
    return None
