"""Which keys may trade, by what their exchange tells of them, and the watch over the one in use.

Law: a key that can move coins away trades nothing, whatever its owner says; for real money a right
that is not told counts as one that is there. What is found while running stops entries, never
exits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from tradebot.adapters.logs import get_logger
from tradebot.errors import ExchangeUnavailable, KeystoreError
from tradebot.model import event as ev
from tradebot.runtime.settling import Books

if TYPE_CHECKING:
    from tradebot.adapters.permissions import Permissions

CAUSE: Final = "permissions"
EVERY_MS: Final = 3_600_000
# After what was refused or not answered.
SOON_MS: Final = 300_000
# So long a key stands by its last answer while no new one comes.
SILENT_MS: Final = 3 * EVERY_MS
# From where a key works, by what is told of it.
OPEN_TO: Final = {
    True: "the key works from listed addresses only",
    False: "the key works from every address",
    None: "the exchange does not tell from which addresses the key works",
}
HINT: Final = "take that right from the key at the exchange, or make a key that can only trade"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTerms:
    """What is asked of a key.

    `is_real`: it trades real money. `any_address`: its owner has typed what that means. `note`
    hears what the exchange tells while the key is in use, where it differs from the last time.
    """

    is_real: bool
    any_address: bool = False
    note: Callable[["Permissions"], None] = lambda told: None


def refusal(told: "Permissions", terms: KeyTerms) -> str:
    """Return why a key may not trade; "" = it may."""
    if told.may_withdraw:
        return "the key may withdraw"
    if told.may_transfer:
        return "the key may transfer coins out of the account that is traded"
    if told.may_trade is False:
        return "the key may not trade"
    if not terms.is_real:
        return ""
    if not told.checked:
        return f"nobody knows what the key may do: {untold(told)}"
    if not (told.ip_restricted or terms.any_address):
        return OPEN_TO[told.ip_restricted]
    return ""


def untold(told: "Permissions") -> str:
    """Return why it is not known what a key may do."""
    if told.why:
        return told.why
    if told.unknown:
        return f"it has rights that are new to this program: {', '.join(told.unknown)}"
    return "the exchange's answer does not name every right"


def described(told: "Permissions") -> str:
    """Return in words what a key may do."""
    rights = {
        "trade": told.may_trade,
        "withdraw": told.may_withdraw,
        "transfer": told.may_transfer,
    }
    may = [name for name, is_granted in rights.items() if is_granted]
    open_ = [name for name, is_granted in rights.items() if is_granted is None]
    parts = [f"may {', '.join(may)}" if may else "may do nothing that is known"]
    if open_:
        parts.append(f"not told: {', '.join(open_)}")
    where = {True: "from listed addresses", False: "from every address", None: "from untold ones"}
    return "; ".join([*parts, where[told.ip_restricted]])


class Steady(Protocol):
    """The time to write down, and one that never jumps."""

    def now_ms(self) -> int:
        """Return the time now, in UTC ms."""
        ...

    def monotonic_ms(self) -> int:
        """Return ms since an unnamed moment."""
        ...


class KeyWatch:
    """Asks every hour what the key in use may do; `ask` does."""

    def __init__(
        self,
        books: Books,
        clock: Steady,
        terms: KeyTerms,
        *,
        ask: Callable[[], "Permissions"],
    ) -> None:
        self._books = books
        self._clock = clock
        self._terms = terms
        self._ask = ask
        self._answered = clock.monotonic_ms()
        self._due = self._answered + EVERY_MS
        self._told: Permissions | None = None

    def begin(self) -> None:
        """Let entries in again that an earlier watch kept out: the start has asked anew."""
        self._settle("")

    def look(self) -> None:
        """Ask if it is time to, and keep entries out, or let them in again, by what is told."""
        now = self._clock.monotonic_ms()
        if now < self._due:
            return
        why = self._found(now)
        self._due = now + (EVERY_MS if why == "" else SOON_MS)
        if why is not None:
            self._settle(why)

    def _found(self, now: int) -> str | None:
        """Return why the key may not trade; "" = it may, None = nobody answered, for now."""
        try:
            told = self._ask()
        except ExchangeUnavailable as error:
            get_logger("keys").warning("key.not_checked", message=error.message)
            if not self._terms.is_real or now - self._answered < SILENT_MS:
                return None
            return f"since {SILENT_MS // EVERY_MS} hours nobody knows what the key may do"
        except KeystoreError as error:
            return error.message
        self._answered = now
        if told != self._told:
            self._told = told
            self._terms.note(told)
        return refusal(told, self._terms)

    def _settle(self, why: str) -> None:
        """Lock every market for this reason, or unlock what was locked; record only a change."""
        state, at = self._books.state, self._clock.now_ms()
        assert state.started is not None, "a session has started"
        locked = {market: said for (market, cause), said in state.locks.items() if cause == CAUSE}
        if why:
            self._books.record(
                [
                    ev.MarketLocked(at=at, market=market.name, cause=CAUSE, reason=why)
                    for market in state.started.markets
                    if locked.get(market.name) != why
                ]
            )
        else:
            reason = "nothing that the exchange tells is against the key"
            self._books.record(
                [
                    ev.MarketUnlocked(at=at, market=market, cause=CAUSE, reason=reason)
                    for market in locked
                ]
            )
