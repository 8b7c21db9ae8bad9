"""When a position is closed by decision, and where its stop belongs: entry 100, tick 1."""

import pytest

from tests.support.builders import BTC, HOUR, START, candle, market, position, rules
from tradebot.engine.exits import exit_reason, stop_level, target_level
from tradebot.model.market import scales

SCALE = scales([market()])[BTC]
HELD = position("1 @ 100", opened_at=START)


def test_stop_belongs_its_fraction_under_the_entry() -> None:
    assert stop_level(HELD, SCALE, rules(stop_ppm=50_000), None) == 95
    assert stop_level(HELD, SCALE, rules(), None) == 0, "no stop is set up"


def test_average_entry_price_is_cut_to_a_price_unit() -> None:
    assert stop_level(position("3 @ 100.9"), SCALE, rules(stop_ppm=50_000), None) == 95


def test_stop_never_falls_under_the_highest_intended() -> None:
    held = position("1 @ 100", stop="97")
    assert stop_level(held, SCALE, rules(stop_ppm=50_000), None) == 97
    assert stop_level(held, SCALE, rules(), candle("1/1/1/1")) == 97
    assert stop_level(held, SCALE, rules(trailing_ppm=50_000), candle("90/100/80/90")) == 97


def test_trailing_stop_follows_the_high() -> None:
    trailing = rules(stop_ppm=50_000, trailing_ppm=50_000)
    assert stop_level(HELD, SCALE, trailing, candle("100/120/99/110")) == 114
    assert stop_level(HELD, SCALE, rules(trailing_ppm=50_000), candle("100/120/99/110")) == 114
    assert stop_level(HELD, SCALE, trailing, None) == 95, "without a candle nothing trails"


def test_high_before_the_position_was_opened_is_not_ours() -> None:
    trailing = rules(stop_ppm=50_000, trailing_ppm=50_000)
    before = position("1 @ 100", opened_at=START + HOUR)
    assert stop_level(before, SCALE, trailing, candle("100/120/99/110")) == 95


def test_target_belongs_its_fraction_over_the_entry() -> None:
    assert target_level(HELD, SCALE, rules(target_ppm=40_000)) == 104
    assert target_level(HELD, SCALE, rules()) == 0, "no target is set up"


@pytest.mark.parametrize(
    ("exposure", "reason"), [(0, "signal"), (-1, "signal"), (1, ""), (None, "")]
)
def test_signal_that_is_no_longer_long_closes_and_hold_keeps(
    exposure: int | None, reason: str
) -> None:
    assert exit_reason(HELD, candle("100"), exposure, rules(), 0) == reason


def test_time_closes_at_the_limit() -> None:
    for held_ms_max, reason in ((HOUR + 1, ""), (HOUR, "time"), (HOUR - 1, "time"), (0, "")):
        limited = rules(held_ms_max=held_ms_max)
        assert exit_reason(HELD, candle("100"), 1, limited, 0) == reason


def test_stop_at_or_above_the_close_is_due_now() -> None:
    for level, reason in ((99, ""), (100, "stop passed"), (101, "stop passed")):
        assert exit_reason(HELD, candle("100"), 1, rules(), level) == reason


def test_signal_is_told_before_time_and_time_before_the_stop() -> None:
    limited = rules(held_ms_max=1)
    assert exit_reason(HELD, candle("100"), 0, limited, 200) == "signal"
    assert exit_reason(HELD, candle("100"), 1, limited, 200) == "time"
