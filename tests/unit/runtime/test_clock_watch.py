"""The exchange's clock and ours: measured now and then, and no entry while they are apart."""

import pytest

from tests.support.bot import LONG, NOW
from tests.support.builders import HOUR
from tests.support.compared import Compared
from tests.support.fakes import FakeClock
from tests.unit.runtime.test_trader import Traded
from tradebot.errors import ExchangeUnavailable
from tradebot.model import event as ev
from tradebot.runtime.clock_watch import EVERY_MS, ClockWatch
from tradebot.runtime.trader import Trader


class Drifting(FakeClock):
    """A clock that runs with the steady one, and is `late` behind the exchange's."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self.late = 0
        self.asked = 0
        self.answer_ms = 0
        self.is_reachable = True

    def monotonic_ms(self) -> int:
        """Return the steady time."""
        return self.now + self.late

    def follow(self, exchange_ms: int) -> None:
        """Be as late as nothing."""
        self.now, self.late = exchange_ms, 0

    def exchange_ms(self) -> int:
        """Return the exchange's time, and take a while for it."""
        self.asked += 1
        if not self.is_reachable:
            raise ExchangeUnavailable("no answer")
        self.now += self.answer_ms
        return self.now + self.late - self.answer_ms // 2


def test_clock_is_measured_at_its_time_and_what_is_wrong_is_followed() -> None:
    clock = Drifting()
    watch = ClockWatch(clock, clock.exchange_ms)
    watch.look()
    assert clock.asked == 0
    clock.now += EVERY_MS
    clock.now, clock.late = clock.now - 1_500, 1_500
    watch.look()
    assert (clock.asked, watch.skew_ms) == (1, 1_500)
    watch.look()
    assert (clock.asked, watch.skew_ms) == (2, 0), "followed, and measured again at once"
    watch.look()
    assert clock.asked == 2


def test_answer_that_takes_its_time_is_no_skew() -> None:
    clock = Drifting()
    watch = ClockWatch(clock, clock.exchange_ms)
    clock.now += EVERY_MS
    clock.answer_ms = 3_000
    watch.look()
    assert (clock.asked, watch.skew_ms) == (1, 0)


def test_exchange_that_does_not_tell_its_time_is_asked_at_the_next_wake() -> None:
    clock = Drifting()
    watch = ClockWatch(clock, clock.exchange_ms)
    clock.now += EVERY_MS
    clock.is_reachable = False
    watch.look()
    watch.look()
    assert (clock.asked, watch.skew_ms) == (2, 0)


def _refusals(made: Compared) -> list[str]:
    told = [each for each in made.told(ev.IntentRefused) if isinstance(each, ev.IntentRefused)]
    return [each.control for each in told]


def test_no_entry_until_the_clock_was_measured_right() -> None:
    made = Compared()
    traded = Traded(made)
    clock = Drifting()
    traded.trader = Trader(
        made.bot.session,
        traded.feed,  # type: ignore[arg-type]  # the test's own
        timeframe_ms=HOUR,
        clock_watch=ClockWatch(clock, clock.exchange_ms, every_ms=0),
    )
    traded.trader.start(NOW)
    clock.late = 1_001
    traded.feed.close(NOW + HOUR, LONG)
    traded.tick(HOUR)
    assert _refusals(made) == ["clock_skew"]
    traded.feed.close(NOW + 2 * HOUR, LONG)
    traded.tick(HOUR)
    assert _refusals(made) == ["clock_skew"]
    assert made.bot.state.orders.unsettled or made.bot.state.positions


def test_no_entry_while_a_lost_exchange_was_not_compared() -> None:
    made = Compared()
    traded = Traded(made)
    traded.trader.start(NOW)
    made.made.lost()

    def fails(*_: object) -> object:
        raise ExchangeUnavailable("the list cannot be read")

    listed = made.broker.listed_orders
    made.broker.listed_orders = fails  # type: ignore[method-assign,assignment]  # fails for a while
    traded.feed.close(NOW + HOUR, LONG)
    with pytest.raises(ExchangeUnavailable):
        traded.tick(HOUR)
    assert _refusals(made) == ["reconcile_pending"]
    made.broker.listed_orders = listed  # type: ignore[method-assign]  # as it was
    traded.feed.close(NOW + 2 * HOUR, LONG)
    traded.tick(HOUR)
    assert _refusals(made) == ["reconcile_pending"]
    assert made.bot.state.positions
