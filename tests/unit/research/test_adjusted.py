"""What is put in or taken out by hand is neither gain nor loss of the bot's."""

from collections.abc import Sequence

from tests.support.builders import (
    BTC,
    HOUR,
    START,
    booked,
    closed,
    d,
    fill,
    intended,
    order,
    started,
)
from tradebot.model import event as ev
from tradebot.model.order import Order
from tradebot.research.report import Report, report

DAY = 24 * HOUR
BUY = order("buy 4 BTC @ 100", order_id="tb-1")
SELL = order("sell 1 BTC @ 110", order_id="tb-2")


def traded(of: Order, what: str, *, at: int) -> list[ev.Event]:
    return [
        intended(of),
        ev.OrderSent(at=at, order_id=of.id),
        ev.OrderAccepted(at=at, order_id=of.id, exchange_id=of.id),
        booked(of, fill(what, trade_id=of.id, at=at)),
    ]


def position(before: str, after: str, *, at: int) -> ev.PositionAdjusted:
    return ev.PositionAdjusted(
        at=at, market=BTC, before=d(before), quantity=d(after), reason="by hand"
    )


def balance(asset: str, before: str, after: str, *, at: int) -> ev.BalanceAdjusted:
    return ev.BalanceAdjusted(
        at=at, asset=asset, before=d(before), after=d(after), reason="by hand"
    )


def told(events: Sequence[ev.Event]) -> Report:
    return report([started(), *events])


def test_deposit_and_withdrawal_are_no_result() -> None:
    result = told(
        [
            closed(BTC="100"),
            balance("USDT", "1000", "1500", at=START + HOUR),
            closed(START + 2 * HOUR, BTC="100"),
            balance("USDT", "1500", "1200", at=START + 2 * HOUR),
            closed(START + 3 * HOUR, BTC="100"),
        ]
    )
    assert (result.equity, result.adjusted, result.net) == (d(1200), d(200), d(0))
    assert (result.fraction, result.drawdown_max) == (d(0), d(0))


def test_day_of_a_deposit_earns_what_the_bot_earned() -> None:
    bought = traded(BUY, "4 @ 100", at=START + HOUR)
    first: list[ev.Event] = [closed(START + HOUR, BTC="100"), *bought]
    second: list[ev.Event] = [
        closed(START + DAY, BTC="110"),
        balance("USDT", "600", "1600", at=START + DAY + HOUR),
        closed(START + DAY + 2 * HOUR, BTC="120"),
        closed(START + 2 * DAY, BTC="121"),
    ]
    result = told([*first, *second])
    assert [(day.net, day.equity) for day in result.days] == [(d(40), d(1040)), (d(44), d(2084))]
    assert result.days[1].fraction == d(44) / d(1040)
    assert result.net == d(84)


def test_coins_sold_by_hand_leave_at_the_price_of_their_time() -> None:
    """Four bought at 100; at 110 the owner sells three and the books take that over."""
    result = told(
        [
            closed(START + HOUR, BTC="100"),
            *traded(BUY, "4 @ 100", at=START + HOUR),
            closed(START + 2 * HOUR, BTC="110"),
            position("4", "1", at=START + 2 * HOUR),
            balance("BTC", "4", "1", at=START + 2 * HOUR),
            balance("USDT", "600", "930", at=START + 2 * HOUR),
            closed(START + 3 * HOUR, BTC="110"),
        ]
    )
    assert (result.adjusted, result.net, result.equity) == (d(0), d(40), d(1040))
    (held,) = result.positions
    assert (held.quantity, held.unrealised) == (d(1), d(10)), "the one that is left, at its cost"


def test_trip_whose_rest_was_taken_out_counts_what_the_bot_sold() -> None:
    result = told(
        [
            closed(START + HOUR, BTC="100"),
            *traded(BUY, "4 @ 100", at=START + HOUR),
            closed(START + 2 * HOUR, BTC="110"),
            *traded(SELL, "1 @ 110", at=START + 2 * HOUR),
            position("3", "0", at=START + 2 * HOUR),
            closed(START + 3 * HOUR, BTC="110"),
        ]
    )
    assert (result.trades, result.realised) == (1, d(10))
    assert result.by_exit == {"by hand": (1, d(10))}
    assert (result.adjusted, result.net) == (d(-330), d(40))


def test_trip_of_which_the_bot_sold_nothing_is_no_trade() -> None:
    result = told(
        [
            closed(START + HOUR, BTC="100"),
            *traded(BUY, "4 @ 100", at=START + HOUR),
            position("4", "0", at=START + HOUR),
            closed(START + 2 * HOUR, BTC="100"),
        ]
    )
    assert (result.trades, result.realised, result.net) == (0, d(0), d(0))
