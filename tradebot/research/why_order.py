"""Why one order of ours: its reason, its size, the gate's ruling, and what became of it.

Law: that of `why`: read from the journal alone.
"""

from dataclasses import dataclass
from decimal import Decimal

from tradebot.engine.state import State
from tradebot.errors import NotFoundError
from tradebot.model import event as ev
from tradebot.model.account import Position
from tradebot.model.money import MONEY_CONTEXT
from tradebot.model.order import Leg, Order
from tradebot.research.moments import Step, steps
from tradebot.research.sized import Line, size_lines
from tradebot.research.story import Told, told
from tradebot.research.why import Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class OfOrder:
    """One order explained. `others` are the orders of the same round trip, oldest first.

    `gain` is what the round trip brought in quote, after fees; None while it is open, or where
    nothing was bought.
    """

    intended: ev.OrderIntended
    order: Order
    lines: tuple[Line, ...]
    life: tuple[Told, ...]
    others: tuple[Order, ...]
    gain: Decimal | None


def of_order(about: Asked, order_id: str) -> OfOrder:
    """Return why an order of the market. Raises NotFoundError where there is none of that id."""
    market = about.market.name
    trip: list[Step] = []
    found: Step | None = None
    for step in steps(about.events):
        if getattr(step.event, "order_id", None) == order_id and step.market != market:
            raise _elsewhere(about, order_id, step.market)
        if step.market != market:
            continue
        if _begins(step, trip):
            if found is not None:
                break
            trip = []
        trip.append(step)
        if isinstance(step.event, ev.OrderIntended) and step.event.order_id == order_id:
            found = step
    if found is None:
        raise NotFoundError(
            f"no order {order_id!r} in {about.run}",
            hint="`tradebot journal show --kind order_intended` names every one",
        )
    return _explained(about, found, trip)


def _elsewhere(about: Asked, order_id: str, market: str | None) -> NotFoundError:
    symbol = (market or "").partition(":")[2]
    return NotFoundError(
        f"order {order_id} is of {symbol}, not of {about.market.symbol}",
        hint=f"`tradebot why {symbol} --order {order_id}`",
    )


def _begins(step: Step, trip: list[Step]) -> bool:
    """Return whether a round trip begins: an entry is intended, and nothing is held."""
    if not isinstance(step.event, ev.OrderIntended) or step.event.leg is not Leg.ENTRY:
        return False
    return not trip or not _position(trip[-1].after, step.event.market).is_open


def _position(state: State, market: str) -> Position:
    return state.positions.get(market, Position())


def _explained(about: Asked, found: Step, trip: list[Step]) -> OfOrder:
    intended = found.event
    assert isinstance(intended, ev.OrderIntended), "an order was intended"
    market = about.market
    orders: dict[str, Order] = {}
    for step in trip:
        name = getattr(step.event, "order_id", None)
        # A settled order is let go in time: what was last known of it stands.
        order = None if name is None else step.after.orders.get(name)
        if order is not None:
            orders[order.id] = order
    own = [step for step in trip if getattr(step.event, "order_id", None) == intended.order_id]
    then, scale = found.after.markets[market.name], found.after.scales[market.name]
    return OfOrder(
        intended=intended,
        order=orders.pop(intended.order_id),
        lines=size_lines(intended.size, then, scale, intended.quantity),
        life=told(own, market.name, quiet=()),
        others=tuple(orders.values()),
        gain=_gain(trip, market.name),
    )


def _gain(trip: list[Step], market: str) -> Decimal | None:
    """Return what the round trip brought; a rest under one lot is no part of it."""
    for step in reversed(trip):
        if isinstance(step.event, ev.FillBooked):
            position = _position(step.after, market)
            if position.is_open:
                return None
            return MONEY_CONTEXT.subtract(position.proceeds, position.cost)
    return None
