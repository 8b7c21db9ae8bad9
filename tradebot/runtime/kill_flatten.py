"""Selling what a bot bought, in an emergency: in chunks, each behind a look at the price.

Law: no more than the journal says was bought, no more than the exchange says is there, and nothing
further once the price has fallen too far since the first look.
"""

from dataclasses import replace
from decimal import Decimal
from functools import partial

from tradebot.engine.protect import flatten
from tradebot.engine.settings import Pace, Rules
from tradebot.errors import ExchangeUnavailable
from tradebot.model.market import Market
from tradebot.model.money import MONEY_CONTEXT, PPM, ZERO, floor_to_step, plain
from tradebot.model.order import Leg
from tradebot.runtime.session import PIECES_MAX, Session

# How far the price may fall while we sell. Our own sales may do that in a thin market, and what is
# sold into a hole is lost for good: what is left is then for a person to decide.
COLLAR_PPM = 50_000
# A position is sold in so many parts, where each is worth well over the exchange's minimum.
CHUNKS = 5
MINIMA = 2


def sell_all(session: Session, rules: Rules, *, now_ms: int) -> list[str]:
    """Sell every position at the market, whatever the latch says; return what was not, and why.

    A market that cannot be asked about keeps no other from being sold.
    """
    # What counts orders keeps a bot from running wild; here a person has asked for each.
    rules = replace(rules, pace=Pace())
    problems = []
    for market, position in sorted(session.state.positions.items()):
        if not position.sellable:
            continue
        try:
            problem = _sell(session, market, rules, now_ms)
        except ExchangeUnavailable as error:
            left = session.state.positions[market].sellable
            problem = f"{error.message}; {plain(left)} of {market} are not sold"
        if problem:
            problems.append(problem)
    return problems


def _sell(session: Session, market: str, rules: Rules, now_ms: int) -> str:
    """Sell one position in chunks; return why what is left of it was not sold, "" = nothing is."""
    traded = session.state.markets[market]
    bought = session.state.positions[market].sellable
    there = floor_to_step(session.exchange_balances().get(traded.base, ZERO), traded.step)
    kept = max(ZERO, MONEY_CONTEXT.subtract(bought, there))
    # The first price read, not the last close: whoever stops hours later, in a market that has
    # fallen, wants to be out at what is paid now. The collar is about what comes while we sell.
    first = session.last_price(market)
    chunk = _chunk(MONEY_CONTEXT.subtract(bought, kept), first, traded)
    price = first
    # One time for each: what was refused is known by the time at which it was tried.
    now = session.state.orders.latest(market, Leg.FLATTEN, now_ms)
    now += session.state.orders.attempts(market, Leg.FLATTEN, now) > 0
    for piece in range(PIECES_MAX):
        held = session.state.positions[market].sellable
        left = MONEY_CONTEXT.subtract(held, kept)
        if left <= 0:
            break
        price = price if piece == 0 else session.last_price(market)
        if _is_fallen(price, first):
            return (
                f"the price of {market} has fallen from {plain(first)}, the first one read, to "
                f"{plain(price)}, more than 5 %: {plain(left)} are not sold; look at the market, "
                "then kill --flatten again"
            )
        size = chunk if left >= MONEY_CONTEXT.multiply(chunk, MINIMA) else left
        _sell_chunk(session, market, rules, now + piece, MONEY_CONTEXT.subtract(held, size))
        if session.state.positions[market].sellable == held:
            break  # Refused, or in doubt: nothing is sold beside that.
    if kept:
        return (
            f"the exchange holds {plain(there)} {traded.base}, the journal {plain(bought)} of "
            f"{market}: what is not there was not sold"
        )
    return ""


def _sell_chunk(session: Session, market: str, rules: Rules, time: int, down_to: Decimal) -> None:
    session.pursue(partial(flatten, market=market, rules=rules, time=time, down_to=down_to))


def _is_fallen(price: Decimal, first: Decimal) -> bool:
    """Return whether a price is more than the collar under the first one."""
    lowest = MONEY_CONTEXT.multiply(first, Decimal(PPM - COLLAR_PPM))
    return MONEY_CONTEXT.multiply(price, Decimal(PPM)) < lowest


def _chunk(quantity: Decimal, price: Decimal, market: Market) -> Decimal:
    """Return how much is sold at once: a part, or all where a part would be too small an order."""
    part = floor_to_step(MONEY_CONTEXT.divide(quantity, Decimal(CHUNKS)), market.step)
    worth = MONEY_CONTEXT.multiply(part, price)
    least = MONEY_CONTEXT.multiply(market.notional_min, Decimal(MINIMA))
    is_enough = part > 0 and part >= market.quantity_min and worth >= least
    return part if is_enough else quantity
