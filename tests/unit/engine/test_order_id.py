"""Order ids: the same decision has the same id, another another, and exchanges take them."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import ETH, d, intent, rules, started, state_with
from tradebot.engine.apply import apply
from tradebot.engine.controls.admission import check_admission
from tradebot.engine.controls.refusal import ALL_WELL
from tradebot.engine.risk import ORDER_PREFIX, namespace, order_id, review
from tradebot.engine.state import State
from tradebot.model.event import JournalMoved
from tradebot.model.order import Approved, Intent, Leg

# Binance: `^[\.A-Z\:/a-z0-9_-]{1,36}$`; others are narrower.
VALID = re.compile(r"[A-Za-z0-9_-]{1,36}")


def _state(**changes: Any) -> State:
    return state_with()._replace(started=replace(started(), **changes))


def test_same_decision_made_twice_has_the_same_id() -> None:
    assert order_id(_state(), intent()) == order_id(_state(), intent())


def test_id_is_this_for_ever() -> None:
    """A changed id would make a restarted bot take its own orders for new ones."""
    assert order_id(_state(), intent()) == "tb0d6e40-b1103403e783a411138088a1"


def test_id_differs_between_accounts() -> None:
    state = _state()
    assert state.started is not None
    other = state._replace(started=replace(state.started, account="savings"))
    assert order_id(other, intent()) != order_id(state, intent())


@pytest.mark.parametrize(
    "other",
    [
        replace(intent(), market=ETH),
        replace(intent(), closed_at=intent().closed_at + 1),
        replace(intent(), strategy="other"),
        *(replace(intent(), leg=leg) for leg in Leg if leg is not Leg.ENTRY),
        replace(intent(), sequence=1),
    ],
)
def test_another_decision_has_another_id(other: Intent) -> None:
    assert order_id(_state(), other) != order_id(_state(), intent())


@pytest.mark.parametrize(
    "other", [_state(bot="second"), _state(exchange="kraken"), _state(mode="live")]
)
def test_another_bot_exchange_or_mode_has_another_id(other: State) -> None:
    assert order_id(other, intent()) != order_id(_state(), intent())


def test_journal_that_was_moved_or_copied_gives_other_ids_of_the_same_bot() -> None:
    """Two bots that went on from one journal gave two orders one id, and each bought."""
    before = _state(instance="a", place="here")
    event = JournalMoved(at=1, place="there", before="here", instance="b")
    ids = {order_id(state, intent()) for state in (before, apply(before, event))}
    assert len(ids) == 2
    assert {each.partition("-")[0] for each in ids} == {namespace("main")}


def test_what_a_decision_would_trade_is_not_in_its_id() -> None:
    """A restart may size anew: it must still find the order it has sent."""
    resized = replace(intent(), quantity=d("0.4"), reference_price=d(1), reason="other")
    assert order_id(_state(), resized) == order_id(_state(), intent())


@given(st.text(min_size=1, max_size=40), st.text(max_size=40), st.integers(0, 2**62))
def test_id_fits_every_exchange(bot: str, strategy: str, closed_at: int) -> None:
    made = order_id(_state(bot=bot), replace(intent(), strategy=strategy, closed_at=closed_at))
    assert VALID.fullmatch(made)
    assert made.startswith(f"{namespace(bot)}-")
    assert namespace(bot).startswith(ORDER_PREFIX)


def test_gate_gives_the_order_its_id() -> None:
    wanted = intent("buy 0.01 BTC @ 20000")
    ruling = review(_state(), wanted, rules())
    assert isinstance(ruling, Approved)
    assert ruling.order_id == order_id(_state(), wanted)


def test_nothing_is_named_nor_admitted_before_a_session_has_started() -> None:
    for ask in (
        lambda: order_id(State(), intent()),
        lambda: check_admission(State(), intent(), ALL_WELL),
    ):
        with pytest.raises(AssertionError, match=r"^a session has started$"):
            ask()
