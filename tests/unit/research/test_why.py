"""A journal asked why: gaps, what came before the first candle, what stood against an entry."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.builders import BTC, ETH, HOUR, START, closed, d, market, rules, started
from tests.support.tiny_market import TinyMarket
from tradebot.adapters.journal import SqliteJournal
from tradebot.errors import JournalError, NotFoundError, UsageError
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.command import CommandEnd, CommandEnded, CommandTaken, CommandWord
from tradebot.model.signal import Signal
from tradebot.research.moments import moments
from tradebot.research.opinion import misses
from tradebot.research.why import Asked, asked, of_candle, of_span, span_ms
from tradebot.research.why_order import of_order
from tradebot.runtime.runs import Run
from tradebot.strategies.ema_cross import EmaCrossParams
from tradebot.strategies.vote import VoteParams


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a run with a folder and nothing in it."""
    return Run(tmp_path)


def about(run: Run, events: list[ev.Event], name: str = "BTC/USDT") -> Asked:
    """Write a journal and ask about a market of it."""
    journal = SqliteJournal(run.journal)
    journal.append(events)
    journal.close()
    return asked(run, name, None)


def traded(text: str, exposures: str, **by: int) -> list[ev.Event]:
    """Return the journal of a tiny market."""
    return list(TinyMarket(text, exposures, rules(**by)).trade().journal.events())


def test_gap_of_candles_is_told_between_its_ends(run: Run) -> None:
    asking = about(run, traded("100 100 - - 100", "- - -"))
    found = of_candle(asking, START + 4 * HOUR)
    assert found.verdict.because == "no_candle"
    assert found.verdict.text == (
        "no candle was decided between 2024-01-01T02:00:00Z and 2024-01-01T05:00:00Z: there was "
        "none, or the bot was not at work"
    )
    for at, closed_at in ((2 * HOUR, 2), (3 * HOUR - 1, 2), (5 * HOUR, 5)):
        found = of_candle(asking, START + at)
        assert (found.verdict.because, found.moment.closed_at) == (
            "no_signal",
            START + closed_at * HOUR,
        )


def test_first_candle_after_a_gap_is_refused_by_it(run: Run) -> None:
    asking = about(run, traded("100 100 - 100", "- - L"))
    found = of_candle(asking, None)
    assert found.verdict.refusal is not None
    assert found.verdict.refusal.control == "candle_gap"


@pytest.mark.parametrize("at", [START + HOUR - 1, 0, -1, -(10**12)])
def test_time_before_the_first_candle_is_nothing_found(run: Run, at: int) -> None:
    """Symptom: asked of 1900, the first candle was told to be of 1970."""
    asking = about(run, traded("100 100", "- -"))
    with pytest.raises(NotFoundError, match="no candle of BTC/USDT was decided until then") as told:
        of_candle(asking, at)
    assert told.value.hint.endswith("its first candle 2024-01-01T01:00:00Z")


def test_journal_without_a_candle_is_nothing_found(run: Run) -> None:
    asking = about(run, [started()])
    with pytest.raises(NotFoundError):
        of_candle(asking, None)
    with pytest.raises(NotFoundError, match="nothing happened"):
        of_span(asking, HOUR)


def test_journal_that_is_empty_is_named(run: Run) -> None:
    with pytest.raises(JournalError, match="is empty"):
        about(run, [])


def test_opinion_of_a_run_that_does_not_say_how_it_began_is_withheld(run: Run) -> None:
    found = of_candle(about(run, traded("100 100 100", "- L -")), START + 2 * HOUR)
    assert found.opinion.signal is None
    assert "run.json is damaged" in found.opinion.withheld
    assert found.verdict.word == "BOUGHT"
    assert [line.fault for line in found.lines] == [""] * 7


def test_what_stands_against_an_entry_is_told_though_there_is_no_signal(run: Run) -> None:
    lock = ev.MarketLocked(at=START, market=BTC, cause="reconcile", reason="less of it")
    other = ev.MarketLocked(at=START, market=ETH, cause="reconcile", reason="less of that")
    state = ev.TradingStateChanged(at=START, state=TradingState.REDUCING, reason="a person")
    trip = ev.LimitTripped(
        at=START, control="drawdown", limit=d(1), value=d(2), until=0, message="too deep"
    )
    over = replace(trip, control="day", until=START + HOUR, message="over by then")
    events = [started(), lock, other, state, trip, over, closed(BTC="100", exposure=0)]
    found = of_candle(about(run, events), None)
    assert found.standing == (
        "limit drawdown has tripped: too deep",
        "trading is REDUCING",
        "the market takes only exits (reconcile): less of it",
    )


def test_command_is_told_where_it_is_about_the_market(run: Run) -> None:
    events: list[ev.Event] = [started(market(), market("ETH/USDT")), closed(BTC="100", ETH="9")]
    for number, scope in enumerate(("", "ETH/USDT", "BTC/USDT")):
        name = f"1704067200000-1-{number}"
        taken = CommandTaken(
            at=START, command_id=name, word=CommandWord.CLOSE, scope=scope, reason="mine"
        )
        ended = CommandEnded(at=START, command_id=name, end=CommandEnd.DONE, text=f"did {number}")
        events += [taken, ended]
    story = of_candle(about(run, events), None).story
    assert [each.text for each in story] == [
        "by hand: close: mine",
        "by hand, done: did 0",
        "by hand: close BTC/USDT: mine",
        "by hand, done: did 2",
    ]


def test_order_is_told_with_its_trip_and_the_next_trip_is_another(run: Run) -> None:
    asking = about(run, traded("100 100 110 100 100 100 100", "L L - L L - -", stop_ppm=50_000))
    intended = [each for each in asking.events if isinstance(each, ev.OrderIntended)]
    first = of_order(asking, intended[0].order_id)
    assert [(each.leg, each.status) for each in first.others] == [
        ("stop", "cancelled"),
        ("exit", "filled"),
    ]
    assert first.gain == d("97.8011")
    legs = [each.leg for each in intended]
    second = of_order(asking, intended[legs.index("entry", 1)].order_id)
    assert "entry" not in [each.leg for each in second.others]
    assert second.gain is not None
    assert second.gain < 0


def test_order_of_an_open_trip_has_no_gain(run: Run) -> None:
    asking = about(run, traded("100 100 110", "L L L"))
    (entry, *_) = [each for each in asking.events if isinstance(each, ev.OrderIntended)]
    assert of_order(asking, entry.order_id).gain is None


def test_candles_of_another_market_begin_no_moment() -> None:
    both = started(market(), market("ETH/USDT"))
    events = [both, closed(BTC="100", exposure=0), closed(ETH="10", exposure=0)]
    assert [each.closed_at for each in moments(events, ETH)] == [0, START + HOUR]


@pytest.mark.parametrize(
    ("text", "length"), [("90m", 90 * 60_000), ("24h", 24 * HOUR), ("7d", 7 * 24 * HOUR)]
)
def test_length_of_time_is_read(text: str, length: int) -> None:
    assert span_ms(text) == length


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "01h", "1.5h", "24 h", "1w", "9999999h"])
def test_length_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no length of time"):
        span_ms(text)


@pytest.mark.parametrize(
    ("score", "confidence", "is_held", "found"),
    [
        (0.21, 0.7, False, ["score 0.21 needs 0.3, 0.09 short"]),
        (0.35, 0.5, False, ["confidence 0.5 needs 0.6, 0.1 short"]),
        (
            0.2,
            0.55,
            False,
            ["score 0.2 needs 0.3, 0.1 short", "confidence 0.55 needs 0.6, 0.05 short"],
        ),
        (0.35, 0.7, False, []),
        (-0.4, 0.5, False, ["score -0.4 needs 0.3, 0.7 short"]),
        (-0.1, 0.7, True, ["score -0.1 needs -0.3, 0.2 short"]),
        (-0.4, 0.5, True, ["confidence 0.5 needs 0.6, 0.1 short"]),
        (0.4, 0.5, True, ["score 0.4 needs -0.3, 0.7 short"]),
    ],
)
def test_nearest_miss_of_vote_is_against_what_would_have_acted(
    score: float, confidence: float, is_held: bool, found: list[str]
) -> None:
    signal = Signal(exposure_ppm=None, confidence=confidence, readings={"score": score})
    told = misses(VoteParams(), signal, is_held=is_held)
    assert [each.words for each in told] == found


def test_other_strategies_and_a_cold_one_have_no_miss() -> None:
    signal = Signal(exposure_ppm=None, readings={"score": 0.1})
    assert misses(EmaCrossParams(), signal, is_held=False) == ()
    assert misses(VoteParams(), Signal(exposure_ppm=None), is_held=False) == ()
