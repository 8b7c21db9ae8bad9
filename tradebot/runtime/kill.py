"""The emergency stop: latch first, then cancel, then sell if asked, then look whether it is so.

Law: the latch is closed before anything else is tried, and needs neither journal, network nor keys.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from tradebot.adapters.clock import WallClock
from tradebot.adapters.latch import FileLatch
from tradebot.errors import AccountLocked, Halted, NotFoundError, TradebotError
from tradebot.runtime import assemble
from tradebot.runtime.assemble import Bot
from tradebot.runtime.config import Config
from tradebot.runtime.keys import Unlocking
from tradebot.runtime.prepare import Request, reopened
from tradebot.runtime.runs import Run, Runs

# A bot that ticks sees the latch at its next order or wake and leaves; one that hangs does not.
LEAVE_MS_MAX = 5_000
LOOK_MS = 100


@dataclass(slots=True)
class Killed:
    """What the stop achieved. `problems` is empty when all that was asked is so."""

    run: str = ""
    cancelled: int = 0
    open_orders: tuple[str, ...] = ()
    sold: dict[str, Decimal] = field(default_factory=dict)
    left: dict[str, Decimal] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


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
    """Stop trading now; then cancel our orders of the run and, if asked, sell its positions."""
    latched = FileLatch(config.paths.logs / "latch", WallClock()).halt(reason)
    if not latched.is_halted:
        raise Halted(f"the latch cannot be closed: {latched.problem}", hint="kill the process")
    on_latched()
    result = Killed()
    if latched.problem:
        result.problems.append(latched.problem)
    try:
        run = Runs(config.paths.logs).find(run_name)
    except NotFoundError:
        return result
    result.run = run.name
    try:
        _clear(config, request, run, unlocking, result, is_flattening=is_flattening)
    except TradebotError as error:
        result.problems.append(f"{error.message} ({error.hint})" if error.hint else error.message)
    return result


def latch_only(
    config: Config, reason: str, on_latched: Callable[[], None], *, problem: str
) -> Killed:
    """Close the latch where the configuration cannot be read, and say what was not done."""
    latched = FileLatch(config.paths.logs / "latch", WallClock()).halt(reason)
    if not latched.is_halted:
        raise Halted(f"the latch cannot be closed: {latched.problem}", hint="kill the process")
    on_latched()
    return Killed(problems=[f"only latched, nothing was cancelled: {problem}"])


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
        bot = _reopened_bot(config, request, run, unlocking)
        try:
            _clear_with(bot, result, is_flattening=is_flattening)
        finally:
            bot.close()


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


def _reopened_bot(config: Config, request: Request, run: Run, unlocking: Unlocking) -> Bot:
    spec = run.spec()
    if not spec.is_simulated:
        keys = unlocking.open().get(f"{spec.exchange}/{spec.mode}/{spec.account}", spec.mode)
        return assemble.testnet(
            config,
            run,
            assemble.chosen_strategy(config),
            key=keys["api_key"].reveal(),
            secret=keys["secret"].reveal(),
            tell=lambda event, state: None,
        )
    prepared = reopened(request, spec)
    world = assemble.simulated_world(prepared.config, prepared.tables, prepared.spec)
    return assemble.sandbox(
        prepared.config, world, run, prepared.chosen, tell=lambda event, state: None
    )


def _clear_with(bot: Bot, result: Killed, *, is_flattening: bool) -> None:
    session = bot.session
    session.settle_only()
    before = set(session.state.orders.unsettled)
    session.cancel_all("emergency stop")
    result.cancelled = len(before - set(session.state.orders.unsettled))
    held = {name: each.sellable for name, each in session.state.positions.items() if each.is_open}
    if is_flattening:
        session.flatten()
        session.settle_only()
    for market, quantity in held.items():
        left = session.state.positions[market].sellable
        if left < quantity:
            result.sold[market] = quantity - left
        if left > 0:
            result.left[market] = left
    # Twice: one answer may be older than the cancel.
    result.open_orders = tuple(sorted({*session.open_orders(), *session.open_orders()}))
    if result.open_orders:
        result.problems.append(f"{len(result.open_orders)} of our orders are still open")
    if is_flattening and result.left:
        result.problems.append("not flat: what is left is listed")
    if session.state.orders.unsettled and not result.open_orders:
        result.problems.append("some orders are not settled yet: `tradebot status` names them")
