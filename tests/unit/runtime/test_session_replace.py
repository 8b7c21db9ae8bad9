"""Replacing a stop in one request: whatever comes of it, one stop rests or the position is sold."""

from tests.support.bot import LONG, NOW, Bot
from tests.support.builders import BTC, HOUR, d, fill, report, rules
from tradebot.engine.apply import fold
from tradebot.model import event as ev
from tradebot.model.order import (
    Approved,
    Leg,
    Order,
    OrderStatus,
    Outcome,
    Rejection,
    Unsent,
)
from tradebot.runtime.telling import news

TRAILING = rules(trailing_ppm=50_000)
RISEN = "100/120/99/118"
S = OrderStatus


def _trailing() -> Bot:
    """Return a bot that holds 10 at 100 under a stop at 95."""
    bot = Bot(by=TRAILING)
    bot.step()
    bot.diary.clear()
    return bot


def _rise(bot: Bot, hour: int = 2) -> None:
    """Put a candle before it of which the stop rises to 114."""
    bot.step(RISEN, LONG, hour)


def _stops(bot: Bot) -> list[tuple[str, OrderStatus]]:
    """Return price and status of every stop, oldest first."""
    events = (each for each in bot.journal.kept if isinstance(each, ev.OrderIntended))
    found = []
    for event in events:
        order = bot.state.orders.get(event.order_id)
        if event.leg is Leg.STOP and order is not None:
            found.append((str(event.stop_price), order.status))
    return found


def _legs(bot: Bot) -> list[Leg]:
    return [each.intent.leg for each in bot.broker.placed]


def test_stop_rises_by_one_request_and_its_order_is_on_disk_before_it() -> None:
    bot = _trailing()
    _rise(bot)
    assert [line for line in bot.diary if "disk" in line or "wire" in line] == [
        "disk: candles_closed",
        "disk: order_intended",
        "disk: order_sent",
        "disk: cancel_sent",
        "wire: replace stop",
        "wire: cancel stop",
        "disk: order_cancelled",
        "disk: order_accepted",
    ]
    assert _stops(bot) == [("95", S.CANCELLED), ("114", S.ACCEPTED)]
    assert bot.state.positions[BTC].stop == d(114)


def test_stop_that_was_refused_after_the_old_one_was_gone_is_a_sale_at_once() -> None:
    bot = _trailing()
    bot.broker.script = ["rejected"]
    _rise(bot)
    assert _stops(bot) == [("95", S.CANCELLED), ("114", S.REJECTED)]
    assert _legs(bot) == [Leg.ENTRY, Leg.STOP, Leg.STOP, Leg.EXIT]
    assert not bot.state.positions[BTC].is_open


def test_old_stop_that_filled_before_its_cancel_wins_and_nothing_is_sold_twice() -> None:
    bot = _trailing()

    def filled(stop: Order) -> Outcome:
        sold = fill(f"{stop.quantity} @ 95", trade_id="stop", at=NOW + HOUR)
        bot.broker.reports[stop.id] = report(stop, S.FILLED, sold)
        return _not_found(stop)

    bot.broker.cancels = [filled]
    _rise(bot)
    assert _stops(bot) == [("95", S.FILLED), ("114", S.REJECTED)]
    assert _legs(bot) == [Leg.ENTRY, Leg.STOP], "the new one was never placed"
    assert bot.state.balances == {"USDT": d(950), "BTC": d(0)}


def test_old_stop_that_ended_half_filled_leaves_its_rest_to_a_new_stop_not_to_a_sale() -> None:
    bot = _trailing()

    def half(stop: Order) -> Outcome:
        sold = fill("4 @ 95", trade_id="stop", at=NOW + HOUR)
        bot.broker.reports[stop.id] = report(stop, S.EXPIRED, sold)
        return _not_found(stop)

    bot.broker.cancels = [half]
    _rise(bot)
    assert _stops(bot) == [("95", S.EXPIRED), ("114", S.REJECTED), ("114", S.ACCEPTED)]
    assert bot.broker.placed[-1].intent.quantity == d(6)


def test_replacement_refused_whole_leaves_the_old_stop_and_is_tried_at_the_next_candle() -> None:
    bot = _trailing()
    bot.broker.cancels, bot.broker.script = ["unknown"], ["rejected"]
    _rise(bot)
    assert _stops(bot) == [("95", S.ACCEPTED), ("114", S.REJECTED)]
    bot.session.settle()
    assert _legs(bot) == [Leg.ENTRY, Leg.STOP, Leg.STOP], "95 rests: nothing is sold or placed"
    bot.step("118/118/117/118", LONG, 3)
    assert _stops(bot) == [("95", S.CANCELLED), ("114", S.REJECTED), ("114", S.ACCEPTED)]


def test_replacement_without_an_answer_leaves_both_to_be_asked_about() -> None:
    bot = _trailing()
    bot.broker.cancels, bot.broker.script = ["unknown"], ["unknown"]
    _rise(bot)
    assert _stops(bot) == [("95", S.ACCEPTED), ("114", S.UNKNOWN)]
    old, new = bot.broker.placed[1].order_id, bot.broker.placed[2].order_id
    bot.broker.reports[old] = report(old, S.CANCELLED)
    bot.broker.reports[new] = report(new, S.ACCEPTED)
    bot.session.settle()
    assert _stops(bot) == [("95", S.CANCELLED), ("114", S.ACCEPTED)]
    assert len(bot.broker.placed) == 3


def test_replacement_that_never_arrived_leaves_the_old_stop_and_the_next_candle_tries_again() -> (
    None
):
    bot = _trailing()
    bot.broker.cancels, bot.broker.script = ["unknown"], ["unknown"]
    _rise(bot)
    for seconds in (60, 71):
        bot.clock.now = NOW + HOUR + seconds * 1000
        bot.session.settle()
    assert _stops(bot) == [("95", S.ACCEPTED), ("114", S.ABSENT)]
    bot.step("118/118/117/118", LONG, 3)
    assert _stops(bot)[-1] == ("114", S.ACCEPTED)


def test_nothing_is_sold_while_a_replacement_is_in_doubt() -> None:
    """The signal goes: the old stop stays, for the new one may rest or sell."""
    bot = _trailing()
    bot.broker.cancels, bot.broker.script = ["unknown"], ["unknown"]
    _rise(bot)
    bot.step("118", 0, 3)
    assert _legs(bot) == [Leg.ENTRY, Leg.STOP, Leg.STOP]
    assert bot.broker.cancelled == [bot.broker.placed[1].order_id], "the replacement's own"
    old, new = bot.broker.placed[1].order_id, bot.broker.placed[2].order_id
    bot.broker.reports[old] = report(old, S.CANCELLED)
    bot.broker.reports[new] = report(new, S.ACCEPTED)
    bot.session.settle()
    bot.step("118", 0, 4)
    assert _legs(bot)[-1] is Leg.EXIT
    assert not bot.state.positions[BTC].is_open


def test_replacement_that_the_gate_s_token_held_back_leaves_the_old_stop() -> None:
    bot = _trailing()

    def unsent(approved: Approved) -> Outcome:
        return Unsent(order_id=approved.order_id, reason="the token is too old")

    bot.broker.cancels, bot.broker.script = ["unknown"], [unsent]
    _rise(bot)
    assert _stops(bot) == [("95", S.ACCEPTED), ("114", S.DROPPED)]
    bot.step("118/118/117/118", LONG, 3)
    assert _stops(bot)[-1] == ("114", S.ACCEPTED)


def test_replacement_is_held_back_by_the_latch_and_the_old_stop_rests() -> None:
    bot = _trailing()
    bot.latch.armed = False
    _rise(bot)
    assert _stops(bot) == [("95", S.ACCEPTED), ("114", S.DROPPED)]
    assert not [line for line in bot.diary if line.startswith("wire")]


def test_restart_folds_every_outcome_of_a_replacement() -> None:
    for cancels, script in (
        (["cancelled"], ["accepted"]),
        (["cancelled"], ["rejected"]),
        (["rejected"], []),
        (["unknown"], ["rejected"]),
        (["unknown"], ["unknown"]),
    ):
        bot = _trailing()
        bot.broker.cancels, bot.broker.script = list(cancels), list(script)
        _rise(bot)
        assert fold(bot.journal.events()) == bot.state


def test_owner_is_told_what_becomes_of_the_position_and_not_of_an_order_never_tried() -> None:
    texts: list[str] = []
    for cancels, script in ((["unknown"], ["rejected"]), (["cancelled"], ["rejected"])):
        bot = _trailing()
        bot.broker.cancels, bot.broker.script = list(cancels), list(script)
        _rise(bot)
        texts += _told_of_rejections(bot)
    assert [text.rpartition("; ")[2] for text in texts] == [
        "the stop before it stays",
        "the position is sold instead",
    ]
    bot = _trailing()
    bot.broker.cancels = [_not_found]
    _rise(bot)
    assert _told_of_rejections(bot) == []


def _told_of_rejections(bot: Bot) -> list[str]:
    """Return what the owner hears of each refused order, told as the journal goes on."""
    texts = []
    for count, event in enumerate(bot.journal.kept, start=1):
        item = news(event, fold(bot.journal.kept[:count]))
        if isinstance(event, ev.OrderRejected) and item is not None:
            texts.append(item.text)
    return texts


def _not_found(stop: Order) -> Outcome:
    """Return the answer to a cancel that came too late."""
    return Rejection(order_id=stop.id, code="-2011", message="Unknown order sent.")
