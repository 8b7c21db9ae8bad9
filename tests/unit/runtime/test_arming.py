"""The ladder to real money: each rung met, just not met, and left out by a person's full word."""

from pathlib import Path

import pytest

from tests.support.builders import started
from tests.support.keystores import FIELDS, keystore_in, opened
from tests.support.ladders import (
    NOW,
    audit,
    compared,
    configured,
    key_checked,
    open_rungs,
    practised,
    shown,
)
from tradebot.adapters.evidence import append_line
from tradebot.adapters.proofs import prove
from tradebot.engine.apply import fold
from tradebot.errors import NotArmed, UsageError
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.timeframe import DAY_MS
from tradebot.runtime.arming import OVERRIDES, SENTENCES, check_armed, ladder, override

BEGAN = NOW - 8 * DAY_MS


def test_fresh_project_misses_every_rung(tmp_path: Path) -> None:
    assert open_rungs(configured(tmp_path)) == {*SENTENCES, "reconciled", "clock", "permissions"}


@pytest.mark.parametrize(("quote", "is_met"), [("USDC", True), ("BTC", False), ("TRY", False)])
def test_hundred_of_the_quote_coin_must_be_about_a_hundred(
    tmp_path: Path, quote: str, is_met: bool
) -> None:
    """Symptom: in a market quoted in BTC the first stage was a hundred BTC."""
    config = configured(tmp_path, bot={"markets": [f"ETH/{quote}"]})
    assert ("quote" not in open_rungs(config)) is is_met
    with pytest.raises(UsageError, match="cannot be left out"):
        override(config, "quote", "whatever", "x", now_ms=NOW)


def test_what_was_done_is_shown_and_what_cannot_be_is_not(tmp_path: Path) -> None:
    config = configured(tmp_path)
    practised(config)
    shown(config)
    key_checked(config)
    assert open_rungs(config) == {"replay"}


@pytest.mark.parametrize(("days", "is_met"), [(6, False), (7, True), (8, True)])
def test_days_of_practice(tmp_path: Path, days: int, is_met: bool) -> None:
    config = configured(tmp_path)
    practised(config, days)
    assert ("days" not in open_rungs(config)) is is_met


def test_practice_under_another_configuration_does_not_count(tmp_path: Path) -> None:
    config = configured(tmp_path)
    practised(config, digest="another")
    assert "days" in open_rungs(config)


def test_missed_candles_are_no_practice(tmp_path: Path) -> None:
    config = configured(tmp_path)
    late = [
        ev.CandlesClosed(
            at=NOW, closed_at=BEGAN + (6 + day) * DAY_MS, closes={}, exposures={}, missed=True
        )
        for day in range(3)
    ]
    practised(config, 6, *late)
    assert "days" in open_rungs(config)


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
    config = configured(tmp_path)
    practised(config)
    shown(config, age_ms=age_ms)
    key_checked(config)
    assert open_rungs(config) - {"replay"} == missing


def test_drill_with_a_problem_is_none(tmp_path: Path) -> None:
    config = configured(tmp_path)
    failed = {"at": NOW, "mode": "sandbox", "exchange": "binance", "account": "main"}
    times = {"latched_ms": 1, "cancelled_ms": 2, "flat_ms": None, "problems": ["not flat"]}
    prove(audit(config), "kill-drills.jsonl", {**failed, **times})
    assert "drill" in open_rungs(config)


@pytest.mark.parametrize(
    "event",
    [
        ev.MarketLocked(at=NOW, market="binance:BTC/USDT", cause="reconcile", reason="x"),
        ev.TradingStateChanged(at=NOW, state=TradingState.REDUCING, reason="x"),
    ],
)
def test_journal_that_waits_for_a_person_is_not_reconciled(tmp_path: Path, event: ev.Event) -> None:
    config = configured(tmp_path)
    practised(config, 7, event)
    assert "reconciled" in open_rungs(config)


def test_test_of_other_channels_does_not_count(tmp_path: Path) -> None:
    config = configured(tmp_path, alerts={"channels": ("slack", "email")})
    practised(config)
    shown(config)
    assert "alerts" in open_rungs(config)


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
    config = configured(tmp_path)
    key_checked(config, **answers)
    assert open_rungs(config) & {"permissions", "addresses"} == missing


def test_key_that_was_told_of_in_the_future_or_not_at_all_is_not_checked(tmp_path: Path) -> None:
    config = configured(tmp_path)
    key_checked(config, at=NOW + 1)
    assert {"permissions", "addresses"} <= open_rungs(config)
    opened(config.paths.keystore).put("binance/live/main", FIELDS, "live")
    (rung, _) = [each for each in ladder(config, now_ms=NOW).rungs if "keys" in each.command]
    assert (rung.text, rung.command) == (
        "the exchange was not asked what binance/live/main may do",
        "tradebot keys check binance --live",
    )


def test_key_of_a_testnet_or_a_damaged_keystore_shows_nothing(tmp_path: Path) -> None:
    config = configured(tmp_path)
    keystore_in(config.paths.keystore)
    assert {"permissions", "addresses"} <= open_rungs(config)
    (config.paths.keystore / "keystore.json").write_text("{")
    assert {"permissions", "addresses"} <= open_rungs(config)


# --- leaving out --------------------------------------------------------------------------------


def test_rung_is_left_out_by_its_sentence_for_a_week(tmp_path: Path) -> None:
    config = configured(tmp_path)
    practised(config)
    shown(config)
    key_checked(config, ip_restricted=False)
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
    compared(config, age_ms=-7 * DAY_MS)
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
    config = configured(tmp_path)
    with pytest.raises(UsageError, match=message):
        override(config, code, sentence, reason, now_ms=NOW)
    assert not (config.paths.logs / OVERRIDES).exists()


def test_word_about_another_account_or_one_that_was_torn_leaves_nothing_out(
    tmp_path: Path,
) -> None:
    config = configured(tmp_path)
    other = configured(tmp_path, exchange={"account": "other"})
    override(other, "drill", SENTENCES["drill"], "x", now_ms=NOW)
    append_line(
        config.paths.logs / OVERRIDES,
        {"exchange": "binance", "account": "main", "at": NOW, "code": "drill", "reason": "x"}
        | {"sentence": SENTENCES["drill"]},
    )
    with (config.paths.logs / OVERRIDES).open("a") as file:
        file.write('{"at": 1, "code": "drill", "sen\nnull\n[]\n')
    assert "drill" in open_rungs(config)
