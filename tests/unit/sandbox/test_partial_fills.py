"""An order may fill in pieces, in part, or not to its end; status, rest and funds say so."""

from dataclasses import replace

import pytest

from tests.support.builders import market
from tests.support.pieces import coins, taken
from tests.support.sandbox import COIN, at, book, request
from tradebot.model.market import FeeAsset
from tradebot.sandbox.book import Book
from tradebot.sandbox.listing import BookOrder, OrderRequest, Pieces, SandboxRejection

HELD = {"USDT": "1000", "BTC": "2"}
FINE_FEES = market(maker_ppm=7, taker_ppm=7, fee_asset=FeeAsset.QUOTE)


def told(order: BookOrder) -> tuple[str, list[int]]:
    """Return an order's status and what each of its trades took, in thousandths of a coin."""
    assert order.executed == sum(trade.quantity for trade in order.trades)
    assert order.cash == sum(trade.cash for trade in order.trades)
    return order.status, [trade.quantity * 1000 // COIN for trade in order.trades]


def timed(text: str, time_in_force: str) -> OrderRequest:
    """Return an order with a time in force."""
    return replace(request(text), time_in_force=time_in_force)


def bracket(made: Book) -> tuple[BookOrder, BookOrder]:
    """Place a target at 110 and a stop at 90 for one coin; return them in this order."""
    return made.place_oco(
        request("sell 1 limit_maker 110", client_id="above"),
        request("sell 1 stop 90", client_id="below"),
        list_client_id="l",
    )


# --- pieces -------------------------------------------------------------------------------------


def test_order_is_one_trade_where_nothing_else_is_said() -> None:
    made = book("100 100")
    assert told(made.place(request("buy 1 market"))) == ("FILLED", [1000])


def test_every_piece_is_a_trade_with_its_own_id_worth_and_fee() -> None:
    made = book("100 100", slippage_ppm=10_000)
    taken(made, "0.2 0.3 0.5")
    order = made.place(request("buy 1 market"))
    assert told(order) == ("FILLED", [200, 300, 500])
    assert [trade.trade_id for trade in made.trades] == [1, 2, 3]
    assert [trade.cash for trade in made.trades] == [coins("20.2"), coins("30.3"), coins("50.5")]
    assert [trade.fee * 10_000 for trade in made.trades] == [2 * COIN, 3 * COIN, 5 * COIN]
    assert (made.free["USDT"], made.free["BTC"]) == (coins("899"), coins("0.999"))


def test_fee_of_each_piece_is_rounded_up() -> None:
    made = book("101 101", rules=FINE_FEES)
    taken(made, "0.001 0.049")
    order = made.place(request("buy 0.05 market"))
    # 7 ppm of 0.101 and of 4.949, in 1e-8: 70.7 and 3464.3. Of 5.05 it is 3535.
    assert [trade.fee for trade in order.trades] == [71, 3465]


@pytest.mark.parametrize("text", ["buy 1 market", "sell 1 market", "sell 1 stop 95"])
def test_market_or_stop_order_ends_expired_with_what_it_got(text: str) -> None:
    made = book("100 100/100/90/92 92", cash=HELD)
    taken(made, "0.4 0.1")
    order = made.place(request(text))
    made.advance_to(at(3))
    assert told(order) == ("EXPIRED", [400, 100])
    assert (made.locked, made.open_orders) == ({"BTC": 0, "USDT": 0}, {})


@pytest.mark.parametrize(
    ("text", "locked"),
    [
        ("sell 1 limit 110", {"BTC": "0.4", "USDT": "0"}),
        ("sell 1 limit_maker 110", {"BTC": "0.4", "USDT": "0"}),
        ("sell 1 take_profit_limit 111 110", {"BTC": "0.4", "USDT": "0"}),
        ("sell 1 stop_limit 95 92", {"BTC": "0.4", "USDT": "0"}),
        ("buy 1 limit 90", {"BTC": "0", "USDT": "36"}),
        ("buy 1 limit_maker 90", {"BTC": "0", "USDT": "36"}),
        ("buy 1 stop_limit 105 108", {"BTC": "0", "USDT": "43.2"}),
        ("buy 1 take_profit_limit 93 90", {"BTC": "0", "USDT": "36"}),
    ],
)
@pytest.mark.parametrize("fee_asset", FeeAsset)
def test_resting_order_keeps_its_rest_open_and_reserved(
    text: str, locked: dict[str, str], fee_asset: FeeAsset
) -> None:
    made = book("100 100/120/80/100 100", cash=HELD, rules=market(fee_asset=fee_asset))
    taken(made, "0.5 0.1")
    order = made.place(request(text))
    made.advance_to(at(2))
    assert told(order) == ("PARTIALLY_FILLED", [500, 100])
    expected = {coin: coins(amount) for coin, amount in locked.items()}
    if fee_asset is FeeAsset.QUOTE:
        expected["USDT"] += expected["USDT"] // 1000
    assert made.locked == expected
    assert (order.locked, order.updated_at) == (sum(expected.values()), order.trades[-1].time)
    assert list(made.open_of("BTC/USDT")) == [order]


def test_rest_of_a_limit_that_crossed_fills_later_at_its_price_as_a_maker() -> None:
    made = book("100 100/101/98/100 100/100/94/95 95")
    taken(made, "0.3", "0.2")
    order = made.place(request("buy 1 limit 99"))
    assert told(order) == ("NEW", [])
    made.advance_to(at(2))
    assert told(order) == ("PARTIALLY_FILLED", [300])
    made.advance_to(at(3))
    assert told(order) == ("PARTIALLY_FILLED", [300, 200])
    crossing = made.place(request("buy 1 limit 96", client_id="b"))
    assert told(crossing) == ("FILLED", [1000])
    assert [trade.is_maker for trade in made.trades] == [True, True, False]


def test_what_crosses_pays_as_a_taker_and_its_rest_as_a_maker() -> None:
    made = book("100 100/101/95/100 100", rules=market(maker_ppm=0))
    taken(made, "0.3")
    order = made.place(request("buy 1 limit 101"))
    assert (told(order), made.locked["USDT"]) == (("PARTIALLY_FILLED", [300]), coins("70.7"))
    made.advance_to(at(2))
    assert told(order) == ("FILLED", [300, 700])
    assert [(trade.price, trade.is_maker) for trade in order.trades] == [(100, False), (101, True)]
    assert [trade.fee for trade in order.trades] == [coins("0.0003"), 0]
    assert made.locked["USDT"] == 0


def test_stop_limit_once_triggered_rests_as_a_limit_with_its_rest() -> None:
    made = book("100 100/101/94/95 95/100/94/96 96", cash=HELD)
    taken(made, "0.3")
    order = made.place(request("sell 1 stop_limit 95 93"))
    made.advance_to(at(2))
    assert (told(order), order.is_triggered) == (("PARTIALLY_FILLED", [300]), True)
    made.advance_to(at(3))
    assert told(order) == ("FILLED", [300, 700])
    assert [(trade.price, trade.is_maker) for trade in order.trades] == [(95, False), (93, True)]


def test_immediate_or_cancel_ends_with_what_it_got_and_locks_nothing() -> None:
    made = book("100 100")
    taken(made, "0.3 0.2")
    order = made.place(timed("buy 1 limit 110", "IOC"))
    assert told(order) == ("EXPIRED", [300, 200])
    assert (made.locked["USDT"], made.free["USDT"]) == (0, coins("950"))


def test_fill_or_kill_fills_whole_in_pieces_or_not_at_all() -> None:
    made = book("100 100")
    taken(made, "0.3 0.2", "0.3 0.7")
    assert told(made.place(timed("buy 1 limit 110", "FOK"))) == ("EXPIRED", [])
    assert (made.locked["USDT"], made.free["USDT"]) == (0, coins("1000"))
    assert told(made.place(timed("buy 1 limit 110", "FOK"))) == ("FILLED", [300, 700])


def test_fill_or_kill_whose_last_piece_cannot_be_paid_gets_nothing() -> None:
    made = book("101 101", rules=FINE_FEES, cash={"USDT": "5.05003535"})
    taken(made, "0.001 0.049")
    assert told(made.place(timed("buy 0.05 limit 101", "FOK"))) == ("EXPIRED", [])
    assert (made.locked["USDT"], made.free["USDT"]) == (0, coins("5.05003535"))


def test_rest_reserves_no_unit_that_the_fees_of_pieces_have_spent() -> None:
    made = book("101 101/102/90/101", rules=FINE_FEES, cash={"USDT": "5.05003535"})
    taken(made, "0.001")
    order = made.place(request("buy 0.05 limit 101"))
    # Its rest would reserve 4.949 and a fee of 3465, of which a unit is gone.
    assert (order.status, order.locked) == ("PARTIALLY_FILLED", coins("4.949") + 3464)
    assert made.free["USDT"] == 0


# --- what the pieces do to others -----------------------------------------------------------------


@pytest.mark.parametrize("fill", ["0.4", "0.4 0.6"])
def test_other_leg_of_an_oco_ends_at_the_first_piece(fill: str) -> None:
    made = book("100 100/120/99/118 118", cash=HELD)
    taken(made, fill)
    above, below = bracket(made)
    made.advance_to(at(2))
    assert (below.status, below.locked, below.updated_at) == ("EXPIRED", 0, above.trades[0].time)
    left = 0 if " " in fill else coins("0.6")
    assert above.status == ("PARTIALLY_FILLED" if left else "FILLED")
    assert (above.locked, made.locked["BTC"]) == (left, left)


def test_stop_of_an_oco_that_fills_in_part_ends_both_legs() -> None:
    made = book("100 100/120/80/118 118", cash=HELD)
    taken(made, "0.4")
    above, below = bracket(made)
    made.advance_to(at(3))
    assert (told(below), told(above)) == (("EXPIRED", [400]), ("EXPIRED", []))
    assert (made.locked["BTC"], made.free["BTC"]) == (0, coins("1.6"))


def test_cancel_of_a_partly_filled_order_frees_its_rest() -> None:
    made = book("100 100/101/80/100 100")
    taken(made, "0.3")
    order = made.place(request("buy 1 limit 90"))
    made.advance_to(at(2))
    assert made.cancel(order) == [order]
    assert told(order) == ("CANCELED", [300])
    assert (made.locked["USDT"], made.free["USDT"]) == (0, coins("973"))


def test_cancel_of_a_partly_filled_leg_leaves_its_dead_sibling_alone() -> None:
    made = book("100 100/120/99/118 118", cash=HELD)
    taken(made, "0.4")
    above, below = bracket(made)
    made.advance_to(at(2))
    assert made.cancel(above) == [above]
    assert (above.status, below.status, made.locked["BTC"]) == ("CANCELED", "EXPIRED", 0)


def test_price_that_ran_away_ends_the_order_with_the_pieces_that_could_be_paid() -> None:
    made = book("100 - 150/150/150/150", cash={"USDT": "120"})
    taken(made, "0.5 0.3 0.2")
    order = made.place(request("buy 1 market"))
    made.advance_to(at(2))
    assert told(order) == ("EXPIRED", [500, 300])
    assert (made.free["USDT"], made.locked["USDT"]) == (0, 0)


def test_partly_filled_order_counts_as_open() -> None:
    made = book("100 100/101/80/100 100")
    taken(made, "0.3")
    made.place(request("buy 1 limit 90"))
    made.advance_to(at(2))
    with pytest.raises(SandboxRejection, match="Duplicate order sent"):
        made.place(request("buy 1 limit 80"))


def test_pieces_that_are_not_the_orders_are_our_own_bug() -> None:
    wrongs = (((), False), ((COIN + 1,), True), ((COIN,), False), ((-COIN, 2 * COIN), True))
    for quantities, is_whole in wrongs:
        made, wrong = book("100 100"), Pieces(quantities, is_whole)
        made.pieces = lambda listing, order, wrong=wrong: wrong
        with pytest.raises(AssertionError, match="Pieces"):
            made.place(request("buy 1 market"))
