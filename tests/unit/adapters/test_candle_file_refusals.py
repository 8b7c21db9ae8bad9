"""Files that are no tables of candles: each is refused in one line, with its remedy."""

import gzip
import os
from pathlib import Path

import pytest

from tests.support.candle_lines import HEADER, refusal, row, write
from tradebot.adapters import candle_files


@pytest.mark.parametrize(
    ("lines", "message", "hint"),
    [
        (
            ["time,open,high,low,close", "x"],
            "no column volume; the file has: time, open, high, low, close",
            "name the columns opened_at,open,high,low,close,volume; other columns are ignored",
        ),
        (
            ["price", "1"],
            "no columns opened_at, open, high, low, close, volume; the file has: price",
            "name the columns opened_at,open,high,low,close,volume; other columns are ignored",
        ),
        (
            ["1672531200000,1,2,3,4,5"],
            "the first line holds numbers, not column names: 1672531200000, 1, 2, 3, 4, 5",
            "put the names in a line above it, such as opened_at,open,high,low,close,volume",
        ),
        (
            [HEADER.replace(",", ";"), row(0).replace(",", ";")],
            f"the columns are not separated by commas: '{HEADER.replace(',', ';')}'",
            "save it with commas between columns and points in numbers",
        ),
        (
            ["Time,open,high,low,close,volume,TIME", "x"],
            "2 columns are named 'time'",
            "rename all but the one that is meant",
        ),
        ([HEADER], "column names, but no candles", "export the file again"),
        (["", ""], "the first line is empty", f"column names belong there: {HEADER}"),
        (
            [HEADER, row(0), row(1, "100,5,102,99,101,5")],
            "not a table with the same columns in every row: Expected 6 fields in line 3, saw 7",
            "look for stray commas and quotes there",
        ),
        (
            [HEADER, row(0, "100,102,99,101,5,6"), row(1, "100,102,99,101,5,6")],
            "not a table with the same columns in every row: "
            "line 2 has more cells than there are column names",
            "look for stray commas and quotes there",
        ),
        (
            [HEADER, row(0), row(1, '100,"102,99,101,5')],
            "not a table with the same columns in every row: EOF inside string starting at line 3",
            "look for stray commas and quotes there",
        ),
    ],
)
def test_file_that_is_no_table_of_candles_says_why(
    tmp_path: Path, lines: list[str], message: str, hint: str
) -> None:
    error = refusal(write(tmp_path, *lines))
    assert error.message == f"BTC-USDT-1h.csv: {message}"
    assert error.hint == hint


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("BTC-USDT-1h.csv", b"", "the file is empty"),
        ("BTC-USDT-1h.csv", b"\x00\x01\x02" * 99, "binary content, not a table of candles"),
        ("BTC-USDT-1h.csv", b"PK\x03\x04zip", "a packed archive"),
        ("BTC-USDT-1h.csv", HEADER.encode() + b"\nM\xe4rz,1,2,3,4,5\n", "not UTF-8 text"),
        ("BTC-USDT-1h.csv.gz", b"opened_at,open", "named .gz, but its content is not"),
        ("BTC-USDT-1h.parquet", b"opened_at,open", "named .parquet, but its content is not"),
    ],
)
def test_other_content_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert refusal(path).message == f"{name}: {message}"


@pytest.mark.parametrize("cut", [12, -9])
def test_gzip_that_ends_early_is_damaged_not_short(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "BTC-USDT-1h.csv.gz"
    path.write_bytes(gzip.compress("\n".join([HEADER, row(0), row(1)]).encode())[:cut])
    error = refusal(path)
    assert error.message.startswith("BTC-USDT-1h.csv.gz: damaged gzip: ")
    assert error.hint == "download it again; `gzip -t` tests a file"


def test_gzip_with_a_flipped_byte_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "BTC-USDT-1h.csv.gz"
    packed = bytearray(gzip.compress("\n".join([HEADER, row(0), row(1)]).encode()))
    packed[-6] ^= 255
    path.write_bytes(packed)
    assert refusal(path).message.startswith("BTC-USDT-1h.csv.gz: damaged gzip: CRC check failed")


def test_small_gzip_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candle_files, "SIZE_MAX", 1_000_000)
    path = write(tmp_path, HEADER, *[row(0)] * 50_000, name="BTC-USDT-1h.csv.gz")
    assert path.stat().st_size < 20_000
    error = refusal(path)
    assert error.message == "BTC-USDT-1h.csv.gz: more than 1000000 bytes of text"
    assert error.hint == "split it into smaller files"


def test_missing_file_and_directory_and_pipe_are_refused_at_once(tmp_path: Path) -> None:
    missing, folder, pipe = (tmp_path / name for name in ("BTC-USDT.csv", "ETH-USDT", "SOL-USDT"))
    folder.mkdir()
    os.mkfifo(pipe)
    assert refusal(missing).message == f"{missing}: cannot be read: No such file or directory"
    assert refusal(folder).message == f"{folder}: is a directory, not a candle file"
    assert refusal(pipe).message == f"{pipe}: is not a regular file"


def test_file_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, HEADER, row(0))

    def refuse(*_: object, **__: object) -> None:  # Root may read everything, so chmod is no test.
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    error = refusal(path)
    assert error.message == f"{path}: cannot be read: Permission denied"
    assert error.hint == "check path and permissions"
