"""On what terms a journal begins and goes on: markets, strategy, configuration.

Law: a change of terms is an event; a sandbox run, which must replay the same, may not change them.
"""

import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from tradebot import __version__
from tradebot.engine.state import State
from tradebot.errors import ConfigError
from tradebot.model.event import Event, JournalMoved, SessionReconfigured, SessionStarted
from tradebot.model.market import Market
from tradebot.model.timeframe import timeframe_ms
from tradebot.runtime.config import Config


def agreed_terms(
    config: Config,
    state: State,
    markets: Sequence[Market],
    balances: Callable[[], Mapping[str, Decimal]],
    *,
    mode: str,
    strategy: str,
    at: int,
    place: str,
) -> list[Event]:
    """Return the events with which a new journal begins, or an old one goes on otherwise; or none.

    Raises ConfigError, and ExchangeUnavailable where a new one cannot be told its balances.
    """
    if state.started is not None:
        changed = reconfigured(config, state, markets, at=at, strategy=strategy)
        return [*moved(state, place, at=at), *changed]
    return [
        started_event(
            config,
            mode,
            markets,
            balances(),
            at=at,
            strategy=strategy,
            instance=_mark(place, at),
            place=place,
        )
    ]


def place_of(journal: Path) -> str:
    """Return where a journal lies: its host, its file and its path, hashed.

    A copy and a restored backup are other files; a clone of the whole machine is not.
    """
    named = f"{platform.node()}|{journal.stat().st_ino}|{journal.resolve()}"
    return hashlib.sha256(named.encode()).hexdigest()[:12]


def _mark(place: str, at: int) -> str:
    """Return the mark of a journal that lies there from now on; "" for a simulated run.

    Two that trade one account by one configuration must not give their orders one id. A simulated
    run, which has an exchange of its own, must give the same ones again.
    """
    return hashlib.sha256(f"{place}|{at}".encode()).hexdigest()[:12] if place else ""


def moved(state: State, place: str, *, at: int) -> list[Event]:
    """Return the event by which a journal that lies elsewhere gets a new mark, or none.

    A simulated run has no place.
    """
    assert state.started is not None, "only a journal that has begun can be moved"
    before = state.started.place
    if not place or place == before:
        return []
    return [JournalMoved(at=at, place=place, before=before, instance=_mark(place, at))]


def started_event(
    config: Config,
    mode: str,
    markets: Sequence[Market],
    balances: Mapping[str, Decimal],
    *,
    at: int,
    strategy: str,
    instance: str = "",
    place: str = "",
) -> SessionStarted:
    """Return the first event of a new journal; balances of the markets' own coins only.

    `instance` tells this journal from any other of the account, `place` where it lies; a simulated
    run has neither.
    """
    coins = {asset for market in markets for asset in (market.base, market.quote)}
    return SessionStarted(
        at=at,
        mode=mode,
        bot=config.bot.name,
        exchange=config.exchange.id,
        timeframe_ms=timeframe_ms(config.bot.timeframe),
        markets=tuple(sorted(markets, key=lambda market: market.name)),
        strategy=strategy,
        config_hash=config.digest(),
        balances={asset: balances.get(asset, Decimal(0)) for asset in sorted(coins)},
        version=__version__,
        account=config.exchange.account,
        instance=instance,
        place=place,
    )


def reconfigured(
    config: Config, state: State, markets: Sequence[Market], *, at: int, strategy: str
) -> list[Event]:
    """Return the event by which a journal goes on under other terms; empty where they are the same.

    Raises ConfigError where a position would be left without its market or change its coin.
    """
    started = state.started
    assert started is not None, "only a journal that has begun can go on"
    terms = {market.name: market for market in markets}
    is_same = {market.name: market for market in started.markets} == terms
    if is_same and started.config_hash == config.digest():
        return []
    for name, known in state.markets.items():
        if name not in terms and is_busy(state, name):
            raise ConfigError(
                f"{known.symbol} is no longer in [bot] markets, but has a position or an order",
                hint="put it back, and end the position first",
            )
        if known.quote != markets[0].quote:
            raise ConfigError(
                f"this journal counts in {known.quote}, the markets are in {markets[0].quote}",
                hint="use another [exchange] account for another quote coin",
            )
    return [
        SessionReconfigured(
            at=at,
            timeframe_ms=timeframe_ms(config.bot.timeframe),
            markets=tuple(sorted(markets, key=lambda market: market.name)),
            strategy=strategy,
            config_hash=config.digest(),
            version=__version__,
        )
    ]


def busy_markets(state: State) -> dict[str, Market]:
    """Return the rules of the markets in which something is held or out, by symbol."""
    return {
        known.symbol: known for name, known in state.markets.items() if is_busy(state, name)
    }


def is_busy(state: State, market: str) -> bool:
    """Return whether a market has a position or an order."""
    position = state.positions.get(market)
    return (position is not None and position.is_open) or bool(state.orders.of(market))


def check_same_bot(config: Config, state: State) -> None:
    """Raise ConfigError where the configuration names another bot than the journal.

    Every order id begins with the name: under another one its own orders would not be the bot's.
    """
    name = config.bot.name
    if state.started is not None and state.started.bot != name:
        raise ConfigError(
            f"the journal is of bot {state.started.bot!r}, [bot] name is {name!r}",
            hint=f"put name = {state.started.bot!r} back; for another bot use another account, "
            "and name it in [exchange] account",
        )


def check_same_terms(config: Config, state: State) -> None:
    """Raise ConfigError where a sandbox run would go on under another configuration."""
    if state.started is not None and state.started.config_hash != config.digest():
        raise ConfigError(
            "the configuration has changed since this journal began",
            hint="start a new run, or put the old values back",
        )
