"""Every coin of the account, counted anew: by what happened at the exchange, and by the journal.

Law: what a person moves is a fact of the exchange, as a trade is; the journal follows it by an
adjustment, and once a person has had it adopted, both agree to the last digit.
"""

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from tests.simulation.record import Record
from tests.simulation.rows import Listed, changes_by

ZERO = Decimal(0)


class Coins:
    """Balances and positions, as the exchange has them and as the journal says."""

    def __init__(
        self, record: Record, markets: Mapping[str, Listed], opening: Mapping[str, Decimal]
    ) -> None:
        self._record = record
        self._markets = markets
        traded = {coin for each in markets.values() for coin in (each.base, each.quote)}
        self._opening = {coin: held for coin, held in opening.items() if coin in traded}
        # Of the others the journal knows nothing, until it says how much there is.
        self._apart = {coin: held for coin, held in opening.items() if coin not in traded}
        self._apart_moved: set[str] = set()
        self.known = frozenset({*traded, *opening})
        # Changes since the opening: by trades and by hand, by the journal; and what parts the two.
        self._there: dict[str, Decimal] = {}
        self._booked: dict[str, Decimal] = {}
        self._gap: dict[str, Decimal] = {}
        # What the bot bought and has not sold: by its trades, and by its journal.
        self.held: dict[str, Decimal] = dict.fromkeys(markets, ZERO)
        self.held_booked: dict[str, Decimal] = dict.fromkeys(markets, ZERO)
        # The last close that the bot was shown: it says what a rest is worth.
        self.price: dict[str, Decimal] = dict.fromkeys(markets, ZERO)

    # --- what happens ---------------------------------------------------------------------------

    def traded(self, market: str, side: str, fill: dict[str, Any]) -> None:
        """Count a fill of the bot's at the exchange."""
        changes = changes_by(self._markets[market], side, fill)
        self._change(changes)
        self.held[market] += changes[self._markets[market].base]
        # The bot sells what it bought, and none of the owner's own coins.
        held = self.held[market]
        self._record.must(held >= 0, "I8", f"{market}: sold {-held} too much")

    def moved(self, changes: Mapping[str, Decimal]) -> None:
        """Count what others have put into the account or taken out of it."""
        self._apart_moved |= changes.keys() & self._apart.keys()
        self._change(changes)

    def _change(self, changes: Mapping[str, Decimal]) -> None:
        for coin, change in changes.items():
            self._there[coin] = self._there.get(coin, ZERO) + change
            self._part(coin, change)

    def booked(self, market: str, side: str, fill: dict[str, Any]) -> None:
        """Count a fill in the journal."""
        changes = changes_by(self._markets[market], side, fill)
        for coin, change in changes.items():
            self._set(coin, change)
        self.held_booked[market] += changes[self._markets[market].base]

    def adjusted(self, coin: str, before: Decimal, after: Decimal) -> None:
        """Count a balance that the journal sets to the exchange's."""
        if coin in self._apart:
            self._kept(coin, before, after)
            return
        known = self._opening.get(coin, ZERO) + self._booked.get(coin, ZERO)
        self._record.must(before == known, "I4", f"{coin}: set from {before}, it was {known}")
        self._set(coin, after - before)

    def is_apart(self, coin: str) -> bool:
        """Return whether it is a coin that the journal has paid in, and holds no balance of."""
        return coin in self._apart and bool(self._booked.get(coin))

    def _kept(self, coin: str, before: Decimal, after: Decimal) -> None:
        """Count a coin that the journal holds from now on: it has booked what was paid of it."""
        opening, booked = self._apart.pop(coin), self._booked[coin]
        self._record.must(not before, "I4", f"{coin}: set from {before}, it was never told")
        # What others have moved may have been read a moment before: then it is found later.
        is_exact = coin in self._apart_moved or after == opening + booked
        what = f"{coin}: kept with {after}, not {opening + booked}"
        self._record.must(is_exact, "I4", what)
        self._record.counts["fee coin kept"] += 1
        self._opening[coin], self._booked[coin] = opening, after - opening
        self._part(coin, self._there[coin] - self._booked[coin])

    def shrunk(self, market: str, before: Decimal, quantity: Decimal) -> None:
        """Count a position that the journal sets to what the exchange has left of it."""
        known = self.held_booked[market]
        self._record.must(before == known, "I4", f"{market}: set from {before}, it was {known}")
        self._record.must(quantity < before, "I4", f"{market}: set from {before} to {quantity}")
        self.held_booked[market] = quantity
        self.held[market] += quantity - before

    def _set(self, coin: str, change: Decimal) -> None:
        self._booked[coin] = self._booked.get(coin, ZERO) + change
        self._part(coin, -change)

    def _part(self, coin: str, change: Decimal) -> None:
        if coin not in self._apart:
            self._gap[coin] = self._gap.get(coin, ZERO) + change

    # --- what it comes to -----------------------------------------------------------------------

    def gaps(self) -> dict[str, Decimal]:
        """Return what the exchange has more than the journal says, of each coin that differs."""
        return {coin: gap for coin, gap in self._gap.items() if gap}

    def total(self, coin: str) -> Decimal:
        """Return what the exchange has of a coin."""
        return self._opening.get(coin, ZERO) + self._there.get(coin, ZERO)

    def sellable(self, market: str, *, is_booked: bool = False) -> Decimal:
        """Return the whole lots of the position that the exchange would take at the last close."""
        listed = self._markets[market]
        held = self.held_booked[market]
        if not is_booked:
            # What somebody has taken away can be neither guarded nor sold.
            held = min(self.held[market], self.total(listed.base))
        lots = (held / listed.step).to_integral_value(ROUND_FLOOR) * listed.step
        is_taken = lots >= listed.minimum and lots * self.price[market] >= listed.worth_min
        return lots if is_taken else ZERO

    def worth(self, market: str) -> Decimal:
        """Return what the journal's position is worth at the last close."""
        return self.held_booked[market] * self.price[market]

    def cash(self, coin: str) -> Decimal:
        """Return what the journal says there is of a coin."""
        return self._opening.get(coin, ZERO) + self._booked.get(coin, ZERO)

    # --- who agrees -----------------------------------------------------------------------------

    def claimed(self, market: str, held: Decimal, balances: Mapping[str, Decimal]) -> None:
        """Compare what the bot believes with its journal."""
        booked = self.held_booked[market]
        self._record.must(
            held == booked, "I4", f"{market}: the bot believes {held}, its fills say {booked}"
        )
        self._compare("I19", "the bot", balances, self._booked)
        for coin in self._apart:
            self._record.must(coin not in balances, "I19", f"{coin}: the bot made up a balance")

    def told(self, balances: Mapping[str, Decimal]) -> None:
        """Compare what the exchange says with what happened there."""
        self._compare("I19", "the exchange", balances, self._there)
        for coin, held in self._apart.items():
            expected, found = held + self._there.get(coin, ZERO), balances.get(coin, ZERO)
            text = f"the exchange has {found} {coin}, not {expected}"
            self._record.must(found == expected, "I19", text)

    def agree(self, balances: Mapping[str, Decimal]) -> None:
        """Compare what the exchange says with the journal."""
        self._compare("I4", "the journal", balances, self._booked)
        for market, held in self.held.items():
            booked = self.held_booked[market]
            self._record.must(held == booked, "I4", f"{market}: {booked} booked of {held}")

    def _compare(
        self,
        rule: str,
        who: str,
        balances: Mapping[str, Decimal],
        changes: Mapping[str, Decimal],
    ) -> None:
        for coin in {*balances, *self._opening, *changes} - self._apart.keys():
            expected = self._opening.get(coin, ZERO) + changes.get(coin, ZERO)
            found = balances.get(coin, ZERO)
            self._record.must(
                found == expected, rule, f"{who} has {found} {coin}, not {expected}"
            )
