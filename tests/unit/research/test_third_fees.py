"""A fee in a coin that no market trades is shown in that coin, and is in no figure in quote."""

from tests.support.builders import START, booked, closed, d, fill, intended, order, started
from tradebot.cli.console import result_lines
from tradebot.engine.apply import fold
from tradebot.model import event as ev
from tradebot.research.report import report
from tradebot.runtime.telling import news

BUY = order("buy 4 BTC @ 100", order_id="tb-1")
SELL = order("sell 4 BTC @ 110", order_id="tb-2")


def history() -> list[ev.Event]:
    events: list[ev.Event] = [started(), closed(BTC="100")]
    for out, what in ((BUY, "4 @ 100 fee 0.0008 BNB"), (SELL, "4 @ 110 fee 0.00088 BNB")):
        events += [intended(out), ev.OrderSent(at=START, order_id=out.id)]
        events.append(booked(out, fill(what, trade_id=out.id)))
    return events


def test_third_fees_are_told_in_their_coin_and_change_no_equity() -> None:
    result = report(history())
    assert (result.net, result.realised, result.equity) == (40, 40, 1040)
    assert result.fees == result.third_fees == {"BNB": d("0.00168")}
    lines = "\n".join(result_lines(result, is_synthetic=False))
    assert "fees 0.00168 BNB" in lines
    assert "0.00168 BNB of these fees not counted above: no price known" in lines


def test_balance_that_the_books_take_over_is_no_gain() -> None:
    kept = ev.BalanceAdjusted(at=START, asset="BNB", before=d(0), after=d(7), reason="kept")
    result = report([*history(), kept])
    assert (result.net, result.equity, result.adjusted) == (40, 1040, 0)


def test_sale_s_gain_is_told_beside_the_fee_that_is_not_in_it() -> None:
    events = history()
    told = news(events[-1], fold(events))
    assert told is not None
    assert told.text == "SELL BTC/USDT 4 @ 110  exit  +40.00 USDT  fee 0.00088 BNB"
