"""What must be so before a bot begins: its span, its exchange, and one story on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tradebot.engine.state import State
from tradebot.errors import BooksDisagree, ConfigError, DataError, UsageError
from tradebot.model.timeframe import format_time
from tradebot.runtime.config import Config
from tradebot.runtime.runs import Run, RunSpec

if TYPE_CHECKING:
    from tradebot.candles import CandleTable

SANDBOX_EXCHANGE = "binance"


def traded_span(tables: Sequence[CandleTable], spec: RunSpec) -> tuple[int, int]:
    """Return the first and the last moment of a simulated run, in UTC ms, on the candles' grid.

    Raises UsageError for a span that ends before it begins, DataError for one without candles.
    """
    interval = tables[0].timeframe_ms
    start_ms, end_ms = spec.start_ms, spec.end_ms
    if start_ms is not None and end_ms is not None and end_ms <= start_ms:
        raise UsageError("--to is not after --from", hint="give a later --to")
    first = min(int(table.opened_at[0]) for table in tables)
    last = max(int(table.opened_at[-1]) for table in tables)
    start = first if start_ms is None else max(first, start_ms)
    end = last if end_ms is None else min(last, end_ms)
    start -= start % interval
    end -= end % interval
    if start >= end:
        span = f"they span {format_time(first)} to {format_time(last + interval)}"
        if first == last:
            raise DataError("one candle is not enough to trade", hint=span)
        raise DataError("the candles have none in the span asked for", hint=span)
    return start, end


def check_exchange(config: Config) -> None:
    """Raise ConfigError where the exchange, or what is passed to its client, cannot be."""
    from tradebot.adapters.ccxt_client import CcxtClient, ClientSettings

    wanted = config.exchange
    CcxtClient(ClientSettings(exchange=wanted.id, passthrough=wanted.ccxt)).close()


def check_sandbox(config: Config) -> None:
    """Raise ConfigError where the sandbox does not speak the exchange's language."""
    if config.exchange.id != SANDBOX_EXCHANGE:
        raise ConfigError(
            f"the sandbox speaks for {SANDBOX_EXCHANGE} only, not for {config.exchange.id}",
            hint=f'set [exchange] id = "{SANDBOX_EXCHANGE}", or use `tradebot backtest`',
        )


def check_supported(config: Config) -> None:
    """Raise ConfigError for an exchange whose orders nobody here has proved."""
    if config.exchange.id != SANDBOX_EXCHANGE:
        raise ConfigError(
            f"orders on {config.exchange.id} are not supported yet",
            hint=f'set [exchange] id = "{SANDBOX_EXCHANGE}"',
        )


def check_same_story(run: Run, state: State, *, has_orders: bool) -> None:
    """Raise BooksDisagree where one of journal and sandbox has orders that the other lost."""
    orders = (*state.orders.unsettled.values(), *state.orders.settled.values())
    if has_orders and state.started is None:
        raise BooksDisagree(
            f"{run.sandbox_record} has orders, but {run.journal} has none",
            hint="restore the journal from a backup, or start a new run",
        )
    if not has_orders and any(order.filled for order in orders):
        raise BooksDisagree(
            f"{run.journal} has fills, but {run.sandbox_record} has no orders",
            hint="restore the sandbox's record from a backup, or start a new run",
        )
