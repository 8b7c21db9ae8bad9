"""What the engine knows of our orders, and what of their candles it remembers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tradebot.model.order import Leg, Order


@dataclass(frozen=True, slots=True)
class Orders:
    """Our orders: all that are unsettled, and the newest settled ones.

    `attempted` holds, for each market and leg, the newest candle at which an order was intended,
    and how many were.
    """

    unsettled: Mapping[str, Order] = field(default_factory=dict)
    settled: Mapping[str, Order] = field(default_factory=dict)
    attempted: Mapping[tuple[str, Leg], tuple[int, int]] = field(default_factory=dict)

    def get(self, order_id: str) -> Order | None:
        """Return the order of that id, settled or not; None where it is not known."""
        return self.unsettled.get(order_id) or self.settled.get(order_id)

    def of(self, market: str) -> list[Order]:
        """Return the unsettled orders of one market, oldest first."""
        if not self.unsettled:
            return []
        return [order for order in self.unsettled.values() if order.market == market]

    def attempts(self, market: str, leg: Leg, closed_at: int) -> int:
        """Return how many orders of this leg were intended at this candle, the newest one."""
        newest, count = self.attempted.get((market, leg), (0, 0))
        return count if newest == closed_at else 0

    def latest(self, market: str, leg: Leg, closed_at: int) -> int:
        """Return the newest time of an order of this leg, at least `closed_at`.

        A restart decides a candle again after orders of a later time: their ids go on from there.
        """
        return max(closed_at, self.attempted.get((market, leg), (0, 0))[0])
