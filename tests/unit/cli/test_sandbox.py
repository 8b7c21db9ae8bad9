"""`tradebot sandbox serve`: what it prints, and how it ends."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from typer.testing import CliRunner

from tradebot.cli.sandbox import app
from tradebot.errors import ConfigError, TradebotError, UsageError

RUN = "from tradebot.cli.sandbox import app; app()"


@contextmanager
def serving(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command in a process of its own."""
    process = subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-c", RUN, "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    """Return the first line of the result."""
    assert process.stdout is not None
    return process.stdout.readline()


def test_it_serves_until_ctrl_c_and_ends_with_130_and_no_traceback() -> None:
    with serving("--json", "--speed", "step", "--seed", "5") as process:
        facts = json.loads(first_line(process))
        assert facts["schema"] == "tradebot.sandbox/1"
        assert (facts["is_synthetic"], facts["markets"]) == (True, ["BTC/USDT"])
        with urlopen(f"{facts['url']}/api/v3/time") as answer:  # noqa: S310  # our own loopback
            assert json.loads(answer.read())["serverTime"] > 0
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, "")
    assert err == "the sandbox has stopped\n"


def test_coin_that_pays_the_fees_is_told_of() -> None:
    with serving("--fee-coin", "BNB=600.5", "--cash", "BNB=1", "--cash", "USDT=9") as process:
        assert process.stdout is not None
        text = "".join(process.stdout.readline() for _ in range(6))
        assert "fees     in BNB at 600.5 USDT, while there is enough of it\n" in text


def test_result_for_people_says_that_the_market_is_made_up() -> None:
    with serving() as process:
        assert process.stdout is not None
        text = "".join(process.stdout.readline() for _ in range(5))
    assert "BTC/USDT, made up from the seed: synthetic, not real prices" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--speed", "fast"], "'fast' is not a speed"),
        (["--timeframe", "7m"], "'7m' is not a timeframe"),
        (["--cash", "USDT"], "'USDT' is not a balance"),
        (["--cash", "GBP=1"], "no market here trades GBP"),
        (["--fee", "2"], "'2' is not between 0 and 1"),
        (["--candles", "a.csv", "--symbol", "A/B", "--symbol", "C/D"], "1 files and 2 markets"),
        (["--symbol", "BTC/USDT", "--symbol", "BTC/USDT"], "BTC/USDT is listed twice"),
    ],
)
def test_wrong_words_are_refused_before_anything_is_served(
    arguments: list[str], message: str
) -> None:
    with pytest.raises(TradebotError) as caught:
        CliRunner().invoke(app, ["serve", *arguments], catch_exceptions=False)
    assert caught.value.message == message


def test_record_is_refused_for_another_market(tmp_path: Path) -> None:
    record = str(tmp_path / "r.jsonl")
    with serving("--record", record, "--speed", "step") as process:
        assert first_line(process).startswith("sandbox exchange at http://127.0.0.1:")
    with pytest.raises(TradebotError, match="another sandbox market or account"):
        CliRunner().invoke(
            app, ["serve", "--record", record, "--seed", "2"], catch_exceptions=False
        )


def test_port_in_use_ends_the_command() -> None:
    with serving("--json") as process:
        port = json.loads(first_line(process))["url"].rpartition(":")[2]
        with pytest.raises(UsageError, match=f"port {port} on 127.0.0.1 is already in use"):
            CliRunner().invoke(app, ["serve", "--port", port], catch_exceptions=False)


FAULTS = '[[script]]\nfault = "limit"\nrequest = "GET ping"\nhit = 1\nretry_after_ms = 5000\n'


def test_faults_are_on_and_said_so_with_their_seed(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(FAULTS + "[random]\nseed = 7\nskew = 0.5\n", encoding="utf-8")
    with serving("--json", "--speed", "step", "--faults", str(file)) as process:
        facts = json.loads(first_line(process))
        assert facts["faults"] == {"file": str(file), "scripted": 1, "seed": 7}
        with pytest.raises(HTTPError, match="429"):
            urlopen(f"{facts['url']}/api/v3/ping")  # noqa: S310  # our own loopback
        with urlopen(f"{facts['url']}/sandbox/status") as answer:  # noqa: S310  # our own loopback
            assert json.loads(answer.read())["faults"] == {"limit": 1}


def test_people_are_told_that_faults_are_on(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(FAULTS, encoding="utf-8")
    with serving("--faults", str(file)) as process:
        assert process.stdout is not None
        text = "".join(process.stdout.readline() for _ in range(6))
    assert f"faults   ON, from {file}: 1 scripted, none by chance\n" in text


def test_without_faults_none_are_told() -> None:
    with serving("--json") as process:
        assert json.loads(first_line(process))["faults"] is None


def test_wrong_fault_file_is_refused_before_anything_is_served(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(FAULTS.replace("hit", "hits"), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        CliRunner().invoke(app, ["serve", "--faults", str(file)], catch_exceptions=False)
    assert caught.value.message == f"{file}:4: script.hits: unknown key - did you mean 'hit'?"
    assert caught.value.hint == "1 problem; docs/faults.md lists every fault and key"


def test_faults_and_a_record_do_not_go_together(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(FAULTS, encoding="utf-8")
    record = tmp_path / "r.jsonl"
    arguments = ["serve", "--faults", str(file), "--record", str(record)]
    with pytest.raises(UsageError, match="--faults and --record do not go together"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
