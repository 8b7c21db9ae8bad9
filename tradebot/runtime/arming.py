"""The ladder to real money: what must be shown before `run --live`, and what shows it.

Law: everything is read from disk, and what cannot be read is not shown. A person may leave a rung
out only by typing what that means; what would trade on wrong books or a wrong clock, never.
"""

from dataclasses import dataclass

from tradebot.adapters.audit import AuditKind
from tradebot.adapters.keystore_file import Slot, key_checks, keystore_exists
from tradebot.adapters.permissions import Permissions
from tradebot.adapters.proofs import Proofs, prove
from tradebot.engine.stage import FIRST_CASH
from tradebot.engine.state import State
from tradebot.errors import KeystoreError, NotArmed, UsageError
from tradebot.model import event as ev
from tradebot.model.money import plain
from tradebot.model.timeframe import DAY_MS
from tradebot.runtime import rungs
from tradebot.runtime.assemble import LIVE, PRACTICE
from tradebot.runtime.config import Config
from tradebot.runtime.key_checks import OPEN_TO, KeyTerms, described, refusal
from tradebot.runtime.run_audit import audit_log
from tradebot.runtime.rungs import Rung, Shown
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
    state = None if live is None else rungs.folded(live)
    typed = left_out(config, config.exchange.id, config.exchange.account, now_ms=now_ms)
    audit = audit_log(config.paths.logs)
    shown = Shown(config, Proofs.read(audit), now_ms)
    found = (
        _quote(config),
        rungs.days(practice, config),
        rungs.reconciled(shown, practice, state, audit),
        rungs.clock(shown),
        rungs.drill(shown),
        rungs.backup(shown, live or practice),
        *_key(config, now_ms),
        rungs.alerts(shown),
        Rung(
            code="replay",
            is_met=False,
            text="this version does not compare trading with its replay yet",
        ),
    )
    return Ladder(tuple(_overridden(rung, typed) for rung in found), state)


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
    audit = audit_log(config.paths.logs)
    prove(
        audit,
        OVERRIDES,
        {**place, "at": now_ms, "code": code, "sentence": sentence, "reason": reason},
    )
    audit.record(AuditKind.OVERRIDE_TYPED, code=code, reason=reason, **place)


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


# --- reading ------------------------------------------------------------------------------------


def _run(runs: Runs, config: Config, mode: str) -> Run | None:
    name = f"{mode}-{config.exchange.id}-{config.exchange.account}"
    found = runs.find(name) if runs.is_run(name) else None
    return found if found is not None and found.journal.is_file() else None


def left_out(config: Config, exchange: str, account: str, *, now_ms: int) -> dict[str, str]:
    """Return the reasons of what was left out there within the last week, by code.

    Raises JournalError.
    """
    place = {"exchange": exchange, "account": account}
    typed = {}
    for line in Proofs.read(audit_log(config.paths.logs)).lines(OVERRIDES):
        is_here = all(line.get(key) == value for key, value in place.items())
        code, reason = line.get("code"), line.get("reason")
        if not (
            is_here
            and type(line.get("at")) is int
            and isinstance(code, str)
            and isinstance(reason, str)
        ):
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
