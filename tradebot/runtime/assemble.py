"""Composition: the only place that knows backtest from sandbox from testnet.

Law: everything else gets a broker, a feed, a clock and a journal, and cannot tell whose they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from tradebot.adapters.clock import VirtualClock, WallClock
from tradebot.adapters.gate_tokens import GateTokens
from tradebot.adapters.journal import MemoryJournal, SqliteJournal, check_file
from tradebot.adapters.latch import FileLatch
from tradebot.engine.apply import fold
from tradebot.engine.risk import namespace
from tradebot.engine.state import State
from tradebot.model.event import Event
from tradebot.model.market import Market
from tradebot.model.timeframe import DAY_MS, timeframe_ms
from tradebot.ports import Broker, Clock, Journal, Latch
from tradebot.runtime.checks import check_same_story, check_sandbox, check_supported
from tradebot.runtime.clock_watch import ClockWatch
from tradebot.runtime.config import Config
from tradebot.runtime.dead_man import DeadMan
from tradebot.runtime.opened import Closable, closing
from tradebot.runtime.reconciling import Reconciler
from tradebot.runtime.runs import Run
from tradebot.runtime.session import Listener, Session
from tradebot.runtime.terms import (
    agreed_terms,
    busy_markets,
    check_same_bot,
    check_same_terms,
    place_of,
    started_event,
)

# The emergency stop waits for this file: what takes long to load is loaded where it is used.
if TYPE_CHECKING:
    from tradebot.adapters.breakers import Tell
    from tradebot.adapters.ccxt_client import CcxtClient, ClientSettings
    from tradebot.candles import CandleTable
    from tradebot.runtime.chosen import Chosen
    from tradebot.runtime.feed import CandleSource, Feed
    from tradebot.runtime.key_checks import KeyTerms, KeyWatch
    from tradebot.runtime.trader import Trader
    from tradebot.runtime.world import World

SANDBOX_KEY = "sandbox-key"
SANDBOX_SECRET = "sandbox-secret"  # noqa: S105  # the sandbox's own, of no use anywhere else


class Mode(StrEnum):
    """The worlds a bot can live in."""

    BACKTEST = "backtest"
    SANDBOX = "sandbox"
    TESTNET = "testnet"
    LIVE = "live"


# Where a bot practises for real money, and where it trades it.
PRACTICE, LIVE = Mode.TESTNET.value, Mode.LIVE.value
REHEARSED = frozenset({Mode.SANDBOX.value, Mode.TESTNET.value})


@dataclass(slots=True)
class Bot:
    """A session with all it needs, ready to be driven; `close` releases what it opened."""

    mode: Mode
    session: Session
    clock: VirtualClock | WallClock
    timeframe_ms: int
    trader: Trader | None = None
    reconciler: Reconciler | None = None
    end_ms: int | None = None
    opened: list[Closable] = field(default_factory=list)

    def close(self) -> None:
        """Close everything, newest first."""
        while self.opened:
            self.opened.pop().close()


def backtest(config: Config, world: World, strategy: str, *, tell: Listener) -> Bot:
    """Return a bot over the book itself: no HTTP, a journal in memory."""
    from tradebot.adapters.simulated import SimulatedBroker
    from tradebot.runtime.world import AlwaysArmed

    clock = VirtualClock(world.start_ms, on_advance=world.book.advance_to)
    tokens = GateTokens()
    broker = SimulatedBroker(world.book, tokens=tokens, clock=clock)
    session = _session(
        config, State(), broker, MemoryJournal(), clock, AlwaysArmed(), tokens=tokens, tell=tell
    )
    session.record(
        [
            started_event(
                config,
                Mode.BACKTEST.value,
                world.markets,
                broker.balances(),
                at=world.start_ms,
                strategy=strategy,
            )
        ]
    )
    return Bot(
        Mode.BACKTEST, session, clock, timeframe_ms(config.bot.timeframe), end_ms=world.end_ms
    )


def sandbox(
    config: Config,
    world: World,
    run: Run,
    chosen: Chosen,
    *,
    tell: Listener,
    pace: float | None = None,
    is_ending: bool = False,
    is_blind: bool = False,
) -> Bot:
    """Return a bot over the real exchange client, talking HTTP to a sandbox in this process.

    `is_ending`: only to clear what is out, so that the configuration may have changed. `is_blind`:
    and without the journal, which is damaged.
    """
    from tradebot.adapters.ccxt_client import ClientSettings
    from tradebot.runtime.sandboxed import SandboxHost, sandbox_urls

    check_sandbox(config)
    with closing([]) as opened:
        journal = _opened_journal(run, is_ending=is_ending, is_blind=is_blind)
        opened.append(journal)
        state = fold(journal.events())
        if not is_ending:
            check_same_terms(config, state)
        host = SandboxHost(
            world.book, run.sandbox_record, run.door, key=SANDBOX_KEY, secret=SANDBOX_SECRET
        )
        opened.append(host)
        if not is_blind:
            check_same_story(run, state, has_orders=host.has_orders)
        now = max(world.start_ms, host.now_ms(), journal.last_at())
        host.advance_to(now)
        clock = VirtualClock(now, on_advance=host.advance_to, pace=pace)
        settings = ClientSettings(
            exchange=config.exchange.id,
            api_key=SANDBOX_KEY,
            secret=SANDBOX_SECRET,
            has_rate_limit=False,
            has_budget=False,
            passthrough={"urls": sandbox_urls(host.url)},
            now_ms=clock.now_ms,
            steady_ms=clock.now_ms,
        )
        parts = _Parts(Mode.SANDBOX, config, run, chosen, settings, clock, tell, state, is_ending)
        bot = _over_ccxt(parts, journal, opened)
        bot.end_ms = world.end_ms
        return bot


def account(
    config: Config,
    run: Run,
    chosen: Chosen,
    *,
    mode: str,
    key: str,
    secret: str,
    tell: Listener,
    is_ending: bool,
    is_blind: bool,
    on_stopped: Tell = lambda level, text: None,
    key_terms: KeyTerms | None = None,
) -> Bot:
    """Return a bot over an account of the exchange, live or on its testnet, by the wall's clock.

    `is_ending`: only to clear what is out, by the terms that the journal knows. `is_blind`: and
    without the journal, which is damaged. `on_stopped` hears when requests that fail are stopped.
    `key_terms`: what the key is held to while the bot runs; None = it is not asked about.
    """
    check_supported(config)
    with closing([]) as opened:
        journal = _opened_journal(run, is_ending=is_ending, is_blind=is_blind)
        opened.append(journal)
        state = fold(journal.events())
        if not is_ending:
            check_same_bot(config, state)
        clock = WallClock()
        settings = account_settings(config, clock, mode=mode, key=key, secret=secret)
        settings = replace(settings, tell=on_stopped)
        parts = _Parts(
            Mode(mode), config, run, chosen, settings, clock, tell, state, is_ending, key_terms
        )
        return _over_ccxt(parts, journal, opened)


def account_settings(
    config: Config, clock: WallClock, *, mode: str, key: str, secret: str
) -> ClientSettings:
    """Return how an account of the exchange is reached, by a clock that follows the exchange's."""
    from tradebot.adapters.ccxt_client import ClientSettings

    return ClientSettings(
        exchange=config.exchange.id,
        api_key=key,
        secret=secret,
        is_testnet=Mode(mode) is not Mode.LIVE,
        passthrough=config.exchange.ccxt,
        now_ms=clock.now_ms,
        follow=clock.follow,
    )


def _opened_journal(
    run: Run, *, is_ending: bool, is_blind: bool
) -> SqliteJournal | MemoryJournal:
    """Return the run's journal, verified before anything is written to it.

    Whoever only clears what is out needs no sound file, and `is_blind` none at all.
    """
    if is_blind:
        return MemoryJournal()
    if not is_ending:
        check_file(run.journal)
    return SqliteJournal(run.journal)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What sandbox and testnet choose differently; the rest of a bot over ccxt is the same."""

    mode: Mode
    config: Config
    run: Run
    chosen: Chosen
    settings: ClientSettings
    clock: VirtualClock | WallClock
    tell: Listener
    state: State
    is_ending: bool
    key_terms: KeyTerms | None = None


def _over_ccxt(
    parts: _Parts, journal: SqliteJournal | MemoryJournal, opened: list[Closable]
) -> Bot:
    """Return the bot that sandbox and testnet share: the real client, reader and broker."""
    from tradebot.adapters.broker import CcxtBroker
    from tradebot.adapters.ccxt_client import RECEIVE_WINDOW_MS, CcxtClient
    from tradebot.adapters.exchange import ExchangeReader
    from tradebot.runtime.trader import Trader

    config, clock, state = parts.config, parts.clock, parts.state
    interval = timeframe_ms(config.bot.timeframe)
    client = CcxtClient(parts.settings)
    opened.append(client)
    reader = ExchangeReader(client)
    if isinstance(clock, WallClock):
        clock.follow(reader.now_ms())
    tokens = GateTokens()
    # Whoever only clears what is out does it by the name under which it was placed.
    prefix = namespace(config.bot.name if state.started is None else state.started.bot)
    broker = CcxtBroker(client, prefix=prefix, tokens=tokens, clock=clock)
    # Ending needs no market's rules, and must not fail for one that is halted or delisted.
    symbols = () if parts.is_ending else config.bot.markets
    markets = list(reader.markets(symbols, interval, kept=busy_markets(state)).values())
    session = _session(
        config,
        state,
        broker,
        journal,
        clock,
        FileLatch(config.paths.logs / "latch", clock),
        tokens=tokens,
        tell=parts.tell,
        window_ms=RECEIVE_WINDOW_MS,
        is_staged=parts.mode is Mode.LIVE,
    )
    if not parts.is_ending:
        session.record(_terms(parts, broker, markets))
    # A comparison also looks for orders of another tradebot; what it finds is never touched.
    seeing = CcxtBroker(client, prefix=prefix, tokens=tokens, clock=clock, has_others=True)
    reconciler = _reconciler(config, session, seeing, clock, journal)
    trader = Trader(
        session,
        _feed(parts, reader, markets, session.state, opened),
        timeframe_ms=interval,
        reconciler=reconciler,
        dead_man=DeadMan(broker, clock, seconds=config.reconcile.dead_man_seconds),
        clock_watch=ClockWatch(clock, reader.now_ms) if isinstance(clock, WallClock) else None,
        key_watch=_key_watch(parts, session, client),
    )
    return Bot(parts.mode, session, clock, interval, trader, reconciler, opened=opened)


def _key_watch(parts: _Parts, session: Session, client: CcxtClient) -> KeyWatch | None:
    from tradebot.adapters.permissions import ask_permissions
    from tradebot.runtime.key_checks import KeyWatch

    clock, terms = parts.clock, parts.key_terms
    if terms is None or isinstance(clock, VirtualClock):
        return None
    return KeyWatch(session, clock, terms, ask=lambda: ask_permissions(client))


def _feed(
    parts: _Parts,
    reader: CandleSource,
    markets: Sequence[Market],
    state: State,
    opened: list[Closable],
) -> Feed:
    from tradebot.adapters.candles import CandleStore
    from tradebot.runtime.feed import Feed

    store = CandleStore(parts.run.candles)
    opened.append(store)

    def keep(market: str, table: CandleTable) -> None:
        # The exchange's last word stands: it may correct a candle, and a testnet is wiped at times.
        store.append(market, table, replace=True)

    return Feed(
        reader,
        {market.name: market for market in markets},
        state.scales,
        timeframe_ms=timeframe_ms(parts.config.bot.timeframe),
        strategy=parts.chosen.strategy,
        params=parts.chosen.params,
        range_candles=parts.chosen.range_candles,
        keep=keep,
    )


def _reconciler(
    config: Config,
    session: Session,
    broker: Broker,
    clock: VirtualClock | WallClock,
    journal: SqliteJournal | MemoryJournal,
) -> Reconciler:
    # A simulated exchange is the bot's alone, and its days pass in seconds.
    every_seconds = config.reconcile.every_seconds
    return Reconciler(
        session,
        broker,
        clock,
        history=journal.of_order,
        every_ms=DAY_MS if isinstance(clock, VirtualClock) else every_seconds * 1000,
        requests_max=config.reconcile.requests_max,
    )


def _terms(parts: _Parts, broker: Broker, markets: Sequence[Market]) -> list[Event]:
    """Return the events with which a new journal begins, or an old one goes on otherwise."""
    return agreed_terms(
        parts.config,
        parts.state,
        markets,
        broker.balances,
        mode=parts.mode.value,
        strategy=parts.chosen.strategy.name,
        at=parts.clock.now_ms(),
        place="" if parts.mode is Mode.SANDBOX else place_of(parts.run.journal),
    )


def _session(
    config: Config,
    state: State,
    broker: Broker,
    journal: Journal,
    clock: Clock,
    latch: Latch,
    *,
    tokens: GateTokens,
    tell: Listener,
    window_ms: int = 0,
    is_staged: bool = False,
) -> Session:
    return Session(
        state,
        rules=replace(config.rules(), is_staged=is_staged),
        broker=broker,
        journal=journal,
        clock=clock,
        latch=latch,
        tokens=tokens,
        tell=tell,
        window_ms=window_ms,
    )
