"""How much an entry buys: the three methods, and what caps it. 1000 USDT, a price of 100."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import BTC, ETH, candle, d, market, order, position, rules, state_with
from tests.support.sized import recomputed
from tradebot.engine.settings import Rules, Sizing
from tradebot.engine.sizing import Sized, entry_size
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


# --- by volatility ------------------------------------------------------------------------------


def _ranged(state: State, by: Rules, mean_range: int, *, price: int = 100) -> Sized:
    seen = candle(str(price))._replace(mean_range=mean_range)
    return entry_size(state, BTC, seen, price, 1_000_000, by)


def _volatile(**changes: Any) -> Rules:
    """Return rules by which 10 of 1000 may be lost within two mean true ranges."""
    return replace(
        rules(sizing=Sizing.VOLATILITY, risk_ppm=10_000, range_multiple_ppm=2_000_000), **changes
    )


@pytest.mark.parametrize(
    ("mean_range", "multiple_ppm", "bought"),
    [
        (5, 2_000_000, "1"),  # 10 may be lost, the ranges are 10 wide
        (1, 2_000_000, "5"),
        (3, 2_000_000, "1.666"),
        (3, 500_000, "5"),  # 1.5 wide counts as 2
        (1, 1, "10"),  # never less than one price unit
        (50, 2_000_000, "0.1"),  # as wide as the price: all of it is at risk
        (51, 2_000_000, "0.1"),
        (10_000, 100_000_000, "0.1"),
        (0, 2_000_000, "0"),  # not known
    ],
)
def test_volatility_buys_what_some_ranges_can_lose(
    mean_range: int, multiple_ppm: int, bought: str
) -> None:
    sized = _ranged(state_with(), _volatile(range_multiple_ppm=multiple_ppm), mean_range)
    assert sized.size["quantity"] == bought
    assert sized.size["mean_range"] == str(mean_range)


def test_volatility_does_not_look_at_the_stop_but_the_gate_s_cap_does() -> None:
    assert _ranged(state_with(), _volatile(stop_ppm=50_000), 1).size["quantity"] == "5"
    tight = _ranged(state_with(), _volatile(stop_ppm=50_000, risk_ppm_max=10_000), 1).size
    assert (tight["quantity"], tight["capped_by"]) == ("2", "risk_fraction_max")


@given(
    st.integers(1, 10**12),
    st.integers(1, 10**6),
    st.integers(1, 10**5),
    st.integers(1, 10**8),
    st.integers(1, 10**6),
)
def test_size_by_volatility_loses_no_more_than_asked_within_its_ranges(
    cash: int, price: int, mean_range: int, multiple_ppm: int, risk_ppm: int
) -> None:
    """Symptom: a range of 1.5 price units counted as 1, and half as much again was at risk."""
    by = _volatile(risk_ppm=risk_ppm, range_multiple_ppm=multiple_ppm)
    equity = d(cash).scaleb(-2)
    sized = _ranged(state_with(balances={"USDT": str(equity)}), by, mean_range, price=price)
    width = min(Fraction(mean_range * multiple_ppm, 10**6), Fraction(price))
    lost = Fraction(sized.size["wanted"]) * width
    assert lost <= Fraction(equity) * risk_ppm / 10**6


# --- what caps it, and how it came about --------------------------------------------------------

CLUSTER = (frozenset({BTC, ETH}),)


@pytest.mark.parametrize(
    ("by", "bought", "capped_by"),
    [
        (rules(), "10", ""),
        (rules(position_ppm_max=250_000), "2.5", "position_fraction_max"),
        (rules(exposure_ppm_max=250_000), "2.5", "exposure_fraction_max"),
        (rules(reserve_ppm=10_000), "9.9", "balance"),
        (rules(order_notional_max=d(300)), "3", "order_notional_max"),
        (rules(clusters=CLUSTER, cluster_ppm_max=250_000), "2.5", "cluster_fraction_max"),
        (rules(stop_ppm=20_000, risk_ppm_max=10_000), "5", "risk_fraction_max"),
        (rules(risk_ppm_max=10_000), "0.1", "risk_fraction_max"),  # no stop: all is at risk
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_cap_is_named_and_its_room_told(by: Rules, bought: str, capped_by: str) -> None:
    state = state_with(market(), market("ETH/USDT"))
    size = entry_size(state, BTC, candle("100"), 100, 1_000_000, by).size
    assert (size["wanted"], size["quantity"], size["capped_by"]) == ("10", bought, capped_by)
    assert size["room"] == bought


def test_real_money_is_capped_by_what_its_stage_has_earned() -> None:
    state = state_with(*TWO, orders=[order("buy 3 ETH @ 10")])
    size = entry_size(state, BTC, candle("100"), 100, 1_000_000, rules(is_staged=True)).size
    assert (size["quantity"], size["capped_by"]) == ("0.7", "stage_cash")
    more = state_with(*TWO, orders=[order("buy 11 ETH @ 10")])
    assert _bought(more, rules(is_staged=True)) == "0"
    assert _bought(more, rules()) == "8.9"


def test_stage_that_is_used_up_buys_not_even_the_smallest_lot() -> None:
    listed = (market(step="0.00000001"), market("ETH/USDT"))
    state = state_with(*listed, positions={ETH: position("2 @ 100")}, closes={ETH: "100"})
    sized = entry_size(state, BTC, candle("1"), 1, 1_000_000, rules(is_staged=True))
    assert (sized.quantity, sized.size["capped_by"]) == (0, "stage_cash")


def test_price_of_one_tick_has_no_stop_under_it_to_size_by() -> None:
    by = rules(stop_ppm=20_000, risk_ppm_max=1)
    size = entry_size(state_with(), BTC, candle("1"), 1, 1_000_000, by).size
    assert (size["quantity"], size["capped_by"]) == ("1000", ""), "the gate refuses it by its stop"


def test_exchange_maximum_caps_in_whole_lots() -> None:
    state = state_with(replace(market(), quantity_max=d("2.0009")))
    size = entry_size(state, BTC, candle("100"), 100, 1_000_000, rules()).size
    assert (size["quantity"], size["capped_by"]) == ("2", "quantity_max")


def test_tightest_of_two_clusters_caps() -> None:
    sol = market("SOL/USDT")
    state = state_with(*TWO, sol, orders=[order("buy 20 ETH @ 10")])
    both = (frozenset({BTC, ETH}), frozenset({BTC, "binance:SOL/USDT"}))
    for clusters in (both, both[::-1]):
        by = rules(clusters=clusters, cluster_ppm_max=300_000)
        assert _bought(state, by) == "1"
    other = rules(clusters=(frozenset({ETH, "binance:SOL/USDT"}),), cluster_ppm_max=1)
    assert _bought(state, other) == "8"


@pytest.mark.parametrize(
    ("by", "told"),
    [
        (rules(fraction_ppm=250_000), {"method": "fraction", "fraction": "0.25", "wanted": "2.5"}),
        (
            rules(sizing=Sizing.RISK, stop_ppm=20_000),
            {"method": "risk", "risk_fraction": "0.01", "stop": "98", "wanted": "5"},
        ),
        (
            _volatile(),
            {
                "method": "volatility",
                "risk_fraction": "0.01",
                "mean_range": "3",
                "range_multiple": "2",
                "wanted": "1.666",
            },
        ),
    ],
    ids=["fraction", "risk", "volatility"],
)
def test_size_keeps_how_it_came_about(by: Rules, told: dict[str, str]) -> None:
    seen = candle("100")._replace(mean_range=3)
    size = entry_size(state_with(), BTC, seen, 100, 500_000, by).size
    assert set(size) == {
        "equity", "price", *told, "wanted", "exposure", "capped_by", "room", "quantity"
    }  # fmt: skip
    assert {key: size[key] for key in told} == told
    assert (size["equity"], size["price"], size["exposure"]) == ("1000", "100", "0.5")


@given(
    st.sampled_from(Sizing),
    st.integers(1, 10**12),
    st.integers(3, 10**6),
    st.integers(0, 10**4),
    st.integers(1, 10**6),
    st.integers(0, 1_200_000),
)
def test_kept_arithmetic_gives_the_quantity_again(
    method: Sizing, cash: int, price: int, mean_range: int, ppm: int, exposure_ppm: int
) -> None:
    by = rules(
        sizing=method,
        fraction_ppm=ppm,
        risk_ppm=ppm,
        stop_ppm=30_000,
        range_multiple_ppm=1_500_000,
        position_ppm_max=300_000,
        risk_ppm_max=20_000,
    )
    state = state_with(balances={"USDT": str(d(cash).scaleb(-6))})
    seen = candle(str(price))._replace(mean_range=mean_range)
    sized = entry_size(state, BTC, seen, price, exposure_ppm, by)
    again = recomputed(sized.size, state.markets[BTC])
    assert again["wanted"] == Fraction(sized.size["wanted"])
    assert again["quantity"] == Fraction(sized.size["quantity"])
    assert again["quantity"] == Fraction(sized.quantity, 10**8)
