"""Orders of a tradebot under another name: there while this journal is written, they halt."""

from dataclasses import replace

import pytest

from tests.support.builders import BTC, START, d, order, state_with
from tradebot.engine.compare import Difference, Kind, Remedy, Sight
from tradebot.engine.compare_orders import BEFORE_MS, compare_orders
from tradebot.engine.risk import is_order_id, namespace
from tradebot.model.order import ListedOrder, OrderStatus

OTHER = f"{namespace('second')}-7640312558ac7633027d0f40"
LISTED = ListedOrder(
    order_id=OTHER,
    exchange_id="7",
    market=BTC,
    filled=d(0),
    is_open=False,
    created_at=START - BEFORE_MS,
)


def found(*listed: ListedOrder, is_asked: bool = True) -> list[Difference]:
    """Return what differs where these are shown; without `is_asked` in the account's list alone."""
    is_open = {each.order_id: each.filled for each in listed if each.is_open}
    orders = {BTC: listed} if is_asked else {}
    return compare_orders(
        state_with(), Sight(balances={}, open_filled=is_open, orders=orders, fills={}), {}
    )


@pytest.mark.parametrize(
    ("shown", "is_named"),
    [
        (LISTED, True),
        (replace(LISTED, filled=d(1)), True),
        (replace(LISTED, created_at=START - BEFORE_MS - 1), False),
        (replace(LISTED, created_at=0, is_open=True), True),
    ],
    ids=["just before", "filled", "long before", "open since long"],
)
def test_order_of_another_name_halts_where_it_is_open_or_not_long_ago(
    shown: ListedOrder, is_named: bool
) -> None:
    """What an earlier bot left behind does not refuse for ever."""
    differences = found(shown)
    assert [(each.kind, each.subject) for each in differences] == [
        (Kind.OTHER_BOT, OTHER)
    ] * is_named
    for each in differences:
        assert each.remedy is Remedy.HALT
        assert each.text == (
            f"BTC/USDT: order {OTHER} is of another tradebot, under another name, that has orders "
            "on this account; one bot an account"
        )


def test_open_order_of_another_name_is_found_in_a_market_that_is_not_ours() -> None:
    (difference,) = found(replace(LISTED, is_open=True), is_asked=False)
    assert difference.kind is Kind.OTHER_BOT


def test_order_of_another_name_that_was_left_stays_left_whatever_becomes_of_it() -> None:
    (first,) = found(replace(LISTED, is_open=True))
    (later,) = found(replace(LISTED, filled=d(1)))
    assert first.name == later.name


def test_other_bot_s_order_that_is_two_is_its_own_trouble() -> None:
    differences = found(LISTED, replace(LISTED, exchange_id="8"))
    assert {each.kind for each in differences} == {Kind.OTHER_BOT}


def test_order_of_another_name_that_this_journal_knows_is_ours() -> None:
    """A journal may be older than the rule that its bot keeps its name."""
    old = replace(order("buy 1 BTC @ 100"), id=OTHER, status=OrderStatus.REJECTED)
    sight = Sight(balances={}, open_filled={}, orders={BTC: [LISTED]}, fills={})
    assert compare_orders(state_with(orders=[old]), sight, {}) == []


@pytest.mark.parametrize(
    ("text", "is_ours"),
    [(OTHER, True), ("tbird-1", False), ("tb-9", False), ("web_tb0d6e40-1", False), ("", False)],
)
def test_id_of_a_tradebot_is_known_by_its_form(text: str, is_ours: bool) -> None:
    assert is_order_id(text) == is_ours
