"""The state of the bot: all that the engine knows, and nothing that it does.

Law: a state is made by `apply` from events alone; the same events always give the same state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tradebot.engine.commands import Commands
from tradebot.engine.differences import Differences
from tradebot.engine.orders import Orders
from tradebot.engine.track import Track
from tradebot.model import event as ev
from tradebot.model.account import Position, TradingState
from tradebot.model.market import Market, Scale


@dataclass(frozen=True, slots=True)
class Feed:
    """What was put before the engine: the last close, close time and exposure of every market.

    `spent` are markets whose present signal has had its trade: after a stop or target they re-enter
    only once a candle's signal was not long. `refused` names the control that last refused the
    present signal, `rounds` counts the limit entries that it was tried with. `unwanted` are markets
    whose strategy's last word, but for "hold", was not long: what is held there has to go.
    """

    latest: int = 0
    closes: Mapping[str, Decimal] = field(default_factory=dict)
    closed_at: Mapping[str, int] = field(default_factory=dict)
    exposures: Mapping[str, int | None] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    spent: frozenset[str] = frozenset()
    rounds: Mapping[str, int] = field(default_factory=dict)
    unwanted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class State:
    """All that the engine knows; the fold of the journal's events."""

    started: ev.SessionStarted | None = None
    markets: Mapping[str, Market] = field(default_factory=dict)
    scales: Mapping[str, Scale] = field(default_factory=dict)
    balances: Mapping[str, Decimal] = field(default_factory=dict)
    positions: Mapping[str, Position] = field(default_factory=dict)
    orders: Orders = field(default_factory=Orders)
    feed: Feed = Feed()
    trading: TradingState = TradingState.ACTIVE
    # Why a market takes only exits, by market and cause.
    locks: Mapping[tuple[str, str], str] = field(default_factory=dict)
    differences: Differences = field(default_factory=Differences)
    # What fees took in a coin that their market does not trade, by coin: no part of any equity.
    third_fees: Mapping[str, Decimal] = field(default_factory=dict)
    track: Track = field(default_factory=Track)
    commands: Commands = field(default_factory=Commands)


def with_feed(state: State, feed: Feed, track: Track | None = None) -> State:
    """Return the state with another feed, and another track if one is given."""
    # Written out, here and below: it runs at every candle, and dataclasses.replace is slower.
    return State(
        state.started,
        state.markets,
        state.scales,
        state.balances,
        state.positions,
        state.orders,
        feed,
        state.trading,
        state.locks,
        state.differences,
        state.third_fees,
        state.track if track is None else track,
        state.commands,
    )


def with_orders(state: State, orders: Orders) -> State:
    """Return the state with other orders."""
    return State(
        state.started,
        state.markets,
        state.scales,
        state.balances,
        state.positions,
        orders,
        state.feed,
        state.trading,
        state.locks,
        state.differences,
        state.third_fees,
        state.track,
        state.commands,
    )
