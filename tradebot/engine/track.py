"""What the limits look back on: equity's day and peak, trades that ended, orders that were sent.

Law: deposits and withdrawals move neither loss nor drawdown: what these are measured from moves
with the money. Nothing here refuses; that is the gate's work.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_UP, Decimal
from typing import NamedTuple

from tradebot.engine.booking import COST_UNIT
from tradebot.model.account import Position
from tradebot.model.money import MONEY_CONTEXT, ZERO
from tradebot.model.timeframe import DAY_MS

# A person has to lift it.
FOR_EVER = 0
TRADES_KEPT_MAX = 256
PACE_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Trip:
    """A limit that has tripped: no entry until `until` (UTC ms; 0 = until a person resumes).

    `day_ends` is when the UTC day ended on which it tripped.
    """

    until: int
    limit: Decimal
    value: Decimal
    message: str
    day_ends: int = 0

    def is_active(self, now_ms: int) -> bool:
        """Return whether it still keeps entries out."""
        return self.until == FOR_EVER or now_ms < self.until


@dataclass(frozen=True, slots=True)
class Ended:
    """A trade that has ended: its gain in quote after fees, and what it had cost."""

    market: str
    at: int
    gain: Decimal
    cost: Decimal
    is_stopped: bool

    @property
    def is_loss_by_stop(self) -> bool:
        """Whether its stop ended it, and at a loss: one that had risen far enough did not."""
        return self.is_stopped and self.gain < ZERO


class Marks(NamedTuple):
    """Equity as the limits on losses need it, in the quote coin; `day_ends` in UTC ms.

    `marked` is equity with positions at the last closes, `opening` what it was when the UTC day
    began that ends at `day_ends`, `peak` its highest since a drawdown was last lifted.
    """

    marked: Decimal = ZERO
    opening: Decimal = ZERO
    peak: Decimal = ZERO
    day_ends: int = 0


@dataclass(frozen=True, slots=True)
class Track:
    """What happened as the other limits need it; times in UTC ms.

    `entries` counts the entries intended on the UTC day `day`, numbered since 1970, and `errors`
    orders in a row that were rejected or got no proof. `sent` holds when orders and cancels of the
    last hour were intended, `bought` time and quantity of each market's last entry, `stopped` when
    each was last stopped out.
    """

    day: int = 0
    entries: int = 0
    errors: int = 0
    trips: Mapping[str, Trip] = field(default_factory=dict)
    trades: tuple[Ended, ...] = ()
    sent: tuple[int, ...] = ()
    bought: Mapping[str, tuple[int, Decimal]] = field(default_factory=dict)
    stopped: Mapping[str, int] = field(default_factory=dict)

    def entries_on(self, time_ms: int) -> int:
        """Return how many entries were intended on the UTC day of `time_ms`."""
        return self.entries if time_ms // DAY_MS == self.day else 0

    def lasting(self) -> dict[str, Trip]:
        """Return the trips that a person has to lift, by their control."""
        return {name: trip for name, trip in self.trips.items() if trip.until == FOR_EVER}


def begun(equity: Decimal) -> Marks:
    """Return the marks of a session that begins with this much."""
    return Marks(equity, equity, equity)


def marked(marks: Marks, equity: Decimal, closed_at: int) -> Marks:
    """Return the marks after candles that closed at `closed_at`.

    A candle that closes at midnight is the last of the day that ends, for it is of that day; the
    next one opens with the last mark before it.
    """
    peak = equity if equity > marks.peak else marks.peak
    if closed_at <= marks.day_ends:
        if equity == marks.marked:
            return marks
        return Marks(equity, marks.opening, peak, marks.day_ends)
    return Marks(equity, marks.marked, peak, closed_at + -closed_at % DAY_MS)


def moved(marks: Marks, before: Decimal, after: Decimal) -> Marks:
    """Return the marks after a person moved money: equity was `before`, and is `after` now.

    The same part of it is lost as before. Rounded up: a limit trips no later for it.
    """
    if before <= 0 or after <= 0:
        return Marks(after, after, after, marks.day_ends)
    return Marks(
        after,
        in_proportion(marks.opening, before, after),
        in_proportion(marks.peak, before, after),
        marks.day_ends,
    )


def in_proportion(amount: Decimal, before: Decimal, after: Decimal) -> Decimal:
    """Return what `amount` is beside `after`, as it was beside `before`; rounded up."""
    if amount == before:
        return after
    scaled = MONEY_CONTEXT.divide(MONEY_CONTEXT.multiply(amount, after), before)
    return scaled.quantize(COST_UNIT, rounding=ROUND_UP, context=MONEY_CONTEXT)


def intended(
    track: Track, *, at: int, closed_at: int, market: str, entry_of: Decimal | None
) -> Track:
    """Return the track after an order was intended; `entry_of` is the quantity of an entry."""
    track = paced(track, at)
    if entry_of is None:
        return track
    bought = {**track.bought, market: (closed_at, entry_of)}
    entries = track.entries_on(closed_at) + 1
    return replace(track, day=closed_at // DAY_MS, entries=entries, bought=bought)


def paced(track: Track, at: int) -> Track:
    """Return the track after a message to the exchange: those older than an hour are forgotten."""
    recent = tuple(time for time in track.sent if time > at - PACE_MS)
    return replace(track, sent=(*recent, at))


def erred(track: Track) -> Track:
    """Return the track after an order was rejected, or got no answer that proves anything."""
    return replace(track, errors=track.errors + 1)


def answered(track: Track) -> Track:
    """Return the track after the exchange took an order: what went wrong before is over."""
    return replace(track, errors=0) if track.errors else track


def ended(track: Track, market: str, at: int, position: Position, price: Decimal) -> Track:
    """Return the track after a position has ended by a sale at `price`.

    It was stopped out if that is no better than its stop, whichever order sold it.
    """
    is_stopped = ZERO < position.stop >= price
    trade = Ended(market, at, position.proceeds - position.cost, position.cost, is_stopped)
    stopped = {**track.stopped, market: at} if is_stopped else track.stopped
    # After an outage they are told in any order; the pauses take them by their time.
    trades = tuple(sorted((*track.trades, trade), key=lambda each: each.at))[-TRADES_KEPT_MAX:]
    return replace(track, trades=trades, stopped=stopped)


def tripped(track: Track, control: str, trip: Trip) -> Track:
    """Return the track that knows of a tripped limit."""
    return replace(track, trips={**track.trips, control: trip})


def resumed(track: Track, *, are_errors: bool, are_entries: bool) -> Track:
    """Return the track after a person lifted what waited for him: its count begins anew.

    `are_errors`, `are_entries`: that count had tripped; no other begins anew. A loss of the day is
    not forgotten: that one ends by itself.
    """
    trips = {name: trip for name, trip in track.trips.items() if trip.until != FOR_EVER}
    errors = 0 if are_errors else track.errors
    return replace(
        track, entries=0 if are_entries else track.entries, errors=errors, trips=trips
    )
