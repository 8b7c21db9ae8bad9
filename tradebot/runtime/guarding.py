"""How long a position may stand without its stop: protected, else sold, else the owner is called.

Law: what is in doubt is resolved by evidence before anything is sold beside it, and no clock waits
for that: after `PAGE_MS` without a stop the owner is called and the market takes no entries.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Protocol

from tradebot.engine.actions import Action
from tradebot.engine.exits import stop_level, target_level
from tradebot.engine.protect import (
    LATE_EXIT,
    is_bare,
    is_under_way,
    lacks_target,
    protect,
    sell_out,
)
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.engine.unprotected import Watch, watched
from tradebot.engine.valuation import is_held
from tradebot.errors import ExchangeUnavailable
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.money import plain
from tradebot.model.order import IN_DOUBT, Leg, OrderKind
from tradebot.ports import Broker, Clock, Journal
from tradebot.runtime.settling import Books

# PROTECTING: so long after its first fill, or after it lost its stop, a position is given one.
PROTECTING_MS = 10_000
# EXITING: so much longer it is sold at the market; selling and protecting take turns.
EXITING_MS = 30_000
# From then on the owner knows, and tries go on for ever, ever more rarely.
PAGE_MS = PROTECTING_MS + EXITING_MS
BACKOFF_MS_MIN, BACKOFF_MS_MAX = 10_000, 60_000
# A market order of an exchange that trades fills at once, a cancel ends its order at once, a read
# that failed works soon again: what is not done after this has other reasons, and waits for them.
AT_ONCE_MS = 60_000
CAUSE = "protection"

Ask = Callable[[State], tuple[Action, ...]]


class Actor(Books, Protocol):
    """Who keeps the state and carries out what is asked for: the Session."""

    journal: Journal

    def is_armed(self) -> bool:
        """Return whether the emergency stop lets orders leave."""
        ...

    def pursue(self, ask: Ask) -> None:
        """Carry out what `ask` asks for until it asks for nothing more."""
        ...


@dataclass(slots=True)
class _Bare:
    """A position without its stop: what was tried last, and when to try again once it is late."""

    since: int | None
    is_tried: bool = False
    was_protecting: bool = False
    due: int = 0
    wait: int = 0


def resting_rules(rules: Rules, *, has_oco: bool) -> Rules:
    """Return the rules of what rests at the exchange: without OCO it is the stop alone."""
    return rules if has_oco else replace(rules, target_ppm=0)


class Guard:
    """The clock of every position that has no stop, and the eye on the price meanwhile."""

    def __init__(self, session: Actor, *, rules: Rules, broker: Broker, clock: Clock) -> None:
        self._session = session
        self._wanted = rules
        self._resting = resting_rules(rules, has_oco=broker.has_oco)
        # Beside a stop the target rests with it, in one OCO.
        has_stop = bool(rules.stop_ppm or rules.trailing_ppm)
        self._is_seeking = bool(rules.target_ppm) and not (has_stop and broker.has_oco)
        self._broker = broker
        self._clock = clock
        self._bare: dict[str, _Bare] = {}
        # A bot that was not there could do nothing: its phases begin with its life.
        self._begun = clock.now_ms()
        self._watch = Watch()
        # A restart has not heard the events before it: they are read once, if they are needed.
        self._has_heard_all = session.state.started is None
        # When the cancel of an order was sent, until its end is booked.
        self._cancels: dict[str, int] = {}
        # Of exits that are late: when to try again, and how long that was put off.
        self._late: dict[str, tuple[int, int]] = {}
        # When the candles were last asked for, and all that came was heard.
        self.informed_at = 0
        # An orderly stop: what is held is guarded, and no sale begins that nobody would see end.
        self.is_leaving = False
        # Since when the exchange could not be asked about our orders.
        self._blind_since: int | None = None

    def hear(self, event: ev.Event, state: State) -> None:
        """Take in what has just been recorded."""
        self._watch.hear(event, state)
        if self._watch.closed:
            self._watch.closed.clear()  # The report has use for them, a clock has none.
        if isinstance(event, ev.CancelSent):
            self._cancels[event.order_id] = event.at
        if isinstance(event, ev.PositionAdjusted):
            # What was refused was of coins that had gone: what is left of them waits for no turn.
            self._bare.pop(event.market, None)
            self._late.pop(event.market, None)

    def asked(self, *, is_answered: bool, is_reached: bool) -> None:
        """Hear whether the exchange answered all that was asked of our orders, or anything."""
        if is_answered:
            self._blind_since = None
        elif is_reached or self._blind_since is None:
            self._blind_since = self._clock.now_ms()

    def is_urgent(self) -> bool:
        """Return whether to look again soon: bare positions, late exits, orders in doubt."""
        state, now = self._session.state, self._clock.now_ms()
        if self._blind_since is not None and now - self._blind_since < AT_ONCE_MS:
            return True
        waiting = set()
        for order in state.orders.unsettled.values():
            is_market = order.kind is OrderKind.MARKET
            asked_at = order.sent_at if is_market else self._cancels.get(order.id, 0)
            if order.status in IN_DOUBT or now - asked_at < AT_ONCE_MS:
                return True
            if is_market:
                waiting.add(order.market)
        return any(market not in waiting for market in self._bare_markets())

    def is_late(self) -> bool:
        """Return whether a sale that a signal asked for was not carried out yet."""
        return bool(self._late)

    def is_blind(self) -> bool:
        """Return whether the exchange did not answer when it was last asked of our orders."""
        return self._blind_since is not None

    # --- one look -------------------------------------------------------------------------------

    def page_late(self) -> None:
        """Call the owner where a bare position is late: before anything that may take its time."""
        for market, bare in self._bare.items():
            if bare.is_tried and is_bare(self._session.state, market, self._resting):
                self._page(market)

    def watch(self) -> None:
        """Protect what is bare, or sell it; tell what is late, and what is no longer."""
        if self._session.state.trading is TradingState.HALTED:
            self._guard_halted()
            return
        failed: list[ExchangeUnavailable] = []
        if self._session.state.feed.unwanted and not self.is_leaving:
            self._each(self._unwanted_markets(), self._sell_unwanted, failed)
        self._each(self._bare_markets(), self._deal_with, failed)
        if self._is_seeking:
            self._each(sorted(self._session.state.positions), self._seek_target, failed)
        if self._bare or self._session.state.locks:
            self._lift()
        if self._cancels:
            self._forget_cancels()
        if failed:
            raise failed[0]

    def _each(
        self,
        markets: Iterable[str],
        act: Callable[[str], None],
        failed: list[ExchangeUnavailable],
    ) -> None:
        """Do it for each market: one of which the exchange does not answer stops no other."""
        for market in markets:
            try:
                act(market)
            except ExchangeUnavailable as error:
                failed.append(error)

    def may_leave(self) -> bool:
        """Return whether nothing is bare, nothing in doubt, and nothing rests that could buy."""
        unsettled = self._session.state.orders.unsettled.values()
        is_open = any(each.status in IN_DOUBT or each.leg is Leg.ENTRY for each in unsettled)
        return not is_open and not self._bare_markets()

    def page_left(self) -> None:
        """Call the owner for every bare position now: later nobody would."""
        for market in self._bare_markets():
            self._page(market, after_ms=0)

    def is_wanted(self) -> bool:
        """Return whether a bare position still waits for its stop, and its owner was not called."""
        locks = self._session.state.locks
        return any((market, CAUSE) not in locks for market in self._bare_markets())

    def _guard_halted(self) -> None:
        """Give what is bare its stop, and sell nothing: the owner was called.

        After an emergency stop what is cancelled is meant to be.
        """
        if not self._session.is_armed():
            return
        # No target is let through now, and no stop may wait for one.
        alone = replace(self._resting, target_ppm=0)
        for market in self._bare_markets():
            if not is_under_way(self._session.state, market):
                self._pursue(partial(protect, market=market, rules=alone))
            if is_bare(self._session.state, market, self._resting):
                self._page(market)

    def _bare_markets(self) -> list[str]:
        state = self._session.state
        bare = [
            name
            for name, position in state.positions.items()
            if position.sellable and is_bare(state, name, self._resting)
        ]
        return sorted(bare)

    def _deal_with(self, market: str) -> None:
        bare, since = self._bare.get(market), self._watch.since(market)
        if bare is None or bare.since != since:
            # Guarded meanwhile, and bare again: nothing of the last time counts.
            bare = self._bare[market] = _Bare(since)
        if is_under_way(self._session.state, market):
            bare.is_tried, bare.due = True, 0  # What becomes of it is news, and acted on at once.
        elif self._clock.now_ms() >= bare.due:
            self._try(market, bare)
        state = self._session.state
        if is_bare(state, market, self._resting) and not is_under_way(state, market):
            self._page(market)
            self._sell_at_price(market)
        if is_bare(self._session.state, market, self._resting):
            self._page(market)

    def _try(self, market: str, bare: _Bare) -> None:
        """Protect or sell: first the one, later each in turn."""
        if not bare.is_tried:
            # Before anything is asked of the journal, which may be long.
            bare.is_tried = bare.was_protecting = True
            self._protect(market)
            return
        now = self._clock.now_ms()
        age = now - max(self._since(market), self._begun)
        is_protecting = age < PROTECTING_MS or not bare.was_protecting
        bare.was_protecting = is_protecting
        if age >= PAGE_MS:
            bare.wait = min(max(2 * bare.wait, BACKOFF_MS_MIN), BACKOFF_MS_MAX)
            bare.due = now + bare.wait
        if is_protecting:
            self._protect(market)
        else:
            seconds = (now - self._since(market)) // 1000
            self._sell_out(market, f"no stop: none could be placed for {seconds} s")

    def _protect(self, market: str) -> None:
        self._pursue(partial(protect, market=market, rules=self._resting))

    def _sell_out(self, market: str, reason: str) -> None:
        """Sell all of it; what comes before the colon names the exit in a report."""
        self._pursue(partial(sell_out, market=market, rules=self._resting, reason=reason))

    def _pursue(self, question: Callable[..., tuple[Action, ...]]) -> None:
        # One time for all rounds: what was refused is known by the time at which it was tried.
        now = self._clock.now_ms()
        self._session.pursue(lambda state: question(state, time=now))

    def _forget_cancels(self) -> None:
        unsettled = self._session.state.orders.unsettled
        self._cancels = {key: at for key, at in self._cancels.items() if key in unsettled}

    def _unwanted_markets(self) -> list[str]:
        """Return the markets of which something is held that a signal has ended.

        A candle that has closed since may say otherwise: it is heard first.
        """
        state, now = self._session.state, self._clock.now_ms()
        assert state.started is not None, "a session has started"
        frame = state.started.timeframe_ms
        is_heard = now < state.feed.latest + frame or self.informed_at >= now - now % frame
        owed = {
            market
            for market in state.feed.unwanted
            if is_heard and market in state.positions and is_held(state, market)
        }
        self._late = {market: late for market, late in self._late.items() if market in owed}
        return sorted(owed)

    def _sell_unwanted(self, market: str) -> None:
        """Sell what a signal has ended, and no answer has let go: a sale late is better than none.

        Its stop goes for that, so tries become rarer.
        """
        now = self._clock.now_ms()
        due, wait = self._late.get(market, (0, 0))
        if now >= due and not is_under_way(self._session.state, market):
            wait = min(max(2 * wait, BACKOFF_MS_MIN), BACKOFF_MS_MAX)
            self._late[market] = now + wait, wait
            self._sell_out(market, LATE_EXIT)

    # --- prices ---------------------------------------------------------------------------------

    def _sell_at_price(self, market: str) -> None:
        """Sell where the price is at the stop that does not rest: the bot is the stop meanwhile."""
        state = self._session.state
        level = stop_level(state.positions[market], state.scales[market], self._wanted, None)
        price = self._price(market)
        if price is not None and price <= state.scales[market].price_decimal(level):
            self._sell_out(market, f"stop by the bot: the price is {plain(price)}")

    def _seek_target(self, market: str) -> None:
        """Place a missing target; where the exchange has no OCO, be the target."""
        state = self._session.state
        if self._resting.target_ppm:
            if lacks_target(state, market, self._resting):
                self._protect(market)
        elif is_held(state, market) and not is_under_way(state, market):
            self._sell_at_target(market)

    def _sell_at_target(self, market: str) -> None:
        state = self._session.state
        level = target_level(state.positions[market], state.scales[market], self._wanted)
        price = self._price(market)
        if price is not None and price >= state.scales[market].price_decimal(level):
            self._sell_out(market, f"target by the bot: the price is {plain(price)}")

    def _price(self, market: str) -> Decimal | None:
        """Return the price now; None where it cannot be read, which changes nothing."""
        try:
            return self._broker.last_price(market)
        except ExchangeUnavailable:
            return None

    # --- the owner ------------------------------------------------------------------------------

    def _since(self, market: str) -> int:
        if not self._has_heard_all:
            self._watch = watched(self._session.journal.events())
            self._has_heard_all = True
        since = self._watch.since(market)
        # Books without their history cannot say it: then it counts from when we came.
        return self._begun if since is None else since

    def _page(self, market: str, *, after_ms: int = PAGE_MS) -> None:
        """Call the owner once a position has been bare for too long, and lock its market."""
        state = self._session.state
        if (market, CAUSE) in state.locks:
            return
        now, since = self._clock.now_ms(), self._since(market)
        if now - since < after_ms:
            return
        orders = ", ".join(f"its {each.leg} is {each.status}" for each in state.orders.of(market))
        reason = orders or "neither its stop nor its sale was taken"
        self._session.record(
            [
                ev.PositionUnprotected(at=now, market=market, since=since, reason=reason),
                ev.MarketLocked(
                    at=now, market=market, cause=CAUSE, reason="its position has no stop"
                ),
            ]
        )

    def _lift(self) -> None:
        """Forget what is bare no longer, and say so where the owner was called."""
        state = self._session.state
        still = set(self._bare_markets())
        self._bare = {market: bare for market, bare in self._bare.items() if market in still}
        for market, cause in state.locks:
            if cause == CAUSE and market not in still:
                reason = "its stop rests" if is_held(state, market) else "its position is sold"
                self._session.record(
                    [
                        ev.MarketUnlocked(
                            at=self._clock.now_ms(), market=market, cause=cause, reason=reason
                        )
                    ]
                )
