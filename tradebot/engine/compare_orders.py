"""Which of our orders and fills the exchange tells otherwise than our books.

Law: an order that no tradebot placed is never looked at, and a fill only where its order is ours.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradebot.engine.compare import Difference, Kind, Sight, symbol_of
from tradebot.engine.risk import is_order_id, namespace
from tradebot.engine.state import State
from tradebot.model import event as ev
from tradebot.model.money import MONEY_CONTEXT, ZERO, plain
from tradebot.model.order import (
    RESTING,
    SETTLED,
    ListedFill,
    ListedOrder,
    Order,
    OrderStatus,
)

# How far before its own beginning a journal asks whose orders these are: another bot of this name
# may have traded a moment ago and have nothing open now.
BEFORE_MS = 3_600_000
# What never was at the exchange, as far as we know, and cannot come to life there.
_NEVER_THERE = frozenset({OrderStatus.REJECTED, OrderStatus.DROPPED})
_COPY = "another tradebot has a copy of this journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOrder:
    """An order of the journal, as far as it is compared."""

    id: str
    market: str
    status: OrderStatus
    quantity: Decimal
    filled: Decimal
    exchange_id: str | None
    trade_ids: Collection[str]


def known_order(order: Order) -> KnownOrder:
    """Return an order of the state as it is compared."""
    return KnownOrder(
        id=order.id,
        market=order.market,
        status=order.status,
        quantity=order.quantity,
        filled=order.filled,
        exchange_id=order.exchange_id,
        trade_ids=order.trade_ids,
    )


def order_of(events: Iterable[ev.Event]) -> KnownOrder | None:
    """Return an order that the state has let go, from its own events; None where there are none."""
    intended: ev.OrderIntended | None = None
    exchange_id: str | None = None
    trade_ids: list[str] = []
    filled, status = ZERO, OrderStatus.CANCELLED
    for event in events:
        match event:
            case ev.OrderIntended():
                intended = event
            case ev.OrderAccepted():
                exchange_id = event.exchange_id
            case ev.FillBooked():
                trade_ids.append(event.fill.trade_id)
                filled = MONEY_CONTEXT.add(filled, event.fill.quantity)
            case ev.OrderRejected():
                status = OrderStatus.REJECTED
            case ev.OrderDropped():
                status = OrderStatus.DROPPED
            case _:
                pass
    if intended is None:
        return None
    return KnownOrder(
        id=intended.order_id,
        market=intended.market,
        status=OrderStatus.FILLED if filled == intended.quantity else status,
        quantity=intended.quantity,
        filled=filled,
        exchange_id=exchange_id,
        trade_ids=trade_ids,
    )


def compare_orders(
    state: State, sight: Sight, older: Mapping[str, KnownOrder]
) -> list[Difference]:
    """Return where orders and fills differ, by id. `older` are orders that the state let go."""
    known = _known(state, sight, older)
    found: dict[str, Difference] = {}
    for market, orders in sight.orders.items():
        found |= _twice(state, market, orders)
        fills = sight.fills.get(market, ())
        for listed in orders:
            if listed.order_id not in found:
                _keep(found, _listed(state, known.get(listed.order_id), listed, fills))
        for difference in _unbooked(list(known.values()), market, fills):
            found.setdefault(difference.subject, difference)
    for order_id, filled in sight.open_filled.items():
        if order_id not in found:
            _keep(found, _open(state, known.get(order_id), order_id, filled))
    for order in state.orders.unsettled.values():
        is_gone = order.status in RESTING and order.id not in sight.open_filled
        if is_gone and order.id not in found:
            what = "rests by the journal, and is not open at the exchange"
            found[order.id] = _of(Kind.ORDER_GONE, known[order.id], "gone", "not open", what)
    return [found[key] for key in sorted(found)]


def _known(
    state: State, sight: Sight, older: Mapping[str, KnownOrder]
) -> dict[str, KnownOrder]:
    """Return the orders that are out, and the ended ones that the look shows, by id."""
    shown = sight.order_ids()
    numbers = {each.exchange_id for fills in sight.fills.values() for each in fills}
    ended = state.orders.settled.values()
    ours = [order for order in ended if order.id in shown or order.exchange_id in numbers]
    ours += state.orders.unsettled.values()
    return {**older, **{order.id: known_order(order) for order in ours}}


def unbooked_fills(
    state: State, sight: Sight, older: Mapping[str, KnownOrder]
) -> list[tuple[str, ListedFill]]:
    """Return the fills of our orders that the books do not know, each with its market."""
    known = list(_known(state, sight, older).values())
    return [
        (market, listed)
        for market, fills in sight.fills.items()
        for listed in _unknown_fills(known, market, fills)
    ]


def _unknown_fills(
    orders: Iterable[KnownOrder], market: str, fills: Sequence[ListedFill]
) -> list[ListedFill]:
    by_number = {order.exchange_id: order for order in orders if order.market == market}
    return [
        each
        for each in fills
        if each.exchange_id in by_number
        and each.fill.trade_id not in by_number[each.exchange_id].trade_ids
    ]


def _keep(found: dict[str, Difference], difference: Difference | None) -> None:
    if difference is not None:
        found[difference.subject] = difference


def _twice(
    state: State, market: str, orders: Sequence[ListedOrder]
) -> dict[str, Difference]:
    """Return the orders of ours that are two at the exchange."""
    numbers: dict[str, set[str]] = {}
    for listed in orders:
        if not _is_other_bot_s(state, listed.order_id):
            numbers.setdefault(listed.order_id, set()).add(listed.exchange_id)
    return {
        order_id: Difference(
            kind=Kind.ORDER_TWICE,
            subject=order_id,
            mark=",".join(sorted(each)),
            journal="1 order",
            exchange=f"{len(each)} orders",
            text=f"{symbol_of(market)}: order {order_id} is {len(each)} orders at the exchange: "
            f"{_COPY}",
            markets=(market,),
        )
        for order_id, each in numbers.items()
        if len(each) > 1
    }


def _listed(
    state: State, order: KnownOrder | None, listed: ListedOrder, fills: Sequence[ListedFill]
) -> Difference | None:
    """Return what is wrong with an order that its market's list shows."""
    words = f"{'open' if listed.is_open else 'ended'}, filled {plain(listed.filled)}"
    if order is None and _is_other_bot_s(state, listed.order_id):
        is_now = listed.is_open or listed.created_at >= _begun(state)
        return _of_other_bot(listed.order_id, words, listed.market) if is_now else None
    if order is None:
        if not listed.is_open and not _is_filled_since(state, listed, fills):
            return None
        return _not_in_journal(state, listed.order_id, words, listed.market)
    kind, what = _kind_of(order, listed)
    return None if kind is None else _of(kind, order, words, words, what)


def _kind_of(order: KnownOrder, listed: ListedOrder) -> tuple[Kind | None, str]:
    if order.exchange_id not in (None, listed.exchange_id):
        what = f"is number {listed.exchange_id} at the exchange, {order.exchange_id} in the journal"
        return Kind.ORDER_TWICE, f"{what}: {_COPY}"
    if order.status in _NEVER_THERE and (listed.is_open or listed.filled):
        return Kind.ORDER_REVIVED, f"was {order.status} by the journal, and the exchange has it"
    if listed.filled > order.filled:
        return Kind.FILLS_MISSING, "has fills that are not booked"
    if listed.filled < order.filled:
        return Kind.FILLS_UNPROVED, "has fills in the books that the exchange does not tell"
    if listed.is_open and order.status in SETTLED:
        return _not_expected(order)
    return None, ""


def _not_expected(order: KnownOrder) -> tuple[Kind, str]:
    what = f"is {order.status} by the journal, and open at the exchange"
    is_revived = order.status in _NEVER_THERE
    return (Kind.ORDER_REVIVED if is_revived else Kind.ORDER_OPEN_UNEXPECTEDLY), what


def _is_filled_since(state: State, listed: ListedOrder, fills: Sequence[ListedFill]) -> bool:
    """Return whether an order filled in this journal's time: an older one is history."""
    since = _begun(state)
    return bool(listed.filled) and any(
        each.exchange_id == listed.exchange_id and each.fill.filled_at >= since for each in fills
    )


def _begun(state: State) -> int:
    """Return from when on what happened is no history: a little before this journal began."""
    assert state.started is not None, "a session has started"
    return state.started.at - BEFORE_MS


def _is_other_bot_s(state: State, order_id: str) -> bool:
    """Return whether an id is one that a tradebot of another name gave."""
    assert state.started is not None, "a session has started"
    return is_order_id(order_id) and not order_id.startswith(namespace(state.started.bot))


def _unbooked(
    orders: Sequence[KnownOrder], market: str, fills: Sequence[ListedFill]
) -> list[Difference]:
    """Return the orders of ours that have a fill the books do not know."""
    by_number = {order.exchange_id: order for order in orders if order.market == market}
    missing: dict[str, Decimal] = {}
    for each in _unknown_fills(orders, market, fills):
        told = missing.get(each.exchange_id, ZERO)
        missing[each.exchange_id] = MONEY_CONTEXT.add(told, each.fill.quantity)
    return [
        _of(
            Kind.FILLS_MISSING,
            by_number[number],
            plain(quantity),
            f"filled {plain(quantity)} more",
            "has fills that are not booked",
        )
        for number, quantity in missing.items()
    ]


def _open(
    state: State, order: KnownOrder | None, order_id: str, filled: Decimal
) -> Difference | None:
    """Return what is wrong with an order that the account's list of open ones shows."""
    words = f"open, filled {plain(filled)}"
    if order is None and _is_other_bot_s(state, order_id):
        return _of_other_bot(order_id, words, "")
    if order is None:
        return _not_in_journal(state, order_id, words, "")
    if order.status in SETTLED:
        kind, what = _not_expected(order)
        return _of(kind, order, words, words, what)
    if filled > order.filled:
        return _of(Kind.FILLS_MISSING, order, words, words, "has fills that are not booked")
    return None


def _of_other_bot(order_id: str, words: str, market: str) -> Difference:
    where = f"{symbol_of(market)}: order" if market else "order"
    return Difference(
        kind=Kind.OTHER_BOT,
        subject=order_id,
        # Whatever becomes of it: who chose to leave it has left it.
        mark="there",
        journal="",
        exchange=words,
        text=f"{where} {order_id} is of another tradebot, under another name, that has orders on "
        "this account; one bot an account",
        markets=(market,) if market else (),
    )


def _not_in_journal(state: State, order_id: str, words: str, market: str) -> Difference:
    assert state.started is not None, "a session has started"
    where = f"{symbol_of(market)}: order" if market else "order"
    return Difference(
        kind=Kind.ORDER_NOT_IN_JOURNAL,
        subject=order_id,
        mark=words,
        journal="",
        exchange=words,
        text=f"{where} {order_id} of bot {state.started.bot!r} is at the exchange and not in this "
        "journal: another tradebot trades this account, or an older journal did",
        markets=(market,) if market else (),
    )


def _of(kind: Kind, order: KnownOrder, mark: str, exchange: str, what: str) -> Difference:
    return Difference(
        kind=kind,
        subject=order.id,
        mark=mark,
        journal=f"{order.status}, filled {plain(order.filled)}",
        exchange=exchange,
        text=f"{symbol_of(order.market)}: order {order.id} {what}",
        markets=(order.market,),
    )
