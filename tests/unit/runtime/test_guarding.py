"""A position is protected, else sold, else its owner is called; and meanwhile the bot is the stop.

At 100 the stop belongs at 95. Seconds count from the entry's fill.
"""

import pytest

from tests.support.bare import (
    AIMED,
    STOPPED,
    in_doubt,
    pages,
    refused,
    restarted,
    resting,
    wake,
    wakes,
)
from tests.support.bot import FLAT, LONG, NOW, Bot
from tests.support.builders import BTC, ETH, d, fill, report, rules
from tests.support.compared import held
from tradebot.errors import ExchangeUnavailable
from tradebot.model import event as ev
from tradebot.model.order import Approved, Leg, OrderStatus, Outcome, Rejection, Unsent
from tradebot.ports import AlertLevel
from tradebot.runtime.telling import news

BOTH, SALE = ["stop", "exit"], ["exit"]


# --- protecting, exiting, calling ----------------------------------------------------------------


def test_stop_is_tried_at_every_look_for_ten_seconds_then_sale_and_stop_in_turn() -> None:
    bot = refused()
    assert dict(wakes(bot, 8)) == {2: BOTH, 4: BOTH, 6: BOTH, 8: BOTH}
    assert dict(wakes(bot, 16)) == {10: SALE, 12: BOTH, 14: SALE, 16: BOTH}
    assert [legs for _, legs in wakes(bot, 38)] == [SALE, BOTH] * 5 + [SALE]


def test_forty_seconds_bare_call_the_owner_once_and_lock_the_market() -> None:
    bot = refused()
    list(wakes(bot, 38))
    assert pages(bot) == []
    list(wakes(bot, 200))
    (page,) = pages(bot)
    assert (page.at, page.market, page.since) == (NOW + 40_000, BTC, NOW)
    told = news(page, bot.state)
    assert told is not None
    assert (told.level, told.kind) == (AlertLevel.CRITICAL, "stop")
    why = "neither its stop nor its sale was taken"
    assert told.text == f"BTC/USDT has had no stop for 40 s: {why}"
    assert bot.state.locks == {(BTC, "protection"): "its position has no stop"}
    assert bot.journal.kinds().count("market_locked") == 1


def test_tries_go_on_for_ever_after_10_20_40_and_every_60_seconds() -> None:
    bot = refused()
    list(wakes(bot, 38))
    tried = [second for second, legs in wakes(bot, 300) if legs]
    assert tried == [40, 50, 70, 110, 170, 230, 290]


def test_stop_that_was_had_and_lost_begins_the_clock_anew() -> None:
    bot = refused()
    list(wakes(bot, 52))
    bot.broker.script = ["accepted", *["rejected"] * 20]
    bot.step("100", LONG, hour=2)
    stop = next(each for each in bot.state.orders.of(BTC) if each.leg is Leg.STOP)
    bot.broker.reports[stop.id] = report(stop, OrderStatus.EXPIRED)
    assert [legs for _, legs in wakes(bot, 3610)] == [BOTH] * 5


def test_stop_that_is_taken_at_last_lifts_the_lock() -> None:
    bot = refused()
    list(wakes(bot, 48))
    bot.broker.script = ["rejected", "accepted"]
    list(wakes(bot, 70))
    assert resting(bot) == ["stop"]
    assert bot.state.locks == {}
    unlocked = bot.journal.kept[-1]
    assert isinstance(unlocked, ev.MarketUnlocked)
    assert (unlocked.cause, unlocked.reason) == ("protection", "its stop rests")
    assert not bot.session.is_urgent()


def test_sale_that_is_taken_at_last_lifts_the_lock() -> None:
    bot = refused()
    list(wakes(bot, 48))
    bot.broker.script = ["filled"]
    assert wake(bot, 50) == SALE
    assert bot.state.balances == {"USDT": d(1000), "BTC": d(0)}
    assert bot.journal.kinds()[-1] == "market_unlocked"


def test_locked_market_takes_no_entry() -> None:
    bot = refused()
    list(wakes(bot, 42))
    bot.broker.script = ["filled"]
    wake(bot, 50)
    bot.session.record(
        [ev.MarketLocked(at=NOW, market=BTC, cause="protection", reason="its position has no stop")]
    )
    bot.step(exposure=FLAT, hour=2)
    placed = len(bot.broker.placed)
    bot.step(hour=3)
    assert len(bot.broker.placed) == placed
    (refusal,) = (each for each in bot.journal.kept if isinstance(each, ev.IntentRefused))
    assert refusal.control == "market_locked"


def test_late_fill_gets_its_stop_first() -> None:
    """Known 28 s after it happened, the position is guarded, not sold unseen."""
    bot = Bot("unknown", by=STOPPED)
    bot.step()
    entry = bot.order(Leg.ENTRY)
    list(wakes(bot, 26))
    bot.broker.reports[entry.id] = report(entry, OrderStatus.FILLED, fill("10 @ 100", at=NOW))
    assert wake(bot, 28) == ["stop"]
    assert resting(bot) == ["stop"]


def test_late_fill_whose_stop_is_refused_calls_the_owner_by_the_time_of_the_fill() -> None:
    bot = Bot("unknown", *["rejected"] * 50, by=STOPPED)
    bot.step()
    entry = bot.order(Leg.ENTRY)
    list(wakes(bot, 26))
    bot.broker.reports[entry.id] = report(entry, OrderStatus.FILLED, fill("10 @ 100", at=NOW))
    assert [legs for _, legs in wakes(bot, 34)] == [BOTH, SALE, BOTH, SALE]
    list(wakes(bot, 42))
    assert [(each.at, each.since) for each in pages(bot)] == [(NOW + 40_000, NOW)]


def test_market_that_cannot_be_asked_about_keeps_no_other_bare() -> None:
    """Symptom: BTC's order could not be read, and ETH's stop waited for 42 seconds."""
    bot = Bot("filled", "rejected", "rejected", "filled", "rejected", "rejected",
              by=rules(stop_ppm=50_000, fraction_ppm=400_000), markets=2)  # fmt: skip
    bot.step_all("100 100")
    bot.broker.script = ["accepted"]
    deal_with = bot.session._guard._deal_with

    def fails_for_btc(market: str) -> None:
        if market == BTC:
            raise ExchangeUnavailable("no answer")
        deal_with(market)

    bot.session._guard._deal_with = fails_for_btc  # type: ignore[method-assign]  # one market fails
    with pytest.raises(ExchangeUnavailable):
        wake(bot, 2)
    assert [each.leg for each in bot.state.orders.of(ETH)] == [Leg.STOP]


def test_target_without_a_stop_is_placed_again_and_nobody_is_called() -> None:
    bot = Bot("filled", "accepted", by=rules(target_ppm=100_000))
    bot.step()
    first = bot.order(Leg.TARGET)
    bot.broker.reports[first.id] = report(first, OrderStatus.EXPIRED)
    assert wake(bot, 60) == ["target"]
    assert not bot.session.is_urgent()
    assert pages(bot) == []


# --- doubt ---------------------------------------------------------------------------------------


def test_nothing_is_sold_beside_a_stop_in_doubt_and_the_owner_is_called_all_the_same() -> None:
    bot = in_doubt()
    bot.broker.prices = {BTC: d(50)}
    assert [legs for _, legs in wakes(bot, 44)] == [[]] * 22
    (page,) = pages(bot)
    assert (page.at, page.reason) == (NOW + 40_000, "its stop is unknown")


def test_stop_proved_absent_is_placed_anew_at_once() -> None:
    bot = in_doubt()
    placed = {second: legs for second, legs in wakes(bot, 60) if legs}
    # Its window of 5 s and 30 s more have passed at 36 s; the second look is ten seconds later.
    assert placed == {46: ["stop"]}
    assert resting(bot) == ["stop"]
    assert bot.state.locks == {}


def test_stop_in_doubt_that_turns_up_ends_the_watch() -> None:
    bot = in_doubt()
    list(wakes(bot, 20))
    stop = bot.order(Leg.STOP)
    bot.broker.reports[stop.id] = report(stop, OrderStatus.ACCEPTED)
    assert [legs for _, legs in wakes(bot, 80)] == [[]] * 30
    assert pages(bot) == []
    assert not bot.session.is_urgent()


def test_sale_in_doubt_is_waited_for_and_never_repeated() -> None:
    bot = Bot("filled", "accepted", "unknown", by=STOPPED)
    bot.step()
    bot.step(exposure=FLAT, hour=2)
    bot.broker.prices = {BTC: d(50)}
    assert [legs for _, legs in wakes(bot, 3640)] == [[]] * 20
    (page,) = pages(bot)
    assert page.reason == "its exit is unknown"
    assert page.at - page.since == 40_000


# --- over restarts -------------------------------------------------------------------------------


def test_restart_does_not_wind_the_clock_back() -> None:
    bot = refused()
    list(wakes(bot, 30))
    restarted(bot)
    # It begins with its stop again, and by the fill's time it is late after ten seconds more.
    assert [legs for _, legs in wakes(bot, 38)] == [BOTH, BOTH, BOTH, BOTH]
    assert pages(bot) == []
    list(wakes(bot, 42))
    assert [(each.at, each.since) for each in pages(bot)] == [(NOW + 40_000, NOW)]


def test_restart_of_a_called_owner_calls_no_second_time() -> None:
    bot = refused()
    list(wakes(bot, 42))
    restarted(bot)
    list(wakes(bot, 90))
    assert len(pages(bot)) == 1


def test_bot_that_was_away_guards_before_it_calls() -> None:
    bot = in_doubt()
    bot.clock.now = NOW + 3_600_000
    stop = bot.order(Leg.STOP)
    bot.broker.reports[stop.id] = report(stop, OrderStatus.EXPIRED)
    restarted(bot)
    assert wake(bot, 3602) == ["stop"]
    assert pages(bot) == []


# --- the bot as the stop -------------------------------------------------------------------------


def unsent(approved: object) -> Outcome:
    """Return what a broker answers that did not let an order leave."""
    return Unsent(order_id=approved.order_id, reason="its token is too old")  # type: ignore[attr-defined]  # an Approved


@pytest.mark.parametrize(("price", "is_sold"), [("95", True), ("95.1", False)])
def test_price_at_the_missing_stop_is_sold_at_once(price: str, is_sold: bool) -> None:
    bot = Bot("filled", by=STOPPED)
    bot.broker.script += [unsent] * 2
    bot.step()
    bot.broker.prices = {BTC: d(price)}
    legs = wake(bot, 2)
    assert legs == ["stop"] + (["exit"] if is_sold else [])
    assert bot.state.positions[BTC].is_open is not is_sold


def test_price_at_the_missing_stop_does_not_wait_for_the_next_try() -> None:
    bot = refused()
    list(wakes(bot, 52))
    assert wake(bot, 54) == []
    bot.broker.prices = {BTC: d(95)}
    assert wake(bot, 56) == SALE
    intended = [each for each in bot.journal.kept if isinstance(each, ev.OrderIntended)]
    assert intended[-1].reason == "stop by the bot: the price is 95"


def test_price_that_cannot_be_read_changes_nothing() -> None:
    bot = refused()
    list(wakes(bot, 52))
    bot.broker.prices = {}
    assert wake(bot, 54) == []


# --- where the exchange has no OCO ---------------------------------------------------------------


def without_oco(*script: str) -> Bot:
    bot = Bot("filled", "accepted", *script, by=AIMED, has_oco=False)
    bot.step()
    assert resting(bot) == ["stop"]
    return bot


def test_without_oco_the_stop_rests_and_the_target_is_watched() -> None:
    bot = without_oco()
    bot.broker.prices = {BTC: d("109.9")}
    assert wake(bot, 10) == []
    bot.broker.prices = {BTC: d(110)}
    bot.diary.clear()
    assert wake(bot, 20) == SALE
    assert [line for line in bot.diary if line.startswith("wire")] == [
        "wire: cancel stop",
        "wire: exit sell",
    ]
    assert not bot.state.positions[BTC].is_open


@pytest.mark.parametrize("answer", ["rejected", "unknown"])
def test_target_is_not_sold_while_its_stop_may_rest(answer: str) -> None:
    bot = without_oco()
    bot.broker.prices = {BTC: d(110)}
    bot.broker.cancels = [answer]
    assert wake(bot, 10) == []
    assert resting(bot) == ["stop"]
    assert wake(bot, 20) == SALE, "the next look tries again"


def test_target_whose_price_cannot_be_read_keeps_its_stop() -> None:
    bot = without_oco()
    assert wake(bot, 10) == []
    assert bot.broker.cancelled == []


def test_what_was_refused_is_asked_for_once_a_look_though_the_clock_moves() -> None:
    """Symptom: each round of a look had a time of its own, and asked for the same stop again."""
    made = held()
    stop = made.bot.order(Leg.STOP)
    made.broker.reports[stop.id] = report(stop, OrderStatus.CANCELLED)

    def refuses(approved: Approved) -> Outcome:
        made.bot.clock.now += 1
        return Rejection(order_id=approved.order_id, code="-2010", message="no")

    made.broker.script = [refuses] * 20
    before = len(made.broker.placed)
    made.bot.session.settle()
    assert [each.intent.leg for each in made.broker.placed[before:]] == [Leg.STOP, Leg.EXIT]
