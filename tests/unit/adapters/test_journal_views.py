"""The journal's schema: migrations that may run again, and views that a person may browse."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database, Migrations

from tests.support.builders import (
    BTC,
    ETH,
    HOUR,
    START,
    booked,
    closed,
    fill,
    intended,
    market,
    order,
    started,
    stop_order,
)
from tradebot.adapters import journal_schema
from tradebot.adapters.journal import SqliteJournal, migrate, open_readonly
from tradebot.model import event as ev

ENTRY = order("buy 2 BTC @ 100", order_id="tb-in")
STOP = stop_order("sell 1.998 BTC @ 95", order_id="tb-stop")
LATE = order("buy 10 ETH @ 5", order_id="tb-eth")
RUN = [
    started(market(), market("ETH/USDT")),
    closed(START + HOUR, BTC="100", ETH="5"),
    intended(ENTRY),
    ev.OrderSent(at=START, order_id="tb-in"),
    ev.OrderAccepted(at=START, order_id="tb-in", exchange_id="x1"),
    booked(ENTRY, fill("2 @ 100 fee 0.002 BTC", trade_id="1", at=START + HOUR)),
    intended(STOP),
    ev.OrderSent(at=START, order_id="tb-stop"),
    closed(START + 2 * HOUR, BTC="110", ETH="5"),
    booked(STOP, fill("1.998 @ 95 fee 0.18981 USDT", trade_id="2", at=START + 2 * HOUR)),
    intended(LATE),
    ev.OrderUnknown(at=START, order_id="tb-eth", cause="timeout"),
    booked(LATE, fill("4 @ 5 fee 0.01 BNB", trade_id="3", maker=True)),
    closed(START + 3 * HOUR, BTC="90", ETH="6"),
]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Return a reader of a small run."""
    path = tmp_path / "journal.db"
    with closing(SqliteJournal(path)) as journal:
        journal.append(RUN)
    with closing(open_readonly(path)) as connection:
        yield connection


def _rows(db: sqlite3.Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.execute(query)]


def test_orders_tell_their_intent_their_last_event_and_their_fills(
    db: sqlite3.Connection,
) -> None:
    columns = "order_id, market, side, kind, leg, quantity, price, stop_price, last_event, fills"
    assert _rows(db, f"SELECT {columns} FROM orders") == [  # noqa: S608  # the test's own words
        ("tb-in", BTC, "buy", "market", "entry", "2", None, None, "accepted", 1),
        ("tb-stop", BTC, "sell", "stop", "stop", "1.998", None, "95", "sent", 1),
        ("tb-eth", ETH, "buy", "market", "entry", "10", None, None, "unknown", 1),
    ]


def test_fills_tell_exact_amounts_as_text(db: sqlite3.Connection) -> None:
    columns = "order_id, market, side, filled_at, quantity, price, fee, fee_asset, is_maker"
    assert _rows(db, f"SELECT {columns} FROM fills") == [  # noqa: S608  # the test's own words
        ("tb-in", BTC, "buy", START + HOUR, "2", "100", "0.002", "BTC", 0),
        ("tb-stop", BTC, "sell", START + 2 * HOUR, "1.998", "95", "0.18981", "USDT", 0),
        ("tb-eth", ETH, "buy", START + HOUR, "4", "5", "0.01", "BNB", 1),
    ]


def test_positions_are_what_was_bought_less_sold_less_fees_in_base(db: sqlite3.Connection) -> None:
    assert dict(_rows(db, "SELECT market, round(quantity, 9) FROM positions")) == {
        BTC: 0.0,
        ETH: 4.0,
    }


def test_equity_is_cash_and_positions_at_each_close(db: sqlite3.Connection) -> None:
    query = "SELECT closed_at, round(cash, 9), round(positions, 9) FROM equity ORDER BY 1"
    assert _rows(db, query) == [
        (START + HOUR, 1000.0, 0.0),
        (START + 2 * HOUR, 800.0, 219.78),  # 1.998 at 110
        # 800 + 1.998 * 95 - 0.18981 - 20; four ETH at 6
        (START + 3 * HOUR, 969.62019, 24.0),
    ]


def test_migrations_applied_twice_are_harmless(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(SqliteJournal(path)) as journal:
        journal.append(RUN)
        before = _schema(path)
        migrate(path)
        migrate(path)
        assert _schema(path) == before
        journal.append([closed(START + 4 * HOUR, BTC="90", ETH="6")])
        assert len(list(journal.events())) == len(RUN) + 1


def test_migration_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    migrate(path)
    before = _schema(path)
    failing = Migrations("tradebot.journal")

    @failing()
    def m099_half_done(db: Database) -> None:
        """Make a table, then fail."""
        db.execute("CREATE TABLE half (done INTEGER)")
        db.execute("CREATE TABLE nonsense (")

    monkeypatch.setattr(journal_schema, "migrations", failing)
    with pytest.raises(sqlite3.OperationalError):
        migrate(path)
    assert _schema(path) == before


def _schema(path: Path) -> list[tuple[Any, ...]]:
    with closing(open_readonly(path)) as db:
        return _rows(db, "SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
