"""What a fill does to the books: exact changes of coins, and the position they make.

Law: coins are conserved: every change of a balance is a fill's quantity, its value or its fee.
"""

from dataclasses import replace
from decimal import Decimal

from tradebot.model.account import Position
from tradebot.model.market import Market
from tradebot.model.money import MONEY_CONTEXT, ZERO, floor_to_step
from tradebot.model.order import Fill, Side

# A part of a cost is a quotient: it is kept to the smallest unit that exchanges count in.
COST_UNIT = Decimal("0.00000001")


def book_fill(
    market: Market, position: Position, side: Side, fill: Fill
) -> tuple[Position, dict[str, Decimal]]:
    """Return the position after `fill`, and the change of each coin's balance.

    A fee in a third coin changes that coin's balance alone. A round trip begins with the first buy
    after no lot was sellable.
    """
    value = fill.quantity * fill.price
    sign = 1 if side is Side.BUY else -1
    changes: dict[str, Decimal] = {market.base: sign * fill.quantity, market.quote: -sign * value}
    changes[fill.fee_asset] = changes.get(fill.fee_asset, ZERO) - fill.fee
    base_fee = fill.fee if fill.fee_asset == market.base else ZERO
    quote_fee = fill.fee if fill.fee_asset == market.quote else ZERO
    if side is Side.BUY:
        return _bought(market, position, fill, value, base_fee, quote_fee), changes
    quantity = position.quantity - fill.quantity - base_fee
    return (
        Position(
            quantity=quantity,
            sellable=sellable(market, quantity),
            bought=position.bought,
            cost=position.cost,
            sold=position.sold + fill.quantity,
            proceeds=position.proceeds + value - quote_fee,
            entry_notional=position.entry_notional,
            entry_price=position.entry_price,
            opened_at=position.opened_at,
            stop=position.stop,
        ),
        changes,
    )


def is_third_coin(market: Market, fill: Fill) -> bool:
    """Return whether a fee was taken, and in a coin that its market does not trade."""
    return bool(fill.fee) and fill.fee_asset not in (market.base, market.quote)


def _bought(
    market: Market,
    position: Position,
    fill: Fill,
    value: Decimal,
    base_fee: Decimal,
    quote_fee: Decimal,
) -> Position:
    trip = position if position.is_open else Position(quantity=position.quantity)
    quantity = trip.quantity + fill.quantity - base_fee
    bought, entry_notional = trip.bought + fill.quantity, trip.entry_notional + value
    return Position(
        quantity=quantity,
        sellable=sellable(market, quantity),
        bought=bought,
        cost=trip.cost + value + quote_fee,
        sold=trip.sold,
        proceeds=trip.proceeds,
        entry_notional=entry_notional,
        entry_price=MONEY_CONTEXT.divide(entry_notional, bought),
        opened_at=trip.opened_at if trip.is_open else fill.filled_at,
        stop=trip.stop,
    )


def taken_out(market: Market, position: Position, quantity: Decimal) -> Position:
    """Return the position of which only `quantity` is left, though the bot sold none of it.

    What is gone leaves the round trip at its cost: it is neither gain nor loss of the bot's.
    """
    left = replace(position, quantity=quantity, sellable=sellable(market, quantity))
    gone = position.quantity - quantity
    if not position.bought or gone <= 0:
        return left
    bought = max(position.bought - gone, position.sold)
    cost = MONEY_CONTEXT.divide(position.cost * bought, position.bought)
    return replace(
        left,
        bought=bought,
        cost=cost.quantize(COST_UNIT, context=MONEY_CONTEXT),
        entry_notional=MONEY_CONTEXT.multiply(position.entry_price, bought),
    )


def sellable(market: Market, quantity: Decimal) -> Decimal:
    """Return the whole lots in a quantity; 0 where the exchange would not take so few."""
    lots = floor_to_step(quantity, market.step) if quantity > 0 else ZERO
    return lots if lots >= market.quantity_min else ZERO
