"""The ladder to real money: what must be shown before `run --live`, and what shows it.

Law: everything is read from disk, and what cannot be read is not shown. A person may leave a rung
out only by typing what that means; what would trade on wrong books or a wrong clock, never.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tradebot.adapters.audit import AuditKind
from tradebot.adapters.evidence import ALERT_TESTS, BACKUPS, append_line, read_lines
from tradebot.adapters.journal import entries
from tradebot.adapters.keystore_file import Slot, key_checks, keystore_exists
from tradebot.adapters.permissions import Permissions
from tradebot.engine.apply import apply
from tradebot.engine.stage import FIRST_CASH
from tradebot.engine.state import State
from tradebot.errors import JournalError, KeystoreError, NotArmed, UsageError
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.money import plain
from tradebot.model.timeframe import DAY_MS
from tradebot.runtime.assemble import LIVE, PRACTICE
from tradebot.runtime.config import Config
from tradebot.runtime.drills import drills
from tradebot.runtime.key_checks import OPEN_TO, KeyTerms, described, refusal
from tradebot.runtime.run_audit import audit_log
from tradebot.runtime.runs import Run, Runs

OVERRIDES = "arming.jsonl"
OVERRIDE_DAYS = 7
ADDRESSES = "addresses"
# One of each is worth about as much as one of the others: the first stage counts in them.
QUOTES = frozenset({"USDT", "USDC", "FDUSD", "TUSD", "DAI", "USD", "EUR", "GBP"})
SENTENCES = {
    "days": "I trade real money with a bot that has not practised long enough",
    "drill": "I trade real money without a rehearsed emergency stop",
    "backup": "I trade real money without a fresh backup of the journal",
    ADDRESSES: "I trade real money with a key that works from every address",
    "alerts": "I trade real money with nobody to call me",
    "replay": "I trade real money without having compared trading with its replay",
}


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
class Ladder:
    """All rungs, and the state of the live journal; None where nothing was traded live yet."""

    rungs: tuple[Rung, ...]
    live: State | None

    @property
    def missing(self) -> tuple[Rung, ...]:
        """What stands between the bot and real money."""
        return tuple(rung for rung in self.rungs if rung.is_open)


def ladder(config: Config, *, now_ms: int) -> Ladder:
    """Return where this configuration's account stands. Raises JournalError."""
    runs = Runs(config.paths.logs)
    practice = _run(runs, config, PRACTICE)
    live = _run(runs, config, LIVE)
    state = None if live is None else _folded(live)
    typed = left_out(config, config.exchange.id, config.exchange.account, now_ms=now_ms)
    rungs = (
        _quote(config),
        _days(practice, config),
        _reconciled(practice, state),
        _drill(config, now_ms),
        _backup(config, live or practice, now_ms),
        *_key(config, now_ms),
        _alerts(config, now_ms),
        Rung(
            code="replay",
            is_met=False,
            text="this version does not compare trading with its replay yet",
        ),
    )
    return Ladder(tuple(_overridden(rung, typed) for rung in rungs), state)


def check_armed(config: Config, *, now_ms: int) -> list[ev.ArmingOverridden]:
    """Return what a person typed instead of showing it, to be journalled.

    Raises NotArmed naming all that is missing, and JournalError.
    """
    found = ladder(config, now_ms=now_ms)
    if found.missing:
        lines = "; ".join(f"{rung.code}: {rung.text}" for rung in found.missing)
        raise NotArmed(
            f"not armed for real money: {lines}",
            hint="`tradebot arm` shows each rung, and the command that meets it",
        )
    return [
        ev.ArmingOverridden(
            at=now_ms, code=rung.code, sentence=SENTENCES[rung.code], reason=rung.override
        )
        for rung in found.rungs
        if rung.override and not rung.is_met
    ]


def override(config: Config, code: str, sentence: str, reason: str, *, now_ms: int) -> None:
    """Note that a person leaves a rung out, for a week. Raises UsageError and JournalError."""
    wanted = SENTENCES.get(code)
    if wanted is None:
        raise UsageError(f"{code!r} cannot be left out", hint=f"one of {', '.join(SENTENCES)} can")
    if sentence != wanted:
        raise UsageError(f"{code} is left out by typing it in full", hint=f'type "{wanted}"')
    if not reason.strip():
        raise UsageError("say why", hint="--reason TEXT")
    place = {"exchange": config.exchange.id, "account": config.exchange.account}
    append_line(
        config.paths.logs / OVERRIDES,
        {**place, "at": now_ms, "code": code, "sentence": sentence, "reason": reason},
    )
    audit_log(config.paths.logs).record(AuditKind.OVERRIDE_TYPED, code=code, reason=reason, **place)


# --- the rungs ----------------------------------------------------------------------------------


def _quote(config: Config) -> Rung:
    """Return the rung of the quote coin: a hundred of another one might be a fortune."""
    quote = config.bot.markets[0].partition("/")[2]
    return Rung(
        code="quote",
        is_met=quote in QUOTES,
        text=f"stages begin at {plain(FIRST_CASH)} of the quote coin, which is {quote}; one of "
        f"{', '.join(sorted(QUOTES))} is asked for",
    )


def _days(practice: Run | None, config: Config) -> Rung:
    wanted, digest = config.arming.days_min, config.digest()
    days = set() if practice is None else set(_days_of(practice, digest))
    return Rung(
        code="days",
        is_met=len(days) >= wanted,
        text=f"{len(days)} days were traded for practice under this configuration, {wanted} are "
        "asked for",
        command="tradebot run --testnet",
    )


def _days_of(run: Run, digest: str) -> Iterator[int]:
    """Yield the UTC days on which candles were decided under the configuration of that digest."""
    is_same = False
    for entry in entries(run.journal):
        event = entry.event
        if isinstance(event, (ev.SessionStarted, ev.SessionReconfigured)):
            is_same = event.config_hash == digest
        elif isinstance(event, ev.CandlesClosed) and is_same and not event.missed:
            yield event.closed_at // DAY_MS


def _reconciled(practice: Run | None, live: State | None) -> Rung:
    command = "tradebot reconcile"
    states = [] if practice is None else [_folded(practice)]
    states += [] if live is None else [live]
    if not states:
        return Rung(
            code="reconciled", is_met=False, text="no account was traded yet", command=command
        )
    problems = [problem for state in states for problem in _problems(state)]
    text = "; ".join(problems) or "books and exchange agree, as far as the journal knows"
    return Rung(code="reconciled", is_met=not problems, text=text, command=command)


def _problems(state: State) -> Iterator[str]:
    assert state.started is not None, "a journal that was read has begun"
    mode = state.started.mode
    if state.differences.found:
        yield f"{mode}: {len(state.differences.found)} differences wait for a person"
    if state.locks:
        yield f"{mode}: {len(state.locks)} markets are locked"
    if state.trading is not TradingState.ACTIVE:
        yield f"{mode}: trading is {state.trading.value}"


def _drill(config: Config, now_ms: int) -> Rung:
    within = config.arming.drill_days_max
    passed = [each.at for each in drills(config.paths.logs) if each.is_passed]
    return _recent(
        "drill",
        "rehearsal of the emergency stop",
        max(passed, default=None),
        within,
        now_ms,
        command="tradebot kill --drill",
    )


def _backup(config: Config, run: Run | None, now_ms: int) -> Rung:
    name = "" if run is None else run.name
    lines = read_lines(config.paths.logs / BACKUPS)
    made = [each["at"] for each in lines if each.get("run") == name and _is_time(each)]
    return _recent(
        "backup",
        "backup of the journal",
        max(made, default=None),
        config.arming.backup_days_max,
        now_ms,
        command="tradebot journal backup FILE",
    )


def _key(config: Config, now_ms: int) -> tuple[Rung, Rung]:
    """Return the rungs of what the key may do, and from where.

    It is what was told last; a start asks again, and is refused by what it hears.
    """
    slot = Slot(config.exchange.id, LIVE, config.exchange.account)
    told, text, command = _told_of(slot, config, now_ms)
    terms = KeyTerms(is_real=True, any_address=True)
    why = text or refusal(told, terms)
    return (
        Rung(
            code="permissions",
            is_met=not why,
            text=why or f"the key {described(told)}",
            command=command,
        ),
        Rung(
            code=ADDRESSES,
            is_met=not text and told.ip_restricted is True,
            text=text or OPEN_TO[told.ip_restricted],
            command=command,
        ),
    )


def _told_of(slot: Slot, config: Config, now_ms: int) -> tuple[Permissions, str, str]:
    """Return what was told of a key, why that is nothing, and the command that asks."""
    folder, nothing = config.paths.keystore, Permissions()
    try:
        checks = key_checks(folder) if keystore_exists(folder) else {}
    except KeystoreError as error:
        return nothing, error.message, ""
    if slot.name not in checks:
        return nothing, f"the keystore has no {slot.name}", slot.adding
    command = slot.adding.replace("keys add", "keys check")
    check = checks[slot.name]
    # One of the future proves nothing, as with all that grows old.
    if check is None or check.checked_at_ms > now_ms:
        return nothing, f"the exchange was not asked what {slot.name} may do", command
    told = Permissions(
        may_trade=check.may_trade,
        may_withdraw=check.may_withdraw,
        may_transfer=check.may_transfer,
        ip_restricted=check.ip_restricted,
    )
    return told, "", command


def _alerts(config: Config, now_ms: int) -> Rung:
    command = "tradebot alerts test"
    channels = sorted(config.alerts.channels)
    if not channels:
        return Rung(code="alerts", is_met=False, text="[alerts] channels is empty", command=command)
    lines = read_lines(config.paths.logs / ALERT_TESTS)
    answered = [each["at"] for each in lines if each.get("channels") == channels and _is_time(each)]
    return _recent(
        "alerts",
        "test that all channels answered",
        max(answered, default=None),
        config.arming.alert_days_max,
        now_ms,
        command=command,
    )


def _recent(
    code: str, what: str, last: int | None, within_days: int, now_ms: int, *, command: str
) -> Rung:
    """Return the rung of something that must have been done, and not too long ago."""
    text = f"there was no {what}"
    if last is not None:
        text = f"the last {what} was {(now_ms - last) // DAY_MS} days ago"
    # One of the future proves nothing: the clock was wrong, then or now.
    is_met = last is not None and 0 <= now_ms - last <= within_days * DAY_MS
    text += f"; one within {within_days} days is asked for"
    return Rung(code=code, is_met=is_met, text=text, command=command)


def _is_time(values: dict[str, object]) -> bool:
    return type(values.get("at")) is int


# --- reading ------------------------------------------------------------------------------------


def _run(runs: Runs, config: Config, mode: str) -> Run | None:
    name = f"{mode}-{config.exchange.id}-{config.exchange.account}"
    found = runs.find(name) if runs.is_run(name) else None
    return found if found is not None and found.journal.is_file() else None


def _folded(run: Run) -> State:
    state = State()
    for entry in entries(run.journal):
        state = apply(state, entry.event)
    if state.started is None:
        raise JournalError(f"{run.journal} is empty", hint="the run stopped before it began")
    return state


def left_out(config: Config, exchange: str, account: str, *, now_ms: int) -> dict[str, str]:
    """Return the reasons of what was left out there within the last week, by code.

    Raises JournalError.
    """
    place = {"exchange": exchange, "account": account}
    typed = {}
    for line in read_lines(config.paths.logs / OVERRIDES):
        is_here = all(line.get(key) == value for key, value in place.items())
        code, reason = line.get("code"), line.get("reason")
        if not (is_here and _is_time(line) and isinstance(code, str) and isinstance(reason, str)):
            continue
        is_fresh = 0 <= now_ms - line["at"] <= OVERRIDE_DAYS * DAY_MS
        if is_fresh and line.get("sentence") == SENTENCES.get(code):
            typed[code] = reason
    return typed


def _overridden(rung: Rung, typed: dict[str, str]) -> Rung:
    if rung.is_met or rung.code not in typed:
        return rung
    return Rung(
        code=rung.code,
        is_met=False,
        text=rung.text,
        command=rung.command,
        override=typed[rung.code],
    )
