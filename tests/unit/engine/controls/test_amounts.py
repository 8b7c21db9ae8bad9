"""What one order may be: each control one step under, at and over its limit."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.support.builders import BTC, d, intent, market, position, rules, state_with
from tests.support.gated import PASSES, Told, asked, told
from tradebot.engine.controls.amounts import check_price, check_risk, nearest_stop
from tradebot.engine.settings import Rules
from tradebot.model.market import FeeAsset
from tradebot.model.order import Leg, OrderKind

HELD = {BTC: position("9 @ 100")}


def wide(**changes: Any) -> Rules:
    """Return rules that let a market hold more than all, so that one order alone is judged."""
    return rules(position_ppm_max=9_000_000, exposure_ppm_max=9_000_000, **changes)


# --- numbers ------------------------------------------------------------------------------------

NO_AMOUNTS = [d("NaN"), d("sNaN"), d("Infinity"), d("-Infinity"), d("-0.001"), 1.5, float("nan"), 3]


@pytest.mark.parametrize("key", ["quantity", "price", "stop_price", "reference_price"])
@pytest.mark.parametrize("value", NO_AMOUNTS, ids=repr)
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_what_is_no_amount_is_refused_for_entries_and_exits(
    side: str, value: Any, key: str
) -> None:
    wanted = intent(f"{side} 1 BTC @ 100", **{key: value})
    assert asked(state_with(positions=HELD), wanted, wide()) == (
        "invalid_number",
        "0",
        "0",
        f"BTC/USDT: {value!r} is no amount",
    )


@pytest.mark.parametrize("key", ["price", "stop_price", "reference_price"])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_price_of_nothing_is_refused_for_entries_and_exits(side: str, key: str) -> None:
    state = state_with(positions=HELD)
    wanted = intent(f"{side} 1 BTC @ 100", **{key: d("0.00")})
    assert asked(state, wanted, wide()) == ("invalid_number", "0", "0", "BTC/USDT: a price is 0")
    assert asked(state, replace(wanted, **{key: d(100)}), wide()) == PASSES


# --- quantity -----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize(
    ("quantity", "ruling"),
    [
        (
            "0.499",
            (
                "quantity_min",
                "0.5",
                "0.499",
                "BTC/USDT: order of 0.499 is below the exchange minimum 0.5; "
                "raise [sizing] or drop the market",
            ),
        ),
        ("0.5", PASSES),
        ("0.501", PASSES),
        ("1.999", PASSES),
        ("2", PASSES),
        (
            "2.001",
            (
                "quantity_max",
                "2",
                "2.001",
                "BTC/USDT: order of 2.001 is above the exchange maximum 2",
            ),
        ),
    ],
)
def test_exchange_bounds_of_a_quantity_hold_for_entries_and_exits(
    quantity: str, ruling: Told, side: str
) -> None:
    bounded = market(quantity_min="0.5", fee_asset=FeeAsset.QUOTE)
    state = state_with(replace(bounded, quantity_max=d(2)), positions=HELD)
    assert asked(state, f"{side} {quantity} BTC @ 100", wide()) == ruling


@pytest.mark.parametrize("quantity", ["0", "0.001"])
def test_order_of_nothing_is_below_every_minimum(quantity: str) -> None:
    free = state_with(market(quantity_min="0"), positions=HELD)
    ruling = asked(free, f"sell {quantity} BTC @ 100", wide())
    nothing = "BTC/USDT: order of 0 is below the exchange minimum 0; "
    refused = ("quantity_min", "0", "0", f"{nothing}raise [sizing] or drop the market")
    assert ruling == (PASSES if quantity != "0" else refused)


# --- worth --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "ruling"),
    [
        ("2.999", PASSES),
        ("3", PASSES),
        (
            "3.001",
            (
                "order_notional_max",
                "300",
                "300.1",
                "BTC/USDT: order worth 300.1 is above the limit 300",
            ),
        ),
    ],
)
def test_worth_of_an_entry_and_of_no_exit(quantity: str, ruling: Told) -> None:
    by, state = wide(order_notional_max=d(300)), state_with(positions=HELD)
    assert asked(state, f"buy {quantity} BTC @ 100", by) == ruling
    assert asked(state, f"sell {quantity} BTC @ 100", by) == PASSES


# --- the stop and the target --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop_ppm", "ruling"),
    [
        # Under 100 stops lie on whole ticks, rounded up: 98 for 2 %, 99 for the millionth less.
        (20_001, PASSES),
        (20_000, PASSES),
        (
            19_999,
            (
                "stop_distance_min",
                "2",
                "1",
                "BTC/USDT: the stop would lie 1 under the price, less than two ticks, 2; "
                "raise [exits] stop_fraction or drop the market",
            ),
        ),
        (0, PASSES),
    ],
)
def test_stop_lies_two_ticks_under_an_entry(stop_ppm: int, ruling: Told) -> None:
    state = state_with(positions=HELD)
    for by in (wide(stop_ppm=stop_ppm), wide(trailing_ppm=stop_ppm)):
        assert asked(state, "buy 1 BTC @ 100", by) == ruling
        assert asked(state, "sell 1 BTC @ 100", by) == PASSES


@pytest.mark.parametrize(
    ("stop_ppm", "trailing_ppm", "nearest"),
    [(0, 0, 0), (5, 0, 5), (0, 5, 5), (5, 4, 4), (4, 5, 4)],
)
def test_nearer_stop_is_the_one_that_rests(stop_ppm: int, trailing_ppm: int, nearest: int) -> None:
    assert nearest_stop(wide(stop_ppm=stop_ppm, trailing_ppm=trailing_ppm)) == nearest


@pytest.mark.parametrize(
    ("stop_ppm", "target_ppm", "least_ppm", "ruling"),
    [
        (
            20_000,
            29_999,
            1_500_000,
            (
                "reward_to_risk_min",
                "1.5",
                "1.49995",
                "BTC/USDT: its target is 1.49995 times as far as its stop, at least 1.5 is asked",
            ),
        ),
        (20_000, 30_000, 1_500_000, PASSES),
        (20_000, 30_001, 1_500_000, PASSES),
        (20_000, 1, 0, PASSES),
        (20_000, 0, 1_500_000, PASSES),  # no target: it goes as far as it goes
        (0, 1, 1_500_000, PASSES),  # no stop: another limit counts all of it
    ],
)
def test_target_is_far_enough_for_what_its_stop_may_cost(
    stop_ppm: int, target_ppm: int, least_ppm: int, ruling: Told
) -> None:
    by = wide(stop_ppm=stop_ppm, target_ppm=target_ppm, reward_ppm_min=least_ppm)
    state = state_with(positions=HELD)
    assert asked(state, "buy 1 BTC @ 100", by) == ruling
    assert asked(state, "sell 1 BTC @ 100", by) == PASSES


AT_RISK = "BTC/USDT: 20.002 would be lost at its stop, above the limit 20"
ALL_AT_RISK = "BTC/USDT: it has no stop: all of 20.1 is at risk, above the limit 20"


@pytest.mark.parametrize(
    ("quantity", "stop_ppm", "trailing_ppm", "ruling"),
    [
        # 2 are lost of each 100: of 1000 it is 20, the fiftieth part of 1000.
        ("9.999", 20_000, 0, PASSES),
        ("10", 20_000, 0, PASSES),
        ("10.001", 20_000, 0, ("risk_fraction_max", "20", "20.002", AT_RISK)),
        ("10", 50_000, 20_000, PASSES),
        ("10.001", 50_000, 20_000, ("risk_fraction_max", "20", "20.002", AT_RISK)),
        ("0.199", 0, 0, PASSES),
        ("0.2", 0, 0, PASSES),
        ("0.201", 0, 0, ("risk_fraction_max", "20", "20.1", ALL_AT_RISK)),
    ],
)
def test_what_an_entry_may_lose_at_its_stop(
    quantity: str, stop_ppm: int, trailing_ppm: int, ruling: Told
) -> None:
    by = wide(stop_ppm=stop_ppm, trailing_ppm=trailing_ppm, risk_ppm_max=20_000)
    state = state_with(positions=HELD, balances={"USDT": "1000"})
    assert asked(state, f"buy {quantity} BTC @ 100", by) == ruling
    assert asked(state, "sell 0.201 BTC @ 100", by) == PASSES


def test_what_is_at_risk_is_a_part_of_equity_and_not_of_cash() -> None:
    held = state_with(
        balances={"USDT": "500"}, positions={BTC: position("5 @ 90")}, closes={BTC: "100"}
    )
    assert asked(held, "buy 0.2 BTC @ 100", wide(risk_ppm_max=20_000)) == PASSES
    assert asked(held, "buy 0.201 BTC @ 100", wide(risk_ppm_max=20_000))[1:3] == ("20", "20.1")


def test_account_of_nothing_may_not_lose_one_unit() -> None:
    by = wide(risk_ppm_max=1_000_000)
    assert check_risk(state_with(balances={}), intent("buy 1 BTC @ 100"), by, 1, 100) is not None


def test_account_of_nothing_may_lose_nothing() -> None:
    empty = state_with(balances={"USDT": "-7"})
    ruling = asked(empty, "buy 1 BTC @ 100", wide(risk_ppm_max=20_000))
    assert ruling[:3] == ("risk_fraction_max", "0", "100")


# --- whether it can be sold again ---------------------------------------------------------------


@pytest.mark.parametrize("kind", [OrderKind.MARKET, OrderKind.LIMIT])
@pytest.mark.parametrize(("maker_ppm", "taker_ppm"), [(0, 1000), (1000, 0)])
def test_limit_entry_counts_the_higher_fee_and_a_market_entry_its_own(
    kind: OrderKind, maker_ppm: int, taker_ppm: int
) -> None:
    fees = market(step="1", notional_min="0", maker_ppm=maker_ppm, taker_ppm=taker_ppm)
    wanted = intent("buy 1 BTC @ 100", kind=kind, price=d(100))
    pays = taker_ppm if kind is OrderKind.MARKET else max(maker_ppm, taker_ppm)
    ruling = asked(state_with(fees), wanted, wide())
    assert ruling[:3] == (("quantity_min", "1", "0") if pays else ())


def test_fee_in_the_quote_coin_leaves_the_quantity_whole() -> None:
    in_quote = market(step="1", notional_min="0", fee_asset=FeeAsset.QUOTE)
    assert asked(state_with(in_quote), "buy 1 BTC @ 100", wide()) == PASSES


@pytest.mark.parametrize(
    ("quantity", "ruling"),
    [
        (
            "0.099",
            (
                "notional_min",
                "10",
                "9.9",
                "BTC/USDT: order worth 9.9 could not be sold at its stop: the exchange minimum is "
                "10; raise [sizing] or drop the market",
            ),
        ),
        ("0.1", PASSES),
        ("0.101", PASSES),
    ],
)
def test_worth_of_what_can_be_sold_again(quantity: str, ruling: Told) -> None:
    state = state_with(market(notional_min="10", fee_asset=FeeAsset.QUOTE), positions=HELD)
    assert asked(state, f"buy {quantity} BTC @ 100", wide()) == ruling
    assert asked(state, f"sell {quantity} BTC @ 100", wide()) == PASSES


# --- the price when it leaves -------------------------------------------------------------------

COLLAR = wide(collar_ppm=20_000)
NO_PRICE = ("reference_price", "1", "0", "BTC/USDT: the exchange tells no price to compare with")


def _apart(price: str, apart: str) -> Told:
    return (
        "price_collar_fraction",
        "2",
        apart,
        f"BTC/USDT: the price is {price}, {apart} from 100, at which it was decided; the limit is "
        "2",
    )


@pytest.mark.parametrize(
    ("price", "ruling"),
    [
        ("100", PASSES),
        ("101.99", PASSES),
        ("102", PASSES),
        ("102.01", _apart("102.01", "2.01")),
        ("98.01", PASSES),
        ("98", PASSES),
        ("97.99", _apart("97.99", "2.01")),
        ("0.00000001", _apart("0.00000001", "99.99999999")),
        ("0", NO_PRICE),
        ("-1", NO_PRICE),
        ("NaN", NO_PRICE),
        ("Infinity", NO_PRICE),
    ],
)
def test_price_of_an_entry_stays_within_its_collar(price: str, ruling: Told) -> None:
    wanted = intent("buy 1 BTC @ 100")
    assert told(check_price(wanted, d(price), COLLAR)) == ruling
    for leg in (Leg.EXIT, Leg.STOP, Leg.TARGET, Leg.FLATTEN):
        sale = intent("sell 1 BTC @ 100", leg=leg)
        assert check_price(sale, d(price), COLLAR) is None


@pytest.mark.parametrize(
    ("price", "ruling"),
    [
        # It rests at 100 and pays no more, however far above it the market is.
        ("150", PASSES),
        ("100", PASSES),
        ("98", PASSES),
        ("97.99", _apart("97.99", "2.01")),
        ("NaN", NO_PRICE),
    ],
)
def test_limit_entry_may_rest_far_under_the_market_and_not_over_it(
    price: str, ruling: Told
) -> None:
    resting = intent("buy 1 BTC @ 100", kind=OrderKind.LIMIT, price=d(100))
    assert told(check_price(resting, d(price), COLLAR)) == ruling


def test_no_price_is_no_price_to_buy_at() -> None:
    assert told(check_price(intent("buy 1 BTC @ 100"), None, COLLAR)) == NO_PRICE
    assert check_price(intent("sell 1 BTC @ 100"), None, COLLAR) is None


def test_simulated_fill_has_no_collar() -> None:
    assert check_price(intent("buy 1 BTC @ 100"), None, wide(collar_ppm=0)) is None
    tight = wide(collar_ppm=1)
    assert check_price(intent("buy 1 BTC @ 100"), Decimal("100.0001"), tight) is None
    assert check_price(intent("buy 1 BTC @ 100"), Decimal("100.00010001"), tight) is not None
