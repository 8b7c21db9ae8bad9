"""`tradebot why`: what caused a trade, what blocked one, and what cannot be shown."""

import hashlib
import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.shell import BUSY, refused, started, typed

RUN = Path("logs/runs/sandbox-0001")
# A second position is refused: in this market BTC waits while ETH is held.
ONE = BUSY + "[risk]\nopen_positions_max = 1\n"
BTC, ETH = "BTC/USDT", "ETH/USDT"
BLOCKED, MADE, KEPT = "2025-01-02T15:00:00Z", "2025-01-02T06:00:00Z", "2025-01-02T09:00:00Z"
CANDLE_FIELDS = {
    *("schema", "run", "mode", "exchange", "market", "about", "at", "verdict", "candle"),
    *("strategy", "gate", "size", "standing", "holding", "events"),
}
ORDER_FIELDS = {
    *("schema", "run", "mode", "exchange", "market", "about", "order", "gate", "size"),
    *("events", "others", "gain"),
}


@pytest.fixture
def traded(folder: Path) -> Path:
    """Return a folder in which a run has ended that had one position at a time."""
    (folder / "config.toml").write_text(ONE)
    typed("run")
    return folder


def why(*arguments: str) -> Any:
    """Return what `tradebot why` tells as JSON."""
    return typed("why", *arguments, "--json").json


def verdict(*arguments: str) -> tuple[str, str]:
    """Return the verdict's word and cause."""
    found = why(*arguments)["verdict"]
    return found["word"], found["because"]


def digests() -> dict[str, str]:
    """Return the content of the run's files, but for what SQLite keeps of its readers."""
    files = [path for path in RUN.iterdir() if not path.name.endswith(("-shm", "-wal"))]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def entry_id() -> str:
    """Return the id of the run's first entry."""
    shown = typed("journal", "show", "--kind", "order_intended", "--json").out
    bodies = [json.loads(line)["body"] for line in shown.splitlines()]
    return next(str(body["order_id"]) for body in bodies if body["leg"] == "entry")


def test_made_trade_is_told_with_its_reading_its_size_and_its_orders(traded: Path) -> None:
    found = why(BTC, "--at", MADE)
    assert set(found) == CANDLE_FIELDS
    assert found["schema"] == "tradebot.why/1"
    assert found["verdict"]["word"] == "BOUGHT"
    assert found["gate"] == {"ruling": "approved"}
    (reason,) = found["strategy"]["reasons"]
    assert "ema_3" in reason
    assert "is above ema_8" in reason
    assert set(found["strategy"]["readings"]) == {"ema_3", "ema_8"}
    assert [line["name"] for line in found["size"]][-1] == "quantity"
    assert {line["fault"] for line in found["size"]} == {None}
    assert Decimal(found["size"][-1]["result"]) == Decimal("0.03287")
    assert Decimal(found["holding"]["stop"]) == Decimal("29778.88")
    text = typed("why", BTC, "--at", MADE).out
    assert text.splitlines()[0] == (
        f"BOUGHT {BTC} {MADE}: 0.03287 BTC @ 30386.61 USDT on its signal"
    )
    assert "approved: every control let the entry pass" in text
    assert "position_fraction_max leaves no more" in text


def test_blocked_trade_names_the_control_its_limit_and_its_value(traded: Path) -> None:
    found = why(BTC, "--at", BLOCKED)
    assert (found["verdict"]["word"], found["verdict"]["because"]) == ("NOT BOUGHT", "refused")
    gate = found["gate"]
    assert (gate["ruling"], gate["control"]) == ("refused", "open_positions_max")
    assert (gate["limit"], gate["value"]) == ("1", "2")
    first, *rest = typed("why", BTC, "--at", BLOCKED).out.splitlines()
    assert "the gate refused it by open_positions_max: 1 positions are open" in first
    assert "value 2, limit 1, 1 over it" in "\n".join(rest)
    later = typed("why", BTC, "--at", "2025-01-02T17:00:00Z").out
    assert "refused this signal by open_positions_max, said once" in later.splitlines()[0]
    assert f"refused at {BLOCKED} by open_positions_max" in later


def test_held_and_sold_and_no_signal_are_told(traded: Path) -> None:
    assert verdict(BTC, "--at", KEPT) == ("HELD", "kept")
    assert verdict(BTC, "--at", "2025-01-02T13:00:00Z") == ("SOLD", "exit")
    assert verdict(BTC, "--at", "2025-01-02T14:59:59Z") == ("NOT BOUGHT", "no_signal")
    assert verdict(ETH) == ("NOT BOUGHT", "no_signal")
    assert "ema_3 2236" in typed("why", ETH).out.splitlines()[0]


def test_votes_are_told_with_how_far_the_score_was_from_its_threshold(folder: Path) -> None:
    (folder / "config.toml").write_text("[sandbox]\ncandles = 30\n")
    typed("run")
    found = why(ETH, "--at", "2025-01-01T01:00:00Z")
    strategy = found["strategy"]
    assert [reason.split()[0] for reason in strategy["reasons"]] == [
        *("sma", "rsi", "macd", "bollinger", "stochastic", "score")
    ]
    (miss, *_) = strategy["misses"]
    assert (miss["what"], miss["needed"]) == ("score", 0.3)
    assert miss["value"] == strategy["readings"]["score"] < 0.3
    assert " needs 0.3, " in found["verdict"]["text"]


def test_order_is_told_from_its_reason_to_its_end(traded: Path) -> None:
    found = why(ETH, "--order", entry_id())
    assert set(found) == ORDER_FIELDS
    assert (found["order"]["status"], found["order"]["leg"]) == ("filled", "entry")
    assert found["order"]["reason"].startswith("signal: ema_3")
    assert found["size"][-1]["result"] == found["order"]["quantity"]
    assert [each["leg"] for each in found["others"]] == ["stop", "target", "exit"]
    assert found["gain"] == "3.10613839"
    text = typed("why", ETH, "--order", entry_id()).out
    assert text.startswith(f"FILLED entry {entry_id()}: buy 0.4496 {ETH} at the market")
    assert "Ended    +3.10613839 USDT after fees" in text


def test_stop_is_told_with_the_trip_that_it_guarded(traded: Path) -> None:
    stop = next(each for each in why(ETH, "--order", entry_id())["others"] if each["leg"] == "stop")
    found = why(ETH, "--order", stop["id"])
    assert found["order"]["status"] == "cancelled"
    assert found["size"] == []
    assert "entry" in [each["leg"] for each in found["others"]]


def test_last_hours_are_a_line_each(traded: Path) -> None:
    rows = why(BTC, "--last", "48h")["rows"]
    candles = [row for row in rows if row["verdict"] is not None]
    assert len(candles) == 48
    assert {row["verdict"]["word"] for row in candles} == {"BOUGHT", "SOLD", "HELD", "NOT BOUGHT"}
    assert any(row["text"].startswith("entry filled: buy") for row in rows)
    header, columns, *lines = typed("why", BTC, "--last", "3h").out.splitlines()
    assert header.startswith("SANDBOX binance")
    assert columns.split("\t") == ["TIME", "CLOSE", "SIGNAL", "VERDICT", "WHY"]
    assert [line.split("\t")[3] for line in lines] == ["BOUGHT", "", "HELD", "HELD"]


def test_time_after_the_end_and_in_a_gap_has_no_candle(traded: Path) -> None:
    assert verdict(ETH, "--at", "2026-01-01") == ("NOT BOUGHT", "no_candle")
    assert verdict(BTC, "--at", "2026-01-01") == ("HELD", "no_candle")
    assert "the journal ends at" in typed("why", ETH, "--at", "2026-01-01").out


def test_what_is_not_there_is_named(traded: Path) -> None:
    words = refused(3, "why", "DOGE/USDT")
    assert "does not trade 'DOGE/USDT'" in words
    assert "did you mean BTC/USDT?" in refused(3, "why", "btc-usdt")
    words = refused(3, "why", BTC, "--at", "2024-12-31")
    assert "no candle of BTC/USDT was decided until then" in words
    assert "the run began at 2025-01-01T00:00:00Z" in words
    assert "no order 'tb-no'" in refused(3, "why", BTC, "--order", "tb-no")
    assert "is of ETH/USDT, not of BTC/USDT" in refused(3, "why", BTC, "--order", entry_id())
    assert "there is no run" in refused(3, "why", BTC, "--run", "sandbox-0009")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--at", "noon"], "'noon' is not a time"),
        (["--last", "a day"], "'a day' is no length of time"),
        (["--last", "0h"], "'0h' is no length of time"),
        (["--last", "24h", "--at", "2025-01-01"], "ask three things"),
    ],
)
def test_what_cannot_be_asked_is_refused(traded: Path, arguments: list[str], words: str) -> None:
    assert words in refused(2, "why", BTC, *arguments)


def test_nothing_is_written(traded: Path) -> None:
    before = digests()
    for arguments in ((BTC,), (BTC, "--last", "48h"), (ETH, "--order", entry_id())):
        typed("why", *arguments)
    assert digests() == before


def test_words_of_the_run_s_command_line_are_known(folder: Path) -> None:
    (folder / "config.toml").write_text("[sandbox]\ncandles = 48\n")
    words = ("--strategy", "donchian", "--markets", "LTC/USDT", "--seed", "3", "--timeframe", "4h")
    typed("run", *words)
    strategy = why("LTC/USDT")["strategy"]
    assert (strategy["name"], strategy["withheld"]) == ("donchian", None)
    assert "highest high" in strategy["reasons"][0]


def test_other_configuration_withholds_the_readings_and_nothing_else(traded: Path) -> None:
    (traded / "config.toml").write_text(ONE.replace("fast = 3", "fast = 4"))
    found = why(BTC, "--at", MADE)
    assert "the configuration is another one now" in found["strategy"]["withheld"]
    assert (found["strategy"]["reasons"], found["strategy"]["readings"]) == (None, None)
    assert found["verdict"]["word"] == "BOUGHT"
    assert found["size"] != []
    text = typed("why", BTC, "--at", MADE).out
    assert "readings and votes cannot be shown: the configuration is another one" in text
    assert "Journal  signal: ema_3" in text


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM candles", "the candle that closed at"),
        ("DELETE FROM candles WHERE opened_at < 1735794000000", "asked again it says hold"),
        ("UPDATE candles SET close = high, open = high", "and was decided with"),
    ],
)
def test_candles_that_are_others_now_withhold_the_readings(
    traded: Path, statement: str, words: str
) -> None:
    with closing(sqlite3.connect(RUN / "candles.db")) as db:
        db.execute(statement)
        db.commit()
    found = why(BTC, "--at", MADE)
    assert words in (found["strategy"]["withheld"] or "")
    assert found["verdict"]["word"] == "BOUGHT"


def test_store_that_is_gone_or_rubbish_withholds_the_readings(traded: Path) -> None:
    store = RUN / "candles.db"
    for path in RUN.glob("candles.db-*"):
        path.unlink()
    store.write_bytes(b"rubbish" * 1000)
    assert "not a candle store, or damaged" in why(BTC)["strategy"]["withheld"]
    store.unlink()
    assert "no candles are stored" in why(BTC)["strategy"]["withheld"]
    assert not store.exists()


def test_damaged_journal_is_named_and_nothing_is_told_from_it(traded: Path) -> None:
    with closing(sqlite3.connect(RUN / "journal.db")) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE events SET body = replace(body, 'BTC', 'XTC') WHERE seq = 2")
        db.commit()
    for arguments in ((BTC,), (BTC, "--last", "24h"), (BTC, "--order", "tb-1")):
        assert "the chain breaks at event 2" in refused(1, "why", *arguments)


def test_it_is_told_while_the_bot_runs(folder: Path) -> None:
    (folder / "config.toml").write_text(BUSY.replace("48", "2000"))
    with started(folder, "run", "--speed", "3600x") as program:
        program.hear(" BUY ")
        assert typed("status", "--json").json["state"] == "running"
        words = {verdict(market)[0] for market in (BTC, ETH)}
        assert words <= {"BOUGHT", "HELD", "NOT BOUGHT", "SOLD"}
        rows = why(BTC, "--last", "7d")["rows"] + why(ETH, "--last", "7d")["rows"]
        assert any((row["verdict"] or {}).get("word") == "BOUGHT" for row in rows)


def test_kept_backtest_is_explained_as_its_run_is(traded: Path) -> None:
    words = refused(3, "why", BTC, "--backtest")
    assert "`tradebot backtest --keep` keeps one" in words
    assert typed("backtest", "--keep", "--json").json["kept"] == "backtest-0001"
    assert typed("backtest", "--json").json["kept"] is None
    live, tested = why(BTC, "--last", "48h"), why(BTC, "--last", "48h", "--backtest")
    assert (tested["run"], tested["mode"]) == ("backtest-0001", "backtest")
    reasons = [[row["verdict"] for row in told["rows"]] for told in (live, tested)]
    assert [each and each["because"] for each in reasons[0]] == [
        each and each["because"] for each in reasons[1]
    ]
    assert why(BTC, "--at", MADE, "--backtest")["strategy"]["withheld"] is None
    assert typed("status", "--json", code=3).json["run"] == "sandbox-0001"
