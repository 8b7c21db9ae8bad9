"""Events to text and back: exact for every kind, for every value that can occur."""

import json

import pytest
from hypothesis import given, settings

from tests.support.builders import booked, d, fill, order
from tests.support.events import events
from tradebot.model import event as ev
from tradebot.model.codec import decode, encode, kind_of
from tradebot.model.event import KIND_OF, KINDS, Event


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_makes_the_round_trip(kind: str) -> None:
    @settings(max_examples=60)
    @given(events(kind))
    def round_trip(event: Event) -> None:
        text = encode(event)
        text.encode()  # what cannot be written to the disk is no journal
        assert decode(kind, text) == event
        assert encode(decode(kind, text)) == text

    round_trip()


def test_kinds_are_the_snake_case_of_their_classes() -> None:
    assert KINDS["order_intended"] is ev.OrderIntended
    assert KINDS["trading_state_changed"] is ev.TradingStateChanged
    assert {kind: KIND_OF[cls] for kind, cls in KINDS.items()} == {kind: kind for kind in KINDS}
    assert kind_of(ev.OrderSent(at=0, order_id="tb-1")) == "order_sent"


def test_text_is_canonical_sorted_and_without_spaces() -> None:
    event = ev.OrderSent(at=5, order_id="tb-1", window_ms=10)
    assert encode(event) == '{"at":5,"order_id":"tb-1","window_ms":10}'


def test_tiny_and_large_amounts_go_in_and_come_out_without_exponent() -> None:
    event = booked(order(), fill("0.0000001234 @ 123456789.12345678 fee 1E-18 BTC"))
    body = json.loads(encode(event))["fill"]
    assert body["quantity"] == "0.0000001234"
    assert body["price"] == "123456789.12345678"
    assert body["fee"] == "0.000000000000000001"
    assert decode("fill_booked", encode(event)) == event


def test_equal_amounts_have_equal_text() -> None:
    assert encode(booked(order(), fill("1.50 @ 2E+1"))) == encode(booked(order(), fill("1.5 @ 20")))


def test_lone_surrogate_in_an_exchange_message_can_be_written() -> None:
    """Symptom: UnicodeEncodeError in the journal, after the order was on the wire."""
    event = ev.OrderRejected(at=0, order_id="tb-1", code="-1", message="broken \ud800 text \0 é")
    assert encode(event).isascii()
    assert decode("order_rejected", encode(event)) == event


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("order_vanished", "{}", "unknown event kind 'order_vanished'"),
        ("order_sent", "{", "Expecting property name"),
        ("order_sent", "[]", "event order_sent"),
        ("order_sent", "null", "event order_sent"),
        ("order_sent", '{"at":1}', "missing 1 required keyword-only argument: 'order_id'"),
        ("order_sent", '{"at":1,"order_id":"a","colour":1}', "colour"),
        ("order_sent", '{"at":"1","order_id":"a"}', "'1' is not int"),
        ("order_sent", '{"at":true,"order_id":"a"}', "True is not int"),
        ("order_sent", '{"at":1.0,"order_id":"a"}', "1.0 is not int"),
        ("trading_state_changed", '{"at":1,"state":"asleep","reason":""}', "asleep"),
    ],
)
def test_body_that_is_not_the_events_is_refused(kind: str, body: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode(kind, body)


@pytest.mark.parametrize("amount", ["0.1", "1", "true", "null", '"NaN"', '"1,5"', '["1"]'])
def test_amount_that_is_not_the_text_of_a_number_is_refused(amount: str) -> None:
    """Symptom: the JSON number 0.1 came in as 0.1000000000000000055511151231257827."""
    body = encode(booked(order(), fill("0.5 @ 100"))).replace('"0.5"', amount)
    with pytest.raises(ValueError, match=r"is not|NaN"):
        decode("fill_booked", body)


def test_float_in_an_event_cannot_be_journalled() -> None:
    event = ev.OrderSent(at=0, order_id="tb-1", window_ms=1.5)  # type: ignore[arg-type]  # what the type forbids
    with pytest.raises(TypeError, match="float cannot be journalled"):
        encode(event)


def test_amount_that_is_not_finite_can_neither_be_read_nor_written() -> None:
    """Symptom: NaN was written, and the journal could not be read again."""
    event = ev.SessionStarted(
        at=0, mode="", bot="", exchange="", timeframe_ms=0, markets=(), strategy="",
        config_hash="", balances={"USDT": d("NaN")}, version="",
    )  # fmt: skip
    with pytest.raises(ValueError, match="not finite"):
        encode(event)
