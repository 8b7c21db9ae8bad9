"""The emergency stop: latch first, then cancel, then sell if asked, then look whether it is so.

Law: the latch is closed before anything else is tried, and needs neither journal, network nor keys.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tradebot.adapters.clock import WallClock
from tradebot.adapters.journal import entries
from tradebot.adapters.latch import FileLatch
from tradebot.engine.apply import fold
from tradebot.engine.resolve import APART_MS
from tradebot.errors import (
    AccountLocked,
    ExchangeUnavailable,
    Halted,
    JournalError,
    NotFoundError,
    TradebotError,
)
from tradebot.model.money import ZERO
from tradebot.runtime import assemble
from tradebot.runtime.assemble import Bot
from tradebot.runtime.config import Config
from tradebot.runtime.host_lock import account_lock
from tradebot.runtime.keys import Unlocking
from tradebot.runtime.prepare import Request, account_config, reopened
from tradebot.runtime.runs import Run, Runs
from tradebot.runtime.session import Session
from tradebot.runtime.world import simulated_world

# A bot that ticks sees the latch at its next order or wake and leaves; one that hangs does not.
LEAVE_MS_MAX = 5_000
LOOK_MS = 100
DEFAULT_STRATEGY = "vote"


@dataclass(slots=True)
class Killed:
    """What the stop achieved. `problems` is empty when all that was asked is so.

    `open_orders` are of the runs whose exchange has answered; `unasked` are the others.
    """

    run: str = ""
    cancelled: int = 0
    open_orders: tuple[str, ...] = ()
    sold: dict[str, Decimal] = field(default_factory=dict)
    left: dict[str, Decimal] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)


def kill(
    config: Config,
    request: Request,
    run_name: str | None,
    unlocking: Unlocking,
    *,
    reason: str,
    is_flattening: bool,
    on_latched: Callable[[], None],
) -> Killed:
    """Stop trading now; then cancel our orders and, if asked, sell the bot's positions.

    Cleared is the named run; else the last one, each that has a bot at work, and each account
    whose journal shows something open.
    """
    result = Killed()
    _latch(config, reason, on_latched, result)
    names = []
    for run in _targets(Runs(config.paths.logs), run_name, result):
        names.append(run.name)
        try:
            _clear(config, request, run, unlocking, result, is_flattening=is_flattening)
        except TradebotError as error:
            hint = f" ({error.hint})" if error.hint else ""
            result.problems.append(f"{run.name}: {error.message}{hint}")
    result.run = ", ".join(names)
    result.unasked = [name for name in names if name not in result.asked]
    return result


def latch_only(
    config: Config, reason: str, on_latched: Callable[[], None], *, problem: str
) -> Killed:
    """Close the latch where the configuration cannot be read, and say what was not done."""
    result = Killed()
    _latch(config, reason, on_latched, result)
    result.problems.append(f"only {config.paths.logs} is latched, nothing was cancelled: {problem}")
    return result


def _latch(config: Config, reason: str, on_latched: Callable[[], None], result: Killed) -> None:
    latched = FileLatch(config.paths.logs / "latch", WallClock()).halt(reason)
    if not latched.is_halted:
        raise Halted(f"the latch cannot be closed: {latched.problem}", hint="kill the process")
    on_latched()
    if latched.problem:
        result.problems.append(latched.problem)


def _targets(runs: Runs, run_name: str | None, result: Killed) -> list[Run]:
    """Return the runs to clear; what is asked for and not there is a problem."""
    known = [runs.find(name) for name in runs.names() if runs.is_run(name)]
    begun = [run for run in known if run.journal.exists() or run.is_locked()]
    if run_name is None and not begun:
        return []
    try:
        chosen = runs.find(run_name)
    except NotFoundError as error:
        if run_name is not None:
            result.problems.append(f"{error.message} ({error.hint})")
            return []
        chosen = begun[-1]  # Nobody knows which was the last: the newest is the best guess.
    if run_name is not None:
        return [chosen]
    return [run for run in begun if run == chosen or run.is_locked() or _is_open_account(run)]


def _is_open_account(run: Run) -> bool:
    """Return whether the run is of an account and its journal shows orders or positions."""
    try:
        if run.spec_or_name().is_simulated:
            return False
        state = fold(entry.event for entry in entries(run.journal))
    except JournalError:
        return True  # Clearing it fails with the same words, which the operator must read.
    return bool(state.orders.unsettled) or any(each.is_open for each in state.positions.values())


def _clear(
    config: Config,
    request: Request,
    run: Run,
    unlocking: Unlocking,
    result: Killed,
    *,
    is_flattening: bool,
) -> None:
    """Take over from the bot, through its own journal, and clear its orders."""
    _wait_for_bot(run)
    with run.lock():
        _check_spec(run, result)
        try:
            bot = reopened_bot(config, request, run, unlocking, is_blind=False)
        except JournalError as error:
            # Positions are unknown without it, and so is the name under which it was written; but
            # our orders carry our ids at the exchange.
            result.problems.append(
                f"{run.name}: {error.message}; only orders were cancelled, those of bot "
                f"{config.bot.name!r}: the name in the configuration"
            )
            bot = reopened_bot(config, request, run, unlocking, is_blind=True)
        try:
            _clear_with(bot, result, is_flattening=is_flattening)
            result.asked.append(run.name)
        finally:
            bot.close()


def _check_spec(run: Run, result: Killed) -> None:
    """Note it where only the folder's name says whose run it is.

    Raises JournalError where that does not, either.
    """
    try:
        run.spec()
    except JournalError as error:
        run.spec_or_name()
        result.notes.append(f"{error.message}; the account is the one its folder is named after")


def _wait_for_bot(run: Run) -> None:
    """Wait until the bot has left the run. Raises AccountLocked when it does not."""
    clock = WallClock()
    deadline = clock.now_ms() + LEAVE_MS_MAX
    while run.is_locked():
        if clock.now_ms() > deadline:
            raise AccountLocked(
                f"the bot of {run.name} does not leave its journal",
                hint="it is latched and sends no more orders; end its process, then kill again",
            )
        clock.sleep_until(clock.now_ms() + LOOK_MS)


def reopened_bot(
    config: Config,
    request: Request,
    run: Run,
    unlocking: Unlocking,
    *,
    is_blind: bool,
    holding: ExitStack | None = None,
) -> Bot:
    """Return a bot that may end what a run left: by its own terms, and whatever is configured now.

    `is_blind`: without its journal. `holding` holds the account against every other bot of this
    host, too; the emergency stop waits for nobody. Raises AccountLocked.
    """
    spec = run.spec_or_name()
    if not spec.is_simulated:
        keys = unlocking.open().get(f"{spec.exchange}/{spec.mode}/{spec.account}", spec.mode)
        if holding is not None:
            key = keys["api_key"].reveal()
            holding.enter_context(account_lock(spec.exchange, spec.mode, key))
        # Any strategy will do, since none is asked: a broken one must not keep us from clearing.
        plain = account_config(replace(request, strategy=DEFAULT_STRATEGY), spec, params={})
        return assemble.testnet(
            plain,
            run,
            assemble.chosen_strategy(plain),
            key=keys["api_key"].reveal(),
            secret=keys["secret"].reveal(),
            tell=lambda event, state: None,
            is_ending=True,
            is_blind=is_blind,
        )
    prepared = reopened(request, spec)
    world = simulated_world(prepared.config, prepared.tables, prepared.spec)
    return assemble.sandbox(
        prepared.config,
        world,
        run,
        prepared.chosen,
        tell=lambda event, state: None,
        is_ending=True,
        is_blind=is_blind,
    )


def settle_twice(bot: Bot) -> None:
    """Settle what is out; an order that the exchange has lost is given up on its second look."""
    bot.session.settle_only()
    if bot.session.state.orders.unsettled.keys() - set(bot.session.open_orders()):
        bot.clock.sleep_until(bot.clock.now_ms() + APART_MS)
        bot.session.settle_only()


def _tried(result: Killed, act: Callable[[], None]) -> None:
    """Do one part of the stop; what the exchange does not answer is a problem, and not the end."""
    try:
        act()
    except ExchangeUnavailable as error:
        if error.message not in result.problems:
            result.problems.append(error.message)


def _cancel_unknown(session: Session, result: Killed, known: set[str]) -> None:
    """Cancel what the exchange still shows of ours, whether the journal knows it or not."""
    shown = session.open_orders()
    if shown:
        session.cancel_own()
        result.cancelled += len(set(shown) - set(session.open_orders()) - known)


def _clear_with(bot: Bot, result: Killed, *, is_flattening: bool) -> None:
    session = bot.session
    # An order that cannot be read keeps no other from being cancelled, and no coin from being sold.
    _tried(result, lambda: settle_twice(bot))
    before = set(session.state.orders.unsettled)
    session.cancel_all("emergency stop")
    _tried(result, lambda: _cancel_unknown(session, result, before))
    result.cancelled += len(before - set(session.state.orders.unsettled))
    held = {name: each.sellable for name, each in session.state.positions.items() if each.is_open}
    if is_flattening:
        session.flatten()
        _tried(result, session.settle_only)
    for market, quantity in held.items():
        left = session.state.positions[market].sellable
        if left < quantity:
            result.sold[market] = result.sold.get(market, ZERO) + quantity - left
        if left > 0:
            result.left[market] = result.left.get(market, ZERO) + left
    # Twice: one answer may be older than the cancel.
    still_open = {*session.open_orders(), *session.open_orders()}
    result.open_orders = tuple(sorted({*result.open_orders, *still_open}))
    if still_open:
        result.problems.append(f"{len(still_open)} of our orders are still open")
    if is_flattening and any(each.sellable > 0 for each in session.state.positions.values()):
        result.problems.append("not flat: what is left is listed")
    if session.state.orders.unsettled and not still_open:
        result.problems.append("some orders are not settled yet: `tradebot status` names them")
