"""Giving a command: leave it for the bot, and wait for its word; do it where no bot runs.

Law: the answer is what the journal says. What is not taken in time is told to be waiting still; a
command that could not be done here is withdrawn before the error is told.
"""

import os
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal

from tradebot.adapters.clock import WallClock
from tradebot.adapters.inbox import Inbox
from tradebot.adapters.journal import entries
from tradebot.adapters.journal_news import command_news, last_seq
from tradebot.engine.apply import fold
from tradebot.engine.closing import market_named
from tradebot.engine.state import State
from tradebot.errors import AccountLocked, NotFoundError, TradebotError, UsageError
from tradebot.model.command import Command, CommandEnd, CommandWord, problem_of
from tradebot.runtime.config import Config
from tradebot.runtime.heeding import ON_PAPER, act, write_down
from tradebot.runtime.keys import Unlocking
from tradebot.runtime.prepare import Request
from tradebot.runtime.runs import Run

LOOK_MS = 100
# Commands that one process may give in one millisecond.
SAME_MS_MAX = 10_000
IS_WAITING = "the bot has not taken it yet: it waits, and `tradebot withdraw` takes it back"
IS_TAKEN = "the bot has taken it, and not said yet what came of it: `tradebot status` shows it"
IS_GONE = "it was withdrawn before it was taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A command and what is known of it. `end` None: it waits, or is being done.

    `is_planned`: nothing was done, and `text` is what would have been.
    """

    command: Command
    end: CommandEnd | None
    text: str
    is_planned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Giver:
    """Who gives commands to the bot of a run. `may_lift_halt`: its latch is lifted by now."""

    config: Config
    request: Request
    run: Run
    unlocking: Unlocking
    wait_ms: int
    may_lift_halt: bool = False

    def known(self) -> State:
        """Return what the journal says now. Raises NotFoundError where no run has begun."""
        self._check_begun()
        if not self.run.journal.is_file():
            return State()
        return fold(entry.event for entry in entries(self.run.journal))

    def _check_begun(self) -> int:
        """Return the number of the last event. Raises NotFoundError where no run has begun."""
        seq = last_seq(self.run.journal)
        if not seq and not self.run.is_locked():
            raise NotFoundError(
                f"{self.run.name} has never begun", hint="start it with `tradebot run`"
            )
        return seq

    def _check_owner(self) -> None:
        """Raise UsageError where the bot could not read what is left for it."""
        owner = self.run.folder.stat().st_uid
        if owner != os.geteuid():
            raise UsageError(
                f"{self.run.folder} belongs to user {owner}, not to you ({os.geteuid()})",
                hint="type it as the user who runs the bot",
            )

    def give(self, command: Command) -> Given:
        """Give a command; return what became of it in the time that is allowed.

        Raises what keeps it from being done where no bot runs: it does not wait any more then.
        """
        inbox, clock = Inbox(self.run.commands), WallClock()
        self._check_owner()
        after = self._check_begun()
        deadline = clock.monotonic_ms() + self.wait_ms
        try:
            inbox.post(command)
            while True:
                found = self._looked(inbox, command, after)
                if found.end is not None or clock.monotonic_ms() >= deadline:
                    return found
                clock.sleep_until(clock.now_ms() + LOOK_MS)
        except (TradebotError, KeyboardInterrupt):
            inbox.take_back(command.id)
            raise

    def _looked(self, inbox: Inbox, command: Command, after: int) -> Given:
        """Do what waits where no bot runs; return what the journal says of the command."""
        has_done = self._has_done(inbox, command)
        news = command_news(self.run.journal, command.id, after=after)
        if news.ended is not None:
            return Given(command=command, end=news.ended.end, text=news.ended.text)
        if news.refused:
            return Given(command=command, end=CommandEnd.REFUSED, text=news.refused)
        if news.taken is not None:
            return Given(command=command, end=None, text=IS_TAKEN)
        if has_done and command.id not in inbox.waiting():
            return Given(command=command, end=CommandEnd.NOTHING, text=IS_GONE)
        return Given(command=command, end=None, text=IS_WAITING)

    def _has_done(self, inbox: Inbox, command: Command) -> bool:
        """Do what waits, if no bot holds the run; return whether none did."""
        with ExitStack() as holding:
            try:
                holding.enter_context(self.run.lock())
            except AccountLocked:
                return False
            if command.word in ON_PAPER:
                write_down(self.run, inbox, may_lift_halt=self.may_lift_halt)
            else:
                act(self.config, self.request, self.run, self.unlocking, inbox)
        return True


def commanded(
    run: Run,
    word: CommandWord,
    *,
    scope: str = "",
    fraction: Decimal | None = None,
    reason: str = "",
) -> Command:
    """Return a command with an id of its own. Raises UsageError where its form is wrong."""
    inbox, now = Inbox(run.commands), WallClock().now_ms()
    waiting = set(inbox.waiting())
    ids = (f"{now:013}-{os.getpid()}-{number}" for number in range(SAME_MS_MAX))
    command = Command(
        id=next(each for each in ids if each not in waiting),
        word=word,
        scope=scope,
        fraction=fraction,
        reason=reason,
    )
    problem = problem_of(command)
    if problem:
        raise UsageError(f"this cannot be commanded: {problem}")
    if word in (CommandWord.PAUSE, CommandWord.RESUME):
        check_reason(reason)
    return command


def check_reason(reason: str) -> None:
    """Raise UsageError where a person gives no reason for what his journal keeps."""
    if not reason.strip():
        raise UsageError("say why", hint="--reason TEXT")


def check_scope(state: State, command: Command) -> None:
    """Raise UsageError where a command names no market or order of the run."""
    if not state.markets or not command.scope or command.word is CommandWord.ADOPT:
        return
    is_order = command.word is CommandWord.CANCEL and (
        command.scope.startswith("tb") or state.orders.get(command.scope) is not None
    )
    if market_named(state, command.scope) is None and not is_order:
        symbols = sorted(each.symbol for each in state.markets.values())
        more = ", or an order's id" if command.word is CommandWord.CANCEL else ""
        raise UsageError(
            f"{command.scope!r} is no market of this run",
            hint=f"name one of {', '.join(symbols)}{more}",
        )
