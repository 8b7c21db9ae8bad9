"""Whole trades on tiny markets, calculated by hand to the last digit: price, fee, stop, balances.

1000 USDT, half of it for each entry; ticks of 1, lots of 0.001, a fee of 0.1 % in what is received,
slippage of 1 % where it is not 0. TN is N hours from the start: candle N closes at TN.
"""

from tests.support.builders import market, rules
from tests.support.tiny_market import TinyMarket
from tradebot.model import event as ev
from tradebot.model.market import FeeAsset

HALF = rules(fraction_ppm=500_000)
GUARDED = rules(fraction_ppm=500_000, stop_ppm=50_000, target_ppm=100_000)
HOUR = 3_600_000


def test_entry_and_target() -> None:
    done = TinyMarket("100 100/113/97/108 108", "L L L", GUARDED, slippage_ppm=10_000).trade()
    # At 100, 500 buys 5. The open of candle 2 is 100, plus 1 % is 101: 505. Its fee is 0.005 BTC.
    # The stop is 5 % under 101: 95.95, never further than asked: 96. The target is 10 % over:
    # 111.1, never nearer than asked: 112, and 113 trades through it.
    assert done.fills() == [
        "T1 buy 5 @ 101 fee 0.005 BTC",
        "T2 sell 4.995 @ 112 fee 0.55944 USDT maker",
    ]
    assert done.orders() == ["T1 entry 100 filled", "T1 stop 96 expired", "T1 target 112 filled"]
    # 1000 - 505 + 4.995 x 112 - 0.55944
    assert done.balances() == {"BTC": "0", "USDT": "1053.88056"}


def test_target_that_is_only_touched_does_not_fill() -> None:
    done = TinyMarket("100 100/112/97/108 108", "L L L", GUARDED, slippage_ppm=10_000).trade()
    assert done.fills() == ["T1 buy 5 @ 101 fee 0.005 BTC"]
    assert done.balances() == {"BTC": "4.995", "USDT": "495"}


def test_entry_and_stop_with_a_gap_through_it() -> None:
    done = TinyMarket("100 100 90/91/85/88 88", "L L L L", GUARDED, slippage_ppm=10_000).trade()
    # Candle 3 opens at 90, under the stop of 96: 90 less 1 %, which is a whole tick: 89.
    assert done.fills() == [
        "T1 buy 5 @ 101 fee 0.005 BTC",
        "T2 sell 4.995 @ 89 fee 0.444555 USDT",
    ]
    # 1000 - 505 + 4.995 x 89 - 0.444555; the signal is spent: no second entry.
    assert done.balances() == {"BTC": "0", "USDT": "939.110445"}


def test_stop_inside_a_candle_is_booked_at_its_close() -> None:
    done = TinyMarket("100 100/100/96/97 97", "L L L", GUARDED, slippage_ppm=10_000).trade()
    # 96 less 0.96, a whole tick: 95.
    assert done.fills()[1:] == ["T2 sell 4.995 @ 95 fee 0.474525 USDT"]
    assert done.balances() == {"BTC": "0", "USDT": "969.050475"}


def test_stop_and_target_in_one_candle_is_the_stop() -> None:
    done = TinyMarket("100 100/113/96/100 100", "L L L", GUARDED, slippage_ppm=10_000).trade()
    assert done.fills()[1:] == ["T2 sell 4.995 @ 95 fee 0.474525 USDT"]
    assert done.orders() == ["T1 entry 100 filled", "T1 stop 96 filled", "T1 target 112 expired"]
    assert done.balances() == {"BTC": "0", "USDT": "969.050475"}


def test_trailing_stop() -> None:
    by = rules(fraction_ppm=500_000, stop_ppm=100_000, trailing_ppm=100_000)
    text = "100 100 100/120/100/120 120/121/109/110 110/110/100/105 105"
    done = TinyMarket(text, "L L L L L L", by).trade()
    # 10 % under 100 is 90, under 120 it is 108, under 121 it is 108.9: 109, not touched by the
    # candle that made it.
    assert done.orders() == [
        "T1 entry 100 filled",
        "T1 stop 90 cancelled",
        "T3 stop 108 cancelled",
        "T4 stop 109 filled",
    ]
    assert done.fills() == [
        "T1 buy 5 @ 100 fee 0.005 BTC",
        "T5 sell 4.995 @ 109 fee 0.544455 USDT",
    ]
    # 1000 - 500 + 4.995 x 109 - 0.544455
    assert done.balances() == {"BTC": "0", "USDT": "1043.910545"}


def test_time_exit() -> None:
    by = rules(fraction_ppm=500_000, held_ms_max=2 * HOUR)
    done = TinyMarket("100 100 105 107 107", "L L L L L", by, slippage_ppm=10_000).trade()
    # Opened at T1, two hours are up at T3: candle 4 opens at 105, less 1.05 to the tick: 103.
    assert done.fills() == [
        "T1 buy 5 @ 101 fee 0.005 BTC",
        "T3 sell 4.995 @ 103 fee 0.514485 USDT",
    ]
    assert done.balances() == {"BTC": "0", "USDT": "1008.970515"}


def test_signal_exit_and_the_next_signal_trades_again() -> None:
    done = TinyMarket("100 100 100 104 104 104", "L . - L L L", GUARDED).trade()
    # Flat at T3: the protection is cancelled, then 4.995 are sold at the open of candle 4, 100.
    # 1000 - 500 + 499.5 - 0.4995 = 999.0005. At T4 a half, 499.50025, buys 4.802 at 104: 499.408.
    # Its fee of 0.004802 leaves 4.797198, of which 4.797 are whole lots.
    assert done.orders() == [
        "T1 entry 100 filled",
        "T1 stop 95 cancelled",
        "T1 target 110 cancelled",
        "T3 exit 100 filled",
        "T4 entry 104 filled",
        "T4 stop 99 accepted",
        "T4 target 115 accepted",
    ]
    assert done.fills() == [
        "T1 buy 5 @ 100 fee 0.005 BTC",
        "T3 sell 4.995 @ 100 fee 0.4995 USDT",
        "T4 buy 4.802 @ 104 fee 0.004802 BTC",
    ]
    assert done.balances() == {"BTC": "4.797198", "USDT": "499.5925"}


def test_entry_that_waits_over_a_gap_in_the_data() -> None:
    done = TinyMarket("100 - - 98/99/97/98 98", "L L L", GUARDED, slippage_ppm=10_000).trade()
    # Sized at 100, it fills at the first open after the gap, at T3: 98 plus a tick is 99. It is
    # known at T4, and protected then: 5 % under 99 is 94.05, so 95; 10 % over is 108.9, so 109.
    assert done.fills() == ["T3 buy 5 @ 99 fee 0.005 BTC"]
    assert done.orders() == ["T1 entry 100 filled", "T4 stop 95 accepted", "T4 target 109 accepted"]
    assert done.balances() == {"BTC": "4.995", "USDT": "505"}


def test_signal_right_after_a_gap_waits_for_one_more_candle() -> None:
    done = TinyMarket("100 - 100 100 100", "- L L L", HALF).trade()
    refused = [each for each in done.journal.events() if isinstance(each, ev.IntentRefused)]
    assert [each.control for each in refused] == ["candle_gap"]
    assert done.fills() == ["T4 buy 5 @ 100 fee 0.005 BTC"]


def test_target_under_the_market_after_a_gap_becomes_a_market_exit() -> None:
    # Filled at T3 at 100, known at T4 with the market at 115: a target of 110 would trade at once,
    # so the exchange refuses it, and the position is sold where the market is.
    done = TinyMarket("100 - - 100/115/100/115 115", "L L L", GUARDED).trade()
    assert done.orders()[-1] == "T4 exit 100 filled", "its reference is the last close in the books"
    assert done.fills()[1:] == ["T4 sell 4.995 @ 115 fee 0.574425 USDT"]
    assert done.balances() == {"BTC": "0", "USDT": "1073.850575"}


def test_fee_in_quote_leaves_whole_coins() -> None:
    in_quote = market(fee_asset=FeeAsset.QUOTE)
    text, by = "100 100 100 100", rules(fraction_ppm=500_000, reserve_ppm=10_000)
    done = TinyMarket(text, "L - - -", by, slippage_ppm=10_000, listed=in_quote).trade()
    assert done.fills() == ["T1 buy 5 @ 101 fee 0.505 USDT", "T2 sell 5 @ 99 fee 0.495 USDT"]
    assert done.balances() == {"BTC": "0", "USDT": "989"}


def test_rest_under_one_lot_stays_and_joins_the_next_trade() -> None:
    # 0.333 of equity buys 3.33; the fee of 0.00333 leaves 3.32667: 3.326 are sold, 0.00067 stay.
    # 1000 - 333 + 332.6 - 0.3326 = 999.2674. At T3 equity is 999.3344: 332.778..., so 3.327 more,
    # whose fee is 0.003327: 3.323673 and the rest are 3.324343.
    by = rules(fraction_ppm=333_000)
    done = TinyMarket("100 100 100 100", "L - L L", by).trade()
    assert done.fills() == [
        "T1 buy 3.33 @ 100 fee 0.00333 BTC",
        "T2 sell 3.326 @ 100 fee 0.3326 USDT",
        "T3 buy 3.327 @ 100 fee 0.003327 BTC",
    ]
    assert done.balances() == {"BTC": "3.324343", "USDT": "666.5674"}


def test_hold_and_flat_never_trade() -> None:
    assert TinyMarket("100 101 102 103", ". - . -", HALF).trade().fills() == []
