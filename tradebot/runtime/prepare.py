"""From what the operator asked for to a checked configuration, candles and the span of a run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tradebot.adapters.candle_files import read_candles
from tradebot.candles import CandleTable
from tradebot.errors import ConfigError, UsageError
from tradebot.model.timeframe import parse_time, timeframe_ms, timeframe_name
from tradebot.runtime.assemble import Chosen, chosen_strategy
from tradebot.runtime.config import Config, load_config
from tradebot.runtime.runs import RunSpec
from tradebot.sandbox.synthetic import synthetic_market


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asked for; None where it left the configuration's value."""

    config: Path | None = None
    candles: tuple[Path, ...] = ()
    markets: tuple[str, ...] = ()
    timeframe: str | None = None
    strategy: str | None = None
    start: str | None = None
    end: str | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A configuration with the command line's words in it, its strategy, and the run's span."""

    config: Config
    chosen: Chosen
    tables: tuple[CandleTable, ...]
    spec: RunSpec

    @property
    def closes(self) -> int:
        """How many closes the run steps through, gaps included."""
        first = min(int(table.opened_at[0]) for table in self.tables)
        last = max(int(table.opened_at[-1]) for table in self.tables)
        start, end = self.spec.start_ms, self.spec.end_ms
        span = min(last, end or last) - max(first, start or first)
        return max(0, span // self.tables[0].timeframe_ms)


def prepare(request: Request, mode: str) -> Prepared:
    """Return all that a simulated run needs. Raises ConfigError, DataError or UsageError."""
    tables = _read_files(request)
    config = configured(request, tables)
    chosen = chosen_strategy(config)
    spec = RunSpec(
        mode=mode,
        exchange=config.exchange.id,
        account=config.exchange.account,
        files=tuple(str(path.resolve()) for path in request.candles),
        start_ms=_time(request.start),
        end_ms=_time(request.end),
    )
    if not tables:
        spec, tables = _synthetic(config, chosen, spec)
    return Prepared(config, chosen, tables, spec)


def configured(request: Request, tables: Sequence[CandleTable] = ()) -> Config:
    """Return the configuration with the request's words in it; candle files name their markets."""
    bot: dict[str, Any] = {}
    if tables:
        bot["markets"] = [table.symbol for table in tables]
        bot["timeframe"] = timeframe_name(tables[0].timeframe_ms)
    elif request.markets:
        bot["markets"] = list(request.markets)
    if request.timeframe and not tables:
        bot["timeframe"] = request.timeframe
    overrides: dict[str, dict[str, Any]] = {"bot": bot}
    if request.strategy:
        overrides["strategy"] = {"name": request.strategy}
    if request.seed is not None:
        overrides["sandbox"] = {"seed": request.seed}
    return load_config(request.config, overrides)


def reopened(request: Request, spec: RunSpec) -> Prepared:
    """Return what `prepare` returned when the run began, for going on with it."""
    files = tuple(Path(file) for file in spec.files)
    prepared = prepare(replace(request, candles=files, start=None, end=None), spec.mode)
    if files:
        return Prepared(prepared.config, prepared.chosen, prepared.tables, spec)
    return prepared


def _read_files(request: Request) -> tuple[CandleTable, ...]:
    if request.markets and request.candles and len(request.markets) != len(request.candles):
        raise UsageError(
            f"{len(request.markets)} markets are named for {len(request.candles)} candle files",
            hint="name one market for each file, in the same order, or none",
        )
    symbols = request.markets or (None,) * len(request.candles)
    tables = tuple(
        read_candles(path, symbol=symbol, timeframe=request.timeframe)
        for path, symbol in zip(request.candles, symbols, strict=True)
    )
    if len({table.timeframe_ms for table in tables}) > 1:
        raise UsageError("the candle files are of different timeframes", hint="give one timeframe")
    if len({table.symbol for table in tables}) < len(tables):
        raise UsageError("two candle files are of the same market", hint="give one file a market")
    return tables


def _synthetic(
    config: Config, chosen: Chosen, spec: RunSpec
) -> tuple[RunSpec, tuple[CandleTable, ...]]:
    """Return the configured synthetic markets, with the strategy's history before them."""
    interval = timeframe_ms(config.bot.timeframe)
    start = spec.start_ms if spec.start_ms is not None else parse_time(config.sandbox.start)
    start -= start % interval
    end = spec.end_ms if spec.end_ms is not None else start + config.sandbox.candles * interval
    if end <= start:
        raise UsageError("--to is not after --from", hint="give a later --to")
    history = chosen.warmup * interval
    if start - history < 0:
        raise ConfigError("sandbox.start is too early for the strategy's history")
    # One candle more: its open fills what the last one decided.
    count = (end - start + history) // interval + 1
    tables = tuple(
        synthetic_market(
            symbol,
            timeframe_ms=interval,
            start_ms=start - history,
            count=count,
            seed=config.sandbox.seed,
        )
        for symbol in config.bot.markets
    )
    return replace(spec, is_synthetic=True, start_ms=start, end_ms=end), tables


def _time(text: str | None) -> int | None:
    return None if text is None else parse_time(text)
