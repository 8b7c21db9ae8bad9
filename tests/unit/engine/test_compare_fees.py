"""A coin in which fees are paid comes into the books when the exchange tells how much there is."""



from tests.support.builders import (
    START,
    booked,
    d,
    fill,
    market,
    order,
    state_with,
)
from tradebot.engine.apply import apply
from tradebot.engine.compare import Kind, Remedy, compare_coins
from tradebot.engine.remedies import remedied
from tradebot.model import event as ev
from tradebot.model.order import OrderStatus


def test_coin_that_fees_were_paid_in_is_kept_once_the_exchange_tells_how_much_there_is() -> None:
    out = order("buy 1 BTC @ 100", status=OrderStatus.SENT)
    state = state_with(market(), balances={"USDT": "1000", "BTC": "0"}, orders=[out])
    state = apply(state, booked(out, fill("1 @ 100 fee 0.002 BNB")))
    there = {"USDT": d(900), "BTC": d(1), "BNB": d("0.498")}
    (found,) = compare_coins(state, there, {})
    assert (found.kind, found.remedy) == (Kind.FEE_COIN, Remedy.KEEP)
    assert found.text == "BNB: fees took 0.002 of it, the exchange has 0.498 left"
    (kept,) = remedied(state, found, at=START)
    assert kept == ev.BalanceAdjusted(
        at=START,
        asset="BNB",
        before=d(0),
        after=d("0.498"),
        reason="fees are paid in it, so the books keep it from now on",
    )
    state = apply(state, kept)
    assert not compare_coins(state, there, {})
    (gone,) = compare_coins(state, {**there, "BNB": d("0.4")}, {})
    assert (gone.kind, gone.mark) == (Kind.COINS_LESS, "-0.098")


def test_fee_of_nothing_brings_no_coin_into_the_books() -> None:
    """An exchange that lowers its fee to nothing still names a coin."""
    out = order("buy 1 BTC @ 100", status=OrderStatus.SENT)
    state = state_with(market(), balances={"USDT": "1000", "BTC": "0"}, orders=[out])
    state = apply(state, booked(out, fill("1 @ 100 fee 0 BNB")))
    assert not state.third_fees
    assert not compare_coins(state, {"USDT": d(900), "BTC": d(1), "BNB": d(5)}, {})
