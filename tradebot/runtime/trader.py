"""The trading loop's body: settle, read what closed, step; and the one way to start.

Law: a tick asks which closed candles are undecided, never whether a timer fired: a missed wake
loses nothing, and a candle is decided once.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from tradebot.engine.closing import cancelled, entries_resting
from tradebot.engine.controls.refusal import Outside
from tradebot.errors import BooksDisagree, ExchangeUnavailable
from tradebot.model.account import TradingState
from tradebot.model.market import Candle
from tradebot.runtime.clock_watch import ClockWatch
from tradebot.runtime.dead_man import DeadMan
from tradebot.runtime.feed import Feed, Reading
from tradebot.runtime.key_checks import KeyWatch
from tradebot.runtime.reconciling import Reconciler
from tradebot.runtime.session import Session

# How soon the bot wakes again between candles: where all is well, and where it is not.
CALM_MS, BLIND_MS, URGENT_MS = 10_000, 5_000, 2_000
# The exchange's delay and ours: on the shortest candles half of one would always be too late.
FRESH_MS_MIN = 3_000


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one tick did: the close times it decided, and those it found too late to trade."""

    decided: tuple[int, ...] = ()
    missed: tuple[int, ...] = ()


class Trader:
    """A session, the feed it lives on, and what holds its books to the exchange."""

    def __init__(
        self,
        session: Session,
        feed: Feed,
        *,
        timeframe_ms: int,
        reconciler: Reconciler | None = None,
        dead_man: DeadMan | None = None,
        clock_watch: ClockWatch | None = None,
        key_watch: KeyWatch | None = None,
    ) -> None:
        self.session = session
        self._feed = feed
        self._reconciler = reconciler
        self._dead_man = dead_man
        self._clock_watch = clock_watch
        self._key_watch = key_watch
        self._timeframe_ms = timeframe_ms
        # Does what a person commands; whoever assembles a bot that can be commanded sets it.
        self.heed: Callable[[], None] = lambda: None
        # A read failed between taking candles in and having decided them all.
        self._is_unfinished = False

    def start(self, now_ms: int) -> None:
        """Fetch history, settle what was out, compare, and decide the newest candle again.

        The same path serves a first start, a restart and a crash; after an orderly stop it changes
        nothing. Raises ExchangeUnavailable, and BooksDisagree where nothing may be traded.
        """
        known = self.session.state.feed
        self._feed.begin(known.latest or now_ms, known.closed_at)
        self.session.settle(before_stops=self._switch)
        if self._key_watch is not None:
            self._key_watch.begin()
        if self._reconciler is not None:
            try:
                now_ms = max(now_ms, self._reconciler.start())
            except BooksDisagree:
                self.session.protect()
                raise
        # A crash may have come between a fill and its stop.
        self.session.protect()
        self.heed()
        self._end_entries()
        self._decide_latest(now_ms)
        self._switch()

    def _end_entries(self) -> None:
        """Cancel what rests and could buy, where only exits are let through: a pause may be new."""
        state = self.session.state
        if state.trading is not TradingState.REDUCING:
            return
        for order in entries_resting(state):
            with suppress(ExchangeUnavailable):
                cancel = partial(cancelled, order_id=order.id, reason="only exits are let through")
                self.session.pursue(cancel)

    def _decide_latest(self, now_ms: int) -> None:
        """Decide the newest candle again, if it is fresh: nothing is done for it twice."""
        state = self.session.state
        latest = state.feed.latest
        if state.started is None or not latest or now_ms - latest > self._fresh_ms:
            return
        exposures = state.feed.exposures
        self._call_off()
        for reading, is_contiguous in self._feed.last_readings(latest, since_ms=state.started.at):
            self.session.decide(
                reading.market,
                reading.candle,
                exposures.get(reading.market),
                is_contiguous=is_contiguous,
                why="; ".join(reading.signal.reasons),
            )

    def tick(self, now_ms: int) -> Ticked:
        """Settle what is out, then decide every candle that has closed and is undecided.

        Raises ExchangeUnavailable; what was not read, or not decided for that, is by the next tick.
        """
        try:
            unread = self._settled()
            # Comparing takes seconds, in which the price of a signal moves on: it comes after,
            # unless nobody knows what has happened meanwhile.
            is_first = self._reconciler is not None and self._reconciler.is_lost
            failed = self._compare(now_ms) if is_first else None
            self._look_outside()
            ticked = self._decide_closed(now_ms)
            if not is_first:
                failed = self._compare(now_ms)
        except ExchangeUnavailable:
            if self._reconciler is not None:
                self._reconciler.lost()
            raise
        if self._key_watch is not None:
            # Last of all: an exit never waits for it.
            self._key_watch.look()
        failed = failed or unread
        if failed is not None:
            raise failed
        return ticked

    def _look_outside(self) -> None:
        """Tell the gate of what the books cannot show: a lost exchange, a clock gone wrong."""
        if self._clock_watch is not None:
            self._clock_watch.look()
        self.session.hear_outside(
            Outside(
                is_reconciled=self._reconciler is None or not self._reconciler.is_lost,
                skew_ms=0 if self._clock_watch is None else self._clock_watch.skew_ms,
            )
        )

    def _settled(self) -> ExchangeUnavailable | None:
        """Settle what is out; return why an order could not be asked about.

        One such order keeps no other market from being decided. Raises ExchangeUnavailable where
        nothing was answered.
        """
        try:
            self.session.settle(before_stops=self._switch)
        except ExchangeUnavailable as error:
            if not self.session.is_reached():
                raise
            return error
        return None

    def _compare(self, now_ms: int) -> ExchangeUnavailable | None:
        """Compare books and exchange where it is time to; return why that could not be."""
        if self._reconciler is None:
            return None
        before = self.session.state
        try:
            # What cannot be sold may not be there.
            is_urgent = self.session.is_urgent() or self.session.is_late()
            self._reconciler.tick(now_ms, is_urgent=is_urgent)
        except ExchangeUnavailable as error:
            return error  # Exits must not wait for it: it is told when they are done.
        if self.session.state is not before:
            self.session.protect()  # What is left of a position is guarded anew.
        return None

    def _switch(self) -> None:
        """Arm the dead man's switch, or call it off, as the books ask for."""
        if self._dead_man is not None:
            self._dead_man.update(self.session.state)

    def _call_off(self) -> None:
        """Call the dead man's switch off: what is bought now is guarded at once, by a stop."""
        if self._dead_man is not None:
            self._dead_man.call_off()

    def _decide_closed(self, now_ms: int) -> Ticked:
        if self._is_unfinished:
            self._decide_latest(now_ms)
            self._is_unfinished = False
        groups = self._feed.refresh(now_ms)
        decided: list[int] = []
        missed: list[int] = []
        for closed_at, readings in groups.items():
            is_missed = closed_at < max(groups) or now_ms - closed_at > self._fresh_ms
            (missed if is_missed else decided).append(closed_at)
            self._is_unfinished = True
            self._step(closed_at, readings, is_missed)
            self._is_unfinished = False
        self.session.informed(now_ms)
        self._switch()
        return Ticked(tuple(decided), tuple(missed))

    def wake_after(self, now_ms: int, calm_ms: int = CALM_MS) -> int:
        """Return when to tick again, candle or not: soon where all is not well, or not known."""
        if self.session.is_urgent():
            return now_ms + min(calm_ms, URGENT_MS)
        return now_ms + (min(calm_ms, BLIND_MS) if self.session.is_blind() else calm_ms)

    @property
    def _fresh_ms(self) -> int:
        # Half a candle late, the price that the signal saw is no longer the price we would pay.
        return max(self._timeframe_ms // 2, FRESH_MS_MIN)

    def _step(self, closed_at: int, readings: list[Reading], is_missed: bool) -> None:
        candles: dict[str, Candle] = {}
        exposures: dict[str, int | None] = {}
        why: dict[str, str] = {}
        for reading in readings:
            candles[reading.market] = reading.candle
            exposures[reading.market] = reading.signal.exposure_ppm
            why[reading.market] = "; ".join(reading.signal.reasons)
        self._call_off()
        self.session.step(closed_at, candles, exposures, missed=is_missed, why=why)
