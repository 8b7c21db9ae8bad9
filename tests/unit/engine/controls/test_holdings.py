"""What all that is held may come to, asked of the control itself."""

import pytest

from tests.support.builders import (
    BTC,
    ETH,
    d,
    intent,
    market,
    order,
    position,
    rules,
    state_with,
    target_order,
)
from tests.support.gated import PASSES, Told, asked, told
from tradebot.engine.controls.holdings import check_holdings, cluster_used
from tradebot.engine.rules.costs import notional
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.model.order import OrderStatus, Refused

TWO = (market(), market("ETH/USDT"))


@pytest.mark.parametrize(
    "status",
    [OrderStatus.INTENDED, OrderStatus.SENT, OrderStatus.ACCEPTED, OrderStatus.UNKNOWN],
)
def test_unsettled_entries_count_as_filled_in_every_limit(status: OrderStatus) -> None:
    pending = order("buy 3 BTC @ 100", status=status)
    state = state_with(*TWO, orders=[pending])
    cases = [
        ("buy 2 BTC @ 100", "buy 2.001 BTC @ 100", rules(position_ppm_max=500_000)),
        ("buy 20 ETH @ 10", "buy 20.001 ETH @ 10", rules(exposure_ppm_max=500_000)),
        ("buy 70 ETH @ 10", "buy 70.001 ETH @ 10", rules()),
    ]
    controls = []
    for passes, fails, by in cases:
        # Asked on its own: beside an order in doubt no entry of its market comes so far.
        assert _held_back(state, passes, by) is None
        refused = _held_back(state, fails, by)
        assert refused is not None
        controls.append(refused.control)
    assert controls == ["position_fraction_max", "exposure_fraction_max", "exposure_fraction_max"]


def _held_back(state: State, text: str, by: Rules) -> Refused | None:
    wanted = intent(text)
    scale = state.scales[wanted.market]
    price = scale.price(wanted.reference_price)
    worth = notional(price, scale.quantity(wanted.quantity), scale.lot, scale.lot_cash)
    return check_holdings(state, wanted, by, worth, price)


SOL = "binance:SOL/USDT"
THREE = (*TWO, market("SOL/USDT"))
CLUSTER = rules(clusters=(frozenset({BTC, ETH}),), cluster_ppm_max=300_000)


def _over(control: str, limit: str, value: str) -> Told:
    return control, limit, value, f"BTC/USDT: {value} is above the limit {limit}"


@pytest.mark.parametrize(
    ("quantity", "ruling"),
    [
        ("4.999", PASSES),
        ("5", PASSES),
        ("5.001", _over("position_fraction_max", "500", "500.1")),
    ],
)
def test_what_one_market_may_hold(quantity: str, ruling: Told) -> None:
    by, state = rules(position_ppm_max=500_000), state_with(positions={BTC: position("9 @ 1")})
    assert asked(state_with(), f"buy {quantity} BTC @ 100", by) == ruling
    assert asked(state, f"sell {quantity} BTC @ 100", by) == PASSES


@pytest.mark.parametrize(
    ("quantity", "ruling"),
    [
        ("0.999", PASSES),
        ("1", PASSES),
        ("1.001", _over("exposure_fraction_max", "500", "500.1")),
    ],
)
def test_what_all_markets_may_hold(quantity: str, ruling: Told) -> None:
    # Equity is 700 and 30 of 10; 100 more are out.
    state = state_with(
        *TWO,
        balances={"USDT": "700"},
        positions={ETH: position("30 @ 9")},
        orders=[order("buy 10 ETH @ 10")],
        closes={BTC: "100", ETH: "10"},
    )
    by = rules(exposure_ppm_max=500_000)
    assert asked(state, f"buy {quantity} BTC @ 100", by) == ruling
    assert asked(state, "sell 9 BTC @ 100", by) == PASSES


@pytest.mark.parametrize(
    ("quantity", "ruling"),
    [
        ("0.499", PASSES),
        ("0.5", PASSES),
        ("0.501", _over("cluster_fraction_max", "300", "300.1")),
    ],
)
def test_what_markets_that_move_together_may_hold(quantity: str, ruling: Told) -> None:
    # Of 1000: 10 of 10 are held in the other market, 15 more are out there; a third is no part.
    state = state_with(
        *THREE,
        balances={"USDT": "800"},
        positions={ETH: position("10 @ 9"), SOL: position("10 @ 9")},
        orders=[order("buy 15 ETH @ 10"), order("buy 1 SOL @ 10", order_id="tb-2")],
        closes={BTC: "100", ETH: "10", SOL: "10"},
    )
    assert asked(state, f"buy {quantity} BTC @ 100", CLUSTER) == ruling
    assert asked(state, "sell 9 BTC @ 100", CLUSTER) == PASSES
    assert asked(state, "buy 50 SOL @ 10", CLUSTER) == PASSES, "it is in no cluster"


def test_market_in_two_clusters_is_held_back_by_either() -> None:
    both = (frozenset({BTC, SOL}), frozenset({BTC, ETH}))
    state = state_with(
        *THREE,
        balances={"USDT": "700"},
        positions={ETH: position("30 @ 9")},
        closes={ETH: "10"},
    )
    by = rules(clusters=both, cluster_ppm_max=300_000)
    assert asked(state, "buy 0.06 BTC @ 100", by)[:3] == ("cluster_fraction_max", "300", "306")
    assert asked(state, "buy 30 SOL @ 10", by) == PASSES


def test_cluster_counts_what_is_held_and_what_is_out_in_cash_units() -> None:
    state = state_with(
        *THREE,
        positions={BTC: position("1 @ 50"), ETH: position("2 @ 9")},
        orders=[order("buy 3 ETH @ 10"), order("buy 1 SOL @ 10", order_id="tb-2")],
        closes={BTC: "100"},
    )
    # ETH has no close yet: what is held there cannot be priced, what is out there can.
    assert cluster_used(state, frozenset({BTC, ETH})) == 130 * 10**8
    assert cluster_used(state, frozenset({SOL})) == 10 * 10**8
    priced = state._replace(feed=state.feed._replace(closes={BTC: d(100), ETH: d(10)}))
    assert cluster_used(priced, frozenset({BTC, ETH})) == 150 * 10**8


@pytest.mark.parametrize(
    ("held", "ruling"),
    [
        (1, PASSES),
        (2, PASSES),
        (
            3,
            ("open_positions_max", "3", "4", "BTC/USDT: 3 positions are open, the limit is 3"),
        ),
    ],
)
def test_how_many_markets_may_hold_something(held: int, ruling: Told) -> None:
    coins = ["ETH", "SOL", "XRP", "ADA"]
    names = [f"binance:{coin}/USDT" for coin in coins[:held]]
    state = state_with(
        market(),
        *(market(f"{coin}/USDT") for coin in coins),
        # One of them is bought just now, and nobody knows.
        positions={name: position("1 @ 10") for name in names[1:]},
        orders=[order("buy 1 ETH @ 10"), target_order("sell 1 ADA @ 10")],
        closes=dict.fromkeys(names, "10"),
    )
    by = rules(open_positions_max=3)
    assert asked(state, "buy 1 BTC @ 100", by) == ruling
    assert asked(state, "buy 1 ETH @ 100", by) == PASSES, "it is open already"
    assert asked(state, "sell 1 BTC @ 100", by) == PASSES


@pytest.mark.parametrize(
    ("quantity", "ruling"),
    [
        ("7.919", PASSES),
        ("7.92", PASSES),
        (
            "7.921",
            (
                "balance",
                "792",
                "792.1",
                "BTC/USDT: order worth 792.1 is above the free balance less its reserve, 792",
            ),
        ),
    ],
)
def test_what_the_free_balance_pays_less_its_reserve(quantity: str, ruling: Told) -> None:
    # 200 are out; a hundredth of the 800 that are free is kept.
    state = state_with(*TWO, orders=[order("buy 20 ETH @ 10")])
    by = rules(reserve_ppm=10_000)
    assert asked(state, f"buy {quantity} BTC @ 100", by) == ruling
    assert asked(state, "sell 9 BTC @ 100", by) == PASSES


def test_equity_of_less_than_nothing_has_room_for_nothing() -> None:
    state = state_with(balances={"USDT": "-100"})
    refused = _held_back(state, "buy 1 BTC @ 100", rules(position_ppm_max=500_000))
    assert told(refused)[:3] == ("position_fraction_max", "-50", "100")


@pytest.mark.parametrize(
    ("quantity", "ruling"),
    [
        ("0.599", PASSES),
        ("0.6", PASSES),
        (
            "0.601",
            (
                "stage_cash",
                "100",
                "100.1",
                "BTC/USDT: 100.1 would be at work, this stage has earned 100; "
                "`tradebot arm` shows what comes next",
            ),
        ),
    ],
)
def test_what_real_money_has_earned_to_be_at_work(quantity: str, ruling: Told) -> None:
    # 30 are held in another market, 10 are out there.
    state = state_with(
        *TWO,
        positions={ETH: position("3 @ 9")},
        orders=[order("buy 1 ETH @ 10")],
        closes={ETH: "10"},
    )
    assert asked(state, f"buy {quantity} BTC @ 100", rules(is_staged=True)) == ruling
    assert asked(state, "sell 9 BTC @ 100", rules(is_staged=True)) == PASSES
    assert asked(state, f"buy {quantity} BTC @ 100", rules(is_staged=False)) == PASSES
