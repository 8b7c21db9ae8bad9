"""What makes a bot go: sleep to the next close and tick, on a virtual clock or on the wall's."""

import queue
from collections.abc import Callable

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from tradebot.adapters.clock import VirtualClock, WallClock
from tradebot.errors import ExchangeUnavailable
from tradebot.runtime.assemble import Bot
from tradebot.runtime.guarding import PAGE_MS
from tradebot.runtime.trader import CALM_MS, URGENT_MS, Ticked

# The exchange needs a moment to close its candle.
CLOSE_DELAY_MS = 1_000
WAKE_SECONDS_MAX = 1.0

OnTick = Callable[[int, Ticked], None]
OnTrouble = Callable[[ExchangeUnavailable], None]


def drive_virtual(bot: Bot, on_tick: OnTick) -> None:
    """Tick at every close until the bot's end, or until its clock is stopped.

    Virtual time passes only here, so each candle is decided at its close; while something is urgent
    there are ticks between. Raises ExchangeUnavailable.
    """
    trader, clock = bot.trader, bot.clock
    assert trader is not None and isinstance(clock, VirtualClock) and bot.end_ms is not None
    trader.start(clock.now_ms())
    while not clock.is_stopped:
        now = clock.now_ms()
        close = now - now % bot.timeframe_ms + bot.timeframe_ms
        if close > bot.end_ms:
            return
        wake = trader.wake_after(now, close - now)
        # Here alone: while something is being done, a person's command waits for its end.
        clock.on_wait = lambda: obey(bot)
        clock.sleep_until(wake)
        clock.on_wait = lambda: None
        if clock.is_stopped:
            return
        trader.heed()
        ticked = trader.tick(wake)
        if wake == close:
            on_tick(wake, ticked)
        else:
            obey_latch(bot)


def drive_wall(bot: Bot, on_tick: OnTick, on_trouble: OnTrouble) -> None:
    """Tick after every close on the machine's clock, until it is stopped.

    The scheduler only wakes the loop; what is due is read from the journal, so a late, lost or
    doubled wake changes nothing. Between closes orders are asked about, soon again while something
    is urgent. A read that fails is told and tried again at the next wake.
    """
    trader, clock = bot.trader, bot.clock
    assert trader is not None and isinstance(clock, WallClock)
    trader.start(clock.now_ms())
    wakes: queue.SimpleQueue[None] = queue.SimpleQueue()
    scheduler = _scheduler(bot.timeframe_ms, lambda: wakes.put(None))
    scheduler.start()
    due = trader.wake_after(clock.now_ms())
    try:
        while not clock.is_stopped:
            # Never longer than a calm wait, though the machine's clock was put back.
            due = min(due, clock.now_ms() + CALM_MS)
            is_woken = _is_woken(wakes, due - clock.now_ms())
            obey(bot)
            if clock.is_stopped or (not is_woken and clock.now_ms() < due):
                continue
            now = clock.now_ms()
            try:
                on_tick(now, trader.tick(now))
            except ExchangeUnavailable as error:
                on_trouble(error)
            due = trader.wake_after(clock.now_ms())
    finally:
        scheduler.shutdown(wait=False)


def leave(bot: Bot) -> None:
    """End in good order: nothing that could buy, nothing in doubt, nothing held without its stop.

    That may take as long as a position may be bare; what is left then is told to the owner.
    """
    # The bot's own clock waits no more.
    waiting = WallClock()
    deadline = waiting.monotonic_ms() + PAGE_MS
    while not bot.session.leave() and waiting.monotonic_ms() < deadline:
        waiting.sleep_until(waiting.now_ms() + URGENT_MS)
    bot.session.page_left()


def _is_woken(wakes: queue.SimpleQueue[None], wait_ms: int) -> bool:
    """Return whether the scheduler woke us, within `wait_ms` and a second at most."""
    try:
        wakes.get(timeout=min(max(wait_ms, 0) / 1000, WAKE_SECONDS_MAX))
    except queue.Empty:
        return False
    return True


def obey(bot: Bot) -> None:
    """Do what a person wants: the emergency stop, or else what waits among the commands."""
    obey_latch(bot)
    if bot.trader is not None and not bot.clock.is_stopped:
        bot.trader.heed()


def obey_latch(bot: Bot) -> None:
    """Halt the session where the emergency stop is latched, and stop the clock when it is over."""
    if not bot.session.is_armed():
        bot.session.halt("the emergency stop is latched")
    if bot.session.is_over():
        bot.clock.stop()


def _scheduler(timeframe_ms: int, wake: Callable[[], None]) -> BackgroundScheduler:
    """Return a scheduler that wakes after every close."""
    scheduler = BackgroundScheduler(
        timezone="UTC",
        # No misfire limit: a wake that comes late after a suspend is still wanted, once.
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    seconds = timeframe_ms // 1000
    delay = CLOSE_DELAY_MS // 1000
    # Aligned to the epoch, as candles are.
    scheduler.add_job(
        wake,
        IntervalTrigger(seconds=seconds, start_date=f"1970-01-01 00:00:{delay:02}", timezone="UTC"),
        id="candle",
    )
    return scheduler
