"""Losses against exact fractions: where they trip, and that no flow of money moves them."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.builders import BTC, START, closed, d, market, position, rules, state_with
from tradebot.engine.apply import apply
from tradebot.engine.booking import COST_UNIT
from tradebot.engine.controls.losses import is_reached, newly_tripped
from tradebot.engine.state import State
from tradebot.engine.track import Marks
from tradebot.model import event as ev
from tradebot.model.timeframe import DAY_MS

NOON, MIDNIGHT = START + DAY_MS // 2, START + DAY_MS
ppms = st.integers(1, 1_000_000)
amounts = st.builds(
    lambda units, decimals: Decimal(units).scaleb(-decimals),
    st.integers(0, 10**15),
    st.integers(0, 16),
)


@given(amounts, amounts, amounts, ppms, ppms)
def test_loss_trips_exactly_where_the_part_of_it_is_lost(
    marked: Decimal, opening: Decimal, peak: Decimal, daily_ppm: int, drawdown_ppm: int
) -> None:
    state = state_with()._replace(marks=Marks(marked, opening, peak, MIDNIGHT))
    by = rules(daily_loss_ppm_max=daily_ppm, drawdown_ppm_max=drawdown_ppm)
    trips = {each.control: each for each in newly_tripped(state, by, at=NOON)}
    for control, before, ppm in (
        ("daily_loss_fraction_max", opening, daily_ppm),
        ("drawdown_fraction_max", peak, drawdown_ppm),
    ):
        lost = Fraction(before) - Fraction(marked)
        is_lost = before > 0 and lost >= Fraction(before) * ppm / 1_000_000
        assert (control in trips) is is_lost
        if is_lost:
            assert Fraction(trips[control].value) == lost
            assert Fraction(trips[control].limit) <= lost, "what is told is not above the loss"
    # What is asked at every candle never says no where something has tripped.
    assert is_reached(state, by) or not trips


# What happens to equity: money moves, or the price does.
flows = st.lists(
    st.one_of(
        st.tuples(st.just("cash"), st.integers(1, 10**12)),
        st.tuples(st.just("coins"), st.integers(0, 999)),
    ),
    min_size=1,
    max_size=8,
)


def _moved(state: State, kind: str, amount: int) -> State:
    """Return the state after cash became so many ten-thousandths, or coins so many thousandths."""
    change: Any
    if kind == "cash":
        now, then = state.balances["USDT"], Decimal(amount).scaleb(-4)
        change = ev.BalanceAdjusted(at=NOON, asset="USDT", before=now, after=then, reason="x")
    else:
        held = state.positions[BTC].quantity
        left = min(held, Decimal(amount).scaleb(-3))
        change = ev.PositionAdjusted(at=NOON, market=BTC, before=held, quantity=left, reason="x")
    return apply(state, change)


def _worth(state: State) -> Fraction:
    return Fraction(state.balances["USDT"]) + Fraction(state.positions[BTC].quantity) * 87


@given(st.integers(1, 10**10), st.integers(0, 10**10), st.integers(0, 10**10), flows)
def test_lost_part_is_the_same_after_any_flows_and_never_less(
    cash: int, lost: int, above: int, made: Sequence[tuple[str, int]]
) -> None:
    held = state_with(
        market(tick="0.01"),
        balances={"USDT": str(Decimal(cash).scaleb(-4)), "BTC": "1"},
        positions={BTC: position("1 @ 90")},
    )
    state = apply(held, closed(NOON, BTC="87"))
    marked = state.marks.marked
    opening = marked + Decimal(lost).scaleb(-4)
    peak = opening + Decimal(above).scaleb(-4)
    state = state._replace(marks=Marks(marked, opening, peak, MIDNIGHT))
    before = [Fraction(opening) / Fraction(marked), Fraction(peak) / Fraction(marked)]
    rounded = Fraction(0)
    for kind, amount in made:
        state = _moved(state, kind, amount)
        assume(_worth(state) > 0)
        # Each time what it is measured from is rounded up, by less than the smallest unit.
        rounded += Fraction(COST_UNIT) / _worth(state)
        marks = state.marks
        assert Fraction(marks.marked) == _worth(state)
        after = [Fraction(marks.opening) / _worth(state), Fraction(marks.peak) / _worth(state)]
        for was, now in zip(before, after, strict=True):
            assert was <= now <= was + rounded
        assert marks.day_ends == MIDNIGHT


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=12), st.integers(0, 5))
def test_peak_is_the_highest_that_was_and_a_day_opens_as_the_last_one_ended(
    cents: Sequence[int], hours: int
) -> None:
    """Candles 7 hours apart, so that days begin anywhere; cash is none, and one coin is held."""
    state = state_with(
        market(tick="0.01"), balances={"USDT": "0", "BTC": "1"}, positions={BTC: position("1 @ 1")}
    )
    state = state._replace(marks=Marks(d(1), d(1), d(1), 0))
    peak, opening, last, day = Fraction(1), Fraction(1), Fraction(1), 0
    for number, each in enumerate(cents):
        at = START + (hours + 7 * number) * DAY_MS // 24
        price = Decimal(each).scaleb(-2)
        state = apply(state, closed(at, BTC=str(price)))
        value = Fraction(price)
        if -(-at // DAY_MS) != day:
            opening, day = last, -(-at // DAY_MS)
        peak, last = max(peak, value), value
        assert [Fraction(amount) for amount in state.marks[:3]] == [value, opening, peak]
        assert state.marks.day_ends == day * DAY_MS
