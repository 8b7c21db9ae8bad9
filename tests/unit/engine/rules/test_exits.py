"""Stops, targets and time, by hand."""

import pytest

from tradebot.engine.rules.exits import (
    below,
    is_stop_clear,
    is_time_up,
    stop_price,
    target_price,
    trailed_stop,
)


@pytest.mark.parametrize(
    ("entry", "stop_ppm", "tick", "stop"),
    [
        (1000, 20_000, 1, 980),
        (1001, 20_000, 1, 981),  # 980.98: never further away than asked
        (1000, 20_000, 7, 980),
        (1000, 21_000, 7, 980),  # 979 is not on the grid: up to 980
        (1000, 0, 1, 999),  # a stop at the entry would sell at once: one tick below
        (1000, 1, 10, 990),
        (1005, 1, 10, 1000),
        (5, 1_000_000, 1, 1),  # never below one tick
        (1, 20_000, 1, 1),
    ],
)
def test_stop_is_never_further_away_than_asked(
    entry: int, stop_ppm: int, tick: int, stop: int
) -> None:
    assert stop_price(entry, stop_ppm, tick) == stop


@pytest.mark.parametrize(
    ("entry", "target_ppm", "tick", "target"),
    [
        (1000, 40_000, 1, 1040),
        (1001, 40_000, 1, 1042),  # 1041.04: never nearer than asked
        (1000, 40_000, 7, 1043),
        (1000, 3_000_000, 1, 4000),
        (1000, 1, 1, 1001),
    ],
)
def test_target_is_never_nearer_than_asked(
    entry: int, target_ppm: int, tick: int, target: int
) -> None:
    assert target_price(entry, target_ppm, tick) == target


def test_trailing_stop_only_ever_rises() -> None:
    stop = 0
    seen = []
    for high in (1000, 1100, 900, 1099, 1200):
        stop = trailed_stop(stop, high, 100_000, 1)
        seen.append(stop)
    assert seen == [900, 990, 990, 990, 1080]


@pytest.mark.parametrize(
    ("price", "tick", "under"), [(10, 1, 9), (10, 5, 5), (11, 5, 10), (1, 1, 0), (15, 5, 10)]
)
def test_below_is_the_highest_tick_under_a_price(price: int, tick: int, under: int) -> None:
    assert below(price, tick) == under


def test_time_is_up_at_the_limit_and_0_is_no_limit() -> None:
    assert [is_time_up(100, now, 50) for now in (149, 150, 151)] == [False, True, True]
    assert not is_time_up(0, 10**15, 0)
    assert is_time_up(0, 1, 1)


@pytest.mark.parametrize(
    ("stop", "is_clear"), [(89, True), (90, True), (91, False), (100, False), (105, False)]
)
def test_stop_is_clear_of_the_market_by_two_ticks(stop: int, is_clear: bool) -> None:
    assert is_stop_clear(100, stop, 5) is is_clear
