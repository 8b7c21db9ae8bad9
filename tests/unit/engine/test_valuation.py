"""What the account is worth, by hand: cash units of 10^-8 USDT."""

from tests.support.builders import BTC, ETH, d, market, order, position, state_with, stop_order
from tradebot.engine import valuation
from tradebot.model.order import OrderStatus

USDT = 10**8
TWO = (market(), market("ETH/USDT"))


def test_equity_is_cash_and_all_positions_at_their_last_closes() -> None:
    state = state_with(
        *TWO,
        balances={"USDT": "100", "BTC": "2", "ETH": "3"},
        positions={BTC: position("2 @ 40"), ETH: position("3 @ 5")},
        closes={BTC: "50", ETH: "7"},
    )
    assert valuation.position_value(state, BTC, 50) == 100 * USDT
    assert valuation.positions_value(state) == 121 * USDT
    assert valuation.equity(state, BTC) == valuation.equity(state, ETH) == 221 * USDT


def test_rest_that_cannot_be_sold_is_still_worth_something() -> None:
    state = state_with(positions={BTC: position("0.0005 @ 40", sellable="0")}, closes={BTC: "50"})
    assert valuation.positions_value(state) == 25 * USDT // 1000


def test_market_never_held_is_worth_nothing() -> None:
    assert valuation.position_value(state_with(), BTC, 50) == 0
    assert valuation.equity(state_with(balances={}), BTC) == 0


def test_position_without_a_close_is_left_out() -> None:
    state = state_with(positions={BTC: position("2 @ 40")})
    assert valuation.positions_value(state) == 0


def test_cash_finer_than_a_unit_is_cut_off() -> None:
    state = state_with(balances={"USDT": "1.0000000199"})
    assert valuation.cash(state, BTC) == USDT + 1


def test_unsettled_entries_reserve_what_they_may_still_spend() -> None:
    entries = [
        order("buy 1 BTC @ 10", order_id="a", status=OrderStatus.INTENDED),
        order("buy 1 BTC @ 20", order_id="b", status=OrderStatus.SENT),
        order("buy 1 BTC @ 40", order_id="c", status=OrderStatus.UNKNOWN),
        order("buy 1 BTC @ 80", order_id="d", filled=d("0.75")),  # 20 remain
        order("buy 1 BTC @ 160", order_id="e", price=d(150)),  # a limit spends its price
        order("buy 1 ETH @ 320", order_id="f"),
    ]
    others = [
        order("buy 1 BTC @ 640", order_id="g", status=OrderStatus.FILLED),
        order("sell 1 BTC @ 1280", order_id="h"),
        stop_order("sell 1 BTC @ 2560"),
    ]
    state = state_with(*TWO, orders=[*entries, *others])
    assert valuation.reserved(state, BTC) == (10 + 20 + 40 + 20 + 150) * USDT
    assert valuation.reserved(state, ETH) == 320 * USDT
    assert valuation.reserved(state) == 560 * USDT
