"""The first minutes: an empty folder, `tradebot run`, and what one looks at then."""

import json
from pathlib import Path

import pytest

from tests.support.shell import head, started, typed

COMMANDS = [
    [],
    ["init"],
    ["run"],
    ["backtest"],
    ["status"],
    ["report"],
    ["kill"],
    ["resume"],
    ["keys"],
    ["keys", "add"],
    ["keys", "list"],
    ["keys", "remove"],
    ["keys", "passphrase"],
    ["data"],
    ["data", "import"],
    ["data", "list"],
    ["data", "verify"],
    ["alerts", "test"],
    ["config", "check"],
    ["journal", "verify"],
    ["journal", "show"],
    ["sandbox", "serve"],
]


def test_run_in_an_empty_folder_trades_and_says_what_it_did(folder: Path) -> None:
    with started(folder, "run") as program:
        result = program.ended(0)
    header, costs, *rest = result.err.splitlines()
    assert header.startswith("SANDBOX binance  BTC/USDT, ETH/USDT  1h  from 2025-01-01")
    assert "synthetic prices, seed 7; no network, no keys; 10000 USDT" in costs
    trades = [line for line in rest if " BUY " in line or " SELL " in line]
    assert len(trades) > 20
    told = [line for line in rest if line not in trades]
    assert all("  no entry: " in line for line in told), "what the gate refused is said, and why"
    assert result.out.startswith("Result  ")
    assert "buy & hold" in result.out
    assert "Next    tradebot report" in result.out
    assert [path.name for path in folder.iterdir()] == ["logs"]


def test_same_seed_makes_the_same_journal_and_another_seed_another(
    busy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(busy, "run", "--json") as program:
        first = program.ended(0).json
    assert first["head"] == head()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "config.toml").write_text((busy / "config.toml").read_text())
    monkeypatch.chdir(elsewhere)
    assert typed("run", "--json").json["head"] == first["head"]
    assert typed("run", "--json", "--seed", "8").json["head"] != first["head"]


def test_run_tells_json_on_stdout_and_keeps_stderr_for_people(busy: Path) -> None:
    result = typed("run", "--json")
    assert result.err == ""
    assert result.json["schema"] == "tradebot.run/1"
    assert (result.json["run"], result.json["halted"]) == ("sandbox-0001", False)
    assert isinstance(result.json["net"], str), "money is never a JSON number"


def test_report_status_and_journal_speak_of_the_run_that_was(busy: Path) -> None:
    run = typed("run", "--json").json
    report = typed("report", "--json").json
    assert {name: report[name] for name in ("run", "net", "equity", "trades", "fees")} == {
        name: run[name] for name in ("run", "net", "equity", "trades", "fees")
    }
    assert typed("report").out.startswith("SANDBOX binance  sandbox-0001  strategy ema_cross")
    status = typed("status", "--json", code=3).json
    assert (status["state"], status["equity"]) == ("not running", run["equity"])
    assert "sandbox-0001  not running" in typed("status", code=3).out
    verdict = typed("journal", "verify", "--json").json
    assert (verdict["events"], verdict["head"], verdict["fault"]) == (
        run["events"],
        run["head"],
        None,
    )
    assert run["head"] in typed("journal", "verify").out
    lines = typed("journal", "show", "--json").out.splitlines()
    assert len(lines) == run["events"]
    assert json.loads(lines[0])["kind"] == "session_started"
    last = typed("journal", "show", "--last", "1").out
    assert last.startswith(f"{run['events']}\t")
    fills = typed("journal", "show", "--kind", "fill_booked").out.splitlines()
    assert len(fills) >= 2 * run["trades"]


def test_no_amount_is_written_with_two_signs(busy: Path) -> None:
    typed("run")
    assert "+-" not in typed("report").out


def test_each_run_is_a_new_one_and_an_old_one_can_be_named(busy: Path) -> None:
    typed("run")
    old = head()
    typed("run", "--seed", "8")
    assert typed("report", "--json").json["run"] == "sandbox-0002"
    assert typed("report", "--json", "--run", "sandbox-0001").json["run"] == "sandbox-0001"
    assert head("sandbox-0001") == old


def test_resuming_a_run_that_has_ended_changes_nothing(busy: Path) -> None:
    before = typed("run", "--json").json
    after = typed("run", "--json", "--resume", "last").json
    assert (after["head"], after["events"]) == (before["head"], before["events"])


@pytest.mark.parametrize(
    "words",
    [
        ["--seed", "8"],
        ["--strategy", "donchian"],
        ["--markets", "SOL/USDT"],
        ["--timeframe", "4h"],
        ["--from", "2025-03-01", "--to", "2025-03-04"],
    ],
    ids=lambda words: words[0],
)
def test_run_is_resumed_with_the_words_it_was_started_with(folder: Path, words: list[str]) -> None:
    """A run begun with options looked like one whose configuration had changed."""
    (folder / "config.toml").write_text("[sandbox]\ncandles = 48\n")
    before = typed("run", "--json", *words).json["head"]
    assert typed("run", "--json", "--resume", "last").json["head"] == before


def test_backtest_shows_the_fills_of_the_run(busy: Path) -> None:
    run = typed("run", "--json").json
    backtest = typed("backtest", "--json").json
    names = ("net", "equity", "trades", "fees", "days", "by_exit", "win_rate")
    assert {name: backtest[name] for name in names} == {name: run[name] for name in names}


def test_init_writes_a_configuration_that_runs_and_never_overwrites(folder: Path) -> None:
    made = typed("init", "--json").json["made"]
    assert {Path(path).name for path in made} == {"config.toml", "logs", "keystore"}
    assert typed("config", "check").out.startswith("the configuration ok: BTC/USDT, ETH/USDT 1h")
    (folder / "config.toml").write_text("[sandbox]\ncandles = 24\n")
    assert typed("init", "--json").json["made"] == []
    assert (folder / "config.toml").read_text() == "[sandbox]\ncandles = 24\n"
    assert typed("run", "--json").json["end"] == "2025-01-02T00:00:00Z"


def test_version_is_one_line(folder: Path) -> None:
    with started(folder, "--version") as program:
        result = program.ended(0)
    assert result.out.startswith("tradebot 0.")
    assert (len(result.out.splitlines()), result.err) == (1, "")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command) or "tradebot")
def test_every_command_explains_itself(folder: Path, command: list[str]) -> None:
    result = typed(*command, "--help")
    assert result.out.startswith(f"Usage: {' '.join(['tradebot', *command])}")
    assert result.err == ""
    assert list(folder.iterdir()) == []
