"""The sandbox exchange in this process: its record, its server, and how to reach it."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from tradebot.errors import TradebotError
from tradebot.sandbox.book import Book
from tradebot.sandbox.record import resume
from tradebot.sandbox.server import SandboxServer


class SandboxHost:
    """A sandbox that remembers: it resumes where its record ends, and serves until closed."""

    def __init__(self, book: Book, record: Path, door: Path, *, key: str, secret: str) -> None:
        self._book = resume(record, book)
        self._server = SandboxServer(self._book, api_key=key, secret=secret)
        self._door = door
        self.url = self._server.start()
        try:
            _write_private(door, {"url": self.url, "key": key, "secret": secret})
        except OSError as error:
            self._server.stop()
            self._book.close()
            raise TradebotError(f"{door} cannot be written: {error.strerror}") from error

    @property
    def has_orders(self) -> bool:
        """Whether any order was ever placed here."""
        return bool(self._book.orders)

    def now_ms(self) -> int:
        """Return the sandbox's time."""
        return self._server.now_ms()

    def advance_to(self, time_ms: int) -> None:
        """Let the sandbox's time pass until `time_ms`."""
        self._server.advance_to(time_ms)

    def close(self) -> None:
        """Stop serving and close the record."""
        with suppress(OSError):
            self._door.unlink(missing_ok=True)
        self._server.stop()
        self._book.close()


def sandbox_urls(base: str) -> dict[str, Any]:
    """Return the client's `urls` for a Binance-shaped exchange at `base`."""
    spot = f"{base}/api/v3"
    return {"api": {"public": spot, "private": spot, "v1": f"{base}/api/v1"}}


def _write_private(path: Path, values: dict[str, str]) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(values, file)
