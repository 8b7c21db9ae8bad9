"""A bot whose position is bare: its entry filled at 100, where the stop belongs at 95.

Seconds count from the entry's fill.
"""

from collections.abc import Iterator

from tests.support.bot import NOW, Bot
from tests.support.builders import BTC, rules
from tradebot.engine.apply import fold
from tradebot.model import event as ev
from tradebot.model.order import Leg, OrderStatus
from tradebot.runtime.session import Session

BOTH, SALE = ["stop", "exit"], ["exit"]

STOPPED = rules(stop_ppm=50_000)
AIMED = rules(stop_ppm=50_000, target_ppm=100_000)


def wake(bot: Bot, second: int) -> list[str]:
    """Settle at this second; return the legs that were placed."""
    before = len(bot.broker.placed)
    bot.clock.now = NOW + second * 1000
    bot.session.settle()
    return [each.intent.leg.value for each in bot.broker.placed[before:]]


def wakes(bot: Bot, until: int) -> Iterator[tuple[int, list[str]]]:
    """Settle every two seconds, up to and with this one; yield what each look placed."""
    first = (bot.clock.now - NOW) // 1000 + 2
    for second in range(first, until + 1, 2):
        yield second, wake(bot, second)


def refused() -> Bot:
    """Return a bot whose entry filled, and whose every other order is refused."""
    bot = Bot("filled", *["rejected"] * 200, by=STOPPED)
    bot.step()
    assert [each.intent.leg for each in bot.broker.placed] == [Leg.ENTRY, Leg.STOP, Leg.EXIT]
    return bot


def in_doubt() -> Bot:
    """Return a bot whose entry filled, and whose stop has no answer."""
    bot = Bot("filled", "unknown", by=STOPPED)
    bot.step()
    assert bot.order(Leg.STOP).status is OrderStatus.UNKNOWN
    return bot


def restarted(bot: Bot) -> Bot:
    """Return the bot in a new process: all but journal and exchange is gone."""
    bot.session = Session(
        fold(bot.journal.events()),
        rules=STOPPED,
        broker=bot.broker,
        journal=bot.journal,
        clock=bot.clock,
        latch=bot.latch,
        tokens=bot.tokens,
        tell=lambda event, state: None,
    )
    return bot


def pages(bot: Bot) -> list[ev.PositionUnprotected]:
    return [each for each in bot.journal.kept if isinstance(each, ev.PositionUnprotected)]


def resting(bot: Bot) -> list[str]:
    return [each.leg.value for each in bot.state.orders.of(BTC)]
