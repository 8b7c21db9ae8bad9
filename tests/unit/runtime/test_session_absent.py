"""An order is called absent only on evidence: its window past, two endpoints, twice, apart."""

import pytest

from tests.support.bot import NOW, Bot
from tests.support.builders import BTC, fill, report, rules
from tradebot.engine.apply import fold
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


def resting() -> Bot:
    """Return a bot whose entry is filled and whose stop rests; the exchange then loses it."""
    bot = Bot("filled", "accepted", by=rules(stop_ppm=50_000))
    bot.step()
    bot.broker.reports.clear()
    return bot


def test_resting_order_that_the_exchange_lost_is_ended_on_the_same_evidence_and_replaced() -> None:
    bot = resting()
    lost = bot.order(Leg.STOP).id
    bot.clock.now = WINDOW_PAST
    bot.session.settle()
    assert lost in bot.state.orders.unsettled, "one look proves nothing"
    bot.clock.now = WINDOW_PAST + 10_000
    bot.session.settle()
    ended = bot.state.orders.settled[lost]
    assert ended.status is OrderStatus.EXPIRED
    (event,) = (each for each in bot.journal.kept if isinstance(each, ev.OrderExpired))
    assert event.reason.startswith("the exchange has lost it: 45 s after it was sent")
    (stop,) = bot.state.orders.of(BTC)
    assert (stop.leg, stop.status) == (Leg.STOP, OrderStatus.ACCEPTED)
    assert stop.id != lost


def test_fill_is_protected_though_the_question_after_it_fails() -> None:
    """Symptom: a filled entry stood without a stop until the next candle."""
    bot = Bot("unknown", "unknown", by=rules(fraction_ppm=300_000, stop_ppm=50_000), markets=2)
    bot.step_all("100 100")
    first, second = bot.state.orders.unsettled.values()
    bot.broker.reports[first.id] = report(
        first, OrderStatus.FILLED, fill(f"{first.quantity} @ 100")
    )
    bot.broker.unreachable = {second.id}
    with pytest.raises(ExchangeUnavailable):
        bot.session.settle()
    assert [each.leg for each in bot.state.orders.of(first.market)] == [Leg.STOP]


def test_look_in_between_that_shows_it_open_begins_the_proof_anew() -> None:
    """Symptom: one miss, a day at rest in the list, one more miss: "twice knew no such order"."""
    bot = Bot("filled", "accepted", by=rules(stop_ppm=50_000))
    bot.step()
    stop = bot.order(Leg.STOP)
    shown = bot.broker.reports[stop.id]
    for seconds, is_shown in ((60, False), (80, True), (1000, False)):
        bot.broker.reports = {stop.id: shown} if is_shown else {}
        bot.clock.now = NOW + seconds * 1000
        bot.session.settle()
    assert bot.order(Leg.STOP).status is OrderStatus.ACCEPTED
