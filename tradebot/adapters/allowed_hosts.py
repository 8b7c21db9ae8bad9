"""Which addresses the program may call: asked where a request leaves, before it leaves.

Law: what is not on the list is not called, and no redirect is followed: no answer can send a
request, or a key, anywhere else. Another machine is called by https alone.
"""

from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tradebot.errors import ConfigError, HostRefused

if TYPE_CHECKING:
    import requests

_PORTS: Final = {"https": 443, "http": 80}
_METHODS: Final = frozenset({"get", "post", "put", "patch", "delete"})

Origin = tuple[str, str, int]


class AllowedHosts:
    """The origins (scheme, host, port) of `addresses`. Raises ConfigError for one in the clear."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._origins = frozenset(_origin(each) for each in addresses)
        for scheme, host, port in sorted(self._origins):
            if scheme != "https" and not (scheme == "http" and is_loopback(host)):
                raise ConfigError(
                    f"{_shown((scheme, host, port))} is not https",
                    "whoever is on the way could read and change it; http is for this machine only",
                )

    def check(self, address: str) -> None:
        """Raise HostRefused for an address that is not on the list."""
        origin = _origin(address)
        if origin not in self._origins:
            known = ", ".join(_shown(each) for each in sorted(self._origins))
            raise HostRefused(
                f"{_shown(origin)} is not an address that may be called; those are {known}",
                "nothing was sent; `[exchange.ccxt]` and the keystore say what may be called",
            )


class CheckedSession:
    """An aiohttp session as the exchange library uses it: each request is checked."""

    def __init__(self, session: Any, check: Callable[[str], None]) -> None:
        self._session = session
        self._check = check

    def __getattr__(self, name: str) -> Any:
        if name not in _METHODS:
            raise AttributeError(name)  # What is not known to be checked does not exist here.
        send = getattr(self._session, name)

        def checked(url: Any, **named: Any) -> Any:
            # The URL as the session reads it: a second reading could find another host in it.
            self._check(str(url.origin()))
            return send(url, **{**named, "allow_redirects": False})

        return checked

    @property
    def headers(self) -> Any:
        """What the session sends with each request."""
        return self._session.headers

    def close(self) -> Awaitable[None]:
        """Close the session."""
        closing: Awaitable[None] = self._session.close()
        return closing


def check_requests(client: Any, check: Callable[[str], None]) -> None:
    """Have every session that a ccxt client opens check its requests; a proxy's, too."""
    open_plain, open_socks = client.open, client.get_socks_proxy_session
    by_proxy: dict[str, CheckedSession] = {}

    def opened(lazy: bool = False) -> None:
        open_plain(lazy)
        if client.session is not None and not isinstance(client.session, CheckedSession):
            client.session = CheckedSession(client.session, check)

    def opened_socks(proxy: str) -> CheckedSession:
        # The library keeps its own and closes it.
        return by_proxy.setdefault(proxy, CheckedSession(open_socks(proxy), check))

    client.open, client.get_socks_proxy_session = opened, opened_socks


def checked_requests(allowed: AllowedHosts) -> "requests.Session":
    """Return a requests session that calls what is allowed and follows nothing."""
    # Imported here: every command reads the alert settings, few send an alert.
    import requests

    class Door(requests.adapters.HTTPAdapter):
        def send(self, request: requests.PreparedRequest, *rest: Any, **named: Any) -> Any:
            allowed.check(request.url or "")
            return super().send(request, *rest, **named)

    session = requests.Session()
    for scheme in _PORTS:
        session.mount(f"{scheme}://", Door())
    return session


def is_loopback(host: str) -> bool:
    """Say whether `host` is this machine: `localhost`, 127.0.0.0/8 or ::1."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _origin(address: str) -> Origin:
    """Return scheme, host and port; one that is no address is on no list."""
    try:
        parts = urlsplit(address)
        port = _PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
        return parts.scheme, parts.hostname or "", port
    except ValueError:
        return "", "", 0


def _shown(origin: Origin) -> str:
    scheme, host, port = origin
    return f"{scheme}://{host}" if port == _PORTS.get(scheme) else f"{scheme}://{host}:{port}"
