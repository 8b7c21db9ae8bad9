"""Orders: the table of legal moves, read aloud, and every other move refused."""

from itertools import product

import pytest

from tests.support.builders import d, order, state_with
from tradebot.engine.apply import apply
from tradebot.errors import InvariantError
from tradebot.model import event as ev
from tradebot.model.order import RESTING, SETTLED, TRANSITIONS, OrderStatus

# Written out a second time on purpose: a change of the table must be meant.
LEGAL = """
intended  -> sent dropped
sent      -> accepted partial filled rejected cancelled expired unknown dropped
unknown   -> accepted partial filled rejected cancelled expired absent
accepted  -> partial filled cancelled expired unknown
partial   -> partial filled cancelled expired unknown
cancelled -> partial filled cancelled
expired   -> partial filled expired
absent    -> accepted partial filled cancelled expired rejected
filled    -> filled
rejected  ->
dropped   ->
"""
MOVES = {
    (OrderStatus(line.split()[0]), OrderStatus(after))
    for line in LEGAL.strip().splitlines()
    for after in line.split("->")[1].split()
}


def _move_to(status: OrderStatus) -> ev.Event:
    """Return the event that moves an order to `status`, fills aside."""
    by_status: dict[OrderStatus, ev.Event] = {
        OrderStatus.SENT: ev.OrderSent(at=0, order_id="tb-1"),
        OrderStatus.ACCEPTED: ev.OrderAccepted(at=0, order_id="tb-1", exchange_id="x"),
        OrderStatus.REJECTED: ev.OrderRejected(at=0, order_id="tb-1", code="", message=""),
        OrderStatus.UNKNOWN: ev.OrderUnknown(at=0, order_id="tb-1", cause=""),
        OrderStatus.CANCELLED: ev.OrderCancelled(at=0, order_id="tb-1"),
        OrderStatus.EXPIRED: ev.OrderExpired(at=0, order_id="tb-1"),
        OrderStatus.ABSENT: ev.OrderAbsent(at=0, order_id="tb-1", evidence=""),
        OrderStatus.DROPPED: ev.OrderDropped(at=0, order_id="tb-1", reason=""),
    }
    return by_status[status]


def test_table_has_exactly_the_moves_of_the_real_world() -> None:
    assert {(before, after) for before in TRANSITIONS for after in TRANSITIONS[before]} == MOVES
    assert set(TRANSITIONS) == set(OrderStatus)


NOT_BY_FILL = sorted(
    set(OrderStatus) - {OrderStatus.INTENDED, OrderStatus.PARTIAL, OrderStatus.FILLED}
)


@pytest.mark.parametrize(("before", "after"), list(product(sorted(OrderStatus), NOT_BY_FILL)))
def test_every_legal_move_is_made_and_every_other_is_our_bug(
    before: OrderStatus, after: OrderStatus
) -> None:
    state = state_with(orders=[order(status=before)])
    if (before, after) in MOVES:
        moved = apply(state, _move_to(after)).orders.get("tb-1")
        assert moved is not None
        assert moved.status is after
    else:
        with pytest.raises(InvariantError, match=f"tb-1: {before} cannot become {after}"):
            apply(state, _move_to(after))


def test_settled_and_resting_orders_are_told_apart() -> None:
    assert sorted(SETTLED) == ["absent", "cancelled", "dropped", "expired", "filled", "rejected"]
    assert sorted(RESTING) == ["accepted", "partial"]


def test_remaining_is_what_has_not_been_filled() -> None:
    assert order("buy 0.5 BTC @ 20000", filled=d("0.2")).remaining == d("0.3")
