"""From what the exchange says to the events that say it in our books."""

import pytest

from tests.support.builders import booked, d, fill, order, report
from tradebot.engine.reconcile import outcome_events, report_events
from tradebot.model import event as ev
from tradebot.model.order import OrderStatus, Rejection, Report, Unknown

S = OrderStatus
FIRST, SECOND = fill("0.2 @ 100", trade_id="1", at=5), fill("0.3 @ 101", trade_id="2", at=6)
ACCEPTED = ev.OrderAccepted(at=9, order_id="tb-1", exchange_id="x1")


def test_no_is_rejected_and_no_answer_is_unknown() -> None:
    sent = order(status=S.SENT)
    no = Rejection(order_id="tb-1", code="-2010", message="too poor")
    assert outcome_events(sent, no, at=9) == [
        ev.OrderRejected(at=9, order_id="tb-1", code="-2010", message="too poor")
    ]
    silence = Unknown(order_id="tb-1", cause="timeout")
    assert outcome_events(sent, silence, at=9) == [
        ev.OrderUnknown(at=9, order_id="tb-1", cause="timeout")
    ]


@pytest.mark.parametrize("status", [S.SENT, S.UNKNOWN, S.ABSENT])
def test_first_report_of_an_order_accepts_it_and_books_its_fills(status: OrderStatus) -> None:
    asked = order(status=status)
    answer = report(asked, S.FILLED, FIRST, SECOND)
    assert outcome_events(asked, answer, at=9) == [
        ACCEPTED,
        booked(asked, FIRST),
        booked(asked, SECOND),
    ]


def test_fill_is_booked_at_its_own_time_and_only_when_new() -> None:
    known = order(status=S.PARTIAL, filled=d("0.2"), trade_ids=("1",))
    events = report_events(known, report(known, S.FILLED, FIRST, SECOND), at=9)
    assert events == [booked(known, SECOND)]
    assert events[0].at == 6


def test_books_that_agree_need_no_event() -> None:
    known = order(status=S.PARTIAL, filled=d("0.2"), trade_ids=("1",))
    assert report_events(known, report(known, S.PARTIAL, FIRST), at=9) == []
    assert report_events(order(), report("tb-1", S.ACCEPTED), at=9) == []


@pytest.mark.parametrize(
    ("status", "event"),
    [
        (S.CANCELLED, ev.OrderCancelled(at=9, order_id="tb-1")),
        (S.EXPIRED, ev.OrderExpired(at=9, order_id="tb-1")),
    ],
)
def test_end_of_an_order_is_told_after_its_fills_and_once(
    status: OrderStatus, event: ev.Event
) -> None:
    assert report_events(order(), report("tb-1", status, FIRST), at=9) == [
        booked(order(), FIRST),
        event,
    ]
    assert report_events(order(), report("tb-1", status), at=9) == [event], "with no fill at all"
    ended = order(status=status, filled=d("0.2"), trade_ids=("1",))
    assert report_events(ended, report("tb-1", status, FIRST), at=9) == []


@pytest.mark.parametrize("status", [S.CANCELLED, S.EXPIRED])
def test_end_waits_for_fills_that_the_trade_list_has_not_told(status: OrderStatus) -> None:
    answer = report("tb-1", status, FIRST, filled="0.5")
    assert report_events(order(), answer, at=9) == [booked(order(), FIRST)]


def test_late_fill_of_an_ended_order_is_booked_and_its_end_told_again() -> None:
    ended = order(status=S.CANCELLED, filled=d("0.2"), trade_ids=("1",))
    late = fill("0.1 @ 100", trade_id="2")
    assert report_events(ended, report("tb-1", S.CANCELLED, FIRST, late), at=9) == [
        booked(ended, late),
        ev.OrderCancelled(at=9, order_id="tb-1"),
    ]


def test_other_word_for_the_end_of_an_ended_order_changes_nothing() -> None:
    """Symptom: cancelled in our books, expired at the exchange: InvariantError."""
    ended = order(status=S.CANCELLED)
    assert report_events(ended, report("tb-1", S.EXPIRED), at=9) == []


def test_order_that_filled_whole_is_filled_whatever_its_end_is_called() -> None:
    answer = report("tb-1", S.CANCELLED, FIRST, SECOND)
    assert report_events(order(), answer, at=9) == [booked(order(), FIRST), booked(order(), SECOND)]


def test_order_called_absent_that_was_cancelled_is_accepted_first() -> None:
    absent = order(status=S.ABSENT)
    assert report_events(absent, report(absent, S.CANCELLED, FIRST), at=9) == [
        ACCEPTED,
        booked(absent, FIRST),
        ev.OrderCancelled(at=9, order_id="tb-1"),
    ]


def test_trade_told_twice_in_one_report_counts_once() -> None:
    """Symptom: the repeated trade stood in for a missing one, and the order ended too early."""
    answer = report("tb-1", S.CANCELLED, FIRST, FIRST, filled="0.4")
    assert report_events(order(), answer, at=9) == [booked(order(), FIRST)]


@pytest.mark.parametrize("status", [S.SENT, S.UNKNOWN, S.ABSENT])
def test_order_reported_as_rejected_is_rejected(status: OrderStatus) -> None:
    """Symptom: it was booked as accepted, rested in our books for ever and blocked its market."""
    answer = Report(
        order_id="tb-1", exchange_id="x1", status=S.REJECTED, filled=d(0), fills=()
    )
    assert report_events(order(status=status), answer, at=9) == [
        ev.OrderRejected(
            at=9, order_id="tb-1", code="", message="the exchange reports it rejected"
        )
    ]


@pytest.mark.parametrize("status", [S.ACCEPTED, S.PARTIAL])
def test_order_that_was_taken_and_is_rejected_later_has_ended(status: OrderStatus) -> None:
    """Symptom: a stop refused at its trigger rested in our books for ever; nobody was called."""
    answer = Report(
        order_id="tb-1", exchange_id="x1", status=S.REJECTED, filled=d(0), fills=()
    )
    (ended,) = report_events(order(status=status), answer, at=9)
    assert isinstance(ended, ev.OrderExpired)
    assert ended.reason == "the exchange reports it rejected after it had taken it"
