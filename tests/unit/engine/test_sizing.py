"""How much an entry buys: by fraction, by risk, and what caps it. 1000 USDT, a price of 100."""

import pytest

from tests.support.builders import BTC, ETH, candle, d, market, order, position, rules, state_with
from tradebot.engine.settings import Rules, Sizing
from tradebot.engine.sizing import entry_size
from tradebot.engine.state import State
from tradebot.model.order import OrderStatus

TWO = (market(), market("ETH/USDT"))


def _bought(state: State, by: Rules, *, price: int = 100, exposure_ppm: int = 1_000_000) -> str:
    quantity = entry_size(state, BTC, candle("100"), price, exposure_ppm, by).quantity
    return f"{state.scales[BTC].quantity_decimal(quantity).normalize():f}"


@pytest.mark.parametrize(
    ("fraction_ppm", "bought"),
    [(1_000_000, "10"), (500_000, "5"), (333_333, "3.333"), (100, "0.001"), (99, "0")],
)
def test_fraction_buys_that_part_of_equity(fraction_ppm: int, bought: str) -> None:
    assert _bought(state_with(), rules(fraction_ppm=fraction_ppm)) == bought


@pytest.mark.parametrize(
    ("stop_ppm", "bought"),
    [
        (20_000, "5"),  # 10 may be lost, the stop is 2 away
        (100_000, "1"),
        (15_000, "10"),  # the stop is 98.5, which is a tick of 99: 1 away
    ],
)
def test_risk_buys_what_one_percent_of_equity_can_lose(stop_ppm: int, bought: str) -> None:
    by = rules(sizing=Sizing.RISK, risk_ppm=10_000, stop_ppm=stop_ppm)
    assert _bought(state_with(), by) == bought


def test_risk_does_not_look_at_the_fraction_nor_fraction_at_the_risk() -> None:
    by = rules(sizing=Sizing.RISK, stop_ppm=20_000, fraction_ppm=1)
    assert _bought(state_with(), by) == "5"
    assert _bought(state_with(), rules(risk_ppm=1, stop_ppm=20_000)) == "10"


@pytest.mark.parametrize(
    ("exposure_ppm", "bought"),
    [(500_000, "5"), (123_456, "1.234"), (1, "0"), (1_000_000, "10"), (3_000_000, "10")],
)
def test_target_exposure_scales_and_is_at_most_one(exposure_ppm: int, bought: str) -> None:
    assert _bought(state_with(), rules(), exposure_ppm=exposure_ppm) == bought


def test_scaling_comes_before_the_cap() -> None:
    # A half of 10 wanted is 5; the cap of 6 does not bind.
    by = rules(position_ppm_max=600_000)
    assert _bought(state_with(), by, exposure_ppm=500_000) == "5"


@pytest.mark.parametrize(
    ("by", "bought"),
    [
        (rules(position_ppm_max=250_000), "2.5"),
        (rules(exposure_ppm_max=250_000), "2.5"),
        (rules(reserve_ppm=10_000), "9.9"),
        (rules(order_notional_max=d("300.5")), "3.005"),
    ],
    ids=["position", "exposure", "reserve", "notional"],
)
def test_each_limit_caps_by_itself(by: Rules, bought: str) -> None:
    assert _bought(state_with(), by) == bought


def test_what_the_market_already_holds_counts_against_its_own_limit() -> None:
    # Equity 800 + 2 x 100. A rest of 2 that is not sellable counts as held: 3 more fit into 500.
    state = state_with(
        balances={"USDT": "800", "BTC": "2"},
        positions={BTC: position("2 @ 90", sellable="0")},
        closes={BTC: "100"},
    )
    assert _bought(state, rules(position_ppm_max=500_000)) == "3"


def test_other_markets_count_against_the_exposure_alone() -> None:
    # Equity 600 + 40 x 10.
    state = state_with(
        *TWO,
        balances={"USDT": "600", "ETH": "40"},
        positions={ETH: position("40 @ 9")},
        closes={BTC: "100", ETH: "10"},
    )
    assert _bought(state, rules(position_ppm_max=500_000)) == "5"
    assert _bought(state, rules(exposure_ppm_max=500_000)) == "1"
    assert _bought(state, rules(exposure_ppm_max=400_000)) == "0"
    assert _bought(state, rules(exposure_ppm_max=300_000)) == "0"


@pytest.mark.parametrize("status", [OrderStatus.SENT, OrderStatus.UNKNOWN, OrderStatus.ACCEPTED])
def test_entry_that_may_still_fill_counts_as_spent_and_as_held(status: OrderStatus) -> None:
    pending = order("buy 3 BTC @ 100", status=status)
    state = state_with(orders=[pending], closes={BTC: "100"})
    assert _bought(state, rules()) == "7"
    assert _bought(state, rules(position_ppm_max=500_000)) == "2"
    assert _bought(state, rules(exposure_ppm_max=400_000)) == "1"


def test_entry_of_another_market_counts_as_spent_and_exposed_not_as_held() -> None:
    state = state_with(*TWO, orders=[order("buy 30 ETH @ 10")])
    assert _bought(state, rules()) == "7"
    assert _bought(state, rules(position_ppm_max=800_000)) == "7"
    assert _bought(state, rules(position_ppm_max=500_000)) == "5"
    assert _bought(state, rules(exposure_ppm_max=400_000)) == "1"


def test_more_reserved_than_there_is_cash_buys_nothing() -> None:
    state = state_with(orders=[order("buy 11 BTC @ 100")])
    assert _bought(state, rules()) == "0"


def test_no_cash_buys_nothing() -> None:
    assert _bought(state_with(balances={"USDT": "0"}), rules()) == "0"


def test_free_cash_alone_caps_where_the_other_limits_are_wide() -> None:
    wide = rules(position_ppm_max=9_000_000, exposure_ppm_max=9_000_000)
    assert _bought(state_with(orders=[order("buy 3 BTC @ 100")]), wide) == "7"
    assert _bought(state_with(orders=[order("buy 11 BTC @ 100")]), wide) == "0"
    # Lots worth one cash unit: not even one of them is bought with nothing.
    fine = state_with(market(step="1E-8"), orders=[order("buy 1001 BTC @ 1")])
    assert _bought(fine, wide, price=1) == "0"


def test_exposure_above_one_is_one_to_the_last_lot() -> None:
    fine = state_with(market(step="1E-8"))
    half = rules(fraction_ppm=500_000)
    assert _bought(fine, half, price=1, exposure_ppm=3_000_000) == "500"
    assert _bought(fine, half, price=1, exposure_ppm=999_999) == "499.9995"
