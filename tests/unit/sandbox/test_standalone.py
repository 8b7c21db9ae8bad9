"""The sandbox alone: speeds, keys, opening balances, and time that follows a clock it is given."""

from fractions import Fraction

import pytest

from tests.support.builders import HOUR, START, d
from tests.support.sandbox import KEY, SECRET, at, book
from tradebot.errors import UsageError
from tradebot.sandbox.server import SandboxServer
from tradebot.sandbox.standalone import (
    HISTORY,
    Keys,
    keep_time,
    parse_cash,
    parse_fraction,
    parse_speed,
    standalone_book,
    synthetic_tables,
)


class FakeClock:
    """A clock that jumps to where it is told to sleep, and stops after some sleeps."""

    def __init__(self, sleeps: int) -> None:
        self._left = sleeps
        self._now = 0

    @property
    def is_stopped(self) -> bool:
        return self._left == 0

    def now_ms(self) -> int:
        return self._now

    def monotonic_ms(self) -> int:
        return self._now

    def sleep_until(self, time_ms: int) -> None:
        self._now = time_ms
        self._left -= 1


@pytest.mark.parametrize(
    ("text", "factor"),
    [("real", 1), ("60x", 60), ("0.5x", Fraction(1, 2)), ("1x", 1), ("step", None)],
)
def test_speed_is_read(text: str, factor: Fraction | None) -> None:
    assert parse_speed(text) == factor


@pytest.mark.parametrize("text", ["", "x", "60", "-1x", "0x", "nanx", "2000000x", "fast"])
def test_speed_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_speed(text)
    assert caught.value.message == f"{text!r} is not a speed"


def test_cash_and_fractions_are_read() -> None:
    assert parse_cash(["USDT=10000", "BTC=0.5"]) == {"USDT": d(10000), "BTC": d("0.5")}
    assert parse_fraction("0.001") == 1000


@pytest.mark.parametrize("items", [["USDT"], ["=1"], ["USDT=x"], ["USDT=1", "USDT=2"]])
def test_cash_that_is_none_is_refused(items: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_cash(items)


@pytest.mark.parametrize("text", ["1", "-0.1", "0.0000001", "x"])
def test_fraction_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_fraction(text)


def test_keys_of_a_seed_are_always_the_same_and_look_like_binances() -> None:
    assert Keys.of_seed(1) == Keys.of_seed(1) != Keys.of_seed(2)
    assert len(Keys.of_seed(1).api_key) == len(Keys.of_seed(1).secret) == 64
    assert Keys.of_seed(1).secret not in repr(Keys.of_seed(1))


@pytest.mark.parametrize(
    ("speed", "hours"), [(Fraction(72_000), 3), (None, 2), (Fraction(10**6), 5)]
)
def test_time_follows_the_clock_at_its_speed_until_the_last_candle(
    speed: Fraction | None, hours: int
) -> None:
    """One look of 50 ms at 72,000 times is an hour."""
    server = SandboxServer(book("100 100 100 100 100", hours=2), api_key=KEY, secret=SECRET)
    server.start()
    try:
        keep_time(server, FakeClock(1), speed, at(5))
        assert server.now_ms() == at(hours)
    finally:
        server.stop()


def test_made_up_market_has_history_before_its_first_moment() -> None:
    tables = synthetic_tables(["BTC/USDT", "ETH/USDT"], timeframe_ms=HOUR, seed=3, now_ms=None)
    made = standalone_book(tables, {}, fee_ppm=1000, slippage_ppm=500)
    listing = made.listings["ETH/USDT"]
    assert made.last_closed(listing) + 1 >= HISTORY - 10
    assert made.free["USDT"] == 10_000 * 10**8


def test_made_up_market_in_real_time_is_under_way_now() -> None:
    now = START + 123_456
    tables = synthetic_tables(["BTC/USDT"], timeframe_ms=HOUR, seed=3, now_ms=now)
    made = standalone_book(tables, {}, fee_ppm=1000, slippage_ppm=500, now_ms=now)
    assert made.now == now
    assert made.price_now(made.listings["BTC/USDT"]) is not None
