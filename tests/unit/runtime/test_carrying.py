"""What a carrier writes, asks and answers, action by action."""

from dataclasses import replace

import pytest

from tests.support.bot import NOW, Bot
from tests.support.builders import (
    BTC,
    ETH,
    HOUR,
    approved,
    d,
    intent,
    market,
    order,
    position,
    report,
    rules,
    state_with,
    stop_order,
    target_order,
)
from tradebot.engine.actions import Cancel, Place, PlaceOco, Refuse, Replace
from tradebot.engine.controls.refusal import refused
from tradebot.errors import ExchangeUnavailable
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.order import Leg, Order, OrderKind, OrderStatus
from tradebot.runtime.carrying import Carrier

BUY = approved("buy 1 BTC @ 100")
STOP = stop_order("sell 1 BTC @ 95")
HIGHER = approved(
    "sell 1 BTC @ 97", order_id="tb-higher", kind=OrderKind.STOP, leg=Leg.STOP, stop_price=d(97)
)
TARGET = approved(
    "sell 1 BTC @ 110", order_id="tb-t", kind=OrderKind.LIMIT_MAKER, leg=Leg.TARGET, price=d(110)
)


def carrier(bot: Bot, *orders: Order) -> Carrier:
    """Return the bot's carrier, with these orders out; one coin is held."""
    bot.session.state = state_with(
        market(), market("ETH/USDT"), positions={BTC: position("1 @ 100")}, orders=orders
    )
    bot.journal.kept.clear()
    return bot.session._carrier


def limit_entry(order_id: str = "tb-entry", name: str = "BTC") -> Order:
    """Return a limit entry that rests since the candle before this one."""
    made = order(f"buy 1 {name} @ 98", order_id=order_id, closed_at=NOW - HOUR)
    return replace(made, kind=OrderKind.LIMIT, price=d(98))


# --- placing ------------------------------------------------------------------------------------


def test_intent_is_written_whole_before_it_leaves() -> None:
    bot = Bot()
    wanted = replace(BUY, intent=replace(BUY.intent, strategy="vote", size={"room": "2"}))
    assert carrier(bot).carry_out(Place(wanted)) is True
    assert bot.journal.kept[:2] == [
        ev.OrderIntended(
            at=NOW,
            order_id="tb-1",
            market=BTC,
            side=wanted.intent.side,
            kind=OrderKind.MARKET,
            leg=Leg.ENTRY,
            quantity=d(1),
            reference_price=d(100),
            closed_at=NOW,
            strategy="vote",
            reason="signal",
            price=None,
            stop_price=None,
            size={"room": "2"},
        ),
        ev.OrderSent(at=NOW, order_id="tb-1", window_ms=5000),
    ]


def test_order_that_the_latch_keeps_back_is_dropped_and_halts() -> None:
    bot = Bot()
    bot.latch.armed = False
    assert carrier(bot).carry_out(Place(BUY)) is False
    assert bot.journal.kept[1:] == [
        ev.OrderDropped(at=NOW, order_id="tb-1", reason="trading was halted before it was sent"),
        ev.TradingStateChanged(
            at=NOW, state=TradingState.HALTED, reason="the emergency stop is latched"
        ),
    ]
    assert bot.broker.placed == []
    assert "no token" in bot.tokens.take(BUY, now_ms=NOW)


def test_order_without_a_price_near_its_own_does_not_leave() -> None:
    bot = Bot(by=rules(collar_ppm=20_000))
    assert carrier(bot).carry_out(Place(BUY)) is False
    assert bot.journal.kinds() == ["intent_refused"]
    bot.broker.prices[ETH] = d(100)
    assert carrier(bot).carry_out(Place(BUY)) is False, "it is another market's price"


def test_price_is_asked_for_entries_alone_and_where_there_is_a_collar() -> None:
    def ask(market: str) -> None:
        raise AssertionError(f"the price of {market} was asked for")

    for wanted, by in ((HIGHER, rules(collar_ppm=20_000)), (BUY, rules())):
        bot = Bot(by=by)
        bot.broker.last_price = ask  # type: ignore[method-assign,assignment]  # no price is told
        assert carrier(bot).carry_out(Place(wanted)) is True
    held_back = Bot(by=rules(collar_ppm=20_000))
    held_back.broker.last_price = ask  # type: ignore[method-assign,assignment]  # no price is told
    with pytest.raises(AssertionError, match=BTC):
        carrier(held_back).carry_out(Place(BUY))


def test_broker_that_answers_for_one_order_of_two_is_a_bug() -> None:
    bot = Bot()
    bot.broker.place_oco = lambda stop, target: (report(stop.order_id, OrderStatus.ACCEPTED),)  # type: ignore[method-assign,assignment,return-value]  # a broken broker
    with pytest.raises(ValueError, match="shorter"):
        carrier(bot).carry_out(PlaceOco(HIGHER, TARGET))


# --- replacing ----------------------------------------------------------------------------------


def test_replacement_writes_the_cancel_of_the_old_order_beside_the_new_one() -> None:
    bot = Bot()
    assert carrier(bot, STOP).carry_out(Replace(STOP, HIGHER, "trailing stop rises")) is True
    assert bot.journal.kinds()[:3] == ["order_intended", "order_sent", "cancel_sent"]
    assert bot.journal.kept[2] == ev.CancelSent(
        at=NOW, order_id="tb-stop", reason="trailing stop rises"
    )


def test_replacement_that_the_latch_keeps_back_leaves_the_old_order() -> None:
    bot = Bot()
    bot.latch.armed = False
    assert carrier(bot, STOP).carry_out(Replace(STOP, HIGHER, "it rises")) is False
    assert bot.journal.kinds() == ["order_intended", "order_dropped", "trading_state_changed"]
    assert bot.broker.cancelled == []


# --- cancelling ---------------------------------------------------------------------------------


def test_cancel_is_written_with_its_reason() -> None:
    bot = Bot()
    assert carrier(bot, STOP).carry_out(Cancel(STOP, "signal")) is True
    assert bot.journal.kept[0] == ev.CancelSent(at=NOW, order_id="tb-stop", reason="signal")


def test_cancel_of_what_has_ended_meanwhile_sends_nothing_and_looks_again() -> None:
    bot = Bot()
    assert carrier(bot).carry_out(Cancel(STOP, "signal")) is True
    assert (bot.journal.kept, bot.broker.cancelled) == ([], [])


def test_only_the_oco_sibling_of_a_cancelled_order_is_asked_about() -> None:
    """The sibling rests in the same market since the same candle, and ended by the same cancel."""
    others = (
        replace(STOP, id="tb-doubt", status=OrderStatus.UNKNOWN),
        limit_entry(),
        replace(STOP, id="tb-eth", market=ETH),
    )
    sibling = target_order("sell 1 BTC @ 110")
    bot = Bot()
    bot.broker.reports["tb-target"] = report(sibling, OrderStatus.CANCELLED)
    carrier(bot, STOP, sibling, *others).carry_out(Cancel(STOP, "signal"))
    assert bot.broker.asked == ["tb-target"]
    assert set(bot.state.orders.unsettled) == {each.id for each in others}


def test_one_that_cannot_be_asked_about_keeps_no_other_from_its_cancel() -> None:
    bot = Bot()
    bot.broker.cancels = ["rejected"]
    bot.broker.unreachable = {"tb-a"}
    first, second = replace(STOP, id="tb-a"), replace(STOP, id="tb-b", market=ETH)
    carrier(bot, first, second).cancel_all("tradebot kill")
    assert bot.broker.cancelled == ["tb-a", "tb-b"]
    with pytest.raises(ExchangeUnavailable):
        bot.broker.order_report(first)


def test_entries_are_cancelled_with_the_reason_why() -> None:
    bot = Bot()
    carrier(bot, limit_entry(), STOP).cancel_entries("an order filled twice")
    assert bot.broker.cancelled == ["tb-entry"]
    assert bot.journal.kept[0] == ev.CancelSent(
        at=NOW, order_id="tb-entry", reason="an order filled twice"
    )


# --- refusing -----------------------------------------------------------------------------------


def test_refusal_is_written_whole_and_changes_nothing_in_the_world() -> None:
    bot = Bot()
    wanted = intent("buy 1 BTC @ 100", size={"room": "2"})
    told = refused(wanted, "a_limit", d("1.5"), d("2.5"), "why")
    assert carrier(bot).carry_out(Refuse(told)) is False
    assert bot.journal.kept == [
        ev.IntentRefused(
            at=NOW,
            market=BTC,
            side=wanted.side,
            leg=Leg.ENTRY,
            quantity=d(1),
            closed_at=NOW,
            control="a_limit",
            limit=d("1.5"),
            value=d("2.5"),
            message="BTC/USDT: why",
            size={"room": "2"},
        )
    ]
