"""One world from its seed: a market, an exchange, a faulty wire, and the bot that lives in it.

Law: the bot's code is the production code; only its ports are swapped. Time is virtual and passes
where it passes in life: between wakes and during calls. A crash takes all but the journal.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import localcontext
from itertools import count
from random import Random

from tests.simulation.checker import Checker, Violation
from tests.simulation.faulty_broker import WINDOW_MS, FaultyBroker
from tests.simulation.feed import SimulatedFeed
from tests.simulation.ground import BOT, ground
from tests.simulation.options import DAILY, DAY, HOUR, MINUTE, Options
from tests.simulation.protection import Protection
from tests.simulation.witness import ExchangeWitness, SimulatedJournal, held
from tradebot.engine.risk import namespace
from tradebot.engine.state import State, fold
from tradebot.errors import ExchangeUnavailable, JournalError
from tradebot.model.account import TradingState
from tradebot.model.event import Event, FillBooked
from tradebot.model.money import MONEY_CONTEXT
from tradebot.model.order import RESTING
from tradebot.runtime.session import Session
from tradebot.runtime.trader import CALM_MS, Trader

START = 1_704_067_200_000
CLOSE_DELAY_MS = 1_000
HEALED_MS = 120_000
# A supervisor starts the bot again: at once, after a while, or when somebody has looked.
RESTART_MS = (2_000, 2_000, 30_000, 10 * MINUTE, HOUR)
OUTAGES_MS = ((MINUTE, 10 * MINUTE), (MINUTE, 10 * MINUTE), (10 * MINUTE, 2 * HOUR), (HOUR, DAY))


class Crash(BaseException):
    """The process dies here."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a world. `failure` is empty where all held."""

    options: Options
    failure: str
    rows: tuple[str, ...]
    trace: str
    days: float
    counts: Counter[str]
    steps: Counter[str]
    protection: Protection


class World:
    """An exchange, a wire and a bot, moved by `run`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.now = START
        self.end = START + options.days * DAY
        self.is_faulty = False
        self.faults: Counter[str] = Counter()
        self.steps: Counter[str] = Counter()
        self._draw = Random(f"world {options.seed}")  # noqa: S311  # a seeded test, no secret
        self._arrivals: list[tuple[int, int, Callable[[], object]]] = []
        self._numbers = count()
        self._outage_until = 0
        self._phase = 0
        self._is_armed = True
        self._trader: Trader | None = None
        self._restart_at = 0
        self._last_tick = 0
        self._has_booked = False
        self._is_dead = False
        self._build()

    def _build(self) -> None:
        options, draw = self.options, self._draw
        self.ground = made = ground(options, draw, START, self.hits)
        self.markets, self.book, self._rules = made.markets, made.book, made.rules
        self.checker = Checker(
            made.listed(),
            made.opening,
            positions_max=made.rules.open_positions_max,
            has_stop=bool(made.rules.stop_ppm or made.rules.trailing_ppm),
        )
        self.broker = FaultyBroker(
            self.book, self, self.checker, draw, lag_ms_max=options.lag_ms_max
        )
        self.book.witness = ExchangeWitness(self.book, self.broker, self.checker)
        self.journal = SimulatedJournal(
            self.checker, now=self.now_ms, step=self.step, fails=lambda: self.hits("disk")
        )
        self._feed = SimulatedFeed(
            made.columns, self.broker.read_candles, lambda: self.hits("candles")
        )

    # --- what the ports ask of the world --------------------------------------------------------

    def now_ms(self) -> int:
        """Return the time now: the world is the bot's clock."""
        return self.now

    def sleep_until(self, time_ms: int) -> None:
        """Let time pass."""
        self._pass(time_ms)

    def is_armed(self) -> bool:
        """Return whether trading is allowed: the world is the bot's latch."""
        return self._is_armed

    def hits(self, fault: str) -> bool:
        """Return whether this fault happens now."""
        rate = self.options.faults[fault] if self.is_faulty else 0.0
        if rate and self._draw.random() < rate:
            self.faults[fault] += 1
            return True
        return False

    def step(self, label: str) -> None:
        """Pass a labelled step of the bot, where it may die; who is dead passes none."""
        self.steps[label] += 1
        is_here = (label, self.steps[label]) == self.options.crash_at
        if self._is_dead or is_here or self.hits("crash"):
            self._is_dead = True
            raise Crash(label)

    def wait(self, milliseconds: int) -> None:
        """Let time pass while a call is under way."""
        self.checker.protection.calling(self.now, is_calling=True)
        self._pass(self.now + milliseconds)
        self.checker.protection.calling(self.now, is_calling=False)

    def later(self, time: int, arrive: Callable[[], object]) -> None:
        """Do something at that time."""
        heapq.heappush(self._arrivals, (time, next(self._numbers), arrive))

    def is_out(self) -> bool:
        """Return whether the exchange is out of reach."""
        return self.now < self._outage_until

    # --- time -----------------------------------------------------------------------------------

    def _pass(self, time: int) -> None:
        while self._arrivals and self._arrivals[0][0] <= time:
            at, _, arrive = heapq.heappop(self._arrivals)
            self._move(at)
            arrive()
        self._move(time)

    def _move(self, time: int) -> None:
        if time > self.now:
            self.book.advance_to(time)
            self.now = time

    def run(self) -> None:
        """Live through the whole span. Raises Violation, or whatever the bot died of."""
        for hours in self.options.faulty_hours:
            if self.now >= self.end - 2 * self.options.healed_hours * HOUR:
                break
            healed_at = min(self.now + hours * HOUR, self.end - self.options.healed_hours * HOUR)
            self._begin_faults(healed_at)
            self._live(healed_at)
            self._heal()
            self._live(self.now + HEALED_MS)
            self._check_quiescent()
            self._live(self.now + self.options.healed_hours * HOUR)
            self._check_trading()
        folded = fold(self.journal.events())
        assert folded == self.journal.folded, "a fold is a fold, however it is made"

    def _begin_faults(self, until: int) -> None:
        self.is_faulty = True
        self._phase += 1
        phase, days = self._phase, (until - self.now) / DAY
        for name in DAILY:
            for _ in range(int(self.options.faults[name] * days + self._draw.random())):
                at = self._draw.randrange(self.now, until)
                begin = self._begin_outage if name == "outages" else self._kill
                self.later(at, lambda begin=begin: begin() if self._phase == phase else None)

    def _begin_outage(self) -> None:
        length = self._draw.randrange(*self._draw.choice(OUTAGES_MS))
        self._outage_until = max(self._outage_until, self.now + length)
        self.checker.note(self.now, "outage", str(length))
        self.faults["outages"] += 1
        self.later(self._outage_until, self._tell_helpless)
        self._tell_helpless()

    def _kill(self) -> None:
        self._set_armed(is_armed=False)
        self.faults["kills"] += 1
        phase = self._phase
        self.later(
            self.now + self._draw.randrange(MINUTE, 3 * HOUR),
            lambda: self._set_armed(is_armed=True) if self._phase == phase else None,
        )

    def _set_armed(self, *, is_armed: bool) -> None:
        if self._is_armed != is_armed:
            self._is_armed = is_armed
            self.checker.killed(self.now, is_killed=not is_armed)

    def _heal(self) -> None:
        self.checker.note(self.now, "healed")
        self._phase += 1
        self.is_faulty = False
        self._outage_until = 0
        self._restart_at = min(self._restart_at, self.now)
        self._set_armed(is_armed=True)
        self.broker.heal()
        self._tell_helpless()

    def _tell_helpless(self) -> None:
        is_helpless = self._trader is None or self.is_out()
        self.checker.protection.helpless(self.now, is_helpless=is_helpless)

    # --- the bot's life -------------------------------------------------------------------------

    def _live(self, until: int) -> None:
        """Let the bot live, die and be started again, until then."""
        while self.now < until:
            if self._trader is None:
                if self.now < self._restart_at or not self._is_armed:
                    self._pass(min(until, max(self._restart_at, self.now + CALM_MS)))
                    continue
                self._guarded(self._boot)
                continue
            if self._sleep(until):
                self._guarded(self._tick)

    def _sleep(self, until: int) -> bool:
        """Sleep to the bot's next wake; where nothing changes, to the next one that matters.

        Return whether it wakes by then.
        """
        frame = self.options.timeframe_ms
        close = (self.now - CLOSE_DELAY_MS) // frame * frame + frame + CLOSE_DELAY_MS
        changed = self.checker.last_change
        while self._is_quiet() and self.checker.last_change == changed:
            if self.now >= min(close, until):
                return self.now >= close
            fine = self.options.exchange_ms
            next_time = close if not self.book.open_orders else self.now // fine * fine + fine
            if self._arrivals:
                next_time = min(next_time, max(self._arrivals[0][0], self.now + 1))
            self._pass(min(next_time, close, until))
        assert self._trader is not None
        wake = self._trader.wake_after(self.now)
        wake = min(wake, close) if close > self.now else wake
        self._pass(min(wake, until))
        return self.now >= wake

    def _is_quiet(self) -> bool:
        """Return whether a wake now would find nothing to do: all rests as the books say."""
        assert self._trader is not None
        if not self._is_armed or self._feed.is_behind(self.now) or not self.broker.is_current():
            return False
        state = self._trader.session.state
        if state.locks or self._trader.session.is_urgent():
            return False
        for market in self.markets:
            if not self.checker.protection.is_covered(market.name):
                return False
        for order in state.orders.unsettled.values():
            number = self.book.by_client_id.get(order.id)
            there = None if number is None else self.book.open_orders.get(number)
            if order.status not in RESTING or there is None:
                return False
            scale = self.ground.scales[order.market]
            if scale.quantity_decimal(there.executed) != order.filled:
                return False
        return True

    def _boot(self) -> None:
        """Start the bot as production does: fold, settle, protect, decide the newest candle."""
        self.checker.note(self.now, "boot")
        session = Session(
            self.journal.folded,
            rules=self._rules,
            broker=self.broker,
            journal=self.journal,
            clock=self,
            latch=self,
            tokens=self.broker.tokens,
            tell=self._heard,
            window_ms=WINDOW_MS,
        )
        if session.state.started is None:
            session.record([self.ground.started(self.now)])
        trader = Trader(session, self._feed, timeframe_ms=self.options.timeframe_ms)  # type: ignore[arg-type]  # stands where the bot's feed does
        session.reactivate("resumed")
        self._last_tick = self.now
        trader.start(self.now)
        self._trader = trader
        self._tell_helpless()

    def _tick(self) -> None:
        assert self._trader is not None
        self._last_tick = self.now
        try:
            self._trader.tick(self.now)
        finally:
            if not self._is_dead:
                self.checker.in_time(self.now)
        session = self._trader.session
        if not self._is_armed:
            session.halt("the emergency stop is latched")
        if session.state.trading is TradingState.HALTED:
            self._die(CALM_MS, "stopped")

    def _guarded(self, act: Callable[[], None]) -> None:
        is_start = self._trader is None
        try:
            act()
        except Crash as crash:
            self._die(self._draw.choice(RESTART_MS), f"crash {crash}")
        except JournalError:
            self._die(self._draw.choice(RESTART_MS), "disk")
        except ExchangeUnavailable:
            # A start ends there, and the supervisor tries again; a tick waits for the next wake.
            if is_start:
                self._die(5_000, "unreachable")
        if self._has_booked:
            self._has_booked = False
            self._compare()

    def _die(self, restart_ms: int, why: str) -> None:
        self.checker.note(self.now, "dead", why)
        self._is_dead = False
        self._trader = None
        self._restart_at = self.now + (restart_ms if self.is_faulty else 1_000)
        self._tell_helpless()

    def _heard(self, event: Event, state: State) -> None:
        if isinstance(event, FillBooked):
            self._has_booked = True

    def _compare(self) -> None:
        """Hold what the bot believes against its journal."""
        if self._trader is None:
            return
        state = self._trader.session.state
        for market in self.markets:
            self.checker.claimed(market.name, held(state, market.name), state.balances)

    # --- what must hold when the faults are over ------------------------------------------------

    def _check_quiescent(self) -> None:
        for _ in range(3):
            # What the exchange did since the bot last asked, the bot cannot know.
            if self.checker.last_change < self._last_tick or self._is_quiet():
                break
            self._live(self.now + CALM_MS)
        open_ids = {each.client_id for each in self.book.open_orders.values()}
        prefix = namespace(BOT)
        assert all(each.startswith(prefix) for each in open_ids), "all orders here are ours"
        self.checker.quiescent(self.now, self.broker._inner.balances(), open_ids)
        self._compare()

    def _check_trading(self) -> None:
        for name, closes in self.ground.closes().items():
            known = [each for each in closes if each <= self.now - CLOSE_DELAY_MS - CALM_MS]
            self.checker.trading_again(self.now, name, known[-1])


def run_world(options: Options) -> Result:
    """Live through one world; return what became of it."""
    with localcontext(MONEY_CONTEXT):
        world = World(options)
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
        protection=checker.protection,
    )
