"""The books over random histories: coins are conserved, the fold is the step, replays are void."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.builders import (
    BTC,
    ETH,
    HOUR,
    START,
    booked,
    closed,
    fill,
    intended,
    market,
    order,
    started,
)
from tradebot.engine.apply import apply, fold
from tradebot.engine.state import State
from tradebot.errors import InvariantError
from tradebot.model import event as ev
from tradebot.model.codec import decode, encode, kind_of
from tradebot.model.event import Event
from tradebot.model.money import ZERO, plain
from tradebot.model.order import SETTLED, OrderStatus, Side

FEE_COINS = {"base": None, "quote": "USDT", "third": "BNB"}
Trade = tuple[Side, str, int, int, int, str]


def _units(units: int, decimals: int) -> str:
    return plain(Decimal(units).scaleb(-decimals))


trades = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.sampled_from(["BTC", "ETH"]),
        st.integers(1, 10**13),  # quantity, 12 decimals
        st.integers(1, 10**13),  # price, 8 decimals
        st.integers(0, 10**10),  # fee, 10 decimals
        st.sampled_from(sorted(FEE_COINS)),
    ),
    max_size=12,
)


def _history(made: Sequence[Trade], *, start: str = "1000000") -> list[Event]:
    """Return a session in which each trade is an order that fills in two parts."""
    listed = (market(step="1E-12", tick="1E-8"), market("ETH/USDT", step="1E-12", tick="1E-8"))
    events: list[Event] = [started(*listed, balances={"USDT": start, "BTC": "7", "ETH": "7"})]
    for number, (side, base, quantity, price, fee, mode) in enumerate(made):
        at = START + number * HOUR
        events.append(closed(at, BTC=_units(price, 8), ETH="1", exposure=number % 2))
        whole = _units(quantity, 12)
        text = f"{side} {whole} {base} @ {_units(price, 8)}"
        out = order(text, order_id=f"tb-{number}", closed_at=at)
        events += [intended(out), ev.OrderSent(at=at, order_id=out.id)]
        first = quantity // 2
        for part, piece in enumerate((first, quantity - first)):
            if piece:
                coin = FEE_COINS[mode] or base
                told = f"{_units(piece, 12)} @ {_units(price, 8)} fee {_units(fee, 10)} {coin}"
                events.append(booked(out, fill(told, trade_id=f"{number}-{part}", at=at)))
    return events


def _fills(events: Sequence[Event]) -> list[ev.FillBooked]:
    return [event for event in events if isinstance(event, ev.FillBooked)]


@given(trades, st.booleans())
def test_every_coin_is_conserved_to_the_last_digit(made: Sequence[Trade], is_told: bool) -> None:
    """A coin that no market trades is in the books once they were told how much there is of it."""
    events = _history(made)
    kept = ev.BalanceAdjusted(at=START, asset="BNB", before=ZERO, after=Decimal(9), reason="")
    if is_told:
        events.insert(1, kept)
    expected: defaultdict[str, Fraction] = defaultdict(Fraction)
    expected.update({"USDT": Fraction(1_000_000), "BTC": Fraction(7), "ETH": Fraction(7)})
    expected["BNB"] = Fraction(9)
    for event in _fills(events):
        sign = 1 if event.side is Side.BUY else -1
        base = event.market.partition(":")[2].partition("/")[0]
        quantity, price = Fraction(event.fill.quantity), Fraction(event.fill.price)
        expected[base] += sign * quantity
        expected["USDT"] -= sign * quantity * price
        expected[event.fill.fee_asset] -= Fraction(event.fill.fee)
    state = fold(events)
    assert Fraction(state.third_fees.get("BNB", ZERO)) == 9 - expected["BNB"]
    if not is_told:
        del expected["BNB"]
        assert "BNB" not in state.balances
    assert {coin: Fraction(held) for coin, held in state.balances.items() if held} == {
        coin: held for coin, held in expected.items() if held
    }


@given(trades)
def test_positions_are_what_the_fills_left_in_base(made: Sequence[Trade]) -> None:
    state = fold(_history(made))
    for name, base in ((BTC, "BTC"), (ETH, "ETH")):
        if name in state.positions:
            assert state.positions[name].quantity == state.balances[base] - 7


@given(trades)
def test_fold_is_the_same_as_one_event_after_another(made: Sequence[Trade]) -> None:
    events = _history(made)
    state = State()
    for event in events:
        state = apply(state, event)
    assert fold(events) == state
    assert fold(decode(kind_of(event), encode(event)) for event in events) == state


@given(trades, st.data())
def test_fills_told_again_change_nothing(made: Sequence[Trade], data: st.DataObject) -> None:
    """A restart asks for recent fills: any of them, in any order, may come a second time."""
    events = _history(made)
    once = fold(events)
    told = _fills(events)
    again = data.draw(st.lists(st.sampled_from(told), max_size=6)) if told else []
    assert fold([*events, *again]) == once
    cut = data.draw(st.integers(1, len(events)))
    prefix = events[:cut]
    assert fold([*prefix, *_fills(prefix), *events[cut:]]) == once


@given(trades)
def test_no_order_is_both_settled_and_unsettled(made: Sequence[Trade]) -> None:
    state = State()
    for event in _history(made):
        state = apply(state, event)
        settled, unsettled = state.orders.settled, state.orders.unsettled
        assert not settled.keys() & unsettled.keys()
        assert all(each.status in SETTLED for each in settled.values())
        assert not any(each.status in SETTLED for each in unsettled.values())


moves = st.lists(
    st.sampled_from(
        ["sent", "accepted", "fill", "fill", "cancelled", "expired", "unknown", "absent"]
    ),
    max_size=10,
)


@settings(max_examples=200)
@given(moves)
def test_whatever_happens_to_an_order_its_fills_are_in_the_books(made: Sequence[str]) -> None:
    """Legal moves only, in any order: late fills after an end are booked like all others."""
    out = order("buy 5 BTC @ 10")
    state = apply(apply(State(), started()), intended(out))
    filled = 0
    for number, move in enumerate(made):
        event: Event = {
            "sent": ev.OrderSent(at=0, order_id=out.id),
            "accepted": ev.OrderAccepted(at=0, order_id=out.id, exchange_id="x"),
            "fill": booked(out, fill("1 @ 10", trade_id=str(number))),
            "cancelled": ev.OrderCancelled(at=0, order_id=out.id),
            "expired": ev.OrderExpired(at=0, order_id=out.id),
            "unknown": ev.OrderUnknown(at=0, order_id=out.id, cause=""),
            "absent": ev.OrderAbsent(at=0, order_id=out.id, evidence=""),
        }[move]
        try:
            state = apply(state, event)
        except InvariantError:
            continue
        filled += move == "fill"
        known = state.orders.get(out.id)
        assert known is not None
        assert known.filled == filled
        assert (known.status is OrderStatus.FILLED) == (filled == 5)
        assert state.balances.get("BTC", 0) == filled
        assert state.balances["USDT"] == 1000 - 10 * filled
