"""What differs between books and exchange: each rule by a case small enough to see through."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.support.builders import (
    BTC,
    ETH,
    START,
    booked,
    d,
    fill,
    intended,
    market,
    order,
    position,
    state_with,
    stop_order,
)
from tradebot.engine.compare import Difference, Kind, Remedy, Sight, compare_coins, is_settled
from tradebot.engine.compare_orders import BEFORE_MS, KnownOrder, compare_orders, order_of
from tradebot.engine.state import State
from tradebot.model import event as ev
from tradebot.model.order import SETTLED, ListedFill, ListedOrder, Order, OrderStatus, Side


def listed(
    of: Order | str, *, filled: str = "0", is_open: bool = False, number: str = "7"
) -> ListedOrder:
    """Return one of our orders as the exchange lists it."""
    return ListedOrder(
        order_id=of if isinstance(of, str) else of.id,
        exchange_id=number,
        market=BTC,
        filled=d(filled),
        is_open=is_open,
    )


def listed_fill(
    text: str, *, number: str = "7", trade_id: str = "1", at: int = START
) -> ListedFill:
    """Return a fill as the exchange lists it."""
    return ListedFill(
        exchange_id=number, side=Side.BUY, fill=fill(text, trade_id=trade_id, at=at)
    )


def sight(
    orders: Sequence[ListedOrder] = (),
    fills: Sequence[ListedFill] = (),
    is_open: Mapping[str, str] | None = None,
    balances: Mapping[str, str] | None = None,
) -> Sight:
    """Return one look at the account and at BTC/USDT; what is listed as open is open."""
    seen = {each.order_id: each.filled for each in orders if each.is_open}
    return Sight(
        balances={coin: d(text) for coin, text in (balances or {}).items()},
        open_filled={**seen, **{key: d(text) for key, text in (is_open or {}).items()}},
        orders={BTC: orders},
        fills={BTC: fills},
    )


def known(status: OrderStatus, *, filled: str = "0", **changes: object) -> Order:
    made = order("buy 1 BTC @ 100", status=status, filled=d(filled), exchange_id="7")
    return replace(made, **changes)  # type: ignore[arg-type]  # the fields of an order


def found(
    state: State, seen: Sight, older: Mapping[str, KnownOrder] | None = None
) -> list[Difference]:
    return compare_orders(state, seen, older or {})


def kinds(differences: Sequence[Difference]) -> list[tuple[Kind, str]]:
    return [(each.kind, each.subject) for each in differences]


# --- orders -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [each for each in OrderStatus if each in SETTLED])
def test_settled_order_that_ended_as_it_did_in_the_books_is_no_difference(
    status: OrderStatus,
) -> None:
    filled = "1" if status is OrderStatus.FILLED else "0"
    state = state_with(orders=[known(status, filled=filled)])
    assert found(state, sight([listed("tb-1", filled=filled)])) == []


def test_resting_order_that_rests_is_no_difference() -> None:
    state = state_with(orders=[known(OrderStatus.PARTIAL, filled="0.4")])
    assert found(state, sight([listed("tb-1", filled="0.4", is_open=True)])) == []


@pytest.mark.parametrize(
    ("shown", "fills", "is_named"),
    [
        (listed("tb-9", is_open=True), [], True),
        (listed("tb-9", filled="1"), [listed_fill("1 @ 100")], True),
        (listed("tb-9", filled="1"), [listed_fill("1 @ 100", at=START - BEFORE_MS)], True),
        (listed("tb-9", filled="1"), [listed_fill("1 @ 100", at=START - BEFORE_MS - 1)], False),
        (listed("tb-9", filled="1"), [], False),
        (listed("tb-9"), [], False),
    ],
    ids=["open", "filled", "just before", "long before", "before the list", "ended unfilled"],
)
def test_order_of_ours_that_the_journal_does_not_know_is_another_bot_s(
    shown: ListedOrder, fills: Sequence[ListedFill], is_named: bool
) -> None:
    """An order that filled long before this journal began is history."""
    differences = found(state_with(), sight([shown], fills))
    assert kinds(differences) == [(Kind.ORDER_NOT_IN_JOURNAL, "tb-9")] * is_named
    for each in differences:
        assert each.remedy is Remedy.HALT
        assert each.text == (
            "BTC/USDT: order tb-9 of bot 'main' is at the exchange and not in this journal: "
            "another tradebot trades this account, or an older journal did"
        )


def test_open_order_is_known_by_the_account_s_list_though_its_market_was_not_asked() -> None:
    seen = replace(sight(is_open={"tb-9": "0"}), orders={}, fills={})
    assert kinds(found(state_with(), seen)) == [(Kind.ORDER_NOT_IN_JOURNAL, "tb-9")]


def test_order_that_the_state_let_go_is_known_from_the_journal() -> None:
    old = known(OrderStatus.FILLED, filled="1")
    events: list[ev.Event] = [
        intended(old),
        ev.OrderAccepted(at=START, order_id="tb-1", exchange_id="7"),
        booked(old, fill("0.4 @ 100", trade_id="1")),
        booked(old, fill("0.6 @ 100", trade_id="2")),
    ]
    older = order_of(events)
    assert older is not None
    assert (older.status, older.filled, older.exchange_id) == (OrderStatus.FILLED, d(1), "7")
    fills = [listed_fill("0.4 @ 100"), listed_fill("0.6 @ 100", trade_id="2")]
    assert found(state_with(), sight([listed("tb-1", filled="1")], fills), {"tb-1": older}) == []
    assert order_of([]) is None


@pytest.mark.parametrize("kind", [ev.OrderRejected, ev.OrderDropped])
def test_old_order_that_never_was_there_is_known_as_such(kind: type[ev.Event]) -> None:
    ended: ev.Event = ev.OrderDropped(at=START, order_id="tb-1", reason="")
    if kind is ev.OrderRejected:
        ended = ev.OrderRejected(at=START, order_id="tb-1", code="", message="")
    older = order_of([intended(known(OrderStatus.SENT)), ended])
    assert older is not None
    differences = found(state_with(), sight([listed("tb-1", is_open=True)]), {"tb-1": older})
    assert kinds(differences) == [(Kind.ORDER_REVIVED, "tb-1")]


def test_one_id_that_is_two_orders_is_a_copied_journal() -> None:
    state = state_with(orders=[known(OrderStatus.FILLED, filled="1")])
    both = [listed("tb-1", filled="1"), listed("tb-1", filled="1", number="8")]
    (difference,) = found(state, sight(both))
    assert (difference.kind, difference.remedy) == (Kind.ORDER_TWICE, Remedy.HALT)
    assert difference.text == (
        "BTC/USDT: order tb-1 is 2 orders at the exchange: another tradebot has a copy of this "
        "journal"
    )


def test_number_other_than_the_journal_s_is_a_copied_journal() -> None:
    state = state_with(orders=[known(OrderStatus.FILLED, filled="1")])
    (difference,) = found(state, sight([listed("tb-1", filled="1", number="8")]))
    assert difference.kind is Kind.ORDER_TWICE
    assert "is number 8 at the exchange, 7 in the journal" in difference.text


def test_order_whose_number_was_never_told_is_compared_without_it() -> None:
    state = state_with(orders=[known(OrderStatus.UNKNOWN, exchange_id=None)])
    assert found(state, sight([listed("tb-1", is_open=True)])) == []


def test_order_that_filled_more_than_was_asked_is_no_difference_once_it_is_booked() -> None:
    state = state_with(orders=[known(OrderStatus.FILLED, filled="1.1")])
    assert found(state, sight([listed("tb-1", filled="1.1")])) == []


@pytest.mark.parametrize("status", [OrderStatus.REJECTED, OrderStatus.DROPPED])
@pytest.mark.parametrize("shown", [listed("tb-1", is_open=True), listed("tb-1", filled="0.1")])
def test_order_that_never_was_there_and_lives_halts(
    status: OrderStatus, shown: ListedOrder
) -> None:
    (difference,) = found(state_with(orders=[known(status)]), sight([shown]))
    assert (difference.kind, difference.remedy) == (Kind.ORDER_REVIVED, Remedy.HALT)


@pytest.mark.parametrize(
    "status",
    [OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.ABSENT],
)
def test_order_that_has_ended_and_is_open_is_asked_about(status: OrderStatus) -> None:
    state = state_with(orders=[known(status)])
    for seen in (sight([listed("tb-1", is_open=True)]), sight(is_open={"tb-1": "0"})):
        (difference,) = found(state, seen)
        assert difference.kind is Kind.ORDER_OPEN_UNEXPECTEDLY
        assert difference.remedy is Remedy.SETTLE


@pytest.mark.parametrize(
    "seen",
    [
        sight([listed("tb-1", filled="0.6", is_open=True)]),
        sight(is_open={"tb-1": "0.6"}),
        sight([listed("tb-1", filled="0.4", is_open=True)], [listed_fill("0.2 @ 9", trade_id="2")]),
    ],
    ids=["by the market's list", "by the open orders", "by the fills"],
)
def test_fill_that_is_not_booked_is_asked_about(seen: Sight) -> None:
    held = known(OrderStatus.PARTIAL, filled="0.4", trade_ids=("1",))
    (difference,) = found(state_with(orders=[held]), seen)
    assert (difference.kind, difference.remedy) == (Kind.FILLS_MISSING, Remedy.SETTLE)
    assert difference.journal == "partial, filled 0.4"


def test_fill_that_the_exchange_does_not_tell_locks() -> None:
    state = state_with(orders=[known(OrderStatus.FILLED, filled="1")])
    (difference,) = found(state, sight([listed("tb-1", filled="0.4")]))
    assert (difference.kind, difference.remedy) == (Kind.FILLS_UNPROVED, Remedy.LOCK)


def test_resting_order_that_is_not_open_is_asked_about() -> None:
    state = state_with(orders=[known(OrderStatus.ACCEPTED)])
    (difference,) = found(state, sight())
    assert (difference.kind, difference.remedy) == (Kind.ORDER_GONE, Remedy.SETTLE)


def test_order_in_doubt_that_is_not_open_is_left_to_its_own_questions() -> None:
    in_doubt = (OrderStatus.INTENDED, OrderStatus.SENT, OrderStatus.UNKNOWN)
    for status in in_doubt:
        assert found(state_with(orders=[known(status, exchange_id=None)]), sight()) == []


def test_fills_of_others_are_left_alone() -> None:
    state = state_with(orders=[known(OrderStatus.FILLED, filled="1", trade_ids=("1",))])
    theirs = [listed_fill("5 @ 100", number="99", trade_id="50")]
    assert found(state, sight([listed("tb-1", filled="1")], theirs)) == []


def test_same_difference_has_the_same_mark_and_another_has_not() -> None:
    state = state_with()
    (one,) = found(state, sight([listed("tb-9", is_open=True)]))
    (same,) = found(state, sight([listed("tb-9", is_open=True)]))
    (other,) = found(state, sight([listed("tb-9", is_open=True, filled="0.1")]))
    assert one.name == same.name != other.name


# --- coins --------------------------------------------------------------------------------------


def coins(state: State, **balances: str) -> list[Difference]:
    return compare_coins(state, {coin: d(text) for coin, text in balances.items()}, {})


HELD = {BTC: position("0.5 @ 100")}


@pytest.mark.parametrize(
    ("books", "exchange", "expected"),
    [
        ({"USDT": "1000"}, {"USDT": "1000.00"}, []),
        ({"USDT": "1000"}, {"USDT": "1000.00000001"}, [(Kind.CASH_MORE, "USDT")]),
        ({"USDT": "1000"}, {"USDT": "999.99999999"}, [(Kind.CASH_SHORT, "USDT")]),
        ({"USDT": "1000"}, {}, [(Kind.CASH_SHORT, "USDT")]),
        ({"USDT": "1000"}, {"USDT": "1000", "DOGE": "5"}, []),
        ({"USDT": "0", "BTC": "2"}, {"BTC": "2.5"}, [(Kind.COINS_MORE, "BTC")]),
        ({"USDT": "0", "BTC": "2"}, {"BTC": "1.5"}, [(Kind.COINS_LESS, "BTC")]),
        ({"USDT": "0", "BNB": "-0.01"}, {"BNB": "3.99"}, [(Kind.COINS_MORE, "BNB")]),
    ],
    ids=["agree", "deposit", "a little less", "nothing", "another coin", "more", "less", "fees"],
)
def test_coins_are_compared_to_the_last_digit(
    books: dict[str, str], exchange: dict[str, str], expected: list[tuple[Kind, str]]
) -> None:
    assert kinds(coins(state_with(balances=books), **exchange)) == expected


def test_missing_cash_locks_every_market_of_its_quote() -> None:
    state = state_with(market(), market("ETH/USDT"))
    (difference,) = coins(state, USDT="900.5")
    assert (difference.remedy, difference.markets) == (Remedy.LOCK, (BTC, ETH))
    assert (difference.journal, difference.exchange, difference.mark) == ("1000", "900.5", "-99.5")
    assert difference.text == "USDT: the books hold 1000, the exchange 900.5: 99.5 less"


def test_more_cash_is_named_and_not_traded_with() -> None:
    (difference,) = coins(state_with(), USDT="1500")
    assert (difference.remedy, difference.markets) == (Remedy.NOTE, ())


@pytest.mark.parametrize("total", ["2.5", "2", "0.5"])
def test_coins_that_are_not_the_bot_s_may_come_and_go(total: str) -> None:
    """The account had 1.5 BTC before; the bot bought 0.5 more."""
    state = state_with(balances={"USDT": "0", "BTC": "2"}, positions=HELD)
    assert all(each.remedy is Remedy.NOTE for each in coins(state, BTC=total))


def test_balances_that_lack_what_an_open_stop_would_sell_are_of_another_time() -> None:
    """Symptom: balances of before the purchase took the position and its stop away."""
    stop = stop_order("sell 0.5 BTC @ 95")
    state = state_with(orders=[stop], positions=HELD, balances={"USDT": d(50), "BTC": d("0.5")})
    old = {"USDT": d(50), "BTC": d(0)}
    assert compare_coins(state, old, {stop.id: d(0)}) == []
    (gone,) = compare_coins(state, old, {})
    assert gone.kind is Kind.POSITION_SHORT


def test_position_that_is_not_covered_is_what_is_there() -> None:
    state = state_with(balances={"USDT": "0", "BTC": "2"}, positions=HELD)
    (difference,) = coins(state, BTC="0.3")
    assert (difference.kind, difference.subject) == (Kind.POSITION_SHORT, BTC)
    assert (difference.remedy, difference.markets) == (Remedy.SHRINK, (BTC,))
    assert (difference.journal, difference.exchange, difference.mark) == ("0.5", "0.3", "-0.2")
    assert difference.text == (
        "BTC/USDT: the bot's position is 0.5 BTC by the books, the exchange has 0.3; "
        "the bot has not sold it"
    )


def test_rest_too_small_to_sell_locks_nothing_when_it_goes() -> None:
    held = {BTC: position("0.5004 @ 100", sellable="0.5")}
    state = state_with(balances={"USDT": "0", "BTC": "0.5004"}, positions=held)
    (difference,) = coins(state, BTC="0.5")
    assert (difference.kind, difference.remedy) == (Kind.REST_SHORT, Remedy.TRIM)
    (difference,) = coins(state, BTC="0.4999")
    assert difference.kind is Kind.POSITION_SHORT


def test_amounts_of_many_digits_are_compared_exactly() -> None:
    """Python's own context would round the difference away."""
    long = Decimal("12345678901234567890.123456789012345678")
    state = state_with(balances={"USDT": str(long)})
    (difference,) = compare_coins(state, {"USDT": long + Decimal("1e-18")}, {})
    assert difference.mark == "0.000000000000000001"


@pytest.mark.parametrize(
    ("status", "is_open", "expected"),
    [
        (OrderStatus.ACCEPTED, {"tb-1": "0"}, True),
        (OrderStatus.ACCEPTED, {"tb-1": "0.1"}, False),
        (OrderStatus.ACCEPTED, {}, False),
        (OrderStatus.UNKNOWN, {}, False),
        (OrderStatus.SENT, {"tb-1": "0"}, False),
        (OrderStatus.FILLED, {}, True),
    ],
)
def test_balances_count_only_where_no_order_is_in_doubt(
    status: OrderStatus, is_open: dict[str, str], expected: bool
) -> None:
    state = state_with(orders=[known(status)])
    assert is_settled(state, sight(is_open=is_open), []) is expected


@pytest.mark.parametrize("status", [OrderStatus.ACCEPTED, OrderStatus.CANCELLED])
@pytest.mark.parametrize(("filled", "expected"), [("0", True), ("0.4", False)])
def test_balances_do_not_count_while_a_list_tells_more_fills_than_the_books(
    status: OrderStatus, filled: str, expected: bool
) -> None:
    """An old list of open orders hid a sale: its position was shrunk, and then sold once more."""
    here = known(status)
    state = state_with(orders=[here])
    fills = [listed_fill("0.4 @ 100")] if expected is False else []
    is_open = {here.id: "0"} if status is OrderStatus.ACCEPTED else {}
    for seen in (sight([listed(here, filled=filled)], is_open=is_open), sight([], fills, is_open)):
        assert is_settled(state, seen, found(state, seen)) is expected
