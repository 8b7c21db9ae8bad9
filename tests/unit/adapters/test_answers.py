"""What a value of an answer may be."""

from collections.abc import Callable
from typing import Any

import pytest

from tradebot.adapters.answers import (
    TEXT_MAX,
    candle_number,
    coin,
    identifier,
    not_negative,
    positive,
    time_ms,
    words,
)
from tradebot.adapters.exchange import BROKEN_ANSWERS

Reads = Callable[[Any], Any]
NO_NUMBERS = (
    "", "nan", "inf", "1e999", "1_0", "\uff11\uff12", "0x10", "1,5", " 1", "1\n", None, [], {},
)  # fmt: skip
REFUSED: dict[Reads, tuple[Any, ...]] = {
    identifier: ("", "a" * 65, "a b", "../x", "1\n", "é", "\x1b[31m", "a&b=c", None, 1.5, True, []),
    coin: ("", "B" * 31, "B C", "BTC\x00", "\x1b[31m", "BTC\u200b", "BTC\n", "\u202eCTB", None, 7),
    time_ms: (-1, 4_102_444_800_000, "1700000000000", 1.7e12, True, None, []),
    not_negative: (*NO_NUMBERS, "-1", 1, 1.0, True),
    positive: (*NO_NUMBERS, "-1", "0", "0.000", 1, 1.0, True),
    candle_number: (*NO_NUMBERS, float("nan"), float("inf"), True),
}
TAKEN: dict[Reads, tuple[Any, ...]] = {
    identifier: (7, "7", "OQCLML-BW3P3-BUCMWZ", "a1b2-c3", "x:y_z.1"),
    coin: ("BTC", "1000SATS", "币安人生", "LDBTC"),
    time_ms: (0, 1_700_000_000_000),
    not_negative: ("0", "1", "+1.50", ".5", "1.", "1E-8"),
    positive: ("0.00000001", "1e8"),
    candle_number: ("1.5", 2, 2.5, "-1"),
}


def _cases(table: dict[Reads, tuple[Any, ...]]) -> list[Any]:
    return [
        pytest.param(read, value, id=f"{read.__name__}-{value!r:.20}")
        for read, values in table.items()
        for value in values
    ]


@pytest.mark.parametrize(("read", "value"), _cases(REFUSED))
def test_what_it_cannot_be_is_no_answer(read: Reads, value: Any) -> None:
    with pytest.raises(BROKEN_ANSWERS):
        read(value)


@pytest.mark.parametrize(("read", "value"), _cases(TAKEN))
def test_what_it_may_be_is_taken(read: Reads, value: Any) -> None:
    assert read(value) is not None


def test_words_are_one_short_line_of_text() -> None:
    said = words("no\r\nError: \x1b]0;title\x07\x1b[31mred\u202e" + "x" * 1_000)
    assert said.startswith("no Error: redx")
    assert len(said) == TEXT_MAX
