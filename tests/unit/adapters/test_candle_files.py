"""Candle files: what is read, and that everything else is refused by row, with a remedy."""

import gzip
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.candle_lines import HEADER, HOUR, MIDNIGHT, refusal, row, write
from tests.support.shared_data import BTC_1H, BTC_1M, DOGE_1M, candle_file
from tradebot.adapters.candle_files import problems, read_candles, read_raw, verify_file
from tradebot.adapters.candle_names import symbol_in, timeframe_in
from tradebot.errors import ConfigError, UsageError

# --- what is read ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["BTC-USDT-1h.csv", "BTC-USDT-1h-2023.csv.gz"])
def test_csv_becomes_columns(tmp_path: Path, name: str) -> None:
    table = read_candles(write(tmp_path, HEADER, row(0), row(1, "101,101,90.5,91,0"), name=name))
    assert (table.symbol, table.timeframe_ms, len(table)) == ("BTC/USDT", HOUR, 2)
    assert table.opened_at.tolist() == [MIDNIGHT, MIDNIGHT + HOUR]
    assert table.low.tolist() == [99.0, 90.5]
    assert table.volume.tolist() == [5.0, 0.0]


def test_parquet_is_read_like_csv(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "ETH-USDT-1h.parquet"
    times = pd.to_datetime(["2023-01-01T00:00Z", "2023-01-01T01:00Z"])
    prices = {name: [1.5, 2.5] for name in ("Open", "High", "Low", "Close")}
    pd.DataFrame({"Date": times, **prices, "Volume": [Decimal("0.1"), Decimal("3")]}).to_parquet(
        path
    )
    table = read_candles(path)
    assert table.opened_at.tolist() == [MIDNIGHT, MIDNIGHT + HOUR]
    assert table.close.tolist() == [1.5, 2.5]
    assert table.volume.tolist() == [0.1, 3.0]


def test_parquet_problems_are_named_by_row_without_a_line(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "ETH-USDT-1h.parquet"
    columns = {name: [1.0, -1.0] for name in ("open", "high", "low", "close")}
    pd.DataFrame({"time": [1_672_531_200, 1_672_534_800], **columns, "volume": 1}).to_parquet(path)
    assert "  row 2: open -1.0 is not above 0" in refusal(path).message.splitlines()


def test_damaged_parquet_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "ETH-USDT-1h.parquet"
    path.write_bytes(b"PAR1" + b"rubbish" * 100)
    error = refusal(path)
    assert error.message.startswith("ETH-USDT-1h.parquet: damaged Parquet: ")
    assert "\n" not in error.message
    assert error.hint == "download it again"


def test_parquet_without_pyarrow_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    path = tmp_path / "ETH-USDT-1h.parquet"
    path.write_bytes(b"PAR1")
    error = refusal(path)
    assert error.message == "ETH-USDT-1h.parquet: reading Parquet needs pyarrow"
    assert error.hint == "pip install 'tradebot[parquet]', or save the file as CSV"


@pytest.mark.parametrize(
    "header",
    [
        "Open_Time,Open,High,Low,Close,Volume",
        "TIMESTAMP,o,h,l,c,v",
        "date, open, high, low, close, volume",
        "\ufeffopened_at,open,high,low,close,volume",
        '"time","open","high","low","close","volume"',
    ],
)
def test_header_is_read_in_any_case_and_spelling(tmp_path: Path, header: str) -> None:
    assert read_candles(write(tmp_path, header, row(0), row(1))).close.tolist() == [101, 101]


def test_columns_are_found_by_name_and_others_ignored(tmp_path: Path) -> None:
    header = "volume,note,close,low,high,open,opened_at,close_time"
    rows = [f"5,x{i},101,99,102,100,2023-01-01 0{i}:00:00,9" for i in range(2)]
    table = read_candles(write(tmp_path, header, *rows))
    assert (table.open[0], table.high[0], table.volume[0]) == (100, 102, 5)


@pytest.mark.parametrize("unit", [1, 1000, 10**6, 10**9])
def test_epoch_times_are_understood_by_their_size(tmp_path: Path, unit: int) -> None:
    lines = [f"{(1_672_531_200 + i * 3600) * unit},100,102,99,101,5" for i in range(3)]
    table = read_candles(write(tmp_path, HEADER, *lines))
    assert table.opened_at.tolist() == [MIDNIGHT + i * HOUR for i in range(3)]


def test_offsets_are_converted_to_utc(tmp_path: Path) -> None:
    lines = [f"2023-01-01T0{i}:00:00+02:00,100,102,99,101,5" for i in (2, 3)]
    assert read_candles(write(tmp_path, HEADER, *lines)).opened_at[0] == MIDNIGHT


def test_closed_at_is_one_candle_after_the_open(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER.replace("opened_at", "closed_at"), row(1), row(2))
    assert read_candles(path).opened_at.tolist() == [MIDNIGHT, MIDNIGHT + HOUR]


@given(
    st.lists(
        st.decimals(min_value="1e-12", max_value="1e9", places=12).filter(lambda d: d > 0),
        min_size=1,
        max_size=20,
    )
)
def test_every_decimal_is_read_as_the_nearest_float(
    tmp_path_factory: pytest.TempPathFactory, prices: list[Decimal]
) -> None:
    lines = [
        f"{MIDNIGHT + i * HOUR},{price:f},{price:f},{price:f},{price:f},1"
        for i, price in enumerate(prices)
    ]
    path = write(tmp_path_factory.mktemp("exact"), HEADER, *lines)
    assert read_candles(path).close.tolist() == [float(price) for price in prices]


def test_gaps_are_reported_not_refused(tmp_path: Path) -> None:
    table = read_candles(write(tmp_path, HEADER, row(0), row(1), row(4)))
    assert table.gaps() == [(MIDNIGHT + HOUR, MIDNIGHT + 4 * HOUR, 2)]


def test_blank_lines_at_the_end_hold_nothing(tmp_path: Path) -> None:
    assert len(read_candles(write(tmp_path, HEADER, row(0), row(1), "", ""))) == 2


# --- market and timeframe -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BTC-USDT-1h-2017-2024.csv.gz", "BTC/USDT"),
        ("BTC_USDT.csv", "BTC/USDT"),
        ("BTCUSDT-1m-2023-01.csv", "BTC/USDT"),
        ("Binance_ETHBTC_d.csv", "ETH/BTC"),
        ("1000SATS-USDT.csv", "1000SATS/USDT"),
        ("STETH-USDT.csv", "STETH/USDT"),
        ("BTCTUSD.csv", None),  # BTC/TUSD or BTCT/USD
        ("MY_BTC_USDT.csv", None),
        ("candles.csv", None),
        ("WBTC.csv", None),
    ],
)
def test_symbol_is_taken_from_a_name_only_when_unambiguous(name: str, symbol: str | None) -> None:
    assert symbol_in(name) == symbol


def test_timeframe_in_a_name_is_case_sensitive() -> None:
    assert timeframe_in("BTC-USDT-1m.csv") == "1m"
    assert timeframe_in("BTC-USDT-1M.csv") is None
    assert timeframe_in("BTC-USDT-1m-1h.csv") is None


def test_name_without_a_symbol_asks_for_it(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, row(0), row(1), name="candles.csv")
    error = refusal(path)
    assert error.message == "candles.csv: the file name does not tell the market"
    assert error.hint == (
        "name the file like BTC-USDT-1h.csv, or name the market: --markets BTC/USDT to trade it, "
        "--symbol BTC/USDT to import it"
    )
    assert read_candles(path, symbol="SOL/USDT").symbol == "SOL/USDT"


def test_symbol_written_otherwise_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^'btcusdt' is not a symbol$") as caught:
        read_candles(write(tmp_path, HEADER, row(0)), symbol="btcusdt")
    assert caught.value.hint == "did you mean BTC/USDT?"
    with pytest.raises(UsageError) as caught:
        read_candles(write(tmp_path, HEADER, row(0)), symbol="../etc")
    assert caught.value.hint == "write base and quote in capitals: BTC/USDT"


def test_timeframe_is_inferred_from_the_usual_distance(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, row(0), row(4), row(8), row(16), name="BTC-USDT.csv")
    assert read_candles(path).timeframe_ms == 4 * HOUR


def test_one_candle_does_not_tell_its_timeframe(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, row(0), name="BTC-USDT.csv")
    error = refusal(path)
    assert error.message == "BTC-USDT.csv: too few candles to tell their timeframe"
    assert error.hint == "add --timeframe 1h"
    assert read_candles(path, timeframe="1h").timeframe_ms == HOUR


def test_distance_that_is_no_timeframe_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, row(0), row(7), row(14), name="BTC-USDT.csv")
    expected = "BTC-USDT.csv: most candles are 25200 s apart, which is no timeframe"
    error = refusal(path)
    assert error.message == expected
    assert error.hint.startswith("known are 1s, 1m")


@pytest.mark.parametrize(("given", "who"), [(None, "the file's name"), ("1h", "--timeframe")])
def test_timeframe_that_the_times_contradict_is_refused(
    tmp_path: Path, given: str | None, who: str
) -> None:
    error = refusal(write(tmp_path, HEADER, row(0), row(4), row(8)), timeframe=given)
    assert error.message == f"BTC-USDT-1h.csv: {who} says 1h, but the candles are 4h apart"
    assert error.hint == "give --timeframe 4h, or check that it is the right file"


def test_unknown_timeframe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^'1w' is not a timeframe$"):
        read_candles(write(tmp_path, HEADER, row(0), row(1)), timeframe="1w")


# --- rows that are no candles ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "kind", "text"),
    [
        (row(1, "100,,99,101,5"), "nan", "high is empty or NaN"),
        (row(1, "nan,102,99,101,5"), "nan", "open is empty or NaN"),
        (row(1, "100,102,99,101,NaN"), "nan", "volume is empty or NaN"),
        (row(1, "100,inf,99,101,5"), "infinite", "high is infinite"),
        (row(1, "100,1e999,99,101,5"), "infinite", "high is infinite"),
        (row(1, "100,102,99,abc,5"), "unreadable", "close 'abc' is not a number"),
        (row(1, "100,102,99,1_0,5"), "unreadable", "close '1_0' is not a number"),
        (row(1, "100,102,99,True,5"), "unreadable", "close 'True' is not a number"),
        (row(1, "100,102,0,101,5"), "sign", "low 0.0 is not above 0"),
        (row(1, "100,102,-99,101,5"), "sign", "low -99.0 is not above 0"),
        (row(1, "100,102,99,101,-5"), "sign", "volume -5.0 is negative"),
        (row(1, "100,98,99,98.5,5"), "range", "high 98.0 is below low 99.0"),
        (row(1, "98,102,99,101,5"), "range", "open 98.0 is outside low 99.0 .. high 102.0"),
        (row(1, "100,102,99,103,5"), "range", "close 103.0 is outside low 99.0 .. high 102.0"),
        (row(0), "duplicate", "2023-01-01T00:00:00Z is already in row 1 (line 2)"),
        (
            "2023-01-01T01:30:00Z,100,102,99,101,5",
            "grid",
            "2023-01-01T01:30:00Z is not the open of a 1h candle",
        ),
        (
            "2022-12-31T23:00:00Z,100,102,99,101,5",
            "disorder",
            "2022-12-31T23:00:00Z is older than a row before it",
        ),
        (
            "now,100,102,99,101,5",
            "unreadable",
            "opened_at 'now' is not a time in 2009..2100, to the ms",
        ),
        (
            ",100,102,99,101,5",
            "unreadable",
            "opened_at is empty, not a time in 2009..2100, to the ms",
        ),
        (
            "1970-01-01T01:00:00Z,100,102,99,101,5",
            "unreadable",
            "opened_at '1970-01-01T01:00:00Z' is not a time in 2009..2100, to the ms",
        ),
        (
            "2023-01-01T01:00:00.0004Z,100,102,99,101,5",
            "unreadable",
            "opened_at '2023-01-01T01:00:00.0004Z' is not a time in 2009..2100, to the ms",
        ),
    ],
)
def test_row_that_is_no_candle_is_named_with_its_line(
    tmp_path: Path, second: str, kind: str, text: str
) -> None:
    path = write(tmp_path, HEADER, row(0), second, row(3), row(4))
    named = {(each.row, each.kind, each.text) for each in problems(read_raw(path))}
    assert (2, kind, f"row 2 (line 3): {text}") in named
    assert f"row 2 (line 3): {text}" in refusal(path).message


def test_good_rows_have_no_problem(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, row(0, "1,1,1,1,0"), row(1), row(5))
    assert problems(read_raw(path)) == []


def test_blank_line_in_the_middle_is_a_problem_of_its_own_line(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, row(0), "", row(2))
    assert {each.row for each in problems(read_raw(path))} == {2}


def test_error_names_five_problems_and_counts_the_rest(tmp_path: Path) -> None:
    bad = [row(i, "100,102,99,101,-1") for i in range(1, 9)]
    path = write(tmp_path, HEADER, row(0), *bad)
    error = refusal(path)
    lines = error.message.splitlines()
    assert lines[0] == "BTC-USDT-1h.csv: 8 problems"
    assert lines[1:6] == [f"  row {i} (line {i + 1}): volume -1.0 is negative" for i in range(2, 7)]
    assert lines[6:] == ["  and 3 more"]
    assert error.hint == (
        f"nothing was read; see all with `tradebot data verify {path}`, "
        "then correct or delete those rows"
    )


def test_rubbish_in_every_row_is_counted_but_named_a_thousand_times(tmp_path: Path) -> None:
    lines = [f"{MIDNIGHT + i * HOUR},x,-1,y,-1,-1" for i in range(3000)]
    found = verify_file(write(tmp_path, HEADER, *lines))
    assert (len(found.problems), found.problem_count) == (1000, 5 * 3000)
    assert found.problems[-1].row == 200


def test_disorder_and_repeats_are_found_across_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, row(3), row(4), row(1), row(2), row(4), row(5))
    found = [(each.row, each.kind) for each in problems(read_raw(path))]
    assert found == [(3, "disorder"), (4, "disorder"), (5, "duplicate")]


# --- real candles ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "symbol", "rows", "decimals", "gaps"),
    [
        (BTC_1H, "BTC/USDT", 58_419, 2, 28),
        (BTC_1M, "BTC/USDT", 50_000, 2, 2),
        (DOGE_1M, "DOGE/USDT", 43_200, 5, 0),
    ],
)
def test_real_files_are_read_whole_and_exactly(
    name: str, symbol: str, rows: int, decimals: int, gaps: int
) -> None:
    table = read_candles(candle_file(name))
    assert (table.symbol, len(table)) == (symbol, rows)
    assert table.price_decimals() == decimals
    assert len(table.gaps()) == gaps
    with gzip.open(candle_file(name), "rt") as file:
        second = file.readlines()[1].split(",")
    assert [units[0] for units in table.price_units(decimals)] == [
        int(Decimal(text).scaleb(decimals)) for text in second[1:5]
    ]
