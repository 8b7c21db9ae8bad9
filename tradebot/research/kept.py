"""Backtests that were kept: a folder each, with journal and candles, as a run has.

Law: they lie apart from the runs: nothing that trades, stops or clears a bot ever looks at them.
"""

from tradebot.adapters.candles import CandleStore, market_name
from tradebot.adapters.journal import SqliteJournal
from tradebot.errors import NotFoundError
from tradebot.research.backtest import BacktestResult
from tradebot.runtime.config import Config
from tradebot.runtime.prepare import Prepared
from tradebot.runtime.runs import Run, Runs

FOLDER = "backtests"


def find_kept(config: Config, name: str | None) -> Run:
    """Return the kept backtest of that name, or the last one. Raises NotFoundError."""
    runs = _backtests(config)
    if not runs.names():
        raise NotFoundError("no backtest was kept", hint="`tradebot backtest --keep` keeps one")
    return runs.find(name)


def keep(prepared: Prepared, result: BacktestResult) -> Run:
    """Write a backtest's journal and candles into a folder of its own, which is the last now.

    Raises JournalError or DataError where the disk does not let us.
    """
    config = prepared.config
    runs = _backtests(config)
    run = runs.create(prepared.spec)
    journal = SqliteJournal(run.journal)
    try:
        journal.append(result.events)
    finally:
        journal.close()
    with CandleStore(run.candles) as store:
        for table in prepared.tables:
            store.append(market_name(config.exchange.id, table.symbol), table)
    runs.set_last(run)
    return run


def _backtests(config: Config) -> Runs:
    return Runs(config.paths.logs / FOLDER)
