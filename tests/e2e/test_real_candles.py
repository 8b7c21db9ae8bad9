"""The bot on real prices, from the command line."""

from pathlib import Path

from tests.support.shared_data import BTC_1H, candle_file
from tests.support.shell import BUSY, fills, typed


def test_three_weeks_of_bitcoin_are_traded_reported_and_backtested(folder: Path) -> None:
    file = candle_file(BTC_1H)
    (folder / "config.toml").write_text(BUSY)
    span = ("--candles", str(file), "--from", "2023-01-01", "--to", "2023-01-20")
    result = typed("run", *span)
    assert "candles of BTC-USDT-1h-2017-2024.csv.gz" in result.err
    assert "synthetic" not in (result.err + result.out).lower()
    report = typed("report", "--json").json
    assert (len(report["days"]), report["end"]) == (19, "2023-01-20T00:00:00Z")
    assert len(fills()) > report["trades"] > 5
    assert typed("status", "--json", code=3).json["equity"] == report["equity"]
    assert typed("journal", "verify", "--json").json["fault"] is None
    backtest = typed("backtest", "--json", *span).json
    for name in ("net", "equity", "fees", "days", "by_exit", "trades"):
        assert backtest[name] == report[name], name
