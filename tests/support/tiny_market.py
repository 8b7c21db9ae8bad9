"""A tiny market with an exchange behind it: candles in words, a Session that trades them."""

from collections.abc import Sequence
from decimal import Decimal

from tests.support.builders import BTC, HOUR, START, candles, market, started
from tests.support.fakes import FakeClock, FakeLatch
from tradebot.adapters.gate_tokens import GateTokens
from tradebot.adapters.journal import MemoryJournal
from tradebot.adapters.simulated import SimulatedBroker
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.model import event as ev
from tradebot.model.market import Market, scales
from tradebot.model.money import plain
from tradebot.runtime.session import Session
from tradebot.sandbox.book import Book
from tradebot.sandbox.listing import Listing


class TinyMarket:
    """1000 USDT, one market of hourly candles, and one target exposure for each candle.

    `exposures` are words: `L` long, `-` flat, `.` hold.
    """

    def __init__(
        self,
        text: str,
        exposures: str,
        by: Rules,
        *,
        slippage_ppm: int = 0,
        listed: Market | None = None,
    ) -> None:
        self.candles = candles(text)
        self.exposures = [{"L": 1_000_000, "-": 0, ".": None}[word] for word in exposures.split()]
        assert len(self.exposures) == len(self.candles), "one exposure for each candle"
        traded = market() if listed is None else listed
        self.book = Book(
            [self._listing(traded)],
            {"USDT": 1000 * 10**8},
            slippage_ppm=slippage_ppm,
            now=self.candles[0].opened_at,
        )
        self.clock = FakeClock(self.book.now)
        self.journal = MemoryJournal()
        tokens = GateTokens()
        self.broker = SimulatedBroker(self.book, tokens=tokens, clock=self.clock)
        self.session = Session(
            State(),
            rules=by,
            broker=self.broker,
            journal=self.journal,
            clock=self.clock,
            latch=FakeLatch(),
            tokens=tokens,
            tell=lambda event, state: None,
        )
        self.session.record([started(traded)])

    def _listing(self, traded: Market) -> Listing:
        columns: Sequence[Sequence[int]] = list(zip(*self.candles, strict=True))
        opened_at, closed_at, opened, high, low, close, _ = columns
        scale = scales([traded])[traded.name]
        volume = [1.0] * len(close)
        return Listing(
            traded, scale, HOUR, opened_at, closed_at, opened, high, low, close, volume
        )

    def trade(self) -> "TinyMarket":
        """Put every candle before the Session; return the market after the last."""
        for made, exposure in zip(self.candles, self.exposures, strict=True):
            self.book.advance_to(made.closed_at)
            self.clock.now = made.closed_at
            self.session.settle()
            self.session.step(made.closed_at, {BTC: made}, {BTC: exposure})
        return self

    def fills(self) -> list[str]:
        """Return every fill in words: `T1 buy 5 @ 101 fee 0.005 BTC`, T in hours from the start."""
        return [
            f"T{_hours(event.fill.filled_at)} {event.side} {plain(event.fill.quantity)} "
            f"@ {plain(event.fill.price)} fee {plain(event.fill.fee)} {event.fill.fee_asset}"
            + (" maker" if event.fill.is_maker else "")
            for event in self.journal.events()
            if isinstance(event, ev.FillBooked)
        ]

    def orders(self) -> list[str]:
        """Return every order intended and what became of it: `T1 stop 96 expired`."""
        told = []
        for event in self.journal.events():
            if isinstance(event, ev.OrderIntended):
                level = event.stop_price or event.price or event.reference_price
                known = self.session.state.orders.get(event.order_id)
                assert known is not None
                hours = _hours(event.closed_at)
                told.append(f"T{hours} {event.leg} {plain(level)} {known.status}")
        return told

    def balances(self) -> dict[str, str]:
        """Return the books' balances, which are checked to be the exchange's too."""
        held = self.session.state.balances
        exchange = self.broker.balances()
        for coin in held.keys() | exchange.keys():
            assert held.get(coin, Decimal(0)) == exchange.get(coin, Decimal(0)), coin
        return {coin: plain(amount) for coin, amount in sorted(held.items())}


def _hours(time_ms: int) -> int:
    hours, rest = divmod(time_ms - START, HOUR)
    assert rest == 0, "every fill of a candle is at its open or close"
    return hours
