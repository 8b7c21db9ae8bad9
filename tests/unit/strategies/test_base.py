"""Asking a strategy: what it may answer, what is refused, and the one rounding to ppm."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.frames import constant, from_closes
from tests.support.user_strategies import PeriodParams, Planted, Raises, Returns
from tradebot.errors import ConfigError, StrategyError
from tradebot.model.signal import Signal
from tradebot.strategies.base import (
    Explanation,
    checked_exposure,
    exposure_ppm,
    last_signal,
    required_candles,
)

CANDLES = from_closes("100 101 102 103")
TWO = PeriodParams(period=2)


def refusal(answer: object) -> str:
    with pytest.raises(StrategyError) as caught:
        checked_exposure(Returns(answer), CANDLES, TWO)
    return caught.value.message


def test_what_a_strategy_says_before_it_is_warm_is_not_heard() -> None:
    values = checked_exposure(Returns(np.array([1.0, 1.0, 0.5, -1.0])), CANDLES, PeriodParams(3))
    np.testing.assert_array_equal(values, [np.nan, np.nan, 0.5, -1.0])


def test_the_strategys_own_array_is_not_changed() -> None:
    answer = np.array([1.0, 1.0, 0.5, -1.0])
    checked_exposure(Returns(answer), CANDLES, TWO)
    np.testing.assert_array_equal(answer, [1.0, 1.0, 0.5, -1.0])


def test_fewer_candles_than_the_warmup_never_reach_the_strategy() -> None:
    assert np.isnan(checked_exposure(Raises(), CANDLES, PeriodParams(5))).tolist() == [True] * 4


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            np.array([0.0, 0.0, 1.5, 0.0]),
            "returns: exposure at row 2 (2024-01-01 03:00:00+00:00) is 1.5, must be between -1 "
            "and 1, or NaN to hold",
        ),
        (
            np.array([0.0, -1.0000001, 0.0, 0.0]),
            "returns: exposure at row 1 (2024-01-01 02:00:00+00:00) is -1, must be between -1 "
            "and 1, or NaN to hold",
        ),
        (
            np.array([0.0, 0.0, 0.0, np.inf]),
            "returns: exposure at row 3 (2024-01-01 04:00:00+00:00) is inf, must be between -1 "
            "and 1, or NaN to hold",
        ),
        (np.zeros(3), "returns: exposure has shape (3,), must be (4,)"),
        (np.zeros((4, 1)), "returns: exposure has shape (4, 1), must be (4,)"),
        (np.zeros(4, dtype=np.int64), "returns: exposure has dtype int64, must be float64"),
        (CANDLES["close"], "returns: exposure returned a Series, must be a numpy array"),
        (None, "returns: exposure returned a NoneType, must be a numpy array"),
    ],
)
def test_an_answer_that_is_no_exposure_is_refused_by_name_row_and_value(
    answer: object, message: str
) -> None:
    assert refusal(answer) == message


def test_a_strategy_that_raises_is_named_with_its_error() -> None:
    with pytest.raises(StrategyError) as caught:
        checked_exposure(Raises(), CANDLES, TWO)
    assert caught.value.message == "raises: exposure raised KeyError: 'closee'"
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_warmup_that_is_no_count_is_refused() -> None:
    class Odd(Returns):
        name = "odd"

        def warmup(self, params: PeriodParams) -> int:
            return self.answer

    for answer in (0, -1, 2.5, None, True):
        with pytest.raises(StrategyError, match=r"odd: warmup is .*, must be a whole"):
            required_candles(Odd(answer), TWO)


class Explains(Planted):
    """Is fully in and explains it as told."""

    name = "explains"

    def __init__(self, explanation: object) -> None:
        self.explanation = explanation

    def exposure(self, candles, params):
        return np.ones(len(candles))

    def explain(self, candles, params):
        return self.explanation


def test_a_signal_carries_exposure_confidence_reasons_and_readings() -> None:
    explained = Explains(Explanation(0.7, ("it is so",), {"mean": np.float64(2.0)}))
    assert last_signal(explained, CANDLES, TWO) == Signal(
        1_000_000, 0.7, ("it is so",), {"mean": 2.0}
    )


def test_a_reading_without_a_value_is_left_out() -> None:
    explained = Explains(Explanation(0.7, (), {"rsi": float("nan"), "mean": 1.0}))
    assert last_signal(explained, CANDLES, TWO).readings == {"mean": 1.0}


@pytest.mark.parametrize("confidence", [-0.1, 1.01, float("nan")])
def test_a_confidence_outside_nought_to_one_is_refused(confidence: float) -> None:
    with pytest.raises(StrategyError, match=f"explains: confidence is {confidence}, must be betw"):
        last_signal(Explains(Explanation(confidence, ())), CANDLES, TWO)


def test_an_explanation_of_another_type_is_refused() -> None:
    with pytest.raises(StrategyError, match="explains: explain returned a dict, must be an Expl"):
        last_signal(Explains({}), CANDLES, TWO)


def test_a_strategy_too_cold_to_speak_holds_and_says_why() -> None:
    signal = last_signal(Raises(), constant(3), PeriodParams(10))
    assert signal == Signal(None, 0.0, ("raises needs 10 candles and has 3: HOLD",), {})


def test_an_error_of_ours_inside_a_strategy_keeps_its_kind() -> None:
    class Refuses(Planted):
        name = "refuses"

        def exposure(self, candles, params):
            raise ConfigError("a member is wrong")

    with pytest.raises(ConfigError, match="a member is wrong"):
        checked_exposure(Refuses(), CANDLES, TWO)


def test_exposure_as_parts_per_million() -> None:
    values = np.array([1.0, 0.0, -1.0, np.nan, 1 / 3, 0.25, 0.0000005, 0.0000015])
    assert exposure_ppm(values) == [1_000_000, 0, -1_000_000, None, 333_333, 250_000, 0, 2]
    assert all(part is None or type(part) is int for part in exposure_ppm(values))


@given(st.lists(st.floats(-1.0, 1.0) | st.just(float("nan")), max_size=20))
def test_the_rounding_of_a_column_is_the_rounding_of_each(values: list[float]) -> None:
    one_by_one = [None if value != value else round(value * 1e6) for value in values]
    assert exposure_ppm(np.array(values, dtype=np.float64)) == one_by_one
