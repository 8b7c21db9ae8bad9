"""Pauses that entries take by themselves: each begins and ends at its limit, for entries alone."""

from dataclasses import replace

import pytest

from tests.support.builders import BTC, ETH, HOUR, START, d, market, position, rules, state_with
from tests.support.gated import PASSES, Told, asked
from tradebot.engine.settings import Pauses
from tradebot.engine.state import State
from tradebot.engine.track import Ended

TWO = (market(), market("ETH/USDT"))
NOW = START + HOUR  # when each intent of these tests was decided: one o'clock
BUY, BUY_ETH, SELL = "buy 1 BTC @ 100", "buy 1 ETH @ 100", "sell 1 BTC @ 100"


def lost(*ago: int, of: str = BTC, gain: str = "-2", stopped: bool = True) -> tuple[Ended, ...]:
    """Return trades that were stopped out so long ago, oldest first; each had cost 100."""
    return tuple(Ended(of, NOW - each, d(gain), d(100), stopped) for each in ago)


def after(*trades: Ended) -> State:
    """Return a state after these trades."""
    state = state_with(*TWO, positions={BTC: position("1 @ 100")})
    stopped = {each.market: each.at for each in trades if each.is_stopped}
    return state._replace(track=replace(state.track, trades=trades, stopped=stopped))


def _both(state: State, pauses: Pauses) -> tuple[Told, Told]:
    """Return what the gate says to an entry of each market; an exit always passes."""
    by = rules(pauses=pauses)
    assert asked(state, SELL, by) == PASSES
    return asked(state, BUY, by), asked(state, BUY_ETH, by)


# --- after a stop -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ago", "value"), [(7_199_999, "7199999"), (7_200_000, ""), (7_200_001, ""), (0, "0")]
)
def test_market_that_was_stopped_out_pauses_alone(ago: int, value: str) -> None:
    ruling, other = _both(after(*lost(ago)), Pauses(cooldown_ms=2 * HOUR))
    began = {0: "01:00:00Z", 7_199_999: "23:00:00.001Z"}
    ends = {0: "2024-01-01T03:00:00Z", 7_199_999: "2024-01-01T01:00:00.001Z"}
    day = "2024-01-01" if ago == 0 else "2023-12-31"
    assert other == PASSES
    assert ruling == (
        (
            "cooldown_candles",
            "7200000",
            value,
            f"BTC/USDT: it was stopped out at {day}T{began[ago]}; no entries until {ends[ago]}",
        )
        if value
        else PASSES
    )


@pytest.mark.parametrize(("ago", "value"), [(7_199_999, "7199999"), (7_200_000, "")])
def test_stop_in_any_market_pauses_all_where_that_is_asked_for(ago: int, value: str) -> None:
    trades = (*lost(9 * HOUR), *lost(ago, of=ETH))
    rulings = _both(after(*trades), Pauses(all_cooldown_ms=2 * HOUR))
    for symbol, ruling in zip(("BTC/USDT", "ETH/USDT"), rulings, strict=True):
        assert ruling == (
            (
                "all_cooldown_candles",
                "7200000",
                value,
                f"{symbol}: a market was stopped out at 2023-12-31T23:00:00.001Z; no entries until "
                "2024-01-01T01:00:00.001Z",
            )
            if value
            else PASSES
        )


def test_trade_that_was_not_stopped_out_pauses_nothing() -> None:
    trades = lost(0, stopped=False)
    every = Pauses(cooldown_ms=HOUR, all_cooldown_ms=HOUR)
    assert _both(after(*trades), every) == (PASSES, PASSES)
    assert _both(after(*lost(0)), Pauses()) == (PASSES, PASSES)
    assert _both(after(), every) == (PASSES, PASSES)


def test_stop_that_filled_after_the_candle_closed_pauses_no_longer_than_asked() -> None:
    assert _both(after(*lost(-1)), Pauses()) == (PASSES, PASSES)
    pauses = Pauses(cooldown_ms=HOUR)
    assert _both(after(*lost(-1)), pauses)[0][:3] == ("cooldown_candles", "3600000", "-1")


# --- after many stops ---------------------------------------------------------------------------

STOPS = Pauses(stops_max=3, stops_within_ms=10 * HOUR, stops_pause_ms=5 * HOUR)
HERE = Pauses(market_stops_max=3, stops_within_ms=10 * HOUR, stops_pause_ms=5 * HOUR)
MANY = (
    "stops_max",
    "3",
    "3",
    "BTC/USDT: 3 trades were stopped out at a loss by 2024-01-01T00:00:00Z; no entries until "
    "2024-01-01T05:00:00Z",
)


@pytest.mark.parametrize(
    ("hours", "is_paused"),
    [
        ([11, 1], False),  # one too few
        ([11, 2, 1], True),  # the first and the last are ten hours apart
        ([12, 2, 1], False),  # eleven
        ([20, 11, 2, 1], True),
        ([11, 10, 9, 2, 1], False),  # paused by the third until four o'clock the day before
        ([2, 1, 1, 1], True),
    ],
)
def test_so_many_stops_within_a_time_pause_entries(hours: list[int], is_paused: bool) -> None:
    state = after(*lost(*(each * HOUR for each in hours)))
    if hours == [11, 10, 9, 2, 1]:
        is_paused = True  # the newest three are within nine hours, too
    everywhere, here = _both(state, STOPS), _both(state, HERE)
    if is_paused:
        assert everywhere[0] == MANY
        assert everywhere[1][:3] == MANY[:3]
        assert here[0] == ("market_stops_max", *MANY[1:])
    else:
        assert everywhere == here == (PASSES, PASSES)
    assert here[1] == PASSES, "the other market had none"


@pytest.mark.parametrize(
    ("newest", "is_paused"), [(5 * HOUR - 1, True), (5 * HOUR, False), (5 * HOUR + 1, False)]
)
def test_pause_after_many_stops_ends_on_time(newest: int, is_paused: bool) -> None:
    state = after(*lost(8 * HOUR, 7 * HOUR, newest))
    assert (_both(state, STOPS)[0] != PASSES) is is_paused
    assert (_both(state, HERE)[0] != PASSES) is is_paused


def test_stop_after_the_pause_began_that_is_one_of_too_few_does_not_end_it() -> None:
    # Three within two hours, the last four hours ago; then one, eleven hours after the first.
    state = after(*lost(14 * HOUR, 13 * HOUR, 4 * HOUR + 1, 1))
    assert _both(state, STOPS)[0][:1] == ("stops_max",)
    assert "by 2023-12-31T20:59:59.999Z" in str(_both(state, STOPS)[0][3:])


def test_stops_of_all_markets_are_counted_together_and_of_each_alone() -> None:
    state = after(*lost(3 * HOUR, 2 * HOUR), *lost(HOUR, of=ETH))
    assert [ruling[:1] for ruling in _both(state, STOPS)] == [("stops_max",)] * 2
    assert _both(state, HERE) == (PASSES, PASSES)


@pytest.mark.parametrize(
    ("gain", "is_counted"), [("-0.00000001", True), ("0", False), ("1", False)]
)
def test_stop_that_lost_nothing_is_not_counted(gain: str, is_counted: bool) -> None:
    state = after(*lost(3 * HOUR, 2 * HOUR), *lost(HOUR, gain=gain))
    assert (_both(state, STOPS)[0] != PASSES) is is_counted
    loss_without_stop = after(*lost(3, 2), *lost(1, stopped=False))
    assert _both(loss_without_stop, STOPS)[0] == PASSES


def test_one_stop_is_enough_where_one_is_asked_for() -> None:
    one = replace(STOPS, stops_max=1, stops_within_ms=HOUR)
    assert _both(after(*lost(HOUR)), one)[0][:3] == ("stops_max", "1", "1")


# --- after little gain --------------------------------------------------------------------------

LOW = Pauses(
    low_profit_trades=2,
    low_profit_ppm=10_000,
    low_profit_within_ms=10 * HOUR,
    low_profit_pause_ms=5 * HOUR,
)
LOW_HERE = replace(LOW, low_profit_trades=0, market_low_profit_trades=2)


def _gains(first: str, second: str) -> tuple[Ended, ...]:
    """Return two trades of 100 each, which were not stopped out."""
    return (
        *lost(2 * HOUR, gain=first, stopped=False),
        *lost(HOUR, gain=second, stopped=False),
    )


def _too_low(gain: str) -> Told:
    return (
        "low_profit_trades",
        "2",
        gain,
        f"BTC/USDT: 2 trades by 2024-01-01T00:00:00Z gained {gain}, less than 2; no entries until "
        "2024-01-01T05:00:00Z",
    )


@pytest.mark.parametrize(
    ("first", "second", "ruling"),
    [
        # Of 200 that they cost, a hundredth is 2.
        ("1", "1.00000001", PASSES),
        ("1", "1", PASSES),
        ("1", "0.99999999", _too_low("1.99999999")),
        ("5", "-7", _too_low("-2")),
    ],
)
def test_trades_that_gained_too_little_pause_entries(first: str, second: str, ruling: Told) -> None:
    state = after(*_gains(first, second))
    everywhere, here = _both(state, LOW), _both(state, LOW_HERE)
    assert everywhere[0] == ruling
    assert everywhere[1][:3] == ruling[:3]
    assert here[0] == (("market_low_profit_trades", *ruling[1:]) if ruling else PASSES)
    assert here[1] == PASSES


def test_gain_of_less_than_nothing_may_be_allowed() -> None:
    by = replace(LOW, low_profit_ppm=-10_000)
    assert _both(after(*_gains("-1", "-1")), by)[0] == PASSES
    assert _both(after(*_gains("-1", "-1.00000001")), by)[0][1:3] == ("-2", "-2.00000001")


@pytest.mark.parametrize(
    ("oldest", "newest", "is_paused"),
    [
        (10 * HOUR, 0, True),
        (10 * HOUR + 1, 1, True),
        (10 * HOUR + 2, 1, False),  # one too few within the time before the last of them
        (9 * HOUR, 5 * HOUR - 1, True),
        (9 * HOUR, 5 * HOUR, False),  # the pause is over
    ],
)
def test_low_profit_looks_back_so_far_and_pauses_so_long(
    oldest: int, newest: int, is_paused: bool
) -> None:
    state = after(*lost(oldest, newest, stopped=False))
    assert (_both(state, LOW)[0] != PASSES) is is_paused
    assert (_both(state, LOW_HERE)[0] != PASSES) is is_paused


def test_gain_is_of_all_trades_within_the_time_and_not_of_the_last_few() -> None:
    state = after(*lost(3 * HOUR, gain="9"), *_gains("-2", "-2"))
    assert _both(state, LOW)[0] == PASSES
    assert _both(state, replace(LOW, low_profit_trades=3))[0] == PASSES
    assert _both(state, replace(LOW, low_profit_trades=4))[0] == PASSES
    poor = after(*lost(3 * HOUR, gain="1"), *_gains("-2", "-2"))
    assert _both(poor, replace(LOW, low_profit_trades=3))[0][1:3] == ("3", "-3")
    assert _both(poor, replace(LOW, low_profit_trades=4))[0] == PASSES


def test_pause_after_low_profit_is_measured_from_the_newest_of_many_trades() -> None:
    state = after(*lost(9 * HOUR, 8 * HOUR, 1, stopped=False))
    assert "no entries until 2024-01-01T05:59:59.999Z" in str(_both(state, LOW)[0][3:])


@pytest.mark.parametrize(("ago", "is_paused"), [(20 * HOUR - 1, True), (20 * HOUR, False)])
def test_low_profit_pauses_for_as_long_as_it_told(ago: int, is_paused: bool) -> None:
    """Symptom: of a pause of 100 candles 12 were kept: its trades had left what was looked at."""
    by = replace(LOW, low_profit_pause_ms=20 * HOUR)
    state = after(*lost(ago + 2, ago + 1, ago, stopped=False))
    everywhere = _both(state, by)[0]
    assert (everywhere != PASSES) is is_paused
    assert (
        _both(state, replace(LOW_HERE, low_profit_pause_ms=20 * HOUR))[0] != PASSES
    ) is is_paused
    if is_paused:
        assert "no entries until 2024-01-01T01:00:00.001Z" in str(everywhere[3:])


@pytest.mark.parametrize("gain", ["9", "-9"])
def test_trade_that_ends_in_a_pause_shortens_none_and_may_begin_its_own(gain: str) -> None:
    low = lost(4 * HOUR, 3 * HOUR, stopped=False)
    state = after(*low, *lost(HOUR, gain=gain, stopped=False))
    until = "2024-01-01T03:00:00Z" if gain == "9" else "2024-01-01T05:00:00Z"
    assert f"no entries until {until}" in str(_both(state, LOW)[0][3:])
    too_old = after(*lost(6 * HOUR, 5 * HOUR, stopped=False), *lost(HOUR, gain="9", stopped=False))
    assert _both(too_old, LOW)[0] == PASSES


def test_low_profit_of_a_market_counts_no_other() -> None:
    mixed = after(*_gains("-1", "-1")[:1], *lost(HOUR, of=ETH, stopped=False))
    assert _both(mixed, LOW_HERE) == (PASSES, PASSES)
    assert [ruling[:1] for ruling in _both(mixed, LOW)] == [("low_profit_trades",)] * 2
