"""A wrong configuration: the file, the line, the key, what is wrong, and exit 78."""

from pathlib import Path

import pytest

from tests.support.shell import BUSY, refused, typed

WRONG = {
    "[bot]\nmarket = ['BTC/USDT']": "c.toml:2: bot.market: unknown key - did you mean 'markets'?",
    "[bto]\nname = 'x'": "c.toml:1: bto: unknown key - did you mean 'bot'?",
    "bot = 3": "c.toml:1: bot: this is a table",
    "[bot]\nname = 5": "c.toml:2: bot.name: this is text: write it in quotes",
    "[bot]\nname = 'My Bot'": "c.toml:2: bot.name",
    "[bot]\nmarkets = []": "c.toml:2: bot.markets: this list is empty",
    "[bot]\nmarkets = 'BTC/USDT'": "c.toml:2: bot.markets: this is a list",
    "[bot]\nmarkets = ['BTC']": "'BTC' is not a market; write it as BTC/USDT",
    "[bot]\nmarkets = ['btc/usdt']": "did you mean BTC/USDT?",
    "[bot]\nmarkets = ['BTC/BTC']": "a coin is not traded for itself",
    "[bot]\nmarkets = ['BTC/USDT', 'BTC/EUR']": "one bot trades one quote coin",
    "[bot]\nmarkets = ['BTC/USDT', 'BTC/USDT']": "a market is listed twice",
    "[bot]\ntimeframe = '7m'": "'7m' is not a timeframe; did you mean 5m?",
    "[bot]\ntimeframe = 60": "c.toml:2: bot.timeframe: this is text",
    "[exchange]\nid = 'binanse'": "exchange 'binanse' is not known",
    "[exchange.ccxt]\napiKey = 'x'": "c.toml:1: exchange.ccxt: may not set apiKey: keys belong",
    "[exchange.ccxt]\nmaxRetriesOnFailure = 3": "may not set maxRetriesOnFailure: it would send",
    "[exchange.ccxt.options]\nmaxRetriesOnFailure = 3": "may not set options.maxRetriesOnFailure",
    "[exchange.ccxt]\noptions = { recvWindow = 60000 }": (
        "may not set options.recvWindow: an order without an answer is proved absent by a window "
        "of 5 s, and the bot follows the exchange's clock by itself; leave them out"
    ),
    "[exchange.ccxt.urls.test]\nprivate = 'https://api.binance.com/api/v3'": (
        "urls.test: api.binance.com is the real exchange"
    ),
    "[strategy]\nname = 'ema_cros'": "did you mean 'ema_cross'?",
    "[strategy]\nname = 'nowhere.py:Mine'": "strategy file nowhere.py is not there",
    "[strategy.params]\nsma_fst = 3": "unknown parameter 'sma_fst'; did you mean 'sma_fast'?",
    "[strategy]\nname = 'ema_cross'\n[strategy.params]\nfast = 50\nslow = 20": "must be below",
    "[sizing]\nfraction = 2": "c.toml:2: sizing.fraction: Input should be less than or equal to 1",
    "[sizing]\nfraction = -0.1": "c.toml:2: sizing.fraction",
    "[sizing]\nfraction = nan": "c.toml:2: sizing.fraction",
    "[sizing]\nfraction = '10%'": "write it without quotes or unit, as 0.1",
    "[sizing]\nmethod = 'rsk'": "did you mean 'risk'?",
    "[exits]\nstop_fraction = 0": "sizing.method 'risk' sizes by the stop",
    "[exits]\nhold_candles_max = 1.5": "c.toml:2: exits.hold_candles_max",
    "[risk]\nopen_positions_max = 0": "c.toml:2: risk.open_positions_max",
    "[risk]\norder_notional_max = inf": "c.toml:2: risk.order_notional_max",
    "[costs]\nslippage_fraction = 0.0000001": "no more than 6 decimal places",
    "[costs]\nfee_asset = 'bnb'": "c.toml:2: costs.fee_asset",
    "[sandbox]\ncash = -5": "c.toml:2: sandbox.cash: Input should be greater than 0",
    "[sandbox]\nseed = -1": "c.toml:2: sandbox.seed",
    "[sandbox]\nstart = 'yesterday'": "'yesterday' is not a time; write 2023-01-01",
    "[sandbox]\nstart = 2025-01-01": "c.toml:2: sandbox.start: this is text",
    "[sandbox]\ncandles = 0": "c.toml:2: sandbox.candles",
    "[alerts]\nchannels = ['slak']": "c.toml:2: alerts.channels: Input should be 'slack', 'tele",
    "[alerts]\nkinds = 'fill'": "c.toml:2: alerts.kinds: this is a list",
    "[paths]\nlogs = 3": "c.toml:2: paths.logs: this is a path",
    "[paths]\nlogs = ''": "c.toml:2: paths.logs: name a folder for it",
    "[bot\n": "c.toml: Expected ']'",
    "[bot]\nname = 'a'\nname = 'b'": "c.toml: Cannot overwrite a value (at line 3",
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: " ".join(text.split()))
def test_wrong_configuration_is_named_with_its_line(folder: Path, text: str) -> None:
    Path("c.toml").write_text(text + "\n")
    words = refused(78, "config", "check", "--config", "c.toml")
    assert WRONG[text] in words
    assert not (folder / "logs").exists()


def test_every_problem_is_named_at_once(folder: Path) -> None:
    Path("c.toml").write_text("[bot]\nnmae = 'x'\n[sizing]\nfraction = 2\n[risk]\nfoo = 1\n")
    result = typed("config", "check", "--config", "c.toml", code=78)
    lines = result.err.splitlines()
    assert [line.removeprefix("Error: ").split(":")[1] for line in lines[:3]] == ["2", "4", "6"]
    assert lines[3].strip().startswith("3 problems")


@pytest.mark.parametrize("command", ["run", "backtest", "status", "report", "keys list"])
def test_every_command_refuses_a_wrong_configuration(folder: Path, command: str) -> None:
    Path("config.toml").write_text("[bot]\nnmae = 'x'\n")
    words = refused(78, *command.split())
    assert "config.toml:2: bot.nmae: unknown key - did you mean 'name'?" in words
    assert list(folder.iterdir()) == [folder / "config.toml"]


def test_configuration_that_is_not_text_is_named(folder: Path) -> None:
    Path("c.toml").write_bytes(b"\xff\xfe[\x00b")
    assert "c.toml is not UTF-8 text" in refused(78, "run", "--config", "c.toml")


def test_configuration_that_is_a_folder_or_missing_is_named(folder: Path) -> None:
    assert "Is a directory" in refused(78, "run", "--config", ".")
    words = refused(78, "run", "--config", "nowhere.toml")
    assert "nowhere.toml: no such file" in words
    assert "tradebot init" in words


def test_sandbox_refuses_an_exchange_whose_language_it_does_not_speak(folder: Path) -> None:
    """It ended in a read that failed, after retries that were printed to stdout."""
    Path("config.toml").write_text("[exchange]\nid = 'kraken'\n")
    assert "the sandbox speaks for binance only" in refused(78, "run")
    assert not (folder / "logs").exists()


def test_resume_refuses_a_configuration_that_has_changed(busy: Path) -> None:
    typed("run")
    Path("config.toml").write_text(BUSY + "[risk]\nopen_positions_max = 1\n")
    words = refused(78, "run", "--resume", "last")
    assert "changed" in words
    assert "start a new run, or put the old values back" in words
    assert refused(78, "run", "--resume", "last", "--seed", "9")
