"""What a journal says of one command, while another process writes it.

Law: nothing here writes.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tradebot.adapters.journal import open_readonly
from tradebot.errors import JournalError, NotFoundError
from tradebot.model.codec import decode
from tradebot.model.command import CommandEnded, CommandRefused, CommandTaken


@dataclass(frozen=True, slots=True)
class CommandNews:
    """What became of a command so far; `refused` is why its file was."""

    taken: CommandTaken | None = None
    ended: CommandEnded | None = None
    refused: str = ""


def last_seq(path: Path) -> int:
    """Return the number of the newest event; 0 where there is no journal yet."""
    try:
        with closing(open_readonly(path)) as db:
            (seq,) = db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
    except NotFoundError:
        return 0
    except sqlite3.Error as error:
        raise JournalError(f"the journal {path} cannot be read: {error}") from error
    return int(seq)


def command_news(path: Path, command_id: str, *, after: int) -> CommandNews:
    """Return what the events after number `after` say of a command. Raises JournalError."""
    query = (
        "SELECT kind, body FROM events WHERE seq > ? AND kind IN "
        "('command_taken', 'command_ended', 'command_refused') ORDER BY seq"
    )
    taken, ended, refused = None, None, ""
    try:
        with closing(open_readonly(path)) as db:
            events = [decode(kind, body) for kind, body in db.execute(query, (after,))]
    except NotFoundError:
        return CommandNews()
    except (sqlite3.Error, ValueError) as error:
        raise JournalError(f"the journal {path} cannot be read: {error}") from error
    for event in events:
        if isinstance(event, CommandTaken) and event.command_id == command_id:
            taken = event
        if isinstance(event, CommandEnded) and event.command_id == command_id:
            ended = event
        if isinstance(event, CommandRefused) and event.name.startswith(f"{command_id}."):
            refused = event.reason
    return CommandNews(taken, ended, refused)
