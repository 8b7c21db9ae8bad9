"""What a bot does on a person's command: end entries, sell, take the exchange's word.

Law: a position is never left without its stop in silence: protection is cancelled for a sale alone,
and what is left is guarded at once, or the answer says that it is not.
"""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial

from tradebot.engine.closing import (
    Closing,
    cancelled,
    close_out,
    closing,
    entries_in_doubt,
    entries_resting,
    market_named,
)
from tradebot.engine.protect import is_bare
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.errors import ExchangeUnavailable
from tradebot.model.command import Command, CommandEnd, CommandWord, SignalSpent
from tradebot.model.money import MONEY_CONTEXT, ZERO, plain
from tradebot.model.order import RESTING, Leg, Order
from tradebot.ports import Clock
from tradebot.runtime.obeying import Answer, trading_answer
from tradebot.runtime.session import PIECES_MAX, Session

DONE, NOTHING = CommandEnd.DONE, CommandEnd.NOTHING
REFUSED, UNCONFIRMED = CommandEnd.REFUSED, CommandEnd.UNCONFIRMED

Adopt = Callable[[str, str], Answer]


class Hands:
    """Does commands with a session. `settle` books what is out, `guard` what is left bare."""

    def __init__(
        self,
        session: Session,
        *,
        rules: Rules,
        clock: Clock,
        settle: Callable[[], None],
        guard: Callable[[], object],
        adopt: Adopt,
    ) -> None:
        self._session = session
        self._rules = rules
        self._clock = clock
        self._settle = settle
        self._guard = guard
        self._adopt = adopt

    def do(self, command: Command, before: State) -> Answer:
        """Do a command that was taken; return how it ended. Raises ExchangeUnavailable."""
        match command.word:
            case CommandWord.PAUSE:
                return self._pause(command, before)
            case CommandWord.RESUME:
                return trading_answer(command, before)
            case CommandWord.CLOSE:
                return self._close(command)
            case CommandWord.CANCEL:
                return self._cancel(command)
            case CommandWord.ADOPT:
                return self._adopt(command.scope, command.reason)

    # --- entries --------------------------------------------------------------------------------

    def _pause(self, command: Command, before: State) -> Answer:
        told = trading_answer(command, before)
        entries = entries_resting(self._session.state)
        self._end_orders(entries, command.reason)
        return self._ended(entries, None, told.text)

    def _cancel(self, command: Command) -> Answer:
        self._settle_known()
        state = self._session.state
        meant = cancel_meant(state, command.scope)
        if isinstance(meant, Answer):
            return meant
        market = market_named(state, command.scope)
        now = self._clock.now_ms()
        # What a person has cancelled is not placed anew by the next candle.
        self._session.record(
            [
                SignalSpent(at=now, market=name, reason=command.reason)
                for name in sorted({each.market for each in meant})
            ]
        )
        self._end_orders(meant, command.reason)
        return self._ended(meant, market, "")

    def _end_orders(self, orders: tuple[Order, ...], reason: str) -> None:
        for order in orders:
            # One that cannot be asked about stops no other.
            with suppress(ExchangeUnavailable):
                self._session.pursue(partial(cancelled, order_id=order.id, reason=reason))
        if orders:
            with suppress(ExchangeUnavailable):
                self._guard()  # What they had bought by then.

    def _ended(self, orders: tuple[Order, ...], market: str | None, text: str) -> Answer:
        """Return what became of entries that were to be cancelled, and name those in doubt."""
        state = self._session.state
        left = [each for each in orders if each.id in state.orders.unsettled]
        left += [each for each in entries_in_doubt(state, market) if each not in left]
        gone = [each for each in orders if each.id not in state.orders.unsettled]
        parts = [text, *(_told(state, each) for each in gone)]
        parts += [f"order {each.id} is not known to have ended yet" for each in left]
        words = "; ".join(part for part in parts if part)
        return Answer(UNCONFIRMED if left else DONE, words)

    def _settle_known(self) -> None:
        """Book what happened to orders that are out; one that cannot be read stops nothing.

        Raises ExchangeUnavailable where nothing was answered.
        """
        try:
            self._settle()
        except ExchangeUnavailable:
            if not self._session.is_reached():
                raise

    # --- positions ------------------------------------------------------------------------------

    def _close(self, command: Command) -> Answer:
        self._settle_known()
        state = self._session.state
        meant = close_meant(state, command)
        if isinstance(meant, Answer):
            return meant
        now = self._clock.now_ms()
        market, reason = meant.market, command.reason
        self._session.record([SignalSpent(at=now, market=market, reason=reason)])
        held = _sellable(state, market)
        self._sell(meant, reason)
        with suppress(ExchangeUnavailable):
            if self._session.state.orders.of(market):
                self._settle()
            self._guard()
        return self._sold(meant, held)

    def _sell(self, meant: Closing, reason: str) -> None:
        """Cancel what rests and sell, in pieces if need be; each has a time of its own."""
        orders, market = self._session.state.orders, meant.market
        now = orders.latest(market, Leg.FLATTEN, self._clock.now_ms())
        now += orders.attempts(market, Leg.FLATTEN, now) > 0
        for piece in range(PIECES_MAX):
            before = _sellable(self._session.state, market)
            self._session.pursue(
                partial(
                    close_out,
                    market=market,
                    rules=self._rules,
                    time=now + piece,
                    reason=reason,
                    down_to=meant.down_to,
                )
            )
            if _sellable(self._session.state, market) in (before, meant.down_to, ZERO):
                return

    def _sold(self, meant: Closing, held: Decimal) -> Answer:
        state, market = self._session.state, meant.market
        rules, left = state.markets[market], _sellable(state, market)
        parts = [f"{rules.symbol}: sold {plain(MONEY_CONTEXT.subtract(held, left))} {rules.base}"]
        if not held:
            parts = [_told(state, each) for each in meant.orders]
        if left:
            parts.append(f"{plain(left)} left")
        unsettled = state.orders.of(market)
        open_sales = [each for each in unsettled if each.status not in RESTING]
        parts += [f"order {each.id} is {each.status.value}" for each in open_sales]
        is_left_bare = is_bare(state, market, self._rules)
        if is_left_bare:
            parts.append("what is left has no stop yet")
        elif left and unsettled:
            parts.append("guarded")
        is_done = left <= meant.down_to and not open_sales and not is_left_bare
        if not is_done and left > meant.down_to:
            parts.append("the sale was not taken, or not for all of it")
        is_there = any(each.id in state.orders.unsettled for each in meant.orders)
        return Answer(UNCONFIRMED if is_there or not is_done else DONE, "; ".join(parts))


def close_meant(state: State, command: Command) -> Closing | Answer:
    """Return what closing comes to; or the answer, where there is nothing to close."""
    market = market_named(state, command.scope)
    if market is None:
        return Answer(REFUSED, f"{command.scope} is no market of this run")
    meant = closing(state, market, command.fraction)
    if meant.refusal:
        return Answer(REFUSED, meant.refusal)
    if not meant.quantity and not meant.orders:
        return Answer(NOTHING, f"nothing is held in {state.markets[market].symbol}")
    return meant


def cancel_meant(state: State, scope: str) -> tuple[Order, ...] | Answer:
    """Return the entries that a scope means; or the answer, where there is none to cancel."""
    if not scope or (market := market_named(state, scope)) is not None:
        entries = entries_resting(state, market if scope else None)
        doubtful = entries_in_doubt(state, market if scope else None)
        if entries:
            return entries
        if doubtful:
            text = f"order {doubtful[0].id} is {doubtful[0].status.value}: nobody can cancel it yet"
            return Answer(UNCONFIRMED, text)
        return Answer(NOTHING, "no entry rests")
    order = state.orders.get(scope)
    if order is None:
        return Answer(NOTHING, f"{scope} is no market and no order that is out")
    if order.id not in state.orders.unsettled:
        return Answer(NOTHING, f"order {order.id} is {order.status.value} already")
    if order.leg is not Leg.ENTRY:
        symbol = state.markets[order.market].symbol
        text = f"order {order.id} is the {order.leg.value} of {symbol}, and no entry"
        return Answer(REFUSED, f"{text}; `tradebot close {symbol}` sells what it guards")
    if order.status not in RESTING:
        text = f"order {order.id} is {order.status.value}: nobody can cancel it yet"
        return Answer(UNCONFIRMED, text)
    return (order,)


def _sellable(state: State, market: str) -> Decimal:
    position = state.positions.get(market)
    return ZERO if position is None else position.sellable


def _told(state: State, order: Order) -> str:
    """Return what became of an order, with what it is."""
    now = state.orders.get(order.id)
    what = f"{state.markets[order.market].symbol} {order.leg.value} order {order.id}"
    if now is None:
        return f"{what} has ended"
    filled = f", {plain(now.filled)} of it filled" if now.filled else ""
    return f"{what} is {now.status.value}{filled}"
