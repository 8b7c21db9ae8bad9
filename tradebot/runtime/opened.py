"""What a bot opened: closed newest first where composing it fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Closable(Protocol):
    """Something that a bot opened and must close."""

    def close(self) -> None:
        """Release it."""
        ...


@contextmanager
def closing(opened: list[Closable]) -> Iterator[list[Closable]]:
    """Yield the list of what is open; close it all, newest first, where composing fails."""
    try:
        yield opened
    except BaseException:
        for each in reversed(opened):
            each.close()
        raise
