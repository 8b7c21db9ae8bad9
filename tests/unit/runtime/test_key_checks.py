"""Which keys may trade, for play and for real money, and the watch over the key in use."""

from collections.abc import Callable
from itertools import product

import pytest

from tests.support.bot import FLAT, LONG, NOW, Bot
from tests.support.builders import BTC, HOUR
from tests.support.compared import Compared
from tests.support.fakes import FakeClock
from tests.unit.runtime.test_trader import Traded
from tradebot.adapters.permissions import Permissions
from tradebot.errors import ExchangeUnavailable, KeystoreError
from tradebot.model import event as ev
from tradebot.model.order import Leg
from tradebot.ports import AlertLevel
from tradebot.runtime.key_checks import (
    CAUSE,
    EVERY_MS,
    SILENT_MS,
    SOON_MS,
    KeyTerms,
    KeyWatch,
    described,
    refusal,
)
from tradebot.runtime.telling import news
from tradebot.runtime.trader import Trader

ANSWERS = (True, False, None)
GOOD = Permissions(may_trade=True, may_withdraw=False, may_transfer=False, ip_restricted=True)
WITHDRAWS = Permissions(may_trade=True, may_withdraw=True, may_transfer=False, ip_restricted=True)
UNTOLD = Permissions(why="nobody tells")
REAL, PLAY = KeyTerms(is_real=True), KeyTerms(is_real=False)


@pytest.mark.parametrize("any_address", [True, False])
@pytest.mark.parametrize("is_real", [True, False])
def test_every_answer_is_ruled_as_the_law_says(is_real: bool, any_address: bool) -> None:
    terms = KeyTerms(is_real=is_real, any_address=any_address)
    for trade, withdraw, transfer, limited in product(ANSWERS, repeat=4):
        told = Permissions(
            may_trade=trade, may_withdraw=withdraw, may_transfer=transfer, ip_restricted=limited
        )
        is_harmless = withdraw is not True and transfer is not True
        is_proved = (trade, withdraw, transfer) == (True, False, False)
        wanted = is_harmless and trade is not False
        if is_real:
            wanted = is_proved and (limited is True or any_address)
        assert (refusal(told, terms) == "") is wanted, told
        assert told.checked is (None not in (trade, withdraw, transfer))


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (WITHDRAWS, "the key may withdraw"),
        (Permissions(may_transfer=True), "the key may transfer coins out of the account"),
        (Permissions(may_trade=False), "the key may not trade"),
        (UNTOLD, "nobody knows what the key may do: nobody tells"),
        (Permissions(unknown=("gift",)), "it has rights that are new to this program: gift"),
        (Permissions(may_trade=True), "the exchange's answer does not name every right"),
    ],
)
def test_refusal_says_why(told: Permissions, why: str) -> None:
    assert why in refusal(told, REAL)


def test_addresses_that_are_open_or_not_told_of_are_told_apart() -> None:
    for limited, words in ((False, "from every address"), (None, "does not tell from which")):
        told = Permissions(
            may_trade=True, may_withdraw=False, may_transfer=False, ip_restricted=limited
        )
        assert words in refusal(told, REAL)


def test_rights_are_described_so_that_a_change_shows() -> None:
    assert described(GOOD) == "may trade; from listed addresses"
    assert described(WITHDRAWS) == "may trade, withdraw; from listed addresses"
    assert described(UNTOLD) == (
        "may do nothing that is known; not told: trade, withdraw, transfer; from untold ones"
    )


# --- the watch ----------------------------------------------------------------------------------


class Asked(FakeClock):
    """An exchange that is asked about the key, and the time beside it."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self.answer: Permissions | Exception = GOOD
        self.asked = 0
        self.noted: list[Permissions] = []
        self.heard: Callable[[], None] = lambda: None

    def monotonic_ms(self) -> int:
        """Return the steady time."""
        return self.now

    def ask(self) -> Permissions:
        """Answer as told."""
        self.asked += 1
        self.heard()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def _watched(terms: KeyTerms = REAL, markets: int = 2) -> tuple[KeyWatch, Asked, Bot]:
    bot, asked = Bot(markets=markets), Asked()
    terms = KeyTerms(is_real=terms.is_real, any_address=terms.any_address, note=asked.noted.append)
    return KeyWatch(bot.session, asked, terms, ask=asked.ask), asked, bot


def _reasons(bot: Bot) -> set[str]:
    assert all(cause == CAUSE for _, cause in bot.state.locks)
    return set(bot.state.locks.values())


def test_key_is_asked_about_once_an_hour_and_what_is_told_is_noted() -> None:
    watch, asked, bot = _watched()
    asked.now += EVERY_MS - 1
    watch.look()
    assert asked.asked == 0
    asked.now += 1
    watch.look()
    watch.look()
    asked.now += EVERY_MS - 1
    watch.look()
    assert (asked.asked, asked.noted, bot.diary) == (1, [GOOD], [])
    asked.now += 1
    watch.look()
    assert (asked.asked, asked.noted) == (2, [GOOD]), "noted where it differs"
    asked.answer = UNTOLD
    asked.now += EVERY_MS
    watch.look()
    assert asked.noted == [GOOD, UNTOLD]


@pytest.mark.parametrize("terms", [REAL, PLAY])
def test_right_to_withdraw_locks_every_market_once_until_it_is_gone(terms: KeyTerms) -> None:
    watch, asked, bot = _watched(terms)
    asked.answer = WITHDRAWS
    asked.now += EVERY_MS
    watch.look()
    assert _reasons(bot) == {"the key may withdraw"}
    assert len(bot.state.locks) == 2
    appended = len(bot.diary)
    asked.now += SOON_MS
    watch.look()
    assert (asked.asked, len(bot.diary)) == (2, appended), "asked again soon, told once"
    asked.answer = GOOD
    asked.now += SOON_MS
    watch.look()
    assert bot.state.locks == {}
    asked.now += SOON_MS
    watch.look()
    assert asked.asked == 3


def test_answer_that_tells_too_little_locks_for_real_money_alone() -> None:
    for terms, is_locked in ((REAL, True), (PLAY, False)):
        watch, asked, bot = _watched(terms)
        asked.answer = UNTOLD
        asked.now += EVERY_MS
        watch.look()
        assert bool(bot.state.locks) is is_locked


def test_list_of_addresses_that_was_taken_away_locks_but_for_the_owners_word() -> None:
    open_ = Permissions(may_trade=True, may_withdraw=False, may_transfer=False, ip_restricted=False)
    for terms, is_locked in (
        (REAL, True),
        (KeyTerms(is_real=True, any_address=True), False),
        (PLAY, False),
    ):
        watch, asked, bot = _watched(terms)
        asked.answer = open_
        asked.now += EVERY_MS
        watch.look()
        assert bool(bot.state.locks) is is_locked


def test_silence_is_borne_for_three_hours_and_ends_with_an_answer() -> None:
    watch, asked, bot = _watched()
    asked.answer = ExchangeUnavailable("no answer")
    asked.now += EVERY_MS
    while asked.now - NOW < SILENT_MS:
        watch.look()
        assert bot.state.locks == {}
        asked.now += SOON_MS
    assert asked.asked == 1 + (SILENT_MS - EVERY_MS) // SOON_MS - 1
    watch.look()
    assert _reasons(bot) == {"since 3 hours nobody knows what the key may do"}
    asked.answer = GOOD
    asked.now += SOON_MS
    watch.look()
    assert bot.state.locks == {}


def test_silence_of_a_testnet_locks_nothing() -> None:
    watch, asked, bot = _watched(PLAY)
    asked.answer = ExchangeUnavailable("no answer")
    asked.now += 10 * SILENT_MS
    watch.look()
    assert (asked.asked, bot.state.locks) == (1, {})


def test_key_that_the_exchange_refuses_locks_and_ends_nothing() -> None:
    watch, asked, bot = _watched()
    asked.answer = KeystoreError("binance refuses the key: AuthenticationError")
    asked.now += EVERY_MS
    watch.look()
    assert _reasons(bot) == {"binance refuses the key: AuthenticationError"}


def test_locks_of_others_stay() -> None:
    watch, asked, bot = _watched()
    other = ev.MarketLocked(at=NOW, market=BTC, cause="reconcile", reason="a stranger")
    bot.session.record([other])
    asked.now += EVERY_MS
    watch.look()
    assert bot.journal.kept[-1] == other, "nothing is unlocked that we did not lock"
    asked.answer = WITHDRAWS
    asked.now += EVERY_MS
    watch.look()
    asked.answer = GOOD
    asked.now += SOON_MS
    watch.look()
    assert bot.state.locks == {(BTC, "reconcile"): "a stranger"}


# --- in the loop --------------------------------------------------------------------------------


def _trading() -> tuple[Traded, Asked, Compared]:
    made = Compared()
    traded, asked = Traded(made), Asked()
    traded.trader = Trader(
        made.bot.session,
        traded.trader._feed,
        timeframe_ms=HOUR,
        key_watch=KeyWatch(made.bot.session, asked, REAL, ask=asked.ask),
    )
    return traded, asked, made


def test_locked_key_buys_nothing_and_still_sells() -> None:
    traded, asked, made = _trading()
    traded.feed.close(NOW, LONG)
    traded.tick()
    bought = len(made.broker.placed)
    assert bought > 0
    asked.answer = WITHDRAWS
    asked.now += EVERY_MS
    traded.tick(1)
    assert made.bot.state.locks
    traded.feed.close(NOW + HOUR, FLAT)
    traded.tick(HOUR - 1)
    later = [each.intent.leg for each in made.broker.placed[bought:]]
    assert Leg.ENTRY not in later
    assert Leg.EXIT in later
    traded.feed.close(NOW + 2 * HOUR, LONG)
    traded.tick(HOUR)
    assert all(each.intent.leg is not Leg.ENTRY for each in made.broker.placed[bought:])


def test_exit_goes_before_the_question() -> None:
    traded, asked, made = _trading()
    traded.feed.close(NOW, LONG)
    traded.tick()
    bought = len(made.broker.placed)
    asked.now += EVERY_MS
    asked.heard = lambda: made.bot.diary.append("asked")
    traded.feed.close(NOW + HOUR, FLAT)
    traded.tick(HOUR)
    assert made.broker.placed[bought:]
    assert made.bot.diary[-1] == "asked"


def test_start_lets_entries_in_that_the_last_watch_kept_out() -> None:
    traded, _, made = _trading()
    locked = ev.MarketLocked(at=NOW, market=BTC, cause=CAUSE, reason="the key may withdraw")
    made.bot.session.record([locked])
    traded.trader.start(NOW)
    assert made.bot.state.locks == {}


# --- the owner ----------------------------------------------------------------------------------


def test_owner_is_called_once_for_all_markets() -> None:
    watch, asked, bot = _watched()
    told = []
    asked.answer = WITHDRAWS
    asked.now += EVERY_MS
    watch.look()
    asked.answer = GOOD
    asked.now += SOON_MS
    watch.look()
    for event in bot.journal.kept:
        item = news(event, bot.state)
        if item is not None:
            told.append((item.level, item.text))
    assert told == [
        (AlertLevel.CRITICAL, "no entries anywhere: the key may withdraw"),
        (AlertLevel.INFO, "entries again: nothing that the exchange tells is against the key"),
    ]
