"""The state of the bot: all that the engine knows, and nothing that it does.

Law: a state is made by `apply` from events alone; the same events always give the same state.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from tradebot.engine.commands import Commands
from tradebot.engine.differences import Differences
from tradebot.engine.orders import Orders
from tradebot.engine.stage import Stage
from tradebot.engine.track import Marks, Track
from tradebot.model import event as ev
from tradebot.model.account import Position, TradingState
from tradebot.model.market import Market, Scale

NONE: Mapping[Any, Any] = MappingProxyType({})


# Tuples, for they are made at every candle: a frozen dataclass takes four times as long.
class Feed(NamedTuple):
    """What was put before the engine: the last close, close time and exposure of every market.

    `spent` are markets whose present signal has had its trade: after a stop or target they re-enter
    only once a candle's signal was not long. `refused` names the control that last refused the
    present signal, `rounds` counts the limit entries that it was tried with. `unwanted` are markets
    whose strategy's last word, but for "hold", was not long: what is held there has to go.
    """

    latest: int = 0
    closes: Mapping[str, Decimal] = NONE
    closed_at: Mapping[str, int] = NONE
    exposures: Mapping[str, int | None] = NONE
    refused: Mapping[str, str] = NONE
    spent: frozenset[str] = frozenset()
    rounds: Mapping[str, int] = NONE
    unwanted: frozenset[str] = frozenset()


class State(NamedTuple):
    """All that the engine knows; the fold of the journal's events."""

    started: ev.SessionStarted | None = None
    markets: Mapping[str, Market] = NONE
    scales: Mapping[str, Scale] = NONE
    balances: Mapping[str, Decimal] = NONE
    positions: Mapping[str, Position] = NONE
    orders: Orders = Orders()
    feed: Feed = Feed()
    trading: TradingState = TradingState.ACTIVE
    # Why a market takes only exits, by market and cause.
    locks: Mapping[tuple[str, str], str] = NONE
    differences: Differences = Differences()
    # What fees took in a coin that their market does not trade, by coin: no part of any equity.
    third_fees: Mapping[str, Decimal] = NONE
    marks: Marks = Marks()
    track: Track = Track()
    commands: Commands = Commands()
    stage: Stage = Stage()
