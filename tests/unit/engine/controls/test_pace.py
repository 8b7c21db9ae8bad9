"""How much may leave, how fast, and nothing twice: each control at its limit."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.support.builders import (
    BTC,
    HOUR,
    START,
    d,
    intent,
    market,
    order,
    position,
    rules,
    state_with,
    stop_order,
    target_order,
)
from tests.support.gated import PASSES, Told, asked
from tradebot.engine.risk import order_id, review
from tradebot.engine.settings import Pace
from tradebot.engine.state import State
from tradebot.model.order import Approved, Leg, Order, OrderStatus, Refused

TWO = (market(), market("ETH/USDT"))
NOW, SECOND, MINUTE = START + HOUR, 1_000, 60_000
BUY, SELL = "buy 1 BTC @ 100", "sell 1 BTC @ 100"
HELD = {BTC: position("1 @ 100")}
GUARDED = (stop_order("sell 1 BTC @ 90"),)


def _sent(*times: int, orders: Sequence[Order] = GUARDED) -> State:
    """Return a state after messages at these times; what is held has its stop."""
    state = state_with(positions=HELD, orders=orders)
    return state._replace(track=replace(state.track, sent=times))


# --- twice --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [OrderStatus.ACCEPTED, OrderStatus.REJECTED])
@pytest.mark.parametrize("text", [BUY, SELL])
def test_same_order_is_never_carried_out_twice(text: str, status: OrderStatus) -> None:
    state, wanted = state_with(positions=HELD), intent(text)
    name = order_id(state, wanted)
    known = state_with(positions=HELD, orders=[order(text, order_id=name, status=status)])
    assert asked(known, wanted, rules()) == (
        "duplicate",
        "0",
        "1",
        f"BTC/USDT: order {name} was intended before",
    )
    assert asked(known, replace(wanted, sequence=1, leg=Leg.FLATTEN), rules())[:1] != ("duplicate",)


# --- the rate -----------------------------------------------------------------------------------


def _refused(control: str, share: str, count: int, seconds: int, kept: str) -> Told:
    return (
        control,
        share,
        str(count + 1),
        f"BTC/USDT: {count} orders and cancels left within {seconds} s, the limit is 10, of which "
        f"{kept}",
    )


WINDOWS = {"minute": ("orders_per_minute_max", 60), "hour": ("orders_per_hour_max", 3600)}
FOR_EXITS, FOR_NOBODY = "a fifth is kept for exits", "none is kept for others"


@pytest.mark.parametrize("window", list(WINDOWS))
@pytest.mark.parametrize(
    ("text", "count", "share", "kept"),
    [
        (BUY, 7, "", ""),
        (BUY, 8, "8", FOR_EXITS),
        (BUY, 9, "8", FOR_EXITS),
        (SELL, 8, "", ""),
        (SELL, 9, "", ""),
        (SELL, 10, "10", FOR_NOBODY),
        (SELL, 11, "10", FOR_NOBODY),
    ],
)
def test_orders_within_a_minute_and_an_hour_leave_a_fifth_to_exits(
    text: str, count: int, share: str, kept: str, window: str
) -> None:
    control, seconds = WINDOWS[window]
    by = rules(pace=replace(Pace(), **{control: 10}))
    # Within: the last moment of it, the candle's close, and the newest, by which it ends.
    newest = NOW + 1
    oldest = newest - seconds * SECOND + 1
    recent = (oldest, *(NOW,) * (count - 2), newest)
    refused = _refused(control, share, count, seconds, kept)
    assert asked(_sent(*recent), text, by) == (refused if share else PASSES)
    # Not within: exactly as old as the window is long.
    assert asked(_sent(oldest - 1, *recent), text, by) == (refused if share else PASSES)
    assert asked(_sent(oldest - 1, *recent[1:]), text, by)[2:3] in ((), (str(count),))


@pytest.mark.parametrize("text", [BUY, SELL])
def test_candle_that_is_decided_late_counts_one_minute_of_what_left_since(text: str) -> None:
    """Symptom: hours after its close, an exit was held back by all that had left in between."""
    by = rules(pace=Pace(orders_per_minute_max=10))
    spread = tuple(NOW + number * MINUTE for number in range(50))
    assert asked(_sent(*spread), text, by) == PASSES
    burst = (*spread, *(spread[-1],) * 10)
    assert asked(_sent(*burst), text, by)[0] == "orders_per_minute_max"


@pytest.mark.parametrize("text", [BUY, SELL])
def test_rate_that_is_switched_off_holds_nobody_back(text: str) -> None:
    assert asked(_sent(*(NOW,) * 10_000), text, rules(pace=Pace())) == PASSES


def test_minute_is_named_before_the_hour_and_each_binds_alone() -> None:
    both = rules(pace=Pace(orders_per_minute_max=5, orders_per_hour_max=10))
    assert asked(_sent(*(NOW,) * 4), BUY, both)[:2] == ("orders_per_minute_max", "4")
    old = NOW - 30 * MINUTE
    assert asked(_sent(*(old,) * 4, NOW), BUY, both) == PASSES
    assert asked(_sent(*(old,) * 7, NOW), BUY, both)[:2] == ("orders_per_hour_max", "8")


@pytest.mark.parametrize(("most", "share"), [(5, 4), (6, 5), (9, 8), (10, 8), (14, 12), (15, 12)])
def test_fifth_for_exits_is_rounded_down(most: int, share: int) -> None:
    by = rules(pace=Pace(orders_per_minute_max=most))
    assert asked(_sent(*(NOW,) * (share - 1)), BUY, by) == PASSES
    assert asked(_sent(*(NOW,) * share), BUY, by)[1:2] == (str(share),)
    assert asked(_sent(*(NOW,) * (most - 1)), SELL, by) == PASSES
    assert asked(_sent(*(NOW,) * most), SELL, by)[1:2] == (str(most),)


@pytest.mark.parametrize(("messages", "sent"), [(1, 9), (2, 8), (3, 7)])
@pytest.mark.parametrize(("text", "kept"), [(SELL, 0), (BUY, 2)])
def test_all_that_leaves_for_one_order_is_counted(
    messages: int, sent: int, text: str, kept: int
) -> None:
    """Symptom: a stop and its target, or a cancel and its sale, counted as one, and passed it."""
    by, wanted = rules(pace=Pace(orders_per_minute_max=10)), intent(text)
    at, over = _sent(*(NOW,) * (sent - kept)), _sent(*(NOW,) * (sent - kept + 1))
    assert isinstance(review(at, wanted, by, messages=messages), Approved)
    refused = review(over, wanted, by, messages=messages)
    assert isinstance(refused, Refused)
    assert (refused.limit, refused.value) == (10 - kept, 11 - kept)


@pytest.mark.parametrize("leg", [Leg.STOP, Leg.EXIT, Leg.FLATTEN, Leg.TARGET])
@pytest.mark.parametrize("guarding", ["", "sell 0.999 BTC @ 90", "sell 1 BTC @ 90"])
def test_pace_holds_back_only_what_leaves_a_stop_in_its_place(leg: Leg, guarding: str) -> None:
    by, sent = rules(pace=Pace(orders_per_minute_max=10)), (NOW,) * 10
    state = _sent(*sent, orders=[stop_order(guarding)] if guarding else [])
    is_held_back = leg is Leg.TARGET or guarding.startswith("sell 1 ")
    assert bool(asked(state, intent(SELL, leg=leg), by)) is is_held_back


def test_what_guards_or_ends_a_bare_position_never_waits() -> None:
    by = rules(pace=Pace(orders_per_minute_max=10, orders_per_hour_max=10))
    state = _sent(*(NOW,) * 10, orders=[])
    for leg in (Leg.STOP, Leg.EXIT, Leg.FLATTEN):
        assert asked(state, intent(SELL, leg=leg), by) == PASSES


# --- the same again -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "ruling"),
    [
        # The same candle: how often an entry is tried for it is not decided here.
        (0, PASSES),
        (
            1,
            (
                "duplicate_seconds",
                "60",
                "0",
                "BTC/USDT: 1 was bought 0 s ago, the same again needs 60 s",
            ),
        ),
        (
            1000,
            (
                "duplicate_seconds",
                "60",
                "1",
                "BTC/USDT: 1 was bought 1 s ago, the same again needs 60 s",
            ),
        ),
        (
            59_999,
            (
                "duplicate_seconds",
                "60",
                "59",
                "BTC/USDT: 1 was bought 59 s ago, the same again needs 60 s",
            ),
        ),
        (60_000, PASSES),
        (60_001, PASSES),
    ],
)
def test_same_quantity_is_not_bought_again_too_soon(since: int, ruling: Told) -> None:
    by, state = rules(pace=Pace(duplicate_ms=MINUTE)), state_with(*TWO, positions=HELD)
    track = replace(state.track, bought={BTC: (NOW - since, d("1.000"))})
    state = state._replace(track=track)
    assert asked(state, BUY, by) == ruling
    assert asked(state, "buy 1.001 BTC @ 100", by) == PASSES
    assert asked(state, "buy 1 ETH @ 100", by) == PASSES
    assert asked(state, SELL, by) == PASSES
    assert asked(state, BUY, rules(pace=Pace(duplicate_ms=0))) == PASSES


# --- beside our own orders ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ([], ""),
        ([stop_order("sell 1 BTC @ 90")], ""),  # it waits outside the book
        ([order("buy 1 BTC @ 100")], ""),
        ([target_order("sell 1 ETH @ 120")], ""),
        (
            [target_order("sell 1 BTC @ 120")],
            "BTC/USDT: it could trade with our own target order tb-target",
        ),
        (
            [order("sell 1 BTC @ 100"), target_order("sell 1 BTC @ 120")],
            "BTC/USDT: it could trade with our own exit order tb-1",
        ),
    ],
)
def test_entry_never_trades_with_an_order_of_ours(out: Sequence[object], message: str) -> None:
    state = state_with(*TWO, positions=HELD, orders=out)  # type: ignore[arg-type]  # orders all
    crossing = str(1 if len(out) < 2 else 2)
    ruling = ("self_trade", "0", crossing, message) if message else PASSES
    assert asked(state, BUY, rules()) == ruling


def test_exit_never_waits_for_an_entry_of_ours() -> None:
    state = state_with(positions=HELD, orders=[order("buy 1 BTC @ 90")])
    assert asked(state, SELL, rules(pace=Pace(open_orders_max=1))) == PASSES


@pytest.mark.parametrize(
    ("count", "ruling"),
    [
        (1, PASSES),
        (2, PASSES),
        (3, ("open_orders_max", "3", "4", "BTC/USDT: 3 orders are open, the limit is 3")),
        (4, ("open_orders_max", "3", "5", "BTC/USDT: 4 orders are open, the limit is 3")),
    ],
)
@pytest.mark.parametrize("status", [OrderStatus.ACCEPTED, OrderStatus.UNKNOWN])
def test_entry_counts_all_orders_that_are_open(
    status: OrderStatus, count: int, ruling: Told
) -> None:
    out = [
        order("sell 1 ETH @ 100", order_id=f"tb-{number}", status=status) for number in range(count)
    ]
    settled = [
        order("sell 1 ETH @ 1", order_id=f"tb-s{number}", status=OrderStatus.CANCELLED)
        for number in range(9)
    ]
    state = state_with(*TWO, positions=HELD, orders=[*out, *settled])
    assert asked(state, BUY, rules(pace=Pace(open_orders_max=3))) == ruling
    assert asked(state, SELL, rules(pace=Pace(open_orders_max=3))) == PASSES
    assert asked(state, BUY, rules(pace=Pace(open_orders_max=0))) == PASSES
