"""Limit entries, every number of them worked out by hand."""

from dataclasses import replace

from tests.support.builders import HOUR, rules
from tests.support.tiny_market import TinyMarket

# Two percent under the close, half of equity, a stop five percent under the entry.
LIMIT = rules(
    fraction_ppm=500_000,
    entry_offset_ppm=20_000,
    entry_ms_max=HOUR,
    reprice_max=1,
    stop_ppm=50_000,
)


def test_resting_entry_fills_at_its_price_when_the_market_trades_through_it() -> None:
    done = TinyMarket("100 100/100/97/99 99", "L L L", LIMIT).trade()
    # 500 at 98 are 5.102; the fee is rounded up to 0.005102, of what is left 5.096 are whole lots.
    # Five percent under 98 are 93.1: the stop is at 94.
    assert done.fills() == ["T2 buy 5.102 @ 98 fee 0.005102 BTC maker"]
    assert done.orders() == ["T1 entry 98 filled", "T2 stop 94 accepted"]
    # 1000 - 5.102 x 98
    assert done.balances() == {"BTC": "5.096898", "USDT": "500.004"}


def test_touch_fills_nothing_and_the_next_round_rests_under_the_new_close() -> None:
    done = TinyMarket("100 100/100/98/110 110/110/107/110 110", "L L L L", LIMIT).trade()
    # 98 was touched, not traded through. Two percent under 110 are 107.8: 107, touched again.
    assert done.fills() == []
    assert done.orders() == ["T1 entry 98 cancelled", "T2 entry 107 cancelled"]
    assert done.balances() == {"USDT": "1000"}


def test_signal_whose_rounds_are_spent_buys_nothing_until_a_new_one() -> None:
    text = "100 110 120 130 140 140/140/130/140"
    done = TinyMarket(text, "L L L . L L", LIMIT).trade()
    # Two rounds at T1 and T2; at T4 the strategy holds, which ends the signal; at T5 it is new.
    assert done.orders()[:2] == ["T1 entry 98 cancelled", "T2 entry 107 cancelled"]
    assert done.orders()[2] == "T5 entry 137 filled"


def test_entry_that_the_next_open_is_under_fills_at_once_as_a_taker() -> None:
    done = TinyMarket("100 96/96/95/96", "L L", LIMIT, slippage_ppm=10_000).trade()
    # The order meets an open of 96, and a tick of slippage: 97, better than its 98.
    assert done.fills() == ["T1 buy 5.102 @ 97 fee 0.005102 BTC"]


def test_candle_that_goes_through_entry_and_stop_is_sold_at_the_next_open() -> None:
    done = TinyMarket("100 100/100/88/90 90", "L L L", LIMIT).trade()
    # Bought at 98 inside candle 2, known at its close of 90, under the stop of 94: sold at 90.
    # 1000 - 499.996 + 5.096 x 90 - 0.45864
    assert done.fills() == [
        "T2 buy 5.102 @ 98 fee 0.005102 BTC maker",
        "T2 sell 5.096 @ 90 fee 0.45864 USDT",
    ]
    assert done.balances() == {"BTC": "0.000898", "USDT": "958.18536"}


def test_entry_may_rest_longer_than_a_candle() -> None:
    by = replace(LIMIT, entry_ms_max=2 * HOUR)
    done = TinyMarket("100 100 100/100/97/100 100", "L L L L", by).trade()
    assert done.orders()[0] == "T1 entry 98 filled"
    assert done.fills() == ["T3 buy 5.102 @ 98 fee 0.005102 BTC maker"]


def test_signal_that_goes_takes_its_entry_with_it() -> None:
    done = TinyMarket("100 100 100/100/90/100", "L - -", LIMIT).trade()
    assert done.orders() == ["T1 entry 98 cancelled"]
    assert done.balances() == {"USDT": "1000"}
