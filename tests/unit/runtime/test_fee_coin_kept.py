"""A coin that fees are paid in comes into the books like all that changes them: seen twice."""

from dataclasses import replace

from tests.support.builders import BTC, d, fill
from tests.support.compared import Compared, held
from tradebot.engine.compare import COINS_APART_MS
from tradebot.model import event as ev
from tradebot.model.order import Leg


def paying() -> Compared:
    """Return a bot that has paid a fee of 0.002 BNB, and an exchange that has 0.498 left."""
    made = held()
    stop = made.bot.order(Leg.STOP)
    first = fill("1 @ 95 fee 0.002 BNB", trade_id="s1")
    made.bot.session.record(
        [ev.FillBooked(at=0, order_id=stop.id, market=BTC, side=stop.side, fill=first)]
    )
    made.agree()
    made.broker.coins["BNB"] = d("0.498")
    made.broker.reports[stop.id] = replace(made.broker.reports[stop.id], filled=d(1))
    return made


def balances_told(made: Compared) -> list[tuple[str, str]]:
    told = made.told(ev.BalanceAdjusted)
    return [(each.asset, str(each.after)) for each in told if isinstance(each, ev.BalanceAdjusted)]


def test_fee_coin_is_kept_when_it_was_seen_twice_and_its_markets_told_no_other_fill() -> None:
    """A fill that is not booked yet would take its fee from the balance a second time."""
    made = paying()
    made.look()
    assert balances_told(made) == []
    made.broker.questions.clear()
    made.look(COINS_APART_MS)
    assert balances_told(made) == [("BNB", "0.498")]
    asked = {(name, market) for name, market, _ in made.broker.questions}
    assert {("orders", BTC), ("fills", BTC)} <= asked
    made.twice()
    assert not made.told(ev.DifferenceFound, ev.MarketLocked)
    assert len(balances_told(made)) == 1


def test_fees_between_two_looks_begin_the_count_again_though_no_other_coin_moved() -> None:
    """Symptom: bought and sold at one price, and the balance of before both fees was kept."""
    made = paying()
    made.look()
    state = made.bot.session.state
    paid = {"BNB": state.third_fees["BNB"] + d("0.002")}
    made.bot.session.state = state._replace(third_fees=paid)
    made.look(COINS_APART_MS)
    assert balances_told(made) == []
    made.look(COINS_APART_MS)
    assert balances_told(made) == [("BNB", "0.498")]


def test_fee_coin_that_moved_between_two_looks_waits_for_a_third() -> None:
    made = paying()
    made.look()
    made.broker.coins["BNB"] = d("0.3")
    made.look(COINS_APART_MS)
    assert balances_told(made) == []
    made.look(COINS_APART_MS)
    assert balances_told(made) == [("BNB", "0.3")]

