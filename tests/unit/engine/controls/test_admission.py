"""Whether entries are let in at all: each control at its limit, and what of it binds exits."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.builders import (
    BTC,
    ETH,
    HOUR,
    START,
    d,
    intent,
    market,
    order,
    position,
    rules,
    state_with,
)
from tests.support.gated import PASSES, Told, asked
from tradebot.engine.controls.admission import closed_to_entries
from tradebot.engine.controls.refusal import Outside
from tradebot.engine.settings import Pace, Pauses, Rules
from tradebot.engine.state import State
from tradebot.engine.track import FOR_EVER, Ended, Trip
from tradebot.model.account import TradingState
from tradebot.model.order import IN_DOUBT, SETTLED, Leg, OrderKind, OrderStatus

TWO = (market(), market("ETH/USDT"))
BUY, SELL = "buy 1 BTC @ 100", "sell 1 BTC @ 100"
HELD = {BTC: position("1 @ 100")}
NOW = START + HOUR
IN_DOUBT_TOO_MANY = (
    "orders_in_doubt_max",
    "2",
    "3",
    "BTC/USDT: 3 orders are in doubt, the limit is 2",
)


def tripped(control: str = "daily_loss_fraction_max", until: int = NOW + 1) -> dict[str, Trip]:
    """Return one limit that has tripped, 30 being its limit and 31 its value."""
    return {control: Trip(until, d(30), d(31), "it has tripped")}


def _with_trips(state: State, **trip: Any) -> State:
    return state._replace(track=replace(state.track, trips=tripped(**trip)))


# --- the state of trading -----------------------------------------------------------------------


@pytest.mark.parametrize("leg", list(Leg))
def test_while_halted_nothing_passes_but_what_guards_or_ends_a_position(leg: Leg) -> None:
    state = state_with(positions=HELD, trading=TradingState.HALTED)
    ruling = asked(state, intent(SELL, leg=leg), rules())
    if leg in {Leg.STOP, Leg.FLATTEN}:
        assert ruling == PASSES
    else:
        assert ruling == ("trading_halted", "0", "1", "BTC/USDT: trading is halted")


def test_while_halted_no_entry_passes() -> None:
    state = state_with(trading=TradingState.HALTED)
    assert asked(state, BUY, rules()) == (
        "trading_halted",
        "0",
        "1",
        "BTC/USDT: trading is halted",
    )


def test_while_reducing_only_exits_pass() -> None:
    state = state_with(positions=HELD, trading=TradingState.REDUCING)
    assert asked(state, SELL, rules()) == PASSES
    assert asked(state, BUY, rules()) == (
        "trading_reducing",
        "0",
        "1",
        "BTC/USDT: only exits are allowed",
    )


def test_tripped_limit_names_itself_and_not_the_state_that_it_set() -> None:
    reducing = state_with(positions=HELD, trading=TradingState.REDUCING)
    state = _with_trips(reducing, until=FOR_EVER)
    assert asked(state, BUY, rules()) == (
        "daily_loss_fraction_max",
        "30",
        "31",
        "BTC/USDT: it has tripped",
    )
    assert asked(state, SELL, rules()) == PASSES


@pytest.mark.parametrize(
    ("until", "is_refused"),
    [(NOW - 1, False), (NOW, False), (NOW + 1, True), (FOR_EVER, True)],
)
def test_tripped_limit_keeps_entries_out_until_its_time(until: int, is_refused: bool) -> None:
    state = _with_trips(state_with(), until=until)
    assert (asked(state, BUY, rules()) != PASSES) is is_refused
    assert closed_to_entries(state, BTC, NOW) == ("it has tripped" if is_refused else "")


# --- the market ---------------------------------------------------------------------------------


def test_market_that_is_no_longer_listed_takes_only_exits() -> None:
    state = state_with(*TWO, positions=HELD)
    assert state.started is not None
    state = state._replace(started=replace(state.started, markets=TWO[1:]))
    assert asked(state, SELL, rules()) == PASSES
    assert asked(state, "buy 1 ETH @ 100", rules()) == PASSES
    assert asked(state, BUY, rules()) == (
        "market_not_listed",
        "0",
        "1",
        "BTC/USDT: it is not in [bot] markets any more",
    )


def test_market_that_the_exchange_does_not_trade_takes_only_exits() -> None:
    state = state_with(market(is_trading=False), TWO[1], positions=HELD)
    assert asked(state, SELL, rules()) == PASSES
    assert asked(state, "buy 1 ETH @ 100", rules()) == PASSES
    assert asked(state, BUY, rules()) == (
        "market_paused",
        "0",
        "1",
        "BTC/USDT: the exchange does not trade it now",
    )


def test_locked_market_takes_only_exits_and_no_other_is_locked_by_it() -> None:
    state = state_with(*TWO, positions=HELD)
    state = state._replace(locks={(BTC, "reconcile"): "3 are missing"})
    assert asked(state, SELL, rules()) == PASSES
    assert asked(state, "buy 1 ETH @ 100", rules()) == PASSES
    assert asked(state, BUY, rules()) == (
        "market_locked",
        "0",
        "1",
        "BTC/USDT: the market takes only exits: 3 are missing",
    )


def test_why_a_market_takes_no_entry_is_told_by_the_first_cause() -> None:
    state = state_with(market(is_trading=False), TWO[1], trading=TradingState.REDUCING)
    state = _with_trips(state)._replace(locks={(BTC, "protection"): "it has no stop"})
    assert closed_to_entries(state, BTC, NOW) == "it has tripped"
    assert closed_to_entries(state, BTC, NOW + 1) == "trading is reducing"
    state = state._replace(trading=TradingState.ACTIVE)
    assert closed_to_entries(state, BTC, NOW + 1) == "the exchange does not trade it now"
    state = state._replace(markets={BTC: TWO[0], ETH: TWO[1]})
    assert closed_to_entries(state, BTC, NOW + 1) == "the market takes only exits: it has no stop"
    assert closed_to_entries(state, ETH, NOW + 1) == ""


# --- the world ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outside", "ruling"),
    [
        (
            Outside(is_contiguous=False),
            ("candle_gap", "0", "1", "BTC/USDT: the candle before this one is missing"),
        ),
        (
            Outside(is_reconciled=False),
            (
                "reconcile_pending",
                "0",
                "1",
                "BTC/USDT: the books were not compared with the exchange since it was lost",
            ),
        ),
        (Outside(skew_ms=999), PASSES),
        (Outside(skew_ms=1000), PASSES),
        (
            Outside(skew_ms=1001),
            (
                "clock_skew",
                "1000",
                "1001",
                "BTC/USDT: the exchange's clock is 1001 ms from ours, 1000 are allowed",
            ),
        ),
        (Outside(), PASSES),
    ],
)
def test_world_that_is_not_as_it_should_be_keeps_out_entries_alone(
    outside: Outside, ruling: Told
) -> None:
    state = state_with(positions=HELD)
    assert asked(state, BUY, rules(), outside) == ruling
    assert asked(state, SELL, rules(), outside) == PASSES


# --- doubt --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [each for each in OrderStatus if each not in SETTLED])
def test_order_in_doubt_keeps_entries_out_of_its_market_alone(status: OrderStatus) -> None:
    state = state_with(*TWO, positions=HELD, orders=[order("buy 1 BTC @ 100", status=status)])
    refused = ("order_in_doubt", "0", "1", "BTC/USDT: an order of this market is in doubt")
    assert asked(state, BUY, rules()) == (refused if status in IN_DOUBT else PASSES)
    assert asked(state, "buy 1 ETH @ 100", rules()) == PASSES
    assert asked(state, SELL, rules()) == PASSES


def test_orders_in_doubt_are_counted_in_their_market() -> None:
    doubtful = [
        order("sell 1 BTC @ 100", order_id=f"tb-{number}", status=OrderStatus.UNKNOWN)
        for number in range(2)
    ]
    assert asked(state_with(orders=doubtful), BUY, rules())[:3] == ("order_in_doubt", "0", "2")


@pytest.mark.parametrize(
    ("count", "most", "ruling"),
    [(1, 2, PASSES), (2, 2, PASSES), (3, 2, IN_DOUBT_TOO_MANY), (3, 0, PASSES), (3, 3, PASSES)],
)
def test_too_many_orders_in_doubt_anywhere_keep_all_entries_out(
    count: int, most: int, ruling: Told
) -> None:
    doubtful = [
        order("sell 0.1 ETH @ 100", order_id=f"tb-{number}", status=OrderStatus.UNKNOWN)
        for number in range(count)
    ]
    certain = order("sell 0.1 ETH @ 100", order_id="tb-x", status=OrderStatus.ACCEPTED)
    state = state_with(*TWO, positions=HELD, orders=[*doubtful, certain])
    by = rules(pace=Pace(in_doubt_max=most))
    assert asked(state, BUY, by) == ruling
    assert asked(state, SELL, by) == PASSES


# --- the order of the controls ------------------------------------------------------------------

# Everything is wrong at once; each step mends what was named, and shows what is named next.
WRONG = rules(
    order_notional_max=d(1),
    stop_ppm=5_000,
    target_ppm=1,
    reward_ppm_min=1_500_000,
    risk_ppm_max=1,
    position_ppm_max=1,
    reserve_ppm=1_000_000,
    pace=Pace(orders_per_minute_max=5, in_doubt_max=1, open_orders_max=1, duplicate_ms=60_000),
    pauses=Pauses(cooldown_ms=HOUR),
)
Step = tuple[str, Callable[[State, Rules], tuple[State, Rules]]]


def _state(**changes: Any) -> Callable[[State, Rules], tuple[State, Rules]]:
    return lambda state, by: (state._replace(**changes), by)


def _track(**changes: Any) -> Callable[[State, Rules], tuple[State, Rules]]:
    return lambda state, by: (
        state._replace(track=replace(state.track, **changes)),
        by,
    )


def _rules(**changes: Any) -> Callable[[State, Rules], tuple[State, Rules]]:
    return lambda state, by: (state, replace(by, **changes))


STEPS: tuple[Step, ...] = (
    ("trading_halted", _state(trading=TradingState.REDUCING)),
    ("orders_per_minute_max", _track(sent=())),
    ("daily_loss_fraction_max", _track(trips={})),
    ("trading_reducing", _state(trading=TradingState.ACTIVE)),
    ("market_paused", _state(markets={BTC: market(), ETH: TWO[1]})),
    ("market_locked", _state(locks={})),
    ("orders_in_doubt_max", _rules(pace=replace(WRONG.pace, in_doubt_max=0))),
    ("self_trade", _state(orders=state_with(*TWO, orders=[order("buy 1 ETH @ 1")]).orders)),
    ("open_orders_max", _rules(pace=replace(WRONG.pace, in_doubt_max=0, open_orders_max=0))),
    ("duplicate_seconds", _rules(pace=Pace())),
    ("cooldown_candles", _rules(pace=Pace(), pauses=Pauses())),
    ("order_notional_max", _rules(order_notional_max=d(1_000))),
    ("stop_distance_min", _rules(stop_ppm=50_000)),
    ("reward_to_risk_min", _rules(reward_ppm_min=0)),
    ("risk_fraction_max", _rules(risk_ppm_max=1_000_000)),
    ("position_fraction_max", _rules(position_ppm_max=1_000_000)),
    ("balance", _rules(reserve_ppm=0)),
)


def test_the_first_control_that_is_broken_is_the_one_that_is_named() -> None:
    doubtful = [
        order("buy 1 ETH @ 1", order_id=f"tb-{number}", status=OrderStatus.UNKNOWN)
        for number in range(2)
    ]
    target = order(
        "sell 1 BTC @ 120", order_id="tb-target", leg=Leg.TARGET, kind=OrderKind.LIMIT_MAKER
    )
    state = state_with(market(is_trading=False), TWO[1], orders=[*doubtful, target])
    track = replace(
        state.track,
        trips=tripped(),
        sent=(NOW,) * 9,
        bought={BTC: (NOW - 1, d(1))},
        trades=(Ended(BTC, NOW, d(1), d(1), is_stopped=True),),
        stopped={BTC: NOW},
    )
    state = state._replace(trading=TradingState.HALTED, track=track, locks={(BTC, "x"): "y"})
    by = WRONG
    for control, mend in STEPS:
        assert asked(state, BUY, by)[:1] == (control,)
        state, by = mend(state, by)
    assert asked(state, BUY, by) == PASSES
