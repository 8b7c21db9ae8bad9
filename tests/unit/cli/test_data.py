"""`tradebot data`: what goes to stdout, what the exit code says, and every error's words."""

import io
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support.shared_data import BTC_1H, candle_file
from tradebot.cli import output
from tradebot.cli.data import app
from tradebot.errors import ConfigError, DataError, NotFoundError, TradebotError, UsageError

HEADER = "opened_at,open,high,low,close,volume"
GOOD = [HEADER, *(f"2023-01-01T0{i}:00:00Z,100,102,99,101,5" for i in (0, 1, 4))]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def file(*lines: str, name: str = "BTC-USDT-1h.csv") -> str:
    Path(name).write_text("\n".join(lines) + "\n")
    return name


def data(*arguments: str, exit_code: int = 0) -> str:
    """Run a command that ends with `exit_code`; return its stdout."""
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == exit_code, result.output
    assert result.stderr == ""
    return result.stdout


def refused(*arguments: str) -> TradebotError:
    """Run a command that raises for the program's top to print; return what it raised."""
    with pytest.raises(TradebotError) as caught:
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    return caught.value


def test_import_says_what_was_read_and_what_is_stored() -> None:
    assert data("import", file(*GOOD)) == (
        "binance:BTC/USDT 1h: 3 candles read, 3 new\n"
        "Stored: 3 from 2023-01-01T00:00:00Z to 2023-01-01T04:00:00Z, 1 gap (2 candles missing)\n"
    )
    assert Path("logs/candles.db").exists()


def test_import_again_adds_nothing() -> None:
    data("import", file(*GOOD))
    assert json.loads(data("import", file(*GOOD), "--json")) == {
        "schema": "tradebot.data/1",
        "read": 3,
        "new": 0,
        "market": "binance:BTC/USDT",
        "timeframe": "1h",
        "candles": 3,
        "first": "2023-01-01T00:00:00Z",
        "last": "2023-01-01T04:00:00Z",
        "gaps": 1,
        "missing": 2,
    }


def test_import_takes_market_timeframe_exchange_and_store_from_options() -> None:
    name = file(*GOOD, name="candles.csv")
    options = ("--symbol", "ETH/EUR", "--timeframe", "1h", "--exchange", "kraken")
    assert data("import", name, *options, "--store", "other.db").startswith("kraken:ETH/EUR 1h: 3")
    assert Path("other.db").exists()
    assert not Path("logs").exists()


def test_import_of_candles_that_differ_needs_replace() -> None:
    data("import", file(*GOOD))
    changed = file(GOOD[0], GOOD[1].replace(",5", ",6"))
    error = refused("import", changed)
    assert isinstance(error, DataError)
    assert error.message == (
        "binance:BTC/USDT 1h: the candle of 2023-01-01T00:00:00Z is stored with volume 5.0, "
        "now it has 6.0; nothing was stored"
    )
    assert "3 candles" not in data("import", changed, "--replace")


def test_import_of_a_file_with_an_error_stores_nothing() -> None:
    error = refused("import", file(*GOOD, "2023-01-01T05:00:00Z,-1,102,99,101,5"))
    assert (error.exit_code, error.message.splitlines()[1]) == (
        1,
        "  row 4 (line 5): open -1.0 is not above 0",
    )
    assert not Path("logs").exists()


@pytest.mark.parametrize(
    ("arguments", "kind", "exit_code", "message"),
    [
        (
            ["import", "no-BTC-USDT.csv"],
            DataError,
            1,
            "no-BTC-USDT.csv: cannot be read: No such file or directory",
        ),
        (["import", "x.csv", "--symbol", "btc"], UsageError, 2, "'btc' is not a symbol"),
        (
            ["import", "BTC-USDT.csv", "--timeframe", "60m"],
            ConfigError,
            78,
            "'60m' is not a timeframe",
        ),
        (["list"], NotFoundError, 3, "no candles are stored in logs/candles.db"),
        (["verify", "no.csv.gz"], NotFoundError, 3, "no.csv.gz: no such file"),
        (
            ["verify", "BTC/USDT"],
            NotFoundError,
            3,
            "BTC/USDT: no such file, and no candles are stored in logs/candles.db",
        ),
    ],
)
def test_wrong_request_is_one_line_with_its_exit_code(
    arguments: list[str], kind: type[TradebotError], exit_code: int, message: str
) -> None:
    error = refused(*arguments)
    assert (type(error), error.exit_code, error.message) == (kind, exit_code, message)
    assert error.hint


def test_list_off_a_terminal_is_tab_separated() -> None:
    data("import", file(*GOOD))
    assert data("list") == (
        "MARKET\tTIMEFRAME\tCANDLES\tFIRST\tLAST\tGAPS\tMISSING\n"
        "binance:BTC/USDT\t1h\t3\t2023-01-01T00:00:00Z\t2023-01-01T04:00:00Z\t1\t2\n"
    )


def test_list_as_json_is_one_object() -> None:
    data("import", file(*GOOD))
    listed = json.loads(data("list", "--json"))
    assert listed["schema"] == "tradebot.data/1"
    assert [series["market"] for series in listed["stored"]] == ["binance:BTC/USDT"]


def test_verify_prints_each_problem_with_its_row_and_exits_1() -> None:
    bad = file(*GOOD, "2023-01-01T05:00:00Z,100,102,99,,5", "2023-01-01T05:00:00Z,100,102,99,101,5")
    assert data("verify", bad, exit_code=1) == (
        "BTC-USDT-1h.csv 1h: 5 candles from 2023-01-01T00:00:00Z to 2023-01-01T05:00:00Z\n"
        "  row 4 (line 5): close is empty or NaN\n"
        "  row 5 (line 6): 2023-01-01T05:00:00Z is already in row 4 (line 5)\n"
        "  gap: 2 missing between 2023-01-01T01:00:00Z and 2023-01-01T04:00:00Z\n"
        "2 problems, 1 gap (2 candles missing)\n"
    )


def test_verify_of_a_file_with_only_gaps_exits_0() -> None:
    result = json.loads(data("verify", file(*GOOD), "--json"))
    assert result == {
        "schema": "tradebot.data/1",
        "verified": [
            {
                "name": "BTC-USDT-1h.csv",
                "timeframe": "1h",
                "candles": 3,
                "first": "2023-01-01T00:00:00Z",
                "last": "2023-01-01T04:00:00Z",
                "problem_count": 0,
                "problems": [],
                "gaps": [
                    {
                        "after": "2023-01-01T01:00:00Z",
                        "before": "2023-01-01T04:00:00Z",
                        "missing": 2,
                    }
                ],
            }
        ],
    }


def test_verify_as_json_carries_row_column_and_kind() -> None:
    bad = file(*GOOD, "x,100,102,99,101,5")
    result = json.loads(data("verify", bad, "--json", exit_code=1))
    assert result["verified"][0]["problems"] == [
        {
            "row": 4,
            "column": "opened_at",
            "kind": "unreadable",
            "text": "row 4 (line 5): opened_at 'x' is not a time in 2009..2100, to the ms",
        }
    ]


def test_verify_shows_a_thousand_problems_and_twenty_gaps_and_counts_the_rest() -> None:
    rows = [f"{1_672_531_200 + i * 7200},100,102,99,101,-1" for i in range(1200)]
    lines = data(
        "verify", file(HEADER, *rows, "1681171200,1,1,1,1,1", "1681174800,1,1,1,1,1"), exit_code=1
    ).splitlines()
    assert lines[1001] == "  and 200 more problems"
    assert lines[1022] == "  and 1,180 more gaps; --json lists all"
    assert lines[1023] == "1,200 problems, 1,200 gaps (1,200 candles missing)"


def test_verify_of_a_stored_market_checks_every_timeframe() -> None:
    data("import", file(*GOOD))
    minutes = [f"2023-01-01T00:0{i}:00Z,100,102,99,101,5" for i in range(3)]
    data("import", file(HEADER, *minutes, name="BTC-USDT-1m.csv"))
    both = json.loads(data("verify", "BTC/USDT", "--json"))["verified"]
    assert [each["timeframe"] for each in both] == ["1m", "1h"]
    one = data("verify", "binance:BTC/USDT", "--timeframe", "1m")
    assert one.splitlines()[-1] == "0 problems, 0 gaps (0 candles missing)"
    error = refused("verify", "BTC-USDT")
    assert error.hint.startswith("did you mean BTC/USDT?")


def test_real_file_goes_in_and_verifies() -> None:
    result = json.loads(data("import", str(candle_file(BTC_1H)), "--json"))
    assert (result["new"], result["gaps"], result["missing"]) == (58_419, 28, 128)
    assert data("verify", "BTC/USDT").endswith("0 problems, 28 gaps (128 candles missing)\n")


def test_help_needs_neither_pandas_nor_numpy_nor_rich() -> None:
    code = "import sys, tradebot.cli.data as d; print({'pandas','numpy','rich'} & set(sys.modules))"
    root = str(Path(output.__file__).parents[2])
    done = subprocess.run(  # noqa: S603  our own interpreter and text
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout == "set()\n"


# --- how commands speak ---------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_json_holds_money_as_plain_strings_and_refuses_nan() -> None:
    assert output.to_json({"cash": Decimal("1E-7"), "n": 2}) == '{"cash": "0.0000001", "n": 2}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        output.to_json({"x": float("nan")})
    with pytest.raises(TypeError, match=r"^Path has no place in a result$|PosixPath has no place"):
        output.to_json({"x": Path()})


def test_table_on_a_terminal_has_columns_and_no_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    output.emit({}, output.table([["BTC [x]", Decimal("1.50")]], ["MARKET", "CASH>"]), False)
    lines = [line.rstrip() for line in screen.getvalue().splitlines()]
    assert lines[-1].split() == ["BTC", "[x]", "1.5"]
    assert not set(screen.getvalue()) & set("│─+|")
    assert "\x1b[3" not in screen.getvalue()


def test_table_cell_cannot_break_the_columns() -> None:
    assert output.table([["a\tb\nc", None]], ["X", "Y"]) == "X\tY\na b c\t"


def test_note_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    output.note("listening")
    assert capsys.readouterr() == ("", "listening\n")


def test_progress_is_silent_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress("Storing", 10) as advance:
        advance(10)
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal_is_on_stderr_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with output.progress("Storing", 10) as advance:
        advance(10)
    assert "Storing" in screen.getvalue()
    assert capsys.readouterr().out == ""


def test_dumb_terminal_gets_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert not output.is_terminal(Terminal())
