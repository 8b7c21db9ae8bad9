"""What a person tells a bot to do, and the events of it in the journal.

Law: a command is taken once, and has one end; an end says what is known, and never guesses.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

SCOPE_MAX, REASON_MAX = 100, 500
_ID = re.compile(r"[0-9]{13}-[0-9]{1,7}-[0-9]{1,4}")
_SCOPE = re.compile(rf"[A-Za-z0-9:/._-]{{0,{SCOPE_MAX}}}")
_FRACTION_DECIMALS = 6


class CommandWord(StrEnum):
    """What a person may tell a bot."""

    PAUSE = "pause"  # exits only, until resumed
    RESUME = "resume"  # all again
    CLOSE = "close"  # sell a position, or a part of it
    CANCEL = "cancel"  # end entries that rest
    ADOPT = "adopt"  # take the exchange's word into the books


class CommandEnd(StrEnum):
    """How a command ended."""

    DONE = "done"  # all that was asked is so
    NOTHING = "nothing"  # there was nothing to do
    REFUSED = "refused"  # it cannot be done; nothing was
    UNCONFIRMED = "unconfirmed"  # acted, and not all that was asked is known to be so
    INTERRUPTED = "interrupted"  # the bot ended after taking it; what it sent is in the journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One thing that a person tells a bot.

    `scope` is a market, a coin or an order's id, "" for all; `fraction` of a position to close,
    None for all of it. `id` begins with the time in ms: a later command has a greater one.
    """

    id: str
    word: CommandWord
    scope: str = ""
    fraction: Decimal | None = None
    reason: str = ""


def problem_of(command: Command) -> str:
    """Return what is wrong with a command's form; "" where nothing is."""
    if not is_command_id(command.id):
        return f"{command.id!r} is no command's id"
    if not _SCOPE.fullmatch(command.scope):
        return "it names no market, coin or order"
    if len(command.reason) > REASON_MAX or not command.reason.isprintable():
        return f"its reason is not one line of at most {REASON_MAX} characters"
    is_close = command.word is CommandWord.CLOSE
    if is_close and not command.scope:
        return "it names no market to close"
    if command.word in (CommandWord.PAUSE, CommandWord.RESUME) and command.scope:
        return f"{command.word.value} is about all markets"
    if command.fraction is None:
        return ""
    if not is_close:
        return f"{command.word.value} takes no fraction"
    exponent = command.fraction.as_tuple().exponent
    is_fine = isinstance(exponent, int) and exponent >= -_FRACTION_DECIMALS
    if not is_fine or not 0 < command.fraction <= 1:
        return f"its fraction is not above 0 and at most 1, with {_FRACTION_DECIMALS} decimals"
    return ""


def is_command_id(text: str) -> bool:
    """Return whether a text has the form of a command's id."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTaken:
    """A person's command was taken; from now on it is never taken again."""

    at: int
    command_id: str
    word: CommandWord
    scope: str
    reason: str
    fraction: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEnded:
    """A command that was taken has ended: how, and what came of it in words."""

    at: int
    command_id: str
    end: CommandEnd
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRefused:
    """A file among the commands is none: it was moved aside unread, or for what it says."""

    at: int
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSpent:
    """The present signal of a market has had its trade by a person's word: none is bought back."""

    at: int
    market: str
    reason: str
