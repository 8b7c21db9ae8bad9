"""What a difference makes of the books: it waits for a word, ends, or is left as it is."""

from dataclasses import replace

import pytest

from tests.support.builders import BTC, closed, d, market, position, state_with
from tradebot.engine.apply import apply
from tradebot.engine.booking import taken_out
from tradebot.engine.state import State
from tradebot.model import event as ev
from tradebot.model.account import Position
from tradebot.model.event import Resolution


def found(kind: str = "cash_short", subject: str = "USDT", mark: str = "-50") -> ev.DifferenceFound:
    return ev.DifferenceFound(
        at=1, kind=kind, subject=subject, mark=mark, journal="1000", exchange="950", text="50 less"
    )


def resolved(how: Resolution, mark: str = "-50") -> ev.DifferenceResolved:
    return ev.DifferenceResolved(
        at=2, kind="cash_short", subject="USDT", mark=mark, how=how, reason="a person said so"
    )


def after(*events: ev.Event) -> State:
    state = state_with()
    for event in events:
        state = apply(state, event)
    return state


def adjusted(quantity: str, before: str = "1") -> ev.PositionAdjusted:
    return ev.PositionAdjusted(
        at=3, market=BTC, before=d(before), quantity=d(quantity), reason="sold by hand"
    )


def test_found_difference_waits_by_its_mark() -> None:
    known = after(found()).differences
    assert known.is_found("cash_short", "USDT", "-50")
    assert not known.is_found("cash_short", "USDT", "-60")
    assert not known.is_found("cash_more", "USDT", "-50")
    assert set(after(found(), found(mark="-60")).differences.found) == {("cash_short", "USDT")}


@pytest.mark.parametrize("how", [each for each in Resolution if each is not Resolution.IGNORED])
def test_resolved_difference_is_gone_and_may_be_named_again(how: Resolution) -> None:
    known = after(found(), resolved(how)).differences
    assert not known.found
    assert not known.is_ignored("cash_short", "USDT", "-50")


def test_ignored_difference_is_that_one_and_no_other() -> None:
    known = after(found(), resolved(Resolution.IGNORED)).differences
    assert not known.found
    assert known.is_ignored("cash_short", "USDT", "-50")
    assert not known.is_ignored("cash_short", "USDT", "-60")


def test_books_that_are_set_anew_forget_what_was_ignored() -> None:
    """By chance the same amount may be missing later: it is another difference."""
    state = after(found(), resolved(Resolution.IGNORED))
    other = ev.BalanceAdjusted(at=3, asset="BTC", before=d(0), after=d(1), reason="")
    assert apply(state, other).differences.ignored
    same = replace(other, asset="USDT")
    assert not apply(state, same).differences.ignored


def test_position_that_was_sold_by_hand_spends_its_signal() -> None:
    state = apply(state_with(positions={BTC: position("1 @ 100")}), closed(BTC="100"))
    assert BTC not in apply(state, adjusted("0.4")).feed.spent
    assert BTC in apply(state, adjusted("0")).feed.spent, "the bot does not buy it back at once"
    flat = apply(state, closed(exposure=0, BTC="100"))
    assert BTC not in apply(flat, adjusted("0")).feed.spent


def test_what_is_gone_leaves_the_round_trip_at_its_cost() -> None:
    held = replace(position("0.7 @ 100"), bought=d(1), cost=d(100), sold=d("0.3"), proceeds=d(33))
    left = taken_out(market(), held, d("0.2"))
    assert (left.quantity, left.sellable) == (d("0.2"), d("0.2"))
    assert (left.bought, left.cost, left.entry_price) == (d("0.5"), d(50), d(100))
    assert (left.sold, left.proceeds) == (d("0.3"), d(33))


def test_a_rest_of_an_older_trip_does_not_make_the_cost_negative() -> None:
    held = replace(position("1.2 @ 100"), bought=d(1), cost=d(100))
    left = taken_out(market(), held, d(0))
    assert (left.quantity, left.bought, left.cost) == (d(0), d(0), d(0))


def test_position_of_which_nothing_is_known_is_set_as_told() -> None:
    assert taken_out(market(), Position(), d("0.5")).quantity == d("0.5")
