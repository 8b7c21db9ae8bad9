"""The Session carries out what the engine decides: on disk, on the wire, then tell.

Law: an order is on disk before it is on the wire, and its answer is on disk before anybody is told.
The same Session runs live, on a testnet, in the sandbox and in a backtest.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial

from tradebot.adapters.gate_tokens import GateTokens
from tradebot.engine.apply import apply
from tradebot.engine.controls.losses import is_reached, newly_tripped
from tradebot.engine.controls.refusal import ALL_WELL, Outside
from tradebot.engine.decide import decide
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.engine.track import Marks, Track
from tradebot.errors import ExchangeUnavailable
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.market import Candle
from tradebot.ports import Broker, Clock, Journal, Latch
from tradebot.runtime.carrying import Carrier
from tradebot.runtime.guarding import Ask, Guard, resting_rules
from tradebot.runtime.settling import Settler

# Cancel, sell, protect: three rounds settle a market; more means that we go in circles.
ROUNDS_MAX = 8
# Sales by which one position is ended; a position of more pieces is ended by the next stop.
PIECES_MAX = 50

Listener = Callable[[ev.Event, State], None]


class Session:
    """One bot at work on one account: state, and the doors through which it acts."""

    def __init__(
        self,
        state: State,
        *,
        rules: Rules,
        broker: Broker,
        journal: Journal,
        clock: Clock,
        latch: Latch,
        tokens: GateTokens,
        tell: Listener,
        window_ms: int = 0,
    ) -> None:
        self.state = state
        self._rules = resting_rules(rules, has_oco=broker.has_oco)
        self._broker = broker
        self.journal = journal
        self._clock = clock
        self._latch = latch
        self._tell = tell
        self.outside = ALL_WELL
        # What the limits on losses were last judged by.
        self._judged: tuple[Marks | None, Track | None] = (None, None)
        self._gap = replace(ALL_WELL, is_contiguous=False)
        self._settler = Settler(self, broker, clock)
        self._carrier = Carrier(
            self,
            broker=broker,
            clock=clock,
            latch=latch,
            tokens=tokens,
            settler=self._settler,
            window_ms=window_ms,
            rules=self._rules,
        )
        self._guard = Guard(self, rules=rules, broker=broker, clock=clock)

    # --- the books ------------------------------------------------------------------------------

    def record(self, events: Sequence[ev.Event]) -> None:
        """Make events durable, apply them, then tell. Raises JournalError before anything else."""
        if not events:
            return
        # Applied before they are written: what contradicts the books must not poison the journal,
        # where every restart would meet it.
        state = self.state
        told: list[tuple[ev.Event, State]] = []
        for event in events:
            state = apply(state, event)
            told.append((event, state))
        self.journal.append(events)
        self.state = state
        for event, after in told:
            self._guard.hear(event, after)
        for event, after in told:
            self._tell(event, after)

    # --- one candle -----------------------------------------------------------------------------

    def step(
        self,
        closed_at: int,
        candles: Mapping[str, Candle],
        exposures: Mapping[str, int | None],
        *,
        missed: bool = False,
        why: Mapping[str, str] | None = None,
    ) -> None:
        """Put the candles that closed at `closed_at` before the engine and carry out its decisions.

        `exposures` in ppm by market, None to hold. `missed` candles are recorded, not traded.
        """
        contiguous = self._take_in(closed_at, candles, exposures, missed)
        if missed:
            return
        failed: ExchangeUnavailable | None = None
        for name in sorted(candles):
            try:
                self.decide(
                    name,
                    candles[name],
                    exposures[name],
                    is_contiguous=contiguous[name],
                    why="" if why is None else why.get(name, ""),
                )
            except ExchangeUnavailable as error:
                failed = error  # It keeps no other market from its decision.
        if failed is not None:
            raise failed

    def _take_in(
        self,
        closed_at: int,
        candles: Mapping[str, Candle],
        exposures: Mapping[str, int | None],
        missed: bool,
    ) -> dict[str, bool]:
        """Record the candles, and what they trip: that keeps their own entries out, too.

        Return of each market whether the candle before this one was decided.
        """
        previous, scales, now = self.state.feed.closed_at, self.state.scales, self._clock.now_ms()
        contiguous = {
            name: previous.get(name, candle.opened_at) == candle.opened_at
            for name, candle in candles.items()
        }
        closes = {name: scales[name].price_decimal(each.close) for name, each in candles.items()}
        closed = ev.CandlesClosed(
            at=now, closed_at=closed_at, closes=closes, exposures=dict(exposures), missed=missed
        )
        self.record([closed])
        marks, track = self.state.marks, self.state.track
        # While neither has changed, what was not reached is not reached.
        if marks is not self._judged[0] or track is not self._judged[1]:
            self._judged = marks, track
            if is_reached(self.state, self._rules):
                self.record(newly_tripped(self.state, self._rules, at=now))
        return contiguous

    def hear_outside(self, outside: Outside) -> None:
        """Hear how the world is that the books cannot see, from now on."""
        if outside != self.outside:
            self.outside, self._gap = outside, replace(outside, is_contiguous=False)

    def decide(
        self,
        market: str,
        candle: Candle,
        exposure_ppm: int | None,
        *,
        is_contiguous: bool = True,
        why: str = "",
    ) -> None:
        """Ask the engine about one market until it asks for nothing more."""
        ask = partial(
            decide,
            market=market,
            candle=candle,
            exposure_ppm=exposure_ppm,
            rules=self._rules,
            outside=self.outside if is_contiguous else self._gap,
            why=why,
        )
        self.pursue(ask)

    def pursue(self, ask: Ask) -> None:
        """Carry out what `ask` asks for, until it asks for nothing more."""
        for _ in range(ROUNDS_MAX):
            actions = ask(self.state)
            if not actions:
                return
            # Two carried out, one not: what was not is asked for again at the next candle.
            if not all([self._carrier.carry_out(action) for action in actions]):
                return

    # --- orders that are out --------------------------------------------------------------------

    def settle(self, *, before_stops: Callable[[], None] = lambda: None) -> None:
        """Ask about every unsettled order, book what happened, and protect what was filled.

        `before_stops` is called in between. Raises ExchangeUnavailable when the exchange cannot be
        asked.
        """
        self._guard.page_late()
        is_answered = False
        try:
            self._settler.settle()
            is_answered = True
        finally:
            self._guard.asked(is_answered=is_answered, is_reached=self._settler.is_reached)
            before_stops()
            # Also after a failed read: what was filled must not wait for the next one.
            self.protect()

    def protect(self) -> None:
        """Guard or sell what has no stop, and call the owner where neither can be had."""
        self._guard.watch()

    def is_urgent(self) -> bool:
        """Return whether a position is bare or an order in doubt, so that wakes must come soon."""
        return self._guard.is_urgent()

    def is_reached(self) -> bool:
        """Return whether the exchange answered of our orders, though perhaps not of each one."""
        return self._settler.is_reached

    def is_late(self) -> bool:
        """Return whether a sale that a signal asked for was not carried out yet."""
        return self._guard.is_late()

    def is_blind(self) -> bool:
        """Return whether the exchange did not answer when it was last asked of our orders."""
        return self._guard.is_blind()

    def informed(self, now_ms: int) -> None:
        """Hear that every candle which had closed by now, and is there, was put before us."""
        self._guard.informed_at = now_ms

    def settle_only(self) -> None:
        """Book what happened to unsettled orders, and act on none of it. Raises as `settle`."""
        self._settler.settle()

    def open_orders(self) -> list[str]:
        """Return the ids of our orders that the exchange says are open.

        Raises ExchangeUnavailable.
        """
        return sorted(self._broker.open_order_filled())

    def exchange_balances(self) -> Mapping[str, Decimal]:
        """Return what the exchange says the account holds. Raises ExchangeUnavailable."""
        return self._broker.balances()

    def last_price(self, market: str) -> Decimal:
        """Return the price of a market's last trade. Raises ExchangeUnavailable."""
        return self._broker.last_price(market)

    # --- stopping -------------------------------------------------------------------------------

    def cancel_all(self, reason: str) -> None:
        """Cancel every resting order of ours; what does not end stays unsettled, to be seen."""
        self._carrier.cancel_all(reason)

    def leave(self) -> bool:
        """Cancel the entries that rest and guard what is held; return whether all of that is done.

        Nobody watches from now on: no exit that is late begins here.
        """
        if not self.is_armed():
            return True
        self._guard.is_leaving = True
        with suppress(ExchangeUnavailable):
            self._settler.settle()
        self._carrier.cancel_entries("the bot stops")
        with suppress(ExchangeUnavailable):
            self.protect()
        return self._guard.may_leave()

    def page_left(self) -> None:
        """Call the owner for what is left without its stop, but by the emergency stop's doing."""
        if self.is_armed():
            self._guard.page_left()

    def cancel_own(self) -> None:
        """Cancel what the exchange still shows of ours, whether the journal knows it or not."""
        self._broker.cancel_own()
        self.settle_only()

    def is_armed(self) -> bool:
        """Return whether the emergency stop lets us trade."""
        return self._latch.is_armed()

    def halt(self, reason: str) -> None:
        """Set trading to HALTED; only a person lifts it."""
        self.suspend(reason)
        self._set_trading(TradingState.HALTED, reason)
        self._carrier.cancel_entries(reason)

    def suspend(self, reason: str) -> None:
        """Let no bot start until a person resumes: also after a death in the middle of a halt."""
        if self.is_armed() and self.state.trading is not TradingState.HALTED:
            self._latch.suspend(reason)

    def is_over(self) -> bool:
        """Return whether a halted bot has nothing left to do: no position of its waits for a stop.

        The emergency stop ends it at once: what is cancelled then is meant to be.
        """
        if self.state.trading is not TradingState.HALTED:
            return False
        return not self.is_armed() or not self._guard.is_wanted()

    def reactivate(self, reason: str) -> None:
        """Set trading to ACTIVE where it was halted: a person has lifted that.

        What only reduces, by a person's word or a tripped limit, waits for a word of its own.
        """
        if self.state.trading is not TradingState.HALTED:
            return
        now, paused = self._clock.now_ms(), self.state.commands.paused
        words = [(TradingState.ACTIVE, reason)]
        words += [(TradingState.REDUCING, paused)] if paused else []
        # One append: no death comes between the lifted halt and the pause that stays.
        self.record([ev.TradingStateChanged(at=now, state=each, reason=why) for each, why in words])

    def _set_trading(self, trading: TradingState, reason: str) -> None:
        if self.state.trading is not trading:
            now = self._clock.now_ms()
            self.record([ev.TradingStateChanged(at=now, state=trading, reason=reason)])
