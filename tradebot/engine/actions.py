"""What `decide` asks for: values that the Session carries out, in order."""

from dataclasses import dataclass

from tradebot.model.order import Approved, Order, Refused


@dataclass(frozen=True, slots=True)
class Place:
    """Place one order."""

    order: Approved


@dataclass(frozen=True, slots=True)
class PlaceOco:
    """Place a stop and a target of which one fill ends the other."""

    stop: Approved
    target: Approved


@dataclass(frozen=True, slots=True)
class Replace:
    """Place an order in the stead of a resting one, in one request."""

    resting: Order
    order: Approved
    reason: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel a resting order, and its OCO sibling with it."""

    order: Order
    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Record that the risk gate stopped an intent."""

    refused: Refused


Action = Place | PlaceOco | Replace | Cancel | Refuse
