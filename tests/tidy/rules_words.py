"""Rules on words: one name per thing, and none of a machine."""

import ast
import re
from collections.abc import Iterator
from functools import cache

from tests.tidy.rule import Found, Source, rule

# What we never call a thing, and what we call it.
FORBIDDEN = {
    "bar": "candle",
    "kline": "candle",
    "venue": "exchange or broker",
    "pair": "market",
    "instrument": "market",
    "wallet": "account",
}
# Where candles come off the wire under the exchange's own name.
_WIRE = ("tradebot/sandbox/", "tradebot/adapters/exchange")


@cache
def _words(name: str) -> frozenset[str]:
    """Return the words of an identifier, in lower case and singular."""
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return frozenset(word for part in parts for word in (part.lower(), part.lower().rstrip("s")))


@rule(
    remedy="use the project's word for it",
    caught=[
        {"tradebot/engine/x.py": "bar = 1"},
        {"tradebot/engine/x.py": "last_bars = 1"},
        {"tradebot/engine/x.py": "class KlineFeed: ..."},
        {"tradebot/engine/x.py": "def fetch(venue): ..."},
        {"tradebot/engine/x.py": "def trade_pair(): ..."},
        {"tradebot/engine/x.py": "for pair in markets: ..."},
        {"tradebot/engine/x.py": "self.instruments = ()"},
        {"tradebot/engine/x.py": "import account as wallet"},
        {"tradebot/engine/bars.py": ""},
        {"tradebot/engine/x.py": "with f() as bar: ..."},
    ],
    passed=[
        {"tradebot/sandbox/klines.py": "kline = 1"},
        {"tradebot/adapters/exchange.py": "kline = 1"},
        {"tradebot/engine/x.py": "barrier = repair = 1"},
        {"tradebot/engine/x.py": "client.fetch_pairs()"},
        {"tradebot/cli/x.py": "from rich.progress import BarColumn"},
    ],
)
def things_have_their_own_names(source: Source) -> Found:
    for line, name in _given_names(source):
        for word in _words(name) & FORBIDDEN.keys():
            if word == "kline" and source.path.startswith(_WIRE):
                continue
            yield line, f"{name}: a {word} is our {FORBIDDEN[word]}"


def _given_names(source: Source) -> Iterator[tuple[int, str]]:
    """Yield every name that this file gives; what a library calls its things is its own affair."""
    yield 1, source.path.rpartition("/")[2].removesuffix(".py")
    for name in source.nodes(ast.Name):
        if isinstance(name.ctx, ast.Store):
            yield name.lineno, name.id
    for attribute in source.nodes(ast.Attribute):
        if isinstance(attribute.ctx, ast.Store):
            yield attribute.lineno, attribute.attr
    for node in (*source.functions, *source.nodes(ast.ClassDef)):
        yield node.lineno, node.name
    for argument in source.nodes(ast.arg):
        yield argument.lineno, argument.arg
    for alias in source.nodes(ast.alias):
        if alias.asname is not None:
            yield alias.lineno, alias.asname
