"""The sandbox's own memory: every command on disk before it acts, so that a stopped one can resume.

Law: the book is a function of its candles, opening balances and these lines; nothing else is kept.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from tradebot.errors import BooksDisagree, DataError, TradebotError
from tradebot.model.money import plain
from tradebot.model.order import OrderKind, Side
from tradebot.sandbox.book import Book
from tradebot.sandbox.listing import BookOrder, Listing, OrderRequest, SandboxRejection

VERSION = 1


class RecordedBook(Book):
    """A book that writes each command to a file, rejected ones included, before it obeys.

    Built by `resume`; `close` ends the writing.
    """

    _file: BinaryIO | None = None

    def place(self, request: OrderRequest) -> BookOrder:
        """Take an order, once it is on disk. Raises SandboxRejection."""
        self._write({"do": "place", "order": asdict(request)})
        return super().place(request)

    def place_oco(
        self, above: OrderRequest, below: OrderRequest, *, list_client_id: str
    ) -> tuple[BookOrder, BookOrder]:
        """Take two linked orders, once they are on disk. Raises SandboxRejection."""
        legs = {"above": asdict(above), "below": asdict(below), "list": list_client_id}
        self._write({"do": "oco", **legs})
        return super().place_oco(above, below, list_client_id=list_client_id)

    def cancel(self, order: BookOrder) -> list[BookOrder]:
        """Cancel an order, once that is on disk. Raises SandboxRejection."""
        self._write({"do": "cancel", "order_id": order.order_id})
        return super().cancel(order)

    def record_to(self, file: BinaryIO) -> None:
        """Write every command from now on to `file`, which is unbuffered."""
        self._file = file

    def close(self) -> None:
        """Close the file; a command after this is not recorded."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, command: Mapping[str, object]) -> None:
        if self._file is None:
            return
        line = json.dumps({"at": self.now, **command}, separators=(",", ":")) + "\n"
        try:
            self._file.write(line.encode())
        except OSError as error:
            raise TradebotError(f"the sandbox cannot write its record: {error}") from error


def resume(path: Path, book: Book) -> RecordedBook:
    """Return fresh `book` as the record at `path` left it, recording on; a new file where none is.

    A torn last line was never obeyed and is cut off. Raises BooksDisagree where the record was made
    with other candles, rules or balances, DataError where it cannot be read.
    """
    assert not book.orders, "only a fresh book can be resumed"
    recorded = RecordedBook(
        list(book.listings.values()),
        book.free,
        slippage_ppm=book.slippage_ppm,
        now=book.now,
        fee_coin=book.fee_coin,
    )
    header = json.dumps(_header(book), sort_keys=True, separators=(",", ":")).encode()
    try:
        whole = path.read_bytes() if path.exists() else b""
        whole = whole[: whole.rfind(b"\n") + 1]
        lines = whole.splitlines()
        if lines and lines[0] != header:
            raise BooksDisagree(
                f"{path} is the record of another sandbox market or account",
                "start it with the candles, fees and balances it was made with, or name a new file",
            )
        for number, line in enumerate(lines[1:], start=2):
            _obey(recorded, line, f"{path} line {number}")
        file = path.open("r+b" if path.exists() else "w+b", buffering=0)
        file.truncate(len(whole))
        file.seek(0, 2)
        if not lines:
            file.write(header + b"\n")
    except OSError as error:
        raise TradebotError(f"the sandbox's record {path} cannot be used: {error}") from error
    recorded.record_to(file)
    return recorded


def _obey(book: Book, line: bytes, where: str) -> None:
    """Let time pass until the command, then give it again."""
    try:
        command = json.loads(line)
        if command["at"] < book.now:
            raise ValueError(f"time runs backwards to {command['at']}")
        action = command["do"]
        book.advance_to(command["at"])
        if action == "place":
            book.place(_request(command["order"]))
        elif action == "oco":
            above, below = _request(command["above"]), _request(command["below"])
            book.place_oco(above, below, list_client_id=command["list"])
        elif action == "cancel":
            book.cancel(book.orders[command["order_id"]])
        else:
            raise ValueError(f"unknown command {action!r}")
    except SandboxRejection:
        return  # It was rejected then, too: the book is the same.
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{where}: {error}", "the record is damaged; start a new one") from error


def _request(fields: Mapping[str, Any]) -> OrderRequest:
    """Return the order of a line. Raises ValueError or TypeError for a line that holds none."""
    changed = {"side": Side(fields["side"]), "kind": OrderKind(fields["kind"])}
    return OrderRequest(**{**fields, **changed})


def _header(book: Book) -> dict[str, object]:
    coin = book.fee_coin
    return {
        **({} if coin is None else {"fee_coin": [coin.asset, plain(coin.price)]}),
        "sandbox": VERSION,
        "at": book.now,
        "balances": {asset: units for asset, units in book.free.items() if units},
        "slippage_ppm": book.slippage_ppm,
        "markets": {symbol: _digest(item) for symbol, item in book.listings.items()},
    }


def _digest(item: Listing) -> str:
    """Return a digest of the market's rules and every candle that may fill an order."""
    digest = sha256(repr((item.market, item.scale, item.timeframe_ms)).encode())
    for column in (item.opened_at, item.open, item.high, item.low, item.close):
        digest.update(array("q", column).tobytes())
    return digest.hexdigest()
