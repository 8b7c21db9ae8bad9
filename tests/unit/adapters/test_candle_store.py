"""The candle store: idempotent, all or nothing, and honest about what it cannot do."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.shared_data import BTC_1H, candle_file
from tradebot.adapters.candle_files import read_candles
from tradebot.adapters.candles import CandleStore, Series, market_name, open_existing
from tradebot.candles import CandleTable
from tradebot.errors import DataError, NotFoundError, UsageError
from tradebot.model.timeframe import parse_time

MARKET = "binance:BTC/USDT"
HOUR = 3_600_000
START = parse_time("2023-01-01")


def hourly(*closes: float, start: int = START, step: int = HOUR) -> CandleTable:
    values = np.array(closes)
    times = start + step * np.arange(len(closes))
    return CandleTable("BTC/USDT", step, times, values, values, values, values, values)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CandleStore]:
    with CandleStore(tmp_path / "logs" / "candles.db") as opened:
        yield opened


def everything(store: CandleStore) -> CandleTable:
    return store.read(MARKET, HOUR, 0, 2**50)


def test_what_was_appended_is_read_back_to_the_last_bit(store: CandleStore) -> None:
    table = hourly(0.1, 0.1 + 0.2, 1e-8, 97_123.45)
    assert store.append(MARKET, table) == 4
    assert everything(store).equals(table)


def test_candles_outlive_the_process(tmp_path: Path) -> None:
    with CandleStore(tmp_path / "candles.db") as first:
        first.append(MARKET, hourly(1, 2))
    with CandleStore(tmp_path / "candles.db") as second:
        assert everything(second).equals(hourly(1, 2))


def test_appending_the_same_candles_again_changes_nothing(store: CandleStore) -> None:
    store.append(MARKET, hourly(1, 2, 3))
    assert store.append(MARKET, hourly(1, 2, 3, 4)) == 1
    assert everything(store).equals(hourly(1, 2, 3, 4))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 15)), min_size=1, max_size=12))
def test_overlapping_pieces_in_any_order_give_the_whole(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[int, int]]
) -> None:
    whole = hourly(*range(1, 61))
    with CandleStore(tmp_path_factory.mktemp("pieces") / "candles.db") as store:
        stored: set[int] = set()
        for first, count in pieces:
            piece = whole.between(START + first * HOUR, START + (first + count) * HOUR)
            new = set(range(first, first + count)) - stored
            assert store.append(MARKET, piece) == len(new)
            stored |= new
        assert everything(store).close.tolist() == [row + 1.0 for row in sorted(stored)]


def test_candle_that_differs_is_refused_by_name_and_nothing_is_stored(store: CandleStore) -> None:
    store.append(MARKET, hourly(1, 2))
    with pytest.raises(DataError) as caught:
        store.append(MARKET, hourly(1, 2.5, 3))
    assert caught.value.message == (
        "binance:BTC/USDT 1h: the candle of 2023-01-01T01:00:00Z is stored with open 2.0, "
        "now it has 2.5; nothing was stored"
    )
    assert caught.value.hint == "find out which is right; --replace takes the new ones"
    assert everything(store).equals(hourly(1, 2))


def test_difference_far_into_a_long_table_undoes_all_of_it(store: CandleStore) -> None:
    long = hourly(*range(1, 25_001))
    store.append(MARKET, hourly(7, start=START + 24_000 * HOUR))
    with pytest.raises(DataError, match=r"stored with open 7\.0, now it has 24001\.0"):
        store.append(MARKET, long)
    assert len(everything(store)) == 1


def test_replace_takes_the_new_candle_and_counts_only_it(store: CandleStore) -> None:
    store.append(MARKET, hourly(1, 2, 3))
    assert store.append(MARKET, hourly(1, 2.5, 3), replace=True) == 1
    assert everything(store).equals(hourly(1, 2.5, 3))


def test_stop_in_the_middle_of_an_append_leaves_nothing_behind(store: CandleStore) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.append(MARKET, hourly(1, 2), on_progress=stop)
    assert len(everything(store)) == 0
    assert store.append(MARKET, hourly(1, 2)) == 2


def test_progress_adds_up_to_the_table(store: CandleStore) -> None:
    steps: list[int] = []
    store.append(MARKET, hourly(*range(1, 25_001)), on_progress=steps.append)
    assert steps == [10_000, 10_000, 5_000]


def test_row_that_is_no_candle_is_refused(store: CandleStore) -> None:
    with pytest.raises(DataError) as caught:
        store.append(MARKET, hourly(1, float("nan"), -1))
    assert caught.value.message == (
        "binance:BTC/USDT: row 2: open is empty or NaN (and 9 more problems)"
    )
    assert caught.value.hint == "nothing was stored; get these candles again"
    assert len(everything(store)) == 0


def test_last_gives_the_newest_oldest_first(store: CandleStore) -> None:
    store.append(MARKET, hourly(1, 2, 3, 4))
    assert store.last(MARKET, HOUR, 2).close.tolist() == [3, 4]
    assert store.last(MARKET, HOUR, 9).close.tolist() == [1, 2, 3, 4]
    assert len(store.last(MARKET, HOUR, 0)) == 0
    assert store.last(MARKET, HOUR, 2).symbol == "BTC/USDT"


def test_read_takes_the_start_and_leaves_the_end(store: CandleStore) -> None:
    store.append(MARKET, hourly(1, 2, 3, 4))
    assert store.read(MARKET, HOUR, START + HOUR, START + 3 * HOUR).close.tolist() == [2, 3]


def test_markets_and_timeframes_do_not_mix(store: CandleStore) -> None:
    store.append(MARKET, hourly(1, 2))
    store.append("kraken:BTC/USDT", hourly(5))
    store.append(MARKET, hourly(9, step=60_000))
    assert everything(store).close.tolist() == [1, 2]
    assert store.last(MARKET, 60_000, 5).close.tolist() == [9]
    assert len(store.last("binance:ETH/USDT", HOUR, 5)) == 0


def test_latest_opened_at_is_none_before_the_first_candle(store: CandleStore) -> None:
    assert store.latest_opened_at(MARKET, HOUR) is None
    store.append(MARKET, hourly(1, 2))
    assert store.latest_opened_at(MARKET, HOUR) == START + HOUR


def test_list_counts_candles_gaps_and_what_is_missing(store: CandleStore) -> None:
    store.append(MARKET, hourly(1, 2))
    store.append(MARKET, hourly(3, 4, start=START + 5 * HOUR))
    store.append(MARKET, hourly(9, step=60_000))
    assert store.list() == (
        Series(MARKET, "1m", 1, START, START, 0, 0),
        Series(MARKET, "1h", 4, START, START + 6 * HOUR, 1, 3),
    )


def test_sources_are_remembered_once(store: CandleStore) -> None:
    for name in ("b.csv", "a.csv", "b.csv"):
        store.append(MARKET, hourly(1, 2), source=name)
    assert store.sources(MARKET, HOUR) == ["a.csv", "b.csv"]
    assert store.sources("binance:ETH/USDT", HOUR) == []


def test_verify_finds_what_was_changed_behind_our_back(store: CandleStore) -> None:
    store.append(MARKET, hourly(1, 2, 3))
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE candles SET low = -1 WHERE open = 2")
        connection.execute("DELETE FROM candles WHERE open = 1")
        connection.execute("UPDATE candles SET opened_at = opened_at + 2*3600000 WHERE open = 3")
    connection.close()
    found = store.verify(MARKET, HOUR)
    assert [problem.text for problem in found.problems] == ["row 1: low -1.0 is not above 0"]
    assert found.gaps == ((START + HOUR, START + 4 * HOUR, 2),)
    assert (found.name, found.count, found.problem_count) == (MARKET, 2, 1)


def test_verify_of_nothing_is_not_found(store: CandleStore) -> None:
    with pytest.raises(NotFoundError) as caught:
        store.verify(MARKET, HOUR)
    assert caught.value.message == f"no 1h candles of {MARKET} in {store.path}"
    assert caught.value.exit_code == 3


def test_find_takes_a_name_or_a_symbol_and_suggests(store: CandleStore) -> None:
    store.append(MARKET, hourly(1))
    store.append("kraken:BTC/USDT", hourly(1))
    assert [each.market for each in store.find("BTC/USDT")] == [MARKET, "kraken:BTC/USDT"]
    assert [each.market for each in store.find(MARKET, "1h")] == [MARKET]
    with pytest.raises(NotFoundError) as caught:
        store.find("BTC-USDT")
    assert caught.value.message == f"no candles of BTC-USDT in {store.path}"
    assert caught.value.hint == ("did you mean BTC/USDT? `tradebot data list` shows what there is")


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "candles.db"
    path.write_bytes(b"opened_at,open,high,low,close,volume\n" * 50)
    with pytest.raises(DataError) as caught:
        CandleStore(path)
    assert caught.value.message == (
        f"{path}: not a candle store, or damaged: file is not a database"
    )
    assert caught.value.hint == "move it away and import again"


def test_place_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file, not a folder")
    with pytest.raises(DataError) as caught:
        CandleStore(tmp_path / "logs" / "candles.db")
    assert caught.value.message == f"{tmp_path / 'logs' / 'candles.db'}: File exists"
    assert caught.value.hint == "check the path and its permissions"


def test_directory_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        CandleStore(tmp_path)
    assert caught.value.message == f"{tmp_path}: unable to open database file"
    assert caught.value.hint == "check the path, its permissions and the free disk space"


def test_full_disk_is_one_line_and_loses_nothing(store: CandleStore) -> None:
    store.append(MARKET, hourly(1, 2))
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DataError) as caught:
        store.append(MARKET, hourly(*range(1, 5001), start=START + 2 * HOUR))
    assert caught.value.message == f"{store.path}: database or disk is full"
    assert everything(store).equals(hourly(1, 2))


def test_store_that_another_process_writes_is_named_busy(tmp_path: Path) -> None:
    path = tmp_path / "candles.db"
    with CandleStore(path) as first, CandleStore(path, busy_seconds=0) as second:
        first._connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(DataError) as caught:
            second.append(MARKET, hourly(1))
        first._connection.execute("ROLLBACK")
    assert caught.value.message == f"{path}: database is locked"
    assert caught.value.hint == "another tradebot is storing candles: try again when it is done"


def test_reading_goes_on_while_another_writes(tmp_path: Path) -> None:
    path = tmp_path / "candles.db"
    with CandleStore(path) as first, CandleStore(path, busy_seconds=0) as second:
        first.append(MARKET, hourly(1))
        first._connection.execute("BEGIN IMMEDIATE")
        assert second.last(MARKET, HOUR, 5).close.tolist() == [1]
        first._connection.execute("ROLLBACK")


def test_opening_an_existing_store_does_not_make_one(tmp_path: Path) -> None:
    path = tmp_path / "candles.db"
    with pytest.raises(NotFoundError, match=r"^no candles are stored in ") as caught:
        open_existing(path)
    assert caught.value.hint == "`tradebot data import FILE` stores some"
    assert not path.exists()


@pytest.mark.parametrize("exchange", ["", "Binance", "../x", "a:b"])
def test_exchange_name_is_checked(exchange: str) -> None:
    assert market_name("binance", "BTC/USDT") == MARKET
    with pytest.raises(UsageError) as caught:
        market_name(exchange, "BTC/USDT")
    assert caught.value.message == f"{exchange!r} is not the name of an exchange"


def test_real_candles_come_back_as_they_were(store: CandleStore) -> None:
    table = read_candles(candle_file(BTC_1H))
    assert store.append(MARKET, table) == len(table)
    assert store.append(MARKET, table) == 0
    assert everything(store).equals(table)
    assert list(store.verify(MARKET, HOUR).gaps) == table.gaps()
