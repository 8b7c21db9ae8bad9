"""What an order may be when it is intended: no more than the caps allow, on the newest candle.

Law: what is held, what is open and what is in doubt counts, each at its whole remainder.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tests.simulation.coins import Coins
from tests.simulation.record import Record
from tests.simulation.rows import OPEN, Listed, Told

# Amounts are counted in whole units, rounded against the owner; here they are not.
CENT = Decimal("0.01")
PPM = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The limits that a world's bot was given."""

    positions_max: int
    position_ppm_max: int
    exposure_ppm_max: int
    timeframe_ms: int


class Limits:
    """Looks at every entry when it is intended."""

    def __init__(
        self, record: Record, coins: Coins, markets: Mapping[str, Listed], caps: Caps
    ) -> None:
        self._record = record
        self._coins = coins
        self._markets = markets
        self._caps = caps
        self._entries: set[tuple[str, int]] = set()

    def entry(self, time: int, order: Told, unsettled: Iterable[Told], first: int) -> None:
        """Check an entry; `unsettled` are the orders that are out, `first` the first close."""
        must, market = self._record.must, order.market
        out = list(unsettled)
        doubt = [each for each in out if each.market == market and each.status not in OPEN]
        must(not doubt, "I7", f"an entry in {market} while an order there is in doubt")
        key = market, order.closed_at
        must(key not in self._entries, "I22", f"{market} entered twice")
        self._entries.add(key)
        self._fresh(time, order, first)
        self._capped(order, out)

    def _fresh(self, time: int, order: Told, first: int) -> None:
        """Check that an entry is for a candle that has just closed, right after the one before."""
        must, frame = self._record.must, self._caps.timeframe_ms
        closes = self._markets[order.market].closes
        index = bisect_left(closes, order.closed_at)
        is_there = index < len(closes) and closes[index] == order.closed_at
        must(is_there, "I13", f"{order.market} entered at {order.closed_at}, where none closed")
        age = time - order.closed_at
        must(2 * age <= 3 * frame, "I13", f"{order.market} entered {age} ms after its candle")
        if order.closed_at > first:
            is_next = closes[index - 1] == order.closed_at - frame
            must(is_next, "I13", f"{order.market} entered after a gap in its candles")

    def _capped(self, order: Told, out: list[Told]) -> None:
        must, caps, coins = self._record.must, self._caps, self._coins
        market, quote = order.market, self._markets[order.market].quote
        buys = [each for each in out if each.side == "buy"]
        busy = {name for name in self._markets if coins.sellable(name, is_booked=True)}
        busy |= {market, *(each.market for each in buys)}
        text = f"{len(busy)} positions, the limit is {caps.positions_max}"
        must(len(busy) <= caps.positions_max, "I10", text)
        worth = {name: coins.worth(name) for name in self._markets}
        equity = coins.cash(quote) + sum(worth.values())
        for each in (*buys, order):
            worth[each.market] += each.remaining_worth
        here, everywhere = worth[market], sum(worth.values())
        limit = equity * caps.position_ppm_max / PPM + CENT
        must(here <= limit, "I10", f"{here} in {market}, the limit is {limit}")
        limit = equity * caps.exposure_ppm_max / PPM + CENT
        must(everywhere <= limit, "I10", f"{everywhere} in all, the limit is {limit}")
        spent = sum((each.remaining_worth for each in (*buys, order)), Decimal(0))
        must(spent <= coins.cash(quote), "I10", f"{spent} to pay of {coins.cash(quote)}")
