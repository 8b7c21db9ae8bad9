"""How long a position stood without its stop, counted by hand in milliseconds.

The round trip opens at 0 ms, which is START; one BTC is bought at 100.
"""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.support.builders import (
    BTC,
    START,
    booked,
    closed,
    d,
    fill,
    intended,
    order,
    started,
    stop_order,
    target_order,
)
from tradebot.engine.unprotected import Unprotected, unprotected, watched
from tradebot.model import event as ev
from tradebot.model.order import Leg, Order

ENTRY = order("buy 1 BTC @ 100", order_id="entry")
EXIT = order("sell 1 BTC @ 100", order_id="exit")
STOP = stop_order("sell 1 BTC @ 95", order_id="stop")
AGAIN = stop_order("sell 1 BTC @ 95", order_id="again")
TARGET = target_order("sell 1 BTC @ 110", order_id="target")


def sent(what: Order, at: int) -> list[ev.Event]:
    return [
        replace(intended(what), at=START + at),
        ev.OrderSent(at=START + at, order_id=what.id, window_ms=5000),
    ]


def accepted(what: Order, at: int) -> ev.Event:
    return ev.OrderAccepted(at=START + at, order_id=what.id, exchange_id="x")


def filled(what: Order, at: int, quantity: str = "1", trade_id: str = "") -> ev.Event:
    price = what.stop_price or what.price or what.reference_price
    name = trade_id or f"t-{what.id}"
    return booked(what, fill(f"{quantity} @ {price}", trade_id=name, at=START + at))


def cancel(what: Order, at: int) -> ev.Event:
    return ev.CancelSent(at=START + at, order_id=what.id, reason="")


def cancelled(what: Order, at: int) -> ev.Event:
    return ev.OrderCancelled(at=START + at, order_id=what.id)


def expired(what: Order, at: int) -> ev.Event:
    return ev.OrderExpired(at=START + at, order_id=what.id)


def bought() -> list[ev.Event]:
    """Return the entry, filled at once."""
    begun: list[ev.Event] = [started(), closed(START, BTC="100")]
    return [*begun, *sent(ENTRY, 0), accepted(ENTRY, 0), filled(ENTRY, 0)]


def guarded(at: int) -> list[ev.Event]:
    """Return the entry, and a stop that the books hear of at this time."""
    return [*bought(), *sent(STOP, 100), accepted(STOP, at)]


def told(events: Sequence[ev.Event]) -> list[tuple[int | None, int | None]]:
    """Return when each round trip closed, and its milliseconds without a stop."""
    return [
        (None if each.closed_at is None else each.closed_at - START, each.milliseconds)
        for each in unprotected(events)
    ]


def test_time_until_the_first_stop_rests_is_counted() -> None:
    (trip,) = unprotected([*guarded(340), closed(START + 9_000, BTC="101")])
    assert trip == Unprotected(market=BTC, opened_at=START, closed_at=None, milliseconds=340)


def test_stop_that_fills_leaves_no_time_bare() -> None:
    assert told([*guarded(340), filled(STOP, 5_000)]) == [(5_000, 340)]


def test_sale_by_signal_is_bare_from_the_cancel_to_its_fill() -> None:
    events = [
        *guarded(340),
        cancel(STOP, 5_000),
        cancelled(STOP, 5_250),
        *sent(EXIT, 5_250),
        accepted(EXIT, 5_400),
        filled(EXIT, 5_600),
    ]
    assert told(events) == [(5_600, 340 + 600)]


def test_cancel_without_an_answer_counts_from_when_it_was_sent() -> None:
    events = [*guarded(340), cancel(STOP, 5_000), cancelled(STOP, 25_000), *sent(AGAIN, 25_000)]
    assert told([*events, accepted(AGAIN, 25_100)]) == [(None, 340 + 20_100)]


@pytest.mark.parametrize(("second", "since"), [(30_000, 5_000), (70_000, 70_000)])
def test_cancel_that_is_sent_again_counts_from_the_first_unless_that_was_long_before(
    second: int, since: int
) -> None:
    """Symptom: each cancel without an answer wound the clock back; the owner was called late."""
    end = second + 5_000
    events = [*guarded(340), cancel(STOP, 5_000), cancel(STOP, second), cancelled(STOP, end)]
    events += [*sent(AGAIN, end), accepted(AGAIN, end + 100)]
    assert told(events) == [(None, 340 + end + 100 - since)]


def test_refused_cancel_leaves_the_stop_in_place() -> None:
    events = [*guarded(340), cancel(STOP, 5_000), closed(START + 60_000, BTC="101")]
    assert told(events) == [(None, 340)]


def test_stop_that_the_exchange_ended_counts_from_when_the_books_heard() -> None:
    events = [*guarded(340), expired(STOP, 5_000), closed(START + 6_000, BTC="101")]
    assert told(events) == [(None, 340 + 1_000)]


def test_target_that_begins_to_fill_ends_its_stop_with_that_fill() -> None:
    events = [*guarded(100), *sent(TARGET, 0), accepted(TARGET, 100)]
    part = filled(TARGET, 4_000, "0.4")
    late = [expired(STOP, 9_000), part]
    assert told([*events, *late, closed(START + 10_000, BTC="110")]) == [(None, 100 + 6_000)]
    first = [part, expired(STOP, 9_000)]
    assert told([*events, *first, closed(START + 10_000, BTC="110")]) == [(None, 100 + 6_000)]


def test_stop_that_sells_in_part_and_ends_counts_from_its_fill() -> None:
    events = [*guarded(100), filled(STOP, 3_000, "0.5"), expired(STOP, 9_000)]
    rest = stop_order("sell 0.5 BTC @ 95", order_id="again")
    events += [*sent(rest, 9_000), accepted(rest, 9_400)]
    assert told(events) == [(None, 100 + 6_400)]
    # A fill of the past says nothing of the stop that rests now.
    assert told([*events, expired(rest, 20_000), closed(START + 20_500, BTC="96")]) == [
        (None, 100 + 6_400 + 500)
    ]


def test_stop_for_less_than_is_held_does_not_count() -> None:
    small = stop_order("sell 0.5 BTC @ 95", order_id="small")
    events = [*bought(), *sent(small, 0), accepted(small, 100), closed(START + 4_000, BTC="101")]
    assert told(events) == [(None, 4_000)]


def test_rest_too_small_to_sell_needs_no_stop() -> None:
    events = [*guarded(100), filled(STOP, 3_000, "0.96"), expired(STOP, 3_500)]
    # 0.04 at 100 are worth 4, less than the exchange takes; at 130 they are worth 5.2.
    assert told([*events, closed(START + 9_000, BTC="100")]) == [(None, 100)]
    events += [closed(START + 9_000, BTC="130"), closed(START + 9_700, BTC="130")]
    assert told(events) == [(None, 100 + 700)]


def test_position_that_was_never_to_have_a_stop_is_not_counted() -> None:
    events = [*bought(), *sent(EXIT, 60_000), accepted(EXIT, 60_000), filled(EXIT, 60_000)]
    assert told(events) == [(60_000, None)]


def test_owner_who_was_called_says_that_a_stop_was_wanted() -> None:
    called = ev.PositionUnprotected(at=START + 40_000, market=BTC, since=START, reason="")
    assert told([*bought(), called]) == [(None, 40_000)]


def test_position_that_was_sold_by_hand_is_over() -> None:
    gone = ev.PositionAdjusted(
        at=START + 8_000, market=BTC, before=d(1), quantity=d(0), reason="sold by hand"
    )
    events = [*guarded(100), cancel(STOP, 7_000), cancelled(STOP, 7_100), gone]
    assert told(events) == [(8_000, 100 + 1_000)]


def test_every_round_trip_is_counted_for_itself() -> None:
    first = [*guarded(340), filled(STOP, 5_000)]
    entry = replace(ENTRY, id="entry-2", closed_at=ENTRY.closed_at + 1)
    stop = replace(AGAIN, closed_at=AGAIN.closed_at + 1)
    second = [
        *sent(entry, 9_000),
        accepted(entry, 9_000),
        filled(entry, 9_000),
        *sent(stop, 9_000),
        accepted(stop, 9_050),
    ]
    assert told([*first, *second]) == [(5_000, 340), (None, 50)]


def test_watch_says_since_when_the_stop_is_missing() -> None:
    assert watched(bought()).since(BTC) == START
    assert watched(guarded(340)).since(BTC) is None
    assert watched([*guarded(340), expired(STOP, 5_000)]).since(BTC) == START + 5_000
    assert watched([*guarded(340), filled(STOP, 5_000)]).since(BTC) is None


def test_late_fill_of_an_order_of_another_leg_changes_nothing() -> None:
    events = [*guarded(100), expired(STOP, 5_000), *sent(EXIT, 5_000), accepted(EXIT, 5_100)]
    part = filled(EXIT, 4_900, "0.3")
    assert EXIT.leg is Leg.EXIT
    assert told([*events, part, closed(START + 6_000, BTC="100")]) == [(None, 100 + 1_000)]
