"""The promises of every strategy, ours and a user's: causal, forgetful, bounded, NaN while warm."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.frames import AWKWARD, constant, random_walk
from tests.support.shared_data import ALL_FILES, DOGE_1M, real_candles
from tests.support.user_strategies import KnowsTheMean, NeverForgets, PeriodParams, SeesTomorrow
from tradebot.errors import StrategyError
from tradebot.strategies import contract
from tradebot.strategies.base import Strategy, checked_exposure, exposure_ppm, last_signal
from tradebot.strategies.contract import check_causal, check_forgetful, spread_cuts
from tradebot.strategies.registry import available, load

EXAMPLE = Path(__file__).parents[1] / "support" / "example_strategy.py"
STRATEGIES: dict[str, Strategy] = available() | {"a user's own file": load(str(EXAMPLE))}
ROWS = 1600
# An exchange serves a thousand candles a call; a default strategy is warm after one.
CANDLES_A_CALL = 1000


@pytest.fixture(params=STRATEGIES, scope="module")
def strategy(request: pytest.FixtureRequest) -> Strategy:
    return STRATEGIES[request.param]


@pytest.fixture(params=AWKWARD, scope="module")
def candles(request: pytest.FixtureRequest) -> pd.DataFrame:
    return AWKWARD[request.param](ROWS)


def test_every_strategy_keeps_the_contract(strategy: Strategy, candles: pd.DataFrame) -> None:
    contract.check_contract(strategy, strategy.Params(), candles)


def test_cutting_the_future_off_changes_no_bit_of_the_past(
    strategy: Strategy, candles: pd.DataFrame
) -> None:
    params = strategy.Params()
    whole = checked_exposure(strategy, candles, params)
    for cut in spread_cuts(ROWS, strategy.warmup(params), 20):
        np.testing.assert_array_equal(
            whole[:cut], checked_exposure(strategy, candles.iloc[:cut], params)
        )


def test_the_last_warmup_candles_alone_give_every_bit_of_the_answer(
    strategy: Strategy, candles: pd.DataFrame
) -> None:
    params = strategy.Params()
    warmup = strategy.warmup(params)
    whole = checked_exposure(strategy, candles, params)
    for cut in spread_cuts(ROWS, warmup, 60):
        alone = checked_exposure(strategy, candles.iloc[cut - warmup : cut], params)
        np.testing.assert_array_equal(whole[cut - 1], alone[-1], err_msg=f"row {cut - 1}")


def test_a_strategy_says_nothing_before_it_is_warm(
    strategy: Strategy, candles: pd.DataFrame
) -> None:
    params = strategy.Params()
    unchecked = strategy.exposure(candles, params)
    assert np.isnan(unchecked[: strategy.warmup(params) - 1]).all()
    assert unchecked.dtype == np.float64


def test_a_default_strategy_is_warm_within_one_call_to_the_exchange(strategy: Strategy) -> None:
    assert strategy.warmup(strategy.Params()) <= CANDLES_A_CALL


def test_fewer_candles_than_the_warmup_are_held(strategy: Strategy) -> None:
    params = strategy.Params()
    short = random_walk(7, strategy.warmup(params) - 1)
    assert last_signal(strategy, short, params).exposure_ppm is None
    assert "HOLD" in last_signal(strategy, short, params).reasons[0]


def test_every_strategy_says_yes_and_no_on_a_long_walk(strategy: Strategy) -> None:
    opinions = set(
        exposure_ppm(checked_exposure(strategy, random_walk(8, 6000), strategy.Params()))
    )
    assert {0, 1_000_000} <= opinions


def test_a_signal_explains_itself(strategy: Strategy, candles: pd.DataFrame) -> None:
    signal = last_signal(strategy, candles, strategy.Params())
    assert 0.0 <= signal.confidence <= 1.0
    assert signal.reasons
    assert all(isinstance(reason, str) and reason for reason in signal.reasons)
    assert all(np.isfinite(value) for value in signal.readings.values())


def test_the_live_signal_is_the_backtests_exposure(
    strategy: Strategy, candles: pd.DataFrame
) -> None:
    params = strategy.Params()
    whole = exposure_ppm(checked_exposure(strategy, candles, params))
    for cut in spread_cuts(ROWS, strategy.warmup(params), 10):
        assert last_signal(strategy, candles.iloc[:cut], params).exposure_ppm == whole[cut - 1]


def test_a_strategy_leaves_the_candles_as_they_were(strategy: Strategy) -> None:
    candles = random_walk(9, ROWS)
    before = candles.copy(deep=True)
    last_signal(strategy, candles, strategy.Params())
    pd.testing.assert_frame_equal(candles, before)


@pytest.mark.parametrize("name", ALL_FILES)
def test_real_candles_give_the_same_answer_live_and_in_a_backtest(
    name: str, strategy: Strategy
) -> None:
    candles, params = real_candles(name), strategy.Params()
    warmup = strategy.warmup(params)
    whole = checked_exposure(strategy, candles, params)
    check_causal(strategy, params, candles, spread_cuts(len(candles), warmup, 5))
    for cut in spread_cuts(len(candles), warmup, 150):
        alone = checked_exposure(strategy, candles.iloc[cut - warmup : cut], params)
        np.testing.assert_array_equal(whole[cut - 1], alone[-1], err_msg=f"row {cut - 1}")


def test_exact_ties_of_real_means_give_the_same_answer(strategy: Strategy) -> None:
    """SMA20 and SMA50 of DOGE are exactly equal at some minutes: there rounding would decide."""
    candles, params = real_candles(DOGE_1M), strategy.Params()
    hundred_thousandths = np.rint(candles["close"].to_numpy() * 100_000).astype(np.int64)
    sums = np.concatenate([[0], np.cumsum(hundred_thousandths)])
    rows = np.arange(50, sums.size)
    ties = rows[5 * (sums[rows] - sums[rows - 20]) == 2 * (sums[rows] - sums[rows - 50])]
    assert ties.size == 4
    warmup = strategy.warmup(params)
    cuts = [int(tie) + step for tie in ties for step in (-1, 0, 1) if tie + step >= warmup]
    check_forgetful(strategy, params, candles, cuts)


@pytest.mark.parametrize("planted", [SeesTomorrow(), KnowsTheMean()], ids=lambda one: one.name)
def test_a_look_ahead_is_caught_by_name_row_and_both_values(planted: Strategy) -> None:
    with pytest.raises(StrategyError) as caught:
        check_causal(planted, PeriodParams(), random_walk(10, 400), spread_cuts(400, 10, 24))
    assert caught.value.message.startswith(f"{planted.name} looks ahead: exposure at row ")
    assert "with the candles after row" in caught.value.message
    assert "without them" in caught.value.message


def test_the_message_of_a_look_ahead_names_what_it_saw() -> None:
    candles = random_walk(11, 12).assign(close=np.arange(1.0, 13.0))
    with pytest.raises(StrategyError) as caught:
        check_causal(SeesTomorrow(), PeriodParams(), candles, [11])
    assert caught.value.message == (
        "sees_tomorrow looks ahead: exposure at row 10 (2024-01-01 11:00:00+00:00) is 1 with the "
        "candles after row 10 and 0 without them"
    )


def test_an_endless_memory_is_caught_by_name_row_and_both_values() -> None:
    candles = constant(30, price=100.0)
    candles.loc[candles.index[0], "close"] = 200.0
    never, params = NeverForgets(), PeriodParams()
    check_causal(never, params, candles, [10, 20, 30])
    check_forgetful(never, params, candles, [10])
    with pytest.raises(StrategyError) as caught:
        check_forgetful(never, params, candles, [10, 20])
    assert caught.value.message == (
        "never_forgets remembers too much: exposure at row 19 (2024-01-01 20:00:00+00:00) is 1 "
        "from all 30 candles and 0 from the last 10"
    )


def test_the_whole_contract_catches_each_planted_strategy() -> None:
    for planted in (SeesTomorrow(), KnowsTheMean(), NeverForgets()):
        with pytest.raises(StrategyError, match=planted.name):
            contract.check_contract(planted, PeriodParams(), random_walk(12, 3000))


def test_too_few_candles_leave_nothing_to_check() -> None:
    contract.check_contract(SeesTomorrow(), PeriodParams(), random_walk(13, 9))
