"""Comparing over the real client and HTTP: two bots, changes by hand, lag, requests."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

import pytest
import requests
from aiohttp import web

from tests.support.builders import BTC, HOUR, candle, d, market, rules, started
from tests.support.clients import client_at
from tests.support.fakes import FakeLatch
from tests.support.sandbox import COIN, KEY, SECRET, book, request
from tests.support.sandbox_faults import plan
from tradebot.adapters.broker import CcxtBroker
from tradebot.adapters.gate_tokens import GateTokens
from tradebot.adapters.journal import MemoryJournal
from tradebot.engine.apply import fold
from tradebot.engine.remedies import CAUSE
from tradebot.engine.risk import namespace
from tradebot.engine.state import State
from tradebot.errors import BooksDisagree
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.order import Leg
from tradebot.runtime.reconciling import Reconciler
from tradebot.runtime.session import Session
from tradebot.sandbox.book import Book
from tradebot.sandbox.server import SandboxServer

EVERY = 300_000
STOPPED = rules(fraction_ppm=400_000, stop_ppm=50_000)
CANDLES = "100 " * 40


class CountingServer(SandboxServer):
    """A sandbox that counts the requests it gets, by path."""

    def __init__(self, made: Book, faults: str = "") -> None:
        planned = plan(faults, made) if faults else None
        super().__init__(made, api_key=KEY, secret=SECRET, faults=planned)
        self.book = made
        self.requests: Counter[str] = Counter()
        self.symbols: set[str] = set()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        path = request.path.removeprefix("/api/v3/")
        self.requests[path] += 1
        if path == "allOrders":
            self.symbols.add(request.query["symbol"])
        return await super()._handle(request)


class ServerClock:
    """The exchange's own time; who sleeps lets it pass."""

    def __init__(self, server: SandboxServer) -> None:
        self._server = server

    def now_ms(self) -> int:
        """Return the exchange's time."""
        return self._server.now_ms()

    def sleep_until(self, time_ms: int) -> None:
        """Let time pass."""
        if time_ms > self._server.now_ms():
            self._server.advance_to(time_ms)


class Instance:
    """One bot with a journal of its own, on an account that others may trade, too."""

    def __init__(
        self,
        server: CountingServer,
        url: str,
        *,
        name: str = "main",
        mark: str = "",
        history: Sequence[ev.Event] = (),
        requests_max: int = 50,
    ) -> None:
        self.server = server
        clock, tokens = ServerClock(server), GateTokens()
        self.client = client_at(url, server.now_ms)
        self.client.call("load_markets")
        broker, seeing = (
            CcxtBroker(
                self.client,
                prefix=namespace(name),
                tokens=tokens,
                clock=clock,
                has_others=has_others,
            )
            for has_others in (False, True)
        )
        self.seeing = seeing
        self.journal = MemoryJournal()
        self.journal.append(history)
        self.session = Session(
            fold(history) if history else State(),
            rules=STOPPED,
            broker=broker,
            journal=self.journal,
            clock=clock,
            latch=FakeLatch(),
            tokens=tokens,
            tell=lambda event, state: None,
            window_ms=5000,
        )
        if not history:
            listed = [market(symbol) for symbol in server.book.listings]
            begun = replace(started(*listed), at=server.now_ms(), bot=name, instance=mark)
            self.session.record([replace(begun, balances=dict(broker.balances()))])
        self.reconciler = Reconciler(
            self.session,
            seeing,
            clock,
            history=self.journal.of_order,
            every_ms=EVERY,
            requests_max=requests_max,
        )

    @property
    def state(self) -> State:
        """The bot's books."""
        return self.session.state

    def step(self, *, is_long: bool = True) -> None:
        """Decide the candle that has just closed in every market."""
        now = self.server.now_ms()
        names = sorted(self.state.markets)
        made = {name: candle("100", closed_at=now) for name in names}
        self.session.step(now, made, dict.fromkeys(names, 1_000_000 if is_long else 0))

    def look(self) -> None:
        """Compare, and if something is in doubt once more, as a start does."""
        self.reconciler.start()

    def kinds(self) -> set[str]:
        """Return what was found and waits for a word."""
        return {kind for kind, _ in self.state.differences.found}


@contextmanager
def exchange(
    *symbols: str, text: str = CANDLES, faults: str = ""
) -> Iterator[tuple[CountingServer, str]]:
    """Serve an exchange of flat candles, one market unless told."""
    server = CountingServer(book(text, others=dict.fromkeys(symbols, CANDLES)), faults)
    try:
        yield server, f"{server.start()}/api/v3"
    finally:
        server.stop()


@pytest.fixture
def served() -> Iterator[tuple[CountingServer, str]]:
    """Return an exchange with one market."""
    with exchange() as made:
        yield made


@contextmanager
def bot(server: CountingServer, url: str, **options: object) -> Iterator[Instance]:
    """Yield one bot; its connections are closed."""
    made = Instance(server, url, **options)  # type: ignore[arg-type]  # as the class takes them
    try:
        yield made
    finally:
        made.client.close()


def taken(server: CountingServer, coin: str, amount: str) -> None:
    """Take an amount of a coin out of the account by hand; a negative one is put in."""
    server.book.free[coin] -= int(Decimal(amount) * COIN)


# --- one bot ------------------------------------------------------------------------------------


def test_bot_that_trades_alone_agrees_to_the_last_digit(
    served: tuple[CountingServer, str],
) -> None:
    with bot(*served) as one:
        for hour in range(8):
            served[0].advance_to(served[0].book.now + HOUR)
            one.step(is_long=hour % 4 < 2)
            one.look()
        kinds = {type(each) for each in one.journal.events()}
        assert ev.FillBooked in kinds
        assert not kinds & {ev.DifferenceFound, ev.MarketLocked, ev.BalanceAdjusted}


def test_comparison_sends_no_more_requests_than_it_may() -> None:
    with (
        exchange("ETH/USDT", "SOL/USDT", "XRP/USDT") as (server, url),
        bot(server, url, requests_max=6) as one,
    ):
        for _ in range(3):
            server.requests.clear()
            one.reconciler.compare()
            assert sum(server.requests.values()) <= 6
            assert server.requests["account"] == server.requests["openOrders"] == 1
        assert len(server.symbols) == 4, "each market had its turn"


def test_coins_taken_by_hand_shrink_the_position_and_its_stop(
    served: tuple[CountingServer, str],
) -> None:
    """The owner cancelled the stop on the exchange's page, and sold most of the coins there."""
    server, url = served
    with bot(server, url) as one:
        one.step()
        held = one.state.positions[BTC].quantity
        server.book.cancel(next(iter(server.book.open_orders.values())))
        server.book.place(request("sell 3 market", client_id="by-hand"))
        one.session.settle_only()
        one.look()
        assert one.state.positions[BTC].quantity == held - 3
        assert (BTC, CAUSE) in one.state.locks
        assert one.kinds() == {"position_short", "cash_more"}
        one.session.protect()
        (stop,) = one.state.orders.of(BTC)
        assert (stop.leg, stop.quantity) == (Leg.STOP, one.state.positions[BTC].sellable)
        one.look()
        assert one.state.trading is TradingState.ACTIVE


def test_order_and_coins_of_others_are_left_alone(served: tuple[CountingServer, str]) -> None:
    server, url = served
    taken(server, "BTC", "-2")
    with bot(server, url) as one:
        one.step()
        server.book.place(request("sell 1 limit 120", client_id="by-hand"))
        taken(server, "BTC", "0.7")
        one.look()
        assert one.kinds() == {"coins_less"}
        assert not one.state.locks
        assert "by-hand" in {order.client_id for order in server.book.open_orders.values()}


def test_withdrawn_cash_locks_entries_and_exits_go_on(served: tuple[CountingServer, str]) -> None:
    server, url = served
    with bot(server, url) as one:
        one.step()
        taken(server, "USDT", "100.5")
        one.look()
        assert one.kinds() == {"cash_short"}
        server.advance_to(server.book.now + HOUR)
        one.step(is_long=False)
        assert not one.state.positions[BTC].is_open, "an exit is not kept from happening"
        server.advance_to(server.book.now + HOUR)
        one.step()
        assert not one.state.positions[BTC].is_open, "an entry is"
        assert {each.control for each in refusals(one)} == {"market_locked"}


def refusals(one: Instance) -> list[ev.IntentRefused]:
    return [each for each in one.journal.events() if isinstance(each, ev.IntentRefused)]


def test_answers_that_lag_name_nothing() -> None:
    """Balances, orders and fills are told as they were five seconds ago: two looks see through."""
    lag = "[[script]]\nfault = 'lag'\nlag_ms = 5000\n"
    with exchange(faults=lag) as (server, url), bot(server, url) as one:
        server.advance_to(server.book.now + HOUR)
        one.step()
        for _ in range(6):
            one.look()
            one.session.settle()
            server.advance_to(server.book.now + 2_000)
        assert one.state.positions[BTC].is_open
        assert not one.state.differences.found
        assert not one.state.locks
        status = requests.get(url.replace("/api/v3", "/sandbox/status"), timeout=10).json()
        assert status["faults"]["lag"] > 0, "or the test shows nothing"


def test_fill_that_the_books_missed_is_asked_about_and_booked() -> None:
    """The books heard that the stop was cancelled; in truth it had filled first."""
    with exchange(text="100 90 90 90 90") as (server, url), bot(server, url) as one:
        one.step()
        (stop,) = one.state.orders.of(BTC)
        # The bot's own view goes wrong: the exchange is right.
        one.session.record([ev.OrderCancelled(at=server.book.now, order_id=stop.id)])
        server.advance_to(server.book.now + HOUR)
        assert not server.book.open_orders, "the stop has filled"
        one.look()
        assert one.state.positions[BTC].quantity < d("0.001")
        assert not one.state.differences.found


# --- two bots -----------------------------------------------------------------------------------


def test_second_instance_refuses_while_the_first_has_an_order_out(
    served: tuple[CountingServer, str],
) -> None:
    with bot(*served, mark="one") as one, bot(*served, mark="two") as two:
        one.step()
        with pytest.raises(BooksDisagree, match="another tradebot trades this account") as caught:
            two.reconciler.start()
        assert caught.value.exit_code == 6
        assert two.state.trading is TradingState.HALTED
        one.look()
        assert one.state.trading is TradingState.ACTIVE, "the first one is left alone"


def test_second_instance_refuses_though_the_first_is_flat_now(
    served: tuple[CountingServer, str],
) -> None:
    server, url = served
    with bot(server, url, mark="one") as one:
        one.step()
        server.advance_to(server.book.now + HOUR // 2)
        one.step(is_long=False)
        assert not server.book.open_orders
        server.advance_to(server.book.now + HOUR // 4)
        with bot(server, url, mark="two") as two, pytest.raises(BooksDisagree):
            two.reconciler.start()


def test_new_journal_long_after_the_old_one_starts(served: tuple[CountingServer, str]) -> None:
    server, url = served
    with bot(server, url, mark="one") as one:
        one.step()
        one.step(is_long=False)
    server.advance_to(server.book.now + 2 * HOUR)
    with bot(server, url, mark="two") as two:
        two.reconciler.start()
        assert two.state.trading is TradingState.ACTIVE


def test_first_instance_finds_a_second_one_that_came_while_both_were_flat(
    served: tuple[CountingServer, str],
) -> None:
    with bot(*served, mark="one") as one, bot(*served, mark="two") as two:
        one.look()
        two.look()
        two.step()
        one.reconciler.compare()
        assert one.state.trading is TradingState.HALTED


def test_two_bots_under_two_names_find_each_other_and_touch_nothing_of_the_other(
    served: tuple[CountingServer, str],
) -> None:
    """Symptom: each called the other's coins not the bot's, and the cash it had spent missing."""
    with bot(*served, name="main") as one, bot(*served, name="second") as two:
        two.step()
        with pytest.raises(BooksDisagree, match="under another name"):
            one.look()
        assert one.kinds() == {"other_bot"}
        assert one.session.open_orders() == []
        assert set(one.seeing.open_order_filled()) == set(two.session.open_orders()) != set()
        one.seeing.cancel_own()
        assert two.session.open_orders() != []
        two.look()
        assert two.state.trading is TradingState.ACTIVE


def test_copied_journal_is_found_by_what_the_other_one_traded(
    served: tuple[CountingServer, str],
) -> None:
    server, url = served
    with bot(server, url, mark="one") as one:
        server.advance_to(server.book.now + HOUR)
        one.step()
        with bot(server, url, history=list(one.journal.events())) as copy:
            copy.look()
            server.advance_to(server.book.now + HOUR)
            one.step(is_long=False)
            copy.reconciler.compare()
            assert copy.state.trading is TradingState.HALTED
            assert copy.kinds() == {"order_not_in_journal"}


def test_two_orders_of_one_id_are_found_by_both_copies(served: tuple[CountingServer, str]) -> None:
    """Both copies decided the same candle: the exchange took both orders under one id."""
    server, url = served
    with bot(server, url, mark="one") as one:
        with bot(server, url, history=list(one.journal.events())) as copy:
            server.advance_to(server.book.now + HOUR)
            one.step()
            copy.step()
            for each in (one, copy):
                each.reconciler.compare()
                assert each.state.trading is TradingState.HALTED
                assert each.kinds() & {"order_twice", "order_not_in_journal"}
        ids = [order.client_id for order in server.book.orders.values()]
        assert len(ids) > len(set(ids)), "or the test shows nothing"
