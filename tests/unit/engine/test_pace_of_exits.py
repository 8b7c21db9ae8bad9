"""The pace and what guards a position: no stop waits, and none goes for a sale that waits."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.support.builders import (
    BTC,
    HOUR,
    START,
    candle,
    position,
    rules,
    state_with,
    stop_order,
    target_order,
)
from tradebot.engine.actions import Action, Cancel, Place, PlaceOco, Refuse, Replace
from tradebot.engine.decide import decide
from tradebot.engine.protect import protect, sell_out
from tradebot.engine.settings import Pace
from tradebot.engine.state import State
from tradebot.model.order import Leg, Order

NOW = START + HOUR
PACE = Pace(orders_per_minute_max=10)
BY = rules(stop_ppm=100_000, target_ppm=200_000, pace=PACE)
STOP, TARGET = stop_order("sell 1 BTC @ 90"), target_order("sell 1 BTC @ 120")


def sent(count: int, *orders: Order, level: str = "90") -> State:
    """Return a state that holds 1 BTC, after so many messages within a minute."""
    state = state_with(
        positions={BTC: position("1 @ 100", stop=level)}, orders=orders, closes={BTC: "100"}
    )
    return state._replace(track=replace(state.track, sent=(NOW,) * count))


def words(actions: Sequence[Action]) -> list[str]:
    """Return actions as words, with the leg that each is of."""
    found = []
    for each in actions:
        match each:
            case Place(order):
                found.append(f"place {order.intent.leg}")
            case PlaceOco():
                found.append("place both")
            case Refuse(refused):
                found.append(f"refuse {refused.intent.leg}")
            case Replace() | Cancel():
                found.append(type(each).__name__.lower())
    return found


@pytest.mark.parametrize("count", [9, 10, 99])
def test_target_that_would_pass_the_pace_lets_its_stop_leave_alone(count: int) -> None:
    """Symptom: with 9 of 10 sent both left, which was 11; with 10 sent neither did."""
    assert words(protect(sent(8), BTC, BY, time=NOW)) == ["place both"]
    assert words(protect(sent(count), BTC, BY, time=NOW)) == ["place stop", "refuse target"]


def test_target_without_a_stop_waits() -> None:
    alone = replace(BY, stop_ppm=0)
    assert words(protect(sent(9, level="0"), BTC, alone, time=NOW)) == ["place target"]
    assert words(protect(sent(10, level="0"), BTC, alone, time=NOW)) == ["refuse target"]


@pytest.mark.parametrize(
    ("orders", "room", "action"), [([STOP], 2, "replace"), ([STOP, TARGET], 3, "cancel")]
)
def test_stop_that_rises_waits_where_all_that_it_takes_would_pass_the_pace(
    orders: Sequence[Order], room: int, action: str
) -> None:
    by = replace(BY, trailing_ppm=100_000, target_ppm=BY.target_ppm if len(orders) > 1 else 0)
    for count, wanted in ((10 - room, action), (11 - room, "refuse stop")):
        state = sent(count, *orders, level="95")
        assert words(protect(state, BTC, by, time=NOW + 1)) == [wanted]


@pytest.mark.parametrize(("count", "wanted"), [(8, "cancel"), (9, "refuse exit")])
def test_sale_by_signal_takes_its_stop_away_only_where_it_may_follow(
    count: int, wanted: str
) -> None:
    made = candle("100", closed_at=NOW)
    assert words(decide(sent(count, STOP, TARGET), BTC, made, 0, BY)) == [wanted]
    assert words(sell_out(sent(count, STOP, TARGET), BTC, BY, time=NOW, reason="late")) == [wanted]


def test_sale_that_the_pace_holds_back_costs_no_stop() -> None:
    """Symptom: the stop was cancelled first, and then the sale refused: nothing guarded it."""
    made = candle("100", closed_at=NOW)
    assert words(decide(sent(9, STOP), BTC, made, 0, BY)) == ["refuse exit"]


@pytest.mark.parametrize("count", [9, 10, 99])
def test_sale_of_what_has_no_stop_leaves_at_any_pace(count: int) -> None:
    made = candle("100", closed_at=NOW)
    assert words(decide(sent(count), BTC, made, 0, BY)) == ["place exit"]
    (sold,) = sell_out(sent(count), BTC, BY, time=NOW, reason="no stop")
    assert isinstance(sold, Place)
    assert sold.order.intent.leg is Leg.EXIT
