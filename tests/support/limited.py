"""A bot that holds something while prices fall, and what its journal says of limits."""

from tests.support.bot import Bot
from tests.support.builders import BTC
from tradebot.engine.apply import fold
from tradebot.engine.settings import Rules
from tradebot.model import event as ev
from tradebot.model.order import Leg
from tradebot.runtime.session import Session


def held(by: Rules, *script: str) -> Bot:
    """Return a bot that holds 5 BTC at 100, and knows of another market."""
    bot = Bot(*script, by=by, markets=2)
    bot.step()
    assert bot.state.positions[BTC].quantity == 5
    bot.diary.clear()
    return bot


def restarted(bot: Bot) -> Bot:
    """Let another life of the bot begin, from its journal alone."""
    state = fold(bot.journal.kept)
    assert state == bot.state
    bot.session = Session(
        state,
        rules=bot.rules,
        broker=bot.broker,
        journal=bot.journal,
        clock=bot.clock,
        latch=bot.latch,
        tokens=bot.tokens,
        tell=lambda event, after: None,
        window_ms=5000,
    )
    return bot


def trips(bot: Bot) -> list[tuple[str, int]]:
    """Return control and end of every trip in the journal."""
    told = (each for each in bot.journal.kept if isinstance(each, ev.LimitTripped))
    return [(each.control, each.until) for each in told]


def refusals(bot: Bot) -> list[tuple[str, str]]:
    """Return market and control of every refusal in the journal."""
    told = (each for each in bot.journal.kept if isinstance(each, ev.IntentRefused))
    return [(each.market, each.control) for each in told]


def entries(bot: Bot) -> list[str]:
    """Return the market of every entry in the journal."""
    told = (each for each in bot.journal.kept if isinstance(each, ev.OrderIntended))
    return [each.market for each in told if each.leg is Leg.ENTRY]
