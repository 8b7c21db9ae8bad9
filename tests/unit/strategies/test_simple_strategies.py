"""EMA cross, RSI reversion and Donchian, on candles small enough to follow by hand."""

import numpy as np
import pytest

from tests.support.frames import constant, from_closes
from tradebot.strategies.base import checked_exposure, last_signal, parse_params
from tradebot.strategies.donchian import Donchian, DonchianParams
from tradebot.strategies.ema_cross import EmaCross, EmaCrossParams
from tradebot.strategies.rsi_reversion import RsiReversion, RsiReversionParams


def test_ema_cross_is_in_while_the_price_rises_and_out_while_it_falls() -> None:
    params = EmaCrossParams(fast=2, slow=4)
    warmup = EmaCross().warmup(params)
    up, down = np.linspace(100.0, 200.0, 2 * warmup), np.linspace(200.0, 100.0, 2 * warmup)
    assert (checked_exposure(EmaCross(), from_closes(up), params)[warmup - 1 :] == 1.0).all()
    assert (checked_exposure(EmaCross(), from_closes(down), params)[warmup - 1 :] == 0.0).all()


def test_ema_cross_with_a_fast_period_of_one_compares_the_close_itself() -> None:
    params = EmaCrossParams(fast=1, slow=2)
    closes = [100.0] * 40 + [101.0, 100.0, 100.0]
    values = checked_exposure(EmaCross(), from_closes(closes), params)
    # EMA(2) after the jump is 100.67, then 100.22 and 100.07: the close is above it only once.
    assert values[-4:].tolist() == [0.0, 1.0, 0.0, 0.0]


def test_ema_cross_is_out_on_a_tie() -> None:
    values = checked_exposure(EmaCross(), constant(800), EmaCrossParams())
    assert (values[690:] == 0.0).all()


def test_ema_cross_explains_itself_in_words() -> None:
    params = EmaCrossParams(fast=1, slow=2)
    signal = last_signal(EmaCross(), from_closes([100.0] * 40 + [103.0]), params)
    assert signal.reasons == ("ema_1 103 is above ema_2 102",)
    assert signal.readings == pytest.approx({"ema_1": 103.0, "ema_2": 102.0})
    assert signal.confidence == pytest.approx((103 / 102 - 1) / 0.01)


def test_rsi_reversion_buys_weakness_sells_recovery_and_holds_between() -> None:
    params = RsiReversionParams(period=2)
    fall, rise = np.linspace(200.0, 140.0, 60), np.linspace(141.0, 160.0, 20)
    values = checked_exposure(RsiReversion(), from_closes(np.concatenate([fall, rise])), params)
    assert values[59] == 1.0
    assert values[-1] == 0.0


def test_rsi_reversion_holds_at_its_levels_and_between_them() -> None:
    # Up one, down one, for ever, with weight 1/2: RSI swings between 1/3 and 2/3 of a hundred.
    closes = [100.0, 101.0] * 60
    for entry, leave, expected in ((33.0, 67.0, [None, None]), (34.0, 66.0, [1.0, 0.0])):
        params = parse_params(RsiReversion(), {"period": 2, "entry": entry, "exit": leave})
        values = checked_exposure(RsiReversion(), from_closes(closes), params)[-2:]
        # The last candle but one fell, the last rose.
        assert [None if np.isnan(value) else value for value in values] == expected


def test_rsi_reversion_holds_in_a_market_that_never_moved() -> None:
    signal = last_signal(RsiReversion(), constant(500), RsiReversionParams())
    assert signal.exposure_ppm is None
    assert signal.reasons == ("rsi_14 has no value, no close moved: HOLD",)
    assert signal.readings == {}


@pytest.mark.parametrize(
    ("closes", "words", "confidence"),
    [
        (range(600, 100, -1), "rsi_14 0.00 is under entry 30", 1.0),
        (range(100, 600), "rsi_14 100.00 is over exit 55", 1.0),
        ([100.0, 101.0] * 250 + [100.5], "rsi_14 50.00 is not beyond 30 or 55: HOLD", 0.0),
    ],
)
def test_rsi_reversion_explains_itself_in_words(
    closes: list[float], words: str, confidence: float
) -> None:
    signal = last_signal(RsiReversion(), from_closes(list(closes)), RsiReversionParams())
    assert signal.reasons[0].split(" is ")[1] == words.split(" is ")[1]
    assert signal.confidence == pytest.approx(confidence)


def test_donchian_compares_with_the_candles_before_the_current_one() -> None:
    params = DonchianParams(entry=3, exit=2)
    candles = from_closes("10 11 12 12 13 12 12 11 14")
    values = checked_exposure(Donchian(), candles, params)
    # Row 3: 12 is not above 12. Row 4: 13 is above 12. Row 5: 12 is not below 12, nor is row 6.
    # Row 7: 11 is below 12. Row 8: 14 is above 13.
    expected = [np.nan, np.nan, np.nan, np.nan, 1.0, np.nan, np.nan, 0.0, 1.0]
    np.testing.assert_array_equal(values, expected)


def test_donchian_looks_at_highs_and_lows_not_at_closes() -> None:
    candles = from_closes("10 10 10 10.5 9.5")
    candles["high"] = [10.0, 12.0, 10.0, 10.5, 10.5]
    candles["low"] = [10.0, 8.0, 10.0, 10.0, 9.5]
    values = checked_exposure(Donchian(), candles, DonchianParams(entry=3, exit=3))
    assert np.isnan(values).all()


@pytest.mark.parametrize(
    ("closes", "reason", "confidence"),
    [
        (
            "10 11 12 13",
            "close 13 is above the highest high 12 of the 3 candles before",
            1.0,
        ),
        ("10 11 12 9", "close 9 is below the lowest low 10 of the 2 candles before", 1.0),
        (
            "10 11 12 11",
            "close 11 is inside the lowest low 10 of the 2 candles before and the highest high "
            "12 of the 3 candles before: HOLD",
            0.0,
        ),
    ],
)
def test_donchian_explains_itself_in_words(closes: str, reason: str, confidence: float) -> None:
    signal = last_signal(Donchian(), from_closes(closes), DonchianParams(entry=3, exit=2))
    assert signal.reasons == (reason,)
    assert signal.confidence == confidence
