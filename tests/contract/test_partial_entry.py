"""A limit entry that fills in part, over both brokers: guarded, cancelled, booked to the coin."""

from collections.abc import Iterator

import pytest

from tests.contract.test_brokers import World, over_http, simulated
from tests.support.builders import BTC, HOUR, candle, d, market, rules, started
from tests.support.fakes import FakeClock, FakeLatch, RecordingJournal, TokensForAll
from tests.support.pieces import taken
from tests.support.sandbox import at
from tradebot.engine.apply import fold
from tradebot.engine.state import State
from tradebot.model.order import Leg, OrderStatus
from tradebot.runtime.session import Session

LONG = 1_000_000
S = OrderStatus
# Half of 1000 at 90: 5.555 coins.
LIMIT = rules(
    fraction_ppm=500_000,
    entry_offset_ppm=100_000,
    entry_ms_max=9 * HOUR,
    reprice_max=3,
    stop_ppm=50_000,
)


@pytest.fixture(params=[simulated, over_http], ids=["simulated", "ccxt over http"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    yield from request.param()


class Entered:
    """A Session whose limit entry at 90 rests at the exchange since the first close."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._clock = FakeClock(at(1))
        self.journal = RecordingJournal()
        self.session = Session(
            State(),
            rules=LIMIT,
            broker=world.broker,
            journal=self.journal,
            clock=self._clock,
            latch=FakeLatch(),
            tokens=TokensForAll(),
            tell=lambda event, state: None,
        )
        self.session.record([started(market())])
        made = candle("100", closed_at=at(1))
        self.session.step(made.closed_at, {BTC: made}, {BTC: LONG})

    def look(self, hours: int) -> None:
        """Let time pass at the exchange, and ask it."""
        self._world.advance(at(hours))
        self._clock.now = at(hours)
        self.session.settle()

    def orders(self) -> list[tuple[Leg, str, OrderStatus]]:
        """Return leg, quantity and status of every order."""
        known = self.session.state.orders
        every = (*known.settled.values(), *known.unsettled.values())
        return [(each.leg, str(each.quantity.normalize()), each.status) for each in every]


def test_what_was_bought_is_guarded_and_the_rest_is_cancelled(world: World) -> None:
    taken(world.book, "1.5 0.5")
    entered = Entered(world)
    assert entered.orders() == [(Leg.ENTRY, "5.555", S.ACCEPTED)]
    entered.look(3)
    # Two trades of 90 and their fees of a thousandth: 1.998 are left, the stop is at 86.
    assert entered.orders() == [
        (Leg.ENTRY, "5.555", S.CANCELLED),
        (Leg.STOP, "1.998", S.ACCEPTED),
    ]
    state = entered.session.state
    assert state.balances == {"USDT": d(820), "BTC": d("1.998")}
    assert world.broker.balances() == state.balances
    entry = next(iter(state.orders.settled.values()))
    assert (entry.filled, entry.cost, len(entry.trade_ids)) == (d(2), d(180), 2)
    assert state.positions[BTC].entry_price == 90
    assert fold(entered.journal.events()) == state


def test_entry_that_fills_whole_in_pieces_is_one_position_under_one_stop(world: World) -> None:
    taken(world.book, "1 2 2.555")
    entered = Entered(world)
    entered.look(3)
    assert entered.orders() == [(Leg.ENTRY, "5.555", S.FILLED), (Leg.STOP, "5.549", S.ACCEPTED)]
    assert world.broker.balances() == entered.session.state.balances
