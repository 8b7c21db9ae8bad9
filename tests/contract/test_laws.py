"""What must hold over every run: conservation, restart, determinism."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.shared_data import ALL_FILES, candle_file
from tests.support.worlds import Case, backtested, case, gappy_case, random_case, traded
from tradebot.adapters.candle_files import read_candles
from tradebot.engine.apply import fold
from tradebot.engine.state import State
from tradebot.model.event import (
    CandlesClosed,
    Event,
    FillBooked,
    IntentRefused,
    SessionStarted,
)
from tradebot.model.order import Side
from tradebot.research.backtest import BacktestResult
from tradebot.runtime.chosen import chosen_strategy
from tradebot.runtime.world import simulated_world

ZERO = Decimal(0)


def by_hand(events: list[Event] | tuple[Event, ...]) -> dict[str, Decimal]:
    """Return every coin from the opening balances and the fills alone, summed anew."""
    coins: dict[str, Decimal] = {}
    for event in events:
        if isinstance(event, SessionStarted):
            coins = dict(event.balances)
        if isinstance(event, FillBooked):
            base, _, quote = event.market.partition(":")[2].partition("/")
            sign = 1 if event.side is Side.BUY else -1
            coins[base] = coins.get(base, ZERO) + sign * event.fill.quantity
            coins[quote] -= sign * event.fill.quantity * event.fill.price
            coins[event.fill.fee_asset] -= event.fill.fee
    return coins


def assert_conserved(result: BacktestResult, exchange: dict[str, Decimal]) -> None:
    """Start = end + fees + positions: our books, a sum by hand and the exchange agree exactly."""
    state = result.state
    assert by_hand(list(result.events)) == state.balances
    for asset, total in exchange.items():
        assert state.balances.get(asset, ZERO) == total, asset
    for market, position in state.positions.items():
        base = state.markets[market].base
        assert position.quantity == state.balances[base], market


def exchange_totals(given: Case) -> tuple[BacktestResult, dict[str, Decimal]]:
    """Return a backtest of the case, and what its exchange holds at the end."""
    from tradebot.adapters.simulated import BookDoor
    from tradebot.research.backtest import backtest_world

    world = simulated_world(given.config, given.tables, given.spec)
    chosen = chosen_strategy(given.config)
    result = backtest_world(given.config, world, chosen)
    return result, dict(BookDoor(world.book).balances())


@pytest.mark.parametrize("seed", range(40))
def test_coins_are_conserved_exactly_on_synthetic_markets(seed: int) -> None:
    assert_conserved(*exchange_totals(random_case(seed, 400)))


@pytest.mark.parametrize("file", ALL_FILES)
@pytest.mark.parametrize("strategy", ["vote", "ema_cross", "donchian"])
def test_coins_are_conserved_exactly_on_real_candles(file: str, strategy: str) -> None:
    given = case([read_candles(candle_file(file))], {"strategy": {"name": strategy}})
    result, totals = exchange_totals(given)
    assert any(isinstance(event, FillBooked) for event in result.events)
    assert_conserved(result, totals)


@pytest.mark.parametrize("seed", range(3))
def test_run_stopped_at_any_candles_ends_with_the_journal_of_one_never_stopped(
    seed: int, tmp_path: Path
) -> None:
    given = random_case(seed, 60)
    whole = traded(given, tmp_path / "whole")
    # Each start goes on where the last stopped: after 1 candle, 2 more, 3 more, ...
    halting = traded(given, tmp_path / "halting", stop_after=range(1, 8))
    assert halting.events == whole.events
    assert halting.head == whole.head


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_run_stopped_after_every_single_candle_ends_with_the_same_journal(
    seed: int, tmp_path: Path
) -> None:
    given = random_case(seed + 50, 60)
    whole = traded(given, tmp_path / "whole")
    decided = sum(isinstance(event, CandlesClosed) for event in whole.events)
    halting = traded(given, tmp_path / "halting", stop_after=[1] * decided)
    assert halting.events == whole.events
    assert halting.head == whole.head


def test_restart_on_the_candle_after_a_gap_refuses_what_the_gate_refused(tmp_path: Path) -> None:
    given = gappy_case(15, 130)
    whole = traded(given, tmp_path / "whole")
    refused = [event for event in whole.events if isinstance(event, IntentRefused)]
    assert "candle_gap" in {event.control for event in refused}
    decided = sum(isinstance(event, CandlesClosed) for event in whole.events)
    halting = traded(given, tmp_path / "halting", stop_after=[1] * decided)
    assert halting.events == whole.events


def test_same_seed_and_configuration_give_the_same_journal_byte_for_byte(tmp_path: Path) -> None:
    given = random_case(3, 80)
    first, second = (traded(given, tmp_path / name) for name in ("first", "second"))
    assert first.head == second.head
    other = traded(random_case(4, 80), tmp_path / "other")
    assert other.head != first.head


def test_folding_the_journal_gives_the_state_that_the_run_ended_in(tmp_path: Path) -> None:
    ran = traded(random_case(1, 80), tmp_path)
    state: State = fold(ran.events)
    assert state == ran.state


def test_backtest_is_the_same_twice() -> None:
    given = random_case(5, 300)
    assert list(backtested(given).events) == list(backtested(given).events)
