"""The loss of a day over midnight: to which day a close belongs, and whom it keeps out."""

import pytest

from tests.support.builders import HOUR, d, intent, rules
from tests.support.gated import PASSES, asked
from tests.support.losses import MIDNIGHT, NOW, marks, told, tripped
from tradebot.engine.controls.losses import newly_tripped
from tradebot.engine.state import State
from tradebot.engine.track import Marks
from tradebot.model.timeframe import DAY_MS

BUY, DAY_LIMIT = "buy 0.06 BTC @ 100", rules(daily_loss_ppm_max=30_000)


def closing(state: State, at: int) -> State:
    """Return the state whose newest candle closed at that time."""
    return state._replace(feed=state.feed._replace(latest=at))


@pytest.mark.parametrize(
    ("latest", "until"),
    [(MIDNIGHT - 1, MIDNIGHT), (MIDNIGHT, MIDNIGHT + DAY_MS)],
)
def test_loss_that_only_the_last_close_of_a_day_shows_is_for_the_day_that_begins(
    latest: int, until: int
) -> None:
    """Symptom: candles of a day lost 64 % under a limit of 3 %, and none of it ever tripped."""
    state = closing(marks("970"), latest)
    assert tripped(state, DAY_LIMIT, at=latest) == [("daily_loss_fraction_max", "30", "30", until)]
    for now in (state, told(state, newly_tripped(state, DAY_LIMIT, at=latest))):
        last, over = intent(BUY, closed_at=until - 1), intent(BUY, closed_at=until)
        assert asked(now, last, DAY_LIMIT)[:1] == ("daily_loss_fraction_max",)
        assert asked(now, over, DAY_LIMIT) == PASSES


def test_loss_that_was_told_of_before_its_day_ended_keeps_nobody_out_of_the_next() -> None:
    state = closing(marks("970"), NOW)
    state = told(state, newly_tripped(state, DAY_LIMIT, at=NOW))
    assert tripped(closing(state, MIDNIGHT), DAY_LIMIT, at=MIDNIGHT) == []


def test_each_day_that_shows_its_loss_at_its_end_keeps_entries_out_of_the_next() -> None:
    """A trip that reaches into a day hides no loss of that day itself."""
    state = closing(marks("970"), MIDNIGHT)
    state = told(state, newly_tripped(state, DAY_LIMIT, at=MIDNIGHT))
    assert tripped(state, DAY_LIMIT, at=MIDNIGHT) == []
    next_day = state._replace(marks=Marks(d(870), d(1000), d(1000), MIDNIGHT + DAY_MS))
    for latest, until in ((MIDNIGHT + HOUR, 1), (MIDNIGHT + DAY_MS, 2)):
        found = tripped(closing(next_day, latest), DAY_LIMIT, at=latest)
        assert found == [("daily_loss_fraction_max", "30", "130", MIDNIGHT + until * DAY_MS)]


@pytest.mark.parametrize(
    ("at", "is_refused"), [(MIDNIGHT - 1, True), (MIDNIGHT, False), (MIDNIGHT + 1, False)]
)
def test_loss_of_a_day_that_nobody_told_of_ends_with_it(at: int, is_refused: bool) -> None:
    """Where the candle at midnight is missing, the day's marks are the old ones for a moment."""
    wanted = intent(BUY, closed_at=at)
    assert bool(asked(marks("970"), wanted, DAY_LIMIT)) is is_refused
    known = told(marks("970"), newly_tripped(marks("970"), DAY_LIMIT, at=NOW))
    assert bool(asked(known, wanted, DAY_LIMIT)) is is_refused
