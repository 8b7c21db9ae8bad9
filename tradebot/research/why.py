"""Why did it trade, or not: one candle of a market, one order, or a span of time.

Law: everything is read from the run's journal and its stored candles; nothing is written or sent.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from tradebot.adapters.journal import entries
from tradebot.engine.closing import market_named
from tradebot.engine.state import State
from tradebot.errors import JournalError, NotFoundError, UsageError
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.market import Market
from tradebot.model.order import RESTING, Leg, Side
from tradebot.model.timeframe import DAY_MS, format_time
from tradebot.research.moments import Moment, moments
from tradebot.research.opinion import Opinion, Opinions
from tradebot.research.sized import Line, size_lines
from tradebot.research.story import Told, told
from tradebot.research.verdict import Because, Verdict, not_decided, verdict
from tradebot.runtime.runs import Run
from tradebot.words import nearest

MINUTE_MS = 60_000
UNITS_MS = {"m": MINUTE_MS, "h": 60 * MINUTE_MS, "d": DAY_MS}
_TERMS = ev.SessionStarted | ev.SessionReconfigured
# A table is read by a person.
ROWS_MAX = 5_000
# What a line's verdict tells by itself.
QUIET = (
    ev.OrderIntended,
    ev.OrderSent,
    ev.OrderAccepted,
    ev.CancelSent,
    ev.OrderCancelled,
    ev.OrderExpired,
    ev.IntentRefused,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A run's journal, and the market that is asked about."""

    run: str
    mode: str
    exchange: str
    market: Market
    events: Sequence[ev.Event]
    opinions: Opinions


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What is held once all of a candle is done; stop and target as they rest, None = none does."""

    quantity: Decimal
    entry_price: Decimal
    stop: Decimal | None
    target: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfCandle:
    """What came of the candle decided at or before a time, and why.

    `order` is what it intended to buy, or would have; `lines` how its quantity came about.
    """

    at: int
    verdict: Verdict
    moment: Moment
    opinion: Opinion
    order: ev.OrderIntended | ev.IntentRefused | None
    lines: tuple[Line, ...]
    standing: tuple[str, ...]
    holding: Holding | None
    story: tuple[Told, ...]

    @property
    def close(self) -> Decimal:
        """The candle's close."""
        assert self.moment.closed is not None, "only candles are explained"
        return self.moment.closed.closes[self.moment.market]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a span: a candle with its verdict, or an event in words."""

    at: int
    close: Decimal | None = None
    exposure_ppm: int | None = None
    verdict: Verdict | None = None
    text: str = ""


def asked(run: Run, market: str, config: Path | None) -> Asked:
    """Return what is to be asked of a run. Raises NotFoundError, and JournalError if damaged."""
    events = [entry.event for entry in entries(run.journal)]
    started = events[0] if events else None
    if not isinstance(started, ev.SessionStarted):
        raise JournalError(f"{run.journal} is empty", hint="the run stopped before it began")
    terms = (each for each in events if isinstance(each, _TERMS))
    known = {each.name: each for event in terms for each in event.markets}
    name = market_named(State(markets=known), market)
    if name is None:
        raise _unknown(run, market, known.values())
    return Asked(
        run=run.name,
        mode=started.mode,
        exchange=started.exchange,
        market=known[name],
        events=events,
        opinions=Opinions(run, config),
    )


def _unknown(run: Run, text: str, known: Iterable[Market]) -> NotFoundError:
    symbols = sorted(market.symbol for market in known)
    close = nearest(text.upper().replace("-", "/"), symbols)
    guess = f"did you mean {close}? " if close else ""
    return NotFoundError(
        f"{run.name} does not trade {text!r}", hint=f"{guess}it trades {', '.join(symbols)}"
    )


# --- one candle ---------------------------------------------------------------------------------


def of_candle(about: Asked, at: int | None) -> OfCandle:
    """Return why at a time, or of the newest candle. Raises NotFoundError where there is none."""
    before: ev.IntentRefused | None = None
    found: tuple[Moment, ev.IntentRefused | None] | None = None
    following: Moment | None = None
    for moment in moments(about.events, about.market.name):
        if at is not None and moment.closed is not None and moment.closed_at > at:
            following = moment
            break
        if moment.closed is not None:
            found = (moment, before)
        before = _last_refusal(moment) or before
    if found is None:
        raise _too_early(about, following)
    moment, before = found
    ruled = verdict(moment, before)
    gap = "" if at is None else _gap(about, moment, following, at)
    if gap:
        ruled = not_decided(moment, gap)
    return _explained(about, moment, ruled, moment.closed_at if at is None else at)


def _last_refusal(moment: Moment) -> ev.IntentRefused | None:
    refusals = [each.event for each in moment.own if isinstance(each.event, ev.IntentRefused)]
    return refusals[-1] if refusals else None


def _too_early(about: Asked, following: Moment | None) -> NotFoundError:
    symbol, began = about.market.symbol, format_time(about.events[0].at)
    first = "" if following is None else f", its first candle {format_time(following.closed_at)}"
    return NotFoundError(
        f"no candle of {symbol} was decided until then in {about.run}",
        hint=f"the run began at {began}{first}",
    )


def _gap(about: Asked, moment: Moment, following: Moment | None, at: int) -> str:
    """Return why no candle was decided at a time; "" where the moment's own was."""
    started = moment.known.started
    assert started is not None, "a candle closes after the start"
    if at < moment.closed_at + started.timeframe_ms:
        return ""
    last = format_time(moment.closed_at)
    if following is None:
        ends = format_time(about.events[-1].at)
        return f"no candle was decided after {last}; the journal ends at {ends}"
    return (
        f"no candle was decided between {last} and {format_time(following.closed_at)}: there was "
        "none, or the bot was not at work"
    )


def _explained(about: Asked, moment: Moment, ruled: Verdict, at: int) -> OfCandle:
    market = about.market
    position = moment.known.positions.get(market.name)
    opinion = about.opinions.of(moment, is_held=position is not None and position.is_open)
    if ruled.because is Because.NO_SIGNAL:
        ruled = _with_misses(ruled, opinion)
    order = _entry(moment) or ruled.refusal
    lines: tuple[Line, ...] = ()
    if order is not None:
        known = moment.known
        then, scale = known.markets[market.name], known.scales[market.name]
        lines = size_lines(order.size, then, scale, order.quantity)
    return OfCandle(
        at=at,
        verdict=ruled,
        moment=moment,
        opinion=opinion,
        order=order,
        lines=lines,
        standing=tuple(_standing(moment)),
        holding=_holding(moment),
        story=told(moment.all_steps, market.name),
    )


def _entry(moment: Moment) -> ev.OrderIntended | None:
    for step in moment.own:
        if isinstance(step.event, ev.OrderIntended) and step.event.side is Side.BUY:
            return step.event
    return None


def _holding(moment: Moment) -> Holding | None:
    state = moment.ended
    position = state.positions.get(moment.market)
    if position is None or not position.is_open:
        return None
    resting = [each for each in state.orders.of(moment.market) if each.status in RESTING]
    stops = (each.stop_price for each in resting if each.leg is Leg.STOP)
    targets = (each.price for each in resting if each.leg is Leg.TARGET)
    return Holding(
        quantity=position.quantity,
        entry_price=position.entry_price,
        stop=next(stops, None),
        target=next(targets, None),
    )


def _standing(moment: Moment) -> Iterator[str]:
    """Yield what stood against an entry when the candle was decided, whatever the signal said."""
    state, market = moment.known, moment.market
    for control, trip in state.track.trips.items():
        if trip.is_active(moment.closed_at):
            yield f"limit {control} has tripped: {trip.message}"
    if state.trading is not TradingState.ACTIVE:
        yield f"trading is {state.trading.value.upper()}"
    if not state.markets[market].is_trading:
        yield "the exchange does not trade it now"
    for (name, cause), reason in state.locks.items():
        if name == market:
            yield f"the market takes only exits ({cause}): {reason}"
    if market in state.feed.spent:
        yield "the present signal has had its trade"


# --- a span -------------------------------------------------------------------------------------


def span_ms(text: str) -> int:
    """Return a length of time such as 24h, 90m or 7d in ms. Raises UsageError."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", text)
    if found is None:
        raise UsageError(f"{text!r} is no length of time", hint="write 90m, 24h or 7d")
    return int(found[1]) * UNITS_MS[found[2]]


def of_span(about: Asked, length_ms: int) -> tuple[Row, ...]:
    """Return a line for each candle and event of the last `length_ms` of the journal.

    Raises NotFoundError where there is none, UsageError where there are too many.
    """
    since = about.events[-1].at - length_ms
    rows: list[Row] = []
    before: ev.IntentRefused | None = None
    for moment in moments(about.events, about.market.name):
        rows += (row for row in _rows(about, moment, before, since) if row.at > since)
        before = _last_refusal(moment) or before
        if len(rows) > ROWS_MAX:
            raise UsageError(
                f"more than {ROWS_MAX} candles and events lie in it", hint="give a shorter --last"
            )
    if not rows:
        raise NotFoundError(
            f"nothing happened in {about.market.symbol} since {format_time(since)}",
            hint="give a longer --last",
        )
    return tuple(rows)


def _rows(
    about: Asked, moment: Moment, before: ev.IntentRefused | None, since: int
) -> Iterator[Row]:
    market = moment.market
    yield from (Row(at=each.at, text=each.text) for each in told(moment.lead, market, QUIET))
    if moment.closed is not None and moment.closed_at > since:
        ruled = verdict(moment, before)
        if ruled.because is Because.NO_SIGNAL:
            ruled = _with_misses(ruled, about.opinions.of(moment, is_held=False))
        yield Row(
            at=moment.closed_at,
            close=moment.closed.closes[market],
            exposure_ppm=moment.exposure_ppm,
            verdict=ruled,
            text=ruled.text,
        )
    yield from (Row(at=each.at, text=each.text) for each in told(moment.steps, market, QUIET))


def _with_misses(ruled: Verdict, opinion: Opinion) -> Verdict:
    """Return a verdict of no signal that tells how near the strategy came to one.

    Where that is not known, its last reason is told.
    """
    found = [miss.words for miss in opinion.misses]
    if not found and opinion.signal is not None:
        found = list(opinion.signal.reasons[-1:])
    return replace(ruled, text="; ".join([ruled.text, *found]))
