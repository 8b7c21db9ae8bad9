"""Candle files of strangers: a table whose every number can be traded on, or one typed error."""

import gzip
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.candle_lines import HEADER, row
from tradebot.adapters.candle_files import read_candles
from tradebot.errors import TradebotError

LINES = [HEADER, *(row(hour) for hour in range(6))]
# What no price and no time is, in whatever a spreadsheet, a page or a terminal makes of it.
CELLS = (
    "nan", "NaN", "inf", "-inf", "Infinity", "1e999", "-1", "0", "", "1_000", "1,5", "0x10", "1d5",
    "\uff11\uff12", "\u0663", "\u00bd", "True", "=1+1", "@SUM(A1)", "\x1b[31m1", "1\x00", "1\u202e",
    "\ud7ff", "<b>1</b>", "[bold]1", "1 000", "--1", "1e-400", "9" * 400, "\u00a01", "None", "NULL",
)  # fmt: skip
FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def files() -> dict[str, bytes]:
    """Return sound files, by their endings."""
    text = "\n".join(LINES).encode()
    columns = [line.split(",") for line in LINES[1:]]
    frame = pd.DataFrame(columns, columns=HEADER.split(","))
    numbers = frame.columns.drop("opened_at")
    frame[numbers] = frame[numbers].astype("float64")
    packed = BytesIO()
    frame.to_parquet(packed)
    return {
        ".csv": text,
        ".csv.gz": gzip.compress(text, mtime=0),
        ".parquet": packed.getvalue(),
    }


SOUND = files()


def check(folder: Path, ending: str, data: bytes) -> str:
    """Read a file; return its error in words, "" where it is taken and all of it is sound."""
    path = folder / f"BTC-USDT-1h{ending}"
    path.write_bytes(data)
    try:
        table = read_candles(path)
    except TradebotError as error:
        return error.message
    prices = np.concatenate([table.open, table.high, table.low, table.close])
    assert np.isfinite(prices).all()
    assert (prices > 0).all()
    assert np.isfinite(table.volume).all()
    assert (table.volume >= 0).all()
    assert (np.diff(table.opened_at) > 0).all()
    return ""


@pytest.mark.parametrize("ending", SOUND)
def test_sound_file_is_taken(ending: str, tmp_path: Path) -> None:
    assert check(tmp_path, ending, SOUND[ending]) == ""


@pytest.mark.parametrize("cell", CELLS, ids=ascii)
@pytest.mark.parametrize("column", range(6))
def test_cell_that_is_no_number_is_refused_with_its_row(
    column: int, cell: str, tmp_path: Path
) -> None:
    lines = [line.split(",") for line in LINES]
    lines[3][column] = f'"{cell}"' if "," in cell else cell
    said = check(tmp_path, ".csv", "\n".join(map(",".join, lines)).encode())
    is_empty_volume = column == 5 and cell in ("0", "1e-400")
    assert bool(said) != is_empty_volume, said


def test_name_of_a_column_makes_no_line_of_its_own(tmp_path: Path) -> None:
    packed = BytesIO()
    pd.DataFrame({"time": [1], "vol\nError: \x1b[31mall is well": [2]}).to_parquet(packed)
    said = check(tmp_path, ".parquet", packed.getvalue())
    assert "the file has: time, vol error: all is well" in said


@settings(FUZZ, max_examples=200)
@given(data=st.binary(max_size=400), ending=st.sampled_from(sorted(SOUND)))
def test_no_bytes_raise_what_nobody_expects(tmp_path: Path, data: bytes, ending: str) -> None:
    check(tmp_path, ending, data)


CHANGE = st.tuples(st.floats(0, 1), st.integers(0, 12), st.binary(max_size=12))


def check_changed(
    folder: Path, ending: str, changes: list[tuple[float, int, bytes]], *, is_packed: bool
) -> None:
    """Replace pieces of a sound file, `is_packed` after it was packed, and read it."""
    data = SOUND[ending if is_packed else ".csv"]
    for part, length, piece in changes:
        at = int(part * len(data))
        data = data[:at] + piece + data[at + length :]
    check(folder, ending, data if is_packed or ending != ".csv.gz" else gzip.compress(data))


@settings(FUZZ, max_examples=300)
@given(
    ending=st.sampled_from(sorted(SOUND)),
    changes=st.lists(CHANGE, min_size=1, max_size=4),
    is_packed=st.booleans(),
)
def test_no_change_in_a_file_raises_what_nobody_expects(
    tmp_path: Path, ending: str, changes: list[tuple[float, int, bytes]], is_packed: bool
) -> None:
    check_changed(tmp_path, ending, changes, is_packed=is_packed)


TEXT = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(CELLS)


@settings(FUZZ, max_examples=300)
@given(st.lists(st.lists(TEXT, max_size=8), max_size=6), st.booleans())
def test_no_table_of_texts_raises_what_nobody_expects(
    tmp_path: Path, rows: list[list[str]], has_names: bool
) -> None:
    lines = [",".join(each) for each in rows]
    check(tmp_path, ".csv", "\n".join([HEADER, *lines] if has_names else lines).encode())


@pytest.mark.long
@settings(FUZZ, max_examples=10_000)
@given(
    ending=st.sampled_from(sorted(SOUND)),
    changes=st.lists(CHANGE, min_size=1, max_size=4),
    is_packed=st.booleans(),
)
def test_no_change_of_thousands_raises_what_nobody_expects(
    tmp_path: Path, ending: str, changes: list[tuple[float, int, bytes]], is_packed: bool
) -> None:
    check_changed(tmp_path, ending, changes, is_packed=is_packed)
