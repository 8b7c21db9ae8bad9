"""From a difference to the events that deal with it: named, locked, shrunk, adopted, resolved.

Law: nothing here is opinion about trading; entries are locked, and the books follow the exchange.
"""

from collections.abc import Iterable
from decimal import Decimal

from tradebot.engine.compare import REMEDIES, Difference, Kind, Remedy, symbol_of
from tradebot.engine.state import State
from tradebot.model import event as ev
from tradebot.model.account import Position
from tradebot.model.event import Resolution
from tradebot.model.money import ZERO

CAUSE = "reconcile"
ASK_A_PERSON = "`tradebot reconcile` shows it, and takes your word"
# More markets than these are counted in a text.
NAMED_MAX = 3
_LOCKING = frozenset({Remedy.LOCK, Remedy.SETTLE, Remedy.SHRINK})
# What changes the books.
ADJUSTING = frozenset({Remedy.SHRINK, Remedy.TRIM, Remedy.KEEP})
# Kinds that are named and left alone; they end by themselves.
NOTED = frozenset(kind for kind, remedy in REMEDIES.items() if remedy is Remedy.NOTE)


def remedied(state: State, difference: Difference, *, at: int) -> list[ev.Event]:
    """Return the events that a difference which is sure asks for; none where all is done.

    A halt is not among them: it is the Session's.
    """
    events: list[ev.Event] = []
    remedy = difference.remedy
    if remedy is Remedy.KEEP:
        return [_kept(difference, at=at)]
    is_new = not state.differences.is_found(*difference.name)
    if remedy is not Remedy.TRIM and is_new:
        events.append(found(difference, at=at))
    if remedy in ADJUSTING:
        events += shrunk(state, difference, at=at, reason="the exchange has no more")
    if remedy in _LOCKING:
        events += [
            ev.MarketLocked(at=at, market=market, cause=CAUSE, reason=difference.text)
            for market in difference.markets
            if (market, CAUSE) not in state.locks
        ]
    return events


def _kept(difference: Difference, *, at: int) -> ev.BalanceAdjusted:
    """Return the event by which a coin comes into the books, even where nothing is left of it."""
    return ev.BalanceAdjusted(
        at=at,
        asset=difference.subject,
        before=ZERO,
        after=Decimal(difference.exchange),
        reason="fees are paid in it, so the books keep it from now on",
    )


def found(difference: Difference, *, at: int) -> ev.DifferenceFound:
    """Return the event that names a difference, with what it leads to."""
    text = difference.text
    if difference.remedy in _LOCKING:
        where = ", ".join(symbol_of(market) for market in difference.markets[:NAMED_MAX])
        if len(difference.markets) > NAMED_MAX:
            where = f"any of {len(difference.markets)} markets"
        text += f"; no entries in {where} from now on: {ASK_A_PERSON}"
    return ev.DifferenceFound(
        at=at,
        kind=difference.kind.value,
        subject=difference.subject,
        mark=difference.mark,
        journal=difference.journal,
        exchange=difference.exchange,
        text=text,
    )


def resolved(
    difference: Difference | ev.DifferenceFound, how: Resolution, reason: str, *, at: int
) -> ev.DifferenceResolved:
    """Return the event that ends a difference."""
    return ev.DifferenceResolved(
        at=at,
        kind=str(difference.kind),
        subject=difference.subject,
        mark=difference.mark,
        how=how,
        reason=reason,
    )


def shrunk(state: State, difference: Difference, *, at: int, reason: str) -> list[ev.Event]:
    """Return the events by which a position becomes what the exchange has of its coin."""
    market = difference.subject
    total = Decimal(difference.exchange)
    position = state.positions.get(market, Position())
    return [
        ev.PositionAdjusted(
            at=at, market=market, before=position.quantity, quantity=total, reason=reason
        ),
        *balanced(state, state.markets[market].base, total, at=at, reason=reason),
    ]


def balanced(
    state: State, asset: str, total: Decimal, *, at: int, reason: str
) -> list[ev.Event]:
    """Return the event by which a coin of the books becomes the exchange's; none where it is."""
    before = state.balances.get(asset, ZERO)
    if before == total:
        return []
    return [ev.BalanceAdjusted(at=at, asset=asset, before=before, after=total, reason=reason)]


def adopted(state: State, difference: Difference, *, at: int, reason: str) -> list[ev.Event]:
    """Return the events by which the books take the exchange's word for a difference of coins."""
    match difference.kind:
        case Kind.POSITION_SHORT | Kind.REST_SHORT:
            return shrunk(state, difference, at=at, reason=reason)
        case Kind.CASH_SHORT | Kind.CASH_MORE | Kind.COINS_MORE | Kind.COINS_LESS:
            total = Decimal(difference.exchange)
            return balanced(state, difference.subject, total, at=at, reason=reason)
        case _:
            return []


def unlocked(
    state: State, markets: Iterable[str], *, at: int, reason: str
) -> list[ev.MarketUnlocked]:
    """Return the events that let markets take entries again, which a comparison has locked."""
    return [
        ev.MarketUnlocked(at=at, market=market, cause=CAUSE, reason=reason)
        for market in markets
        if (market, CAUSE) in state.locks
    ]
