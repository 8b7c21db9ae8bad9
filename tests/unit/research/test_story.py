"""Every event of an order in words, with its numbers as the journal has them."""

import pytest

from tests.support.builders import (
    BTC,
    HOUR,
    START,
    booked,
    d,
    fill,
    intended,
    order,
    started,
    stop_order,
    target_order,
)
from tradebot.model import event as ev
from tradebot.model.command import SignalSpent
from tradebot.model.order import Leg, Side
from tradebot.research.moments import steps
from tradebot.research.story import told

BUY = order("buy 1 BTC @ 100")
STOP = stop_order("sell 1 BTC @ 95")
REFUSED = ev.IntentRefused(
    at=START,
    market=BTC,
    side=Side.BUY,
    leg=Leg.ENTRY,
    quantity=d(1),
    closed_at=START,
    control="drawdown",
    limit=d("0.20"),
    value=d("0.3"),
    message="BTC/USDT: too deep",
)
SENT = [intended(BUY), ev.OrderSent(at=START, order_id="tb-1")]
ACCEPTED = [*SENT, ev.OrderAccepted(at=START, order_id="tb-1", exchange_id="x7")]


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (SENT[:1], "entry: buy 1 at the market, about 100"),
        ([*SENT, booked(BUY, fill("1 @ 100")), intended(STOP)], "stop: sell 1 at its stop 95"),
        (
            [*SENT, booked(BUY, fill("1 @ 100")), intended(target_order("sell 1 BTC @ 110"))],
            "target: sell 1 at its limit 110",
        ),
        (SENT, "entry sent, once"),
        (ACCEPTED, "entry accepted by the exchange as x7"),
        (
            [*SENT, ev.OrderRejected(at=START, order_id="tb-1", code="-2010", message="no money")],
            "entry rejected by the exchange: no money (-2010)",
        ),
        ([*SENT, ev.OrderUnknown(at=START, order_id="tb-1", cause="timeout")], "in doubt: timeout"),
        (
            [*SENT, booked(BUY, fill("0.4 @ 100 fee 0.0004 BTC", maker=True))],
            "entry filled: buy 0.4 @ 100, maker fee 0.0004 BTC",
        ),
        ([*ACCEPTED, ev.CancelSent(at=START, order_id="tb-1", reason="late")], "cancel sent: late"),
        ([*ACCEPTED, ev.OrderCancelled(at=START, order_id="tb-1")], "entry cancelled"),
        ([*ACCEPTED, ev.OrderExpired(at=START, order_id="tb-1")], "entry ended by the exchange"),
        (
            [*ACCEPTED, ev.OrderExpired(at=START, order_id="tb-1", reason="lost")],
            "entry ended by the exchange: lost",
        ),
        (
            [
                *SENT,
                ev.OrderUnknown(at=START, order_id="tb-1", cause="timeout"),
                ev.OrderAbsent(at=START, order_id="tb-1", evidence="asked twice"),
            ],
            "entry never reached the exchange: asked twice",
        ),
        (
            [*SENT, ev.OrderDropped(at=START, order_id="tb-1", reason="latched")],
            "entry not sent: latched",
        ),
        ([REFUSED], "entry refused by drawdown: BTC/USDT: too deep (limit 0.2, value 0.3)"),
        (
            [
                ev.LimitTripped(
                    at=START, control="day", limit=d(1), value=d(2), until=0, message="too much"
                )
            ],
            "limit day tripped: too much",
        ),
        (
            [SignalSpent(at=START, market=BTC, reason="closed by hand")],
            "the present signal buys nothing more: closed by hand",
        ),
        (
            [ev.MarketLocked(at=START, market=BTC, cause="reconcile", reason="less")],
            "takes only exits (reconcile): less",
        ),
    ],
)
def test_event_is_told(events: list[ev.Event], words: str) -> None:
    (*_, last) = told(steps([started(), *events]), BTC, quiet=())
    assert last.text.endswith(words)


def test_other_configuration_is_told_by_the_mark_of_its_digest() -> None:
    (start, *_) = steps([started()])
    assert isinstance(start.event, ev.SessionStarted)
    other = ev.SessionReconfigured(
        at=START + HOUR,
        timeframe_ms=HOUR,
        markets=start.event.markets,
        strategy="test",
        config_hash="0123456789abcdef",
        version="0",
    )
    (last,) = told(steps([started(), other]), BTC)
    assert last.text == "another configuration from here on: 0123456789ab"


def test_quiet_events_and_those_of_other_markets_are_left_out() -> None:
    assert [each.text for each in told(steps([started(), *SENT]), BTC)] == [
        "entry: buy 1 at the market, about 100"
    ]
    assert told(steps([started(), *ACCEPTED]), "binance:ETH/USDT") == ()
