"""Closing a market, or a part of it, on a person's word: how much, and what stays guarded."""

import pytest

from tests.support.builders import (
    BTC,
    START,
    d,
    market,
    order,
    position,
    rules,
    state_with,
    stop_order,
    target_order,
)
from tradebot.engine.actions import Cancel, Place
from tradebot.engine.apply import apply
from tradebot.engine.closing import close_out, closing, market_named
from tradebot.engine.commands import NO_REASON, TAKEN_KEPT_MAX
from tradebot.engine.state import State
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.command import CommandTaken, CommandWord, SignalSpent
from tradebot.model.order import Leg, OrderKind, OrderStatus

STOP = stop_order("sell 2 BTC @ 90")
BY = rules(stop_ppm=100_000)
ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


def held(text: str = "2 @ 100", *orders: object, **changes: object) -> State:
    resting = orders or (STOP,)
    return state_with(
        market(**changes),  # type: ignore[arg-type]  # a market's own words
        positions={BTC: position(text, stop="90")},
        orders=resting,  # type: ignore[arg-type]  # orders alone
        closes={BTC: "100"},
    )


def test_market_is_named_with_its_exchange_or_without() -> None:
    state = held()
    assert market_named(state, "BTC/USDT") == market_named(state, BTC) == BTC
    assert market_named(state, "BTC") is market_named(state, "") is None


@pytest.mark.parametrize(
    ("fraction", "sold", "left"),
    [
        (None, "2", "0"),
        ("1", "2", "0"),
        ("0.5", "1", "1"),
        ("0.3333", "0.666", "1.334"),
        ("0.999", "1.998", "0.002"),
    ],
)
def test_fraction_is_rounded_down_to_lots(fraction: str | None, sold: str, left: str) -> None:
    state = held(notional_min="0.1")
    meant = closing(state, BTC, None if fraction is None else d(fraction))
    assert (meant.quantity, meant.down_to, meant.refusal) == (d(sold), d(left), "")
    assert meant.orders == (STOP,)


@pytest.mark.parametrize(
    ("text", "fraction", "words"),
    [
        ("2 @ 100", "0.0004", "too small an order"),
        ("2 @ 100", "0.02", "too small an order"),
        ("2 @ 100", "0.99", "close all"),
        ("0.04 @ 100", None, "too little to sell"),
        ("1 @ 100", "0.946", "close all"),  # 0.054 are worth 5.4, but at their stop 4.86
    ],
)
def test_what_could_not_be_sold_or_guarded_is_refused(
    text: str, fraction: str | None, words: str
) -> None:
    meant = closing(held(text), BTC, None if fraction is None else d(fraction))
    assert words in meant.refusal
    assert (meant.quantity, meant.orders) == (0, ())


def test_market_that_does_not_trade_keeps_what_rests() -> None:
    state = held(is_trading=False)
    assert "does not trade" in closing(state, BTC, None).refusal
    assert close_out(state, BTC, BY, time=START, reason="x") == ()


@pytest.mark.parametrize("status", [OrderStatus.SENT, OrderStatus.UNKNOWN, OrderStatus.INTENDED])
def test_stop_stays_where_another_order_is_in_doubt(status: OrderStatus) -> None:
    """The sale would wait for the other order, and the position stand bare meanwhile."""
    doubtful = order("sell 1 BTC @ 100", order_id="tb-2", status=status)
    state = held("2 @ 100", STOP, doubtful)
    assert "tb-2" in closing(state, BTC, None).refusal
    assert close_out(state, BTC, BY, time=START, reason="x") == ()


def test_cancel_comes_first_and_then_the_sale_of_the_part() -> None:
    state = held()
    (cancel,) = close_out(state, BTC, BY, time=START, reason="enough", down_to=d(1))
    assert cancel == Cancel(STOP, "enough")
    bare = state_with(positions={BTC: position("2 @ 100", stop="90")}, closes={BTC: "100"})
    (place,) = close_out(bare, BTC, BY, time=START, reason="enough", down_to=d(1))
    assert isinstance(place, Place)
    intent = place.order.intent
    assert (intent.quantity, intent.leg, intent.kind) == (d(1), Leg.FLATTEN, OrderKind.MARKET)
    assert intent.reduce_only


def test_part_is_not_sold_twice() -> None:
    state = held("1 @ 100")
    assert close_out(state, BTC, BY, time=START, reason="x", down_to=d(1)) == ()
    assert close_out(state, BTC, BY, time=START, reason="x", down_to=d(2)) == ()


def test_market_without_a_position_is_closed_by_ending_its_entries() -> None:
    entry = order("buy 1 BTC @ 90", kind=OrderKind.LIMIT, price=d(90))
    state = state_with(orders=[entry], closes={BTC: "100"})
    meant = closing(state, BTC, None)
    assert (meant.quantity, meant.orders) == (0, (entry,))
    assert closing(state, BTC, d("0.5")).orders == (), "a part of nothing is nothing"
    target = target_order("sell 2 BTC @ 110")
    assert closing(held("2 @ 100", STOP, target), BTC, None).orders == (STOP, target)


# --- what is remembered -------------------------------------------------------------------------


def trading(state: State, wanted: TradingState, reason: str = "x") -> State:
    return apply(state, ev.TradingStateChanged(at=0, state=wanted, reason=reason))


def test_pause_under_a_halt_does_not_soften_it_and_outlives_it() -> None:
    state = trading(trading(state_with(), HALTED), REDUCING, "lunch")
    assert (state.trading, state.commands.paused) == (HALTED, "lunch")
    state = trading(trading(state_with(), REDUCING, "lunch"), HALTED)
    assert (state.trading, state.commands.paused) == (HALTED, "lunch")
    state = trading(state, ACTIVE)
    assert (state.trading, state.commands.paused) == (ACTIVE, "")


def test_pause_without_a_reason_is_a_pause() -> None:
    assert trading(state_with(), REDUCING, "").commands.paused == NO_REASON


@pytest.mark.parametrize(("exposure", "is_spent"), [(1, True), (0, False), (None, False)])
def test_only_a_signal_that_is_there_is_spent(exposure: int | None, is_spent: bool) -> None:
    state = state_with(closes={BTC: "100"}, exposure=exposure)
    state = apply(state, SignalSpent(at=0, market=BTC, reason="x"))
    assert (BTC in state.feed.spent) is is_spent


def test_so_many_commands_are_remembered() -> None:
    state = state_with()
    for number in range(TAKEN_KEPT_MAX + 1):
        word = CommandWord.PAUSE
        event = CommandTaken(at=0, command_id=str(number), word=word, scope="", reason="")
        state = apply(state, event)
    assert state.commands.taken == tuple(str(each) for each in range(1, TAKEN_KEPT_MAX + 1))
