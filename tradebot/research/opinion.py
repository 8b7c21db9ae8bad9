"""What a strategy made of one candle, asked again: readings, votes, and how near it came.

Law: an opinion is shown only where configuration and candle are those of the journal, and the
exposure comes out as it was journalled; else it is said why not. Nothing is invented.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from tradebot.adapters.candle_reads import CandleReads
from tradebot.candles import CandleTable
from tradebot.errors import TradebotError
from tradebot.model.event import SessionStarted
from tradebot.model.market import Market
from tradebot.model.money import decimals_of, from_float, from_units, plain
from tradebot.model.signal import Signal
from tradebot.model.timeframe import format_time, timeframe_name
from tradebot.research.moments import Moment
from tradebot.runtime.chosen import Chosen, chosen_strategy
from tradebot.runtime.config import Config
from tradebot.runtime.prepare import Request, configured
from tradebot.runtime.runs import Run
from tradebot.strategies.base import AnyParams, last_signal
from tradebot.strategies.vote import VoteParams

DIGEST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Miss:
    """A condition of the strategy that did not hold: its value, and what it had to reach."""

    what: str
    value: float
    needed: float

    @property
    def short(self) -> float:
        """How far it was from holding."""
        return abs(self.needed - self.value)

    @property
    def words(self) -> str:
        """The condition in words: `score 0.21 needs 0.3, 0.09 short`."""
        return f"{self.what} {self.value:.4g} needs {self.needed:.4g}, {self.short:.4g} short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What the strategy said: its target by the journal, and the signal behind it.

    `signal` is None where it cannot be shown; `withheld` says why.
    """

    strategy: str
    exposure_ppm: int | None
    signal: Signal | None = None
    withheld: str = ""
    misses: tuple[Miss, ...] = ()


class Opinions:
    """The strategy of a run, asked again about candles that the run has stored."""

    def __init__(self, run: Run, config: Path | None) -> None:
        self._run = run
        self._config = config
        self._known: dict[str, Chosen | str] = {}

    def of(self, moment: Moment, *, is_held: bool) -> Opinion:
        """Return the opinion of a moment's candle; `is_held` says which way it could have acted."""
        started = moment.known.started
        assert started is not None, "a candle closes after the start"
        told = Opinion(strategy=started.strategy, exposure_ppm=moment.exposure_ppm)
        try:
            signal = self._signal(moment, started)
        except TradebotError as error:
            return replace(told, withheld=error.message)
        if isinstance(signal, str):
            return replace(told, withheld=signal)
        chosen = self._chosen(started)
        assert isinstance(chosen, Chosen), "whoever gave a signal was chosen"
        return replace(told, signal=signal, misses=misses(chosen.params, signal, is_held=is_held))

    def _signal(self, moment: Moment, started: SessionStarted) -> Signal | str:
        """Return what the strategy says of the candle, or why that is not known."""
        chosen = self._chosen(started)
        if isinstance(chosen, str):
            return chosen
        seen = self._seen(moment, started.timeframe_ms, chosen.warmup)
        fault = _candle_fault(seen, moment, moment.known.markets[moment.market])
        if fault:
            return fault
        signal = last_signal(chosen.strategy, seen.frame(), chosen.params)
        if signal.exposure_ppm != moment.exposure_ppm:
            return (
                f"asked again it says {exposure_words(signal.exposure_ppm)}, and the journal has "
                f"{exposure_words(moment.exposure_ppm)}: candles or strategy have changed since"
            )
        return signal

    def _seen(self, moment: Moment, timeframe_ms: int, count: int) -> CandleTable:
        """Return the last `count` stored candles up to the moment's; fewer where there are none."""
        end = moment.closed_at
        with CandleReads(self._run.candles) as store:
            # Most markets have no gaps: all of the past is read only where that is not enough.
            seen = store.read(moment.market, timeframe_ms, end - count * timeframe_ms, end)
            if len(seen) < count:
                seen = store.read(moment.market, timeframe_ms, 0, end)
        return seen.last(count)

    def _chosen(self, started: SessionStarted) -> Chosen | str:
        """Return the strategy by which the journal went on then, or why it is not known."""
        digest = started.config_hash
        if digest not in self._known:
            try:
                self._known[digest] = self._found(started)
            except TradebotError as error:
                self._known[digest] = error.message
        return self._known[digest]

    def _found(self, started: SessionStarted) -> Chosen | str:
        spec = self._run.spec_or_name()
        base = Request(
            config=self._config,
            markets=tuple(market.symbol for market in started.markets),
            timeframe=timeframe_name(started.timeframe_ms),
        )
        worded = replace(base, strategy=spec.strategy, seed=spec.seed)
        # An account's run keeps the words of its last start alone.
        configs: list[Config] = [configured(worded), configured(base)]
        for config in configs:
            if config.digest() == started.config_hash:
                return chosen_strategy(config)
        return (
            f"the configuration is another one now ({configs[0].digest()[:DIGEST_SHOWN]}, then "
            f"{started.config_hash[:DIGEST_SHOWN]})"
        )


def _candle_fault(seen: CandleTable, moment: Moment, market: Market) -> str:
    """Return why the stored candles are not those that were decided; "" = they are."""
    if not len(seen) or int(seen.closed_at[-1]) != moment.closed_at:
        return f"the candle that closed at {format_time(moment.closed_at)} is not stored"
    assert moment.closed is not None, "a candle was read"
    decided = moment.closed.closes[moment.market]
    stored = from_float(float(seen.close[-1]), decimals_of(market.tick))
    if stored != decided:
        return (
            f"its candle is stored with the close {plain(stored)}, and was decided with "
            f"{plain(decided)}"
        )
    return ""


def misses(params: AnyParams, signal: Signal, *, is_held: bool) -> tuple[Miss, ...]:
    """Return which conditions of `vote` kept it from acting; none of any other strategy's.

    A flat market waits for a BUY, a held one for a SELL.
    """
    if not isinstance(params, VoteParams) or "score" not in signal.readings:
        return ()
    score, needed = signal.readings["score"], params.score_min
    found = []
    if is_held and score > -needed:
        found.append(Miss("score", score, -needed))
    if not is_held and score < needed:
        found.append(Miss("score", score, needed))
    # The confidence is that of the side which the score is on.
    is_on_side = score < 0 if is_held else score > 0
    if is_on_side and signal.confidence < params.confidence_min:
        found.append(Miss("confidence", signal.confidence, params.confidence_min))
    return tuple(found)


def exposure_words(exposure_ppm: int | None) -> str:
    """Return a target exposure in words: hold, out, or how much of a full position."""
    if exposure_ppm is None:
        return "hold"
    if exposure_ppm <= 0:
        return "out"
    return f"long {plain(from_units(exposure_ppm, 6))}"
