"""Ending what a bot left through its own session: cancel, sell if asked, and look what is left.

Law: an order that cannot be asked about keeps no other from its end; what is not confirmed is said.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from tradebot.engine.resolve import APART_MS
from tradebot.engine.settings import Rules
from tradebot.errors import ExchangeUnavailable
from tradebot.model.money import ZERO
from tradebot.model.order import OrderStatus
from tradebot.runtime.assemble import Bot
from tradebot.runtime.kill_flatten import sell_all
from tradebot.runtime.session import Session


@dataclass(slots=True)
class Killed:
    """What the stop achieved. `problems` is empty when all that was asked is so.

    `open_orders` are of the runs whose exchange has answered; `unasked` are the others. The times
    are ms after `began_ms`, None where that was not reached. `is_halted`: the latch of a bot that
    has run is closed.
    """

    run: str = ""
    is_halted: bool = True
    cancelled: int = 0
    open_orders: tuple[str, ...] = ()
    sold: dict[str, Decimal] = field(default_factory=dict)
    left: dict[str, Decimal] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)
    began_ms: int = 0
    latched_ms: int | None = None
    cancelled_ms: int | None = None
    flat_ms: int | None = None


def settle_twice(bot: Bot) -> None:
    """Settle what is out; an order that the exchange has lost is given up on its second look."""
    bot.session.settle_only()
    if bot.session.state.orders.unsettled.keys() - set(bot.session.open_orders()):
        bot.clock.sleep_until(bot.clock.now_ms() + APART_MS)
        bot.session.settle_only()


def _is_cancelled(session: Session, order_id: str) -> bool:
    """Return whether an order was cancelled: one that the journal does not know was, by us."""
    known = session.state.orders.get(order_id)
    return known is None or known.status is OrderStatus.CANCELLED


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


def clear_with(
    bot: Bot,
    result: Killed,
    rules: Rules,
    *,
    is_flattening: bool,
    gone: frozenset[str] = frozenset(),
) -> None:
    """Cancel and, if asked, sell through the bot's own session, and look what is left.

    `gone` are ids that were open at the exchange, and are not since we cancelled them.
    """
    session = bot.session
    out = {*gone, *session.state.orders.unsettled}
    # An order that cannot be read keeps no other from being cancelled, and no coin from being sold.
    _tried(result, lambda: settle_twice(bot))
    session.cancel_all("emergency stop")
    _tried(result, lambda: _cancel_unknown(session, result, out))
    result.cancelled += sum(_is_cancelled(session, each) for each in out)
    held = {name: each.sellable for name, each in session.state.positions.items() if each.is_open}
    if is_flattening:
        result.problems += sell_all(session, rules, now_ms=bot.clock.now_ms())
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
