"""Sizes by volatility: a run over HTTP sizes as the backtest does, and the journal says how."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.sized import recomputed
from tests.support.worlds import Case, backtested, case, traded
from tradebot.model.event import Event, IntentRefused, OrderIntended, SessionStarted
from tradebot.model.order import Leg
from tradebot.sandbox.synthetic import synthetic_market

MINUTE = 60_000
HISTORY, CANDLES = 60, 80


def volatile_case(seed: int) -> Case:
    """Return two markets with gaps, whose entries are sized by their ranges."""
    tables = [
        synthetic_market(
            symbol,
            timeframe_ms=MINUTE,
            start_ms=0,
            count=HISTORY + CANDLES,
            seed=seed,
            gap_rate=0.03,
        )
        for symbol in ("BTC/USDT", "ETH/USDT")
    ]
    values = {
        "strategy": {"name": "ema_cross", "params": {"fast": 2, "slow": 5}},
        "sizing": {"method": "volatility", "risk_fraction": Decimal("0.001")},
        "exits": {"stop_fraction": Decimal("0.005"), "target_fraction": 0},
        "risk": {"position_fraction_max": Decimal("0.3"), "open_positions_max": 1},
    }
    return case(tables, values, start_ms=HISTORY * MINUTE)


def sizes(events: list[Event]) -> list[tuple[str, int, str, dict[str, str]]]:
    """Return market, close, what came of it and its arithmetic, of each entry that was sized."""
    found = []
    for event in events:
        if isinstance(event, OrderIntended | IntentRefused) and event.leg is Leg.ENTRY:
            control = event.control if isinstance(event, IntentRefused) else ""
            found.append((event.market, event.closed_at, control, dict(event.size)))
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_entries_are_sized_over_http_as_in_the_backtest(seed: int, tmp_path: Path) -> None:
    given = volatile_case(seed)
    tested = sizes(list(backtested(given).events))
    assert sizes(traded(given, tmp_path).events) == tested
    assert len(tested) > 4
    assert all(size["method"] == "volatility" and size["mean_range"] != "0" for *_, size in tested)


def test_kept_arithmetic_gives_every_quantity_again() -> None:
    """Of what was bought, and of what the gate refused."""
    for seed in range(1, 5):
        events = backtested(volatile_case(seed)).events
        (began,) = (each for each in events if isinstance(each, SessionStarted))
        markets = {market.name: market for market in began.markets}
        refused = 0
        for event in events:
            if isinstance(event, OrderIntended | IntentRefused) and event.leg is Leg.ENTRY:
                again = recomputed(event.size, markets[event.market])
                assert again["wanted"] == Fraction(event.size["wanted"])
                assert again["quantity"] == Fraction(event.quantity)
                refused += isinstance(event, IntentRefused)
        assert refused, "some were refused: only one position may be open"
