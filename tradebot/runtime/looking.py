"""What can be seen of a run from outside: read-only, from its journal, lock and latch.

Law: nothing here writes, and a stopped bot is never shown as running.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tradebot.adapters.clock import WallClock
from tradebot.adapters.inbox import Inbox
from tradebot.adapters.journal import entries
from tradebot.adapters.latch import FileLatch
from tradebot.engine.apply import apply
from tradebot.engine.state import State
from tradebot.engine.unprotected import Unprotected, Watch
from tradebot.errors import JournalError
from tradebot.model.account import Position, TradingState
from tradebot.model.money import ZERO
from tradebot.model.order import Order
from tradebot.runtime.config import Config
from tradebot.runtime.runs import Run, Runs


@dataclass(frozen=True, slots=True)
class Lock:
    """A market that takes no entries, what locked it, and why in words."""

    market: str
    cause: str
    reason: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that has tripped: it keeps entries out until `until` (UTC ms; 0 = for good)."""

    control: str
    limit: Decimal
    value: Decimal
    until: int
    message: str


@dataclass(frozen=True, slots=True)
class Told:
    """A person's command that has no end yet: it waits, or was taken."""

    id: str
    word: str
    scope: str
    is_taken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One run, seen now. `state` is running, not running or halted.

    `paused` is why a person lets only exits through, "" = he does not; `limits` are those that keep
    entries out at the last candle.
    `unprotected` says of every open position how long no stop rested, up to the newest event;
    `third_fees` what was paid in coins that are no part of the equity.
    """

    run: str
    mode: str
    exchange: str
    state: str
    why: str
    paused: str
    limits: tuple[Limit, ...]
    last_candle: int
    equity: Decimal
    quote: str
    events: int
    positions: Mapping[str, Position]
    orders: tuple[Order, ...]
    unprotected: Mapping[str, Unprotected]
    third_fees: Mapping[str, Decimal]
    locks: tuple[Lock, ...]
    commands: tuple[Told, ...]


def look(config: Config, run_name: str | None) -> Look:
    """Return what can be seen of a run. Raises NotFoundError and JournalError."""
    run = Runs(config.paths.logs).find(run_name)
    state, count, watch = State(), 0, Watch()
    for entry in entries(run.journal):
        state, count = apply(state, entry.event), entry.seq
        watch.hear(entry.event, state)
    if state.started is None:
        raise JournalError(f"{run.journal} is empty", hint="the run stopped before it began")
    word, why = _word(config, state, is_locked=run.is_locked())
    quote = next(iter(state.markets.values())).quote
    value = sum(
        (
            position.quantity * state.feed.closes.get(market, ZERO)
            for market, position in state.positions.items()
        ),
        start=state.balances.get(quote, ZERO),
    )
    return Look(
        run=run.name,
        mode=state.started.mode,
        exchange=state.started.exchange,
        state=word,
        why=why,
        paused=state.commands.paused,
        limits=_limits(state),
        last_candle=state.feed.latest,
        equity=value,
        quote=quote,
        events=count,
        positions={name: each for name, each in state.positions.items() if each.is_open},
        orders=tuple(state.orders.unsettled.values()),
        unprotected={each.market: each for each in watch.open()},
        third_fees=dict(sorted(state.third_fees.items())),
        locks=tuple(Lock(*key, reason) for key, reason in sorted(state.locks.items())),
        commands=_commands(run, state),
    )


def _limits(state: State) -> tuple[Limit, ...]:
    """Return what keeps entries out at the last candle: a simulated run has no other time."""
    return tuple(
        Limit(control, trip.limit, trip.value, trip.until, trip.message)
        for control, trip in state.track.trips.items()
        if trip.is_active(state.feed.latest)
    )


def _commands(run: Run, state: State) -> tuple[Told, ...]:
    taken = state.commands.open.values()
    waiting = Inbox(run.commands).peek()
    return (
        *(Told(each.command_id, each.word.value, each.scope, True) for each in taken),
        *(Told(each.id, each.word.value, each.scope, False) for each in waiting),
    )


def _word(config: Config, state: State, *, is_locked: bool) -> tuple[str, str]:
    latch = FileLatch(config.paths.logs / "latch", WallClock())
    if not latch.may_start() and not latch.is_new():
        return "halted", latch.state().reason
    if state.trading is TradingState.HALTED and is_locked:
        return "halted", "the journal says so"
    held_up = [state.commands.paused] if state.commands.paused else []
    held_up += ["a limit has tripped"] if state.track.lasting() else []
    why = f"only exits: {', and '.join(held_up)}" if held_up else ""
    if state.trading is TradingState.HALTED:
        lifted = "the halt is lifted: the next run trades"
        why = f"{lifted}, {why}" if why else lifted
    return ("running" if is_locked else "not running"), why
