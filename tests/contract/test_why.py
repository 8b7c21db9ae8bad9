"""What `why` says of a whole backtest: a cause for every candle, and all that can be worked out."""

from pathlib import Path

import pytest

from tradebot.model import event as ev
from tradebot.model.order import Side
from tradebot.research.backtest import run_backtest
from tradebot.research.kept import keep
from tradebot.research.moments import Moment, moments
from tradebot.research.sized import size_lines
from tradebot.research.verdict import Because, Word, verdict
from tradebot.research.why import Asked, asked
from tradebot.runtime.prepare import Request, prepare

SETTINGS = {
    "vote": "",
    "limit entries": '[entries]\nkind = "limit"\noffset_fraction = 0.005\ntimeout_candles = 2\n',
    "trailing stops": "[exits]\ntrailing_fraction = 0.01\n",
    "volatility": '[sizing]\nmethod = "volatility"\n[strategy]\nname = "rsi_reversion"\n',
    "losses": '[sizing]\nmethod = "fraction"\n[risk]\ndaily_loss_fraction_max = 0.002\n'
    '[strategy]\nname = "donchian"\n',
}


@pytest.fixture(params=SETTINGS)
def tested(request: pytest.FixtureRequest, tmp_path: Path) -> list[Asked]:
    """Return what can be asked of a kept backtest, for each of its markets."""
    config = tmp_path / "config.toml"
    folder = f"[paths]\nlogs = '{tmp_path / 'logs'}'\n[sandbox]\ncandles = 300\n"
    config.write_text(SETTINGS[request.param] + folder)
    prepared = prepare(Request(config=config), "backtest")
    result = run_backtest(prepared.config, prepared.tables, prepared.spec, prepared.chosen)
    run = keep(prepared, result)
    return [asked(run, symbol, config) for symbol in prepared.config.bot.markets]


def of_candles(about: Asked) -> list[Moment]:
    """Return the moments of a market that have a candle."""
    found = [each for each in moments(about.events, about.market.name) if each.closed is not None]
    assert len(found) > 250
    return found


def sides(moment: Moment) -> list[Side]:
    """Return the sides of what was filled in a moment."""
    return [step.event.side for step in moment.own if isinstance(step.event, ev.FillBooked)]


def test_every_candle_has_its_cause_and_every_fill_its_candle(tested: list[Asked]) -> None:
    words = set[Word]()
    for about in tested:
        before = None
        for moment in of_candles(about):
            ruled = verdict(moment, before)
            assert ruled.because is not Because.UNDECIDED, ruled
            filled = {Side.BUY: Word.BOUGHT, Side.SELL: Word.SOLD}
            for side in sides(moment)[-1:]:
                assert ruled.word is filled[side]
            if not sides(moment):
                assert ruled.word in (Word.HELD, Word.NOT_BOUGHT)
            is_open = moment.ended.positions.get(about.market.name)
            if ruled.word is Word.HELD:
                assert is_open is not None
                assert is_open.is_open
            for step in moment.own:
                before = step.event if isinstance(step.event, ev.IntentRefused) else before
            words.add(ruled.word)
        every = [step.event for moment in of_candles(about) for step in moment.own]
        booked = [
            each
            for each in about.events
            if isinstance(each, ev.FillBooked) and each.market == about.market.name
        ]
        assert [each for each in every if isinstance(each, ev.FillBooked)] == booked
    assert words == set(Word)


def test_every_opinion_is_shown_and_every_size_comes_out(tested: list[Asked]) -> None:
    for about in tested:
        for moment in of_candles(about)[::10]:
            assert about.opinions.of(moment, is_held=False).withheld == ""
        for each in about.events:
            is_order = isinstance(each, ev.OrderIntended | ev.IntentRefused)
            if is_order and each.market == about.market.name and each.size:
                (first, *_) = of_candles(about)
                scale = first.known.scales[about.market.name]
                found = size_lines(each.size, about.market, scale, each.quantity)
                assert found
                assert [line.fault for line in found] == [""] * len(found)
