"""What a journal says of one command, while another process writes it.

Law: nothing here writes.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    rows = _rows(path, "SELECT coalesce(max(seq), 0) FROM events", ())
    return int(rows[0][0]) if rows else 0


def command_news(path: Path, command_id: str, *, after: int) -> CommandNews:
    """Return what the events after number `after` say of a command. Raises JournalError."""
    query = (
        "SELECT kind, body FROM events WHERE seq > ? AND kind IN "
        "('command_taken', 'command_ended', 'command_refused') ORDER BY seq"
    )
    taken, ended, refused = None, None, ""
    for kind, body in _rows(path, query, (after,)):
        event = decode(kind, body)
        if isinstance(event, CommandTaken) and event.command_id == command_id:
            taken = event
        if isinstance(event, CommandEnded) and event.command_id == command_id:
            ended = event
        if isinstance(event, CommandRefused) and event.name.startswith(f"{command_id}."):
            refused = event.reason
    return CommandNews(taken, ended, refused)


def _rows(path: Path, query: str, values: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """Return the rows of a query; none where there is no journal, or it is just being made."""
    try:
        with closing(open_readonly(path)) as db:
            return [tuple(row) for row in db.execute(query, values)]
    except NotFoundError:
        return []
    except sqlite3.Error as error:
        if "no such table" in str(error):
            return []
        raise JournalError(f"the journal {path} cannot be read: {error}") from error
