"""The ccxt client: one exchange on one private event loop, its errors turned into ours.

Law: nothing here retries. ccxt's own retry of private calls stays off: a second POST may be a
second order. Numbers arrive as text (`number: str`) and never become floats on the way to money.
What must not leave now, in a ban or while the exchange fails, is stopped by `breakers.py`; what
must not leave at all by `allowed_hosts.py`; whose class is given the key is asked of `genuine.py`.
An error is redacted before anyone has it: its text may hold the key, and the request's signature.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt

from tradebot.adapters.allowed_hosts import AllowedHosts, check_requests
from tradebot.adapters.bans import Paused, told
from tradebot.adapters.breakers import Tell, install, pace
from tradebot.adapters.clock import WallClock
from tradebot.adapters.genuine import genuine_class
from tradebot.adapters.passthrough import check_addresses, texts_in
from tradebot.adapters.redact import Redactor, Secret
from tradebot.errors import ConfigError, ExchangeUnavailable, HostRefused, KeystoreError

HTTP_TIMEOUT_MS = 15_000
RECEIVE_WINDOW_MS = 5_000
_CAUSES_MAX = 20


class NotCalled(Paused):
    """Nothing was sent: it was on its way to an address that may not be called."""

    hint = "`[exchange.ccxt]` says what is called beside the exchange's own addresses"


class Redirected(ccxt.BadResponse):  # type: ignore[misc]  # the library is untyped
    """The answer names another address, which is not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """How to reach an exchange. `passthrough` is the config's `[exchange.ccxt]`, checked there."""

    exchange: str
    api_key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    # The third secret of some exchanges, which call it a passphrase.
    password: str = field(default="", repr=False)
    is_testnet: bool = False
    has_rate_limit: bool = True
    # Whether a minute's requests have a limit: not where no time passes between them.
    has_budget: bool = True
    passthrough: Mapping[str, Any] = field(default_factory=dict)
    # Whose error codes apply: ccxt picks its map by URL and knows too few codes on a loopback one.
    errors_as_url: str = ""
    now_ms: Callable[[], int] | None = None
    # Who is told the exchange's time, at the start and after a refusal for a wrong one.
    follow: Callable[[int], None] | None = None
    # By which a ban is waited out: a clock that nobody can set.
    steady_ms: Callable[[], int] = field(default_factory=lambda: WallClock().monotonic_ms)
    # Who is told when requests of a kind are stopped, and when they go again.
    tell: Tell = lambda level, text: None


class CcxtClient:
    """A ccxt client whose coroutines are run to their end, several at once where asked."""

    def __init__(self, settings: ClientSettings) -> None:
        self.exchange = settings.exchange
        self._follow = settings.follow
        credentials = (settings.api_key, settings.secret, settings.password)
        self._redactor = Redactor(Secret(each) for each in credentials)
        self._loop = asyncio.new_event_loop()
        try:
            self.raw, self.check_address = _build(settings)
        except BaseException:
            self._loop.close()
            raise

    def call(self, method: str, *arguments: Any, **keywords: Any) -> Any:
        """Run one ccxt method. Raises whatever ccxt raises."""
        try:
            return self._run(method, *arguments, **keywords)
        except ccxt.InvalidNonce:
            # Our time is wrong: this request was refused, the next one must not be.
            self.ask_time()
            raise

    def ask_time(self) -> None:
        """Ask for the exchange's time and tell it; an answer that does not come changes nothing."""
        if self._follow is None:
            return
        try:
            answer = self._run("fetch_time")
        except (ccxt.BaseError, OSError):
            return
        if isinstance(answer, int) and answer > 0:
            self._follow(answer)

    def _run(self, method: str, *arguments: Any, **keywords: Any) -> Any:
        try:
            return self._loop.run_until_complete(getattr(self.raw, method)(*arguments, **keywords))
        except ccxt.BaseError as error:
            self._redact(error)
            raise

    def gather(self, calls: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        """Run several ccxt coroutines at once.

        Each result is a value or the exception it raised.
        """

        async def together() -> list[Any]:
            return await asyncio.gather(*calls, return_exceptions=True)

        results = self._loop.run_until_complete(together())
        for each in results:
            if isinstance(each, BaseException):
                self._redact(each)
        return results

    def _redact(self, error: BaseException | None) -> None:
        """Take credentials and signatures out of an error, and out of what caused it."""
        for _ in range(_CAUSES_MAX):
            if error is None:
                return
            error.args = tuple(
                self._redactor(each) if isinstance(each, str) else each for each in error.args
            )
            error = error.__cause__ or error.__context__

    def close(self) -> None:
        """Close the connections and the loop."""
        if self._loop.is_closed():
            return
        # What a second Ctrl-C left unfinished would otherwise go on, and complain, while we close.
        unfinished = asyncio.all_tasks(self._loop)
        for task in unfinished:
            task.cancel()
        self._loop.run_until_complete(_ended(unfinished))
        self._loop.run_until_complete(self.raw.close())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


async def _ended(tasks: Collection[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


def _build(settings: ClientSettings) -> tuple[Any, Callable[[str], None]]:
    """Return the library's client, and what its requests' addresses are asked of."""
    if settings.exchange not in ccxt.exchanges:
        raise ConfigError(
            f"exchange {settings.exchange!r} is not known to the exchange library",
            hint="set [exchange] id to one of ccxt's ids, such as binance",
        )
    client = genuine_class(ccxt, settings.exchange)(
        {
            "timeout": HTTP_TIMEOUT_MS,
            **_plain(settings.passthrough),
            "apiKey": settings.api_key,
            "secret": settings.secret,
            "password": settings.password,
            "enableRateLimit": settings.has_rate_limit,
            "number": str,
            "options": _options(settings),
        }
    )
    described = client.describe()["urls"]
    check_addresses(
        settings.passthrough.get("urls", {}).get("test", {}),
        real=described.get("api", {}),
        tests={name: described.get(name, {}) for name in ("test", "demo")},
    )
    if settings.is_testnet:
        if not client.urls.get("test"):
            raise ConfigError(
                f"{settings.exchange} has no testnet that the exchange library knows",
                hint="leave out --testnet, or practise on another exchange",
            )
        client.set_sandbox_mode(True)
    if settings.errors_as_url:
        known = client.get_exceptions_by_url
        client.get_exceptions_by_url = lambda url, kind: known(settings.errors_as_url, kind)
    client.options = _Options(client.options)
    _silence(client)
    _refuse_what_is_no_answer(client)
    _refuse_rows_without_time(client)
    _stop_what_must_not_leave(client, settings)
    if settings.now_ms is not None:
        # Signed requests carry a timestamp: it comes from the clock that the bot lives by.
        client.milliseconds = settings.now_ms
    return client, _stop_what_goes_elsewhere(client, settings, described)


class _Options(dict[str, Any]):
    """The library's options, but for what it remembers of a key.

    Once a key was taken, ccxt reads Binance's "invalid key" as a ban that passes: a key that is
    revoked while the bot runs would be waited for.
    """

    def __setitem__(self, name: str, value: Any) -> None:
        if name != "hasAlreadyAuthenticatedSuccessfully":
            super().__setitem__(name, value)


def _options(settings: ClientSettings) -> dict[str, Any]:
    return {
        "fetchMarkets": {"types": ["spot"]},
        "fetchMargins": False,
        "fetchCurrencies": False,
        "defaultType": "spot",
        "warnOnFetchOpenOrdersWithoutSymbol": False,
        "fetchOpenOrders": {"warnWithoutSymbol": False},
        "recvWindow": RECEIVE_WINDOW_MS,
        "adjustForTimeDifference": settings.now_ms is None,
    }


def _silence(client: Any) -> None:
    """Have the library say nothing of its requests, whoever makes it verbose or a logger loud."""
    client.log = lambda *said: None
    quiet = logging.Logger("ccxt", logging.WARNING)
    quiet.parent = logging.getLogger("ccxt")
    client.logger = quiet


def _stop_what_must_not_leave(client: Any, settings: ClientSettings) -> None:
    if "rateLimit" not in settings.passthrough:
        pace(client)
    install(
        client,
        steady_ms=settings.steady_ms,
        now_ms=settings.now_ms or WallClock().now_ms,
        tell=settings.tell,
        has_budget=settings.has_budget,
    )


def _stop_what_goes_elsewhere(
    client: Any, settings: ClientSettings, described: Mapping[str, Any]
) -> Callable[[str], None]:
    """Have the client call the addresses of its mode alone: the library's, and the named ones."""
    kind = "test" if settings.is_testnet else "api"
    named = list(texts_in(settings.passthrough.get("urls", {}).get(kind, {})))
    # A run in the sandbox names its own, and has no business with the real ones.
    own = [] if named and not settings.is_testnet else texts_in(described.get(kind, {}))
    addresses = [client.implode_hostname(each) for each in (*named, *own)]
    allowed = AllowedHosts(each for each in addresses if each.startswith("http"))

    def check(address: str) -> None:
        try:
            allowed.check(address)
        except HostRefused as refused:
            raise NotCalled(refused.message) from None

    check_requests(client, check)
    return check


def _refuse_what_is_no_answer(client: Any) -> None:
    """Have a redirect raise Redirected, and a 2xx answer that is no JSON BadResponse.

    The library hands a hotel's login page on as text, and reads an empty list out of it.
    """
    known = client.handle_errors

    def handle_errors(code: int, *rest: Any) -> Any:
        found = known(code, *rest)
        method, answer = rest[2], rest[5]
        if 300 <= code < 400:
            error = Redirected(f"{client.id} {method}: answered by {code}")
            error.add_note(f"it answered {code}, and no redirect is followed")
            raise error
        if answer is None and 200 <= code < 300:
            raise ccxt.BadResponse(f"{client.id} {method}: the answer is no JSON")
        return found

    client.handle_errors = handle_errors


def _refuse_rows_without_time(client: Any) -> None:
    """Have a list with a row of no time raise BadResponse.

    The library leaves such a row out, and what no list shows is taken for gone.
    """
    by_time, by_value = client.filter_by_since_limit, client.filter_by_value_since_limit

    def check(rows: Any, since: Any, key: Any) -> None:
        if since is None or rows is None:
            return
        for row in client.to_array(rows):
            if not client.safe_integer(row, key):
                raise ccxt.BadResponse(f"{client.id}: a row of a list has no time")

    def filter_by_since_limit(
        array: Any, since: Any = None, limit: Any = None, key: Any = "timestamp", tail: bool = False
    ) -> Any:
        check(array, since, key)
        return by_time(array, since, limit, key, tail)

    def filter_by_value_since_limit(
        array: Any,
        field: Any,
        value: Any = None,
        since: Any = None,
        limit: Any = None,
        key: Any = "timestamp",
        tail: bool = False,
    ) -> Any:
        check(array, since, key)
        return by_value(array, field, value, since, limit, key, tail)

    client.filter_by_since_limit = filter_by_since_limit
    client.filter_by_value_since_limit = filter_by_value_since_limit


def _plain(value: Any) -> Any:
    """Return TOML values as ccxt takes them: its time-outs are ints, not Decimals."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    return value


def read_error(error: Exception, what: str, exchange: str) -> Exception:
    """Return our error for what ccxt raised while reading; `what` says what was asked."""
    kind = type(error).__name__
    if told(error):
        return ExchangeUnavailable(
            f"{exchange} cannot be asked for {what}: {told(error)}",
            hint=getattr(error, "hint", Paused.hint),
        )
    if isinstance(error, (ccxt.AuthenticationError, ccxt.PermissionDenied)):
        return KeystoreError(
            f"{exchange} refuses the key: {kind}",
            hint="check the key and its IP list, then `tradebot keys add`",
        )
    if isinstance(error, ccxt.BaseError):
        hint = "nothing was changed; check the network, then the exchange's status page"
        return ExchangeUnavailable(f"{exchange} cannot be asked for {what}: {kind}", hint=hint)
    return error
