"""A person's word about a difference: what it changes in the books, and what it unlocks."""

from dataclasses import dataclass

import pytest

from tests.support.bot import NOW
from tests.support.builders import BTC, ETH, d, fill, report, rules
from tests.support.compared import Compared, held, unknown_order
from tests.support.fakes import FakeClock
from tradebot.engine.compare import COINS_APART_MS
from tradebot.engine.remedies import CAUSE
from tradebot.errors import BooksDisagree, UsageError
from tradebot.model import event as ev
from tradebot.model.account import TradingState
from tradebot.model.command import CommandEnd
from tradebot.model.event import Resolution
from tradebot.model.order import ListedFill, OrderStatus, Side
from tradebot.runtime.by_hand import Answered, Asked, Word, _Desk, adopt_all, adopt_named
from tradebot.runtime.config import Config
from tradebot.runtime.obeying import Answer
from tradebot.runtime.reconciling import Reconciler
from tradebot.runtime.session import Session


@dataclass
class Reopened:
    """What the word needs of a bot."""

    session: Session
    reconciler: Reconciler
    clock: FakeClock


def say(
    made: Compared, word: Word | None = None, scope: str | None = None, *, is_dry: bool = False
) -> Answered:
    """Say a word about what differs, as the command does."""
    bot = Reopened(made.bot.session, made.made, made.bot.clock)
    asked = Asked(word=word, scope=scope, reason="a test", is_dry=is_dry)
    desk = _Desk(bot, Config(), asked, on_wait=lambda: None)  # type: ignore[arg-type]  # all that it uses
    return desk.answer()


def short() -> Compared:
    """Return a bot of whose ten coins six are gone, and whose market is locked for it."""
    made = held()
    made.lose_coins(USDT="0", BTC="4")
    made.look()
    made.look(COINS_APART_MS)
    made.look(COINS_APART_MS)
    assert made.is_locked()
    return made


def resolutions(made: Compared) -> list[tuple[str, Resolution]]:
    return [
        (each.kind, each.how)
        for each in made.bot.journal.kept
        if isinstance(each, ev.DifferenceResolved)
    ]


def test_looking_records_nothing_and_shows_three_ways() -> None:
    made = held()
    made.broker.coins = {"USDT": d(50), "BTC": d(10)}
    kept = len(made.bot.journal.kept)
    answer = say(made)
    assert len(made.bot.journal.kept) == kept
    rows = {each.coin: each for each in answer.compared.coins}
    assert (rows["USDT"].journal, rows["USDT"].exchange, rows["USDT"].gap) == (d(0), d(50), d(50))
    assert rows["BTC"].difference is None
    assert not answer.is_agreed


def test_fills_that_are_not_booked_are_a_way_of_their_own() -> None:
    made = held()
    stop = next(iter(made.bot.state.orders.unsettled.values()))
    sold = fill("4 @ 95 fee 0.38 USDT", trade_id="late", at=NOW)
    listed = ListedFill(exchange_id="x1", side=Side.SELL, fill=sold)
    made.broker.listed_fills_made = {BTC: [listed]}
    made.broker.coins = {"USDT": d("379.62"), "BTC": d(6)}
    assert stop.exchange_id == "x1"
    rows = {each.coin: each for each in say(made).compared.coins}
    assert (rows["BTC"].journal, rows["BTC"].fills, rows["BTC"].exchange) == (d(10), d(6), d(6))
    assert (rows["USDT"].fills, rows["USDT"].exchange) == (d("379.62"), d("379.62"))


def test_adopt_takes_the_exchange_s_word_and_unlocks() -> None:
    made = held()
    made.lose_coins(USDT="700", BTC="4")
    answer = say(made, Word.ADOPT)
    assert answer.is_agreed
    assert made.bot.state.balances == {"USDT": d(700), "BTC": d(4)}
    assert made.bot.state.positions[BTC].quantity == d(4)
    assert set(resolutions(made)) == {
        ("position_short", Resolution.ADOPTED),
        ("cash_more", Resolution.ADOPTED),
    }
    again = say(made)
    assert again.is_agreed
    made.made.start()
    assert not made.bot.state.locks


def test_lock_of_a_position_that_shrank_is_lifted_by_either_word() -> None:
    """The books have followed already: there is nothing to ignore for ever."""
    for word in (Word.ADOPT, Word.IGNORE):
        made = short()
        answer = say(made, word, "BTC")
        assert answer.is_agreed
        assert not made.bot.state.locks
        assert resolutions(made) == [("position_short", Resolution.AGREED)]
        assert not made.bot.state.differences.ignored


def test_ignore_leaves_the_books_and_names_it_never_again() -> None:
    made = held()
    made.broker.coins = {**made.broker.coins, "USDT": d(50)}
    made.twice()
    assert say(made, Word.IGNORE, "USDT").is_agreed
    assert made.bot.state.balances["USDT"] == d(0)
    named = len(made.told(ev.DifferenceFound))
    made.twice()
    assert len(made.told(ev.DifferenceFound)) == named
    made.broker.coins = {**made.broker.coins, "USDT": d(51)}
    made.twice()
    assert len(made.told(ev.DifferenceFound)) == named + 1, "another difference is another one"


@pytest.mark.parametrize("word", [Word.ADOPT, Word.IGNORE])
def test_order_of_another_journal_is_left_alone_and_trading_goes_on(word: Word) -> None:
    made = held()
    made.broker.listed_orders_made = [unknown_order()]
    with pytest.raises(BooksDisagree):
        made.made.start()
    assert say(made, word, "tb-9").is_agreed
    made.bot.session.reactivate("the next start")
    made.made.start()
    assert made.bot.state.trading is TradingState.ACTIVE


def test_word_about_one_thing_leaves_the_others() -> None:
    made = held()
    made.broker.coins = {"USDT": d(50), "BTC": d(12)}
    answer = say(made, Word.ADOPT, "BTC/USDT")
    assert made.bot.state.balances == {"USDT": d(0), "BTC": d(12)}
    assert [each.subject for each in answer.compared.differences] == ["USDT"]
    assert not answer.is_agreed


def test_market_stays_locked_while_something_else_concerns_it() -> None:
    made = Compared(markets=2)
    made.broker.coins = {"USDT": d(900)}
    made.twice()
    assert made.is_locked(BTC)
    assert made.is_locked(ETH)
    say(made, Word.IGNORE, "BTC")
    assert made.is_locked(BTC), "the cash is still missing"
    say(made, Word.ADOPT, "USDT")
    assert not made.bot.state.locks


def test_lock_of_another_cause_is_no_business_of_this_word() -> None:
    made = Compared()
    made.broker.coins = {"USDT": d(900)}
    made.twice()
    lock = ev.MarketLocked(at=NOW, market=BTC, cause="protection", reason="its position is bare")
    made.bot.session.record([lock])
    say(made, Word.ADOPT)
    assert set(made.bot.state.locks) == {(BTC, "protection")}
    assert (BTC, CAUSE) not in made.bot.state.locks


def test_dry_run_says_what_would_be_and_does_nothing() -> None:
    made = short()
    made.broker.coins = {"USDT": d(5), "BTC": d(4)}
    kept = len(made.bot.journal.kept)
    for word in Word:
        answer = say(made, word, is_dry=True)
        assert answer.is_dry
        assert answer.done
    assert len(made.bot.journal.kept) == kept
    assert made.is_locked()


def test_close_sells_the_position_of_one_market_and_keeps_the_other() -> None:
    made = Compared(markets=2, by=rules(fraction_ppm=400_000, stop_ppm=50_000))
    made.bot.step_all("100 100")
    made.agree()
    other = made.bot.state.positions[ETH]
    assert other.sellable > 0
    say(made, Word.CLOSE, "BTC/USDT")
    assert made.bot.state.positions[BTC].sellable == 0
    assert not made.bot.state.orders.of(BTC)
    assert made.bot.state.positions[ETH] == other
    assert len(made.bot.state.orders.of(ETH)) == 1
    (intended,) = [
        each
        for each in made.bot.journal.kept
        if isinstance(each, ev.OrderIntended) and each.leg == "flatten"
    ]
    assert intended.reason == "a test"


def test_close_of_everything_cancels_what_the_journal_does_not_know() -> None:
    made = Compared()
    made.broker.reports["tb-9"] = report("tb-9", OrderStatus.ACCEPTED)
    said = "cancelling open orders that the journal does not know: 1"
    assert said in say(made, Word.CLOSE, is_dry=True).done
    assert made.broker.open_order_filled()
    assert said in say(made, Word.CLOSE).done
    assert not made.broker.open_order_filled()
    assert said not in say(made, Word.CLOSE).done


def test_close_goes_on_while_trading_is_halted() -> None:
    made = held()
    made.bot.session.halt("another tradebot")
    say(made, Word.CLOSE)
    assert made.bot.state.positions[BTC].sellable == 0


def test_close_names_what_it_could_not_end() -> None:
    made = held()
    made.broker.script = ["rejected"]
    answer = say(made, Word.CLOSE)
    assert answer.problems == ("BTC/USDT: 10 BTC are not sold",)
    assert not answer.is_agreed


def test_order_in_doubt_is_settled_before_anything_is_said() -> None:
    made = Compared()
    made.broker.script = ["unknown"]
    made.bot.step()
    made.broker.coins = {"USDT": d(5)}
    answer = say(made, Word.ADOPT)
    assert "in doubt" in answer.problems[0]
    assert made.bot.state.balances["USDT"] == d(1000), "nothing is adopted that may still move"
    assert not resolutions(made)


def test_person_s_look_asks_for_every_market_however_few_requests_are_allowed() -> None:
    made = Compared(markets=2, requests_max=4)
    say(made, Word.IGNORE)
    markets = {market for what, market, _ in made.broker.questions if what == "orders"}
    assert markets == {BTC, ETH}


def test_words_about_nothing_are_refused() -> None:
    made = held()
    with pytest.raises(UsageError, match="no market or coin"):
        say(made, Word.IGNORE, "XRP/USDT")
    with pytest.raises(UsageError, match="no market to close"):
        say(made, Word.CLOSE, "USDT")


# --- while the bot runs -------------------------------------------------------------------------


def adopt(made: Compared, scope: str = "") -> Answer:
    """Adopt what the running bot has named, as its command does."""
    bot = Reopened(made.bot.session, made.made, made.bot.clock)
    return adopt_named(bot, Config(), scope, "a test")  # type: ignore[arg-type]  # all that it uses


def test_running_bot_adopts_what_it_has_named_and_unlocks() -> None:
    made = Compared()
    made.broker.coins = {"USDT": d(900)}
    made.twice()
    assert made.is_locked()
    at = made.bot.clock.now
    answer = adopt(made, "USDT")
    assert answer.end is CommandEnd.DONE
    assert "BTC/USDT is unlocked" in answer.text
    assert made.bot.state.balances["USDT"] == d(900)
    assert made.bot.clock.now == at, "the market does not wait for a second look"


def test_running_bot_adopts_nothing_that_it_has_not_named_or_that_is_otherwise_now() -> None:
    made = Compared()
    made.broker.coins = {"USDT": d(900)}
    answer = adopt(made)
    assert answer.end is CommandEnd.UNCONFIRMED
    assert "not named yet, and so not adopted: USDT" in answer.text
    made.twice()
    made.broker.coins = {"USDT": d(850)}
    assert adopt(made).end is CommandEnd.UNCONFIRMED
    assert made.bot.state.balances["USDT"] == d(1000)
    assert made.is_locked()


def test_running_bot_adopts_nothing_while_an_order_is_in_doubt() -> None:
    made = Compared()
    made.broker.coins = {"USDT": d(900)}
    made.twice()
    made.bot.session.record([ev.MarketUnlocked(at=NOW, market=BTC, cause=CAUSE, reason="x")])
    made.broker.script = ["unknown"]
    made.bot.step()
    answer = adopt(made)
    assert (answer.end, "in doubt" in answer.text) == (CommandEnd.UNCONFIRMED, True)
    assert made.bot.state.balances["USDT"] == d(1000)


def test_adopting_what_the_run_does_not_know_or_what_agrees_is_said() -> None:
    made = held()
    assert adopt(made, "XRP").end is CommandEnd.REFUSED
    assert adopt(made).end is CommandEnd.NOTHING


def test_stopped_bot_adopts_all_that_differs_and_says_what_is_left() -> None:
    made = held()
    made.lose_coins(USDT="700", BTC="4")
    bot = Reopened(made.bot.session, made.made, made.bot.clock)
    answer = adopt_all(bot, Config(), "", "a test")  # type: ignore[arg-type]  # all that it uses
    assert answer.end is CommandEnd.DONE
    assert made.bot.state.balances == {"USDT": d(700), "BTC": d(4)}
    again = adopt_all(bot, Config(), "", "a test")  # type: ignore[arg-type]  # all that it uses
    assert again.end is CommandEnd.NOTHING
    refused = adopt_all(bot, Config(), "XRP", "a test")  # type: ignore[arg-type]  # all that it uses
    assert refused.end is CommandEnd.REFUSED
