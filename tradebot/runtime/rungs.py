"""The rungs of the ladder that rest on what was done: each shown by journals and proven evidence.

Law: everything is read from disk; what is not proven, not lately or of another place is not shown.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tradebot.adapters.allowed_hosts import is_loopback
from tradebot.adapters.audit import AuditKind, AuditLog
from tradebot.adapters.clock import WallClock
from tradebot.adapters.evidence import ALERT_TESTS, BACKUPS, COMPARISONS
from tradebot.adapters.journal import entries
from tradebot.adapters.journal_backup import check_backup
from tradebot.adapters.latch import FileLatch
from tradebot.adapters.passthrough import texts_in
from tradebot.adapters.proofs import Proofs
from tradebot.engine.apply import apply
from tradebot.engine.controls.admission import SKEW_MS_MAX
from tradebot.engine.state import State
from tradebot.errors import JournalError, NotFoundError
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.order import IN_DOUBT
from tradebot.model.timeframe import DAY_MS, timeframe_ms
from tradebot.runtime.assemble import REHEARSED
from tradebot.runtime.config import Config
from tradebot.runtime.drills import drills
from tradebot.runtime.runs import Run

RECONCILE, RESUME = "tradebot reconcile", "tradebot resume --reason TEXT"
PRACTISE = "tradebot run --testnet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One thing that must be shown. `override` is what a person typed instead, and why."""

    code: str
    is_met: bool
    text: str
    command: str = ""
    override: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it stands between the bot and real money."""
        return not (self.is_met or self.override)


@dataclass(frozen=True, slots=True)
class Shown:
    """What evidence is read by: the configuration, what is proven, and the time in UTC ms."""

    config: Config
    proofs: Proofs
    now_ms: int

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Return the proven lines of a file that tell their time, and none of the future.

        One of the future proves nothing: the clock was wrong, then or now.
        """
        found = self.proofs.lines(name)
        return [each for each in found if type(each.get("at")) is int and each["at"] <= self.now_ms]

    def of_account(self, name: str) -> list[dict[str, Any]]:
        """Return those of the account that is configured."""
        exchange = self.config.exchange
        return [
            each
            for each in self.lines(name)
            if (each.get("exchange"), each.get("account")) == (exchange.id, exchange.account)
        ]

    def recent(
        self, code: str, what: str, last: int | None, within_days: int, *, command: str
    ) -> Rung:
        """Return the rung of something that must have been done, and not too long ago."""
        text = f"there was no {what}"
        if last is not None:
            text = f"the last {what} was {(self.now_ms - last) // DAY_MS} days ago"
        is_met = last is not None and 0 <= self.now_ms - last <= within_days * DAY_MS
        text += f"; one within {within_days} days is asked for"
        if self.proofs.fault and not is_met:
            text += f" ({self.proofs.fault}: nothing there counts)"
        return Rung(code=code, is_met=is_met, text=text, command=command)


def folded(run: Run) -> State:
    """Return the state of a run's journal. Raises JournalError."""
    state = State()
    for entry in entries(run.journal):
        state = apply(state, entry.event)
    if state.started is None:
        raise JournalError(f"{run.journal} is empty", hint="the run stopped before it began")
    return state


# --- practice -----------------------------------------------------------------------------------


def days(practice: Run | None, config: Config) -> Rung:
    """Return the rung of days on which the bot decided at least half of a day's candles."""
    wanted, here = config.arming.days_min, _address_here(config)
    done = 0 if practice is None or here else _days_of(practice, config)
    text = (
        f"{done} days were traded for practice under this configuration, {wanted} are asked for; "
        "a day counts on which at least half of its candles were decided"
    )
    if here:
        text = f"the testnet of this configuration is on this machine, {here}: that is no practice"
    return Rung(code="days", is_met=done >= wanted, text=text, command=PRACTISE)


def _address_here(config: Config) -> str:
    """Return the first address of this machine that stands for the exchange's, "" = none."""
    for address in texts_in(config.exchange.ccxt.get("urls", {})):
        if is_loopback(urlsplit(address).hostname or ""):
            return address
    return ""


def _days_of(run: Run, config: Config) -> int:
    """Return how many UTC days were practice, under the very configuration."""
    a_day = max(1, DAY_MS // timeframe_ms(config.bot.timeframe))
    closes = Counter((close - 1) // DAY_MS for close in set(_closes(run, config.digest())))
    return sum(2 * count >= a_day for count in closes.values())


def _closes(run: Run, digest: str) -> Iterator[int]:
    """Yield the closes that were decided under the configuration of that digest."""
    is_same = False
    for entry in entries(run.journal):
        event = entry.event
        if isinstance(event, (ev.SessionStarted, ev.SessionReconfigured)):
            is_same = event.config_hash == digest
        elif isinstance(event, ev.CandlesClosed) and is_same and not event.missed:
            yield event.closed_at


# --- books and clock ----------------------------------------------------------------------------


def reconciled(shown: Shown, practice: Run | None, live: State | None, audit: AuditLog) -> Rung:
    """Return the rung of books that agree; what a person must settle is named with its remedy.

    A bot that has traded live compares at each start, before it trades: a restart waits for no
    person. Before the first one, the comparison must be there.
    """
    states = [] if practice is None else [folded(practice)]
    states += [] if live is None else [live]
    if not states:
        text = "no account was traded yet"
        return Rung(code="reconciled", is_met=False, text=text, command=PRACTISE)
    latch = FileLatch(shown.config.paths.logs / "latch", WallClock())
    problems = []
    if not latch.may_start():
        problems.append((f"trading is halted: {latch.state().reason}", RESUME))
    problems += [each for state in states for each in _problems(state)]
    if practice is not None and live is None:
        problems += _uncompared(shown, practice, states[0], audit)
    if not problems:
        text = "books and exchange agreed when they were last compared"
        return Rung(code="reconciled", is_met=True, text=text)
    text = "; ".join(text for text, _ in problems)
    return Rung(code="reconciled", is_met=False, text=text, command=problems[0][1])


def _problems(state: State) -> Iterator[tuple[str, str]]:
    """Yield what waits for a person by the journal alone, and the command that settles it."""
    assert state.started is not None, "a journal that was read has begun"
    mode = state.started.mode
    if state.differences.found:
        yield f"{mode}: {len(state.differences.found)} differences wait for a person", RECONCILE
    if state.locks:
        yield f"{mode}: {len(state.locks)} markets are locked", RECONCILE
    # A halt is the latch's to tell: where that was lifted, the next start trades again.
    if state.commands.paused:
        yield f"{mode}: only exits: {state.commands.paused}", RESUME
    elif state.trading is TradingState.REDUCING:
        yield f"{mode}: only exits: a limit has tripped", RESUME


def _uncompared(shown: Shown, run: Run, state: State, audit: AuditLog) -> Iterator[tuple[str, str]]:
    """Yield why books and exchange are not known to agree: nothing recorded is no agreement."""
    assert state.started is not None, "a journal that was read has begun"
    mode = state.started.mode
    compared = [each["at"] for each in shown.of_account(COMPARISONS) if each.get("mode") == mode]
    started = [
        each.at
        for each in audit.entries()
        if each.kind == AuditKind.STARTED and each.details.get("run") == run.name
    ]
    if not compared or compared[-1] < max(started, default=0):
        yield f"{mode}: books and exchange were not compared since the last start", RECONCILE
    elif shown.now_ms - compared[-1] > DAY_MS:
        yield f"{mode}: books and exchange were not compared within a day", RECONCILE
    doubts = sum(order.status in IN_DOUBT for order in state.orders.unsettled.values())
    if doubts:
        yield f"{mode}: {doubts} orders are in doubt", RECONCILE


def clock(shown: Shown) -> Rung:
    """Return the rung of this machine's clock, as it was last measured by the exchange's."""
    measured = [each for each in shown.of_account(COMPARISONS) if type(each.get("ahead_ms")) is int]
    if not measured:
        text = "this machine's clock was not compared with the exchange's"
        return Rung(code="clock", is_met=False, text=text, command=RECONCILE)
    last = measured[-1]
    off, age_ms = abs(last["ahead_ms"]), shown.now_ms - last["at"]
    text = (
        f"{age_ms // 3_600_000} hours ago this machine's clock was {off} ms from the exchange's; "
        f"at most {SKEW_MS_MAX}, measured within a day, is asked for"
    )
    is_met = off <= SKEW_MS_MAX and age_ms <= DAY_MS
    return Rung(code="clock", is_met=is_met, text=text, command="" if is_met else RECONCILE)


# --- what was done ------------------------------------------------------------------------------


def drill(shown: Shown) -> Rung:
    """Return the rung of the rehearsed emergency stop, of this account."""
    exchange = shown.config.exchange
    passed = [
        each.at
        for each in drills(shown.proofs)
        if each.is_passed
        and each.mode in REHEARSED
        and (each.exchange, each.account) == (exchange.id, exchange.account)
        and each.at <= shown.now_ms
    ]
    within = shown.config.arming.drill_days_max
    what = "rehearsal of the emergency stop"
    command = "tradebot kill --drill"
    return shown.recent("drill", what, max(passed, default=None), within, command=command)


def backup(shown: Shown, run: Run | None) -> Rung:
    """Return the rung of a backup that is still there, whole, and of this very journal."""
    name, what = "" if run is None else run.name, "backup of the journal"
    made = [each for each in shown.lines(BACKUPS) if each.get("run") == name]
    last = made[-1] if made else None
    within, command = shown.config.arming.backup_days_max, "tradebot journal backup FILE"
    at = None if last is None else last["at"]
    rung = shown.recent("backup", what, at, within, command=command)
    if run is None or last is None or not rung.is_met:
        return rung
    try:
        check_backup(Path(last["file"]), run.journal, events=last["events"], head=last["head"])
    except (JournalError, NotFoundError) as error:
        return Rung(code="backup", is_met=False, text=error.message, command=command)
    return rung


def alerts(shown: Shown) -> Rung:
    """Return the rung of alert channels that all answered."""
    command, channels = "tradebot alerts test", sorted(shown.config.alerts.channels)
    if not channels:
        return Rung(code="alerts", is_met=False, text="[alerts] channels is empty", command=command)
    answered = [each["at"] for each in shown.lines(ALERT_TESTS) if each.get("channels") == channels]
    within, what = shown.config.arming.alert_days_max, "test that all channels answered"
    return shown.recent("alerts", what, max(answered, default=None), within, command=command)
