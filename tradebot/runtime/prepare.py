"""From what the operator asked for to a checked configuration, candles and the span of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradebot.adapters.candle_names import symbol_in
from tradebot.errors import NotFoundError, UsageError
from tradebot.model.timeframe import parse_time, timeframe_ms, timeframe_name
from tradebot.runtime.checks import traded_span
from tradebot.runtime.config import Config, load_config
from tradebot.runtime.runs import RunSpec

# The emergency stop waits for this file: what takes long to load is loaded where it is used.
if TYPE_CHECKING:
    from tradebot.candles import CandleTable
    from tradebot.runtime.chosen import Chosen

# Where `tradebot data import` puts candles.
STORE_NAME = "candles.db"
# Where every time has a date that can be shown.
SYNTHETIC_MS_MIN = 0
SYNTHETIC_MS_MAX = 4_102_444_800_000
CANDLES_MAX = 1_000_000


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
    is_stored: bool = False


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
    """Return all that a simulated run needs.

    Raises ConfigError, DataError, NotFoundError or UsageError.
    """
    return _prepared(request, mode, (_time(request.start), _time(request.end)))


def reopened(request: Request, spec: RunSpec) -> Prepared:
    """Return what `prepare` returned when the run of `spec` began, for going on with it."""
    files = tuple(Path(file) for file in spec.files)
    again = replace(_worded(request, spec), candles=files, is_stored=spec.is_stored)
    return _prepared(again, spec.mode, (spec.start_ms, spec.end_ms))


def account_spec(request: Request, config: Config, mode: str) -> RunSpec:
    """Return how a run on an account of the exchange was started. Raises UsageError."""
    if request.start is not None or request.end is not None:
        raise UsageError(
            "a run on an account has no --from and no --to",
            hint="leave them out: it trades from now on, until it is stopped",
        )
    return _spec(request, config, mode)


def account_config(request: Request, spec: RunSpec, *, params: Mapping[str, Any]) -> Config:
    """Return the configuration with which the account's run of `spec` was started.

    `params` take the place of the strategy's parameters.
    """
    config = configured(_worded(request, spec))
    strategy = config.strategy.model_copy(update={"params": dict(params)})
    return config.model_copy(update={"strategy": strategy})


def _worded(request: Request, spec: RunSpec) -> Request:
    """Return the request with the words of the run's start where it has none of its own."""
    return replace(
        request,
        markets=request.markets or spec.markets,
        timeframe=request.timeframe or spec.timeframe,
        strategy=request.strategy or spec.strategy,
        seed=spec.seed if request.seed is None else request.seed,
    )


def _prepared(request: Request, mode: str, span: tuple[int | None, int | None]) -> Prepared:
    from tradebot.runtime.chosen import chosen_strategy

    tables = _read_files(request)
    config = configured(request, tables)
    if request.is_stored:
        tables = _read_stored(request, config)
    chosen = chosen_strategy(config)
    spec = replace(_spec(request, config, mode), start_ms=span[0], end_ms=span[1])
    if not tables:
        spec, tables = _synthetic(config, chosen, spec)
    traded_span(tables, spec)
    return Prepared(config, chosen, tables, spec)


def _spec(request: Request, config: Config, mode: str) -> RunSpec:
    return RunSpec(
        mode=mode,
        exchange=config.exchange.id,
        account=config.exchange.account,
        files=tuple(str(path.resolve()) for path in request.candles),
        is_stored=request.is_stored,
        markets=request.markets,
        timeframe=request.timeframe,
        strategy=request.strategy,
        seed=request.seed,
    )


def configured(request: Request, tables: Sequence[CandleTable] = ()) -> Config:
    """Return the configuration with the request's words in it; candle files name their markets."""
    bot: dict[str, Any] = {}
    if tables:
        bot["markets"] = [table.symbol for table in tables]
        bot["timeframe"] = timeframe_name(tables[0].timeframe_ms)
    elif request.markets:
        bot["markets"] = list(request.markets)
    if request.timeframe is not None and not tables:
        bot["timeframe"] = request.timeframe
    overrides: dict[str, dict[str, Any]] = {"bot": bot}
    if request.strategy is not None:
        overrides["strategy"] = {"name": request.strategy}
    if request.seed is not None:
        overrides["sandbox"] = {"seed": request.seed}
    return load_config(request.config, overrides)


def _read_files(request: Request) -> tuple[CandleTable, ...]:
    from tradebot.adapters.candle_files import read_candles

    if request.markets and request.candles and len(request.markets) != len(request.candles):
        raise UsageError(
            f"{len(request.markets)} markets are named for {len(request.candles)} candle files",
            hint="name one market for each file, in the same order, or none",
        )
    for path in request.candles:
        if not path.exists():
            raise NotFoundError(f"{path}: no such file", hint="check the path of --candles")
    for path, symbol in zip(request.candles, request.markets, strict=False):
        told = symbol_in(path.name)
        if told not in (None, symbol):
            raise UsageError(
                f"{path.name} is named as {told}, not {symbol}",
                hint="leave out --markets, or rename the file if its name is wrong",
            )
    symbols = (request.candles and request.markets) or (None,) * len(request.candles)
    tables = tuple(
        read_candles(path, symbol=symbol, timeframe=request.timeframe)
        for path, symbol in zip(request.candles, symbols, strict=True)
    )
    if len({table.timeframe_ms for table in tables}) > 1:
        raise UsageError("the candle files are of different timeframes", hint="give one timeframe")
    if len({table.symbol for table in tables}) < len(tables):
        raise UsageError("two candle files are of the same market", hint="give one file a market")
    return tables


def _read_stored(request: Request, config: Config) -> tuple[CandleTable, ...]:
    """Return the stored candles of the configured markets. Raises NotFoundError, UsageError."""
    from tradebot.adapters.candles import market_name, open_existing

    if request.candles:
        raise UsageError("--stored and --candles are both given", hint="name one of the two")
    timeframe = config.bot.timeframe
    with open_existing(config.paths.logs / STORE_NAME) as store:
        found = [
            store.find(market_name(config.exchange.id, symbol), timeframe)[0]
            for symbol in config.bot.markets
        ]
        return tuple(
            store.read(each.market, timeframe_ms(timeframe), each.first, each.last + 1)
            for each in found
        )


def _synthetic(
    config: Config, chosen: Chosen, spec: RunSpec
) -> tuple[RunSpec, tuple[CandleTable, ...]]:
    """Return the configured synthetic markets, with the strategy's history before them."""
    from tradebot.sandbox.synthetic import synthetic_market

    interval = timeframe_ms(config.bot.timeframe)
    start = spec.start_ms if spec.start_ms is not None else parse_time(config.sandbox.start)
    start -= start % interval
    end = spec.end_ms if spec.end_ms is not None else start + config.sandbox.candles * interval
    if end <= start:
        raise UsageError("--to is not after --from", hint="give a later --to")
    history = chosen.history * interval
    if start - history < SYNTHETIC_MS_MIN or end > SYNTHETIC_MS_MAX:
        raise UsageError(
            "the synthetic market and its history must lie in 1970..2100",
            hint="correct --from and --to, or [sandbox] start and candles",
        )
    if (end - start) // interval > CANDLES_MAX:
        raise UsageError(
            f"a synthetic market has at most {CANDLES_MAX:,} candles",
            hint="give a shorter span or a longer --timeframe",
        )
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
