"""Limit entries and trailing stops: the same laws for backtest and sandbox, to the last digit."""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.contract.test_laws import assert_conserved, exchange_totals
from tests.contract.test_parity import assert_same_fills
from tests.support.worlds import Case, changed, random_case, traded
from tradebot.model.event import CancelSent, Event, FillBooked, OrderIntended
from tradebot.model.order import Leg, OrderKind

TRAILING: dict[str, dict[str, Any]] = {
    "exits": {"trailing_fraction": Decimal("0.002"), "target_fraction": Decimal(0)}
}


def limited(seed: int, candles: int) -> Case:
    """Return a random case whose entries are limit orders, drawn as all else is by the seed."""
    draw = Random(f"limits {seed}")  # noqa: S311  # a seeded test, no secret
    entries = {
        "kind": "limit",
        "offset_fraction": Decimal(draw.choice(["0", "0.0005", "0.002"])),
        "timeout_candles": draw.choice([1, 1, 3]),
        "reprice_max": draw.choice([0, 1, 3]),
    }
    return changed(random_case(seed, candles), {"entries": entries})


def trailed(seed: int, candles: int) -> Case:
    """Return a random case under a lone stop that trails."""
    return changed(random_case(seed, candles), TRAILING)


@pytest.mark.parametrize("seed", range(6))
def test_limit_entries_book_the_same_fills_over_http(seed: int, tmp_path: Path) -> None:
    assert_same_fills(limited(seed, 150), tmp_path)


@pytest.mark.parametrize("seed", range(4))
def test_trailing_stops_book_the_same_fills_over_http(seed: int, tmp_path: Path) -> None:
    assert_same_fills(trailed(seed, 150), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("first", range(100, 200, 20))
def test_a_hundred_markets_with_either_book_the_same_fills_over_http(
    first: int, tmp_path: Path
) -> None:
    fills = 0
    for seed in range(first, first + 20):
        given = changed(limited(seed, 200), TRAILING if seed % 2 else {})
        fills += assert_same_fills(given, tmp_path / str(seed))
    assert fills > 100, "cases that never trade would agree on nothing"


def test_coins_are_conserved_and_every_way_of_a_limit_entry_is_gone() -> None:
    seen: Counter[str] = Counter()
    for seed in range(50):
        result, totals = exchange_totals(limited(seed, 400))
        assert_conserved(result, totals)
        seen += _ways(list(result.events))
    for way in ("its time is up", "the signal has gone", "maker", "taker"):
        assert seen[way] > 20, (way, seen)
    assert seen["market"] == 0, "a limit entry is never followed by an order at the market"


def _ways(events: list[Event]) -> Counter[str]:
    """Count why limit entries ended, and how they were filled."""
    entries: set[str] = set()
    seen: Counter[str] = Counter()
    for event in events:
        if isinstance(event, OrderIntended) and event.leg is Leg.ENTRY:
            entries.add(event.order_id)
            seen[event.kind.value] += event.kind is OrderKind.MARKET
        if isinstance(event, CancelSent) and event.order_id in entries:
            seen[event.reason] += 1
        if isinstance(event, FillBooked) and event.order_id in entries:
            seen["maker" if event.fill.is_maker else "taker"] += 1
    return seen


def test_coins_are_conserved_under_trailing_stops_that_are_replaced() -> None:
    replaced = 0
    for seed in range(20):
        result, totals = exchange_totals(trailed(seed, 400))
        assert_conserved(result, totals)
        reasons = [each.reason for each in result.events if isinstance(each, CancelSent)]
        replaced += reasons.count("trailing stop rises")
    assert replaced > 50


@pytest.mark.parametrize("seed", range(2))
def test_run_stopped_at_any_candles_ends_with_the_journal_of_one_never_stopped(
    seed: int, tmp_path: Path
) -> None:
    given = changed(limited(seed, 50), TRAILING)
    whole = traded(given, tmp_path / "whole")
    halting = traded(given, tmp_path / "halting", stop_after=range(1, 8))
    assert halting.events == whole.events
    assert halting.head == whole.head
