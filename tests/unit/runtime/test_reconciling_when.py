"""Comparing while the bot runs: how often, in which order, with how many requests."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tests.support.bot import NOW
from tests.support.builders import BTC, ETH, START, d, fill, report
from tests.support.compared import EVERY, Compared, held, unknown_order
from tradebot.adapters import order_reads
from tradebot.engine.compare import COINS_APART_MS
from tradebot.errors import ExchangeUnavailable
from tradebot.model.order import Leg, ListedOrder, OrderStatus
from tradebot.runtime import reconciling
from tradebot.runtime.reconciling import OVERLAP_MS, SOON_MS, URGENT_MS


def asked(made: Compared, what: str = "orders") -> list[str]:
    return [market for name, market, _ in made.broker.questions if name == what]


def test_bot_that_agrees_is_compared_every_so_often() -> None:
    made = Compared()
    made.made.start()
    start = made.bot.clock.now
    assert start == NOW, "what agrees waits for no second look"
    for now in (start + 1, start + EVERY - 1):
        made.bot.clock.now = now
        made.made.tick(now)
    assert len(asked(made)) == 1
    made.bot.clock.now = start + EVERY
    made.made.tick(start + EVERY)
    assert len(asked(made)) == 2


def test_start_waits_for_its_second_look_and_no_longer() -> None:
    made = held()
    made.broker.coins = {**made.broker.coins, "USDT": d(-1)}
    assert made.made.start() == NOW + COINS_APART_MS
    assert made.is_locked()
    assert asked(made) == [BTC], "balances alone are asked for again"


def test_position_is_not_shrunk_before_its_market_s_lists_were_read_again() -> None:
    made = held()
    made.lose_coins(USDT="0", BTC="4")
    for _ in range(3):
        made.look(COINS_APART_MS)
    assert asked(made) == [BTC, BTC, BTC]
    assert made.bot.state.positions[BTC].quantity == d(4)


def test_doubt_is_looked_into_at_the_next_wake() -> None:
    made = held()
    made.look()
    made.broker.coins = {**made.broker.coins, "USDT": d(-1)}
    made.look(EVERY)
    made.bot.clock.now += COINS_APART_MS
    made.made.tick(made.bot.clock.now)
    assert made.is_locked()


def test_look_that_booked_something_is_followed_by_one_that_compares_balances() -> None:
    """The fill came between the reading of the balances and that of the fills."""
    made = held()
    stop = made.bot.order(Leg.STOP)
    sold = fill("10 @ 95", trade_id="stop", at=NOW + 1)
    made.broker.reports[stop.id] = report(stop, OrderStatus.FILLED, sold)
    made.broker.coins = {"USDT": d(950), "BTC": d("0.5")}
    made.look()
    assert not made.bot.state.differences.found, "balances were not compared"
    made.bot.clock.now += COINS_APART_MS
    made.made.tick(made.bot.clock.now)
    made.bot.clock.now += COINS_APART_MS
    made.made.tick(made.bot.clock.now)
    assert set(made.bot.state.differences.found) == {("coins_more", "BTC")}


def test_lists_are_asked_back_to_what_is_not_cleared_up() -> None:
    made = held()
    stop = made.bot.order(Leg.STOP)
    listed = unknown_order(order_id=stop.id, exchange_id="x1", filled=d(10))
    made.broker.listed_orders_made = [listed]
    made.look()
    made.look(EVERY)
    since = [since for name, _, since in made.broker.questions if name == "orders"]
    assert since[0] == since[1], "the order must be in the next list, too"


def test_comparison_asks_no_more_than_it_may_and_takes_the_markets_in_turn() -> None:
    made = Compared(markets=2, requests_max=5)
    made.made.start()
    assert len(made.broker.questions) == 4
    assert asked(made) == [BTC]
    made.made.tick(NOW + SOON_MS - 1)
    assert len(made.broker.questions) == 4
    made.bot.clock.now = NOW + SOON_MS
    made.made.tick(NOW + SOON_MS)
    assert asked(made) == [BTC, ETH]
    made.bot.clock.now += EVERY
    made.made.tick(made.bot.clock.now)
    assert asked(made) == [BTC, ETH, BTC]


def test_asking_about_orders_is_within_the_requests_too() -> None:
    made = Compared(markets=2, requests_max=6)
    made.bot.step_all("100 10")
    made.agree()
    for order in list(made.bot.state.orders.unsettled.values()):
        made.broker.reports[order.id] = report(order, OrderStatus.CANCELLED)
    made.broker.asked.clear()
    made.look()
    assert made.broker.asked == [], "all six went to the account and its two markets"


def test_lost_connection_has_all_compared_again() -> None:
    made = Compared()
    made.made.start()
    made.bot.clock.now += 1
    made.made.lost()
    made.made.tick(made.bot.clock.now)
    assert len(asked(made)) == 2


def test_bare_position_is_compared_three_times_a_minute() -> None:
    """Refused stops may mean that the coins are not there."""
    made = Compared()
    made.made.start()
    for after in (URGENT_MS - 1, URGENT_MS, URGENT_MS + 1):
        made.bot.clock.now = NOW + after
        made.made.tick(made.bot.clock.now, is_urgent=True)
    assert len(asked(made)) == 2


def test_refused_stops_in_between_do_not_keep_a_difference_from_counting() -> None:
    made = held()
    made.lose_coins(USDT="0", BTC="4")
    made.broker.script = ["rejected"] * 20
    for _ in range(4):
        made.look(COINS_APART_MS)
        made.bot.session.settle()
    assert made.bot.state.positions[BTC].quantity == d(4)


def test_lost_connection_with_a_doubt_has_every_market_compared() -> None:
    made = Compared(markets=2)
    made.broker.coins = {"USDT": d(900)}
    made.look()
    made.broker.questions.clear()
    made.made.lost()
    made.look(1)
    assert asked(made) == [BTC, ETH]


def test_failed_comparison_is_tried_again_soon_and_changes_nothing() -> None:
    made = Compared()
    made.broker.is_reachable = False
    with pytest.raises(ExchangeUnavailable):
        made.made.start()
    made.broker.is_reachable = True
    made.made.tick(NOW + SOON_MS - 1)
    assert asked(made) == []
    made.made.tick(NOW + SOON_MS)
    assert asked(made) == [BTC]


def test_lists_are_asked_for_since_the_last_look_and_a_little_before() -> None:
    made = Compared()
    made.made.start()
    made.look(EVERY)
    since = [since for name, _, since in made.broker.questions if name == "orders"]
    assert since == [START - 3_600_000, NOW - OVERLAP_MS]


def test_old_journal_is_asked_back_a_week_and_no_further() -> None:
    made = Compared()
    made.bot.clock.now = START + 30 * 86_400_000
    made.made.start()
    assert made.broker.questions[2] == ("orders", BTC, made.bot.clock.now - 7 * 86_400_000)


def test_list_that_one_answer_cannot_hold_is_asked_for_half_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full answer holds the oldest rows: what is newest would never be seen."""
    monkeypatch.setattr(reconciling, "LISTED_MAX", 2)
    assert order_reads.LISTED_MAX == 1_000
    made = Compared()
    rows = [unknown_order(order_id=f"other-{number}", is_open=False) for number in range(2)]
    answers: list[list[ListedOrder]] = [rows, rows, []]
    ask: Callable[[str, int], Sequence[ListedOrder]] = made.broker.listed_orders

    def answering(market: str, since_ms: int) -> Sequence[ListedOrder]:
        ask(market, since_ms)
        return answers.pop(0)

    made.broker.listed_orders = answering  # type: ignore[method-assign]  # a scripted exchange
    made.made.start()
    first, second, third = [since for name, _, since in made.broker.questions if name == "orders"]
    assert first < second < third < NOW
    assert NOW - third == (NOW - first) // 4


def test_made_up_market_at_the_beginning_of_time_is_asked_for_no_negative_time() -> None:
    """Symptom: a simulated run from 1970 on ended with "cannot be asked for orders"."""
    made = Compared()
    started = made.bot.state.started
    assert started is not None
    made.bot.session.state = made.bot.state._replace(started=replace(started, at=0))
    made.bot.clock.now = 1_000
    made.made.start()
    made.look(1_000)
    since = [since for name, _, since in made.broker.questions if name in ("orders", "fills")]
    assert min(since) - order_reads.LISTED_BEFORE_MS >= 0
