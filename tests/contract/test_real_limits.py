"""Limits on losses over real candles: they trip at the candle where a hand calculation says.

The calculation is the test's own: exact fractions over the journal's fills and closes, no function
of the program.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.support.shared_data import BTC_1H, BTC_1M, candle_file
from tests.support.worlds import Case, backtested, case, traded
from tradebot.adapters.candle_files import read_candles
from tradebot.candles import CandleTable
from tradebot.model.event import (
    CandlesClosed,
    Event,
    FillBooked,
    IntentRefused,
    LimitTripped,
    OrderIntended,
    SessionStarted,
)
from tradebot.model.order import Leg, Side

HOUR, DAY = 3_600_000, 86_400_000
DAILY, DRAWDOWN = "daily_loss_fraction_max", "drawdown_fraction_max"
# All in, without a stop: what the market does to it is what happens to equity.
ALL_IN: dict[str, Any] = {
    "sizing": {"method": "fraction", "fraction": Decimal(1)},
    "exits": {"stop_fraction": 0, "target_fraction": 0},
    "pauses": {"cooldown_candles": 0, "stops_max": 0, "market_stops_max": 0},
    "strategy": {"name": "ema_cross", "params": {"fast": 2, "slow": 5}},
}
FREE: dict[str, Any] = {
    "position_fraction_max": Decimal(1),
    "exposure_fraction_max": Decimal(1),
    "risk_fraction_max": Decimal(1),
    "entries_per_day_max": 1000,
}


@dataclass(slots=True)
class Account:
    """What the fills make of the opening balance, worked out by hand."""

    cash: Fraction = Fraction(0)
    coins: dict[str, Fraction] = field(default_factory=dict)
    closes: dict[str, Fraction] = field(default_factory=dict)

    def hear(self, event: Event) -> None:
        """Take in what a start, a fill or a close says."""
        if isinstance(event, SessionStarted):
            self.cash = Fraction(event.balances["USDT"])
        elif isinstance(event, CandlesClosed):
            self.closes |= {name: Fraction(close) for name, close in event.closes.items()}
        elif isinstance(event, FillBooked):
            base = event.market.split(":")[1].split("/")[0]
            sign = 1 if event.side is Side.BUY else -1
            quantity, price = Fraction(event.fill.quantity), Fraction(event.fill.price)
            self.cash -= sign * quantity * price
            held = self.coins.get(event.market, Fraction(0)) + sign * quantity
            fee = Fraction(event.fill.fee)
            if event.fill.fee_asset == base:
                held -= fee
            else:
                assert event.fill.fee_asset == "USDT"
                self.cash -= fee
            self.coins[event.market] = held

    def equity(self) -> Fraction:
        """Return cash, and coins at their last closes."""
        return self.cash + sum(held * self.closes[name] for name, held in self.coins.items())


@dataclass(frozen=True, slots=True)
class Marked:
    """Equity at one close, and what its day and its past say."""

    at: int
    equity: Fraction
    opening: Fraction
    peak: Fraction


def day_of(closed_at: int) -> date:
    """Return the UTC date of a candle's last moment: one that closes at midnight is of the old."""
    return (datetime.fromtimestamp(closed_at / 1000, UTC) - timedelta(milliseconds=1)).date()


def by_hand(events: Sequence[Event]) -> Iterator[tuple[Marked, Sequence[Event]]]:
    """Yield equity at every close, with the events that follow until the next one."""
    account, now = Account(), None
    opening = peak = last = Fraction(0)
    day = None
    for number, event in enumerate(events):
        account.hear(event)
        if isinstance(event, SessionStarted):
            opening = peak = last = account.cash
        if not isinstance(event, CandlesClosed):
            continue
        equity, today = account.equity(), day_of(event.closed_at)
        if day is not None and today != day:
            opening = last
        day, peak, last = today, max(peak, equity), equity
        now = number + 1
        after = []
        while now < len(events) and not isinstance(events[now], CandlesClosed):
            after.append(events[now])
            now += 1
        yield Marked(event.closed_at, equity, opening, peak), after


def expected(events: Sequence[Event], control: str, part: Fraction) -> list[int]:
    """Return the closes at which the limit has to trip: once a day, or once for good."""
    found: list[int] = []
    days = set()
    for marked, _ in by_hand(events):
        before = marked.opening if control == DAILY else marked.peak
        day = day_of(marked.at) if control == DAILY else None
        if marked.equity <= before * (1 - part) and day not in days:
            days.add(day)
            found.append(marked.at)
    return found


def told(events: Sequence[Event], control: str) -> list[int]:
    """Return the closes at which it was told, right after the candle and before all else."""
    found = []
    for marked, after in by_hand(events):
        for number, event in enumerate(after):
            if isinstance(event, LimitTripped) and event.control == control:
                assert all(isinstance(each, LimitTripped) for each in after[:number])
                before = marked.opening if control == DAILY else marked.peak
                assert Fraction(event.value) == before - marked.equity
                found.append(marked.at)
    return found


def entries_from(events: Sequence[Event], start: int, end: int) -> list[int]:
    """Return when entries were decided from one time to before another."""
    intents = (each for each in events if isinstance(each, OrderIntended))
    return [
        each.closed_at
        for each in intents
        if each.leg is Leg.ENTRY and start <= each.closed_at < end
    ]


def joined(table: CandleTable, hours: int) -> CandleTable:
    """Return the candles of an hour as those of so many hours, of the hours that are there."""
    names = ("opened_at", "open", "high", "low", "close", "volume")
    frame = pd.DataFrame({name: getattr(table, name) for name in names})
    whole = frame.groupby(frame["opened_at"] // (hours * HOUR)).agg(
        {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    )
    opened_at = whole.index.to_numpy() * hours * HOUR
    columns = (whole[name].to_numpy() for name in names[1:])
    return CandleTable(table.symbol, hours * HOUR, opened_at, *columns)


def real(file: str, start: int, candles: int, *, hours: int = 0, **limits: str) -> Case:
    """Return a case over real candles with these limits on losses; `hours` joins those of one."""
    table = read_candles(candle_file(file))
    table = joined(table, hours) if hours else table
    start -= start % table.timeframe_ms
    numbers = {key: Decimal(text) for key, text in limits.items()}
    values = {**ALL_IN, "risk": {**FREE, **numbers}}
    return case([table], values, start_ms=start, end_ms=start + candles * table.timeframe_ms)


# MAY_2021 is the tenth: the fall of the nineteenth lies ahead.
MARCH_2021, MAY_2021 = 1_616_803_200_000, 1_620_604_800_000


@pytest.mark.parametrize("part", ["0.01", "0.02", "0.03"])
def test_loss_of_the_day_trips_where_a_hand_calculation_says(part: str) -> None:
    given = real(BTC_1H, MAY_2021, 600, daily_loss_fraction_max=part, drawdown_fraction_max="1")
    events = backtested(given).events
    trips = expected(events, DAILY, Fraction(part))
    assert len(trips) >= 3
    assert told(events, DAILY) == trips
    for trip in trips:
        # What only the last close of a day shows keeps entries out of the next.
        assert entries_from(events, trip, trip - trip % DAY + DAY) == []
    assert entries_from(events, trips[0] - trips[0] % DAY + DAY, trips[-1]), "days after it trade"
    refused = {each.control for each in events if isinstance(each, IntentRefused)}
    assert DAILY in refused, "it held back an entry that was wanted"


@pytest.mark.parametrize("part", ["0.05", "0.1"])
def test_drawdown_trips_where_a_hand_calculation_says(part: str) -> None:
    given = real(BTC_1H, MAY_2021, 600, daily_loss_fraction_max=part, drawdown_fraction_max=part)
    events = backtested(given).events
    (trip,) = expected(events, DRAWDOWN, Fraction(part))
    assert told(events, DRAWDOWN) == [trip]
    assert entries_from(events, 0, trip)
    assert entries_from(events, trip, 2**62) == []
    left = [each for each in events if isinstance(each, FillBooked) and each.fill.filled_at >= trip]
    assert {each.side for each in left} == {Side.SELL}, "what was held was sold by its signal"


@pytest.mark.parametrize("hours", [12, 24])
def test_loss_that_the_end_of_a_day_shows_keeps_entries_out_of_the_next(hours: int) -> None:
    """Symptom: with candles of a day no loss ever tripped, whatever the limit."""
    limits = {"daily_loss_fraction_max": "0.02", "drawdown_fraction_max": "1"}
    given = real(BTC_1H, MAY_2021, 60 * 24 // hours, hours=hours, **limits)
    events = backtested(given).events
    trips = expected(events, DAILY, Fraction("0.02"))
    at_the_end = [trip for trip in trips if trip % DAY == 0]
    assert len(at_the_end) >= 3
    assert told(events, DAILY) == trips
    for trip in at_the_end:
        assert entries_from(events, trip, trip + DAY) == []
    assert entries_from(events, at_the_end[0] + DAY, at_the_end[-1]), "days after it trade"


def test_minutes_trip_alike() -> None:
    given = real(
        BTC_1M, MARCH_2021, 4_000, daily_loss_fraction_max="0.02", drawdown_fraction_max="1"
    )
    events = backtested(given).events
    trips = expected(events, DAILY, Fraction("0.02"))
    assert len(trips) >= 2
    assert told(events, DAILY) == trips


def test_run_over_http_trips_where_the_hand_calculation_says(tmp_path: Path) -> None:
    given = real(
        BTC_1H, MAY_2021 + 2 * DAY, 60, daily_loss_fraction_max="0.02", drawdown_fraction_max="0.2"
    )
    events = traded(given, tmp_path).events
    trips = expected(events, DAILY, Fraction("0.02"))
    assert trips
    assert told(events, DAILY) == trips
