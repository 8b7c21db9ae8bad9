"""Commands to a running bot: one file each, in a folder of its run, taken in their order.

Law: a file is written whole, claimed by one rename, and refused by name unless it is ours alone and
exactly a command; what is claimed can be withdrawn no more.
"""

import json
import os
import re
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradebot.adapters.files import read_private, sync_folder, write_atomically
from tradebot.errors import KeystoreError
from tradebot.model.command import Command, CommandWord, is_command_id, problem_of
from tradebot.model.money import parse_decimal, plain

SCHEMA = "tradebot.command/1"
WAITING, CLAIMED, REFUSED = ".json", ".taken", "refused"
SIZE_MAX = 4096
# So many in one look: a folder full of rubbish must not keep the bot from its market.
LOOK_MAX = 50
_FIELDS = frozenset({"schema", "id", "word", "scope", "fraction", "reason"})
_NUMBER = re.compile(r"[01](\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class Bad:
    """A file that is no command: its name, and why."""

    name: str
    reason: str


class Inbox:
    """The folder `folder`, seen by the bot and by every process that commands it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # What could not be moved aside is told once, and read no more.
        self._left: set[str] = set()

    # --- for who commands -----------------------------------------------------------------------

    def post(self, command: Command) -> None:
        """Leave a command for the bot, durably. Raises OSError."""
        assert not problem_of(command), problem_of(command)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(self.folder.parent)
        write_atomically(self.folder / f"{command.id}{WAITING}", _written(command))

    def waiting(self) -> list[str]:
        """Return the ids of the commands that no bot has claimed, oldest first."""
        names = [name.removesuffix(WAITING) for name in self._names() if name.endswith(WAITING)]
        return [name for name in names if is_command_id(name)]

    def peek(self) -> list[Command]:
        """Return the commands that no bot has claimed, oldest first, and claim none."""
        found = []
        for command_id in self.waiting():
            with suppress(ValueError):
                found.append(_read(self.folder / f"{command_id}{WAITING}", command_id))
        return found

    def take_back(self, command_id: str) -> bool:
        """Take a command back; return whether it still waited."""
        try:
            (self.folder / f"{command_id}{WAITING}").unlink()
        except FileNotFoundError:
            return False
        sync_folder(self.folder)
        return True

    # --- for who obeys --------------------------------------------------------------------------

    def claimed(self, only: Collection[str] | None = None) -> Iterator[Command | Bad]:
        """Yield what waits, in its order, each claimed as it is yielded; rubbish is moved aside.

        What an earlier bot had claimed comes first. `done` lets one go. `only` are ids: the others
        stay as they are.
        """
        fault = self._folder_fault()
        if fault:
            if self.folder.name not in self._left:
                self._left.add(self.folder.name)
                yield Bad(self.folder.name, fault)
            return
        names = [name for name in self._names() if name not in self._left]
        if only is not None:
            names = [name for name in names if name.partition(".")[0] in only]
        for name in sorted(names, key=lambda each: (not each.endswith(CLAIMED), each))[:LOOK_MAX]:
            found = self._claim(name)
            if found is not None:
                yield found

    def done(self, command_id: str) -> None:
        """Let a claimed command go: the journal has it."""
        with suppress(OSError):
            (self.folder / f"{command_id}{CLAIMED}").unlink()
            sync_folder(self.folder)

    def _claim(self, name: str) -> Command | Bad | None:
        """Return the command of a file, now ours; None where it was withdrawn meanwhile."""
        command_id, dot, kind = name.partition(".")
        if not is_command_id(command_id) or f"{dot}{kind}" not in (WAITING, CLAIMED):
            return self._aside(name, "its name is no command's")
        claimed = f"{command_id}{CLAIMED}"
        if name != claimed:
            try:
                os.rename(self.folder / name, self.folder / claimed)
            except FileNotFoundError:
                return None
            except OSError as error:
                return self._aside(name, f"it cannot be claimed: {error.strerror}")
        try:
            return _read(self.folder / claimed, command_id)
        except ValueError as error:
            return self._aside(claimed, str(error))

    def _aside(self, name: str, reason: str) -> Bad:
        refused = self.folder / REFUSED
        try:
            refused.mkdir(mode=0o700, exist_ok=True)
            os.rename(self.folder / name, refused / name)
        except OSError:
            self._left.add(name)
        return Bad(name, reason)

    def _names(self) -> list[str]:
        """Return what lies in the folder, but for what is still being written, and was refused."""
        try:
            found = os.listdir(self.folder)
        except OSError:
            return []
        return sorted(each for each in found if not each.startswith(".") and each != REFUSED)

    def _folder_fault(self) -> str:
        """Return why nothing in the folder can be trusted; "" = it can, or is not there."""
        try:
            found = os.lstat(self.folder)
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"the folder cannot be read: {error.strerror}"
        if not stat.S_ISDIR(found.st_mode):
            return "it is no folder"
        if found.st_uid not in (os.geteuid(), 0) or found.st_mode & 0o022:
            return "others could write into it; `chmod 700` it and make it yours"
        if not os.access(self.folder, os.R_OK | os.W_OK | os.X_OK):
            return "it cannot be read and written here; make it yours"
        return ""


def _written(command: Command) -> bytes:
    document = {
        "schema": SCHEMA,
        "id": command.id,
        "word": command.word.value,
        "scope": command.scope,
        "fraction": None if command.fraction is None else plain(command.fraction),
        "reason": command.reason,
    }
    return (json.dumps(document) + "\n").encode()


def _read(path: Path, command_id: str) -> Command:
    """Return the command in a file. Raises ValueError naming what is wrong with it."""
    try:
        data = read_private(path)
    except KeystoreError as error:
        raise ValueError(error.message) from None
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
    if len(data) > SIZE_MAX:
        raise ValueError(f"it is larger than {SIZE_MAX} bytes")
    try:
        document = json.loads(data.decode("ascii"), object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON of a command") from None
    command = _command(document)
    if command.id != command_id:
        raise ValueError("its id is not its name")
    problem = problem_of(command)
    if problem:
        raise ValueError(problem)
    return command


def _without_doubles(rows: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(rows)
    if len(found) != len(rows):
        raise ValueError("a field twice")
    return found


def _command(document: Any) -> Command:
    if not isinstance(document, dict) or document.keys() != _FIELDS:
        raise ValueError(f"its fields are not {', '.join(sorted(_FIELDS))}")
    fraction = document.pop("fraction")
    if not all(isinstance(each, str) for each in document.values()):
        raise ValueError("a field of it is no text")
    if document["schema"] != SCHEMA:
        raise ValueError(f"its schema is not {SCHEMA}")
    if document["word"] not in list(CommandWord):
        raise ValueError("its word is none that the bot knows")
    if fraction is not None and not (isinstance(fraction, str) and _NUMBER.fullmatch(fraction)):
        raise ValueError("its fraction is no number from 0 to 1")
    return Command(
        id=document["id"],
        word=CommandWord(document["word"]),
        scope=document["scope"],
        fraction=None if fraction is None else parse_decimal(fraction),
        reason=document["reason"],
    )
