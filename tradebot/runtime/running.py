"""A run from start to stop: latch, lock, logs, alerts, signals, and what is left behind.

Law: a stop is asked for by a flag, never by an exception inside a send; a second signal ends the
process at once, and the restart settles what that left open.
"""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from tradebot.adapters.alerts import AlertQueue, AlertSettings
from tradebot.adapters.audit import AuditKind, AuditLog
from tradebot.adapters.clock import WallClock
from tradebot.adapters.keystore_file import Slot
from tradebot.adapters.latch import FileLatch
from tradebot.adapters.logs import close_logging, configure_logging, get_logger
from tradebot.adapters.redact import Redactor, Secret
from tradebot.engine.state import State
from tradebot.errors import ExchangeUnavailable, Halted, TradebotError
from tradebot.model.account import TradingState
from tradebot.model.event import ArmingOverridden, Event, TradingStateChanged
from tradebot.ports import AlertLevel, Alerts
from tradebot.runtime import assemble
from tradebot.runtime.assemble import Bot
from tradebot.runtime.chosen import chosen_strategy
from tradebot.runtime.config import Config
from tradebot.runtime.drive import OnTick, OnTrouble, drive_virtual, drive_wall, leave, obey_latch
from tradebot.runtime.heeding import listen
from tradebot.runtime.host_lock import account_lock
from tradebot.runtime.key_checks import KeyTerms
from tradebot.runtime.keys import Unlocking, alert_channels
from tradebot.runtime.prepare import Prepared
from tradebot.runtime.run_audit import audit_log
from tradebot.runtime.runs import Run, Runs, RunSpec
from tradebot.runtime.session import Listener
from tradebot.runtime.telling import news
from tradebot.runtime.trader import Ticked
from tradebot.runtime.witness import Witness
from tradebot.runtime.world import simulated_world

if TYPE_CHECKING:
    from tradebot.adapters.permissions import Permissions

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended. `signal_number` is 0 where none asked for it."""

    run: str
    state: State
    signal_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Who watches a run: `listener` hears each event, `on_tick` each wake.

    `on_begin` hears the logs folder and the run's name, `on_warning` what the owner should know of
    his key.
    """

    on_begin: Callable[[Path, str], None] = lambda logs, run: None
    listener: Listener = lambda event, state: None
    on_tick: OnTick = lambda time_ms, ticked: None
    on_stop: Callable[[], None] = lambda: None
    on_warning: Callable[[str], None] = lambda text: None


def check_latch(config: Config) -> FileLatch:
    """Return the latch, armed: a new project arms itself. Raises Halted after a kill."""
    latch = FileLatch(config.paths.logs / "latch", WallClock())
    if latch.is_new():
        try:
            latch.arm("first run")
            audit_log(config.paths.logs).record(AuditKind.LATCH_CLEARED, reason="first run")
        except OSError as error:
            hint = "make the logs folder writable, or set [paths] logs"
            message = f"the latch cannot be armed: {error.strerror}"
            raise TradebotError(message, hint=hint) from error
    if not latch.may_start():
        raise Halted(
            f"trading is halted: {latch.state().reason}",
            hint="find out why, then `tradebot resume --reason TEXT`",
        )
    return latch


def run_sandbox(
    prepared: Prepared, run: Run, watcher: Watcher, unlocking: Unlocking, *, pace: float | None
) -> Ended:
    """Trade the sandbox until its candles end or a signal comes; return how it ended."""
    config = prepared.config
    latch = check_latch(config)
    world = simulated_world(config, prepared.tables, prepared.spec)
    with _started(config, run, "sandbox", watcher, unlocking) as (listener, _):
        bot = assemble.sandbox(config, world, run, prepared.chosen, tell=listener, pace=pace)
        try:
            _begin(bot, config, run, latch, watcher)
            with _stopping(bot, watcher) as seen:
                drive_virtual(bot, _halting(bot, watcher.on_tick))
            return Ended(run.name, bot.session.state, seen.number)
        finally:
            bot.close()


def run_account(
    config: Config,
    spec: RunSpec,
    watcher: Watcher,
    unlocking: Unlocking,
    *,
    overrides: Sequence[ArmingOverridden] = (),
) -> Ended:
    """Trade on an account of the exchange until a signal comes; return how it ended.

    `overrides` are what a person typed instead of showing it: they are journalled first.
    """
    latch, mode = check_latch(config), spec.mode
    slot = Slot(config.exchange.id, mode, config.exchange.account)
    chosen = chosen_strategy(config)
    redactor = Redactor()
    store = unlocking.open(redactor)
    keys = store.get(slot.name, mode)
    redactor.register(*keys.values())
    run = Runs(config.paths.logs).create(spec)
    account = account_lock(
        config.exchange.id, mode, keys["api_key"].reveal(), logs=config.paths.logs
    )
    with _started(config, run, mode, watcher, unlocking, redactor, account) as told:
        listener, alerts = told
        run.check_journal()
        key_terms = _checked_key(config, slot, keys, watcher, alerts)
        bot = assemble.account(
            config,
            run,
            chosen,
            mode=mode,
            key=keys["api_key"].reveal(),
            secret=keys["secret"].reveal(),
            tell=listener,
            is_ending=False,
            is_blind=False,
            on_stopped=lambda level, text: alerts.send(level, "error", text),
            key_terms=key_terms,
        )
        try:
            bot.session.record(overrides)
            _begin(bot, config, run, latch, watcher)
            with _stopping(bot, watcher) as seen:
                on_tick = _witnessed(Witness(bot, config, run), watcher.on_tick)
                drive_wall(bot, _halting(bot, on_tick), _troubled(alerts))
                leave(bot)
            return Ended(run.name, bot.session.state, seen.number)
        finally:
            bot.close()


def _checked_key(
    config: Config, slot: Slot, keys: Mapping[str, Secret], watcher: Watcher, alerts: Alerts
) -> KeyTerms:
    """Return what the key is held to. Raises KeystoreError where it may not be used."""
    from tradebot.runtime.key_asking import check_at_start

    try:
        terms, warning = check_at_start(config, slot, keys)
    finally:
        _tell_unusual(config, alerts)
    if warning:
        get_logger("keys").warning("key.not_checked", message=warning)
        watcher.on_warning(warning)

    def note(told: "Permissions") -> None:
        terms.note(told)
        _tell_unusual(config, alerts)

    return replace(terms, note=note)


def _tell_unusual(config: Config, alerts: Alerts) -> None:
    """Tell the owner what is unusual in the audit log, once."""
    for text in audit_log(config.paths.logs).review():
        alerts.send(AlertLevel.CRITICAL, "error", f"audit: {text}")


def _troubled(alerts: Alerts) -> OnTrouble:
    """Return who hears of reads that failed."""
    from tradebot.adapters.breakers import CircuitOpen

    def on_trouble(error: ExchangeUnavailable) -> None:
        get_logger("run").error("exchange.unavailable", message=error.message)
        # Of what a breaker stops the text changes with each try; its opening has been told.
        if not isinstance(error.__cause__, CircuitOpen):
            alerts.send(AlertLevel.ERROR, "error", error.message)

    return on_trouble


def _begin(bot: Bot, config: Config, run: Run, latch: FileLatch, watcher: Watcher) -> None:
    """Make this run the last one, now that it has a journal, and active after a lifted halt."""
    Runs(config.paths.logs).set_last(run)
    bot.session.reactivate(latch.state().reason)
    listen(bot, config, run)
    watcher.on_begin(config.paths.logs, run.name)


@contextmanager
def _started(
    config: Config,
    run: Run,
    mode: str,
    watcher: Watcher,
    unlocking: Unlocking,
    redactor: Redactor | None = None,
    account: AbstractContextManager[str] | None = None,
) -> Iterator[tuple[Listener, Alerts]]:
    """Hold locks, log file and alert queue around a run; yield who hears the events."""
    redactor = redactor or Redactor()
    clock = WallClock()
    with ExitStack() as stack:
        stack.enter_context(run.lock())
        unlocked = stack.enter_context(account) if account is not None else ""
        configure_logging(
            config.paths.logs, mode=mode, level="info", clock=clock, redactor=redactor
        )
        stack.callback(close_logging)
        settings = AlertSettings(channels=config.alerts.channels, kinds=config.alerts.kinds)
        channels = alert_channels(
            settings, unlocking, logs=config.paths.logs, redactor=redactor
        )
        alerts = AlertQueue(
            channels,
            clock=clock,
            heading=f"{mode.upper()} {config.exchange.id}",
            kinds=settings.kinds,
            redactor=redactor,
        )
        stack.callback(alerts.close)
        log = get_logger("run")
        log.info("run.started", run=run.name)
        if unlocked:
            log.warning("account.unlocked", message=unlocked)
        _tell_unusual(config, alerts)
        try:
            yield _listener(watcher, alerts, audit_log(config.paths.logs)), alerts
        except TradebotError as error:
            log.error("run.failed", run=run.name, message=error.message)
            alerts.send(AlertLevel.CRITICAL, "error", f"the bot has stopped: {error.message}")
            raise
        finally:
            log.info("run.ended", run=run.name)


def _listener(watcher: Watcher, alerts: Alerts, audit: AuditLog) -> Listener:
    """Return who hears each event: whoever watches, then log and alerts where it is news."""

    def listener(event: Event, state: State) -> None:
        watcher.listener(event, state)
        if isinstance(event, TradingStateChanged) and event.state is TradingState.HALTED:
            audit.record(AuditKind.LATCH_SUSPENDED, reason=event.reason)
        item = news(event, state)
        if item is not None:
            get_logger("run").info(
                "run.news", kind=item.kind, level_told=item.level.value, text=item.text
            )
            alerts.send(item.level, item.kind, item.text)

    return listener


@dataclass(slots=True)
class _Seen:
    """Which signal asked for the stop."""

    number: int = 0


@contextmanager
def _stopping(bot: Bot, watcher: Watcher) -> Iterator[_Seen]:
    """Turn the first SIGINT or SIGTERM into a flag, and the second into an end at once."""
    seen = _Seen()

    def handler(number: int, frame: FrameType | None) -> None:
        if seen.number:
            raise KeyboardInterrupt
        seen.number = number
        bot.clock.stop()
        watcher.on_stop()

    before = {number: signal.signal(number, handler) for number in STOP_SIGNALS}
    try:
        yield seen
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _witnessed(witness: Witness, on_tick: OnTick) -> OnTick:
    """Return `on_tick` that also keeps what the bot has shown of itself."""

    def tick(time_ms: int, ticked: Ticked) -> None:
        on_tick(time_ms, ticked)
        witness.look()

    return tick


def _halting(bot: Bot, on_tick: OnTick) -> OnTick:
    """Return `on_tick` that also stops a halted bot."""

    def tick(time_ms: int, ticked: Ticked) -> None:
        on_tick(time_ms, ticked)
        obey_latch(bot)

    return tick
