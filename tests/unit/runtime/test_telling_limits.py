"""What the owner hears of a limit that trips, and of real money without all that was asked for."""

import pytest

from tests.support.builders import d, state_with
from tradebot.model import event as ev
from tradebot.ports import AlertLevel
from tradebot.runtime.telling import news


@pytest.mark.parametrize(("until", "level"), [(0, AlertLevel.CRITICAL), (5, AlertLevel.ERROR)])
def test_limit_that_only_a_person_lifts_is_the_worst_there_is(
    until: int, level: AlertLevel
) -> None:
    tripped = ev.LimitTripped(
        at=1, control="x_max", limit=d(1), value=d(2), until=until, message="too much is lost"
    )
    told = news(tripped, state_with())
    assert told is not None
    assert (told.level, told.kind) == (level, "error")
    assert told.text == "no entries: too much is lost (x_max)"


def test_rung_that_was_left_out_is_told() -> None:
    left_out = ev.ArmingOverridden(at=1, code="drill", sentence="I trade", reason="small")
    told = news(left_out, state_with())
    assert told is not None
    assert (told.level, told.text) == (
        AlertLevel.WARNING,
        "real money without drill: I trade (small)",
    )
