"""The journal's tables, triggers and views, as migrations.

Law: amounts are TEXT. The views sum them as REAL, for browsing alone; the program's own figures
come from replaying the events.
"""

from pathlib import Path

from sqlite_utils import Database, Migrations

migrations = Migrations("tradebot.journal")


def apply_migrations(path: Path) -> None:
    """Create or upgrade the journal at `path`; each migration is one transaction."""
    db = Database(path)
    try:
        migrations.apply(db)
    finally:
        db.close()


@migrations()
def m001_events(db: Database) -> None:
    """Create the append-only table of events.

    AUTOINCREMENT keeps the highest number ever given in a table of its own, so that a tail that
    was cut off is missed.
    """
    db.execute(
        """
        CREATE TABLE events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT CHECK (seq > 0),
            at INTEGER NOT NULL,
            kind TEXT NOT NULL,
            market TEXT,
            order_id TEXT,
            body TEXT NOT NULL CHECK (json_valid(body)),
            previous TEXT NOT NULL CHECK (length(previous) = 64),
            hash TEXT NOT NULL UNIQUE CHECK (length(hash) = 64)
        ) STRICT
        """
    )
    for verb in ("UPDATE", "DELETE"):
        db.execute(
            f"""
            CREATE TRIGGER events_no_{verb.lower()} BEFORE {verb} ON events
            BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END
            """
        )
    # REPLACE deletes without firing a trigger, unless the connection asks for recursive ones.
    db.execute(
        """
        CREATE TRIGGER events_no_replace BEFORE INSERT ON events
        WHEN EXISTS (SELECT 1 FROM events WHERE seq = NEW.seq)
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END
        """
    )
    db.execute("CREATE INDEX events_by_kind ON events (kind, seq)")
    db.execute(
        "CREATE INDEX events_by_order ON events (order_id, seq) WHERE order_id IS NOT NULL"
    )


@migrations()
def m002_views(db: Database) -> None:
    """Create the views orders, fills, positions and equity."""
    for view in (_ORDERS, _FILLS, _POSITIONS, _EQUITY):
        db.execute(view)


@migrations()
def m003_writer(db: Database) -> None:
    """Create the fencing epoch: each writer that opens the journal takes the next one."""
    db.execute("CREATE TABLE writer (epoch INTEGER NOT NULL) STRICT")
    db.execute("INSERT INTO writer (epoch) VALUES (0)")


_ORDERS = """
CREATE VIEW orders AS
SELECT i.order_id, i.market, i.at AS intended_at,
    i.body ->> 'side' AS side, i.body ->> 'kind' AS kind, i.body ->> 'leg' AS leg,
    i.body ->> 'quantity' AS quantity, i.body ->> 'price' AS price,
    i.body ->> 'stop_price' AS stop_price, i.body ->> 'reason' AS reason,
    (SELECT substr(l.kind, 7) FROM events l
        WHERE l.order_id = i.order_id AND l.kind LIKE 'order\\_%' ESCAPE '\\'
        ORDER BY l.seq DESC LIMIT 1) AS last_event,
    (SELECT count(*) FROM events f
        WHERE f.order_id = i.order_id AND f.kind = 'fill_booked') AS fills
FROM events i WHERE i.kind = 'order_intended'
"""

_FILLS = """
CREATE VIEW fills AS
SELECT seq, order_id, market, body ->> 'side' AS side,
    body ->> '$.fill.filled_at' AS filled_at, body ->> '$.fill.quantity' AS quantity,
    body ->> '$.fill.price' AS price, body ->> '$.fill.fee' AS fee,
    body ->> '$.fill.fee_asset' AS fee_asset, body ->> '$.fill.is_maker' AS is_maker,
    body ->> '$.fill.trade_id' AS trade_id
FROM events WHERE kind = 'fill_booked'
"""

# The coin before the slash of `binance:BTC/USDT`.
_BASE = "substr(market, instr(market, ':') + 1, instr(market, '/') - instr(market, ':') - 1)"

_POSITIONS = f"""
CREATE VIEW positions AS
SELECT market,
    sum(CASE side WHEN 'buy' THEN 1 ELSE -1 END * CAST(quantity AS REAL)
        - CASE WHEN fee_asset = {_BASE} THEN CAST(fee AS REAL) ELSE 0 END) AS quantity
FROM fills GROUP BY market
"""  # noqa: S608  # a constant of ours, no input

_EQUITY = f"""
CREATE VIEW equity AS
WITH closed AS (
    SELECT seq, body ->> 'closed_at' AS closed_at, body -> 'closes' AS closes
    FROM events WHERE kind = 'candles_closed'
), start AS (
    SELECT CAST(b.value AS REAL) AS cash, m.value ->> 'quote' AS quote
    FROM events s, json_each(s.body, '$.markets') m, json_each(s.body, '$.balances') b
    WHERE s.kind = 'session_started' AND b.key = m.value ->> 'quote' LIMIT 1
)
SELECT closed.closed_at,
    start.cash + coalesce((
        SELECT sum(CASE f.side WHEN 'buy' THEN -1 ELSE 1 END
            * CAST(f.quantity AS REAL) * CAST(f.price AS REAL)
            - CASE WHEN f.fee_asset = start.quote THEN CAST(f.fee AS REAL) ELSE 0 END)
        FROM fills f WHERE f.seq < closed.seq), 0) AS cash,
    (SELECT sum(CAST(c.value AS REAL) * (
        SELECT coalesce(sum(CASE f.side WHEN 'buy' THEN 1 ELSE -1 END * CAST(f.quantity AS REAL)
            - CASE WHEN f.fee_asset = {_BASE.replace("market", "f.market")}
                THEN CAST(f.fee AS REAL) ELSE 0 END), 0)
        FROM fills f WHERE f.market = c.key AND f.seq < closed.seq))
     FROM json_each(closed.closes) c) AS positions
FROM closed, start
"""  # noqa: S608  # a constant of ours, no input
