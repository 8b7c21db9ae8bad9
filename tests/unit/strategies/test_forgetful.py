"""The deciding indicators: equal to `ta` and TA-Lib, and bit for bit free of older history."""

from collections.abc import Callable

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.frames import AWKWARD, random_walk
from tradebot.strategies import forgetful, indicators
from tradebot.strategies.base import Floats
from tradebot.strategies.forgetful import above, below

FRAME = random_walk(31, 2500)
H, L, C = (FRAME[column].to_numpy() for column in ("high", "low", "close"))
SETTLED = 1500

Function = Callable[[Floats, Floats, Floats], Floats]

# name -> forgetful, `ta` wrapped, TA-Lib, and how many candles it reads
INDICATORS: dict[str, tuple[Function, Function, Function, int]] = {
    "mean": (
        lambda high, low, close: forgetful.mean(close, 50),
        lambda high, low, close: indicators.sma(close, 50),
        lambda high, low, close: talib.SMA(close, 50),
        50,
    ),
    "deviation": (
        lambda high, low, close: forgetful.deviation(close, 20),
        lambda high, low, close: (
            (indicators.bollinger(close, 20, 2.0)[2] - indicators.sma(close, 20)) / 2
        ),
        lambda high, low, close: talib.STDDEV(close, 20),
        20,
    ),
    "ema": (
        lambda high, low, close: forgetful.ema(close, 50),
        lambda high, low, close: indicators.ema(close, 50),
        lambda high, low, close: talib.EMA(close, 50),
        forgetful.ema_depth(50),
    ),
    "rsi": (
        lambda high, low, close: forgetful.rsi(close, 14),
        lambda high, low, close: indicators.rsi(close, 14),
        lambda high, low, close: talib.RSI(close, 14),
        forgetful.rsi_depth(14),
    ),
    "macd line": (
        lambda high, low, close: forgetful.macd(close, 12, 26, 9)[0],
        lambda high, low, close: indicators.macd(close, 12, 26, 9)[0],
        lambda high, low, close: talib.MACD(close, 12, 26, 9)[0],
        forgetful.ema_depth(26),
    ),
    "macd signal": (
        lambda high, low, close: forgetful.macd(close, 12, 26, 9)[1],
        lambda high, low, close: indicators.macd(close, 12, 26, 9)[1],
        lambda high, low, close: talib.MACD(close, 12, 26, 9)[1],
        forgetful.macd_depth(12, 26, 9),
    ),
    "atr": (
        lambda high, low, close: forgetful.atr(high, low, close, 14),
        lambda high, low, close: indicators.atr(high, low, close, 14),
        lambda high, low, close: talib.ATR(high, low, close, 14),
        forgetful.atr_depth(14),
    ),
}


@pytest.fixture(params=INDICATORS)
def indicator(request: pytest.FixtureRequest) -> tuple[Function, Function, Function, int]:
    return INDICATORS[request.param]


def test_a_forgetful_indicator_is_the_ordinary_one_to_nine_digits(
    indicator: tuple[Function, Function, Function, int],
) -> None:
    ours, wrapped, second_opinion, _ = indicator
    values = ours(H, L, C)[SETTLED:]
    np.testing.assert_allclose(values, wrapped(H, L, C)[SETTLED:], rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(values, second_opinion(H, L, C)[SETTLED:], rtol=1e-9, atol=1e-8)


def test_a_forgetful_indicator_is_nan_for_exactly_its_depth_less_one(
    indicator: tuple[Function, Function, Function, int],
) -> None:
    ours, _, _, depth = indicator
    values = ours(H, L, C)
    assert np.isnan(values[: depth - 1]).all()
    assert np.isfinite(values[depth - 1 :]).all()


@pytest.mark.parametrize("market", AWKWARD)
def test_the_last_depth_candles_alone_give_every_bit(
    indicator: tuple[Function, Function, Function, int], market: str
) -> None:
    ours, _, _, depth = indicator
    frame = AWKWARD[market](1200)
    high, low, close = (frame[column].to_numpy() for column in ("high", "low", "close"))
    whole = ours(high, low, close)
    for end in range(depth, 1200, 37):
        window = slice(end - depth, end)
        alone = ours(high[window], low[window], close[window])
        np.testing.assert_array_equal(alone[-1], whole[end - 1])
        assert np.isnan(alone[:-1]).all()


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_too_few_candles_give_nan_and_no_crash(
    indicator: tuple[Function, Function, Function, int], rows: int
) -> None:
    values = indicator[0](H[:rows], L[:rows], C[:rows])
    assert values.shape == (rows,)
    assert np.isnan(values).all()


@given(
    st.lists(st.floats(0.01, 1e6), min_size=1, max_size=60),
    st.integers(min_value=1, max_value=60),
)
@settings(max_examples=150, deadline=None)
def test_window_sums_are_the_sums_of_each_window(values: list[float], period: int) -> None:
    array = np.array(values)
    means, deviations = forgetful.mean(array, period), forgetful.deviation(array, period)
    for end in range(1, array.size + 1):
        if end < period:
            assert np.isnan(means[end - 1])
            assert np.isnan(deviations[end - 1])
        else:
            window = array[end - period : end]
            assert means[end - 1] == pytest.approx(window.mean(), rel=1e-12)
            assert deviations[end - 1] == pytest.approx(
                window.std(), rel=1e-9, abs=1e-9 * window.max()
            )


def test_ema_by_hand() -> None:
    # Period 1 has weight 1: the mean is the value itself.
    np.testing.assert_array_equal(forgetful.ema(np.array([3.0, 5.0]), 1), [3.0, 5.0])
    assert forgetful.ema_depth(1) == 1


def test_the_depth_leaves_a_millionth_of_a_millionth_of_the_weight() -> None:
    for period in (2, 9, 20, 50, 200):
        left = (1 - 2 / (period + 1)) ** forgetful.ema_depth(period)
        assert left <= forgetful.RESIDUAL * 1.0001
        assert left > forgetful.RESIDUAL * (1 - 2 / (period + 1)) * 0.9999


def test_a_price_that_stands_still_has_no_deviation_and_no_rsi() -> None:
    still = np.full(600, 0.1)
    assert (forgetful.deviation(still, 20)[19:] == 0.0).all()
    assert np.isnan(forgetful.rsi(still, 14)).all()
    np.testing.assert_allclose(forgetful.ema(still, 20)[-1], 0.1, rtol=1e-14)


def test_rsi_of_a_price_that_only_rises_is_100_and_that_only_falls_is_0() -> None:
    rising = np.arange(1.0, 601.0)
    assert forgetful.rsi(rising, 14)[-1] == 100.0
    assert forgetful.rsi(rising[::-1].copy(), 14)[-1] == 0.0


def test_a_crash_to_a_millionth_leaves_no_trace_in_later_means() -> None:
    """A running sum keeps the rounding of the old prices; LUNA fell by a factor of a million."""
    crashed = np.concatenate([np.full(1000, 80.0), np.full(1000, 0.00008)])
    assert forgetful.deviation(crashed, 20)[-1] == 0.0
    assert forgetful.mean(crashed, 20)[-1] == pytest.approx(0.00008, rel=1e-15)
    assert forgetful.ema(crashed, 50)[-1] == pytest.approx(0.00008, rel=1e-14)


def test_a_tie_is_neither_above_nor_below() -> None:
    one = np.array([0.1 + 0.2, 1e6, 1.0, np.nan])
    other = np.array([0.3, 1e6 + 1e-9, 1.0 + 1e-6, 1.0])
    assert above(one, other).tolist() == [False, False, False, False]
    assert below(one, other).tolist() == [False, False, True, False]
    assert above(other, one).tolist() == [False, False, True, False]


def test_the_smallest_step_of_a_mean_of_real_prices_is_no_tie() -> None:
    # BTC at 100,000 with a tick of 0.01: SMA20 and SMA50 differ by a hundredth of a tick or not.
    assert above(np.array([100_000.0001]), np.array([100_000.0])).tolist() == [True]


@pytest.mark.parametrize(
    "call",
    [
        lambda: forgetful.mean(C, 0),
        lambda: forgetful.deviation(C, 0),
        lambda: forgetful.ema(C, 0),
        lambda: forgetful.wilder(C, -3),
        lambda: forgetful.rsi(C, 0),
        lambda: forgetful.ema_depth(0),
        lambda: forgetful.rsi_depth(0),
        lambda: forgetful.atr(H, L, C, 0),
    ],
)
def test_a_period_below_one_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="it must be at least 1"):
        call()
