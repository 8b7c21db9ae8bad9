"""The journal as one market lived it: each candle with what came of it, and the states around it.

Law: nothing is here that is not in the journal; the states are folds of its events.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tradebot.adapters.journal import order_id_of
from tradebot.engine.apply import apply
from tradebot.engine.state import State
from tradebot.model import event as ev


@dataclass(frozen=True, slots=True)
class Step:
    """One event, the market it is about, if it is about one, and the state after it."""

    event: ev.Event
    market: str | None
    after: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One candle of a market: what was known when it was decided, and what happened until the next.

    `lead` is what was booked at its close, before it was read: fills that came inside the candle.
    `known` is the state with the candle in it, before anything was decided from it. Without a
    candle, `closed` is None: that is what came before the market's first one.
    """

    market: str
    closed: ev.CandlesClosed | None
    known: State
    lead: tuple[Step, ...]
    steps: tuple[Step, ...]

    @property
    def closed_at(self) -> int:
        """When the candle closed, UTC ms; 0 where there is none."""
        return 0 if self.closed is None else self.closed.closed_at

    @property
    def exposure_ppm(self) -> int | None:
        """What the strategy said of the candle; None = hold."""
        return None if self.closed is None else self.closed.exposures[self.market]

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """Everything that happened, to any market, oldest first."""
        return (*self.lead, *self.steps)

    @property
    def own(self) -> tuple[Step, ...]:
        """What happened to this market, oldest first."""
        return tuple(step for step in self.all_steps if step.market == self.market)

    @property
    def ended(self) -> State:
        """The state at its end."""
        return self.steps[-1].after if self.steps else self.known


@dataclass(slots=True)
class _Open:
    """A moment whose end has not come."""

    closed: ev.CandlesClosed | None = None
    known: State = field(default_factory=State)
    lead: tuple[Step, ...] = ()
    steps: list[Step] = field(default_factory=list)
    # Nothing was decided yet: what trips with the candle belongs to what was known.
    is_fresh: bool = True


def moments(events: Iterable[ev.Event], market: str) -> Iterator[Moment]:
    """Yield the moments of a market, oldest first; the first is what came before its candles."""
    now = _Open()
    for step in steps(events):
        event = step.event
        if isinstance(event, ev.CandlesClosed) and market in event.closes:
            lead = _taken_lead(now.steps, event)
            yield _made(now, market)
            now = _Open(closed=event, known=step.after, lead=lead)
        elif now.is_fresh and isinstance(event, ev.LimitTripped):
            now.known = step.after
            now.steps.append(step)
        else:
            now.is_fresh = False
            now.steps.append(step)
    yield _made(now, market)


def steps(events: Iterable[ev.Event]) -> Iterator[Step]:
    """Yield every event with its market and the state after it, oldest first."""
    state, markets = State(), dict[str, str]()
    for event in events:
        state = apply(state, event)
        market: str | None = getattr(event, "market", None)
        order_id = order_id_of(event)
        if order_id is not None:
            # Settled orders are let go by the state: the journal says of each what it is about.
            if market is not None:
                markets[order_id] = market
            market = markets.get(order_id)
        yield Step(event, market, state)


def _taken_lead(before: list[Step], closed: ev.CandlesClosed) -> tuple[Step, ...]:
    """Take from the end of `before` what happened at the close of the candle that is read now."""
    first = len(before)
    while first and not _is_of_the_past(before[first - 1].event, closed.closed_at):
        first -= 1
    lead = tuple(before[first:])
    del before[first:]
    return lead


def _is_of_the_past(event: ev.Event, closed_at: int) -> bool:
    # On the shortest candles one is still being decided when the next has closed.
    if isinstance(event, ev.OrderIntended | ev.IntentRefused) and event.closed_at < closed_at:
        return True
    if isinstance(event, ev.CandlesClosed) and event.closed_at < closed_at:
        return True
    return event.at < closed_at


def _made(now: _Open, market: str) -> Moment:
    return Moment(
        market=market,
        closed=now.closed,
        known=now.known,
        lead=now.lead,
        steps=tuple(now.steps),
    )
