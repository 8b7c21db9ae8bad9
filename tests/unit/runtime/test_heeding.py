"""When a bot takes commands: before it decides anything at its start, before each tick, waiting."""

from tests.support.bot import LONG, NOW, Bot
from tests.support.builders import HOUR, rules
from tradebot.adapters.clock import VirtualClock
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.runtime import assemble
from tradebot.runtime.drive import drive_virtual
from tradebot.runtime.feed import Reading
from tradebot.runtime.trader import Trader

RESTING = rules(entry_ms_max=10**9, entry_offset_ppm=10_000)


class NoCandles:
    """A feed in whose market nothing closes; it notes what is asked of it."""

    def __init__(self, diary: list[str]) -> None:
        self.diary = diary

    def begin(self, after_ms: int, decided: object) -> None:
        """Know nothing."""

    def last_readings(self, closed_at: int, *, since_ms: int) -> list[tuple[Reading, bool]]:
        """Return none."""
        self.diary.append("decide the newest again")
        return []

    def refresh(self, now_ms: int) -> dict[int, list[Reading]]:
        """Return none."""
        self.diary.append("decide")
        return {}


def trader(bot: Bot) -> Trader:
    made = Trader(bot.session, NoCandles(bot.diary), timeframe_ms=HOUR)  # type: ignore[arg-type]  # stands where a Feed does
    made.heed = lambda: bot.diary.append("heed")
    return made


def paused(bot: Bot) -> Bot:
    change = ev.TradingStateChanged(at=NOW, state=TradingState.REDUCING, reason="lunch")
    bot.session.record([change])
    return bot


def test_start_takes_commands_before_it_decides_anything() -> None:
    bot = Bot()
    bot.step("100", LONG)
    bot.diary.clear()
    trader(bot).start(NOW)
    assert [line for line in bot.diary if line != "latch"] == ["heed", "decide the newest again"]


def test_start_of_a_paused_bot_cancels_the_entries_that_a_death_has_left() -> None:
    bot = Bot("accepted", by=RESTING)
    bot.step("100", LONG)
    assert bot.state.orders.unsettled
    trader(paused(bot)).start(NOW)
    assert not bot.state.orders.unsettled


def test_entry_of_a_bot_that_is_not_paused_stays_over_its_start() -> None:
    bot = Bot("accepted", by=RESTING)
    bot.step("100", LONG)
    trader(bot).start(NOW)
    assert bot.state.orders.unsettled


def test_commands_are_taken_before_each_tick_and_while_a_paced_clock_waits() -> None:
    bot = Bot()
    clock = VirtualClock(NOW, pace=10**9)
    whole = assemble.Bot(
        assemble.Mode.SANDBOX, bot.session, clock, HOUR, trader=trader(bot), end_ms=NOW + 2 * HOUR
    )
    drive_virtual(whole, lambda time_ms, ticked: None)
    told = [line for line in bot.diary if line in ("heed", "decide")]
    assert told[0] == "heed"
    for number, line in enumerate(told):
        if line == "decide":
            assert told[number - 1] == "heed"
    assert told.count("decide") == 2
    assert told.count("heed") >= 5, "the start, two waits and two ticks"


def test_no_command_is_taken_where_the_emergency_stop_is_latched() -> None:
    bot = Bot()
    clock = VirtualClock(NOW, pace=10**9)
    whole = assemble.Bot(
        assemble.Mode.SANDBOX, bot.session, clock, HOUR, trader=trader(bot), end_ms=NOW + 2 * HOUR
    )
    bot.latch.armed = False
    drive_virtual(whole, lambda time_ms, ticked: None)
    assert bot.diary.count("heed") == 1, "the start's"
    assert bot.state.trading is TradingState.HALTED
