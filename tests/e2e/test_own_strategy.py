"""A user's own strategy, by its path: a good one trades, a bad one is named."""

from pathlib import Path
from textwrap import dedent, indent

import pytest

from tests.support.shell import head, refused, typed

GOOD = Path(__file__).parents[1] / "support" / "example_strategy.py"
SHORT = "[sandbox]\ncandles = 48\n"


def own(body: str) -> str:
    """Write a strategy whose exposure is computed by `body`; return how it is named."""
    text = """
    import numpy as np
    from dataclasses import dataclass
    from tradebot.strategies.base import Explanation, Strategy

    class Mine(Strategy):
        name = "mine"

        @dataclass(frozen=True, slots=True)
        class Params:
            pass

        def warmup(self, params):
            return 3

        def explain(self, candles, params):
            return Explanation(confidence=1.0, reasons=("because",))

        def exposure(self, candles, params):
            closes = candles["close"].to_numpy()
    """
    Path("mine.py").write_text(dedent(text) + indent(dedent(body), " " * 8) + "\n")
    return "mine.py:Mine"


def test_own_strategy_trades_and_shows_the_same_in_a_backtest(folder: Path) -> None:
    (folder / "config.toml").write_text(SHORT)
    name = f"{GOOD}:AboveMean"
    run = typed("run", "--json", "--strategy", name).json
    assert run["strategy"] == "above_mean"
    backtest = typed("backtest", "--json", "--strategy", name).json
    assert (backtest["net"], backtest["days"]) == (run["net"], run["days"])
    assert typed("run", "--json", "--resume", "last").json["head"] == run["head"]
    assert head() == run["head"]


BAD = {
    "it raises": "return closes / nothing",
    "too short": "return closes[:-1] * 0",
    "too high": "return closes",
    "infinite": "return closes * np.inf",
    "words": "return ['buy'] * len(closes)",
    "nothing": "return None",
}


@pytest.mark.parametrize("what", BAD)
def test_strategy_that_breaks_is_named(folder: Path, what: str) -> None:
    (folder / "config.toml").write_text(SHORT)
    name = own(BAD[what])
    for command in ("run", "backtest"):
        assert "mine" in refused(1, command, "--strategy", name)


def test_backtest_refuses_a_strategy_that_sees_the_future(folder: Path) -> None:
    (folder / "config.toml").write_text(SHORT)
    name = own("return np.append(closes[1:] > closes[:-1], False).astype(float)")
    words = refused(1, "backtest", "--strategy", name)
    assert "mine" in words


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("x = 1\n", "mine.py:Mine"),
        ("class Mine: pass\n", "mine.py:Mine"),
        ("def broken(:\n", "mine.py:Mine"),
        ("raise ValueError('boom')\n", "mine.py:Mine"),
        ("import nowhere\n", "mine.py:Mine"),
        ("", "mine.py"),
        ("\0", "mine.py:Mine"),
    ],
)
def test_file_without_a_strategy_is_named(folder: Path, content: str, name: str) -> None:
    Path("mine.py").write_text(content)
    assert "mine.py" in refused(78, "run", "--strategy", name)
    assert "mine.py" in refused(78, "backtest", "--strategy", name)
    assert not (folder / "logs").exists()
