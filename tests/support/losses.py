"""Equity as the limits on losses see it, and what they make of it."""

from tests.support.builders import BTC, HOUR, START, d, position, state_with
from tradebot.engine.apply import apply
from tradebot.engine.controls.losses import newly_tripped
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.engine.track import Marks
from tradebot.model.event import LimitTripped
from tradebot.model.money import plain
from tradebot.model.timeframe import DAY_MS

NOW, MIDNIGHT = START + HOUR, START + DAY_MS


def marks(marked: str, *, opening: str = "1000", peak: str = "1000") -> State:
    """Return a state of so much equity, which the day began with, and which was the most."""
    held = state_with(positions={BTC: position("1 @ 100")})
    return held._replace(marks=Marks(d(marked), d(opening), d(peak), MIDNIGHT))


def tripped(state: State, by: Rules, at: int = NOW) -> list[tuple[str, str, str, int]]:
    """Return control, limit, value and end of what has tripped."""
    found = newly_tripped(state, by, at=at)
    assert {each.at for each in found} <= {at}
    return [(each.control, plain(each.limit), plain(each.value), each.until) for each in found]


def told(state: State, trips: list[LimitTripped]) -> State:
    """Return the state that was told of the trips."""
    for trip in trips:
        state = apply(state, trip)
    return state
