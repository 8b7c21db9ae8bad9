"""What a candle file's name tells: symbol and timeframe, where only one reading is possible.

Law: a name that can be read in two ways tells nothing.
"""

import re
from itertools import pairwise

from tradebot.errors import UsageError
from tradebot.model.market import COIN, is_symbol
from tradebot.model.timeframe import TIMEFRAMES

# The coins prices are given in; without a dash a name is split only before one of these.
_DOLLARS = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USDP", "DAI", "USD")
QUOTES = frozenset((*_DOLLARS, "EUR", "GBP", "TRY", "BRL", "AUD", "JPY", "BTC", "ETH", "BNB"))
_COIN = re.compile(COIN)


def check_symbol(symbol: str) -> str:
    """Return `symbol` when it is written BASE/QUOTE in capitals. Raises UsageError."""
    if not is_symbol(symbol):
        likely = symbol_in(symbol.upper().replace("/", "-"))
        raise UsageError(
            f"{symbol!r} is not a symbol",
            f"did you mean {likely}?" if likely else "write base and quote in capitals: BTC/USDT",
        )
    return symbol


def symbol_in(name: str) -> str | None:
    """Return the symbol in a file name (`BTC-USDT-1h.csv`, `BTCUSDT-1m-2023.csv`), or None."""
    words = re.split(r"[-_. ]", name)
    dashed = {
        f"{base}/{quote}"
        for base, quote in pairwise(words)
        if _COIN.fullmatch(base) and quote in QUOTES and base != quote
    }
    joined = {
        f"{word.removesuffix(quote)}/{quote}"
        for word in words
        for quote in QUOTES
        # One letter before the quote is more likely part of its name: WBTC is a coin, not W/BTC.
        if _COIN.fullmatch(word) and word.endswith(quote) and len(word) - len(quote) >= 2
    }
    candidates = dashed or joined
    return candidates.pop() if len(candidates) == 1 else None


def timeframe_in(name: str) -> str | None:
    """Return the timeframe in a file name, or None. Capitals count: 1M is a month, not a minute."""
    candidates = set(re.split(r"[-_. ]", name)) & TIMEFRAMES.keys()
    return candidates.pop() if len(candidates) == 1 else None
