"""The bot's life in a world: it is started, wakes, dies, and is started again.

Law: it is put together as production puts it together, and what outlives it is its journal alone.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.simulation.faulty_broker import WINDOW_MS
from tests.simulation.feed import SimulatedFeed
from tests.simulation.options import HOUR, MINUTE
from tests.simulation.witness import held
from tradebot.engine.state import State
from tradebot.errors import BooksDisagree, ExchangeUnavailable, JournalError
from tradebot.model.event import Event, FillBooked
from tradebot.model.order import RESTING
from tradebot.runtime.reconciling import Reconciler
from tradebot.runtime.session import Session
from tradebot.runtime.trader import CALM_MS, Trader

if TYPE_CHECKING:
    from tests.simulation.world import World

CLOSE_DELAY_MS = 1_000
# The configuration's own numbers.
RECONCILE_MS, REQUESTS_MAX = 300_000, 50
# A supervisor starts the bot again: at once, after a while, or when somebody has looked.
RESTART_MS = (2_000, 2_000, 30_000, 10 * MINUTE, HOUR)
# Where the exchange cannot be reached: soon, then ever more rarely.
RETRY_MS_MIN, RETRY_MS_MAX = 5_000, 5 * MINUTE
# After so many wakes without an answer one more tells nothing, until the exchange is back.
FAILED_ENOUGH = 5


class Crash(BaseException):
    """The process dies here."""


class Life:
    """The lives of one bot, one after the other."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._trader: Trader | None = None
        self._restart_at = 0
        self._retry_ms = RETRY_MS_MIN
        self._is_for_owner = False
        self._has_booked = False
        # How many wakes in a row the exchange did not answer.
        self._failed = 0
        self.is_dying = False
        self.last_tick = 0
        self._feed = SimulatedFeed(
            world.ground.columns, world.broker.read_candles, lambda: world.hits("candles")
        )

    def is_alive(self) -> bool:
        """Return whether the bot runs."""
        return self._trader is not None

    def start_soon(self) -> None:
        """Let the bot be started now, if it does not run: somebody has seen to it."""
        self._restart_at = min(self._restart_at, self._world.now)
        self._retry_ms = RETRY_MS_MIN
        self._is_for_owner = False

    def stop(self) -> None:
        """Stop the bot in good order."""
        if self._trader is not None:
            self._die(0, "stopped by the owner")

    # --- waking and sleeping --------------------------------------------------------------------

    def live(self, until: int) -> None:
        """Let the bot live, die and be started again, until then."""
        world = self._world
        while world.now < until:
            if self._trader is None:
                if world.now < self._restart_at or not world.is_armed() or self._is_for_owner:
                    world.pass_until(min(until, max(self._restart_at, world.now + CALM_MS)))
                    continue
                self.guarded(self._boot)
                continue
            if self._sleep(until):
                self.guarded(self._tick)

    def _sleep(self, until: int) -> bool:
        """Sleep to the bot's next wake; where nothing changes, to the next one that matters.

        Return whether it wakes by then.
        """
        world, options = self._world, self._world.options
        ahead, frame, fine = options.ahead_ms, options.timeframe_ms, options.exchange_ms
        close = (world.now + ahead - CLOSE_DELAY_MS) // frame * frame + frame
        close += CLOSE_DELAY_MS - ahead
        changed = world.checker.last_change
        while self.is_quiet() and world.checker.last_change == changed and world.now < until:
            next_time = close if not world.book.open_orders else world.now // fine * fine + fine
            arrival = world.next_arrival()
            if arrival is not None:
                next_time = min(next_time, max(arrival, world.now + 1))
            world.pass_until(min(next_time, close, until))
            if world.now >= min(close, until):
                return world.now >= close
        assert self._trader is not None
        wake = self._trader.wake_after(world.clock.now_ms()) - ahead
        wake = min(wake, close) if close > world.now else wake
        world.pass_until(min(wake, until))
        return world.now >= wake

    def is_quiet(self) -> bool:
        """Return whether a wake now would find nothing to do: all rests as the books say."""
        world, checker = self._world, self._world.checker
        if self._trader is None or not world.is_armed() or not world.broker.stale.is_current():
            return False
        session = self._trader.session
        if session.is_urgent():
            return False
        if self._failed >= FAILED_ENOUGH and (world.is_out() or world.is_banned()):
            return True
        if self._feed.is_behind(world.clock.now_ms()):
            return False
        if any(cause != "reconcile" for _, cause in session.state.locks):
            return False
        if checker.hands.unfound() or checker.owed():
            return False
        if not all(checker.protection.is_covered(name) for name in checker.markets):
            return False
        for order in session.state.orders.unsettled.values():
            number = world.book.by_client_id.get(order.id)
            there = None if number is None else world.book.open_orders.get(number)
            if order.status not in RESTING or there is None:
                return False
            scale = world.ground.scales[order.market]
            if scale.quantity_decimal(there.executed) != order.filled:
                return False
        return True

    # --- one life -------------------------------------------------------------------------------

    def session(self) -> Session:
        """Return a session over what the journal holds, as every start makes it."""
        world = self._world
        session = Session(
            world.journal.reopened(),
            rules=world.ground.rules,
            broker=world.broker,
            journal=world.journal,
            clock=world.clock,
            latch=world,
            tokens=world.broker.tokens,
            tell=self._heard,
            window_ms=WINDOW_MS,
        )
        if session.state.started is None:
            session.record([world.ground.started(world.clock.now_ms())])
        return session

    def reconciler(self, session: Session) -> Reconciler:
        """Return what compares its books with the exchange."""
        world = self._world
        return Reconciler(
            session,
            world.broker,
            world.clock,
            history=world.journal.of_order,
            every_ms=RECONCILE_MS,
            requests_max=REQUESTS_MAX,
        )

    def _boot(self) -> None:
        """Start the bot as production does: fold, settle, compare, protect, decide the newest."""
        world = self._world
        world.checker.booted(world.now)
        session = self.session()
        trader = Trader(
            session,
            self._feed,  # type: ignore[arg-type]  # stands where the bot's feed does
            timeframe_ms=world.options.timeframe_ms,
            reconciler=self.reconciler(session),
        )
        session.reactivate("resumed")
        self.last_tick = world.now
        trader.start(world.clock.now_ms())
        self._trader = trader
        self._retry_ms = RETRY_MS_MIN
        world.tell_helpless()

    def _tick(self) -> None:
        world, trader = self._world, self._trader
        assert trader is not None
        self.last_tick = world.now
        try:
            trader.tick(world.clock.now_ms())
        finally:
            if not self.is_dying:
                world.checker.in_time(world.now)
        if not world.is_armed():
            trader.session.halt("the emergency stop is latched")
        if trader.session.is_over():
            # By the latch it is started once that is lifted; by anything else only by its owner.
            self._is_for_owner = world.is_armed()
            self._die(CALM_MS, "stopped")

    def guarded(self, act: Callable[[], object]) -> None:
        """Do something that the bot may die of."""
        draw, is_start = self._world.draw, self._trader is None
        try:
            act()
        except Crash as crash:
            self._die(draw.choice(RESTART_MS), f"crash {crash}")
        except JournalError:
            self._die(draw.choice(RESTART_MS), "disk")
        except BooksDisagree as error:
            self._is_for_owner = True
            self._die(0, error.message)
        except ExchangeUnavailable:
            self._failed += 1
            # A start ends there, and the supervisor tries again; a tick waits for the next wake.
            if is_start:
                self._die(self._retry_ms, "unreachable")
                self._retry_ms = min(2 * self._retry_ms, RETRY_MS_MAX)
        else:
            self._failed = 0
        if self._has_booked:
            self._has_booked = False
            self.compare()

    def _die(self, restart_ms: int, why: str) -> None:
        world = self._world
        world.checker.note(world.now, "dead", why)
        self.is_dying = False
        self._trader = None
        self._restart_at = world.now + (restart_ms if world.is_faulty else 1_000)
        world.tell_helpless()

    def _heard(self, event: Event, state: State) -> None:
        self._world.checker.told()
        if isinstance(event, FillBooked):
            self._has_booked = True

    def compare(self) -> None:
        """Hold what the bot believes against its journal."""
        if self._trader is None:
            return
        state = self._trader.session.state
        for market in self._world.checker.markets:
            self._world.checker.coins.claimed(market, held(state, market), state.balances)
