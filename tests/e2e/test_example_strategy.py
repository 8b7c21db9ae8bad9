"""A user's own strategy, as the README shows it: loaded by its path, checked, and traded."""

from pathlib import Path

import pytest

from tests.support.frames import random_walk
from tests.tidy.rule import ROOT
from tradebot.cli import main as cli
from tradebot.strategies import contract
from tradebot.strategies.registry import load

EXAMPLE = ROOT / "examples" / "above_mean.py"


def test_example_keeps_the_contract_of_every_strategy() -> None:
    strategy = load(str(EXAMPLE))
    contract.check_contract(strategy, strategy.Params(), random_walk(1500, 7))


def test_example_is_backtested_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["tradebot", "backtest", "--strategy", str(EXAMPLE)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    said = capsys.readouterr()
    assert "strategy" in said.err
    assert "buy & hold" in said.out
    assert " 0 trades" not in said.out
