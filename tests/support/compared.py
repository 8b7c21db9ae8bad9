"""A bot, its exchange and the comparison of the two, for tests of what differs."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from tests.support.bot import Bot
from tests.support.builders import BTC, d, report, rules
from tests.support.fakes import FakeBroker
from tradebot.engine.compare import COINS_APART_MS
from tradebot.engine.remedies import CAUSE
from tradebot.model import event as ev
from tradebot.model.order import Leg, ListedFill, ListedOrder, OrderStatus
from tradebot.runtime.reconciling import Reconciler

EVERY = 300_000
STOPPED = rules(stop_ppm=50_000)


class Counting(FakeBroker):
    """A fake broker that notes each question of a comparison: what, of which market, since when."""

    def __init__(self, *, diary: list[str]) -> None:
        super().__init__(diary=diary)
        self.questions: list[tuple[str, str, int]] = []

    def balances(self) -> Mapping[str, Decimal]:
        """Note the question, and answer as the fake does."""
        self.questions.append(("balances", "", 0))
        return super().balances()

    def open_order_filled(self) -> Mapping[str, Decimal]:
        """Note the question, and answer as the fake does."""
        self.questions.append(("open", "", 0))
        return super().open_order_filled()

    def listed_orders(self, market: str, since_ms: int) -> Sequence[ListedOrder]:
        """Note the question, and answer as the fake does."""
        self.questions.append(("orders", market, since_ms))
        return super().listed_orders(market, since_ms)

    def listed_fills(self, market: str, since_ms: int) -> Sequence[ListedFill]:
        """Note the question, and answer as the fake does."""
        self.questions.append(("fills", market, since_ms))
        return super().listed_fills(market, since_ms)


class Compared:
    """A bot with a position, its exchange, and the comparison of the two."""

    def __init__(self, *, markets: int = 1, requests_max: int = 50, by: Any = STOPPED) -> None:
        self.bot = Bot(by=by, markets=markets)
        self.broker = Counting(diary=self.bot.diary)
        # The Session has no other door than this one.
        for part in (self.bot.session, self.bot.session._settler, self.bot.session._carrier):
            part._broker = self.broker
        self.bot.broker = self.broker
        self.made = Reconciler(
            self.bot.session,
            self.broker,
            self.bot.clock,
            history=self.history,
            every_ms=EVERY,
            requests_max=requests_max,
        )
        self.agree()

    def history(self, order_id: str) -> list[ev.Event]:
        """Return the events of one order."""
        kept = self.bot.journal.kept
        return [each for each in kept if getattr(each, "order_id", "") == order_id]

    def agree(self) -> None:
        """Let the exchange's coins be the books'."""
        self.broker.coins = dict(self.bot.state.balances)

    def look(self, after_ms: int = 0) -> None:
        """Compare once, after some time."""
        self.bot.clock.now += after_ms
        self.made.compare()

    def lose_coins(self, **coins: str) -> None:
        """Let the owner cancel the stop at the exchange, and take coins; these are what is left."""
        stop = self.bot.order(Leg.STOP)
        self.broker.reports[stop.id] = report(stop, OrderStatus.CANCELLED)
        self.broker.coins = {coin: d(text) for coin, text in coins.items()}

    def twice(self) -> None:
        """Compare twice, far enough apart to count."""
        self.look()
        self.look(COINS_APART_MS)

    def told(self, *kinds: type[ev.Event]) -> list[ev.Event]:
        """Return the events of these kinds."""
        return [each for each in self.bot.journal.kept if isinstance(each, kinds)]

    def is_locked(self, market: str = BTC) -> bool:
        """Return whether a comparison has locked the market."""
        return (market, CAUSE) in self.bot.state.locks


def held() -> Compared:
    """Return a bot that holds 10 BTC, its stop resting, and that agrees with its exchange."""
    made = Compared()
    made.bot.step()
    made.agree()
    return made


def unknown_order(**changes: Any) -> ListedOrder:
    """Return an open order of ours as the exchange lists it, which no journal knows."""
    fields = {"order_id": "tb-9", "exchange_id": "9", "market": BTC, "filled": d(0)}
    return ListedOrder(**{**fields, "is_open": True, **changes})
