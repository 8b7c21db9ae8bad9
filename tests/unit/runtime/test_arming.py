"""The ladder to real money: each rung met, just not met, and left out by a person's full word."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import closed, market, started
from tests.support.keystores import CHEAP, FIELDS, PASSPHRASE, keystore_in, opened
from tradebot.adapters.evidence import ALERT_TESTS, BACKUPS, append_line
from tradebot.adapters.journal import SqliteJournal
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.keystore_file import KeyCheck
from tradebot.engine.apply import fold
from tradebot.errors import NotArmed, UsageError
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.timeframe import DAY_MS
from tradebot.runtime.arming import (
    OVERRIDES,
    SENTENCES,
    check_armed,
    ladder,
    override,
)
from tradebot.runtime.config import Config
from tradebot.runtime.drills import Drill, record_drill
from tradebot.runtime.runs import Runs, RunSpec

NOW = 1_735_689_600_000  # 2025-01-01T00:00:00Z
BEGAN = NOW - 8 * DAY_MS


def _config(folder: Path, **sections: dict[str, Any]) -> Config:
    paths = {"logs": folder / "logs", "keystore": folder / "keystore"}
    given = {"paths": paths, "alerts": {"channels": ("slack",)}, **sections}
    return Config.model_validate(given)


def _journal(config: Config, mode: str, events: Sequence[ev.Event]) -> None:
    spec = RunSpec(mode=mode, exchange=config.exchange.id, account=config.exchange.account)
    run = Runs(config.paths.logs).create(spec)
    journal = SqliteJournal(run.journal)
    journal.append(events)
    journal.close()


def _practised(config: Config, days: int = 7, *more: ev.Event, digest: str = "") -> None:
    begun = started(market())
    begun = ev.SessionStarted(
        **{
            name: getattr(begun, name)
            for name in begun.__dataclass_fields__
            if name not in ("at", "mode", "config_hash")
        },
        at=BEGAN,
        mode="testnet",
        config_hash=digest or config.digest(),
    )
    candles = [closed(BEGAN + day * DAY_MS + 1, BTC="100") for day in range(days)]
    _journal(config, "testnet", [begun, *candles, *more])


def _evidence(config: Config, *, age_ms: int = 0) -> None:
    logs, at = config.paths.logs, NOW - age_ms
    record_drill(
        logs,
        Drill(
            at=at,
            mode="sandbox",
            exchange="binance",
            account="main",
            latched_ms=1,
            cancelled_ms=2,
            flat_ms=3,
        ),
    )
    append_line(logs / BACKUPS, {"at": at, "run": "testnet-binance-main"})
    append_line(logs / ALERT_TESTS, {"at": at, "channels": ["slack"]})


def _checked(config: Config, *, at: int = NOW, **answers: bool | None) -> None:
    """Keep a key for real money, and what its exchange told of it: nothing bad, but for this."""
    told = {"may_trade": True, "may_withdraw": False, "may_transfer": False, "ip_restricted": True}
    store = Keystore.create(config.paths.keystore, PASSPHRASE, parameters=CHEAP)
    check = KeyCheck(checked_at_ms=at, **{**told, **answers})
    store.put("binance/live/main", FIELDS, "live", check=check)


def _missing(config: Config) -> set[str]:
    return {rung.code for rung in ladder(config, now_ms=NOW).missing}


def test_fresh_project_misses_every_rung(tmp_path: Path) -> None:
    assert _missing(_config(tmp_path)) == {*SENTENCES, "reconciled", "permissions"}


@pytest.mark.parametrize(("quote", "is_met"), [("USDC", True), ("BTC", False), ("TRY", False)])
def test_hundred_of_the_quote_coin_must_be_about_a_hundred(
    tmp_path: Path, quote: str, is_met: bool
) -> None:
    """Symptom: in a market quoted in BTC the first stage was a hundred BTC."""
    config = _config(tmp_path, bot={"markets": [f"ETH/{quote}"]})
    assert ("quote" not in _missing(config)) is is_met
    with pytest.raises(UsageError, match="cannot be left out"):
        override(config, "quote", "whatever", "x", now_ms=NOW)


def test_what_was_done_is_shown_and_what_cannot_be_is_not(tmp_path: Path) -> None:
    config = _config(tmp_path)
    _practised(config)
    _evidence(config)
    _checked(config)
    assert _missing(config) == {"replay"}


@pytest.mark.parametrize(("days", "is_met"), [(6, False), (7, True), (8, True)])
def test_days_of_practice(tmp_path: Path, days: int, is_met: bool) -> None:
    config = _config(tmp_path)
    _practised(config, days)
    assert ("days" not in _missing(config)) is is_met


def test_practice_under_another_configuration_does_not_count(tmp_path: Path) -> None:
    config = _config(tmp_path)
    _practised(config, digest="another")
    assert "days" in _missing(config)


def test_missed_candles_are_no_practice(tmp_path: Path) -> None:
    config = _config(tmp_path)
    late = [
        ev.CandlesClosed(
            at=NOW, closed_at=BEGAN + (6 + day) * DAY_MS, closes={}, exposures={}, missed=True
        )
        for day in range(3)
    ]
    _practised(config, 6, *late)
    assert "days" in _missing(config)


@pytest.mark.parametrize(
    ("age_ms", "missing"),
    [
        (7 * DAY_MS, set()),
        (7 * DAY_MS + 1, {"backup"}),
        (30 * DAY_MS, {"backup"}),
        (30 * DAY_MS + 1, {"backup", "drill", "alerts"}),
        (-1, {"backup", "drill", "alerts"}),  # of the future: a clock was wrong
    ],
)
def test_evidence_grows_old(tmp_path: Path, age_ms: int, missing: set[str]) -> None:
    config = _config(tmp_path)
    _practised(config)
    _evidence(config, age_ms=age_ms)
    _checked(config)
    assert _missing(config) - {"replay"} == missing


def test_drill_with_a_problem_is_none(tmp_path: Path) -> None:
    config = _config(tmp_path)
    failed = {"at": NOW, "mode": "sandbox", "exchange": "binance", "account": "main"}
    times = {"latched_ms": 1, "cancelled_ms": 2, "flat_ms": None, "problems": ["not flat"]}
    append_line(config.paths.logs / "kill-drills.jsonl", {**failed, **times})
    assert "drill" in _missing(config)


@pytest.mark.parametrize(
    "event",
    [
        ev.MarketLocked(at=NOW, market="binance:BTC/USDT", cause="reconcile", reason="x"),
        ev.TradingStateChanged(at=NOW, state=TradingState.REDUCING, reason="x"),
    ],
)
def test_journal_that_waits_for_a_person_is_not_reconciled(tmp_path: Path, event: ev.Event) -> None:
    config = _config(tmp_path)
    _practised(config, 7, event)
    assert "reconciled" in _missing(config)


def test_test_of_other_channels_does_not_count(tmp_path: Path) -> None:
    config = _config(tmp_path, alerts={"channels": ("slack", "email")})
    _practised(config)
    _evidence(config)
    assert "alerts" in _missing(config)


# --- the key ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "missing"),
    [
        ({}, set()),
        ({"may_withdraw": True}, {"permissions"}),
        ({"may_transfer": True}, {"permissions"}),
        ({"may_trade": False}, {"permissions"}),
        ({"may_withdraw": None}, {"permissions"}),
        ({"may_transfer": None}, {"permissions"}),
        ({"ip_restricted": False}, {"addresses"}),
        ({"ip_restricted": None}, {"addresses"}),
    ],
)
def test_key_must_be_told_to_only_trade_and_from_listed_addresses(
    tmp_path: Path, answers: dict[str, bool | None], missing: set[str]
) -> None:
    config = _config(tmp_path)
    _checked(config, **answers)
    assert _missing(config) & {"permissions", "addresses"} == missing


def test_key_that_was_told_of_in_the_future_or_not_at_all_is_not_checked(tmp_path: Path) -> None:
    config = _config(tmp_path)
    _checked(config, at=NOW + 1)
    assert {"permissions", "addresses"} <= _missing(config)
    opened(config.paths.keystore).put("binance/live/main", FIELDS, "live")
    (rung, _) = [each for each in ladder(config, now_ms=NOW).rungs if "keys" in each.command]
    assert (rung.text, rung.command) == (
        "the exchange was not asked what binance/live/main may do",
        "tradebot keys check binance --live",
    )


def test_key_of_a_testnet_or_a_damaged_keystore_shows_nothing(tmp_path: Path) -> None:
    config = _config(tmp_path)
    keystore_in(config.paths.keystore)
    assert {"permissions", "addresses"} <= _missing(config)
    (config.paths.keystore / "keystore.json").write_text("{")
    assert {"permissions", "addresses"} <= _missing(config)


# --- leaving out --------------------------------------------------------------------------------


def test_rung_is_left_out_by_its_sentence_for_a_week(tmp_path: Path) -> None:
    config = _config(tmp_path)
    _practised(config)
    _evidence(config)
    _checked(config, ip_restricted=False)
    with pytest.raises(NotArmed, match="addresses"):
        check_armed(config, now_ms=NOW)
    for code in ("addresses", "replay"):
        override(config, code, SENTENCES[code], "a small account", now_ms=NOW)
    told = check_armed(config, now_ms=NOW)
    assert [(each.code, each.reason) for each in told] == [
        ("addresses", "a small account"),
        ("replay", "a small account"),
    ]
    assert fold([started(), *told]).trading is TradingState.ACTIVE
    check_armed(config, now_ms=NOW + 7 * DAY_MS)
    with pytest.raises(NotArmed, match="addresses"):
        check_armed(config, now_ms=NOW + 7 * DAY_MS + 1)


@pytest.mark.parametrize(
    ("code", "sentence", "reason", "message"),
    [
        ("drill", "", "x", "in full"),
        ("drill", SENTENCES["drill"].lower(), "x", "in full"),
        ("drill", SENTENCES["drill"], " ", "say why"),
        ("reconciled", "whatever", "x", "cannot be left out"),
        ("permissions", "whatever", "x", "cannot be left out"),
        ("", "", "", "cannot be left out"),
    ],
)
def test_less_than_the_sentence_leaves_nothing_out(
    tmp_path: Path, code: str, sentence: str, reason: str, message: str
) -> None:
    config = _config(tmp_path)
    with pytest.raises(UsageError, match=message):
        override(config, code, sentence, reason, now_ms=NOW)
    assert not (config.paths.logs / OVERRIDES).exists()


def test_word_about_another_account_or_one_that_was_torn_leaves_nothing_out(
    tmp_path: Path,
) -> None:
    config = _config(tmp_path)
    other = _config(tmp_path, exchange={"account": "other"})
    override(other, "drill", SENTENCES["drill"], "x", now_ms=NOW)
    with (config.paths.logs / OVERRIDES).open("a") as file:
        file.write('{"at": 1, "code": "drill", "sen\nnull\n[]\n')
    assert "drill" in _missing(config)
