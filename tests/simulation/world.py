"""One world from its seed: a market, an exchange, a faulty wire, and the bot that lives in it.

Law: the bot's code is the production code; only its ports are swapped. Time is virtual and passes
where it passes in life: between wakes and during calls. A crash takes all but the journal.
"""

import heapq
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import localcontext
from itertools import count
from pathlib import Path
from random import Random
from time import process_time

from tests.simulation.checker import Checker
from tests.simulation.disk import DiskJournal
from tests.simulation.faulty_broker import FaultyBroker
from tests.simulation.ground import ground
from tests.simulation.life import CALM_MS, CLOSE_DELAY_MS, RECONCILE_MS, Crash, Life
from tests.simulation.mishaps import Mishaps
from tests.simulation.names import is_ours
from tests.simulation.options import AHEAD_MS_MAX, DAY, HOUR, MINUTE, Options
from tests.simulation.owner import adopt
from tests.simulation.protection import Protection
from tests.simulation.record import Violation
from tests.simulation.witness import ExchangeWitness, SimulatedJournal
from tradebot.model.money import MONEY_CONTEXT

START = 1_704_067_200_000
HEALED_MS = 120_000
# All is compared once more within this, twice where something differs.
NOTICED_MS = RECONCILE_MS + MINUTE
# How long an outage is, and how often: a long one tells no more than a short one, but more slowly.
OUTAGES_MS = ((MINUTE, 10 * MINUTE), (10 * MINUTE, 2 * HOUR), (HOUR, 6 * HOUR), (6 * HOUR, DAY))
OUTAGE_WEIGHTS = (10, 7, 2, 1)
BANS_MS = (2 * MINUTE, 20 * MINUTE)
KILLS_MS = (MINUTE, 3 * HOUR)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a world. `failure` is empty where all held.

    `cells` counts in which states orders were when a fault happened; `seconds` are of the
    processor.
    """

    options: Options
    failure: str
    rows: tuple[str, ...]
    trace: str
    days: float
    counts: Counter[str]
    steps: Counter[str]
    cells: Counter[tuple[str, str]]
    protection: Protection
    seconds: float


class BotClock:
    """The bot's clock: the world's, and a constant part of a second beside it."""

    def __init__(self, world: "World", ahead_ms: int) -> None:
        self._world = world
        self._ahead_ms = ahead_ms

    def now_ms(self) -> int:
        """Return the time that the bot reads."""
        return self._world.now + self._ahead_ms

    def sleep_until(self, time_ms: int) -> None:
        """Let time pass."""
        self._world.pass_until(time_ms - self._ahead_ms)


class World:
    """An exchange, a wire and a bot, moved by `run`."""

    def __init__(self, options: Options, folder: Path | None = None) -> None:
        self.options = options
        self.now = START
        self.end = START + options.days * DAY
        self.is_faulty = False
        self.faults: Counter[str] = Counter()
        self.cells: Counter[tuple[str, str]] = Counter()
        self.steps: Counter[str] = Counter()
        self.draw = Random(f"world {options.seed}")  # noqa: S311  # a seeded test, no secret
        self.clock = BotClock(self, options.ahead_ms)
        self._arrivals: list[tuple[int, int, Callable[[], object]]] = []
        self._numbers = count()
        self._out_until = self._banned_until = 0
        self._phase = 0
        self._is_armed = True
        self._build(folder)

    def _build(self, folder: Path | None) -> None:
        options, draw = self.options, self.draw
        self.ground = made = ground(options, draw, START, self.hits)
        self.book = made.book
        self.checker = Checker(
            made.listed(),
            made.opening,
            caps=made.caps(),
            has_stop=bool(made.rules.stop_ppm or made.rules.trailing_ppm),
            ahead_ms=options.ahead_ms,
            lag_ms_max=options.lag_ms_max,
        )
        self.broker = FaultyBroker(
            self.book, self, self.checker, draw, lag_ms_max=options.lag_ms_max
        )
        self.book.witness = ExchangeWitness(self.book, self.broker, self.checker)
        disk = None if folder is None else DiskJournal(folder)
        self.journal = SimulatedJournal(self.checker, self, disk)
        self.life = Life(self)
        self._mishaps = Mishaps(
            self,
            made,
            self.checker,
            Random(f"mishaps of {options.seed}"),  # noqa: S311  # a seeded test, no secret
            {"outages": self._begin_outage, "kills": self._kill, "ban": self._ban},
        )

    # --- what the ports ask of the world --------------------------------------------------------

    def is_armed(self) -> bool:
        """Return whether trading is allowed: the world is the bot's latch."""
        return self._is_armed

    def suspend(self, reason: str) -> None:
        """A bot that has halted itself is started by its owner alone: see `Life`."""

    def hits(self, fault: str) -> bool:
        """Return whether this fault happens now."""
        rate = self.options.faults[fault] if self.is_faulty else 0.0
        if rate and self.draw.random() < rate:
            self.happened(fault)
            return True
        return False

    def happened(self, fault: str) -> None:
        """Count a fault, and in which states it met the orders that are out."""
        self.faults[fault] += 1
        for status in {each.status for each in self.checker.unsettled.values()} or {"none"}:
            self.cells[fault, status] += 1

    def step(self, label: str) -> None:
        """Pass a labelled step of the bot, where it may die; who is dead passes none."""
        self.steps[label] += 1
        is_here = (label, self.steps[label]) == self.options.crash_at
        if self.life.is_dying or is_here or self.hits("crash"):
            self.life.is_dying = True
            raise Crash(label)

    def wait(self, milliseconds: int) -> None:
        """Let time pass while a call is under way."""
        self.checker.protection.calling(self.now, is_calling=True)
        self.pass_until(self.now + milliseconds)
        self.checker.protection.calling(self.now, is_calling=False)

    def later(self, time: int, arrive: Callable[[], object]) -> None:
        """Do something at that time."""
        heapq.heappush(self._arrivals, (time, next(self._numbers), arrive))

    def is_out(self) -> bool:
        """Return whether the exchange is out of reach."""
        return self.now < self._out_until

    def is_banned(self) -> bool:
        """Return whether the exchange refuses whatever we ask."""
        return self.now < self._banned_until

    # --- time -----------------------------------------------------------------------------------

    def pass_until(self, time: int) -> None:
        """Let time pass, and happen what happens until then."""
        while self._arrivals and self._arrivals[0][0] <= time:
            at, _, arrive = heapq.heappop(self._arrivals)
            self._move(at)
            arrive()
        self._move(time)

    def next_arrival(self) -> int | None:
        """Return when something happens next, as far as it is known."""
        return self._arrivals[0][0] if self._arrivals else None

    def _move(self, time: int) -> None:
        if time > self.now:
            self.book.advance_to(time)
            self.now = time

    def run(self) -> None:
        """Live through the whole span. Raises Violation, or whatever the bot died of."""
        options, life = self.options, self.life
        for hours in options.faulty_hours:
            if self.now >= self.end - 2 * options.healed_hours * HOUR:
                break
            healed_at = min(self.now + hours * HOUR, self.end - options.healed_hours * HOUR)
            self._begin_faults(healed_at)
            life.live(healed_at)
            self._heal()
            life.live(self.now + HEALED_MS)
            self._check_healed()
            if self.checker.hands.is_waiting():
                self._ask_the_owner()
            self._check_agreed()
            life.live(self.now + options.healed_hours * HOUR)
            self._check_trading()
        self.journal.close()

    # --- faults ---------------------------------------------------------------------------------

    def _begin_faults(self, until: int) -> None:
        self.is_faulty = True
        self._phase += 1
        self._mishaps.begin(until, (until - self.now) / DAY)

    def _begin_outage(self, until: int) -> bool:
        (span,) = self.draw.choices(OUTAGES_MS, OUTAGE_WEIGHTS)
        length = self.draw.randrange(*span)
        self._out_until = max(self._out_until, self.now + length)
        self.checker.note(self.now, "outage", str(length))
        self.later(self._out_until, self.tell_helpless)
        self.tell_helpless()
        return True

    def _ban(self, until: int) -> bool:
        length = self.draw.randrange(*BANS_MS)
        self._banned_until = max(self._banned_until, self.now + length)
        self.checker.note(self.now, "banned", str(length))
        self.later(self._banned_until, self.tell_helpless)
        self.tell_helpless()
        return True

    def _kill(self, until: int) -> bool:
        self._set_armed(is_armed=False)
        phase = self._phase
        self.later(
            self.now + self.draw.randrange(*KILLS_MS),
            lambda: self._set_armed(is_armed=True) if self._phase == phase else None,
        )
        return True

    def _set_armed(self, *, is_armed: bool) -> None:
        if self._is_armed != is_armed:
            self._is_armed = is_armed
            self.checker.killed(self.now, is_killed=not is_armed)

    def _heal(self) -> None:
        self.checker.note(self.now, "healed")
        self._phase += 1
        self.is_faulty = False
        self._out_until = self._banned_until = 0
        self._mishaps.heal()
        self.broker.stale.heal()
        self._set_armed(is_armed=True)
        self.life.start_soon()
        self.tell_helpless()

    def tell_helpless(self) -> None:
        """Tell the checker whether anybody could help a position now."""
        is_helpless = not self.life.is_alive() or self.is_out() or self.is_banned()
        self.checker.protection.helpless(self.now, is_helpless=is_helpless)

    # --- what must hold when the faults are over ------------------------------------------------

    def _let_it_look(self) -> None:
        """Let the bot ask: what the exchange did since it last asked, it cannot know."""
        for _ in range(3):
            if self.checker.last_change < self.life.last_tick or self.life.is_quiet():
                break
            self.life.live(self.now + CALM_MS)

    def _check_healed(self) -> None:
        self._let_it_look()
        open_ids = {each.client_id for each in self.book.open_orders.values()}
        self.checker.healed(self.now, {each for each in open_ids if is_ours(each)})

    def _ask_the_owner(self) -> None:
        """Let the bot find what others have done, then let its owner say a word to it."""
        self.life.live(self.now + NOTICED_MS)
        self._let_it_look()
        self.checker.hands.must_be_found()
        self.life.stop()
        self.checker.owner_acts(self.now, is_acting=True)
        adopt(self)
        self.checker.owner_acts(self.now, is_acting=False)
        self.life.start_soon()
        self.life.live(self.now + HEALED_MS)
        self._check_healed()

    def _check_agreed(self) -> None:
        self.checker.agreed(self.broker.true_balances())
        self.life.compare()

    def _check_trading(self) -> None:
        latest = self.now - CLOSE_DELAY_MS - CALM_MS - AHEAD_MS_MAX
        for name, closes in self.ground.closes().items():
            known = [each for each in closes if each <= latest]
            self.checker.trading_again(self.now, name, known[-1])


def run_world(options: Options) -> Result:
    """Live through one world; return what became of it."""
    begun = process_time()
    with localcontext(MONEY_CONTEXT), ExitStack() as stack:
        folder = None
        if options.is_on_disk:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="world-")))
        world = World(options, folder)
        failure = ""
        try:
            world.run()
        except Violation as violation:
            failure = str(violation)
        # Whatever else the bot dies of is a finding, not the end of the run.
        except Exception as error:
            failure = f"the bot died of {type(error).__name__}: {error}"
    checker = world.checker
    return Result(
        options=options,
        failure=failure,
        rows=tuple(checker.rows),
        trace=checker.trace(),
        days=(world.now - START) / DAY,
        counts=checker.counts + world.faults,
        steps=world.steps,
        cells=world.cells,
        protection=checker.protection,
        seconds=process_time() - begun,
    )
