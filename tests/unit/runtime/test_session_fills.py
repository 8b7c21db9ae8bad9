"""Fills as they come: in pieces, late, too many, with a fee in any coin, of orders long gone."""

import pytest

from tests.support.bot import FLAT, NOW, Bot
from tests.support.builders import (
    BTC,
    ETH,
    HOUR,
    booked,
    d,
    fill,
    order,
    report,
    rules,
    state_with,
)
from tradebot.engine.apply import fold
from tradebot.engine.reconcile import overfilled
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.order import Approved, Fill, Leg, Order, OrderStatus, Outcome, Side
from tradebot.ports import AlertLevel
from tradebot.runtime.telling import news

S = OrderStatus


def _filling(status: OrderStatus, *fills: Fill) -> Bot:
    """Return a bot whose entry of 10 the exchange answers with these fills."""

    def answer(approved: Approved) -> Outcome:
        return report(approved.order_id, status, *fills)

    bot = Bot(answer, by=rules(stop_ppm=50_000))
    bot.step()
    return bot


# --- fees and averages --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fee", "balances", "stop"),
    [
        ("0.01 BTC", {"USDT": "0", "BTC": "9.99"}, "9.99"),
        ("1 USDT", {"USDT": "-1", "BTC": "10"}, "10"),
        ("0.002 BNB", {"USDT": "0", "BTC": "10"}, "10"),
    ],
    ids=["base", "quote", "third coin"],
)
def test_fee_is_booked_in_the_coin_it_was_taken_in_and_the_stop_is_of_what_is_left(
    fee: str, balances: dict[str, str], stop: str
) -> None:
    bot = _filling(S.FILLED, fill(f"10 @ 100 fee {fee}"))
    assert bot.state.balances == {coin: d(text) for coin, text in balances.items()}
    assert bot.order(Leg.STOP).quantity == d(stop)
    assert fold(bot.journal.events()) == bot.state


def test_fees_of_a_round_trip_add_up_whatever_their_coins() -> None:
    bot = _filling(
        S.FILLED,
        fill("4 @ 99 fee 0.004 BTC", trade_id="1"),
        fill("6 @ 101 fee 0.001 BNB", trade_id="2"),
    )
    # 1000 - 396 - 606 = -2; the sale of 9.996 at 100 brings 999.6 less a fee of 0.5.
    bot.broker.script = [
        lambda approved: report(
            approved.order_id,
            S.FILLED,
            fill(f"{approved.intent.quantity} @ 100 fee 0.5 USDT", trade_id="3"),
        )
    ]
    bot.step("100", FLAT, 2)
    assert bot.state.balances == {"USDT": d("997.1"), "BTC": d(0)}
    assert bot.state.third_fees == {"BNB": d("0.001")}
    held = bot.state.positions[BTC]
    assert (held.cost, held.proceeds) == (d(1002), d("999.1"))


def test_average_price_is_weighted_by_quantity_to_the_last_digit() -> None:
    pieces = [("1.111 @ 100.01", "1"), ("3.333 @ 99.99", "2"), ("5.556 @ 100.02", "3")]
    bot = _filling(S.FILLED, *(fill(text, trade_id=number) for text, number in pieces))
    # 111.11111 + 333.26667 + 555.71112
    assert bot.order(Leg.ENTRY).cost == d("1000.08890")
    assert bot.state.positions[BTC].entry_price == d("100.00889")


# --- too many -----------------------------------------------------------------------------------


def test_overfill_is_booked_as_it_was_and_halts_trading_in_one_append() -> None:
    bot = _filling(S.FILLED, fill("10.5 @ 100"))
    assert bot.state.balances == {"USDT": d(-50), "BTC": d("10.5")}
    assert bot.order(Leg.ENTRY).status is S.FILLED
    assert bot.state.trading is TradingState.HALTED
    entry = bot.order(Leg.ENTRY).id
    (halt,) = (each for each in bot.journal.kept if isinstance(each, ev.TradingStateChanged))
    assert halt.reason == f"BTC/USDT: the exchange filled 10.5 of an order of 10 ({entry})"
    at = bot.diary.index("disk: fill_booked")
    assert bot.diary[at + 1] == "disk: trading_state_changed", "no restart knows of one alone"
    item = news(halt, bot.state)
    assert item is not None
    assert (item.level, halt.reason in item.text) == (AlertLevel.CRITICAL, True)


def test_overfill_in_pieces_counts_them_together() -> None:
    bot = _filling(S.FILLED, fill("6 @ 100", trade_id="1"), fill("4.001 @ 100", trade_id="2"))
    assert bot.state.trading is TradingState.HALTED
    assert bot.state.positions[BTC].quantity == d("10.001")


def test_order_filled_to_the_last_lot_halts_nothing() -> None:
    bot = _filling(S.FILLED, fill("6 @ 100", trade_id="1"), fill("4 @ 100", trade_id="2"))
    assert bot.state.trading is TradingState.ACTIVE


def test_overfill_that_is_found_by_asking_halts_and_a_restart_folds_it() -> None:
    bot = Bot("filled", "accepted", by=rules(stop_ppm=50_000))
    bot.step()
    stop = bot.order(Leg.STOP)
    bot.broker.reports[stop.id] = report(stop, S.FILLED, fill("11 @ 95", trade_id="s", at=NOW + 9))
    bot.session.settle()
    assert bot.state.trading is TradingState.HALTED
    assert bot.state.balances == {"USDT": d(1045), "BTC": d(-1)}, "one was sold that was not ours"
    assert fold(bot.journal.events()) == bot.state
    bot.session.settle()
    bot.step("90", FLAT, 2)
    assert len(bot.broker.placed) == 2


def test_second_overfill_is_booked_and_not_told_as_a_second_halt() -> None:
    bot = Bot("filled", "accepted", by=rules(stop_ppm=50_000), markets=2)
    bot.step()
    bot.session.halt("the emergency stop is latched")
    stop = bot.order(Leg.STOP)
    bot.broker.reports[stop.id] = report(stop, S.FILLED, fill("11 @ 95", trade_id="s", at=NOW + 9))
    bot.session.settle()
    assert bot.state.positions[BTC].quantity == d(-1)
    assert bot.journal.kinds().count("trading_state_changed") == 1


def _with_entry_elsewhere() -> Bot:
    """Return a bot that holds 5 BTC under a stop, and whose limit entry in ETH rests."""
    by = rules(stop_ppm=50_000, fraction_ppm=500_000, entry_ms_max=HOUR, reprice_max=3)
    bot = Bot("filled", by=by, markets=2)
    bot.step_all("100 100")
    return bot


def _entry_filled(entry: Order) -> Outcome:
    """Return the answer to a cancel that finds a coin of the entry bought."""
    return report(entry, S.CANCELLED, fill("1 @ 100", trade_id="e1"))


def test_overfill_cancels_entries_of_other_markets_and_books_what_they_bought_once() -> None:
    """Symptom: the look went on with ETH as it was before, and its fill was journalled twice."""
    bot = _with_entry_elsewhere()
    stop = bot.order(Leg.STOP)
    bot.broker.reports[stop.id] = report(stop, S.FILLED, fill("6 @ 95", trade_id="s", at=NOW + 9))
    (entry,) = bot.state.orders.of(ETH)
    bot.broker.reports[entry.id] = report(entry, S.PARTIAL, fill("1 @ 100", trade_id="e1"))
    bot.broker.cancels = [_entry_filled]
    bot.session.settle()
    assert bot.state.trading is TradingState.HALTED
    assert bot.state.orders.settled[entry.id].status is S.CANCELLED
    fills = [each for each in bot.journal.kept if isinstance(each, ev.FillBooked)]
    assert [each.fill.trade_id for each in fills if each.market == ETH] == ["e1"]


def test_order_that_a_halt_has_cancelled_already_is_not_cancelled_again() -> None:
    """The first of two cancels finds an over-fill, and the halt cancels the second's order."""
    bot = Bot(by=rules(stop_ppm=50_000, fraction_ppm=500_000, entry_ms_max=9 * HOUR, reprice_max=3))
    bot.step()
    entry = bot.order(Leg.ENTRY)
    bot.broker.reports[entry.id] = report(entry, S.PARTIAL, fill("2 @ 100", trade_id="e1"))
    bot.broker.cancels = ["unknown"]
    bot.session.settle()

    def over(stop: Order) -> Outcome:
        return report(stop, S.FILLED, fill("3 @ 95", trade_id="s"))

    bot.broker.cancels = [over]
    bot.broker.cancelled.clear()
    bot.step("100", FLAT, 2)
    assert bot.broker.cancelled == [bot.order(Leg.STOP).id, entry.id]


def test_trade_told_again_is_no_overfill() -> None:
    out = order("buy 1 BTC @ 100", filled=d(1), trade_ids=("1",), status=S.FILLED)
    assert overfilled(state_with(orders=[out]), [booked(out, fill("1 @ 100"))]) == ""
    assert overfilled(state_with(), [booked(out, fill("9 @ 100"))]) == "", "no order to exceed"


# --- late ---------------------------------------------------------------------------------------


def test_fill_of_an_order_older_than_memory_is_booked_and_told() -> None:
    bot = Bot()
    late = ev.FillBooked(
        at=NOW, order_id="tb-long-ago", market=BTC, side=Side.BUY, fill=fill("2 @ 100")
    )
    bot.session.record([late])
    assert bot.state.balances == {"USDT": d(800), "BTC": d(2)}
    assert bot.state.positions[BTC].quantity == d(2)
    item = news(late, bot.state)
    assert item is not None
    assert item.text.startswith("BUY  BTC/USDT 2 @ 100")
    assert fold(bot.journal.events()) == bot.state


def test_order_called_absent_that_fills_after_all_is_booked_and_protected() -> None:
    bot = Bot("unknown", by=rules(stop_ppm=50_000))
    bot.step()
    for seconds in (60, 71):
        bot.clock.now = NOW + seconds * 1000
        bot.session.settle()
    entry = bot.order(Leg.ENTRY)
    assert entry.status is S.ABSENT
    late = fill("10 @ 100", trade_id="late", at=NOW + 99)
    bot.session.record(
        [ev.FillBooked(at=NOW + 99, order_id=entry.id, market=BTC, side=Side.BUY, fill=late)]
    )
    bot.session.protect()
    assert bot.order(Leg.ENTRY).status is S.FILLED
    assert bot.order(Leg.STOP).quantity == d(10)
