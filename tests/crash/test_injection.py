"""A bot that is killed, or whose disk fails, in the middle of a system call."""

from collections import Counter

import pytest

from tests.crash.folders import quick_folder
from tests.crash.injection import CALLS, Injection, call_counts, tried
from tests.crash.lives import Cradle

# They need strace, which `.ci/run` installs and a reader of the README may not have.
pytestmark = pytest.mark.long

# Calls of each kind that are tried, evenly over a life.
MANY = {"pwrite64": 40, "fdatasync": 20, "write": 9, "rename": 1, "unlink": 4}


@pytest.fixture(scope="session")
def a_life(cradle: Cradle) -> tuple[Counter[str], int]:
    """Return the calls that a whole life makes, and the events that it writes."""
    with quick_folder() as made:
        return call_counts(made / "place", cradle)


def _numbers(total: int, wanted: int) -> list[int]:
    """Return `wanted` numbers from 1 to `total`, evenly spread and none at the edges."""
    return sorted({total * (2 * each + 1) // (2 * wanted) + 1 for each in range(wanted)})


def _hold(
    disaster: str, sample: dict[str, int], cradle: Cradle, a_life: tuple[Counter[str], int]
) -> None:
    calls, events = a_life
    for call in CALLS:
        for number in _numbers(calls[call], sample[call]):
            with quick_folder() as made:
                injection = Injection(call, disaster, number)
                result = tried(injection, made / "place", cradle, events)
            assert result.has_hit, result.told()
            if result.faults:
                pytest.fail(result.told(), pytrace=False)


def test_life_makes_every_call_that_is_tried(a_life: tuple[Counter[str], int]) -> None:
    calls, events = a_life
    assert events > 30
    assert set(calls) == set(CALLS), calls


@pytest.mark.parametrize("disaster", ["KILL", "ENOSPC", "EIO"])
def test_disaster_at_many_system_calls_is_settled(
    disaster: str, cradle: Cradle, a_life: tuple[Counter[str], int]
) -> None:
    _hold(disaster, MANY, cradle, a_life)
