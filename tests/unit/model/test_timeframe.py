"""Timeframes and times: names, exactness, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.errors import ConfigError, UsageError
from tradebot.model.timeframe import (
    TIMEFRAMES,
    floor_to_timeframe,
    format_time,
    parse_time,
    timeframe_ms,
    timeframe_name,
)

YEAR_1 = -62_135_596_800_000
YEAR_9999_END = 253_402_300_799_999


def test_every_timeframe_has_binances_length() -> None:
    minutes = {name: ms // 60_000 for name, ms in TIMEFRAMES.items() if name != "1s"}
    assert timeframe_ms("1s") == 1000
    assert minutes == {
        "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120,
        "4h": 240, "6h": 360, "8h": 480, "12h": 720, "1d": 1440,
    }  # fmt: skip


def test_name_and_length_are_each_others_inverse() -> None:
    assert [timeframe_name(timeframe_ms(name)) for name in TIMEFRAMES] == list(TIMEFRAMES)


def test_unknown_timeframe_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"^'1H' is not a timeframe$") as caught:
        timeframe_ms("1H")
    assert caught.value.hint.startswith("did you mean 1h? known are 1s, 1m, 3m,")
    assert caught.value.exit_code == 78


def test_timeframe_like_nothing_known_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        timeframe_ms("fortnight")
    assert caught.value.hint == "known are 1s, 1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d"


def test_length_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^90000 ms is not the length of a timeframe$"):
        timeframe_name(90_000)


@pytest.mark.parametrize(
    "text",
    [
        "2023-01-01",
        "2023-01-01T00:00",
        "2023-01-01 00:00:00",
        "2023-01-01T00:00:00Z",
        "2023-01-01t00:00:00z",
        "2023-01-01T00:00:00.000000000Z",
        "2023-01-01T02:00:00+02:00",
        "2022-12-31T19:00:00-05:00",
    ],
)
def test_every_way_to_write_one_moment_is_the_same_moment(text: str) -> None:
    assert parse_time(text) == 1_672_531_200_000


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2023", "20230101", "2023-W01-1", "01/02/2023", "2023-01-01T", "1672531200",
     "2023-01-01T00:00:00 ", "2023-01-01T00:00:00+0200", "\uff12023-01-01"],
)  # fmt: skip
def test_other_ways_to_write_a_time_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a time$") as caught:
        parse_time(text)
    assert caught.value.hint.startswith("write 2023-01-01 or 2023-01-01T04:00:00Z; without an off")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["2023-02-29", "2023-13-01", "2023-01-01T25:00:00Z", "0000-01-01"])
def test_day_or_hour_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=rf"^'{text}' is not a time: ."):
        parse_time(text)


@pytest.mark.parametrize("fraction", ["0001", "000001", "123456", "0000001", "123000001"])
def test_time_finer_than_a_millisecond_is_refused_not_cut(fraction: str) -> None:
    with pytest.raises(UsageError, match=r"is finer than a millisecond$"):
        parse_time(f"2023-01-01T00:00:00.{fraction}Z")


def test_milliseconds_are_printed_only_where_there_are_some() -> None:
    assert format_time(1_672_531_200_000) == "2023-01-01T00:00:00Z"
    assert format_time(1_672_531_200_007) == "2023-01-01T00:00:00.007Z"


@given(st.integers(YEAR_1, YEAR_9999_END))
def test_a_printed_time_reads_back_as_itself(ms: int) -> None:
    assert parse_time(format_time(ms)) == ms


def test_floor_is_the_open_of_the_candle_around_a_moment() -> None:
    hour = timeframe_ms("1h")
    assert floor_to_timeframe(3 * hour - 1, hour) == 2 * hour
    assert floor_to_timeframe(3 * hour, hour) == 3 * hour
