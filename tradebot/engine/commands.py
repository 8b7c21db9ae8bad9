"""What the journal knows of a person's commands: which were taken, and whether trading is paused.

Law: a command's id, once taken, is known for as long as its file could still be there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tradebot.model.account import TradingState
from tradebot.model.command import CommandEnded, CommandTaken

TAKEN_KEPT_MAX = 1000
NO_REASON = "no reason given"


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands by their ids: `open` have no end yet, `taken` are the newest that were taken.

    `paused` is why a person lets only exits through, also while trading is halted; "" = he does
    not.
    """

    paused: str = ""
    open: Mapping[str, CommandTaken] = field(default_factory=dict)
    taken: tuple[str, ...] = ()

    def with_taken(self, event: CommandTaken) -> "Commands":
        """Return the commands after one was taken."""
        taken = (*self.taken, event.command_id)[-TAKEN_KEPT_MAX:]
        return replace(self, open={**self.open, event.command_id: event}, taken=taken)

    def with_ended(self, event: CommandEnded) -> "Commands":
        """Return the commands after one has ended."""
        left = {key: each for key, each in self.open.items() if key != event.command_id}
        return replace(self, open=left)

    def with_trading(self, trading: TradingState, reason: str) -> "Commands":
        """Return the commands after trading was set: a halt ends no pause."""
        if trading is TradingState.HALTED:
            return self
        is_paused = trading is TradingState.REDUCING
        return replace(self, paused=(reason or NO_REASON) if is_paused else "")


def strictest(now: TradingState, wanted: TradingState) -> TradingState:
    """Return what trading becomes: a pause does not soften a halt; ACTIVE lifts both."""
    is_softer = wanted is TradingState.REDUCING and now is TradingState.HALTED
    return now if is_softer else wanted
