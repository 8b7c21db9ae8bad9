"""Candle files with something wrong in them: refused whole, by row, and nothing is left behind."""

import gzip
from pathlib import Path

import pytest

from tests.support.shell import refused, typed

HEADER = "opened_at,open,high,low,close,volume"
NAME = "BTC-USDT-1h.csv"


def rows(count: int = 60) -> list[str]:
    """Return a file's lines: hourly candles that rise and fall, and their header."""
    made = [HEADER]
    for hour in range(count):
        price = 100 + abs(hour % 12 - 6)
        day, hours = divmod(hour, 24)
        time = f"2023-01-{day + 1:02}T{hours:02}:00:00Z"
        made.append(f"{time},{price},{price + 2},{price - 1},{price + 1},5")
    return made


def write(lines: list[str]) -> None:
    """Write the candle file."""
    Path(NAME).write_text("".join(f"{line}\n" for line in lines))


def replaced(line: int, old: str, new: str) -> list[str]:
    """Return good rows with one of them changed."""
    lines = rows()
    assert old in lines[line]
    lines[line] = lines[line].replace(old, new, 1)
    return lines


# Row 9 is line 10 of the file; its candle opened at 08:00.
WRONG = {
    "no column": (replaced(0, "close", "klose"), "no column close"),
    "NaN": (replaced(9, ",102,", ",nan,"), "row 9 (line 10): open is empty or NaN"),
    "infinite": (replaced(9, ",102,", ",inf,"), "row 9 (line 10)"),
    "a word": (replaced(9, ",102,", ",many,"), "row 9 (line 10)"),
    "negative": (replaced(9, ",102,", ",-102,"), "row 9 (line 10): open -102.0 is not above 0"),
    "zero": (replaced(9, ",102,", ",0,"), "row 9 (line 10)"),
    "high under low": (replaced(9, ",104,", ",1,"), "row 9 (line 10)"),
    "no cell": (replaced(9, ",5", ""), "row 9 (line 10): volume is empty or NaN"),
    "no time": (replaced(9, "2023-01-01T08", "yesterday"), "row 9 (line 10): opened_at"),
    "off the grid": (replaced(9, "T08:00", "T08:30"), "row 9 (line 10)"),
    "twice": (rows()[:10] + rows()[9:], "is already in row 9 (line 10)"),
    "disorder": ([*rows()[:9], rows()[10], rows()[9], *rows()[11:]], "older than a row before it"),
    "header only": ([HEADER], "column names, but no candles"),
    "nothing": ([], "the file is empty"),
    "one candle": (rows(1), "1h"),
}


def test_good_file_trades(folder: Path) -> None:
    write(rows())
    assert typed("run", "--candles", NAME, "--json").json["end"] == "2023-01-03T11:00:00Z"


@pytest.mark.parametrize("what", WRONG)
def test_wrong_file_is_refused_by_its_row(folder: Path, what: str) -> None:
    lines, said = WRONG[what]
    write(lines)
    # Without a timeframe in the options, one candle does not tell how long it is: the name does.
    for command in ("run", "backtest"):
        words = refused(1, command, "--candles", NAME)
        assert said in words or what == "one candle"
    assert not (folder / "logs").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (NAME, bytes(range(256))),
        (f"{NAME}.gz", b"not gzip at all"),
        (f"{NAME}.gz", gzip.compress("\n".join(rows()).encode())[:-20]),
        ("BTC-USDT-1h.parquet", b"PAR1 or not"),
    ],
    ids=["binary", "no gzip", "torn gzip", "no parquet"],
)
def test_file_that_is_no_table_is_refused(folder: Path, name: str, content: bytes) -> None:
    Path(name).write_bytes(content)
    assert name in refused(1, "run", "--candles", name)
    assert name in refused(1, "data", "import", name)
    assert not (folder / "logs" / "runs").exists()


def test_folder_in_the_place_of_a_file_is_refused(folder: Path) -> None:
    Path(NAME).mkdir()
    assert "is a directory" in refused(1, "run", "--candles", NAME)


def test_gap_is_no_error_and_is_counted(folder: Path) -> None:
    write(rows()[:20] + rows()[30:])
    typed("run", "--candles", NAME)
    typed("data", "import", NAME)
    (stored,) = typed("data", "list", "--json").json["stored"]
    assert (stored["candles"], stored["gaps"], stored["missing"]) == (50, 1, 10)
    (checked,) = typed("data", "verify", "BTC/USDT", "--json").json["verified"]
    assert (checked["problem_count"], len(checked["gaps"])) == (0, 1)


def test_refused_import_stores_nothing(folder: Path) -> None:
    write(WRONG["NaN"][0])
    refused(1, "data", "import", NAME)
    checked = typed("data", "verify", NAME, "--json", code=1).json["verified"][0]
    assert checked["problems"][0]["row"] == 9
    assert typed("data", "list", "--json", code=None).code in (0, 3)
