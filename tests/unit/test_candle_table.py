"""The candle table: columns that never change, and prices as exact units."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.candle_lines import HOUR, MIDNIGHT
from tradebot.candles import CandleTable
from tradebot.errors import DataError


def hourly(*closes: float) -> CandleTable:
    values = np.array(closes)
    times = MIDNIGHT + HOUR * np.arange(len(closes))
    return CandleTable("BTC/USDT", HOUR, times, values, values, values, values, values)


def test_table_cannot_be_changed() -> None:
    table = hourly(1, 2)
    with pytest.raises(ValueError, match="read-only"):
        table.close[0] = 5.0


def test_frame_is_indexed_by_the_close_in_utc() -> None:
    frame = hourly(1, 2).frame()
    assert list(frame.columns) == ["open", "high", "low", "close", "volume"]
    assert frame.index.name == "closed_at"
    assert str(frame.index.dtype) == "datetime64[ms, UTC]"
    assert frame.index[0] == pd.Timestamp("2023-01-01T01:00Z")


def test_between_takes_the_start_and_leaves_the_end() -> None:
    table = hourly(1, 2, 3, 4)
    assert table.between(MIDNIGHT + HOUR, MIDNIGHT + 3 * HOUR).close.tolist() == [2, 3]
    assert len(table.between(MIDNIGHT + HOUR, MIDNIGHT)) == 0


def test_last_gives_the_newest_or_all() -> None:
    assert hourly(1, 2, 3).last(2).close.tolist() == [2, 3]
    assert len(hourly(1, 2, 3).last(9)) == 3
    assert len(hourly(1, 2, 3).last(0)) == 0


@pytest.mark.parametrize(
    ("closes", "decimals"),
    [
        ([], 0),
        ([100.0], 0),
        ([0.1, 0.2], 1),
        ([100.0, 0.00000123], 8),
        ([1e-12], 12),
        ([0.1 + 0.2], 12),  # 0.30000000000000004 needs 17: the count is capped.
        ([97_123.45, 1e9], 2),
    ],
)
def test_price_decimals_are_those_of_the_shortest_text(closes: list[float], decimals: int) -> None:
    assert hourly(*closes).price_decimals() == decimals


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=50), st.integers(0, 8))
def test_price_units_are_the_integers_that_were_written(units: list[int], decimals: int) -> None:
    table = hourly(*(float(Decimal(unit).scaleb(-decimals)) for unit in units))
    assert all(column.tolist() == units for column in table.price_units(decimals))
    assert table.price_decimals() <= decimals


def test_price_finer_than_the_units_is_refused_by_row() -> None:
    with pytest.raises(DataError) as caught:
        hourly(1, 2.5, 3.125).price_units(1)
    assert caught.value.message == (
        "BTC/USDT: row 3 (2023-01-01T02:00:00Z): open 3.125 is finer than 1 decimals"
    )
    assert caught.value.hint == (
        "these candles need 3 decimals: give the market a tick that fits, "
        "or check that the candles are of this market"
    )


def test_price_too_large_to_count_exactly_is_refused() -> None:
    with pytest.raises(DataError, match=r"open 1e\+16 is too large to count in 2 decimals$"):
        hourly(1e16).price_units(2)
