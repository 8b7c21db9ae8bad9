"""An order is called absent only on evidence: its window past, two endpoints, twice, apart."""

import pytest

from tests.support.bot import NOW, Bot
from tests.support.builders import BTC, fill, report
from tradebot.engine.state import fold
from tradebot.errors import ExchangeUnavailable
from tradebot.model import event as ev
from tradebot.model.order import Leg, OrderStatus

# The request's window of 5 s, and 30 s more.
WINDOW_PAST = NOW + 35_001


def unknown() -> Bot:
    bot = Bot("unknown")
    bot.step()
    assert bot.order(Leg.ENTRY).status is OrderStatus.UNKNOWN
    return bot


def look(bot: Bot, at: int) -> OrderStatus:
    bot.clock.now = at
    bot.session.settle()
    return bot.order(Leg.ENTRY).status


def test_two_looks_ten_seconds_apart_prove_absence() -> None:
    bot = unknown()
    assert look(bot, WINDOW_PAST) is OrderStatus.UNKNOWN
    assert look(bot, WINDOW_PAST + 10_000) is OrderStatus.ABSENT
    (absent,) = (event for event in bot.journal.kept if isinstance(event, ev.OrderAbsent))
    assert absent.evidence == (
        "45 s after it was sent, two endpoints twice knew no such order, 10 s apart"
    )
    assert fold(bot.journal.kept) == bot.state


@pytest.mark.parametrize(
    ("first", "second"),
    [(WINDOW_PAST - 1, WINDOW_PAST + 9_999), (WINDOW_PAST, WINDOW_PAST + 9_999)],
    ids=["first look within the window", "looks too near each other"],
)
def test_less_evidence_leaves_it_unknown(first: int, second: int) -> None:
    bot = unknown()
    assert look(bot, first) is OrderStatus.UNKNOWN
    assert look(bot, second) is OrderStatus.UNKNOWN


def test_second_endpoint_that_shows_it_leaves_it_unknown_and_looks_begin_anew() -> None:
    bot = unknown()
    look(bot, WINDOW_PAST)
    bot.broker.listed = {bot.order(Leg.ENTRY).id}
    assert look(bot, WINDOW_PAST + 20_000) is OrderStatus.UNKNOWN
    bot.broker.listed = set()
    assert look(bot, WINDOW_PAST + 40_000) is OrderStatus.UNKNOWN
    assert look(bot, WINDOW_PAST + 50_000) is OrderStatus.ABSENT


def test_exchange_that_cannot_be_asked_proves_nothing() -> None:
    bot = unknown()
    look(bot, WINDOW_PAST)
    bot.broker.is_reachable = False
    with pytest.raises(ExchangeUnavailable):
        look(bot, WINDOW_PAST + 20_000)
    assert bot.order(Leg.ENTRY).status is OrderStatus.UNKNOWN


def test_order_found_between_the_looks_is_booked() -> None:
    bot = unknown()
    look(bot, WINDOW_PAST)
    order = bot.order(Leg.ENTRY)
    bot.broker.reports[order.id] = report(
        order, OrderStatus.FILLED, fill(f"{order.quantity} @ 100")
    )
    assert look(bot, WINDOW_PAST + 20_000) is OrderStatus.FILLED
    assert bot.state.positions[BTC].is_open


def test_absent_order_is_never_sent_again_and_frees_its_market() -> None:
    bot = unknown()
    look(bot, WINDOW_PAST)
    look(bot, WINDOW_PAST + 10_000)
    posted = len(bot.broker.placed)
    bot.session.settle()
    assert len(bot.broker.placed) == posted
    bot.step(hour=2)
    assert len(bot.broker.placed) == posted + 1
    assert len({each.order_id for each in bot.broker.placed}) == posted + 1
