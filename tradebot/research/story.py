"""What happened, told event by event: orders with their numbers, and what stood in their way.

Law: amounts are told exactly as the journal has them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tradebot.model import event as ev
from tradebot.model.command import CommandEnded, CommandTaken, SignalSpent
from tradebot.model.money import plain
from tradebot.model.order import Leg
from tradebot.research.moments import Step
from tradebot.runtime.telling import news

OF_ALL = ev.TradingStateChanged | ev.LimitTripped | ev.SessionReconfigured


@dataclass(frozen=True, slots=True)
class Told:
    """One event in words. `at` in UTC ms; `order_id` of the order that it is about."""

    at: int
    text: str
    order_id: str | None = None


def told(
    steps: Iterable[Step], market: str, quiet: tuple[type[ev.Event], ...] = (ev.OrderSent,)
) -> tuple[Told, ...]:
    """Return what concerns a market, oldest first: its own events and those of all markets.

    Events of the kinds in `quiet` are left out.
    """
    found: list[Told] = []
    commands = set[str]()
    scopes = ("", market, market.partition(":")[2])
    for step in steps:
        event = step.event
        if isinstance(event, quiet):
            continue
        match event:
            case CommandTaken(scope=scope) if scope in scopes:
                commands.add(event.command_id)
            case CommandEnded(command_id=command_id) if command_id in commands:
                pass
            case _ if step.market != market and not isinstance(event, OF_ALL):
                continue
        text = words(step)
        if text:
            found.append(Told(event.at, text, getattr(event, "order_id", None)))
    return tuple(found)


def words(step: Step) -> str:
    """Return an event in words; "" = it is worth none."""
    event = step.event
    match event:
        case ev.OrderIntended():
            return f"{event.leg.value}: {event.side.value} {plain(event.quantity)} {_at(event)}"
        case ev.IntentRefused():
            return (
                f"{event.leg.value} refused by {event.control}: {event.message} "
                f"(limit {plain(event.limit)}, value {plain(event.value)})"
            )
        case ev.LimitTripped():
            return f"limit {event.control} tripped: {event.message}"
        case ev.MarketLocked():
            # The owner is told of a difference once for all its markets; here each is asked about.
            return f"takes only exits ({event.cause}): {event.reason}"
        case ev.SessionReconfigured():
            return f"another configuration from here on: {event.config_hash[:12]}"
        case CommandTaken():
            return f"by hand: {f'{event.word.value} {event.scope}'.rstrip()}: {event.reason}"
        case SignalSpent():
            return f"the present signal buys nothing more: {event.reason}"
        case _:
            return _of_order(step) or _news(step)


def _at(event: ev.OrderIntended) -> str:
    if event.stop_price is not None:
        return f"at its stop {plain(event.stop_price)}"
    if event.price is not None:
        return f"at its limit {plain(event.price)}"
    return f"at the market, about {plain(event.reference_price)}"


def _of_order(step: Step) -> str:
    """Return what became of an order; "" for what is no such event."""
    leg, event = _leg(step), step.event
    match event:
        case ev.OrderSent():
            return f"{leg} sent, once"
        case ev.OrderAccepted():
            return f"{leg} accepted by the exchange as {event.exchange_id}"
        case ev.OrderRejected():
            return f"{leg} rejected by the exchange: {event.message} ({event.code})"
        case ev.OrderUnknown():
            return f"{leg} in doubt: {event.cause}"
        case ev.FillBooked(fill=fill):
            part = "maker" if fill.is_maker else "taker"
            return (
                f"{leg} filled: {event.side.value} {plain(fill.quantity)} @ {plain(fill.price)}, "
                f"{part} fee {plain(fill.fee)} {fill.fee_asset}"
            )
        case ev.CancelSent():
            return f"{leg} cancel sent: {event.reason}"
        case ev.OrderCancelled():
            return f"{leg} cancelled"
        case ev.OrderExpired():
            return f"{leg} ended by the exchange" + (f": {event.reason}" if event.reason else "")
        case ev.OrderAbsent():
            return f"{leg} never reached the exchange: {event.evidence}"
        case ev.OrderDropped():
            return f"{leg} not sent: {event.reason}"
        case _:
            return ""


def _leg(step: Step) -> str:
    order = step.after.orders.get(getattr(step.event, "order_id", ""))
    return Leg.EXIT.value if order is None else order.leg.value


def _news(step: Step) -> str:
    item = news(step.event, step.after)
    return "" if item is None else item.text
