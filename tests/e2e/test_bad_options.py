"""Every option with something in it that it does not take: exit 2, 3 or 78, and what to write."""

import socket
from pathlib import Path

import pytest

from tests.support.shell import refused, typed

WRONG = {
    ("run", "--nosuch"): (2, "No such option: --nosuch"),
    ("rnu",): (2, "No such command 'rnu'"),
    ("run", "extra"): (2, "extra"),
    ("run", "--markets", "FOO"): (78, "the command line: bot.markets: 'FOO' is not a market"),
    ("run", "--markets", ","): (2, "--markets names no market"),
    ("run", "--markets", ""): (2, "--markets names no market"),
    ("run", "--markets", "BTC/USDT,BTC/USDT"): (78, "a market is listed twice"),
    ("run", "--timeframe", "7m"): (78, "did you mean 5m?"),
    ("run", "--timeframe", ""): (78, "'' is not a timeframe"),
    ("run", "--strategy", "ema_cros"): (78, "did you mean 'ema_cross'?"),
    ("run", "--strategy", ""): (78, "no strategy is called ''"),
    ("run", "--strategy", "nofile.py:Mine"): (78, "strategy file nofile.py is not there"),
    ("run", "--seed", "seven"): (2, "Invalid value for '--seed'"),
    ("run", "--seed", "-1"): (78, "the command line: sandbox.seed"),
    ("run", "--speed", "fast"): (2, "write max, or a factor such as 60x"),
    ("run", "--speed", "0x"): (2, "is no speed"),
    ("run", "--speed", "nanx"): (2, "is no speed"),
    ("run", "--from", "tomorrow"): (2, "'tomorrow' is not a time"),
    ("run", "--from", "2025-02-01", "--to", "2025-01-01"): (2, "--to is not after --from"),
    ("run", "--from", "2025-02-01", "--to", "2025-02-01"): (2, "--to is not after --from"),
    ("run", "--from", "9999-12-31"): (2, "must lie in 1970..2100"),
    ("run", "--from", "1960-01-01"): (2, "must lie in 1970..2100"),
    ("run", "--candles", "BTC-USDT-1h.csv"): (3, "BTC-USDT-1h.csv: no such file"),
    ("run", "--resume", "last"): (3, "there is no run yet"),
    ("run", "--resume", "../../etc"): (3, "there is no run '../../etc'"),
    ("run", "--resume", ""): (3, "there is no run ''"),
    ("run", "--resume", "last", "--from", "2025-01-01"): (2, "leave out --candles, --from"),
    ("run", "--testnet", "--seed", "8"): (2, "trades the exchange's own candles"),
    ("run", "--testnet", "--from", "2025-01-01"): (2, "no --from and no --to"),
    ("run", "--testnet", "--resume", "last"): (2, "leave out --resume"),
    ("run", "--testnet"): (4, "keys add"),
    ("backtest", "--speed", "60x"): (2, "No such option: --speed"),
    ("backtest", "--from", "2025-02-01", "--to", "2025-01-01"): (2, "--to is not after --from"),
    ("config", "check", "--equity", "1e400"): (2, "--equity: '1e400' is no number"),
    ("config", "check", "--equity", "1E+40"): (2, "not above 0 and under 1,000,000,000,000,000"),
    ("config", "check", "--equity", "0"): (2, "not above 0 and under 1,000,000,000,000,000"),
    ("status",): (3, "start one with `tradebot run`"),
    ("report",): (3, "there is no run yet"),
    ("report", "--run", "sandbox-0001"): (3, "there is no run 'sandbox-0001'"),
    ("report", "--run", "a/b"): (3, "there is no run 'a/b'"),
    ("report", "--run", "."): (3, "there is no run '.'"),
    ("report", "--run", ""): (3, "there is no run ''"),
    ("journal", "verify"): (3, "there is no run yet"),
    ("journal", "show", "--last", "-1"): (2, "Invalid value for '--last'"),
    ("resume",): (2, "Missing option '--reason'"),
    ("data", "import"): (2, "Missing argument"),
    ("data", "verify", "nowhere.csv"): (3, "nowhere.csv: no such file"),
    ("keys", "add", "binance"): (2, "--testnet or for --live"),
    ("keys", "add", "binanse", "--testnet"): (2, "did you mean binance?"),
    ("keys", "add", "binance", "--testnet"): (2, "give --key-file FILE, or --stdin"),
    ("alerts", "test"): (3, "no alert channel is on"),
    ("sandbox", "serve", "--port", "99999"): (2, "Invalid value for '--port'"),
    ("sandbox", "serve", "--speed", "fast"): (2, "fast"),
    ("sandbox", "serve", "--symbol", "BTC"): (78, "'BTC' is not a market"),
    ("sandbox", "serve", "--cash", "lots"): (2, "lots"),
    ("sandbox", "serve", "--fee", "2"): (2, "2"),
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_word_is_answered_in_words(folder: Path, words: tuple[str, ...]) -> None:
    code, said = WRONG[words]
    assert said in refused(code, *words)
    runs = folder / "logs" / "runs"
    assert not runs.exists(), "what did not start leaves no run behind"


def test_run_of_another_name_is_answered_with_the_names_there_are(busy: Path) -> None:
    typed("run")
    assert "the newest are: sandbox-0001" in refused(3, "report", "--run", "sandbox-0007")


def test_port_that_is_in_use_is_named(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert port in refused(2, "sandbox", "serve", "--port", port)


def test_files_that_contradict_the_options_are_named(folder: Path) -> None:
    hours = [f"2023-01-01T{hour:02}:00:00Z,100,102,99,101,5" for hour in range(24)]
    file = folder / "BTC-USDT-1h.csv"
    file.write_text("\n".join(["opened_at,open,high,low,close,volume", *hours]) + "\n")
    name = file.name
    both = ("--candles", name, "--candles", name)
    assert "two candle files are of the same market" in refused(2, "run", *both)
    two = ("--candles", name, "--markets", "BTC/USDT,ETH/USDT")
    assert "2 markets are named for 1 candle files" in refused(2, "run", *two)
    other = refused(2, "run", "--candles", name, "--markets", "ETH/USDT")
    assert "BTC-USDT-1h.csv is named as BTC/USDT, not ETH/USDT" in other
    assert "1h apart" in refused(1, "run", "--candles", name, "--timeframe", "4h")
    spanned = "they span 2023-01-01T00:00:00Z to 2023-01-02T00:00:00Z"
    for command in ("run", "backtest"):
        assert spanned in refused(1, command, "--candles", name, "--from", "2024-01-01")
        assert spanned in refused(1, command, "--candles", name, "--to", "2022-01-01")
    turned = ("--from", "2023-01-01T12:00:00Z", "--to", "2023-01-01T06:00:00Z")
    assert "--to is not after --from" in refused(2, "run", "--candles", name, *turned)
    assert not (folder / "logs").exists()
