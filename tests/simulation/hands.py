"""What others did to the account, what the bot made of it, and what only a person may lift.

Law: what nobody has touched never differs, never locks and never halts. What was touched is found,
and stays found, locked or halted until the owner has spoken. Only where reads are older than the
two looks of a comparison are apart may an order seem to differ that does not.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.simulation.coins import Coins
from tests.simulation.record import Record
from tests.simulation.rows import APART_MS, Listed

# Differences that are named and left alone, and those of a position: written here a second time.
NOTED = frozenset({"cash_more", "coins_more", "coins_less"})
OF_POSITION = frozenset({"position_short", "rest_short"})
LOCKING = frozenset({"position_short", "cash_short"})
# A stop that is latched takes the bot so long, at most, to write down that it halts.
HALTING_MS = 10_000


class Hands:
    """Who touched what, and what waits for the owner."""

    def __init__(
        self, record: Record, coins: Coins, markets: Mapping[str, Listed], *, lag_ms_max: int
    ) -> None:
        self._record = record
        self._is_laggard = lag_ms_max > APART_MS
        self._coins = coins
        self._markets = markets
        # Since when; an order that others ended, a coin that others moved.
        self.orders: dict[str, int] = {}
        self.moved: dict[str, int] = {}
        self.locks: set[tuple[str, str]] = set()
        self.is_owner_acting = False
        self.is_halted = False
        self._found: dict[tuple[str, str], dict[str, Any]] = {}
        self._is_killed = False
        self._killed_until = -HALTING_MS
        # Coins of positions that were just shrunk: their balances follow.
        self._shrunk: set[str] = set()

    # --- what happens ---------------------------------------------------------------------------

    def touched(self, time: int, what: str) -> None:
        """Hear that somebody else has ended an order of ours, or moved a coin."""
        names = self.moved if what in self._coins.known else self.orders
        names.setdefault(what, time)

    def killed(self, time: int, *, is_killed: bool) -> None:
        """Hear that the emergency stop was latched, or lifted."""
        self._is_killed = is_killed
        self._killed_until = time

    def is_killed(self) -> bool:
        """Return whether the emergency stop is latched."""
        return self._is_killed

    def is_waiting(self) -> bool:
        """Return whether anything waits for the owner, told or not."""
        is_locked = any(cause == "reconcile" for _, cause in self.locks)
        return bool(self.moved or self.orders or self._found or self.is_halted or is_locked)

    def is_locked(self, market: str) -> bool:
        """Return whether a market takes no entries."""
        return any(name == market for name, _ in self.locks)

    # --- what the journal makes of it -----------------------------------------------------------

    def heard(self, time: int, kind: str, body: Mapping[str, Any]) -> None:
        """Hear of an event that is on disk."""
        handler = getattr(self, f"_on_{kind}", None)
        if handler is not None:
            handler(time, body)
        if kind not in ("position_adjusted", "balance_adjusted"):
            self._shrunk.clear()

    def _on_difference_found(self, time: int, body: Mapping[str, Any]) -> None:
        kind, subject = body["kind"], body["subject"]
        coin = self._markets[subject].base if kind in OF_POSITION else subject
        is_of_order = kind.startswith(("order_", "fills_"))
        is_true = coin in (self.orders if is_of_order else self.moved)
        if is_of_order and not is_true and self._is_laggard:
            self._record.note(time, "false alarm", f"{kind} of {subject}")
        else:
            self._record.must(is_true, "I4", f"{kind} of {subject}, which nobody touched")
        self._found[kind, subject] = dict(body)

    def _on_difference_resolved(self, time: int, body: Mapping[str, Any]) -> None:
        kind, how = body["kind"], body["how"]
        is_over = how == "agreed" and kind in NOTED
        is_let = is_over or self.is_owner_acting
        self._record.must(is_let, "I4", f"{kind} is {how}, and nobody said so")
        self._found.pop((kind, body["subject"]), None)

    def _on_market_locked(self, time: int, body: Mapping[str, Any]) -> None:
        self.locks.add((body["market"], body["cause"]))
        is_true = body["cause"] != "reconcile" or bool(self._found)
        self._record.must(is_true, "I4", f"{body['market']} is locked, though nothing differs")

    def _on_market_unlocked(self, time: int, body: Mapping[str, Any]) -> None:
        self.locks.discard((body["market"], body["cause"]))
        is_let = body["cause"] != "reconcile" or self.is_owner_acting
        self._record.must(is_let, "I4", f"{body['market']} was unlocked by nobody")

    def _on_trading_state_changed(self, time: int, body: Mapping[str, Any]) -> None:
        self.is_halted = body["state"] == "halted"
        if self.is_halted:
            is_true = self._is_killed or time - self._killed_until <= HALTING_MS or self._found
            self._record.must(bool(is_true), "I4", f"halted for nothing: {body['reason']}")
        else:
            self._record.must(not self._is_killed, "I12", "active, though the stop is latched")

    def _on_position_adjusted(self, time: int, body: Mapping[str, Any]) -> None:
        market = body["market"]
        coin = self._markets[market].base
        self._record.must(coin in self.moved, "I4", f"{market} was shrunk, and nobody took of it")
        self._coins.shrunk(market, Decimal(body["before"]), Decimal(body["quantity"]))
        self._shrunk.add(coin)

    def _on_balance_adjusted(self, time: int, body: Mapping[str, Any]) -> None:
        coin = body["asset"]
        is_let = self.is_owner_acting or coin in self._shrunk or self._coins.is_apart(coin)
        self._record.must(is_let, "I4", f"{coin} was adopted, and nobody said so")
        self._coins.adjusted(coin, Decimal(body["before"]), Decimal(body["after"]))

    # --- what must have been seen ---------------------------------------------------------------

    def unfound(self) -> str:
        """Return a coin that others have moved, and nobody was told of it; "" = none."""
        for coin, gap in self._coins.gaps().items():
            told = (each["mark"] for (_, subject), each in self._found.items() if subject == coin)
            if not any(Decimal(mark) == gap for mark in told):
                return coin
        return ""

    def must_be_found(self) -> None:
        """Check that all that others moved has been found, and what is short locked.

        The bot has had the time to look, and the exchange has answered.
        """
        coin = self.unfound()
        self._record.must(not coin, "I4", f"others moved {coin}, and nobody was told")
        for market, listed in self._markets.items():
            held, total = self._coins.held_booked[market], self._coins.total(listed.base)
            text = f"{market}: a position of {held}, and the exchange has {total}"
            self._record.must(held <= total, "I4", text)
        for kind, subject in self._found:
            if kind not in LOCKING:
                continue
            for market in [subject] if subject in self._markets else self._markets:
                is_locked = (market, "reconcile") in self.locks
                self._record.must(is_locked, "I4", f"{kind} of {subject}, and no lock")

    def must_be_over(self) -> None:
        """Check that nothing waits after the owner has spoken, and forget what was touched."""
        self._record.must(not self._found, "I23", f"{list(self._found)} wait after the word")
        left = {each for each in self.locks if each[1] == "reconcile"}
        self._record.must(not left, "I23", f"{left} after the word")
        self._record.must(not self.is_halted, "I23", "still halted after the word")
        self.orders.clear()
        self.moved.clear()
