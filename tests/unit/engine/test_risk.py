"""The gate: every control one step under, at and over its limit, and the message it gives."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.support.builders import BTC, ETH, d, intent, market, order, position, rules, state_with
from tradebot.engine.controls import refusal
from tradebot.engine.controls.refusal import Outside
from tradebot.engine.risk import review
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.model.account import TradingState
from tradebot.model.market import FeeAsset
from tradebot.model.order import Approved, Leg, OrderStatus, Refused

TWO = (market(), market("ETH/USDT"))


def _refused(state: State, text: str, by: Rules, *, is_contiguous: bool = True) -> Refused | None:
    ruling = review(state, intent(text), by, Outside(is_contiguous=is_contiguous))
    return None if isinstance(ruling, Approved) else ruling


def _check(
    state: State, by: Rules, *, passes: str, fails: str, control: str, bound: str, value: str
) -> str:
    """Check that `passes` is approved and `fails` is refused as said; return the message."""
    assert _refused(state, passes, by) is None, f"{passes} stays within the limit"
    refused = _refused(state, fails, by)
    assert refused is not None, f"{fails} is over the limit"
    assert refused.control == control
    assert (refused.limit, refused.value) == (d(bound), d(value))
    return refused.message


def test_approved_order_carries_its_intent_unchanged() -> None:
    wanted = intent("buy 1 BTC @ 100")
    ruling = review(state_with(), wanted, rules())
    assert isinstance(ruling, Approved)
    assert ruling.intent is wanted


def test_refusal_carries_its_intent_unchanged_and_names_its_market() -> None:
    wanted = intent(market="binance:BTC/USDT:USDT")
    told = refusal.refused(wanted, "a_limit", 1, 2, "why")
    assert told.intent is wanted
    assert told.message == "BTC/USDT:USDT: why"


def test_nothing_passes_while_trading_is_halted() -> None:
    state = state_with(positions={BTC: position("1 @ 100")}, trading=TradingState.HALTED)
    for text in ("buy 1 BTC @ 100", "sell 1 BTC @ 100"):
        refused = _refused(state, text, rules())
        assert refused is not None
        assert (refused.control, refused.limit, refused.value) == ("trading_halted", 0, 1)
        assert refused.message == "BTC/USDT: trading is halted"


def test_emergency_sale_and_stop_alone_pass_while_trading_is_halted() -> None:
    state = state_with(positions={BTC: position("1 @ 100")}, trading=TradingState.HALTED)
    for leg in Leg:
        ruling = review(state, intent("sell 1 BTC @ 100", leg=leg), rules())
        assert isinstance(ruling, Approved) is (leg in {Leg.FLATTEN, Leg.STOP}), leg


def test_only_exits_pass_while_trading_is_reducing() -> None:
    state = state_with(positions={BTC: position("1 @ 100")}, trading=TradingState.REDUCING)
    assert _refused(state, "sell 1 BTC @ 100", rules()) is None
    refused = _refused(state, "buy 1 BTC @ 100", rules())
    assert refused is not None
    assert (refused.control, refused.limit, refused.value) == ("trading_reducing", 0, 1)
    assert refused.message == "BTC/USDT: only exits are allowed"


def test_no_entry_after_a_missing_candle_but_exits_pass() -> None:
    state = state_with(positions={BTC: position("1 @ 100")})
    assert _refused(state, "sell 1 BTC @ 100", rules(), is_contiguous=False) is None
    refused = _refused(state, "buy 1 BTC @ 100", rules(), is_contiguous=False)
    assert refused is not None
    assert (refused.control, refused.limit, refused.value) == ("candle_gap", 0, 1)
    assert refused.message == "BTC/USDT: the candle before this one is missing"


def test_no_entry_where_the_exchange_does_not_trade() -> None:
    state = state_with(market(is_trading=False), positions={BTC: position("1 @ 100")})
    assert _refused(state, "sell 1 BTC @ 100", rules()) is None
    refused = _refused(state, "buy 1 BTC @ 100", rules())
    assert refused is not None
    assert (refused.control, refused.limit, refused.value) == ("market_paused", 0, 1)
    assert refused.message == "BTC/USDT: the exchange does not trade it now"


def test_quantity_minimum_holds_for_entries_and_exits() -> None:
    in_quote = market(quantity_min="0.5", fee_asset=FeeAsset.QUOTE)
    state = state_with(in_quote, positions={BTC: position("1 @ 100")})
    for side in ("buy", "sell"):
        message = _check(
            state,
            rules(),
            passes=f"{side} 0.5 BTC @ 100",
            fails=f"{side} 0.499 BTC @ 100",
            control="quantity_min",
            bound="0.5",
            value="0.499",
        )
        assert message == (
            "BTC/USDT: order of 0.499 is below the exchange minimum 0.5; "
            "raise [sizing] or drop the market"
        )


def test_order_of_nothing_is_refused_where_the_exchange_has_no_minimum() -> None:
    free = state_with(market(quantity_min="0"), positions={BTC: position("1 @ 100")})
    for side in ("buy", "sell"):
        refused = _refused(free, f"{side} 0 BTC @ 100", rules())
        assert refused is not None
        assert refused.control == "quantity_min"


def test_lot_that_its_fee_breaks_is_refused_where_the_exchange_has_no_minimum() -> None:
    free = state_with(market(step="1", quantity_min="0", notional_min="0"))
    refused = _refused(free, "buy 1 BTC @ 100", rules())
    assert refused is not None
    assert refused.control == "quantity_min"
    assert _refused(free, "buy 2 BTC @ 100", rules()) is None, "one whole lot is enough"


def test_limits_are_rounded_against_the_owner_to_the_last_cash_unit() -> None:
    fine = market(step="1E-8", notional_min="5.00000001", fee_asset=FeeAsset.QUOTE)
    # A half of 1000.00000001 is 500.000000005: 500, not 500.00000001.
    odd = state_with(fine, balances={"USDT": "1000.00000001"})
    half = rules(position_ppm_max=500_000)
    assert _refused(odd, "buy 500 BTC @ 1", half) is None
    assert _refused(odd, "buy 500.00000001 BTC @ 1", half) is not None
    # A fifth lower, 6.25000001 is worth 5.000000008: too little by the last unit.
    odd = state_with(replace(fine, tick=d("0.1")), balances={"USDT": "1000.00000001"})
    assert _refused(odd, "buy 6.25000001 BTC @ 1", rules(stop_ppm=200_000)) is not None
    assert _refused(odd, "buy 6.25000002 BTC @ 1", rules(stop_ppm=200_000)) is None


@pytest.mark.parametrize(("price", "is_refused"), [("66", True), ("67", False)])
def test_stop_must_lie_two_ticks_under_the_price(price: str, is_refused: bool) -> None:
    """Symptom: where a tick is a percent, each entry was stopped out as it filled."""
    # 2 % under 66 is 64.68, the tick above it 65: one tick. Under 67 it is 65.66: 66, one too;
    # 3 % under 67 is 64.99: 65, two ticks.
    by = rules(stop_ppm=20_000 if is_refused else 30_000)
    refused = _refused(state_with(), f"buy 1 BTC @ {price}", by)
    if not is_refused:
        assert refused is None
        return
    assert refused is not None
    assert (refused.control, refused.limit, refused.value) == ("stop_distance_min", 2, 1)
    assert refused.message == (
        "BTC/USDT: the stop would lie 1 under the price, less than two ticks, 2; "
        "raise [exits] stop_fraction or drop the market"
    )


def test_quantity_left_after_the_fee_in_base_must_be_sellable() -> None:
    """Symptom: one lot was bought, its fee left less than a lot, and it was bought again."""
    message = _check(
        state_with(market(step="1", notional_min="0")),
        rules(),
        passes="buy 2 BTC @ 100",  # 1.998 remain: one lot
        fails="buy 1 BTC @ 100",
        control="quantity_min",
        bound="1",
        value="0",
    )
    assert message == (
        "BTC/USDT: order of 1 leaves 0 to sell after its fee, below the exchange minimum 1; "
        "raise [sizing] or drop the market"
    )


def test_minimum_of_several_lots_must_be_left_after_the_fee_in_base() -> None:
    """Symptom: the smallest order was bought, and its stop was refused as too small."""
    _check(
        state_with(market(step="0.1", quantity_min="0.5", notional_min="0")),
        rules(),
        passes="buy 0.6 BTC @ 100",
        fails="buy 0.5 BTC @ 100",
        control="quantity_min",
        bound="0.5",
        value="0.4",
    )


def test_order_notional_maximum() -> None:
    message = _check(
        state_with(),
        rules(order_notional_max=d(300)),
        passes="buy 3 BTC @ 100",
        fails="buy 3.001 BTC @ 100",
        control="order_notional_max",
        bound="300",
        value="300.1",
    )
    assert message == "BTC/USDT: order worth 300.1 is above the limit 300"


def test_notional_minimum_counts_whole_lots_left_after_the_fee_in_base() -> None:
    # 0.051 less its fee of 0.000051 leaves 0.050 whole lots: 5. Of 0.050 only 0.049 are left.
    message = _check(
        state_with(),
        rules(),
        passes="buy 0.051 BTC @ 100",
        fails="buy 0.050 BTC @ 100",
        control="notional_min",
        bound="5",
        value="5",
    )
    assert message == (
        "BTC/USDT: order worth 5 could not be sold at its stop: the exchange minimum is 5; "
        "raise [sizing] or drop the market"
    )


def test_notional_minimum_with_coarse_lots_counts_the_lot_that_the_fee_breaks() -> None:
    """Symptom: 2 were bought for 6, the fee left one whole lot worth 3, and no stop was taken."""
    _check(
        state_with(market(step="1")),
        rules(),
        passes="buy 3 BTC @ 3",
        fails="buy 2 BTC @ 3",
        control="notional_min",
        bound="5",
        value="6",
    )


def test_notional_minimum_counts_the_way_down_to_the_stop() -> None:
    # A fifth lower, 6.25 is worth 5: one lot less is refused.
    _check(
        state_with(market(tick="0.1", fee_asset=FeeAsset.QUOTE)),
        rules(stop_ppm=200_000),
        passes="buy 6.25 BTC @ 1",
        fails="buy 6.249 BTC @ 1",
        control="notional_min",
        bound="5",
        value="6.249",
    )


@pytest.mark.parametrize(
    ("held", "passes", "fails"), [("0", "5", "5.001"), ("2", "3", "3.001")], ids=["flat", "held"]
)
def test_position_fraction_maximum_counts_what_is_held(
    held: str, passes: str, fails: str
) -> None:
    cash: Decimal = 1000 - 100 * d(held)
    state = state_with(
        balances={"USDT": str(cash)},
        positions={BTC: position(f"{held} @ 90", sellable="0")} if held != "0" else {},
        closes={BTC: "100"},
    )
    message = _check(
        state,
        rules(position_ppm_max=500_000),
        passes=f"buy {passes} BTC @ 100",
        fails=f"buy {fails} BTC @ 100",
        control="position_fraction_max",
        bound="500",
        value="500.1",
    )
    assert message == "BTC/USDT: 500.1 is above the limit 500"


def test_exposure_fraction_maximum_counts_all_markets() -> None:
    state = state_with(
        *TWO,
        balances={"USDT": "600"},
        positions={ETH: position("40 @ 9")},
        closes={BTC: "100", ETH: "10"},
    )
    message = _check(
        state,
        rules(exposure_ppm_max=500_000),
        passes="buy 1 BTC @ 100",
        fails="buy 1.001 BTC @ 100",
        control="exposure_fraction_max",
        bound="500",
        value="500.1",
    )
    assert message == "BTC/USDT: 500.1 is above the limit 500"


def test_settled_orders_count_no_more() -> None:
    for status in (OrderStatus.REJECTED, OrderStatus.ABSENT, OrderStatus.DROPPED):
        state = state_with(orders=[order("buy 3 BTC @ 100", status=status)])
        assert _refused(state, "buy 10 BTC @ 100", rules()) is None


def test_open_positions_maximum_counts_positions_and_pending_entries_once() -> None:
    sol = market("SOL/USDT")
    one_open = state_with(*TWO, sol, positions={ETH: position("1 @ 10")}, closes={ETH: "10"})
    assert _refused(one_open, "buy 1 BTC @ 100", rules(open_positions_max=2)) is None
    refused = _refused(one_open, "buy 1 BTC @ 100", rules(open_positions_max=1))
    assert refused is not None
    assert (refused.control, refused.limit, refused.value) == ("open_positions_max", 1, 2)
    assert refused.message == "BTC/USDT: 1 positions are open, the limit is 1"

    pending = state_with(*TWO, sol, orders=[order("buy 1 ETH @ 10", status=OrderStatus.UNKNOWN)])
    assert _refused(pending, "buy 1 BTC @ 100", rules(open_positions_max=2)) is None
    assert _refused(pending, "buy 1 BTC @ 100", rules(open_positions_max=1)) is not None

    both = state_with(
        *TWO, sol, positions={ETH: position("1 @ 10")}, orders=[order("buy 1 ETH @ 10")],
        closes={ETH: "10"},
    )  # fmt: skip
    assert _refused(both, "buy 1 BTC @ 100", rules(open_positions_max=2)) is None


def test_rest_under_one_lot_and_exits_are_no_open_position() -> None:
    rest = state_with(*TWO, positions={ETH: position("0.0005 @ 10", sellable="0")})
    assert _refused(rest, "buy 1 BTC @ 100", rules(open_positions_max=1)) is None
    leaving = state_with(*TWO, orders=[order("sell 1 ETH @ 10")])
    assert _refused(leaving, "buy 1 BTC @ 100", rules(open_positions_max=1)) is None


def test_market_that_is_open_may_be_added_to_at_the_maximum() -> None:
    state = state_with(positions={BTC: position("1 @ 100")}, closes={BTC: "100"})
    assert _refused(state, "buy 1 BTC @ 100", rules(open_positions_max=1)) is None


def test_balance_keeps_its_reserve() -> None:
    message = _check(
        state_with(),
        rules(reserve_ppm=10_000),
        passes="buy 9.9 BTC @ 100",
        fails="buy 9.901 BTC @ 100",
        control="balance",
        bound="990",
        value="990.1",
    )
    assert message == (
        "BTC/USDT: order worth 990.1 is above the free balance less its reserve, 990"
    )


def test_balance_counts_what_pending_entries_may_spend() -> None:
    # Equity is 1000: 300 in cash and 7 at 100; 200 are spoken for.
    state = state_with(
        *TWO,
        balances={"USDT": "300"},
        positions={BTC: position("7 @ 90", sellable="0")},
        orders=[order("buy 20 ETH @ 10")],
        closes={BTC: "100"},
    )
    _check(
        state,
        rules(),
        passes="buy 1 BTC @ 100",
        fails="buy 1.001 BTC @ 100",
        control="exposure_fraction_max",
        bound="1000",
        value="1000.1",
    )
    _check(
        state,
        rules(exposure_ppm_max=2_000_000, position_ppm_max=2_000_000),
        passes="buy 1 BTC @ 100",
        fails="buy 1.001 BTC @ 100",
        control="balance",
        bound="100",
        value="100.1",
    )


def test_overdrawn_balance_allows_nothing() -> None:
    state = state_with(
        balances={"USDT": "100"}, orders=[order("buy 2 BTC @ 100")], closes={BTC: "100"}
    )
    wide = rules(exposure_ppm_max=9_000_000, position_ppm_max=9_000_000)
    refused = _refused(state, "buy 0.051 BTC @ 100", wide)
    assert refused is not None
    assert (refused.control, refused.limit, refused.value) == ("balance", d(0), d("5.1"))


def test_orders_that_only_reduce_pass_all_limits_on_size() -> None:
    state = state_with(balances={"USDT": "0"}, positions={BTC: position("9 @ 100")})
    tight = rules(
        position_ppm_max=0, exposure_ppm_max=0, open_positions_max=0, order_notional_max=d(1)
    )
    assert _refused(state, "sell 9 BTC @ 100", tight) is None
    assert _refused(state, "sell 0.001 BTC @ 100", tight) is None
