"""How long a position was without its stop: all of it, and what the bot has to answer for.

Law: the clock of the bound stands while nobody could help, and while a call of the bot is under
way: a request without an answer takes as long as it takes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tests.simulation.rows import There

# Written here a second time, from the promise: ten seconds to protect a position, thirty more to
# sell it; then its owner has been called. While it is bare the bot looks so often.
PROTECTING_MS, EXITING_MS, LOOK_MS = 10_000, 30_000, 2_000
BOUND_MS = PROTECTING_MS + EXITING_MS + LOOK_MS
# That others took a stop away is found by reads, and proved by two of them: they may be old, and
# fail many times in a row.
FOUND_MS = 600_000
# Ways of counting: all; while the bot was alive and the exchange in reach; of that until covered
# or paged; of that with no call of the bot under way.
ALL, ABLE, SILENT, IDLE = "in all", "able to act", "until covered or paged", "no call under way"


def at_rest(open_there: Iterable[There], market: str) -> tuple[Decimal, Decimal]:
    """Return how much a market's stops and sales would sell, and how much is for sale at most."""
    covering = Decimal(0)
    groups: dict[int, Decimal] = {}
    for there in open_there:
        if there.market != market or there.side != "sell":
            continue
        covering += there.remaining if there.kind in ("stop", "market") else 0
        key = there.group if there.group >= 0 else -1 - len(groups)
        groups[key] = max(groups.get(key, Decimal(0)), there.remaining)
    return covering, sum(groups.values(), Decimal(0))


@dataclass(slots=True)
class Stopwatch:
    """Adds up the time in which something held."""

    total_ms: int = 0
    since: int | None = None

    def turn(self, time: int, *, is_on: bool) -> None:
        """Note that it holds from now on, or no longer."""
        if is_on and self.since is None:
            self.since = time
        elif not is_on and self.since is not None:
            self.total_ms += time - self.since
            self.since = None

    def read(self, time: int) -> int:
        """Return the milliseconds so far."""
        return self.total_ms + (0 if self.since is None else time - self.since)


@dataclass(slots=True)
class Protection:
    """Counts bare milliseconds by market, and hears when the owner is called."""

    is_wanted: bool
    bare_ms: int = 0
    longest: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys((ALL, ABLE, SILENT, IDLE), 0)
    )
    # Markets of which the owner was called, and whose entries are locked.
    paged: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)
    _since: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    # Orders that others took away from a market, and the bot's books have them still.
    _hidden: dict[str, set[str]] = field(default_factory=dict)
    # The bot is dead, or the exchange out of reach; or a call is under way.
    _helpless: Stopwatch = field(default_factory=Stopwatch)
    _excused: Stopwatch = field(default_factory=Stopwatch)
    _is_calling: bool = False

    # --- positions ------------------------------------------------------------------------------

    def seen(self, time: int, market: str, *, is_covered: bool) -> None:
        """Note whether a market's position is covered from now on."""
        if not self.is_wanted:
            return
        if not is_covered:
            begun = (time, self._helpless.read(time), self._excused.read(time))
            self._since.setdefault(market, begun)
        elif market in self._since:
            self._end_of_silence(time, market)
            self._count(ALL, time - self._since[market][0])
            self._count(ABLE, self._able_ms(time, market))
            self.bare_ms += time - self._since.pop(market)[0]
            self._hidden.pop(market, None)

    def hide(self, market: str, order_id: str) -> None:
        """Note that others took an order of the market away, which the bot cannot know at once."""
        if market in self._since:
            self._hidden.setdefault(market, set()).add(order_id)

    def found(self, time: int, market: str, order_id: str) -> None:
        """Note that the bot's books say so; once they know all, it must not stay bare."""
        hidden = self._hidden.get(market, set())
        hidden.discard(order_id)
        if market in self._hidden and not hidden:
            del self._hidden[market]
            begun = self._since[market][0]
            # As if nobody could have helped before.
            helpless = self._helpless.read(time) - (time - begun)
            excused = self._excused.read(time) - (time - begun)
            self._since[market] = begun, helpless, excused

    def is_covered(self, market: str) -> bool:
        """Return whether the market's position is covered."""
        return market not in self._since

    def late(self, time: int) -> list[str]:
        """Return the markets that are bare over the bound, though nobody was called."""
        return [
            market
            for market in self._since
            if market not in self.locked
            and self._idle_ms(time, market) > (FOUND_MS if market in self._hidden else BOUND_MS)
        ]

    def _able_ms(self, time: int, market: str) -> int:
        since, helpless, _ = self._since[market]
        return time - since - (self._helpless.read(time) - helpless)

    def _idle_ms(self, time: int, market: str) -> int:
        since, _, excused = self._since[market]
        return time - since - (self._excused.read(time) - excused)

    def _end_of_silence(self, time: int, market: str) -> None:
        if market in self._since and market not in self.locked | self._hidden.keys():
            self._count(SILENT, self._able_ms(time, market))
            self._count(IDLE, self._idle_ms(time, market))

    def _count(self, name: str, length: int) -> None:
        self.longest[name] = max(self.longest[name], length)

    # --- the owner ------------------------------------------------------------------------------

    def heard(self, time: int, kind: str, body: Mapping[str, str]) -> str:
        """Hear of an event; return what is wrong with it, "" = nothing."""
        market = body.get("market", "")
        if kind == "position_unprotected":
            self.paged.add(market)
        elif body.get("cause") != "protection":
            return ""
        elif kind == "market_locked":
            if market not in self.paged:
                return f"{market} is locked, and nobody was called"
            self._end_of_silence(time, market)
            self.locked.add(market)
        elif kind == "market_unlocked":
            self.paged.discard(market)
            self.locked.discard(market)
        return ""

    # --- time -----------------------------------------------------------------------------------

    def helpless(self, time: int, *, is_helpless: bool) -> None:
        """Note that nobody could help from now on, or could again."""
        self._helpless.turn(time, is_on=is_helpless)
        self._excused.turn(time, is_on=is_helpless or self._is_calling)

    def calling(self, time: int, *, is_calling: bool) -> None:
        """Note that a call of the bot is under way from now on, or over."""
        self._is_calling = is_calling
        self._excused.turn(time, is_on=is_calling or self._helpless.since is not None)
