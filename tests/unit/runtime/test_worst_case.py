"""What a configuration may lose, by hand: 10,000 USDT."""

from decimal import Decimal
from typing import Any

import pytest

from tests.support.builders import d
from tradebot.runtime.config import Config
from tradebot.runtime.worst_case import worst_case

FREE = {"maker_fee_fraction": 0, "taker_fee_fraction": 0, "slippage_fraction": 0}


def _most(equity: str = "10000", **sections: dict[str, Any]) -> dict[str, Decimal]:
    config = Config.model_validate({"costs": FREE, **sections})
    return {each.name: each.amount for each in worst_case(config, d(equity))}


def test_defaults() -> None:
    # 10 % of equity in one position, 2 % under it its stop: 20. Two markets: 40. A day: 3 %, 300,
    # and then those 40. A drawdown: 20 %, 2000, and then those 40.
    assert _most() == {
        "trade": d("20.00"),
        "positions": d("40.00"),
        "day": d("340.00"),
        "drawdown": d("2040.00"),
        "gap": d("2000.00"),
    }


def test_more_markets_than_fit_fill_the_exposure() -> None:
    markets = [f"{letter}/USDT" for letter in "ABCDEFGHIJKL"]
    # Ten positions would be 100 %: nine and a half fill 95 %.
    assert _most(bot={"markets": markets})["positions"] == d("190.00")


def test_fees_and_slippage_are_paid_twice() -> None:
    costs = {"taker_fee_fraction": d("0.001"), "slippage_fraction": d("0.0005")}
    # 2 % and twice 0.15 %: 2.3 % of 1000.
    assert _most(costs={**FREE, **costs})["trade"] == d("23.00")


def test_without_a_stop_all_that_one_may_risk_is_lost() -> None:
    exits, sizing = {"stop_fraction": 0}, {"method": "fraction"}
    found = _most(exits=exits, sizing=sizing)
    # No more than 2 % may be at risk, so no more is bought: two positions of 200.
    assert (found["trade"], found["positions"]) == (d("200.00"), d("400.00"))


def test_no_order_and_no_cluster_is_larger_than_its_limit() -> None:
    """Symptom: 1000 and more were told as lost where no order may be worth more than 100."""
    found = _most(risk={"order_notional_max": 100})
    assert (found["trade"], found["positions"], found["gap"]) == (d("2.00"), d("4.00"), d("200.00"))
    bot = {"markets": [f"{letter}/USDT" for letter in "ABCDE"]}
    # Three of a cluster hold 15 % together, and two others 10 % each.
    risk = {"clusters": [["A/USDT", "B/USDT", "C/USDT"]], "cluster_fraction_max": d("0.15")}
    assert _most(bot=bot, risk=risk)["gap"] == d("3500.00")
    risk["clusters"] = [["A/USDT", "B/USDT", "C/USDT"], ["C/USDT", "D/USDT"]]
    assert _most(bot=bot, risk=risk)["gap"] == d("3500.00"), "no more than one cluster for C"


@pytest.mark.parametrize(
    ("stop", "words"), [("0.02", "then every position at its stop"), ("0", "then all that is held")]
)
def test_words_name_what_is_in_the_figure(stop: str, words: str) -> None:
    exits, sizing = {"stop_fraction": d(stop)}, {"method": "fraction"}
    config = Config.model_validate({"exits": exits, "sizing": sizing})
    texts = {each.name: each.text for each in worst_case(config, d(10000))}
    assert texts["day"] == f"a day: the limit on its loss, {words}"
    assert texts["drawdown"].endswith(f"the limit on the drawdown, {words}")


@pytest.mark.parametrize(
    "equity", ["0.00000001", "1", "10000", "123456789.12", "999999999999999.99"]
)
def test_no_more_is_lost_than_there_is(equity: str) -> None:
    risk = {"daily_loss_fraction_max": 1, "drawdown_fraction_max": 1, "position_fraction_max": 1}
    assert all(amount <= d(equity) for amount in _most(equity, risk=risk).values())
