"""A journal knows where it lies: found elsewhere, it goes on under a mark of its own."""

import shutil
from pathlib import Path

from tests.support.bot import LONG, Bot
from tests.support.builders import BTC, HOUR, START, candle, d, market
from tradebot.engine.state import State
from tradebot.model.event import JournalMoved, SessionStarted
from tradebot.runtime.config import Config
from tradebot.runtime.terms import agreed_terms, moved, place_of


def test_copied_or_restored_file_lies_elsewhere_and_a_restarted_one_where_it_was(
    tmp_path: Path,
) -> None:
    journal = tmp_path / "journal.db"
    journal.write_text("events")
    place = place_of(journal)
    assert place_of(tmp_path / "." / "journal.db") == place
    copied = Path(shutil.copytree(tmp_path, tmp_path / "copied")) / "journal.db"
    assert place_of(copied) != place
    journal.rename(tmp_path / "old.db")
    shutil.copy(tmp_path / "old.db", journal)
    assert place_of(journal) != place


def test_place_says_nothing_of_the_machine(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    journal.touch()
    place = place_of(journal)
    assert len(place) == 12
    assert set(place) <= set("0123456789abcdef")


def test_new_journal_says_where_it_lies() -> None:
    (event,) = agreed_terms(
        Config(),
        State(),
        [market()],
        lambda: {"USDT": d(1)},
        mode="testnet",
        strategy="vote",
        at=START,
        place="here",
    )
    assert isinstance(event, SessionStarted)
    assert event.place == "here"
    assert event.instance != ""


def test_journal_found_elsewhere_gets_a_new_mark_once() -> None:
    bot = Bot()
    marks = [""]
    for before, place in (("", "here"), ("here", "there")):
        (event,) = moved(bot.state, place, at=START)
        assert isinstance(event, JournalMoved)
        assert (event.place, event.before) == (place, before)
        marks.append(event.instance)
        bot.session.record([event])
        assert moved(bot.state, place, at=START + 1) == []
    assert len(set(marks)) == 3


def test_simulated_run_has_no_place_and_never_moves() -> None:
    assert moved(Bot().state, "", at=START) == []


def test_newest_candle_decided_again_after_a_move_places_nothing_twice() -> None:
    """The same decision has another id now: what was tried is known by its candle, not its id."""
    bot = Bot("rejected")
    bot.step()
    assert len(bot.broker.placed) == 1
    bot.session.record([JournalMoved(at=START, place="there", before="here", instance="b")])
    bot.session.decide(BTC, candle("100", closed_at=START + HOUR), LONG)
    assert len(bot.broker.placed) == 1
    bot.step(hour=2)
    assert len({each.order_id for each in bot.broker.placed}) == len(bot.broker.placed) > 1
