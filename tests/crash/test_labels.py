"""A bot that dies at any labelled step of the order path is settled by the next one."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.crash.folders import quick_folder
from tests.crash.lives import Cradle
from tests.crash.points import (
    KILL,
    TERM,
    Point,
    first_hits,
    labels_of,
    tried,
    tried_on_the_way,
)
from tests.crash.scenarios import FULL

PARTS = 12
# What a life without a death must come past, or these tests prove less than they say.
ORDER_PATH = (
    *("place entry: before the wire", "place exit: before the wire"),
    *("place stop: before the wire", "oco: before the wire", "replace: before the wire"),
    *("cancel entry: before the wire", "cancel stop: before the wire"),
    *("read: before order_report", "read: before is_listed", "read: before open_order_filled"),
    *("journal: before order_intended", "journal: before order_sent"),
    *("journal: before order_accepted+fill_booked", "journal: before order_rejected"),
    *("journal: before order_unknown", "journal: before order_absent"),
    *("journal: before order_cancelled", "journal: before order_expired"),
)


@pytest.fixture(scope="session")
def labels(cradle: Cradle) -> dict[tuple[str, str], int]:
    """Return each label with the first scenario that reaches it, and how often."""
    found: dict[tuple[str, str], int] = {}
    known: set[str] = set()
    for scenario in FULL:
        with quick_folder() as made:
            reached = labels_of(scenario, made / "place", cradle)
        counts = Counter(reached)
        for label in first_hits(reached):
            if label not in known:
                known.add(label)
                found[scenario.name, label] = counts[label]
    return found


def test_scenarios_come_past_the_whole_order_path(labels: dict[tuple[str, str], int]) -> None:
    assert set(ORDER_PATH) <= {label for _, label in labels}
    both_sides = {label for _, label in labels if "before" in label}
    assert len(both_sides) * 2 == len(labels), "a label before each call, and one after it"


def _hold(points: Iterator[Point], cradle: Cradle) -> None:
    """Try points; fail with the story of the first that does not hold."""
    with quick_folder() as made:
        for point in points:
            result = tried(point, made / "place", cradle)
            if result.faults:
                pytest.fail(result.told(), pytrace=False)


def _points(
    labels: dict[tuple[str, str], int], part: int, hit: int, number: int
) -> Iterator[Point]:
    scenarios = {each.name: each for each in FULL}
    for (name, label), hits in list(labels.items())[part::PARTS]:
        if hit <= hits:
            yield Point(scenarios[name], ((label, hit, number),))


@pytest.mark.parametrize("part", range(PARTS))
def test_death_at_a_label_loses_and_doubles_nothing(
    labels: dict[tuple[str, str], int], cradle: Cradle, part: int
) -> None:
    _hold(_points(labels, part, 1, KILL), cradle)


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_death_at_the_second_hit_loses_and_doubles_nothing(
    labels: dict[tuple[str, str], int], cradle: Cradle, part: int
) -> None:
    _hold(_points(labels, part, 2, KILL), cradle)


@pytest.mark.long
@pytest.mark.parametrize("hit", [1, 2])
@pytest.mark.parametrize("part", range(PARTS))
def test_stop_at_a_label_is_orderly_and_the_next_bot_goes_on(
    labels: dict[tuple[str, str], int], cradle: Cradle, part: int, hit: int
) -> None:
    _hold(_points(labels, part, hit, TERM), cradle)


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_bot_that_dies_at_each_step_of_recovering_is_settled_at_last(
    labels: dict[tuple[str, str], int], cradle: Cradle, part: int
) -> None:
    """Each next bot dies one step further on its way to its first candle."""
    for point in _points(labels, part, 1, KILL):
        with quick_folder() as made:
            result = tried_on_the_way(point, made / "place", cradle)
        if result.faults:
            pytest.fail(result.told(), pytrace=False)
