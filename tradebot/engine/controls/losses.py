"""Loss of the day and drawdown: where they have reached their limits, and what trips for good.

Law: both are measured on equity with open positions marked at the last closes, and a limit trips at
its value: not a unit before, and not a unit after.
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

from tradebot.engine.controls.refusal import refused
from tradebot.engine.rules.limits import loss_floor
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.engine.track import FOR_EVER, Track
from tradebot.model.event import LimitTripped
from tradebot.model.money import MONEY_CONTEXT, decimals_of, from_units, plain, to_units
from tradebot.model.order import Intent, Refused
from tradebot.model.timeframe import format_time

DAILY_LOSS, DRAWDOWN = "daily_loss_fraction_max", "drawdown_fraction_max"
ERRORS, ENTRIES = "errors_in_a_row_max", "entries_per_day_max"
RESUME = "`tradebot resume --reason TEXT` allows entries again"


@lru_cache(maxsize=64)
def floor_of(before: Decimal, loss_ppm: int) -> Decimal:
    """Return the equity at which that part of `before` is lost, by the rule, exactly."""
    decimals = decimals_of(before)
    return from_units(loss_floor(to_units(before, decimals), loss_ppm), decimals)


def newly_tripped(state: State, rules: Rules, *, at: int) -> list[LimitTripped]:
    """Return the limits that have been reached, and have not been told of yet."""
    track = state.track
    # Asked at every candle: as a rule none of it is so.
    is_lossy = (
        track.marked <= floor_of(track.opening, rules.daily_loss_ppm_max)
        or track.marked <= floor_of(track.peak, rules.drawdown_ppm_max)
    )
    pace = rules.pace
    is_failing = 0 < pace.errors_in_a_row_max <= track.errors
    is_busy = 0 < pace.entries_per_day_max <= track.entries
    if not (is_lossy or is_failing or is_busy):
        return []
    return [trip for trip in _reached(track, rules, at) if not _is_known(track, trip)]


def _is_known(track: Track, trip: LimitTripped) -> bool:
    known = track.trips.get(trip.control)
    return known is not None and known.until == trip.until


def _reached(track: Track, rules: Rules, at: int) -> Iterator[LimitTripped]:
    for control, before, ppm, until, what in (
        (DAILY_LOSS, track.opening, rules.daily_loss_ppm_max, track.day_ends, "the day's opening"),
        (DRAWDOWN, track.peak, rules.drawdown_ppm_max, FOR_EVER, "its peak"),
    ):
        floor = floor_of(before, ppm)
        if track.marked <= floor:
            limit = MONEY_CONTEXT.subtract(before, floor)
            value = MONEY_CONTEXT.subtract(before, track.marked)
            yield LimitTripped(
                at=at,
                control=control,
                limit=limit,
                value=value,
                until=until,
                message=f"equity {plain(track.marked)} is {plain(value)} under {what} "
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
        yield _counted(
            at, ENTRIES, pace.entries_per_day_max, track.entries, "entries were made today"
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
