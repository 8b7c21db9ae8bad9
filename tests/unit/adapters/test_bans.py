"""How long a ban is obeyed: by its header, a steady clock, and never for a year."""

from collections.abc import Mapping

import pytest

from tests.support.builders import START
from tradebot.adapters.bans import Pause, Paused

DAY_SECONDS = 86_400


class Machine:
    """A client's pause between two clocks, which the test moves one by one."""

    def __init__(self) -> None:
        self.steady = 5_000_000
        self.wall = START
        self.pause = Pause(lambda: self.steady, lambda: self.wall)

    def words(self) -> str:
        """Return why nothing may leave now; "" = it may."""
        try:
            self.pause.check()
        except Paused as paused:
            return str(paused)
        return ""


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "30"}, 30),
        (418, {"retry-after": " 600 "}, 600),
        (418, {"RETRY-AFTER": "1"}, 1),
        (429, {}, 60),
        (418, {}, 120),
        (418, {"Retry-After": ""}, 120),
        (418, {"Retry-After": "-5"}, 120),
        (429, {"Retry-After": "soon"}, 60),
        (429, {"Retry-After": "1.5"}, 60),
        (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 60),
        (418, {"Retry-After": "\u0663"}, 120),
        (418, {"Retry-After": "9" * 5000}, 120),
        (418, {"Retry-After": str(3 * DAY_SECONDS)}, 3 * DAY_SECONDS),
        (418, {"Retry-After": str(365 * DAY_SECONDS)}, 3 * DAY_SECONDS),
    ],
)
def test_pause_is_as_long_as_the_answer_says(
    status: int, headers: Mapping[str, str], seconds: int
) -> None:
    machine = Machine()
    machine.pause.hear(status, headers)
    machine.steady += seconds * 1000 - 1
    assert f"it answered {status}, so nothing is sent until" in machine.words()
    machine.steady += 1
    assert machine.words() == ""


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500, 502, 503])
def test_other_answers_pause_nothing(status: int) -> None:
    machine = Machine()
    machine.pause.hear(status, {"Retry-After": "600"})
    assert machine.words() == ""


def test_words_say_until_when_and_that_a_year_is_not_obeyed() -> None:
    machine = Machine()
    machine.wall += 1
    machine.pause.hear(418, {"Retry-After": "60"})
    assert machine.words() == "it answered 418, so nothing is sent until 2024-01-01T00:01:01Z"
    machine.pause.hear(418, {"Retry-After": str(365 * DAY_SECONDS)})
    assert machine.words() == (
        "it answered 418, so nothing is sent until 2024-01-04T00:00:01Z "
        "(it named 31536000 s; its longest ban is of 3 days)"
    )


def test_of_two_answers_the_longer_pause_counts() -> None:
    machine = Machine()
    machine.pause.hear(418, {"Retry-After": "600"})
    machine.pause.hear(429, {"Retry-After": "1"})
    machine.steady += 599_999
    assert "418" in machine.words()
    machine.steady += 1
    assert machine.words() == ""


def test_clock_that_somebody_sets_ends_no_pause_and_lengthens_none() -> None:
    machine = Machine()
    machine.pause.hear(418, {"Retry-After": "60"})
    machine.wall += 365 * DAY_SECONDS * 1000
    assert machine.words() != ""
    machine.wall -= 2 * 365 * DAY_SECONDS * 1000
    machine.steady += 60_000
    assert machine.words() == ""
