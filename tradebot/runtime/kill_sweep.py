"""Cancelling our orders with nothing of the bot's: no journal, no lock, a connection of its own.

Law: what counts is what the exchange lists; it ends when that shows none twice, or at its bound.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from tradebot.adapters.clock import WallClock
from tradebot.adapters.gate_tokens import GateTokens
from tradebot.adapters.journal import entries
from tradebot.engine.risk import namespace
from tradebot.errors import ExchangeUnavailable, JournalError, NotFoundError
from tradebot.model.event import SessionStarted
from tradebot.runtime.assemble import account_settings
from tradebot.runtime.checks import check_supported
from tradebot.runtime.config import Config
from tradebot.runtime.runs import Run

# How long it goes on, though the exchange does not answer or orders stay; a call under way ends
# after its own time.
SWEEP_MS_MAX = 20_000
REQUEST_MS_MAX = 5_000
# Between two looks, the last one again and again: a list may lag behind a cancel.
PAUSES_MS = (250, 250, 500, 1_000, 2_000)
# The journal's first row, and no waiting for who holds it.
NAME_SECONDS_MAX = 0.2
LOOKS_CLEAR = 2

CancelShown = Callable[[], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep has done: ids that were open and are gone, ids that stay, and why it ended.

    `problem` is empty where the exchange has shown none twice. `is_answered`: it has, once.
    """

    gone: frozenset[str]
    left: tuple[str, ...]
    is_answered: bool
    problem: str


@dataclass(frozen=True, slots=True)
class Lane:
    """The emergency stop's own connection to an account."""

    cancel_shown: CancelShown
    # The bot whose orders it sees; None: every tradebot's, since the journal names none.
    bot: str | None


@contextmanager
def lane(config: Config, run: Run, *, key: str, secret: str) -> Iterator[Lane]:
    """Yield a connection to the account of a run. Raises ConfigError."""
    from tradebot.adapters.broker import CcxtBroker
    from tradebot.adapters.ccxt_client import CcxtClient

    check_supported(config)
    clock = WallClock()
    settings = account_settings(
        config, clock, mode=run.spec_or_name().mode, key=key, secret=secret
    )
    # No limiter of its own: it asks a few times, and waits between.
    passthrough = {**settings.passthrough, "timeout": REQUEST_MS_MAX}
    settings = replace(settings, passthrough=passthrough, has_rate_limit=False)
    bot = bot_of(run)
    with closing(CcxtClient(settings)) as client:
        broker = CcxtBroker(
            client,
            prefix=namespace(bot or config.bot.name),
            tokens=GateTokens(),
            clock=clock,
            has_others=bot is None,
        )
        yield Lane(broker.cancel_shown, bot)


def bot_of(run: Run) -> str | None:
    """Return whose journal it is, by its first row; None where that cannot be read at once."""
    try:
        first = next(entries(run.journal, busy_seconds=NAME_SECONDS_MAX), None)
    except (JournalError, NotFoundError):
        return None
    event = None if first is None else first.event
    return event.bot if isinstance(event, SessionStarted) else None


def sweep(cancel_shown: CancelShown, clock: WallClock) -> Swept:
    """Cancel what is shown until none is, twice. Raises KeystoreError for a refused key."""
    seen: set[str] = set()
    left: tuple[str, ...] = ()
    is_answered, clear, problem = False, 0, ""
    deadline = clock.monotonic_ms() + SWEEP_MS_MAX
    for pause_ms in _pauses():
        try:
            left = tuple(cancel_shown())
        except ExchangeUnavailable as error:
            clear, problem = 0, error.message
        else:
            seen.update(left)
            clear = 0 if left else clear + 1
            is_answered, problem = True, f"{len(left)} of our orders are still open"
        if clear == LOOKS_CLEAR:
            return Swept(frozenset(seen), (), True, "")
        if clock.monotonic_ms() + pause_ms > deadline:
            break
        clock.sleep_until(clock.now_ms() + pause_ms)
    return Swept(frozenset(seen.difference(left)), left, is_answered, problem)


def _pauses() -> Iterator[int]:
    yield from PAUSES_MS
    while True:
        yield PAUSES_MS[-1]
