"""Ending a market, or a part of it, on a person's word: cancel what rests, then sell.

Law: it goes on while trading is halted, and sells no more than the bot's position; what is in doubt
is not sold beside, and keeps what guards it.
"""

from dataclasses import dataclass
from decimal import Decimal

from tradebot.engine.actions import Action, Cancel
from tradebot.engine.protect import ended_by_hand, is_under_way
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.engine.valuation import is_held
from tradebot.model.market import Market
from tradebot.model.money import MONEY_CONTEXT, ZERO, floor_to_step, plain
from tradebot.model.order import RESTING, Leg, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What closing comes to: so much is sold that `down_to` is left, and `orders` are cancelled.

    `refusal` is why it cannot be done, in words; "" = it can.
    """

    market: str
    quantity: Decimal = ZERO
    down_to: Decimal = ZERO
    orders: tuple[Order, ...] = ()
    refusal: str = ""


def market_named(state: State, text: str) -> str | None:
    """Return the market of that name, written with its exchange or without; None = no such one."""
    for name, market in state.markets.items():
        if text in (name, market.symbol):
            return name
    return None


def closing(state: State, market: str, fraction: Decimal | None) -> Closing:
    """Return what closing a market comes to, or that fraction of it, rounded down to lots."""
    orders = tuple(each for each in state.orders.of(market) if each.status in RESTING)
    position, rules = state.positions.get(market), state.markets[market]
    held = ZERO if position is None else position.sellable
    quantity = held
    if fraction is not None:
        # What guards a position goes with the sale of all of it; with a part of none, it stays.
        orders = orders if held else ()
        part = MONEY_CONTEXT.multiply(held, fraction)
        quantity = floor_to_step(part, rules.step)
    down_to = MONEY_CONTEXT.subtract(held, quantity)
    made = Closing(market=market, quantity=quantity, down_to=down_to, orders=orders)
    return _with(made, _refusal(state, made))


def _with(made: Closing, refusal: str) -> Closing:
    if not refusal:
        return made
    return Closing(market=made.market, down_to=made.down_to, refusal=refusal)


def _refusal(state: State, made: Closing) -> str:
    """Return why it cannot be done: paused, in doubt, too small to sell or to leave."""
    rules = state.markets[made.market]
    if not rules.is_trading:
        return f"the exchange does not trade {rules.symbol} now; what rests there stays"
    for order in state.orders.of(made.market):
        if order.status not in RESTING:
            return (
                f"order {order.id} is {order.status.value}: nothing is sold beside it; "
                "try again once it is known what became of it"
            )
    position = state.positions.get(made.market)
    if position is None or not position.sellable:
        return ""
    if not is_held(state, made.market):
        return f"{_coins(position.sellable, rules.base)} are worth too little to sell"
    price = state.feed.closes.get(made.market, position.entry_price)
    if _is_too_small(rules, made.quantity, price):
        return f"{_coins(made.quantity, rules.base)} are too small an order; close more"
    # A stop is worth its own price: what the exchange would refuse as one guards nothing.
    guarded_at = min(price, position.stop) if position.stop else price
    if made.down_to and _is_too_small(rules, made.down_to, guarded_at):
        left = _coins(made.down_to, rules.base)
        return f"it would leave {left}, too little to sell or to guard; close all"
    return ""


def _is_too_small(rules: Market, quantity: Decimal, price: Decimal) -> bool:
    worth = MONEY_CONTEXT.multiply(quantity, price)
    return quantity <= 0 or quantity < rules.quantity_min or worth < rules.notional_min


def _coins(quantity: Decimal, base: str) -> str:
    return f"{plain(quantity)} {base}"


def close_out(
    state: State,
    market: str,
    rules: Rules,
    *,
    time: int,
    reason: str,
    down_to: Decimal = ZERO,
) -> tuple[Action, ...]:
    """Return what ends a market: the cancel of what rests there, then the sale, once at a time.

    `down_to`: so much of the position stays.
    """
    if not state.markets[market].is_trading or is_under_way(state, market):
        return ()  # No sale would be let through, and what guards the position be gone.
    position = state.positions.get(market)
    if down_to and (position is None or position.sellable <= down_to):
        return ()
    resting = next((each for each in state.orders.of(market) if each.status in RESTING), None)
    if resting is not None:
        return (Cancel(resting, reason),)
    return ended_by_hand(state, market, rules, time=time, reason=reason, down_to=down_to)


def entries_resting(state: State, market: str | None = None) -> tuple[Order, ...]:
    """Return the entries that rest at the exchange, of one market or of all."""
    return tuple(
        order
        for order in state.orders.unsettled.values()
        if order.leg is Leg.ENTRY and order.status in RESTING and market in (None, order.market)
    )


def entries_in_doubt(state: State, market: str | None = None) -> tuple[Order, ...]:
    """Return the entries of which nobody knows whether they rest, of one market or of all."""
    return tuple(
        order
        for order in state.orders.unsettled.values()
        if order.leg is Leg.ENTRY and order.status not in RESTING and market in (None, order.market)
    )


def cancelled(state: State, order_id: str, reason: str) -> tuple[Action, ...]:
    """Return the cancel of an order that rests; nothing where it has ended."""
    order = state.orders.unsettled.get(order_id)
    if order is None or order.status not in RESTING:
        return ()
    return (Cancel(order, reason),)
