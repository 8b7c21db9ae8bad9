"""A bot among fakes, with an inbox of files, and who does what is commanded."""

from pathlib import Path

from tests.support.bot import Bot
from tests.support.builders import d
from tradebot.adapters.inbox import Inbox
from tradebot.engine.settings import Rules
from tradebot.model.command import Command, CommandEnd, CommandEnded, CommandWord
from tradebot.runtime.commanded import Hands
from tradebot.runtime.obeying import Answer, Obeyer

MS = 1_763_648_909_000


class Commanded:
    """A bot and its inbox; `say` leaves a command, `heed` lets the bot take it."""

    def __init__(self, bot: Bot, by: Rules, folder: Path) -> None:
        self.bot, self.by, self.folder = bot, by, folder
        self.inbox = Inbox(folder)
        self.adopted: list[tuple[str, str]] = []
        self._said = 0
        self.revive()

    def revive(self) -> None:
        """Let another life of the bot begin: what takes commands knows only the state."""
        session = self.bot.session
        hands = Hands(
            session,
            rules=self.by,
            clock=self.bot.clock,
            settle=session.settle_only,
            guard=session.protect,
            adopt=self._adopt,
        )
        self.obeyer = Obeyer(session, self.bot.clock, Inbox(self.folder), hands.do)
        self.heed = self.obeyer.heed

    def _adopt(self, scope: str, reason: str) -> Answer:
        self.adopted.append((scope, reason))
        return Answer(CommandEnd.DONE, "adopted")

    def leave(self, text: str, fraction: str | None = None, reason: str = "a test") -> str:
        """Leave a command such as `close BTC/USDT`; return its id."""
        word, _, scope = text.partition(" ")
        self._said += 1
        command = Command(
            id=f"{MS + self._said}-1-0",
            word=CommandWord(word),
            scope=scope,
            fraction=None if fraction is None else d(fraction),
            reason=reason,
        )
        self.inbox.post(command)
        return command.id

    def say(self, text: str, fraction: str | None = None, reason: str = "a test") -> CommandEnded:
        """Leave a command, let the bot take it, and return its end."""
        command_id = self.leave(text, fraction, reason)
        self.heed()
        return self.end_of(command_id)

    def end_of(self, command_id: str) -> CommandEnded:
        """Return the one end of a command."""
        (end,) = (
            each
            for each in self.bot.journal.kept
            if isinstance(each, CommandEnded) and each.command_id == command_id
        )
        return end


