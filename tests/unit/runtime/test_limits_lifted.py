"""Drawdown and other limits for good: what lifts them, and what does not."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.bot import FLAT, LONG, Bot
from tests.support.builders import BTC, ETH, rules
from tests.support.commanded import Commanded
from tests.support.limited import entries, held, restarted, trips
from tradebot.engine.settings import Pace
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.command import CommandEnd

ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED
# A half of 1000 is bought: at 60 it is 800 that are left.
DRAWDOWN = rules(fraction_ppm=500_000, drawdown_ppm_max=200_000)


def drawn_down(tmp_path: Path) -> Commanded:
    """Return a bot that has lost a fifth."""
    bot = held(DRAWDOWN)
    bot.step_all("60 10", LONG, hour=2)
    assert trips(bot) == [("drawdown_fraction_max", 0)]
    assert bot.state.trading is REDUCING
    return Commanded(bot, DRAWDOWN, tmp_path / "commands")


def test_drawdown_is_lifted_by_a_person_alone(tmp_path: Path) -> None:
    place = drawn_down(tmp_path)
    bot = place.bot
    # Neither midnight lifts it, nor a price that comes back, nor a restart.
    bot.step_all("100 10", LONG, hour=24)
    bot.step_all("100 10", LONG, hour=50)
    restarted(bot).session.reactivate("the next start")
    bot.step_all("100 10", LONG, hour=51)
    assert entries(bot) == [BTC]
    bot.step_all("60 10", LONG, hour=52)
    place.revive()
    assert place.say("resume").end is CommandEnd.DONE
    assert bot.state.trading is ACTIVE
    bot.step_all("60 10", LONG, hour=53)
    assert entries(bot) == [BTC, ETH], "it is measured from where he resumed"
    assert len(trips(bot)) == 1


def test_drawdown_trips_anew_after_it_was_lifted(tmp_path: Path) -> None:
    place = drawn_down(tmp_path)
    assert place.say("resume").end is CommandEnd.DONE
    # From 800 a fifth is 160: 5 BTC lose it at 28.
    place.bot.step_all("29 10", FLAT, hour=3)
    assert len(trips(place.bot)) == 1
    (tmp_path / "again").mkdir()
    again = drawn_down(tmp_path / "again")
    assert again.say("resume").end is CommandEnd.DONE
    again.bot.step("28", LONG, hour=3)
    assert len(trips(again.bot)) == 2
    assert again.bot.state.trading is REDUCING


def test_pause_and_resume_hide_no_drawdown(tmp_path: Path) -> None:
    """Symptom: each pause and resume began the drawdown anew, which so never reached its limit."""
    bot = held(DRAWDOWN)
    place = Commanded(bot, DRAWDOWN, tmp_path / "commands")
    for hour, close in enumerate(("90", "80", "70", "61", "60"), start=2):
        bot.step_all(f"{close} 10", None, hour)
        assert bool(trips(bot)) is (close == "60")
        if close != "60":
            place.say("pause")
            place.say("resume")
            assert bot.state.trading is ACTIVE


def test_pause_and_resume_forget_no_error_and_no_entry(tmp_path: Path) -> None:
    by = rules(pace=Pace(errors_in_a_row_max=2, entries_per_day_max=9))
    bot = Bot("rejected", "rejected", by=by)
    place = Commanded(bot, by, tmp_path / "commands")
    for hour in (1, 2):
        bot.step("100", LONG, hour)
        place.say("pause")
        place.say("resume")
    bot.step("100", LONG, hour=3)
    assert (trips(bot), len(entries(bot))) == ([("errors_in_a_row_max", 0)], 2)
    assert bot.state.track.entries == 2


def test_lifted_halt_lifts_no_drawdown(tmp_path: Path) -> None:
    """Symptom: `kill`, `resume` and the next start bought again, with no word about the limit."""
    place = drawn_down(tmp_path)
    bot = place.bot
    place.say("pause", reason="lunch")
    bot.session.halt("a kill")
    bot.session.reactivate("calm")
    assert (bot.state.trading, bot.state.commands.paused) == (REDUCING, "lunch")
    bot.step_all("60 10", LONG, hour=3)
    assert entries(bot) == [BTC]
    end = place.say("resume")
    assert end.text == (
        "all trading goes on; it was held up: lunch; a limit had tripped: drawdown_fraction_max, "
        "200 where 200 is the limit"
    )
    assert bot.state.trading is ACTIVE
    bot.step_all("60 10", LONG, hour=4)
    assert entries(bot) == [BTC, ETH]


def test_lifted_halt_and_the_pause_that_stays_are_one_append(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A death between the two would leave a bot that trades and was paused."""
    bot, counts = held(DRAWDOWN), []
    append = bot.journal.append

    def counted(events: Sequence[ev.Event]) -> None:
        counts.append(len(events))
        append(events)

    monkeypatch.setattr(bot.journal, "append", counted)
    bot.session.record([ev.TradingStateChanged(at=bot.clock.now, state=REDUCING, reason="lunch")])
    bot.session.halt("a kill")
    bot.session.reactivate("calm")
    assert counts == [1, 1, 2]


def test_exits_go_on_in_a_drawdown(tmp_path: Path) -> None:
    bot = drawn_down(tmp_path).bot
    bot.step_all("60 10", FLAT, hour=3)
    assert bot.state.positions[BTC].quantity == 0


def test_trip_softens_no_halt() -> None:
    bot = held(DRAWDOWN)
    bot.session.halt("the emergency stop is latched")
    bot.step_all("60 10", LONG, hour=2)
    assert trips(bot) == [("drawdown_fraction_max", 0)]
    assert bot.state.trading is HALTED
