"""What came of a candle, in a word and because of what: one hourly market, 1000 USDT."""

from dataclasses import replace

import pytest

from tests.support.builders import (
    BTC,
    ETH,
    HOUR,
    START,
    booked,
    closed,
    d,
    fill,
    intended,
    market,
    order,
    rules,
    started,
)
from tests.support.tiny_market import TinyMarket
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.order import Leg, OrderKind, Side
from tradebot.research.moments import Moment, moments
from tradebot.research.verdict import verdict

BUY = order("buy 1 BTC @ 100", closed_at=START + 2 * HOUR)
SENT = [intended(BUY), ev.OrderSent(at=START + 2 * HOUR, order_id=BUY.id)]
HELD = [
    started(),
    closed(BTC="100"),
    replace(intended(BUY), closed_at=START + HOUR),
    ev.OrderSent(at=START + HOUR, order_id=BUY.id),
    booked(BUY, fill("1 @ 100")),
]


def lived(events: list[ev.Event], name: str = BTC) -> list[Moment]:
    """Return the moments of a market that have a candle."""
    return [each for each in moments(events, name) if each.closed is not None]


def told(events: list[ev.Event], name: str = BTC) -> list[str]:
    """Return the verdict of every candle: `HELD kept`."""
    shown, before = [], None
    for moment in lived(events, name):
        ruled = verdict(moment, before)
        shown.append(f"{ruled.word.value} {ruled.because.value}")
        for step in moment.own:
            before = step.event if isinstance(step.event, ev.IntentRefused) else before
    return shown


def last(events: list[ev.Event]) -> tuple[str, str]:
    """Return verdict and words of the last candle."""
    ruled = verdict(lived(events)[-1])
    return f"{ruled.word.value} {ruled.because.value}", ruled.text


def at_two(*after: ev.Event, exposure: int | None = 1_000_000, missed: bool = False) -> list:
    """Return a journal with two candles of BTC; `after` follows the second."""
    second = closed(START + 2 * HOUR, BTC="100", exposure=exposure)
    return [started(), closed(BTC="100", exposure=0), replace(second, missed=missed), *after]


def test_trade_from_no_signal_to_its_sale() -> None:
    traded = TinyMarket("100 100 100 110 110", "- L L - -", rules()).trade()
    events = list(traded.journal.events())
    assert told(events) == [
        "NOT BOUGHT no_signal",
        "BOUGHT signal",
        "HELD kept",
        "SOLD exit",
        "NOT BOUGHT no_signal",
    ]
    bought, _, sold = lived(events)[1:4]
    assert verdict(bought).text == "10 BTC @ 100 USDT on its signal"
    # 9.99 are left of 10 after the fee in BTC: 9.99 x 110, less its own fee, less 1000.
    assert verdict(sold).text == "9.99 BTC @ 110 USDT, by exit: signal; +97.8011 USDT after fees"


def test_stop_inside_a_candle_belongs_to_that_candle_and_spends_the_signal() -> None:
    text = "100 100/100/90/100 100 100 100 100"
    traded = TinyMarket(text, "L L L - L L", rules(stop_ppm=50_000)).trade()
    events = list(traded.journal.events())
    assert told(events) == [
        "BOUGHT signal",
        "SOLD stop",
        "NOT BOUGHT spent",
        "NOT BOUGHT no_signal",
        "BOUGHT signal",
        "HELD kept",
    ]
    assert "9.99 BTC @ 95 USDT, by its stop; -5" in verdict(lived(events)[1]).text


def test_refusal_is_told_at_every_candle_of_its_signal_though_it_is_journalled_once() -> None:
    by = rules(order_notional_max=d(4))
    events = list(TinyMarket("100 100 100", "L L -", by).trade().journal.events())
    assert sum(isinstance(each, ev.IntentRefused) for each in events) == 1
    assert told(events) == ["NOT BOUGHT refused", "NOT BOUGHT refused", "NOT BOUGHT no_signal"]
    first, second = lived(events)[:2]
    ruled = verdict(first)
    assert ruled.refusal is not None
    assert ruled.text.startswith(f"the gate refused it by {ruled.refusal.control}: ")
    assert "said once" in verdict(second, ruled.refusal).text


def test_limit_entry_that_rests_and_is_given_up() -> None:
    by = rules(entry_ms_max=HOUR, entry_offset_ppm=100_000, reprice_max=0)
    events = list(TinyMarket("100 100 100", "L L L", by).trade().journal.events())
    assert told(events) == [
        "NOT BOUGHT not_filled",
        "NOT BOUGHT order_out",
        "NOT BOUGHT entries_used_up",
    ]
    assert verdict(lived(events)[0]).text == "its entry is at the exchange and has not filled"


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (
            [ev.OrderRejected(at=START, order_id=BUY.id, code="-2010", message="no money")],
            "its entry was rejected by the exchange: no money (-2010)",
        ),
        (
            [ev.OrderUnknown(at=START, order_id=BUY.id, cause="timeout")],
            "its entry is in doubt (timeout): nobody knows whether the exchange has it",
        ),
        (
            [ev.OrderDropped(at=START, order_id=BUY.id, reason="latched")],
            "its entry was not sent: latched",
        ),
        ([], "its entry is sent and not answered"),
    ],
)
def test_entry_that_did_not_fill_says_what_became_of_it(after: list[ev.Event], words: str) -> None:
    assert last(at_two(*SENT, *after)) == ("NOT BOUGHT not_filled", words)


def test_entry_that_was_not_sent_says_so() -> None:
    words = "its entry is written down and not sent"
    assert last(at_two(SENT[0])) == ("NOT BOUGHT not_filled", words)


def test_missed_candle_is_told_as_that() -> None:
    events = at_two(missed=True)
    late = replace(events[-1], at=START + 2 * HOUR + 1_900_000)
    told_as, words = last([*events[:-1], late])
    assert told_as == "NOT BOUGHT missed"
    assert words.startswith("its candle was read 1900 s after its close: too late")


def test_candle_of_which_no_decision_is_on_record_invents_none() -> None:
    assert last(at_two())[0] == "NOT BOUGHT undecided"


def test_halt_keeps_a_position_though_its_signal_has_gone() -> None:
    halt = ev.TradingStateChanged(at=START + HOUR, state=TradingState.HALTED, reason="kill")
    events = [*HELD, halt, closed(START + 2 * HOUR, BTC="100", exposure=0)]
    assert told(events) == ["BOUGHT signal", "HELD halted"]


def test_market_that_is_paused_is_held() -> None:
    paused = ev.SessionReconfigured(
        at=START + HOUR,
        timeframe_ms=HOUR,
        markets=(market(is_trading=False),),
        strategy="test",
        config_hash="",
        version="0",
    )
    events = [*HELD, paused, closed(START + 2 * HOUR, BTC="100", exposure=0)]
    assert told(events)[-1] == "HELD not_trading"


def test_position_whose_sale_is_in_doubt_is_held_by_that_order() -> None:
    sell = order("sell 1 BTC @ 100", order_id="tb-2", closed_at=START + 2 * HOUR)
    sale = [
        replace(intended(sell), at=START + 2 * HOUR),
        ev.OrderSent(at=START + 2 * HOUR, order_id="tb-2"),
        ev.OrderUnknown(at=START + 2 * HOUR, order_id="tb-2", cause="timeout"),
    ]
    second = closed(START + 2 * HOUR, BTC="100", exposure=0)
    third = closed(START + 3 * HOUR, BTC="100", exposure=0)
    assert told([*HELD, second, *sale, third])[1:] == ["HELD not_filled", "HELD order_out"]
    assert told([*HELD, second])[1:] == ["HELD undecided"]


def test_stop_that_went_for_a_sale_which_did_not_follow_is_told() -> None:
    """Symptom: "nothing was decided from it", beside a table that showed the stop's cancel."""
    stop = replace(
        order("sell 1 BTC @ 90", order_id="tb-s", leg=Leg.STOP, kind=OrderKind.STOP),
        stop_price=d(90),
    )
    guarded = [
        intended(stop),
        ev.OrderSent(at=START + HOUR, order_id=stop.id),
        ev.OrderAccepted(at=START + HOUR, order_id=stop.id, exchange_id="7"),
    ]
    sent = ev.CancelSent(at=START + 2 * HOUR, order_id=stop.id, reason="signal: the trend ended")
    second = closed(START + 2 * HOUR, BTC="100", exposure=0)
    assert last([*HELD, *guarded, second, sent]) == (
        "HELD not_filled",
        "the cancel of its stop was sent for the sale (signal: the trend ended), which did not "
        "follow within the candle",
    )
    assert told([*HELD, *guarded, second])[-1] == "HELD undecided"


def test_sale_that_the_gate_refused_is_held_by_it() -> None:
    refused = ev.IntentRefused(
        at=START + 2 * HOUR,
        market=BTC,
        side=Side.SELL,
        leg=Leg.EXIT,
        quantity=d(1),
        closed_at=START + 2 * HOUR,
        control="orders_per_minute_max",
        limit=d(5),
        value=d(6),
        message="BTC/USDT: 5 orders",
    )
    events = [*HELD, closed(START + 2 * HOUR, BTC="100", exposure=0), refused]
    assert told(events)[-1] == "HELD refused"


def test_strategy_that_says_hold_is_told_as_that() -> None:
    events = [*HELD, closed(START + 2 * HOUR, BTC="100", exposure=None)]
    assert verdict(lived(events)[-1]).text == "the strategy says hold"


def test_limit_entry_that_fills_inside_a_candle_is_of_an_earlier_one() -> None:
    by = rules(entry_ms_max=3 * HOUR, entry_offset_ppm=100_000)
    events = list(TinyMarket("100 100/100/80/100 100", "L L L", by).trade().journal.events())
    assert told(events) == ["NOT BOUGHT not_filled", "BOUGHT signal", "HELD kept"]
    ruled = verdict(lived(events)[1])
    assert ruled.text.endswith(" @ 90 USDT by an entry of an earlier candle")


def test_two_fills_at_two_prices_are_told_by_their_mean() -> None:
    fills = [booked(BUY, fill("0.4 @ 100", trade_id="1", at=START + 2 * HOUR))]
    fills.append(booked(BUY, fill("0.6 @ 105", trade_id="2", at=START + 2 * HOUR)))
    assert last(at_two(*SENT, *fills)) == (
        "BOUGHT signal",
        "1 BTC @ 103 USDT on average in 2 fills on its signal",
    )


def test_events_of_another_market_are_no_part_of_the_verdict() -> None:
    other = order("buy 1 ETH @ 100", order_id="tb-9", closed_at=START + 2 * HOUR)
    both = [started(market(), market("ETH/USDT")), closed(BTC="100", ETH="100", exposure=0)]
    second = closed(START + 2 * HOUR, BTC="100", ETH="100")
    sent = [intended(other), ev.OrderSent(at=START, order_id="tb-9")]
    events = [*both, second, *sent, booked(other, fill("1 @ 100", at=START + 2 * HOUR))]
    assert told(events) == ["NOT BOUGHT no_signal", "NOT BOUGHT undecided"]
    assert told(events, ETH) == ["NOT BOUGHT no_signal", "BOUGHT signal"]


def test_limit_that_trips_with_the_candle_is_known_when_it_is_decided() -> None:
    trip = ev.LimitTripped(
        at=START + 2 * HOUR, control="drawdown", limit=d(1), value=d(2), until=0, message="down"
    )
    (_, moment) = lived(at_two(trip))
    assert moment.known.track.trips.keys() == {"drawdown"}
    assert moment.known.trading is TradingState.REDUCING
