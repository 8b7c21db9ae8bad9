"""Reading from the exchange: markets, candles, time.

Reads are retried a few times, orders never.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from math import ceil
from typing import Any, TypeVar

import ccxt.async_support as ccxt
import numpy as np
import stamina

from tradebot.adapters.answers import candle_number, not_negative, positive, time_ms
from tradebot.adapters.ccxt_client import CcxtClient, read_error
from tradebot.candles import CandleTable
from tradebot.errors import ConfigError, ExchangeUnavailable
from tradebot.model.market import FeeAsset, Market
from tradebot.model.money import PPM, parse_decimal
from tradebot.model.timeframe import timeframe_name

READ_ATTEMPTS = 3
CANDLES_PER_CALL_MAX = 1000
STOP_MARKET = "STOP_LOSS"

# What reading an empty or broken answer raises, in the library as here.
BROKEN_ANSWERS = (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError)

T = TypeVar("T")

# Its own hook would print each retry to stdout, which is for the result.
stamina.instrumentation.set_on_retry_hooks(())


def retried(call: Callable[[], T], what: str, exchange: str) -> T:
    """Return what a read returns, asked at most three times.

    Raises ExchangeUnavailable or KeystoreError.

    Only network errors are asked again; a ban (429, 418) is not: asking again would lengthen it.
    """

    def is_passing(error: Exception) -> bool:
        banned = (ccxt.DDoSProtection, ccxt.RateLimitExceeded, ccxt.InvalidNonce)
        return isinstance(error, ccxt.NetworkError) and not isinstance(error, banned)

    try:
        for attempt in stamina.retry_context(on=is_passing, attempts=READ_ATTEMPTS, timeout=20):
            with attempt:
                return call()
    except ccxt.BaseError as error:
        raise read_error(error, what, exchange) from error
    except BROKEN_ANSWERS as error:
        raise ExchangeUnavailable(f"{exchange} answered rubbish when asked for {what}") from error
    raise AssertionError("retry_context ends with a result or an error")


class ExchangeReader:
    """What the exchange says of itself: never orders, never a secret."""

    def __init__(self, client: CcxtClient) -> None:
        self._client = client

    def now_ms(self) -> int:
        """Return the exchange's time, in UTC ms."""
        answer = self._read("fetch_time", what="its time")
        try:
            return int(positive(str(time_ms(answer))))
        except ValueError as error:
            raise self._broken("its time", answer) from error

    def markets(
        self,
        symbols: Sequence[str],
        timeframe_ms: int,
        *,
        kept: Mapping[str, Market] | None = None,
    ) -> dict[str, Market]:
        """Return the rules of the wanted markets, by symbol, with this account's fees.

        `kept` are the rules of markets in which something is held or out: where the exchange has
        paused or delisted one they stand, and the bot must start all the same. Raises ConfigError
        naming any other market, or a timeframe, that the exchange does not serve.
        """
        listed = self._read("load_markets", what="its markets")
        if not isinstance(listed, dict) or not listed:
            raise self._broken("its markets", listed)
        name = timeframe_name(timeframe_ms)
        if name not in (self._client.raw.timeframes or {}):
            raise ConfigError(
                f"{self._client.exchange} serves no {name} candles",
                hint=f"set [bot] timeframe to one of {', '.join(self._client.raw.timeframes)}",
            )
        found = {}
        for symbol in symbols:
            known = (kept or {}).get(symbol)
            is_paused = known is not None and not _is_trading(listed.get(symbol))
            found[symbol] = (
                replace(known, is_trading=False)
                if known is not None and is_paused
                else self._market(symbol, listed)
            )
        return found

    def _market(self, symbol: str, listed: Mapping[str, Any]) -> Market:
        entry = listed.get(symbol)
        try:
            self._check_traded(symbol, entry)
            assert entry is not None, "checked just now"
            return self._rules(entry)
        except BROKEN_ANSWERS as error:
            raise self._broken(f"the rules of {symbol}", error) from error

    def _check_traded(self, symbol: str, entry: Mapping[str, Any] | None) -> None:
        if entry is None or not entry.get("spot"):
            raise ConfigError(
                f"{self._client.exchange} has no spot market {symbol}",
                hint="see its list of markets; [bot] markets takes names such as BTC/USDT",
            )
        if entry.get("active") is False:
            raise ConfigError(
                f"{symbol} is not trading on {self._client.exchange} now",
                hint="drop it from [bot] markets until it is listed as trading again",
            )
        kinds = entry.get("info", {}).get("orderTypes", [STOP_MARKET])
        if STOP_MARKET not in kinds:
            raise ConfigError(
                f"{symbol}: {self._client.exchange} takes no stop-market orders there",
                hint="without one a position could not be protected; drop the market",
            )

    def _rules(self, entry: Mapping[str, Any]) -> Market:
        """Return a market's rules. Raises one of BROKEN_ANSWERS."""
        maker, taker = self._fees(entry)
        limits = entry["limits"]
        return Market(
            exchange=self._client.exchange,
            base=entry["base"],
            quote=entry["quote"],
            tick=parse_decimal(entry["precision"]["price"]),
            step=parse_decimal(entry["precision"]["amount"]),
            quantity_min=not_negative(limits["amount"]["min"] or "0"),
            notional_min=not_negative(limits["cost"]["min"] or "0"),
            # Up: a fee is never expected to be less than it is.
            maker_ppm=ceil(maker * PPM),
            taker_ppm=ceil(taker * PPM),
            # Binance, the only exchange so far, takes it from what an order receives.
            fee_asset=FeeAsset.RECEIVED,
            quantity_max=_smallest_maximum(limits),
        )

    def _fees(self, entry: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
        """Return maker and taker fee fractions.

        The account's where a key can ask, else the list's.
        """
        raw = self._client.raw
        if raw.apiKey and hasattr(raw, "private_get_account_commission"):
            answer = self._read(
                "private_get_account_commission", {"symbol": entry["id"]}, what="its fees"
            )
            try:
                rates = answer["standardCommission"]
                return _fee(rates["maker"]), _fee(rates["taker"])
            except BROKEN_ANSWERS as error:
                raise self._broken("its fees", answer) from error
        return _fee(str(entry["maker"])), _fee(str(entry["taker"]))

    def candles(
        self, wanted: Mapping[str, int], timeframe_ms: int, *, now_ms: int
    ) -> dict[str, CandleTable]:
        """Return the newest closed candles of several markets, up to `wanted[symbol]` of each.

        A market that the exchange no longer lists is left out: it keeps no other from trading.
        Raises ExchangeUnavailable; an answer that is not candles counts as no answer.
        """
        name = timeframe_name(timeframe_ms)
        tables = {}
        for symbol, answer in self._fetch_rows(wanted, name).items():
            if isinstance(answer, ccxt.BadSymbol):
                continue
            table = _table(symbol, timeframe_ms, answer, self._client.exchange)
            closed = table.between(0, now_ms - timeframe_ms + 1)
            tables[symbol] = closed.last(wanted[symbol])
        return tables

    def _fetch_rows(self, wanted: Mapping[str, int], name: str) -> dict[str, Any]:
        def fetch() -> list[Any]:
            # One more than wanted: the newest may not have closed.
            calls = [
                self._client.raw.fetch_ohlcv(
                    symbol, name, None, min(count + 1, CANDLES_PER_CALL_MAX)
                )
                for symbol, count in wanted.items()
            ]
            answers = self._client.gather(calls)
            for answer in answers:
                if isinstance(answer, BaseException) and not isinstance(answer, ccxt.BadSymbol):
                    raise answer
            return answers

        answers = retried(fetch, "candles", self._client.exchange)
        return dict(zip(wanted, answers, strict=True))

    def _read(self, method: str, *arguments: Any, what: str) -> Any:
        return retried(
            lambda: self._client.call(method, *arguments), what, self._client.exchange
        )

    def _broken(self, what: str, answer: object) -> ExchangeUnavailable:
        return ExchangeUnavailable(
            f"{self._client.exchange} answered rubbish when asked for {what}: {str(answer)[:80]!r}",
            hint="a proxy or captive portal may be answering in its place",
        )


def _is_trading(entry: Mapping[str, Any] | None) -> bool:
    return entry is not None and bool(entry.get("spot")) and entry.get("active") is not False


def _fee(text: str) -> Decimal:
    """Return a fee as a fraction; below 0 is what some pay to whoever makes a market."""
    fraction = parse_decimal(text)
    if not -1 < fraction < 1:
        raise ValueError(f"{text} is no fee")
    return fraction


def _smallest_maximum(limits: Mapping[str, Any]) -> Decimal | None:
    """Return the largest quantity of any order, market orders too; 0 and absence mean no limit."""
    given = (limits.get(kind, {}).get("max") for kind in ("amount", "market"))
    maxima = [parse_decimal(text) for text in given if text is not None]
    return min((each for each in maxima if each > 0), default=None)


def _table(symbol: str, timeframe_ms: int, rows: object, exchange: str) -> CandleTable:
    """Return ccxt's candle rows as a table, checked: an empty or broken answer is no answer."""
    broken = ExchangeUnavailable(
        f"{exchange} answered rubbish when asked for the candles of {symbol}",
        hint="a proxy or captive portal may be answering in its place",
    )
    if not isinstance(rows, list):
        raise broken
    try:
        times = np.array([time_ms(row[0]) for row in rows], dtype=np.int64)
        values = [[candle_number(cell) for cell in row[1:6]] for row in rows]
    except (TypeError, ValueError, IndexError):
        raise broken from None
    if any(len(row) != 5 or min(row[:4]) <= 0 for row in values):
        raise broken
    if (np.diff(times) <= 0).any() or (times % timeframe_ms).any():
        raise broken
    columns = np.array(values, dtype=np.float64).reshape(-1, 5).T
    return CandleTable(symbol, timeframe_ms, times, *columns)
