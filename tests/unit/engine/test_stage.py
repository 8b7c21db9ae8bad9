"""The stage of capital, by hand: it begins at 100, and a week is seven days."""

import pytest

from tests.support.builders import BTC, START, closed, d, intent, market, rules, started, state_with
from tradebot.engine import stage
from tradebot.engine.apply import apply, fold
from tradebot.engine.risk import review
from tradebot.engine.stage import WEEK_MS, Stage
from tradebot.model import event as ev
from tradebot.model.market import FeeAsset
from tradebot.model.order import Refused

BEGUN = stage.begun(d(1000), START)
END = START + WEEK_MS


def test_it_begins_with_a_hundred() -> None:
    assert fold([started()]).stage == Stage(d(100), START, d(1000))


@pytest.mark.parametrize(
    ("week", "equity", "cash"),
    [
        (stage.traded(BEGUN), "1000", "200"),  # not losing is enough
        (stage.traded(BEGUN), "999.99", "100"),
        (BEGUN, "1100", "100"),  # nobody traded: it proves nothing
        (stage.tripped(stage.traded(BEGUN)), "1100", "100"),
    ],
)
def test_a_week_that_traded_did_not_lose_and_tripped_nothing_doubles_it(
    week: Stage, equity: str, cash: str
) -> None:
    assert stage.closed(week, d(equity), END - 1) == week
    assert stage.closed(week, d(equity), END) == Stage(d(cash), END, d(equity))


def test_many_weeks_at_once_are_one_step() -> None:
    after = stage.closed(stage.traded(BEGUN), d(1000), START + 3 * WEEK_MS + 5)
    assert after == Stage(d(200), START + 3 * WEEK_MS, d(1000))


def test_a_trip_steps_down_but_not_under_the_first_stage() -> None:
    high = BEGUN._replace(cash=d(800))
    assert stage.tripped(high).cash == 400
    assert stage.tripped(stage.tripped(high)).cash == 200
    assert stage.tripped(BEGUN).cash == 100
    assert stage.tripped(BEGUN).is_clean is False


@pytest.mark.parametrize(
    ("before", "after", "opening"),
    [
        ("900", "1800", "2000"),  # a tenth is lost, before as after
        ("1", "2", "2000"),
        ("500", "1", "2"),
        ("900", "0", "0"),
        # Of nothing, and of less, no part is lost.
        ("900", "-9", "-9"),
        ("0", "500", "500"),
        ("-9", "500", "500"),
    ],
)
def test_money_that_a_person_moves_is_no_result_of_the_week(
    before: str, after: str, opening: str
) -> None:
    assert stage.moved(BEGUN, d(before), d(after)).opening == d(opening)


def test_each_trade_of_the_week_counts_once() -> None:
    assert stage.traded(stage.traded(BEGUN)).trades == 2


def test_events_move_it() -> None:
    state = fold([started(), closed(START + 3_600_000, BTC="100")])
    trip = ev.LimitTripped(
        at=START, control="x", limit=d(1), value=d(1), until=START + 1, message="x"
    )
    assert not apply(state, trip).stage.is_clean
    paid = ev.BalanceAdjusted(at=START, asset="USDT", before=d(1000), after=d(500), reason="x")
    assert apply(state, paid).stage.opening == 500
    weeks = apply(state, closed(START + WEEK_MS, BTC="100"))
    assert weeks.stage.week_begins == START + WEEK_MS


def test_real_money_at_work_stays_within_its_stage() -> None:
    state = state_with(market(fee_asset=FeeAsset.QUOTE), closes={BTC: "100"})
    staged = rules(is_staged=True)
    assert not isinstance(review(state, intent("buy 1 BTC @ 100"), staged), Refused)
    refused = review(state, intent("buy 1.001 BTC @ 100"), staged)
    assert isinstance(refused, Refused)
    assert (refused.control, refused.limit, refused.value) == ("stage_cash", 100, d("100.1"))
    assert refused.message == (
        "BTC/USDT: 100.1 would be at work, this stage has earned 100; "
        "`tradebot arm` shows what comes next"
    )
    assert not isinstance(review(state, intent("buy 1.001 BTC @ 100"), rules()), Refused)
