"""What the account is worth, in the integer cash units of one market."""

from collections.abc import Mapping
from decimal import Decimal

from tradebot.engine.rules.costs import notional
from tradebot.engine.state import State
from tradebot.model.market import Scale
from tradebot.model.money import MONEY_CONTEXT
from tradebot.model.order import Leg, Order, Side


def position_value(state: State, market: str, close: int) -> int:
    """Return the value of one market's position at `close` (price units), in cash units."""
    position = state.positions.get(market)
    if position is None:
        return 0
    scale = state.scales[market]
    quantity = scale.quantity_down(position.quantity)
    return notional(close, quantity, scale.lot, scale.lot_cash)


def is_held(state: State, market: str) -> bool:
    """Return whether the market's position is more than the exchange would refuse to buy back.

    A rest worth less than the smallest order can be neither sold nor guarded: it waits for more.
    """
    position = state.positions.get(market)
    if position is None or not position.is_open:
        return False
    price = state.feed.closes.get(market, position.entry_price)
    return MONEY_CONTEXT.multiply(position.sellable, price) >= state.markets[market].notional_min


def positions_value(state: State) -> int:
    """Return the value of all positions at the last closes, in cash units."""
    total = 0
    for market, position in state.positions.items():
        close = state.feed.closes.get(market)
        if position.quantity and close is not None:
            total += position_value(state, market, state.scales[market].price(close))
    return total


def cash(state: State, market: str) -> int:
    """Return the balance of the market's quote coin, in cash units."""
    quote = state.markets[market].quote
    return state.scales[market].cash_down(state.balances.get(quote, Decimal(0)))


def reserved(state: State, market: str | None = None) -> int:
    """Return what unsettled entries may still spend, in cash units: UNKNOWN counts as filled."""
    total = 0
    for order in state.orders.unsettled.values():
        if order.leg is Leg.ENTRY and (market is None or order.market == market):
            total += _remaining_value(order, state.scales[order.market])
    return total


def _remaining_value(order: Order, scale: Scale) -> int:
    assert order.side is Side.BUY, "spot entries buy"
    price = scale.price(order.price or order.reference_price)
    return notional(price, scale.quantity(order.remaining), scale.lot, scale.lot_cash)


def marked_equity(state: State, closes: Mapping[str, Decimal]) -> Decimal:
    """Return quote coins plus what is held at these closes, in quote, exactly.

    What was bought before its market's first close counts at its price.
    """
    assert state.started is not None, "a session has started"
    total = state.balances.get(state.started.markets[0].quote, Decimal(0))
    for market, position in state.positions.items():
        if position.quantity:
            close = closes.get(market, position.entry_price)
            total = MONEY_CONTEXT.add(total, MONEY_CONTEXT.multiply(position.quantity, close))
    return total


def equity(state: State, market: str) -> int:
    """Return cash plus positions at the last closes, in the cash units of `market`'s quote coin."""
    return cash(state, market) + positions_value(state)
