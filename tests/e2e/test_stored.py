"""Candles that were imported once can be traded by name."""

from pathlib import Path

from tests.support.shell import refused, typed
from tradebot.model.timeframe import format_time, parse_time, timeframe_ms
from tradebot.sandbox.synthetic import synthetic_market

FAST = """
[strategy]
name = "donchian"
[strategy.params]
entry = 5
exit = 3
"""


def write_candles(path: Path) -> None:
    start = parse_time("2024-01-01")
    table = synthetic_market(
        "BTC/USDT", timeframe_ms=timeframe_ms("1h"), start_ms=start, count=200, seed=5
    )
    columns = (table.open, table.high, table.low, table.close, table.volume)
    rows = zip(table.opened_at.tolist(), *(each.tolist() for each in columns), strict=True)
    lines = [",".join([format_time(time), *map(str, values)]) for time, *values in rows]
    path.write_text("\n".join(["opened_at,open,high,low,close,volume", *lines]) + "\n")


def test_stored_candles_trade_as_their_file_does(folder: Path) -> None:
    (folder / "config.toml").write_text(FAST)
    file = folder / "BTC-USDT-1h.csv"
    write_candles(file)
    typed("data", "import", str(file))
    of_file = typed("backtest", "--candles", str(file), "--json").json
    stored = ("--stored", "--markets", "BTC/USDT")
    of_store = typed("backtest", *stored, "--json").json
    assert of_file["trades"] > 0
    assert of_store == of_file
    ran = typed("run", *stored, "--json").json
    assert ran["net"] == of_file["net"]
    assert typed("run", "--resume", "last", "--json").json["head"] == ran["head"]


def test_market_that_is_not_stored_is_named(folder: Path) -> None:
    file = folder / "BTC-USDT-1h.csv"
    write_candles(file)
    typed("data", "import", str(file))
    words = refused(3, "backtest", "--stored", "--markets", "ETH/USDT")
    assert "no 1h candles of binance:ETH/USDT" in words


def test_stored_and_given_candles_exclude_each_other(folder: Path) -> None:
    file = folder / "BTC-USDT-1h.csv"
    write_candles(file)
    words = refused(2, "backtest", "--stored", "--candles", str(file))
    assert "--stored and --candles are both given" in words
