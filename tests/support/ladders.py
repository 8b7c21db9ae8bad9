"""An account's way up the ladder to real money: what was traded, compared, rehearsed and kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.builders import closed, market, started
from tests.support.keystores import CHEAP, FIELDS, PASSPHRASE
from tradebot.adapters.audit import AuditLog
from tradebot.adapters.clock import WallClock
from tradebot.adapters.evidence import ALERT_TESTS, BACKUPS, COMPARISONS
from tradebot.adapters.journal import SqliteJournal
from tradebot.adapters.journal_backup import back_up
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.keystore_file import KeyCheck
from tradebot.adapters.latch import FileLatch
from tradebot.adapters.proofs import prove
from tradebot.model import event as ev
from tradebot.model.timeframe import DAY_MS
from tradebot.runtime.arming import ladder
from tradebot.runtime.config import Config
from tradebot.runtime.drills import Drill, record_drill
from tradebot.runtime.runs import Runs, RunSpec

NOW = 1_735_689_600_000  # 2025-01-01T00:00:00Z
BEGAN = NOW - 8 * DAY_MS
HOUR_MS = 3_600_000


def configured(folder: Path, **sections: dict[str, Any]) -> Config:
    """Return a configuration with its folders in this one."""
    paths = {"logs": folder / "logs", "keystore": folder / "keystore"}
    given = {"paths": paths, "alerts": {"channels": ("slack",)}, **sections}
    return Config.model_validate(given)


def journalled(config: Config, mode: str, events: Sequence[ev.Event]) -> None:
    """Write the journal of an account."""
    spec = RunSpec(mode=mode, exchange=config.exchange.id, account=config.exchange.account)
    run = Runs(config.paths.logs).create(spec)
    journal = SqliteJournal(run.journal)
    journal.append(events)
    journal.close()


def practised(
    config: Config, days: int = 7, *more: ev.Event, digest: str = "", hours: int = 12
) -> None:
    """Let an account have practised so many days, so many hours each."""
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
    candles = [
        closed(BEGAN + day * DAY_MS + hour * HOUR_MS, BTC="100")
        for day in range(days)
        for hour in range(1, hours + 1)
    ]
    journalled(config, "testnet", [begun, *candles, *more])
    FileLatch(config.paths.logs / "latch", WallClock()).arm("first run")


def audit(config: Config, at: int = NOW) -> AuditLog:
    """Return the audit log at a time."""
    return AuditLog(config.paths.logs, lambda: at)


def compared(config: Config, *, age_ms: int = 0, ahead_ms: int = 3, mode: str = "testnet") -> None:
    """Note that books and exchange were compared."""
    place = {"mode": mode, "exchange": "binance", "account": "main"}
    line = {**place, "at": NOW - age_ms, "ahead_ms": ahead_ms}
    prove(audit(config), COMPARISONS, line)


def backed_up(config: Config, *, age_ms: int = 0, name: str = "backup.db") -> Path:
    """Back the journal up; return the file."""
    run = Runs(config.paths.logs).find("testnet-binance-main")
    file = config.paths.logs.parent / name
    verdict = back_up(run.journal, file)
    made = {"events": verdict.events, "head": verdict.head, "file": str(file), "run": run.name}
    prove(audit(config), BACKUPS, {**made, "at": NOW - age_ms})
    return file


def shown(config: Config, *, age_ms: int = 0) -> None:
    """Show what a rehearsal, a backup, a comparison and an alert test show."""
    at = NOW - age_ms
    record_drill(
        audit(config),
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
    backed_up(config, age_ms=age_ms)
    compared(config)
    prove(audit(config), ALERT_TESTS, {"at": at, "channels": ["slack"]})


def key_checked(config: Config, *, at: int = NOW, **answers: bool | None) -> None:
    """Keep a key for real money, and what its exchange told of it: nothing bad, but for this."""
    told = {"may_trade": True, "may_withdraw": False, "may_transfer": False, "ip_restricted": True}
    store = Keystore.create(config.paths.keystore, PASSPHRASE, parameters=CHEAP)
    check = KeyCheck(checked_at_ms=at, **{**told, **answers})
    store.put("binance/live/main", FIELDS, "live", check=check)


def open_rungs(config: Config) -> set[str]:
    """Return the codes of the rungs that are missing."""
    return {rung.code for rung in ladder(config, now_ms=NOW).missing}


def rung_of(config: Config, code: str) -> tuple[str, str]:
    """Return text and command of a rung that is missing."""
    (found,) = [each for each in ladder(config, now_ms=NOW).rungs if each.code == code]
    assert not found.is_met
    return found.text, found.command
