"""Comparing while the bot runs: what counts, and what it leads to."""

import pytest

from tests.support.bot import LONG, NOW
from tests.support.builders import BTC, d, fill, report, rules
from tests.support.compared import EVERY, Compared, held, unknown_order
from tradebot.engine.apply import fold
from tradebot.engine.compare import COINS_APART_MS
from tradebot.errors import BooksDisagree
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.codec import kind_of
from tradebot.model.event import Resolution
from tradebot.model.order import Leg, ListedFill, OrderStatus, Side
from tradebot.runtime.reconciling import NAMED_MAX, Reconciler

# --- what counts --------------------------------------------------------------------------------


def test_what_agrees_is_recorded_nowhere() -> None:
    made = held()
    before = len(made.bot.journal.kept)
    made.twice()
    assert len(made.bot.journal.kept) == before


def test_difference_of_balances_counts_when_seen_twice_half_a_minute_apart() -> None:
    made = held()
    made.broker.coins = {**made.broker.coins, "USDT": d(-1)}
    made.look()
    made.look(COINS_APART_MS - 1)
    assert not made.told(ev.DifferenceFound)
    made.look(1)
    (found,) = made.told(ev.DifferenceFound)
    assert isinstance(found, ev.DifferenceFound)
    assert (found.kind, found.subject, found.mark) == ("cash_short", "USDT", "-1")
    assert "`tradebot reconcile`" in found.text


def test_difference_that_was_another_one_the_first_time_does_not_count_yet() -> None:
    made = held()
    made.broker.coins = {**made.broker.coins, "USDT": d(-1)}
    made.look()
    made.broker.coins = {**made.broker.coins, "USDT": d(-2)}
    made.look(COINS_APART_MS)
    assert not made.told(ev.DifferenceFound)
    made.look(COINS_APART_MS)
    assert len(made.told(ev.DifferenceFound)) == 1


def test_fill_in_between_begins_the_count_again() -> None:
    made = Compared()
    made.broker.coins = {"USDT": d(999)}
    made.look()
    made.bot.step()
    made.broker.coins = {**made.bot.state.balances, "USDT": d(-1)}
    made.look(COINS_APART_MS)
    assert not made.told(ev.DifferenceFound)
    made.look(COINS_APART_MS)
    assert len(made.told(ev.DifferenceFound)) == 1


def test_balances_do_not_count_while_an_order_is_in_doubt() -> None:
    made = Compared()
    made.broker.script = ["unknown"]
    made.bot.step()
    made.broker.coins = {"USDT": d(0)}
    for _ in range(4):
        made.look(COINS_APART_MS)
    assert not made.told(ev.DifferenceFound)


def test_balances_do_not_count_while_a_fill_is_on_its_way() -> None:
    """The stop has filled and the balances show it; the books hear of it at the next wake."""
    made = held()
    stop = made.bot.order(Leg.STOP)
    sold = fill("10 @ 95", trade_id="stop", at=NOW + 1)
    made.broker.reports[stop.id] = report(stop, OrderStatus.FILLED, sold)
    made.broker.coins = {"USDT": d(950), "BTC": d(0)}
    made.twice()
    assert made.bot.order(Leg.STOP).status is OrderStatus.FILLED, "asked about, and booked"
    assert not made.told(ev.DifferenceFound)
    assert made.bot.state.balances == {"USDT": d(950), "BTC": d(0)}


def test_recorded_once_until_it_changes() -> None:
    made = held()
    made.broker.coins = {**made.broker.coins, "USDT": d(50)}
    for _ in range(5):
        made.look(COINS_APART_MS)
    assert len(made.told(ev.DifferenceFound)) == 1
    made.broker.coins = {**made.broker.coins, "USDT": d(60)}
    for _ in range(5):
        made.look(COINS_APART_MS)
    assert [each.mark for each in made.told(ev.DifferenceFound)] == ["50", "60"]  # type: ignore[union-attr]  # all are of that kind


def test_recorded_once_though_the_bot_starts_again() -> None:
    made = held()
    made.broker.coins = {**made.broker.coins, "USDT": d(50)}
    made.twice()
    state = made.bot.state
    made.bot.session.state = fold(made.bot.journal.kept)
    assert made.bot.state == state
    again = Reconciler(
        made.bot.session,
        made.broker,
        made.bot.clock,
        history=made.history,
        every_ms=EVERY,
        requests_max=50,
    )
    again.start()
    assert len(made.told(ev.DifferenceFound)) == 1


# --- what it leads to ---------------------------------------------------------------------------


def test_missing_cash_locks_the_markets_of_its_quote_and_nothing_else() -> None:
    made = held()
    made.broker.coins = {**made.broker.coins, "USDT": d(-1)}
    made.twice()
    assert made.is_locked()
    assert not made.told(ev.BalanceAdjusted, ev.PositionAdjusted)
    assert made.bot.state.trading is TradingState.ACTIVE
    assert len(made.broker.placed) == 2, "entry and stop: comparing trades nothing"


def test_two_differences_lock_a_market_once() -> None:
    made = Compared()
    made.broker.coins = {"USDT": d(900)}
    made.twice()
    made.broker.coins = {"USDT": d(800)}
    made.twice()
    assert len(made.told(ev.DifferenceFound)) == 2
    assert len(made.told(ev.MarketLocked)) == 1


def test_deposit_is_named_and_locks_nothing_and_its_end_is_told() -> None:
    made = held()
    made.broker.coins = {**made.broker.coins, "USDT": d(500)}
    made.twice()
    assert not made.bot.state.locks
    assert set(made.bot.state.differences.found) == {("cash_more", "USDT")}
    made.agree()
    made.look(EVERY)
    (end,) = made.told(ev.DifferenceResolved)
    assert isinstance(end, ev.DifferenceResolved)
    assert end.how is Resolution.AGREED
    assert not made.bot.state.differences.found


def test_note_is_not_over_because_a_fill_was_booked_after_the_balances_were_read() -> None:
    made = held()
    made.broker.coins = {**made.broker.coins, "USDT": d(500)}
    made.twice()
    stop = made.bot.order(Leg.STOP)
    sold = fill("10 @ 95", trade_id="stop", at=NOW + 1)
    made.broker.reports[stop.id] = report(stop, OrderStatus.FILLED, sold)
    made.look(EVERY)
    assert made.bot.state.balances["USDT"] == d(950)
    assert not made.told(ev.DifferenceResolved)
    made.broker.coins = {"USDT": d(1450), "BTC": d(0)}
    made.twice()
    assert [each.mark for each in made.bot.state.differences.found.values()] == ["500"]


def test_lock_stays_until_a_person_has_spoken() -> None:
    made = held()
    made.broker.coins = {**made.broker.coins, "USDT": d(-1)}
    made.twice()
    made.agree()
    made.look(EVERY)
    made.look(EVERY)
    assert made.is_locked()
    assert set(made.bot.state.differences.found) == {("cash_short", "USDT")}


def test_position_that_was_sold_by_hand_is_shrunk_locked_and_guarded_anew() -> None:
    """The owner cancelled the stop at the exchange and sold six of the ten."""
    made = held()
    made.lose_coins(USDT="600", BTC="4")
    made.look()
    made.look(COINS_APART_MS)
    made.look(COINS_APART_MS)
    position = made.bot.state.positions[BTC]
    assert (position.quantity, position.sellable) == (d(4), d(4))
    assert made.bot.state.balances["BTC"] == d(4)
    assert made.is_locked()
    made.bot.session.protect()
    resting = [
        order
        for order in made.bot.state.orders.unsettled.values()
        if order.status is OrderStatus.ACCEPTED
    ]
    assert [(each.leg, each.quantity) for each in resting] == [(Leg.STOP, d(4))]
    found = set(made.bot.state.differences.found)
    assert found == {("position_short", BTC), ("cash_more", "USDT")}


def test_same_loss_once_more_is_looked_at_twice_again() -> None:
    """Nobody has spoken about the first one yet, and the amount is the same by chance."""
    made = held()
    stop = made.bot.order(Leg.STOP)
    made.broker.reports[stop.id] = report(stop, OrderStatus.CANCELLED)
    made.broker.coins = {"USDT": d(0), "BTC": d(7)}
    made.look()
    made.twice()
    assert made.bot.state.positions[BTC].quantity == d(7)
    made.broker.coins = {"USDT": d(0), "BTC": d(4)}
    made.look(COINS_APART_MS)
    assert made.bot.state.positions[BTC].quantity == d(7)
    made.look(COINS_APART_MS)
    assert made.bot.state.positions[BTC].quantity == d(4)


def test_rest_too_small_to_sell_is_trimmed_without_a_lock() -> None:
    made = Compared(by=rules(fraction_ppm=999_950))
    made.broker.script = [
        lambda approved: report(
            approved.order_id, OrderStatus.FILLED, fill("9.999 @ 100 fee 0.0095 BTC")
        )
    ]
    made.bot.step()
    assert made.bot.state.positions[BTC].quantity == d("9.9895")
    made.broker.coins = {**made.bot.state.balances, "BTC": d("9.989")}
    made.twice()
    assert made.bot.state.positions[BTC].quantity == d("9.989")
    assert not made.bot.state.locks
    assert not made.bot.state.differences.found


def test_order_of_ours_that_the_journal_does_not_know_halts_at_once() -> None:
    made = held()
    made.broker.listed_orders_made = [unknown_order()]
    made.look()
    assert made.bot.state.trading is TradingState.HALTED
    (changed,) = made.told(ev.TradingStateChanged)
    assert isinstance(changed, ev.TradingStateChanged)
    assert "another tradebot trades this account" in changed.reason
    assert set(made.bot.state.differences.found) == {("order_not_in_journal", "tb-9")}


def test_many_differences_that_stand_hide_no_new_one() -> None:
    made = held()
    made.broker.listed_orders_made = [
        unknown_order(order_id=f"tb-{number}", exchange_id=str(number)) for number in range(25)
    ]
    made.look()
    assert len(made.told(ev.DifferenceFound)) == NAMED_MAX
    made.look()
    assert len(made.told(ev.DifferenceFound)) == 25


def test_start_refuses_where_another_bot_trades() -> None:
    made = held()
    made.broker.listed_orders_made = [unknown_order()]
    with pytest.raises(BooksDisagree, match="another tradebot trades this account") as caught:
        made.made.start()
    assert caught.value.exit_code == 6
    assert "tradebot reconcile" in caught.value.hint


def test_what_a_person_chose_to_leave_is_not_named_again() -> None:
    made = held()
    made.broker.listed_orders_made = [unknown_order()]
    ignored = ev.DifferenceResolved(
        at=NOW,
        kind="order_not_in_journal",
        subject="tb-9",
        mark="open, filled 0",
        how=Resolution.IGNORED,
        reason="an old journal's",
    )
    made.bot.session.record([ignored])
    made.made.start()
    assert made.bot.state.trading is TradingState.ACTIVE
    made.broker.listed_orders_made = [unknown_order(filled=d(1))]
    with pytest.raises(BooksDisagree):
        made.made.start()


def test_fills_that_are_missing_are_asked_about_and_booked() -> None:
    """A cancel and a fill crossed: the books heard of the cancel alone."""
    made = held()
    stop = made.bot.order(Leg.STOP)
    made.bot.session.record([ev.OrderCancelled(at=NOW, order_id=stop.id)])
    sold = fill("10 @ 95", trade_id="late", at=NOW + 1)
    made.broker.reports[stop.id] = report(stop, OrderStatus.FILLED, sold)
    made.broker.listed_orders_made = [
        unknown_order(order_id=stop.id, exchange_id="x1", filled=d(10), is_open=False)
    ]
    made.broker.coins = {"USDT": d(950), "BTC": d(0)}
    made.look()
    assert made.bot.state.positions[BTC].quantity == 0
    made.twice()
    assert not made.told(ev.DifferenceFound)
    assert not made.bot.state.locks


def test_fills_that_stay_missing_lock_their_market() -> None:
    made = held()
    stop = made.bot.order(Leg.STOP)
    listed = unknown_order(order_id=stop.id, exchange_id="x1", filled=d(10), is_open=True)
    made.broker.listed_orders_made = [listed]
    made.twice()
    assert made.is_locked()
    assert set(made.bot.state.differences.found) == {("fills_missing", stop.id)}


def test_order_that_the_state_has_let_go_is_looked_up_in_the_journal() -> None:
    made = held()
    entry = made.bot.order(Leg.ENTRY)
    listed = unknown_order(order_id=entry.id, exchange_id="x1", filled=d(10), is_open=False)
    made.broker.listed_orders_made = [listed]
    fills = ListedFill(exchange_id="x1", side=Side.BUY, fill=fill("10 @ 100", trade_id="t"))
    made.broker.listed_fills_made = {BTC: [fills]}
    known = dict(made.bot.state.orders.settled)
    del known[entry.id]
    forgetful = made.bot.state.orders
    object.__setattr__(forgetful, "settled", known)
    made.look()
    assert made.bot.state.trading is TradingState.ACTIVE


def test_events_of_a_comparison_fold_to_the_same_state() -> None:
    made = held()
    made.broker.coins = {"USDT": d(500), "BTC": d(4)}
    made.bot.step(exposure=LONG, hour=2)
    made.twice()
    assert fold(made.bot.journal.kept) == made.bot.state
    assert "difference_found" in {kind_of(each) for each in made.bot.journal.kept}
