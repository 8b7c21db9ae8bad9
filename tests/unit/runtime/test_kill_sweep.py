"""The sweep: our orders are cancelled until the exchange twice shows none, or until its bound."""

from pathlib import Path

import pytest

from tests.support.builders import market, started
from tradebot.adapters.clock import WallClock
from tradebot.adapters.journal import SqliteJournal
from tradebot.errors import ExchangeUnavailable, KeystoreError
from tradebot.runtime.kill_sweep import SWEEP_MS_MAX, bot_of, sweep
from tradebot.runtime.runs import Run

GONE = ExchangeUnavailable("the exchange cannot be reached")


class Steady(WallClock):
    """A clock that moves only in sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.time_ms = 0

    def now_ms(self) -> int:
        """Return the time that was slept."""
        return self.time_ms

    def monotonic_ms(self) -> int:
        """Return the time that was slept."""
        return self.time_ms

    def sleep_until(self, time_ms: int) -> None:
        """Be there at once."""
        self.time_ms = max(self.time_ms, time_ms)


class Exchange:
    """What is open at each look, in order; the last one stands. An error is raised."""

    def __init__(self, *looks: list[str] | Exception) -> None:
        self.looks = list(looks)
        self.asked = 0

    def cancel_shown(self) -> list[str]:
        """Return what is open now."""
        self.asked += 1
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(look, Exception):
            raise look
        return look


def test_two_looks_that_show_none_end_it() -> None:
    exchange = Exchange(["a", "b"], [], [])
    swept = sweep(exchange.cancel_shown, Steady())
    assert (swept.gone, swept.left, swept.problem) == ({"a", "b"}, (), "")
    assert exchange.asked == 3


def test_one_look_that_shows_none_is_not_enough() -> None:
    """The list was older than an order on its way; kill said that none was open."""
    exchange = Exchange([], ["late"], [], [])
    swept = sweep(exchange.cancel_shown, Steady())
    assert (swept.gone, swept.problem, exchange.asked) == ({"late"}, "", 4)


def test_look_that_failed_between_counts_for_nothing() -> None:
    exchange = Exchange([], GONE, [], [])
    assert sweep(exchange.cancel_shown, Steady()).problem == ""
    assert exchange.asked == 4


def test_order_that_stays_is_named_when_the_bound_is_reached() -> None:
    clock = Steady()
    swept = sweep(Exchange(["a", "b"], ["b"]).cancel_shown, clock)
    assert (swept.gone, swept.left, swept.is_answered) == ({"a"}, ("b",), True)
    assert swept.problem == "1 of our orders are still open"
    assert SWEEP_MS_MAX - 2_000 <= clock.time_ms <= SWEEP_MS_MAX


def test_exchange_that_does_not_answer_is_left_at_the_bound() -> None:
    clock = Steady()
    swept = sweep(Exchange(GONE).cancel_shown, clock)
    assert (swept.is_answered, swept.gone, swept.problem) == (False, frozenset(), GONE.message)
    assert clock.time_ms <= SWEEP_MS_MAX


def test_exchange_that_comes_back_in_time_is_asked_again() -> None:
    swept = sweep(Exchange(GONE, GONE, ["a"], [], []).cancel_shown, Steady())
    assert (swept.gone, swept.problem) == ({"a"}, "")


def test_refused_key_ends_it_at_once() -> None:
    exchange = Exchange(KeystoreError("binance refuses the key"))
    with pytest.raises(KeystoreError):
        sweep(exchange.cancel_shown, Steady())
    assert exchange.asked == 1


def test_journal_says_whose_orders_they_are_and_a_broken_one_does_not(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert bot_of(run) is None, "there is no journal"
    journal = SqliteJournal(run.journal)
    assert bot_of(run) is None, "it has not begun"
    journal.append([started(market())])
    assert bot_of(run) == "main"
    journal.close()
    run.journal.write_bytes(b"rubbish" * 1000)
    assert bot_of(run) is None
