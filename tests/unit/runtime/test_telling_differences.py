"""What the owner hears of a comparison: each thing once, and in proportion."""

import pytest

from tests.support.builders import BTC, state_with
from tradebot.engine.compare import Kind
from tradebot.engine.remedies import CAUSE
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.ports import AlertLevel
from tradebot.runtime.telling import news


def found(kind: Kind) -> ev.DifferenceFound:
    return ev.DifferenceFound(
        at=1, kind=kind.value, subject="x", mark="", journal="", exchange="", text="what differs"
    )


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        (Kind.CASH_MORE, AlertLevel.WARNING),
        (Kind.COINS_LESS, AlertLevel.WARNING),
        (Kind.CASH_SHORT, AlertLevel.ERROR),
        (Kind.POSITION_SHORT, AlertLevel.ERROR),
        (Kind.FILLS_MISSING, AlertLevel.ERROR),
    ],
)
def test_difference_is_told_by_what_it_leads_to(kind: Kind, level: AlertLevel) -> None:
    told = news(found(kind), state_with())
    assert told is not None
    assert (told.level, told.text) == (level, "what differs")


def test_halt_is_told_once_and_as_the_worst_there_is() -> None:
    assert news(found(Kind.ORDER_NOT_IN_JOURNAL), state_with()) is None
    halted = ev.TradingStateChanged(at=1, state=TradingState.HALTED, reason="another tradebot")
    told = news(halted, state_with(trading=TradingState.HALTED))
    assert told is not None
    assert told.level is AlertLevel.CRITICAL


def test_lock_of_many_markets_is_one_message() -> None:
    lock = ev.MarketLocked(at=1, market=BTC, cause=CAUSE, reason="cash is missing")
    assert news(lock, state_with()) is None
    other = ev.MarketLocked(at=1, market=BTC, cause="protection", reason="it is bare")
    assert news(other, state_with()) is not None


@pytest.mark.parametrize("before", ["", "elsewhere"])
def test_journal_that_was_moved_is_told_where_it_was_known_before(before: str) -> None:
    moved = ev.JournalMoved(at=1, place="here", before=before, instance="b")
    told = news(moved, state_with())
    assert (told is not None) == bool(before)
    if told is not None:
        assert told.level is AlertLevel.WARNING
        assert "if the other copy still runs, stop it" in told.text
