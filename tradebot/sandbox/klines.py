"""Candles as klines: what is known now, in the listing's timeframe or a coarser one made from it.

Law: nothing of a candle but its open is told before it has closed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import groupby, islice
from typing import NamedTuple

from tradebot.sandbox.book import Book
from tradebot.sandbox.listing import Listing
from tradebot.sandbox.wire import ZERO, amount

# A bot asks for the same klines at every candle, so written ones are kept; but not all for ever.
_TEXTS_MAX = 20_000


class Span(NamedTuple):
    """Which klines are asked for; times are opens, in ms, `None` where not given."""

    start: int | None
    end: int | None
    limit: int


def klines_text(
    book: Book,
    listing: Listing,
    span: Span,
    texts: dict[int, str],
    is_shown: Callable[[int], bool],
) -> str:
    """Return klines of the listing's own timeframe as JSON; `texts` keeps the written ones.

    `is_shown` says of a candle, by its open, whether it is told.
    """
    closed, opened = book.last_closed(listing) + 1, listing.opened_at
    ordered = _ordered(listing, closed + book.is_trading(listing), span)
    chosen = list(islice((index for index in ordered if is_shown(opened[index])), span.limit))
    if len(texts) > _TEXTS_MAX:
        texts.clear()
    rows = []
    for index in sorted(chosen):
        if index >= closed:
            rows.append(_text(listing, [index], closed, listing.timeframe_ms))
            continue
        text = texts.get(index)
        if text is None:
            text = texts[index] = _text(listing, [index], closed, listing.timeframe_ms)
        rows.append(text)
    return f"[{','.join(rows)}]"


def coarse_klines_text(
    book: Book,
    listing: Listing,
    span: Span,
    timeframe_ms: int,
    is_shown: Callable[[int], bool],
) -> str:
    """Return klines of a multiple of the listing's timeframe as JSON."""
    closed, opened = book.last_closed(listing) + 1, listing.opened_at
    start = None if span.start is None else -(-span.start // timeframe_ms) * timeframe_ms
    end = None if span.end is None else span.end // timeframe_ms * timeframe_ms + timeframe_ms - 1
    ordered = _ordered(listing, closed + book.is_trading(listing), Span(start, end, span.limit))
    groups = (
        sorted(group)
        for number, group in groupby(ordered, lambda index: opened[index] // timeframe_ms)
        if is_shown(number * timeframe_ms)
    )
    chosen = sorted(islice(groups, span.limit))
    return f"[{','.join(_text(listing, group, closed, timeframe_ms) for group in chosen)}]"


def _ordered(listing: Listing, total: int, span: Span) -> range:
    """Return the span's candles as they are counted: from its start, else from the newest back."""
    first = 0 if span.start is None else bisect_left(listing.opened_at, span.start)
    stop = total if span.end is None else min(total, bisect_right(listing.opened_at, span.end))
    return range(first, stop) if span.start is not None else range(stop - 1, -1, -1)


def _text(listing: Listing, group: list[int], closed: int, timeframe_ms: int) -> str:
    """Return one kline; of a candle under way only the open is known."""
    decimals = listing.scale.price_decimals
    known = [index for index in group if index < closed]
    opened_at = listing.opened_at[group[0]] // timeframe_ms * timeframe_ms
    opened, running = listing.open[group[0]], [listing.open[i] for i in group if i >= closed]
    high = max([listing.high[index] for index in known] + running)
    low = min([listing.low[index] for index in known] + running)
    close = running[0] if running else listing.close[known[-1]]
    volume = sum(listing.volume[index] for index in known)
    unit = 10**decimals
    worth = sum(listing.volume[index] * listing.close[index] / unit for index in known)
    return (
        f'[{opened_at},"{amount(opened, decimals)}","{amount(high, decimals)}",'
        f'"{amount(low, decimals)}","{amount(close, decimals)}","{volume:.8f}",'
        f'{opened_at + timeframe_ms - 1},"{worth:.8f}",{len(known)},"{ZERO}","{ZERO}","0"]'
    )
