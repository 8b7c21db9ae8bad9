"""The rungs that rest on what was done: proven by a chain, of this account, and lately."""

from pathlib import Path

import pytest

from tests.support.builders import intended, order
from tests.support.ladders import (
    NOW,
    audit,
    backed_up,
    compared,
    configured,
    open_rungs,
    practised,
    rung_of,
    shown,
)
from tradebot.adapters.audit import AuditKind
from tradebot.adapters.clock import WallClock
from tradebot.adapters.evidence import ALERT_TESTS, BACKUPS, COMPARISONS
from tradebot.adapters.latch import FileLatch
from tradebot.errors import UsageError
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.timeframe import DAY_MS
from tradebot.runtime.arming import OVERRIDES, SENTENCES, override
from tradebot.runtime.drills import Drill, record_drill


@pytest.mark.parametrize(("hours", "is_met"), [(1, False), (11, False), (12, True), (24, True)])
def test_day_counts_on_which_half_of_its_candles_were_decided(
    tmp_path: Path, hours: int, is_met: bool
) -> None:
    """Symptom: seven candles on seven days were seven days of practice."""
    config = configured(tmp_path)
    practised(config, hours=hours)
    assert ("days" not in open_rungs(config)) is is_met


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/api/v3", "http://localhost/api/v3"])
def test_testnet_on_this_machine_is_no_practice(tmp_path: Path, url: str) -> None:
    config = configured(tmp_path, exchange={"ccxt": {"urls": {"test": {"public": url}}}})
    practised(config)
    assert f"is on this machine, {url}: that is no practice" in rung_of(config, "days")[0]


def test_practice_of_a_strategy_whose_file_was_edited_since_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("first")
    config = configured(tmp_path, strategy={"name": f"{file}:Own"})
    practised(config)
    assert "days" not in open_rungs(config)
    file.write_text("second")
    assert "days" in open_rungs(config)
    file.unlink()
    assert "days" in open_rungs(config)


@pytest.mark.parametrize(
    "name", ["kill-drills.jsonl", ALERT_TESTS, BACKUPS, COMPARISONS, OVERRIDES]
)
def test_line_that_was_typed_by_hand_shows_nothing(tmp_path: Path, name: str) -> None:
    """Symptom: the ladder was climbed with echo."""
    config = configured(tmp_path)
    practised(config)
    shown(config)
    override(config, "replay", SENTENCES["replay"], "x", now_ms=NOW)
    before = open_rungs(config)
    path = config.paths.logs / name
    lines = path.read_text()
    path.unlink()
    without = open_rungs(config)
    assert without > before
    path.write_text(lines.replace(str(NOW), str(NOW - 1)))
    assert open_rungs(config) == without


@pytest.mark.parametrize(
    "change", [{"mode": "x"}, {"mode": "live"}, {"exchange": "kraken"}, {"account": "other"}]
)
def test_drill_of_another_place_does_not_count(tmp_path: Path, change: dict[str, str]) -> None:
    config = configured(tmp_path)
    place = {"mode": "sandbox", "exchange": "binance", "account": "main", **change}
    drill = Drill(
        at=NOW,
        mode=place["mode"],
        exchange=place["exchange"],
        account=place["account"],
        latched_ms=1,
        cancelled_ms=2,
        flat_ms=3,
    )
    record_drill(audit(config), drill)
    assert "drill" in open_rungs(config)


def test_backup_must_be_there_whole_and_of_this_journal(tmp_path: Path) -> None:
    """Symptom: a backup that was deleted right after went on counting."""
    config = configured(tmp_path)
    practised(config)
    file = backed_up(config)
    assert "backup" not in open_rungs(config)
    kept = file.read_bytes()
    file.write_bytes(kept[:8192] + b"rubbish " * 64 + kept[8192 + 512 :])
    assert "backup" in open_rungs(config)
    file.unlink()
    assert f"no journal at {file}" in rung_of(config, "backup")[0]
    file.write_bytes(kept)
    (config.paths.logs / "runs/testnet-binance-main/journal.db").unlink()
    practised(config, 6)
    assert "is of another journal than" in rung_of(config, "backup")[0]


# --- books and clock ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_ms", "said"), [(DAY_MS, ""), (DAY_MS + 1, "within a day"), (None, "since the last start")]
)
def test_books_must_have_been_compared_lately(
    tmp_path: Path, age_ms: int | None, said: str
) -> None:
    """Symptom: "reconciled" was only that nothing had been recorded."""
    config = configured(tmp_path)
    practised(config)
    compared(config, mode="live")
    if age_ms is not None:
        compared(config, age_ms=age_ms)
    if not said:
        assert "reconciled" not in open_rungs(config)
        return
    text, command = rung_of(config, "reconciled")
    assert (said in text, command) == (True, "tradebot reconcile")


def test_comparison_before_the_last_start_is_none(tmp_path: Path) -> None:
    config = configured(tmp_path)
    practised(config)
    compared(config, age_ms=10)
    audit(config, NOW - 10).record(AuditKind.STARTED, run="testnet-binance-main")
    audit(config, NOW).record(AuditKind.STARTED, run="sandbox-0001")
    assert "reconciled" not in open_rungs(config)
    audit(config, NOW - 9).record(AuditKind.STARTED, run="testnet-binance-main")
    assert "reconciled" in open_rungs(config)


def test_order_in_doubt_is_no_agreement(tmp_path: Path) -> None:
    config = configured(tmp_path)
    practised(config, 7, intended(order("buy 0.5 BTC @ 20000")))
    compared(config)
    assert "1 orders are in doubt" in rung_of(config, "reconciled")[0]


@pytest.mark.parametrize(
    ("age_ms", "ahead_ms", "is_met"),
    [
        (DAY_MS, 1_000, True),
        (DAY_MS, -1_000, True),
        (DAY_MS, 1_001, False),
        (0, -1_001, False),
        (DAY_MS + 1, 0, False),
    ],
)
def test_clock_must_have_been_measured_lately_and_be_right(
    tmp_path: Path, age_ms: int, ahead_ms: int, is_met: bool
) -> None:
    config = configured(tmp_path)
    compared(config, age_ms=age_ms, ahead_ms=ahead_ms)
    assert ("clock" not in open_rungs(config)) is is_met
    with pytest.raises(UsageError, match="cannot be left out"):
        override(config, "clock", "whatever", "x", now_ms=NOW)


@pytest.mark.parametrize(
    ("state", "is_met"), [(TradingState.REDUCING, False), (TradingState.HALTED, True)]
)
def test_remedy_of_what_only_exits_is_resume_and_a_halt_is_the_latch_s(
    tmp_path: Path, state: TradingState, is_met: bool
) -> None:
    """Symptom: after kill and resume, and while paused, it named `tradebot reconcile`."""
    config = configured(tmp_path)
    practised(config, 7, ev.TradingStateChanged(at=NOW, state=state, reason="x"))
    compared(config)
    assert ("reconciled" not in open_rungs(config)) is is_met
    FileLatch(config.paths.logs / "latch", WallClock()).halt("storm")
    text, command = rung_of(config, "reconciled")
    assert ("trading is halted: storm" in text, command) == (
        True,
        "tradebot resume --reason TEXT",
    )
