"""A Session among fakes, which all write into one diary: disk, latch, wire, tell."""

from tests.support.builders import BTC, HOUR, START, candle, d, market, rules, started
from tests.support.fakes import FakeBroker, FakeClock, FakeLatch, RecordingJournal
from tradebot.adapters.gate_tokens import GateTokens
from tradebot.engine.settings import Rules
from tradebot.engine.state import State
from tradebot.model.codec import kind_of
from tradebot.model.order import Leg, Order
from tradebot.runtime.kill_flatten import sell_all
from tradebot.runtime.session import Session

LONG, FLAT = 1_000_000, 0
NOW = START + HOUR


class Bot:
    """A Session among fakes that share one diary."""

    def __init__(
        self, *script: str, by: Rules | None = None, markets: int = 1, has_oco: bool = True
    ) -> None:
        self.diary: list[str] = []
        self.rules = by or rules()
        self.broker = FakeBroker(*script, diary=self.diary)
        self.broker.has_oco = has_oco
        self.tokens = GateTokens()
        self.journal = RecordingJournal(diary=self.diary)
        self.clock = FakeClock(NOW)
        self.latch = FakeLatch(diary=self.diary)
        self.session = Session(
            State(),
            rules=self.rules,
            broker=self.broker,
            journal=self.journal,
            clock=self.clock,
            latch=self.latch,
            tokens=self.tokens,
            tell=lambda event, state: self.diary.append(f"tell: {kind_of(event)}"),
            window_ms=5000,
        )
        listed = (market(), market("ETH/USDT"))[:markets]
        self.session.record([started(*listed)])
        self.diary.clear()

    def step(self, text: str = "100", exposure: int | None = LONG, hour: int = 1) -> None:
        """Put one candle of BTC before the Session."""
        made = candle(text, closed_at=START + hour * HOUR)
        self.clock.now = made.closed_at
        self.session.step(made.closed_at, {BTC: made}, {BTC: exposure})

    def step_all(self, text: str, exposure: int | None = LONG, hour: int = 1) -> None:
        """Put one candle of each market before the Session, in the order of their names."""
        closed_at = START + hour * HOUR
        self.clock.now = closed_at
        made = {
            name: candle(word, closed_at=closed_at)
            for name, word in zip(sorted(self.state.markets), text.split(), strict=True)
        }
        self.session.step(closed_at, made, dict.fromkeys(made, exposure))

    def price(self, text: str = "100") -> None:
        """Have a price for each market, and all coins there, where the test says nothing else."""
        for name, position in self.state.positions.items():
            self.broker.prices.setdefault(name, d(text))
            self.broker.coins.setdefault(self.state.markets[name].base, position.quantity)

    def flatten(self, price: str = "100") -> list[str]:
        """Sell every position in an emergency; return what is not sold, in words."""
        self.price(price)
        return sell_all(self.session, self.rules, now_ms=self.clock.now)

    @property
    def state(self) -> State:
        """The Session's state."""
        return self.session.state

    def order(self, leg: Leg) -> Order:
        """Return the only order of a leg."""
        orders = self.state.orders
        (found,) = (
            each
            for each in (*orders.unsettled.values(), *orders.settled.values())
            if each.leg is leg
        )
        return found
