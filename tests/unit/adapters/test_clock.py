"""The clocks: they wait, they wake when told to, and virtual time never goes back."""

import os
import signal
import threading

import pytest

from tradebot.adapters import clock as clock_module
from tradebot.adapters.clock import VirtualClock, WallClock
from tradebot.ports import Clock

HOUR_MS = 3_600_000


def test_wall_clock_returns_at_once_for_a_time_that_has_passed() -> None:
    clock = WallClock()
    clock.sleep_until(clock.now_ms() - HOUR_MS)
    assert not clock.is_stopped


def test_wall_clock_sleeps_until_it_shows_the_time() -> None:
    clock = WallClock()
    wake_ms = clock.now_ms() + 5
    clock.sleep_until(wake_ms)
    assert clock.now_ms() >= wake_ms


def test_monotonic_time_does_not_go_back() -> None:
    clock = WallClock()
    first = clock.monotonic_ms()
    assert clock.monotonic_ms() >= first


def test_stop_from_another_thread_ends_a_sleep() -> None:
    clock = WallClock()
    sleeper = threading.Thread(target=clock.sleep_until, args=(clock.now_ms() + HOUR_MS,))
    sleeper.start()
    clock.stop()
    sleeper.join(timeout=10)
    assert not sleeper.is_alive()


def test_stop_in_a_signal_handler_ends_a_sleep() -> None:
    clock = WallClock()
    before = signal.signal(signal.SIGUSR1, lambda *_: clock.stop())
    sender = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGUSR1))
    try:
        sender.start()
        clock.sleep_until(clock.now_ms() + HOUR_MS)
    finally:
        sender.join()
        signal.signal(signal.SIGUSR1, before)
    assert clock.is_stopped


def test_a_stopped_wall_clock_sleeps_no_more() -> None:
    clock = WallClock()
    clock.stop()
    for _ in range(3):
        clock.sleep_until(clock.now_ms() + HOUR_MS)
    assert clock.is_stopped


def test_a_jump_of_the_wall_clock_ends_the_sleep_within_a_slice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Jumping(WallClock):
        shown = [0, HOUR_MS]  # noqa: RUF012  # the test's own script of readings

        def now_ms(self) -> int:
            return self.shown.pop(0)

    monkeypatch.setattr(clock_module, "_SLICE_SECONDS", 0.001)
    clock = Jumping()
    clock.sleep_until(HOUR_MS // 2)
    assert clock.shown == []


def test_clock_that_follows_an_exchange_does_not_care_what_the_machine_s_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Symptom: a corrected system time made an order in doubt look old enough to be absent."""
    steady = [5_000]
    monkeypatch.setattr(clock_module, "_steady_ms", lambda: steady[0])
    clock = WallClock()
    clock.follow(1_700_000_000_000)
    monkeypatch.setattr(clock_module.time, "time_ns", lambda: 0)
    steady[0] += 250
    assert clock.now_ms() == 1_700_000_000_250
    clock.follow(1_700_000_000_100)
    assert clock.now_ms() == 1_700_000_000_100


def test_virtual_clock_moves_only_in_a_sleep_and_tells_the_world_first() -> None:
    told: list[tuple[int, int]] = []
    clock = VirtualClock(1000, on_advance=lambda time_ms: told.append((time_ms, clock.now_ms())))
    assert clock.now_ms() == 1000
    clock.sleep_until(61_000)
    assert clock.now_ms() == 61_000
    assert told == [(61_000, 1000)]


@pytest.mark.parametrize("time_ms", [1000, 999, -1])
def test_virtual_clock_never_goes_back(time_ms: int) -> None:
    told: list[int] = []
    clock = VirtualClock(1000, on_advance=told.append)
    clock.sleep_until(time_ms)
    assert (clock.now_ms(), told) == (1000, [])


def test_virtual_clock_stays_where_it_was_when_the_world_fails() -> None:
    def fail(time_ms: int) -> None:
        raise RuntimeError("the world ended")

    clock = VirtualClock(0, on_advance=fail)
    with pytest.raises(RuntimeError, match="the world ended"):
        clock.sleep_until(1)
    assert clock.now_ms() == 0


def test_a_stopped_virtual_clock_moves_no_more() -> None:
    clock = VirtualClock(0)
    clock.stop()
    clock.sleep_until(HOUR_MS)
    assert (clock.now_ms(), clock.is_stopped) == (0, True)


def test_pace_takes_real_time_and_arrives() -> None:
    clock = VirtualClock(0, pace=1_000_000.0)
    wall = WallClock()
    started_ms = wall.monotonic_ms()
    clock.sleep_until(HOUR_MS)
    clock.sleep_until(2 * HOUR_MS)
    assert clock.now_ms() == 2 * HOUR_MS
    assert wall.monotonic_ms() - started_ms >= 2 * HOUR_MS / 1_000_000 - 1


def test_stop_ends_a_paced_sleep_without_moving() -> None:
    clock = VirtualClock(0, pace=1.0)
    sleeper = threading.Thread(target=clock.sleep_until, args=(HOUR_MS,))
    sleeper.start()
    clock.stop()
    sleeper.join(timeout=10)
    assert not sleeper.is_alive()
    assert clock.now_ms() == 0


@pytest.mark.parametrize("pace", [0.0, -1.0, float("nan")])
def test_a_pace_that_never_arrives_is_refused(pace: float) -> None:
    with pytest.raises(ValueError, match=r"^pace must be above 0, got "):
        VirtualClock(0, pace=pace)


def test_both_clocks_are_clocks() -> None:
    clocks: list[Clock] = [WallClock(), VirtualClock(0)]
    assert all(isinstance(clock.now_ms(), int) for clock in clocks)
