"""How long a position was without its stop: all of it, and the part that nobody could help."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Protection:
    """Counts bare milliseconds by market.

    `helpless` time is when the bot is dead, or the exchange out of reach.
    """

    is_wanted: bool
    bare_ms: int = 0
    longest_ms: int = 0
    longest_able_ms: int = 0
    longest_at: int = 0
    longest_able_at: int = 0
    _since: dict[str, tuple[int, int]] = field(default_factory=dict)
    _helpless_ms: int = 0
    _helpless_since: int | None = None

    def seen(self, time: int, market: str, *, is_covered: bool) -> None:
        """Note whether a market's position is covered from now on."""
        if not self.is_wanted:
            return
        if not is_covered:
            self._since.setdefault(market, (time, self._helpless(time)))
            return
        begun = self._since.pop(market, None)
        if begun is None:
            return
        length = time - begun[0]
        able = length - (self._helpless(time) - begun[1])
        self.bare_ms += length
        if length > self.longest_ms:
            self.longest_ms, self.longest_at = length, time
        if able > self.longest_able_ms:
            self.longest_able_ms, self.longest_able_at = able, time

    def is_covered(self, market: str) -> bool:
        """Return whether the market's position is covered."""
        return market not in self._since

    def helpless(self, time: int, *, is_helpless: bool) -> None:
        """Note that nobody could help from now on, or could again."""
        if is_helpless and self._helpless_since is None:
            self._helpless_since = time
        elif not is_helpless and self._helpless_since is not None:
            self._helpless_ms += time - self._helpless_since
            self._helpless_since = None

    def _helpless(self, time: int) -> int:
        under_way = 0 if self._helpless_since is None else time - self._helpless_since
        return self._helpless_ms + under_way
