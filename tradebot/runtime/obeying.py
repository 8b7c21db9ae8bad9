"""Taking a person's commands out of the inbox, each once, and saying how each ended.

Law: a command is on disk as taken before anything is done for it, and is never done again; one that
a death has cut off is told as that.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from tradebot.adapters.inbox import Bad, Inbox
from tradebot.engine.state import State
from tradebot.errors import ExchangeUnavailable
from tradebot.model.account import TradingState
from tradebot.model.command import (
    Command,
    CommandEnd,
    CommandEnded,
    CommandRefused,
    CommandTaken,
    CommandWord,
)
from tradebot.model.event import Event, TradingStateChanged
from tradebot.model.money import plain
from tradebot.ports import Clock
from tradebot.runtime.settling import Books

CUT_OFF = "the bot ended after it had taken this; what it sent is in the journal: `tradebot status`"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended, in a word and in words."""

    end: CommandEnd
    text: str


# Does a command; is given the state from before it was taken.
Do = Callable[[Command, State], Answer]


class Obeyer:
    """Who takes commands. `may_lift_halt`: the latch is lifted, `resume` is about a halt, too."""

    def __init__(
        self, books: Books, clock: Clock, inbox: Inbox, do: Do, *, may_lift_halt: bool = False
    ) -> None:
        self._books = books
        self._clock = clock
        self._inbox = inbox
        self._do = do
        self._may_lift_halt = may_lift_halt
        self._has_ended_old = False

    def heed(self, only: Collection[str] | None = None) -> None:
        """Do what waits; `only` these ids. What was cut off by a death is ended first."""
        self._end_cut_off()
        for found in self._inbox.claimed(only):
            if isinstance(found, Bad):
                now = self._clock.now_ms()
                self._books.record([CommandRefused(at=now, name=found.name, reason=found.reason)])
            else:
                self._obey(found)

    def _end_cut_off(self) -> None:
        """End what was taken in an earlier life: in this one nothing is left open."""
        if self._has_ended_old:
            return
        self._has_ended_old = True
        for command_id in self._books.state.commands.open:
            self._end(command_id, Answer(CommandEnd.INTERRUPTED, CUT_OFF))

    def _obey(self, command: Command) -> None:
        before = self._books.state
        if command.id in before.commands.taken:
            self._inbox.done(command.id)  # Only its file was left.
            return
        now = self._clock.now_ms()
        taken = CommandTaken(
            at=now,
            command_id=command.id,
            word=command.word,
            scope=command.scope,
            reason=command.reason,
            fraction=command.fraction,
        )
        # One append: no death comes between the taking of a pause and the pause.
        self._books.record([taken, *self._at_once(command, before, at=now)])
        self._inbox.done(command.id)
        try:
            answer = self._do(command, before)
        except ExchangeUnavailable as error:
            text = f"{error.message}; what was sent before that is in the journal"
            answer = Answer(CommandEnd.UNCONFIRMED, text)
        self._end(command.id, answer)

    def _end(self, command_id: str, answer: Answer) -> None:
        now = self._clock.now_ms()
        self._books.record(
            [CommandEnded(at=now, command_id=command_id, end=answer.end, text=answer.text)]
        )

    def _at_once(self, command: Command, state: State, *, at: int) -> list[Event]:
        """Return what a command changes by being taken."""
        wanted = TradingState.ACTIVE
        if command.word is CommandWord.PAUSE and not state.commands.paused:
            wanted = TradingState.REDUCING
        elif not is_lifted(command, state, may_lift_halt=self._may_lift_halt):
            return []
        changed = TradingStateChanged(
            at=at, state=wanted, reason=command.reason, details={"by": "operator"}
        )
        # The first lifts the halt, which lifts no limit; the second lifts those.
        is_twofold = state.trading is TradingState.HALTED and state.track.lasting()
        return [changed, changed] if wanted is TradingState.ACTIVE and is_twofold else [changed]


def is_lifted(command: Command, state: State, *, may_lift_halt: bool) -> bool:
    """Return whether a command lets all trading go on that is held up now."""
    if command.word is not CommandWord.RESUME:
        return False
    if state.trading is TradingState.HALTED:
        return may_lift_halt
    return state.trading is TradingState.REDUCING


def trading_answer(command: Command, before: State, *, may_lift_halt: bool = False) -> Answer:
    """Return what a pause or a resume has come to, but for the orders that rest."""
    is_halted, paused = before.trading is TradingState.HALTED, before.commands.paused
    if command.word is CommandWord.PAUSE:
        text = f"it was paused already: {paused}" if paused else "only exits from now on"
        if is_halted:
            # What a person has lifted stands in the journal from the next start on.
            resumed = "it was halted, and resumed since"
            text += f"; {resumed if may_lift_halt else 'trading is halted, and stays so'}"
        return Answer(CommandEnd.DONE, text)
    if is_lifted(command, before, may_lift_halt=may_lift_halt):
        was = ["it was halted"] if is_halted and not paused else [paused] if paused else []
        was += [
            f"a limit had tripped: {control}, {plain(trip.value)} where {plain(trip.limit)} is the "
            "limit"
            for control, trip in before.track.lasting().items()
        ]
        return Answer(CommandEnd.DONE, f"all trading goes on; it was held up: {'; '.join(was)}")
    if is_halted:
        text = "trading is halted; this bot ends, and the next one may trade"
        return Answer(CommandEnd.REFUSED, text)
    return Answer(CommandEnd.NOTHING, "trading was not paused")
