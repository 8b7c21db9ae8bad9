"""`tradebot backtest` by both engines: what the user reads is the same, and what is not known."""

import importlib.util
from pathlib import Path

import pytest

from tests.support.shell import refused, typed
from tradebot.research import backtest


@pytest.mark.long
def test_both_engines_tell_the_user_the_same(busy: Path) -> None:
    told = [typed("backtest", "--engine", engine).out for engine in ("kernel", "session")]
    assert told[0] == told[1]
    assert typed("backtest", "--engine", "kernel", "--json").json["engine"] == "kernel"


def test_what_the_kernel_does_not_know_is_named(busy: Path) -> None:
    config = busy / "config.toml"
    config.write_text(config.read_text() + '\n[entries]\nkind = "limit"\n')
    words = refused(78, "backtest", "--engine", "kernel")
    assert "the compiled backtest does not know limit entries" in words
    assert "--engine session runs it" in words


def test_where_it_would_pay_the_live_code_says_why_it_ran(
    busy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtest, "COMPILED_FROM", 1)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    told = typed("backtest").out
    assert "Engine  the live code, not the compiled loop: numba is not installed" in told


def test_engine_of_another_name_is_refused(busy: Path) -> None:
    assert "take one of auto, kernel, session" in refused(2, "backtest", "--engine", "gpu")


def test_kernel_has_no_journal_to_keep(busy: Path) -> None:
    words = refused(2, "backtest", "--engine", "kernel", "--keep")
    assert "the kernel writes no journal to keep" in words
