"""When the bot wakes: at every close, and between closes as soon as something is urgent."""

from collections.abc import Mapping

import pytest

from tests.support.bot import LONG, NOW, Bot
from tests.support.builders import HOUR, rules
from tradebot.adapters.clock import VirtualClock
from tradebot.model.order import OrderStatus
from tradebot.runtime import assemble
from tradebot.runtime.drive import drive_virtual
from tradebot.runtime.feed import Reading
from tradebot.runtime.trader import CALM_MS, URGENT_MS, Ticked, Trader

STOPPED = rules(stop_ppm=50_000)


class NoCandles:
    """A feed in whose market nothing closes any more."""

    def begin(self, after_ms: int, decided: Mapping[str, int]) -> None:
        """Know nothing."""

    def last_readings(self, closed_at: int, *, since_ms: int) -> list[tuple[Reading, bool]]:
        """Return none."""
        return []

    def refresh(self, now_ms: int) -> dict[int, list[Reading]]:
        """Return none."""
        return {}


def trader(bot: Bot) -> Trader:
    return Trader(bot.session, NoCandles(), timeframe_ms=HOUR)  # type: ignore[arg-type]  # stands where a Feed does


def guarded() -> Bot:
    bot = Bot("filled", "accepted", by=STOPPED)
    bot.step("100", LONG)
    return bot


def in_doubt() -> Bot:
    bot = Bot("filled", "unknown", by=STOPPED)
    bot.step("100", LONG)
    return bot


@pytest.mark.parametrize(("bot", "wait_ms"), [(guarded(), CALM_MS), (in_doubt(), URGENT_MS)])
def test_wake_comes_soon_only_where_something_is_urgent(bot: Bot, wait_ms: int) -> None:
    assert trader(bot).wake_after(NOW) == NOW + wait_ms
    assert trader(bot).wake_after(NOW, 1_500) == NOW + 1_500, "a close comes sooner"


def driven(bot: Bot, until: int) -> tuple[list[int], list[int]]:
    """Drive the bot over virtual time; return every wake and those that were told, in ms."""
    woken: list[int] = []
    told: list[int] = []

    def advance(time_ms: int) -> None:
        bot.clock.now = time_ms
        woken.append(time_ms - NOW)

    clock = VirtualClock(NOW, on_advance=advance)
    whole = assemble.Bot(
        assemble.Mode.SANDBOX, bot.session, clock, HOUR, trader=trader(bot), end_ms=NOW + until
    )

    def on_tick(time_ms: int, ticked: Ticked) -> None:
        told.append(time_ms - NOW)

    drive_virtual(whole, on_tick)
    return woken, told


def test_virtual_time_stops_only_at_closes_where_all_is_well() -> None:
    assert driven(guarded(), 3 * HOUR) == ([HOUR, 2 * HOUR, 3 * HOUR], [HOUR, 2 * HOUR, 3 * HOUR])


def test_virtual_time_stops_every_two_seconds_while_an_order_is_in_doubt() -> None:
    bot = in_doubt()
    woken, told = driven(bot, 2 * HOUR)
    # Proved absent at 46 s and placed anew, the stop rests: what follows are the closes.
    assert woken == [*range(URGENT_MS, 48_000, URGENT_MS), HOUR, 2 * HOUR]
    assert told == [HOUR, 2 * HOUR]
    assert [each.status for each in bot.state.orders.unsettled.values()] == [OrderStatus.ACCEPTED]


def test_latched_stop_ends_the_run_between_closes_too() -> None:
    bot = in_doubt()
    bot.latch.armed = False
    woken, told = driven(bot, 2 * HOUR)
    assert (woken, told) == ([URGENT_MS], [])
