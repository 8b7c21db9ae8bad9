"""How long each position stood without its stop, counted from the journal's events alone.

Law: where the moment is not known, the longer time is counted. A stop rests from when the books
hear of it; it is gone from when its cancel was sent, or from the fill that ended it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tradebot.engine.apply import apply
from tradebot.engine.guarded import has_stop_at_rest
from tradebot.engine.protect import PROTECTIVE
from tradebot.engine.state import State
from tradebot.engine.valuation import is_held
from tradebot.model import event as ev
from tradebot.model.order import Leg, Order

# A cancel that follows another so soon may find done what that one did.
AGAIN_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Unprotected:
    """One round trip: how long no stop rested while it was open.

    `milliseconds` is None where no stop was ever asked for; `closed_at` None while it is open.
    `since`: from when on it has none now.
    """

    market: str
    opened_at: int
    closed_at: int | None
    milliseconds: int | None
    since: int | None = None


@dataclass(slots=True)
class _Trip:
    """A round trip that is open, and since when it has no stop; None = one rests."""

    opened_at: int
    total_ms: int = 0
    since: int | None = None
    is_wanted: bool = False
    has_stop: bool = False
    # When stop or target last sold, since the stop rests: what that ended was gone from then on.
    sold_at: int = 0
    # When a cancel of an order was first sent, and last: one that is not answered is sent again.
    cancels: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Watch:
    """Hears every event with the state after it."""

    closed: list[Unprotected] = field(default_factory=list)
    _open: dict[str, _Trip] = field(default_factory=dict)
    _now: int = 0

    def hear(self, event: ev.Event, state: State) -> None:
        """Take one event in."""
        self._now = max(self._now, event.at)
        match event:
            case ev.CandlesClosed() | ev.SessionReconfigured():
                # A rest may become worth enough to be sold, or no longer.
                for market, each in self._open.items():
                    if not each.has_stop:
                        self._look(market, state, event.at)
            case ev.FillBooked():
                self._filled(event, state)
            case ev.PositionAdjusted():
                self._look(event.market, state, event.at)
            case ev.OrderAccepted() | ev.OrderCancelled() | ev.OrderExpired() | ev.CancelSent():
                order = state.orders.get(event.order_id)
                trip = None if order is None else self._open.get(order.market)
                if order is not None and trip is not None:
                    self._look(order.market, state, _moment(event, order, trip))
            case ev.OrderIntended(leg=Leg.STOP) | ev.PositionUnprotected():
                if event.market in self._open:
                    self._open[event.market].is_wanted = True
            case _:
                pass

    def since(self, market: str) -> int | None:
        """Return since when the open position has no stop at rest; None where one rests."""
        trip = self._open.get(market)
        return None if trip is None else trip.since

    def open(self) -> list[Unprotected]:
        """Return the round trips that are open, counted up to the newest event."""
        return [self._ended(market, None) for market in sorted(self._open)]

    def _filled(self, event: ev.FillBooked, state: State) -> None:
        time = event.fill.filled_at
        trip = self._open.get(event.market)
        order = state.orders.get(event.order_id)
        if trip is not None and order is not None and order.leg in PROTECTIVE:
            if trip.since is None:
                trip.sold_at = time
            else:
                # Told after the end of the stop that it ended.
                trip.since = min(trip.since, time)
        self._look(event.market, state, time)

    def _look(self, market: str, state: State, time: int) -> None:
        """Note whether the market's position has its stop from `time` on."""
        position = state.positions.get(market)
        trip = self._open.get(market)
        if position is None or not position.is_open:
            if trip is not None:
                self._cover(trip, time)
                self.closed.append(self._ended(market, time))
                del self._open[market]
            return
        if trip is None:
            trip = self._open[market] = _Trip(position.opened_at)
        trip.has_stop = has_stop_at_rest(state, market)
        if trip.has_stop or not is_held(state, market):
            self._cover(trip, time)
        elif trip.since is None:
            trip.since = max(time, trip.opened_at)

    def _cover(self, trip: _Trip, time: int) -> None:
        if trip.since is not None:
            trip.total_ms += max(0, time - trip.since)
            trip.since = None

    def _ended(self, market: str, closed_at: int | None) -> Unprotected:
        trip = self._open[market]
        under_way = 0 if trip.since is None else max(0, self._now - trip.since)
        return Unprotected(
            market=market,
            opened_at=trip.opened_at,
            closed_at=closed_at,
            milliseconds=trip.total_ms + under_way if trip.is_wanted else None,
            since=trip.since if trip.is_wanted else None,
        )


def _moment(
    event: ev.OrderAccepted | ev.OrderCancelled | ev.OrderExpired | ev.CancelSent,
    order: Order,
    trip: _Trip,
) -> int:
    """Return from when on the order's news held."""
    match event:
        case ev.CancelSent():
            first, last = trip.cancels.get(order.id, (event.at, event.at))
            is_same = event.at - last <= AGAIN_MS
            trip.cancels[order.id] = first if is_same else event.at, event.at
        case ev.OrderCancelled():
            return trip.cancels.pop(order.id, (event.at, event.at))[0]
        case ev.OrderExpired() if trip.sold_at:
            return trip.sold_at
        case ev.OrderAccepted() if order.leg is Leg.STOP:
            trip.sold_at = 0
        case _:
            pass
    return event.at


def unprotected(events: Iterable[ev.Event]) -> list[Unprotected]:
    """Return how long each round trip of a journal stood without its stop, open ones last."""
    watch = watched(events)
    return [*watch.closed, *watch.open()]


def watched(events: Iterable[ev.Event]) -> Watch:
    """Return a watch that has heard all of `events`."""
    watch, state = Watch(), State()
    for event in events:
        state = apply(state, event)
        watch.hear(event, state)
    return watch
