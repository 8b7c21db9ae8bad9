"""What a person says about a difference between books and exchange, and what comes of it.

Law: looking writes nothing into the books; a word is an event, with its reason; what is adopted is
what the exchange showed in this very look.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from tradebot.adapters.clock import WallClock
from tradebot.adapters.journal import check_file, entries
from tradebot.adapters.latch import FileLatch
from tradebot.engine.apply import apply, fold
from tradebot.engine.closing import close_out
from tradebot.engine.compare import APART_MS, OF_COINS, Difference, symbol_of
from tradebot.engine.remedies import adopted, found, resolved, unlocked
from tradebot.engine.state import State
from tradebot.errors import JournalError, UsageError
from tradebot.model.command import CommandEnd
from tradebot.model.event import DifferenceFound, Event, Resolution
from tradebot.model.money import plain
from tradebot.runtime.assemble import Bot
from tradebot.runtime.config import Config
from tradebot.runtime.keys import Unlocking
from tradebot.runtime.kill import reopened_bot
from tradebot.runtime.kill_clear import settle_twice
from tradebot.runtime.obeying import Answer
from tradebot.runtime.prepare import Request
from tradebot.runtime.reconciling import Reconciler
from tradebot.runtime.runs import Run
from tradebot.runtime.side_by_side import Compared, Waiting, home, is_clear, side_by_side, waiting
from tradebot.runtime.terms import check_same_bot
from tradebot.runtime.witness import bear_witness


class Word(StrEnum):
    """What a person may say."""

    ADOPT = "adopt"  # take the exchange's word into the books
    IGNORE = "ignore"  # leave the books as they are, and do not name it again
    CLOSE = "close"  # cancel our orders and sell the bot's position


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for. `scope` is a market, a coin or an order's id; None: all."""

    word: Word | None = None
    scope: str | None = None
    reason: str = ""
    is_dry: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """Books and exchange after what was asked; what was done, and what could not be.

    `is_dry`: nothing was done, and `done` is what would have been.
    """

    compared: Compared
    done: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    is_dry: bool = False

    @property
    def is_agreed(self) -> bool:
        """Whether nothing differs any more, and all that was asked is so."""
        return self.compared.is_agreed and not self.problems


def last_word(run: Run) -> Waiting:
    """Return what a run's journal says waits for a person; nothing else is asked.

    Raises NotFoundError and JournalError.
    """
    return waiting(fold(entry.event for entry in entries(run.journal)))


def compare_by_hand(
    config: Config,
    request: Request,
    run: Run,
    unlocking: Unlocking,
    asked: Asked,
    *,
    on_wait: Callable[[], None],
) -> Answered:
    """Look at books and exchange; do what is asked about what differs, and look again.

    `on_wait` is called before a second look, ten seconds later. Raises AccountLocked where a bot
    runs, UsageError for a scope that is none.
    """
    with run.lock(), ExitStack() as holding:
        run.check_journal()
        check_file(run.journal)
        bot = reopened_bot(config, request, run, unlocking, is_blind=False, holding=holding)
        try:
            check_same_bot(config, bot.session.state)
            answer = _unhalted(_Desk(bot, config, asked, on_wait).answer(), config)
            if answer.is_agreed and isinstance(bot.clock, WallClock):
                bear_witness(config, run, bot.clock)
            return answer
        finally:
            bot.close()


def _unhalted(answer: Answered, config: Config) -> Answered:
    """Return the answer without a halt that a person has lifted since: no start has said so yet."""
    if not FileLatch(config.paths.logs / "latch", WallClock()).may_start():
        return answer
    waits = replace(answer.compared.waiting, is_halted=False)
    return replace(answer, compared=replace(answer.compared, waiting=waits))


def adopt_named(bot: Bot, config: Config, scope: str, reason: str) -> Answer:
    """Adopt, while the bot runs, what it has named of a scope; "" = all. Raises as `looking`."""
    asked = Asked(word=Word.ADOPT, scope=scope or None, reason=reason)
    try:
        return _Desk(bot, config, asked, lambda: None).adopt_named()
    except UsageError as error:
        return Answer(CommandEnd.REFUSED, f"{error.message} ({error.hint})")


def adopt_all(bot: Bot, config: Config, scope: str, reason: str) -> Answer:
    """Adopt, where no bot runs, all that differs of a scope; "" = all. Raises as `looking`."""
    asked = Asked(word=Word.ADOPT, scope=scope or None, reason=reason)
    try:
        answered = _Desk(bot, config, asked, lambda: None).answer()
    except UsageError as error:
        return Answer(CommandEnd.REFUSED, f"{error.message} ({error.hint})")
    words = "; ".join((*answered.done, *answered.problems))
    if answered.problems:
        return Answer(CommandEnd.UNCONFIRMED, words)
    if not answered.done:
        return Answer(CommandEnd.NOTHING, "nothing differs")
    return Answer(CommandEnd.DONE, words)


class _Desk:
    """One run, looked at, and one word about it."""

    def __init__(
        self, bot: Bot, config: Config, asked: Asked, on_wait: Callable[[], None]
    ) -> None:
        assert bot.reconciler is not None, "a bot over an exchange compares"
        if bot.session.state.started is None:
            raise JournalError("the journal is empty", hint="the run stopped before it began")
        self._bot = bot
        self._session = bot.session
        self._reconciler: Reconciler = bot.reconciler
        self._rules = config.rules()
        self._asked = asked
        self._on_wait = on_wait
        self._is_of_named = False  # A word is about what was named already, and nothing new.

    def answer(self) -> Answered:
        """Look; and where a word is given, act on it and look again."""
        word, scope = self._asked.word, self._asked.scope
        if scope is not None:
            _check_scope(self._session.state, scope)
        if word is None:
            return Answered(self._look())
        if not self._asked.is_dry:
            settle_twice(self._bot)
            self._settle_ended()
        done = self._close() if word is Word.CLOSE else []
        seen = self._look()
        if not seen.is_conclusive and not self._asked.is_dry:
            problem = "an order is in doubt: `tradebot status` names it; wait, then look again"
            return Answered(seen, tuple(done), (problem, *self._left(word)))
        done += self._say(word, seen)
        after = seen if self._asked.is_dry else self._look()
        is_dry = self._asked.is_dry
        return Answered(after, tuple(done), tuple(self._left(word)), is_dry=is_dry)

    def adopt_named(self) -> Answer:
        """Adopt what was named already, and is just so in this one look; the bot goes on meanwhile.

        What was not named may be a fill on its way: it waits for the bot's own two looks.
        """
        scope = self._asked.scope
        if scope is not None:
            _check_scope(self._session.state, scope)
        self._session.settle_only()
        seen = self._look_once()
        if not seen.is_conclusive:
            return Answer(CommandEnd.UNCONFIRMED, "an order is in doubt; nothing was adopted")
        meant = [each for each in seen.differences if self._is_meant(each)]
        self._is_of_named = True
        new = [each for each in meant if not self._is_meant(each)]
        done = self._say(Word.ADOPT, seen)
        done += [f"not named yet, and so not adopted: {each.text}" for each in new]
        if not done:
            return Answer(CommandEnd.NOTHING, "nothing that was named waits for a word")
        return Answer(CommandEnd.UNCONFIRMED if new else CommandEnd.DONE, "; ".join(done))

    # --- looking --------------------------------------------------------------------------------

    def _look(self) -> Compared:
        seen = self._look_once()
        differs = any(each.kind in OF_COINS for each in seen.differences)
        if differs and isinstance(self._bot.clock, WallClock):
            # Balances lag behind orders: what is seen once may be gone in a moment.
            self._on_wait()
            self._bot.clock.sleep_until(self._bot.clock.now_ms() + APART_MS)
            seen = self._look_once()
        return seen

    def _look_once(self) -> Compared:
        sight = self._reconciler.look_at_all()
        return side_by_side(self._session.state, sight, self._reconciler.older_orders(sight))

    def _settle_ended(self) -> None:
        """Book what the exchange tells of orders that have ended in our books."""
        sight = self._reconciler.look_at_all()
        self._reconciler.settled(self._reconciler.order_differences(sight), sight)

    # --- acting ---------------------------------------------------------------------------------

    def _is_meant(self, each: Difference | DifferenceFound) -> bool:
        state, scope = self._session.state, self._asked.scope
        markets = each.markets if isinstance(each, Difference) else ()
        is_named = isinstance(each, DifferenceFound) or state.differences.is_found(*each.name)
        if self._is_of_named and not is_named:
            return False
        if scope is None or scope == each.subject:
            return True
        return home(state, each.subject, markets) == home(state, scope)

    def _say(self, word: Word, seen: Compared) -> list[str]:
        """Record what a person says of what differs and of what is over; unlock what is clear."""
        at, reason = self._bot.clock.now_ms(), self._asked.reason
        state = self._session.state
        events: list[Event] = []
        lines = []
        for difference in seen.differences:
            if word is not Word.CLOSE and self._is_meant(difference):
                events += _said(state, difference, word, reason, at=at)
                lines.append(f"{_PAST[word]}: {difference.text}")
        differing = {(each.kind.value, each.subject) for each in seen.differences}
        over = Resolution.CLOSED if word is Word.CLOSE else Resolution.AGREED
        for each in seen.waiting.found:
            if (each.kind, each.subject) not in differing and self._is_meant(each):
                events.append(resolved(each, over, reason, at=at))
        for event in events:
            state = apply(state, event)
        lifted = unlocked(state, self._markets_to_unlock(state), at=at, reason=reason)
        lines += [f"{symbol_of(each.market)} is unlocked" for each in lifted]
        if not self._asked.is_dry:
            self._session.record([*events, *lifted])
        return lines

    def _markets_to_unlock(self, state: State) -> list[str]:
        clear = [market for market in state.markets if is_clear(state, market)]
        scope = self._asked.scope
        where = None if scope is None else home(state, scope)
        # The word about a coin in which markets are quoted is one about all of them.
        return [market for market in clear if where not in state.markets or where == market]

    def _close(self) -> list[str]:
        """Cancel our orders and sell the position, in the markets that are meant."""
        state, scope = self._session.state, self._asked.scope
        where = None if scope is None else home(state, scope)
        if where is not None and where not in state.markets:
            raise UsageError(f"{scope} is no market to close", hint="name one, such as BTC/USDT")
        markets = sorted(state.markets) if where is None else [where]
        lines = [f"closing {symbol_of(market)}: {self._of(market)}" for market in markets]
        unknown = set(self._session.open_orders()) - set(state.orders.unsettled)
        if where is None and unknown:
            lines.append(f"cancelling open orders that the journal does not know: {len(unknown)}")
        if self._asked.is_dry:
            return lines
        now = self._bot.clock.now_ms()
        close = partial(close_out, rules=self._rules, time=now, reason=self._asked.reason)
        for market in markets:
            self._session.pursue(partial(close, market=market))
        if where is None:
            self._session.cancel_own()  # Also what the journal does not know.
        settle_twice(self._bot)
        return lines

    def _of(self, market: str) -> str:
        state = self._session.state
        orders, position = state.orders.of(market), state.positions.get(market)
        held = plain(position.sellable) if position is not None else "0"
        return f"{len(orders)} orders, {held} {state.markets[market].base} to sell"

    def _left(self, word: Word) -> list[str]:
        """Return what closing was to end, and has not."""
        if word is not Word.CLOSE or self._asked.is_dry:
            return []
        state, scope = self._session.state, self._asked.scope
        where = None if scope is None else home(state, scope)
        markets = [market for market in state.markets if where in (None, market)]
        left = []
        for market in markets:
            position, base = state.positions.get(market), state.markets[market].base
            if position is not None and position.sellable > 0:
                left.append(f"{symbol_of(market)}: {plain(position.sellable)} {base} are not sold")
            left += [
                f"{symbol_of(market)}: order {order.id} is not ended yet"
                for order in state.orders.of(market)
            ]
        return left


_PAST = {Word.ADOPT: "adopted", Word.IGNORE: "ignored"}


def _said(
    state: State, difference: Difference, word: Word, reason: str, *, at: int
) -> Sequence[Event]:
    """Return the events of a word about one difference."""
    # An order of others cannot be taken into the books: its coins are, and it is left alone.
    is_adopted = word is Word.ADOPT and difference.kind in OF_COINS
    how = Resolution.ADOPTED if is_adopted else Resolution.IGNORED
    events: list[Event] = []
    if not state.differences.is_found(*difference.name):
        events.append(found(difference, at=at))
    events.append(resolved(difference, how, reason, at=at))
    return [*events, *(adopted(state, difference, at=at, reason=reason) if is_adopted else ())]


def _check_scope(state: State, scope: str) -> None:
    """Raise UsageError where the scope names nothing that this run knows."""
    coins = {*state.balances, *(market.base for market in state.markets.values())}
    symbols = [market.symbol for market in state.markets.values()]
    named = {*coins, *symbols, *state.markets}
    is_order = scope.startswith("tb")
    if scope not in named and not is_order:
        raise UsageError(
            f"{scope!r} is no market or coin of this run",
            hint=f"name one of {', '.join(sorted({*coins, *symbols}))}, or an order's id",
        )
