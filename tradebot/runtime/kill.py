"""The emergency stop: latched by now, cancel, then sell if asked, then look whether it is so.

Law: nothing here waits for the bot before our orders are cancelled; what is not confirmed is said.
"""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, fields, replace
from importlib import import_module
from threading import Thread

from tradebot.adapters.clock import WallClock
from tradebot.adapters.journal import entries
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.redact import Redactor
from tradebot.engine.apply import fold
from tradebot.errors import AccountLocked, JournalError, NotFoundError, TradebotError
from tradebot.runtime import assemble
from tradebot.runtime.assemble import Bot
from tradebot.runtime.config import Config
from tradebot.runtime.host_lock import account_lock
from tradebot.runtime.keys import Unlocking
from tradebot.runtime.kill_clear import Killed, clear_with
from tradebot.runtime.kill_holder import wait_for_bot
from tradebot.runtime.kill_sweep import Lane, Swept, lane, sweep
from tradebot.runtime.prepare import Request, account_config, reopened
from tradebot.runtime.runs import Run, Runs

DEFAULT_STRATEGY = "vote"
# What takes a second to load, of which our orders need only the first.
SWEEPING = ("tradebot.adapters.broker",)
CLEARING = ("tradebot.runtime.trader", "tradebot.adapters.candles", "tradebot.runtime.chosen")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedOnce(Unlocking):
    """A keystore that is opened once: nobody is asked twice, and a refusal stands."""

    found: list[Keystore | TradebotError] = field(default_factory=list)

    def open(self, redactor: Redactor | None = None) -> Keystore:
        """Return the unlocked keystore. Raises KeystoreError, the same each time."""
        if not self.found:
            try:
                self.found.append(Unlocking.open(self, redactor))
            except TradebotError as error:
                self.found.append(error)
        first = self.found[0]
        if isinstance(first, TradebotError):
            raise first
        return first


def opened_once(unlocking: Unlocking) -> OpenedOnce:
    """Return the same keystore, to be opened once."""
    if isinstance(unlocking, OpenedOnce):
        return unlocking
    ways = {each.name: getattr(unlocking, each.name) for each in fields(unlocking)}
    return OpenedOnce(**ways)


def kill(
    config: Config,
    request: Request,
    run_name: str | None,
    unlocking: Unlocking,
    result: Killed,
    *,
    is_flattening: bool,
) -> Killed:
    """Cancel our orders and, if asked, sell the bot's positions; trading is halted by now.

    Cleared is the named run; else the last one, each that has a bot at work, and each account
    whose journal shows something open or cannot be read. First the orders of all accounts, which
    needs nobody's leave; then each run in turn, once its bot has left.
    """
    stop = _Stop(config, request, opened_once(unlocking), result, is_flattening=is_flattening)
    with ExitStack() as lanes:
        runs = []
        try:
            for run in targets(Runs(config.paths.logs), run_name, result.problems):
                runs.append(run)
                stop.sweep(run, lanes)
        except OSError as error:
            result.problems.append(f"{error.filename}: {error.strerror}; runs may be missing here")
        _load(CLEARING)
        for run in runs:
            stop.clear(run)
    names = [run.name for run in runs]
    result.run = ", ".join(names)
    result.unasked = [name for name in names if name not in result.asked]
    if result.open_orders or result.unasked:
        result.cancelled_ms = None
    if is_flattening and not result.problems:
        result.flat_ms = stop.passed_ms()
    return result


def _load(modules: tuple[str, ...]) -> None:
    """Begin to load what is needed next, while a key is derived or a bot waited for."""

    def load() -> None:
        with suppress(ImportError):  # Who needs it meets that again, and says so.
            for each in modules:
                import_module(each)

    Thread(target=load, daemon=True).start()


def targets(runs: Runs, run_name: str | None, problems: list[str]) -> Iterator[Run]:
    """Yield the runs to clear, those at work first; what is named and not there is a problem."""
    known = [runs.find(name) for name in runs.names() if runs.is_run(name)]
    begun = [run for run in known if run.journal.exists() or _is_locked(run) or _is_account(run)]
    if run_name is None and not begun:
        return
    try:
        chosen = runs.find(run_name)
    except NotFoundError as error:
        if run_name is not None:
            problems.append(f"{error.message} ({error.hint})")
            return
        chosen = begun[-1]  # Nobody knows which was the last: the newest is the best guess.
    yield chosen
    if run_name is not None:
        return
    others = [run for run in begun if run != chosen]
    at_work = [run for run in others if _is_locked(run)]
    yield from at_work
    # Last, since it reads all of each journal.
    yield from (run for run in others if run not in at_work and _is_open_account(run))


def _is_locked(run: Run) -> bool:
    try:
        return run.is_locked()
    except JournalError:
        return True  # Nobody can tell: what may be at work is cleared.


def _is_account(run: Run) -> bool:
    try:
        return not run.spec_or_name().is_simulated
    except JournalError:
        return False


def _is_open_account(run: Run) -> bool:
    """Return whether the run is of an account and its journal does not show that all is closed."""
    try:
        if run.spec_or_name().is_simulated:
            return False
        state = fold(entry.event for entry in entries(run.journal))
    except (JournalError, NotFoundError):
        return True  # Clearing it fails with the same words, which the operator must read.
    return bool(state.orders.unsettled) or any(each.is_open for each in state.positions.values())


class _Stop:
    """One emergency stop at work: what it may use, and what it has achieved so far."""

    def __init__(
        self,
        config: Config,
        request: Request,
        unlocking: Unlocking,
        result: Killed,
        *,
        is_flattening: bool,
    ) -> None:
        self._config = config
        self._request = request
        self._unlocking = unlocking
        self._result = result
        self._is_flattening = is_flattening
        # Its own time: a machine's clock that is set meanwhile must not make it wait for hours.
        self._clock = WallClock()
        self._clock.follow(self._clock.now_ms())
        self._swept: dict[str, tuple[Lane, Swept] | None] = {}

    def passed_ms(self) -> int:
        """Return how long the stop has taken up to now."""
        return self._clock.monotonic_ms() - self._result.began_ms

    # --- at once: the orders at the exchange ----------------------------------------------------

    def sweep(self, run: Run, lanes: ExitStack) -> None:
        """Cancel the orders of a run's account over a connection of our own, whatever its bot does.

        A simulated exchange lives and dies with its bot: there is none to ask yet.
        """
        if not _is_account(run):
            return
        self._swept[run.name] = None
        _load(SWEEPING)
        try:
            spec = run.spec_or_name()
            keys = self._unlocking.open().get(
                f"{spec.exchange}/{spec.mode}/{spec.account}", spec.mode
            )
            own = lanes.enter_context(
                lane(
                    self._config, run, key=keys["api_key"].reveal(), secret=keys["secret"].reveal()
                )
            )
            swept = sweep(own.cancel_shown, self._clock)
        except (TradebotError, OSError) as error:
            self._only_latched(run, _words(error))
            return
        if not swept.is_answered:
            self._only_latched(run, swept.problem)
            return
        self._swept[run.name] = own, swept
        self._result.asked.append(run.name)
        if not swept.problem:
            self._result.cancelled_ms = self.passed_ms()

    def _only_latched(self, run: Run, problem: str) -> None:
        self._result.problems.append(
            f"{run.name}: {problem}; only the latch is closed, nothing was cancelled or sold"
        )

    # --- then: through the run's own journal ----------------------------------------------------

    def clear(self, run: Run) -> None:
        """Take over from the bot, through its own journal, and clear what it left."""
        is_account = run.name in self._swept
        if is_account and self._swept[run.name] is None:
            return  # Its exchange was not asked, or has not answered.
        try:
            _check_spec(run, self._result)
            try:
                self._take_over(run)
            except JournalError as error:
                if is_account:
                    self._finish_without_journal(run, _words(error))
                else:
                    self._clear_blindly(run, error)
            except AccountLocked as error:
                if not is_account:
                    raise
                self._finish_without_journal(run, _words(error))
        except (TradebotError, OSError) as error:
            self._result.problems.append(f"{run.name}: {_words(error)}")

    def _take_over(self, run: Run) -> None:
        self._wait_for_bot(run)
        if self._is_unbegun(run):
            return
        with run.lock():
            bot = self._reopened(run, is_blind=False)
            try:
                self._clear_with(bot, run)
            finally:
                bot.close()

    def _wait_for_bot(self, run: Run) -> None:
        ended = wait_for_bot(run, self._clock)
        if ended:
            self._result.notes.append(ended)

    def _is_unbegun(self, run: Run) -> bool:
        """Return whether an account was never traded from here: it has nothing to take over.

        Raises JournalError where a journal must have been: opening makes a new one, which knows of
        no position.
        """
        known = self._swept.get(run.name)
        if known is None or run.journal.is_file():
            return False
        if known[1].gone or run.candles.exists():
            raise JournalError(f"{run.journal} is gone")
        return True

    def _reopened(self, run: Run, *, is_blind: bool) -> Bot:
        return reopened_bot(self._config, self._request, run, self._unlocking, is_blind=is_blind)

    def _clear_with(self, bot: Bot, run: Run) -> None:
        known = self._swept.get(run.name)
        gone = frozenset[str]() if known is None else known[1].gone
        clear_with(
            bot,
            self._result,
            self._config.rules(),
            is_flattening=self._is_flattening,
            gone=gone,
        )
        if known is None:
            self._result.asked.append(run.name)
        if self._result.cancelled_ms is None and not self._result.open_orders:
            self._result.cancelled_ms = self.passed_ms()

    def _clear_blindly(self, run: Run, error: JournalError) -> None:
        """Cancel a simulated run's orders without its journal, by our ids at its exchange.

        Positions are unknown without it, and so is the name under which it was written.
        """
        self._result.problems.append(
            f"{run.name}: {error.message}; only orders were cancelled, those of bot "
            f"{self._config.bot.name!r}: the name in the configuration"
        )
        with run.lock():
            bot = self._reopened(run, is_blind=True)
            try:
                self._clear_with(bot, run)
            finally:
                bot.close()

    def _finish_without_journal(self, run: Run, problem: str) -> None:
        """Look once more at the orders of an account, and say what only its journal could tell."""
        known = self._swept[run.name]
        assert known is not None, "what was not asked is not taken over"
        own, first = known
        result = self._result
        again = sweep(own.cancel_shown, self._clock)
        result.cancelled += len(first.gone | again.gone)
        result.open_orders = tuple(sorted({*result.open_orders, *again.left}))
        whose = "every tradebot" if own.bot is None else f"bot {own.bot!r}"
        unsold = "; nothing was sold: only the journal knows what the bot bought"
        result.problems.append(
            f"{run.name}: {problem}; only orders were cancelled, those of {whose} on the account"
            f"{unsold if self._is_flattening else ''}"
        )
        if again.problem:
            result.problems.append(f"{run.name}: {again.problem}")


def _words(error: TradebotError | OSError) -> str:
    if isinstance(error, TradebotError):
        return f"{error.message} ({error.hint})" if error.hint else error.message
    return f"{error.filename}: {error.strerror}"


def _check_spec(run: Run, result: Killed) -> None:
    """Note it where only the folder's name says whose run it is.

    Raises JournalError where that does not, either.
    """
    try:
        run.spec()
    except JournalError as error:
        run.spec_or_name()
        result.notes.append(f"{error.message}; the account is the one its folder is named after")


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
    # Only now: our orders are cancelled before this is loaded.
    from tradebot.runtime.chosen import chosen_strategy
    from tradebot.runtime.world import simulated_world

    spec = run.spec_or_name()
    if not spec.is_simulated:
        keys = unlocking.open().get(f"{spec.exchange}/{spec.mode}/{spec.account}", spec.mode)
        if holding is not None:
            key = keys["api_key"].reveal()
            lock = account_lock(spec.exchange, spec.mode, key, logs=config.paths.logs)
            holding.enter_context(lock)
        # Any strategy will do, since none is asked: a broken one must not keep us from clearing.
        plain = account_config(replace(request, strategy=DEFAULT_STRATEGY), spec, params={})
        return assemble.account(
            plain,
            run,
            chosen_strategy(plain),
            mode=spec.mode,
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
