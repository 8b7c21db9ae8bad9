"""Who does commands: the running bot, or, where none runs, whoever gives them.

Law: one of them holds the run; both take a command from the same inbox, by the same steps.
"""

from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from tradebot.adapters.clock import WallClock
from tradebot.adapters.inbox import Inbox
from tradebot.adapters.journal import SqliteJournal, check_file
from tradebot.engine.apply import apply, fold
from tradebot.engine.state import State
from tradebot.errors import JournalError
from tradebot.model.command import Command, CommandEnd, CommandWord
from tradebot.model.event import Event
from tradebot.runtime.assemble import Bot
from tradebot.runtime.by_hand import adopt_all, adopt_named
from tradebot.runtime.commanded import Hands
from tradebot.runtime.config import Config
from tradebot.runtime.keys import Unlocking
from tradebot.runtime.kill import reopened_bot
from tradebot.runtime.kill_clear import settle_twice
from tradebot.runtime.obeying import Answer, Obeyer, trading_answer
from tradebot.runtime.prepare import Request
from tradebot.runtime.runs import Run
from tradebot.runtime.terms import check_same_bot

# Words that need no exchange where no bot runs.
ON_PAPER = frozenset({CommandWord.PAUSE, CommandWord.RESUME})


def listen(bot: Bot, config: Config, run: Run) -> None:
    """Let a bot do, at every wake, what is commanded to it."""
    assert bot.trader is not None, "a bot that is driven has a trader"
    session = bot.session
    hands = Hands(
        session,
        rules=config.rules(),
        clock=bot.clock,
        settle=session.settle_only,
        guard=session.protect,
        adopt=partial(adopt_named, bot, config),
    )
    bot.trader.heed = Obeyer(session, bot.clock, Inbox(run.commands), hands.do).heed


def act(config: Config, request: Request, run: Run, unlocking: Unlocking, inbox: Inbox) -> None:
    """Do what waits, at the exchange, as no bot runs; the caller holds the run."""
    with ExitStack() as holding:
        check_file(run.journal)
        bot = reopened_bot(config, request, run, unlocking, is_blind=False, holding=holding)
        try:
            check_same_bot(config, bot.session.state)
            hands = Hands(
                bot.session,
                rules=config.rules(),
                clock=bot.clock,
                settle=lambda: settle_twice(bot),
                # Nobody would guard what an entry buys: whichever rests ends with this, too.
                guard=bot.session.leave,
                adopt=partial(adopt_all, bot, config),
            )
            Obeyer(bot.session, bot.clock, inbox, hands.do).heed()
        finally:
            bot.close()


@dataclass(slots=True)
class _Paper:
    """A journal that is written with no bot behind it; its clock stands at its last event."""

    journal: SqliteJournal
    state: State
    now: Callable[[], int]

    def record(self, events: Collection[Event]) -> None:
        """Make events durable and apply them."""
        state = self.state
        for event in events:
            state = apply(state, event)
        self.journal.append(list(events))
        self.state = state

    def now_ms(self) -> int:
        """Return the time that the next event has."""
        return self.now()

    def sleep_until(self, time_ms: int) -> None:
        """Nothing on paper waits."""

    def halt(self, reason: str) -> None:
        """Nothing on paper halts."""
        raise AssertionError("only a session halts")

    suspend = halt


def write_down(run: Run, inbox: Inbox, *, may_lift_halt: bool) -> None:
    """Record the pauses and resumes that wait, as no bot runs; the caller holds the run."""
    check_file(run.journal)
    journal = SqliteJournal(run.journal)
    try:
        state = fold(journal.events())
        if state.started is None:
            raise JournalError("the journal is empty", hint="the run stopped before it began")
        # A simulated run has a time of its own.
        last, wall = journal.last_at(), WallClock()
        is_simulated = run.spec_or_name().is_simulated
        paper = _Paper(journal, state, lambda: last if is_simulated else max(last, wall.now_ms()))

        def do(command: Command, before: State) -> Answer:
            told = trading_answer(command, before, may_lift_halt=may_lift_halt)
            if command.word is CommandWord.PAUSE and told.end is CommandEnd.DONE:
                return Answer(told.end, f"{told.text}; no bot runs, and the next one begins so")
            return told

        ids = [each.id for each in inbox.peek() if each.word in ON_PAPER]
        Obeyer(paper, paper, inbox, do, may_lift_halt=may_lift_halt).heed(ids)
    finally:
        journal.close()
