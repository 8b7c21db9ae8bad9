"""The endpoints that need no key: time, rules, candles, tickers, the top of the book.

Law: an answer holds nothing that is not known at the sandbox's time.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left

from tradebot.engine.rules.costs import buy_price, sell_price
from tradebot.model.timeframe import DAY_MS, TIMEFRAMES
from tradebot.sandbox.desk import Answer, Desk
from tradebot.sandbox.klines import Span, coarse_klines_text, klines_text
from tradebot.sandbox.listing import Listing, SandboxRejection
from tradebot.sandbox.parameters import SYMBOL, Parameters
from tradebot.sandbox.rules_wire import RATE_LIMITS, symbol_fields
from tradebot.sandbox.wire import ZERO, Fields, amount

# There is always enough volume: what a level shows is only a large number of lots.
LEVEL_LOTS = 1_000_000
LEVELS = 10
DEPTH_MAX = 5000


def ping(desk: Desk, parameters: Parameters) -> Fields:
    """Answer that the exchange is there."""
    return {}


def time(desk: Desk, parameters: Parameters) -> Fields:
    """Answer with the sandbox's time."""
    return {"serverTime": desk.book.now}


def exchange_info(desk: Desk, parameters: Parameters) -> Fields:
    """Answer with the rules of one, some or all markets."""
    asked = _asked(desk, parameters)
    status = parameters.choice("symbolStatus", ("TRADING", "HALT", "BREAK"), "")
    return {
        "timezone": "UTC",
        "serverTime": desk.book.now,
        "rateLimits": list(RATE_LIMITS),
        "exchangeFilters": [],
        "symbols": [
            {**symbol_fields(item), "status": desk.status(item)}
            for item in asked
            if status in ("", desk.status(item))
        ],
    }


def klines(desk: Desk, parameters: Parameters) -> Answer:
    """Answer with candles: the closed ones and the open of the one under way."""
    listing = desk.listing(parameters)
    name = parameters.text("interval")
    timeframe_ms = TIMEFRAMES.get(name)
    if timeframe_ms is None or timeframe_ms % listing.timeframe_ms:
        raise SandboxRejection(-1120, "Invalid interval.")
    parameters.choice("timeZone", ("0", "+0", "0:00", "+00:00"), "0")
    start, end = (parameters.integer_or_none(each) for each in ("startTime", "endTime"))
    span = Span(start, end, parameters.limit())
    is_shown = desk.shown(listing.symbol, timeframe_ms)
    if timeframe_ms == listing.timeframe_ms:
        texts = desk.kline_texts[listing.symbol]
        text = klines_text(desk.book, listing, span, texts, is_shown)
    else:
        text = coarse_klines_text(desk.book, listing, span, timeframe_ms, is_shown)
    return Answer(text=text)


def ticker_24hr(desk: Desk, parameters: Parameters) -> Fields | list[Fields]:
    """Answer with the last 24 hours of one, some or all markets."""
    parameters.choice("type", ("FULL",), "FULL")
    return _one_or_all(parameters, [_day(desk, item) for item in _asked(desk, parameters)])


def ticker_price(desk: Desk, parameters: Parameters) -> Fields | list[Fields]:
    """Answer with the last price of one, some or all markets."""
    return _one_or_all(
        parameters,
        [
            {"symbol": _name(item), "price": _price(item, desk.book.price_now(item))}
            for item in _asked(desk, parameters)
        ],
    )


def ticker_book(desk: Desk, parameters: Parameters) -> Fields | list[Fields]:
    """Answer with the best bid and ask of one, some or all markets."""
    return _one_or_all(
        parameters,
        [{"symbol": _name(item), **_top(desk, item)} for item in _asked(desk, parameters)],
    )


def depth(desk: Desk, parameters: Parameters) -> Fields:
    """Answer with bids and asks a tick apart around the price, half the spread away from it."""
    listing = desk.listing(parameters)
    levels = min(parameters.limit(100, DEPTH_MAX), LEVELS)
    price = desk.book.price_now(listing)
    fields: Fields = {"lastUpdateId": desk.book.now, "bids": [], "asks": []}
    if price is None:
        return fields
    tick, quantity = listing.scale.tick, _level_quantity(listing)
    bid = sell_price(price, desk.book.slippage_ppm, tick)
    # Without slippage both are the price; a book never shows itself crossed.
    ask = max(buy_price(price, desk.book.slippage_ppm, tick), bid + tick)
    bids = [bid - step * tick for step in range(levels) if bid - step * tick > 0]
    asks = [ask + step * tick for step in range(levels)]
    fields["bids"] = [[_price(listing, each), quantity] for each in bids]
    fields["asks"] = [[_price(listing, each), quantity] for each in asks]
    return fields


def _asked(desk: Desk, parameters: Parameters) -> list[Listing]:
    if parameters.has("symbol"):
        if parameters.has("symbols"):
            raise SandboxRejection(-1128, "Combination of optional parameters invalid.")
        return [desk.listing(parameters)]
    if not parameters.has("symbols"):
        return list(desk.listings())
    try:
        names = json.loads(parameters.text("symbols"))
    except ValueError:
        raise SandboxRejection(-1135, "JSON sent for parameter 'symbols' is not valid") from None
    if not isinstance(names, list) or not names:
        raise SandboxRejection(-1130, "Data sent for parameter 'symbols' is not valid.")
    for name in names:
        if not isinstance(name, str) or re.fullmatch(SYMBOL, name) is None:
            raise SandboxRejection(
                -1100,
                f"Illegal characters found in parameter 'symbols'; legal range is '{SYMBOL}'.",
            )
    if len(set(names)) < len(names):
        raise SandboxRejection(-1151, "Symbol is present multiple times in the list.")
    return [desk.listed(name) for name in names]


def _one_or_all(parameters: Parameters, found: list[Fields]) -> Fields | list[Fields]:
    return found[0] if parameters.has("symbol") else found


def _name(listing: Listing) -> str:
    return listing.market.base + listing.market.quote


def _price(listing: Listing, units: int | None) -> str:
    return ZERO if units is None else amount(units, listing.scale.price_decimals)


def _level_quantity(listing: Listing) -> str:
    return amount(listing.scale.lot * LEVEL_LOTS, listing.scale.quantity_decimals)


def _top(desk: Desk, listing: Listing) -> Fields:
    price = desk.book.price_now(listing)
    if price is None:
        return {"bidPrice": ZERO, "bidQty": ZERO, "askPrice": ZERO, "askQty": ZERO}
    tick, quantity = listing.scale.tick, _level_quantity(listing)
    bid = sell_price(price, desk.book.slippage_ppm, tick)
    ask = max(buy_price(price, desk.book.slippage_ppm, tick), bid + tick)
    return {
        "bidPrice": _price(listing, bid),
        "bidQty": quantity,
        "askPrice": _price(listing, ask),
        "askQty": quantity,
    }


def _day(desk: Desk, listing: Listing) -> Fields:
    book, scale = desk.book, listing.scale
    stop = book.last_closed(listing) + 1
    first = min(stop, bisect_left(listing.opened_at, book.now - DAY_MS))
    price = book.price_now(listing) or 0
    is_trading = book.is_trading(listing)
    running = [listing.open[stop]] if is_trading else []
    opened = listing.open[first] if first < stop or is_trading else price
    before = listing.close[first - 1] if first else opened
    volume = sum(listing.volume[first:stop])
    unit = 10**scale.price_decimals
    worth = sum(listing.volume[index] * listing.close[index] / unit for index in range(first, stop))
    change = price - opened
    sign = "-" if change < 0 else ""
    percent = change * 100 / opened if opened else 0
    return {
        "symbol": _name(listing),
        "priceChange": sign + _price(listing, abs(change)),
        "priceChangePercent": f"{percent:.3f}",
        "weightedAvgPrice": f"{worth / volume:.8f}" if volume else _price(listing, price),
        "prevClosePrice": _price(listing, before),
        "lastPrice": _price(listing, price),
        "lastQty": ZERO,
        **_top(desk, listing),
        "openPrice": _price(listing, opened),
        "highPrice": _price(listing, max([*listing.high[first:stop], *running], default=price)),
        "lowPrice": _price(listing, min([*listing.low[first:stop], *running], default=price)),
        "volume": f"{volume:.8f}",
        "quoteVolume": f"{worth:.8f}",
        "openTime": max(0, book.now - DAY_MS),
        "closeTime": book.now,
        "firstId": -1,
        "lastId": -1,
        "count": stop - first,
    }
