"""Read the candles of a run beside the bot that stores them.

Law: the file is opened read-only; a bot at work is neither stopped nor kept waiting.
"""

import sqlite3
from pathlib import Path

from tradebot.adapters.candles import CandleStore
from tradebot.errors import NotFoundError

BUSY_SECONDS = 5.0


class CandleReads(CandleStore):
    """A store that is only read. Raises NotFoundError where there is none, else DataError."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise NotFoundError(f"no candles are stored in {self.path}")
        with self._translated():
            uri = f"{self.path.resolve().as_uri()}?mode=ro"
            self._connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)
