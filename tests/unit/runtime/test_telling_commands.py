"""What the owner is told of commands: all that is not done as asked, as a warning."""

import pytest

from tests.support.builders import state_with
from tradebot.engine.apply import apply
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.command import CommandEnd, CommandEnded, CommandRefused
from tradebot.ports import AlertLevel
from tradebot.runtime.telling import news


@pytest.mark.parametrize("end", list(CommandEnd))
def test_only_what_was_done_is_no_warning(end: CommandEnd) -> None:
    told = news(CommandEnded(at=1, command_id="1", end=end, text="so it is"), state_with())
    assert told is not None
    wanted = AlertLevel.INFO if end is CommandEnd.DONE else AlertLevel.WARNING
    assert (told.level, told.text) == (wanted, f"by hand, {end.value}: so it is")


def test_rubbish_is_named_without_its_control_characters() -> None:
    told = news(CommandRefused(at=1, name="a\x1b[2J", reason="it is none"), state_with())
    assert told is not None
    assert "\x1b" not in told.text


@pytest.mark.parametrize(
    ("state", "level"),
    [
        (TradingState.ACTIVE, AlertLevel.INFO),
        (TradingState.REDUCING, AlertLevel.WARNING),
        (TradingState.HALTED, AlertLevel.CRITICAL),
    ],
)
def test_a_pause_is_less_than_a_halt(state: TradingState, level: AlertLevel) -> None:
    changed = ev.TradingStateChanged(at=1, state=state, reason="x")
    told = news(changed, apply(state_with(), changed))
    assert told is not None
    assert (told.level, told.text) == (level, f"trading is {state.value.upper()}: x")


def test_what_is_told_of_trading_is_what_came_of_it() -> None:
    """Symptom: a lifted halt was told as ACTIVE where a tripped limit let only exits through."""
    paused = ev.TradingStateChanged(at=1, state=TradingState.REDUCING, reason="lunch")
    told = news(paused, apply(state_with(trading=TradingState.HALTED), paused))
    assert told is not None
    assert (told.level, told.text) == (AlertLevel.CRITICAL, "trading is HALTED: lunch")
