"""The book fills by the list of assumptions in `engine/fills`, and loses no unit of any coin."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.builders import HOUR, START, d, market
from tests.support.sandbox import COIN, at, book, request, total
from tradebot.model.market import FeeAsset
from tradebot.sandbox.book import Book
from tradebot.sandbox.listing import OPEN_STATUSES, BookOrder, OrderRequest, SandboxRejection

HELD = {"USDT": "1000", "BTC": "2"}


def fills(made: Book) -> list[tuple[int, int]]:
    """Return (price, hours since the first open) of every trade."""
    return [(trade.price, (trade.time - START) // HOUR) for trade in made.trades]


def refusal(made: Book, text: str, client_id: str = "x") -> str:
    """Return code and text with which the book refuses an order."""
    with pytest.raises(SandboxRejection) as caught:
        made.place(request(text, client_id=client_id))
    return str(caught.value)


def test_market_order_fills_at_the_open_of_the_candle_under_way() -> None:
    made = book("100 105/120/90/110 130")
    order = made.place(request("buy 1 market"))
    assert (order.status, fills(made)) == ("FILLED", [(105, 1)])


def test_market_order_pays_the_slippage_to_the_next_tick_up() -> None:
    made = book("100 105/120/90/110", slippage_ppm=1000)
    made.place(request("buy 1 market"))
    assert fills(made) == [(106, 1)]  # 105.105 -> 106


def test_market_order_in_a_gap_waits_for_the_first_candle_after_it() -> None:
    made = book("100 - - 140/150/130/145 150")
    order = made.place(request("buy 1 market"))
    assert (order.status, made.trades) == ("NEW", [])
    made.advance_to(at(3) - 1)
    assert order.status == "NEW"
    made.advance_to(at(3))
    assert (order.status, fills(made)) == ("FILLED", [(140, 3)])


def test_market_order_after_the_last_candle_waits_for_ever() -> None:
    made = book("100", hours=1)
    order = made.place(request("buy 1 market"))
    made.advance_to(at(1000))
    assert order.status == "NEW"


def test_buy_that_waits_in_a_gap_expires_when_the_price_ran_away_from_its_funds() -> None:
    made = book("100 - 150/150/150/150", cash={"USDT": "120"})
    order = made.place(request("buy 1 market"))
    made.advance_to(at(2))
    assert (order.status, order.executed, made.trades) == ("EXPIRED", 0, [])
    assert (total(made, "USDT"), made.locked["USDT"]) == (120, 0)


def test_stop_fills_at_its_price_at_the_close_when_the_candle_reaches_it() -> None:
    made = book("100 100/105/90/104 104", cash=HELD)
    made.place(request("sell 1 stop 95"))
    made.advance_to(at(2))
    assert fills(made) == [(95, 2)]


def test_stop_fills_at_the_open_when_the_price_gapped_through_it() -> None:
    made = book("100 100 80/85/70/75", cash=HELD)
    made.place(request("sell 1 stop 95"))
    made.advance_to(at(3))
    assert fills(made) == [(80, 2)]


def test_stop_is_not_touched_while_the_low_stays_above_it() -> None:
    made = book("100 100/105/96/104 104", cash=HELD)
    order = made.place(request("sell 1 stop 95"))
    made.advance_to(at(3))
    assert order.status == "NEW"


def test_buy_stop_fills_when_the_high_reaches_it() -> None:
    made = book("100 100/110/100/104 104")
    made.place(request("buy 1 stop 108"))
    made.advance_to(at(2))
    assert fills(made) == [(108, 2)]


def test_limit_fills_only_when_the_price_trades_through_it() -> None:
    made = book("100 100/101/95/100 100/101/94/100")
    order = made.place(request("buy 1 limit 95"))
    made.advance_to(at(2))
    assert order.status == "NEW"  # touched, not traded through
    made.advance_to(at(3))
    assert (fills(made), made.trades[0].is_maker) == ([(95, 3)], True)


def test_limit_that_crosses_the_market_fills_at_once_as_a_taker() -> None:
    made = book("100 100/101/95/100")
    made.place(request("buy 1 limit 110"))
    assert (fills(made), made.trades[0].is_maker) == ([(100, 1)], False)


def test_immediate_limit_that_does_not_cross_expires_and_frees_its_funds() -> None:
    made = book("100 100")
    waiting = request("buy 1 limit 90")
    order = made.place(
        OrderRequest(
            symbol=waiting.symbol,
            side=waiting.side,
            kind=waiting.kind,
            quantity=waiting.quantity,
            client_id="a",
            price=waiting.price,
            time_in_force="IOC",
        )
    )
    assert (order.status, made.free["USDT"], made.open_orders) == ("EXPIRED", 1000 * COIN, {})


def test_stop_limit_rests_as_a_limit_once_the_price_ran_through_both() -> None:
    made = book("100 100/101/80/85 85/99/84/90", cash=HELD)
    order = made.place(request("sell 1 stop_limit 95 96"))
    made.advance_to(at(2))
    assert (order.status, order.is_triggered) == ("NEW", True)
    made.advance_to(at(3))
    assert fills(made) == [(96, 3)]


def test_take_profit_limit_waits_for_its_stop_price_before_it_rests() -> None:
    made = book("100 100/108/99/100 100/112/99/100", cash=HELD)
    order = made.place(request("sell 1 take_profit_limit 110 105"))
    made.advance_to(at(2))
    assert order.status == "NEW"  # 108 is over the limit, but under the trigger
    made.advance_to(at(3))
    assert fills(made) == [(105, 3)]


def test_stop_is_filled_before_target_when_one_candle_reaches_both() -> None:
    made = book("100 100/120/80/100", cash=HELD)
    above, below = oco(made, "sell 1 limit_maker 110", "sell 1 stop 90")
    made.advance_to(at(2))
    assert (below.status, above.status, fills(made)) == ("FILLED", "EXPIRED", [(90, 2)])


def test_order_meets_the_high_and_low_of_the_candle_at_whose_open_it_was_placed() -> None:
    made = book("100 100/120/80/100", cash=HELD)
    made.place(request("sell 1 limit 110"))
    made.advance_to(at(2))
    assert fills(made) == [(110, 2)]


def oco(made: Book, above: str, below: str) -> tuple[BookOrder, BookOrder]:
    """Place an OCO list; return its legs as (above, below)."""
    return made.place_oco(
        request(above, client_id="above"), request(below, client_id="below"), list_client_id="l"
    )


def test_oco_reserves_the_coins_once_and_frees_the_rest_when_one_leg_fills() -> None:
    made = book("100 100/120/99/118", cash=HELD)
    above, below = oco(made, "sell 1.5 limit_maker 110", "sell 1.5 stop 90")
    assert (made.locked["BTC"], made.free["BTC"]) == (1.5 * COIN, 0.5 * COIN)
    made.advance_to(at(2))
    assert (above.status, below.status) == ("FILLED", "EXPIRED")
    assert (made.locked["BTC"], made.free["BTC"]) == (0, 0.5 * COIN)


def test_buy_oco_reserves_the_cash_of_the_dearer_leg() -> None:
    made = book("100 100")
    oco(made, "buy 1 stop 110", "buy 1 limit_maker 90")
    assert made.locked["USDT"] == 110 * COIN


def test_oco_whose_fill_cannot_be_paid_ends_both_legs_and_locks_nothing() -> None:
    made = book("100 100 150/160/140/150", cash={"USDT": "112"})
    above, below = oco(made, "buy 1 stop 110", "buy 1 limit_maker 90")
    made.advance_to(at(3))
    assert (above.status, below.status) == ("EXPIRED", "EXPIRED")
    assert (made.free["USDT"], made.locked["USDT"], made.open_orders) == (112 * COIN, 0, {})


def test_cancelling_one_leg_of_an_oco_cancels_the_other() -> None:
    made = book("100 100", cash=HELD)
    above, below = oco(made, "sell 1 limit_maker 110", "sell 1 stop 90")
    made.cancel(below)
    assert (above.status, below.status, made.locked["BTC"]) == ("CANCELED", "CANCELED", 0)


def test_oco_whose_legs_share_a_client_id_is_refused() -> None:
    made = book("100 100", cash=HELD)
    with pytest.raises(SandboxRejection, match="Duplicate order sent"):
        made.place_oco(
            request("sell 1 limit_maker 110"), request("sell 1 stop 90"), list_client_id="l"
        )
    assert made.orders == {}


def test_fee_is_taken_from_what_is_received() -> None:
    made = book("100 100")
    made.place(request("buy 2 market"))
    made.place(request("sell 1 market", client_id="b"))
    bought, sold = made.trades
    assert (bought.fee_asset, bought.fee) == ("BTC", 0.002 * COIN)
    assert (sold.fee_asset, sold.fee) == ("USDT", 0.1 * COIN)
    assert (total(made, "BTC"), total(made, "USDT")) == (d("0.998"), d("899.9"))


def test_fee_in_quote_is_reserved_with_the_order() -> None:
    rules = market(fee_asset=FeeAsset.QUOTE)
    made = book("100 100", rules=rules, cash={"USDT": "100"})
    assert refusal(made, "buy 1 market").startswith("-2010 Account has insufficient balance")
    made = book("100 100", rules=rules, cash={"USDT": "100.1"})
    made.place(request("buy 1 market"))
    assert (total(made, "BTC"), total(made, "USDT")) == (1, 0)


def test_maker_pays_the_makers_fee() -> None:
    made = book("100 100/101/80/100", rules=market(maker_ppm=0))
    made.place(request("buy 1 limit 90"))
    made.advance_to(at(2))
    assert made.trades[0].fee == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("buy 0.0004 market", "-1013 Filter failure: LOT_SIZE"),
        ("buy 1.0005 market", "-1013 Filter failure: LOT_SIZE"),
        ("buy 0.049 limit 100", "-1013 Filter failure: NOTIONAL"),
        ("buy 1 limit 501", "-1013 Filter failure: PERCENT_PRICE_BY_SIDE"),
        ("buy 1 limit 19", "-1013 Filter failure: PERCENT_PRICE_BY_SIDE"),
        ("buy 11 market", "-2010 Account has insufficient balance for requested action."),
        ("sell 1 market", "-2010 Account has insufficient balance for requested action."),
        ("buy 1 limit_maker 100", "-2010 Order would immediately match and take."),
        ("sell 1 stop 100", "-2010 Stop price would trigger immediately."),
        ("buy 1 stop 100", "-2010 Stop price would trigger immediately."),
        ("sell 1 take_profit_limit 100 101", "-2010 Stop price would trigger immediately."),
    ],
)
def test_book_refuses_with_binances_words(text: str, expected: str) -> None:
    assert refusal(book("100 100"), text) == expected


def test_sixth_stop_in_one_market_is_refused() -> None:
    made = book("100 100", cash={"USDT": "1000", "BTC": "100"})
    for number in range(5):
        made.place(request("sell 1 stop 90", client_id=f"s{number}"))
    assert refusal(made, "sell 1 stop 90") == "-1013 Filter failure: MAX_NUM_ALGO_ORDERS"


def test_client_id_is_refused_while_open_and_taken_again_once_filled() -> None:
    made = book("100 100", cash=HELD)
    made.place(request("sell 1 limit 110"))
    assert refusal(made, "sell 1 limit 110", "a") == "-2010 Duplicate order sent."
    made.cancel(made.find("BTC/USDT", client_id="a"))
    assert made.place(request("sell 1 limit 111")).order_id == 2


def test_refused_order_does_not_hide_an_earlier_one_of_the_same_client_id() -> None:
    made = book("100 100")
    made.place(request("buy 1 market"))
    assert refusal(made, "buy 100 market", "a").startswith("-2010")
    assert made.find("BTC/USDT", client_id="a").status == "FILLED"


def test_market_without_a_candle_yet_is_closed() -> None:
    assert refusal(book("100", hours=-1), "buy 1 market") == "-2010 Market is closed."


def test_unknown_orders_are_refused_by_their_codes() -> None:
    made = book("100 100")
    order = made.place(request("buy 1 market"))
    with pytest.raises(SandboxRejection, match="-2013"):
        made.find("BTC/USDT", order_id=7)
    with pytest.raises(SandboxRejection, match="-2011"):
        made.cancel(order)


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(AssertionError, match="backwards"):
        book("100 100").advance_to(at(0))


# --- properties ---------------------------------------------------------------------------------

PRICES = st.integers(min_value=60, max_value=140)
CANDLES = st.lists(
    st.tuples(PRICES, PRICES, PRICES, PRICES, st.booleans()), min_size=3, max_size=12
)
KINDS = ("market", "limit", "limit_maker", "stop", "stop_limit", "take_profit_limit", "oco")
COMMANDS = st.lists(
    st.tuples(
        st.sampled_from((*KINDS, "cancel", "wait")),
        st.sampled_from(("buy", "sell")),
        st.integers(min_value=1, max_value=3000),
        PRICES,
        PRICES,
    ),
    max_size=25,
)


def as_text(rows: list[tuple[int, int, int, int, bool]]) -> str:
    """Return random candles as the builder's text, some left out as gaps; the first two stay."""
    words = []
    for number, (opened, second, third, close, is_gap) in enumerate(rows):
        prices = (opened, second, third, close)
        words.append(f"{opened}/{max(prices)}/{min(prices)}/{close}")
        if is_gap and number > 1:
            words[-1] = "-"
    return " ".join(words)


def obey(made: Book, number: int, command: tuple[str, str, int, int, int]) -> None:
    """Give one random command; refusals are part of the game."""
    kind, side, lots, first, second = command
    quantity = f"{lots / 1000:.3f}"
    try:
        if kind == "wait":
            made.advance_to(made.now + first * HOUR // 40)
        elif kind == "cancel":
            made.cancel(made.orders[1 + first % max(1, len(made.orders))])
        elif kind == "oco":
            low, high = sorted((first, second))
            stop, target = f"{side} {quantity} stop", f"{side} {quantity} limit_maker"
            pair = (target, stop) if side == "sell" else (stop, target)
            made.place_oco(
                request(f"{pair[0]} {high}", client_id=f"u{number}"),
                request(f"{pair[1]} {low}", client_id=f"l{number}"),
                list_client_id=f"o{number}",
            )
        else:
            made.place(
                request(f"{side} {quantity} {kind} {first} {second}", client_id=f"c{number}")
            )
    except (SandboxRejection, KeyError):
        return


def check_conserved(made: Book, opening: dict[str, int]) -> None:
    """Check that every coin is what it was, plus trades, less fees, and that none is missing."""
    expected = dict(opening)
    for trade in made.trades:
        sign = 1 if trade.side == "buy" else -1
        expected["BTC"] += sign * trade.quantity
        expected["USDT"] -= sign * trade.cash
        expected[trade.fee_asset] -= trade.fee
    for coin, units in expected.items():
        assert made.free[coin] + made.locked[coin] == units, coin
        assert made.free[coin] >= 0, coin
        assert made.locked[coin] == sum(
            order.locked for order in made.orders.values() if order.locked_asset == coin
        )
    assert all(
        order.locked == 0 for order in made.orders.values() if order.status not in OPEN_STATUSES
    )


@settings(max_examples=200, deadline=None)
@given(rows=CANDLES, commands=COMMANDS, fee_asset=st.sampled_from(FeeAsset))
def test_every_coin_is_conserved_whatever_is_commanded(
    rows: list[tuple[int, int, int, int, bool]],
    commands: list[tuple[str, str, int, int, int]],
    fee_asset: FeeAsset,
) -> None:
    made = book(as_text(rows), cash={"USDT": "300", "BTC": "3"}, rules=market(fee_asset=fee_asset))
    opening = dict(made.free)
    for number, command in enumerate(commands):
        obey(made, number, command)
        check_conserved(made, opening)
    made.advance_to(made.now + 100 * HOUR)
    check_conserved(made, opening)


@settings(max_examples=100, deadline=None)
@given(rows=CANDLES, commands=COMMANDS)
def test_time_in_small_steps_fills_what_one_long_step_fills(
    rows: list[tuple[int, int, int, int, bool]], commands: list[tuple[str, str, int, int, int]]
) -> None:
    whole, stepped = (book(as_text(rows), cash={"USDT": "300", "BTC": "3"}) for _ in range(2))
    for number, command in enumerate(commands):
        if command[0] == "wait":
            until = whole.now + command[3] * HOUR // 40
            for part in range(whole.now, until, HOUR // 7):
                stepped.advance_to(part)
            stepped.advance_to(until)
            whole.advance_to(until)
        else:
            obey(whole, number, command)
            obey(stepped, number, command)
    assert (whole.trades, whole.orders, whole.free) == (
        stepped.trades,
        stepped.orders,
        stepped.free,
    )
