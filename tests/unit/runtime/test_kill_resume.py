"""A halt is lifted where nothing differs and nothing is in doubt; a lock of a market stays."""

from pathlib import Path

import pytest

from tradebot.engine.compare import Difference, Kind
from tradebot.errors import NotConfirmed
from tradebot.runtime.by_hand import Answered
from tradebot.runtime.kill_resume import _check_agreed
from tradebot.runtime.runs import Run
from tradebot.runtime.side_by_side import Compared, Ordered, Waiting

RUN = Run(Path("testnet-binance-main"))
GONE = Difference(
    kind=Kind.ORDER_GONE,
    subject="tb00000a-1",
    mark="",
    journal="accepted",
    exchange="none",
    text="an order is gone",
)


def _answered(*, is_ignored: bool = False, is_conclusive: bool = True, locks: str = "") -> Answered:
    row = Ordered(
        order_id=GONE.subject,
        market="binance:BTC/USDT",
        journal=GONE.journal,
        exchange=GONE.exchange,
        difference=GONE,
        is_ignored=is_ignored,
    )
    waits = Waiting(locks={"binance:BTC/USDT": locks} if locks else {})
    return Answered(Compared(coins=(), orders=(row,), is_conclusive=is_conclusive, waiting=waits))


def test_difference_refuses_with_its_words() -> None:
    with pytest.raises(NotConfirmed, match="journal and exchange disagree: an order is gone") as no:
        _check_agreed(RUN, _answered())
    assert no.value.exit_code == 7
    assert "tradebot reconcile" in no.value.hint


def test_difference_that_a_person_left_does_not() -> None:
    _check_agreed(RUN, _answered(is_ignored=True))


def test_order_in_doubt_refuses() -> None:
    with pytest.raises(NotConfirmed, match="an order is in doubt"):
        _check_agreed(RUN, _answered(is_ignored=True, is_conclusive=False))


def test_lock_of_a_market_keeps_nobody_from_resuming() -> None:
    _check_agreed(RUN, _answered(is_ignored=True, locks="cash was short"))
