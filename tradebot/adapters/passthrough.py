"""What `[exchange.ccxt]` may set: how the exchange is reached, and nothing of what an order is.

Law: what is not known to be harmless is refused. The exchange library takes any key, and some of
them send an order twice, or sign it for longer than the proof of its absence allows.
"""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from tradebot.adapters.allowed_hosts import AllowedHosts
from tradebot.errors import ConfigError

TEXTS = frozenset(
    {
        "httpProxy", "http_proxy", "httpsProxy", "https_proxy", "socksProxy", "socks_proxy",
        "aiohttp_proxy", "cafile", "userAgent",
    }
)  # fmt: skip
SWITCHES = frozenset({"aiohttp_trust_env"})
# The shortest and the longest, in ms: a time-out under a second leaves every order in doubt.
SPANS = {"timeout": (1_000, 60_000), "rateLimit": (1, 60_000)}
ADDRESSES = "urls"
TEST = "test"

_CLOCK = "the bot follows the exchange's clock by itself"
_WINDOW = f"an order without an answer is proved absent by a window of 5 s, and {_CLOCK}"
_TWICE = "it would send an order again after an unknown answer"
_SPOT = "the bot trades spot, without margin"
_KEYS = "keys belong into the keystore: `tradebot keys add`"
_WORLD = "which exchange is traded on is said by --testnet or --live alone"
# By names without case and underscores, as the library takes some in two spellings.
_REASONS = {
    "recvwindow": _WINDOW,
    "receivewindow": _WINDOW,
    "adjustfortimedifference": _CLOCK,
    "timedifference": _CLOCK,
    "maxretriesonfailure": _TWICE,
    "maxretriesonfailuredelay": _TWICE,
    "neworderresptype": "the bot reads the answers that it asks for",
    "defaulttype": _SPOT,
    "defaultsubtype": _SPOT,
    "defaultmarginmode": _SPOT,
    "marginmode": _SPOT,
    "portfoliomargin": _SPOT,
    "papi": _SPOT,
    "sandbox": _WORLD,
    "sandboxmode": _WORLD,
    "testnet": _WORLD,
    "enabledemotrading": _WORLD,
    "hostname": _WORLD,
    "apikey": _KEYS,
    "secret": _KEYS,
    "password": _KEYS,
    "uid": _KEYS,
    "headers": "they could replace the key or the form of a signed request",
    "number": "money is read as text, never as a float",
    "verbose": "it would write the key into the log",
    "enableratelimit": "requests without a pace end in a ban; `rateLimit` sets the pace",
}


def check_passthrough(values: Mapping[str, object]) -> None:
    """Raise ConfigError naming every key that may not be set, and why."""
    problems = list(_problems(values))
    if problems:
        raise ConfigError("; ".join(problems), hint="leave them out")


def check_addresses(
    values: Mapping[str, object], *, real: Mapping[str, object], tests: Mapping[str, object]
) -> None:
    """Raise ConfigError where the testnet's address is one of the real exchange, or in the clear.

    `real` and `tests` are the exchange library's own addresses.
    """
    AllowedHosts(texts_in(values))
    known = {_host(each) for each in texts_in(tests)}
    domains = {_domain(_host(each)) for each in texts_in(real)}
    for address in texts_in(values):
        host = _host(address)
        if host not in known and _domain(host) in domains:
            raise ConfigError(
                f"[exchange.ccxt] urls.test: {host} is the real exchange",
                hint="orders of a rehearsal would be real ones; leave it out, or name another",
            )


def _problems(values: Mapping[str, object]) -> Iterator[str]:
    for name, value in values.items():
        if name == ADDRESSES:
            yield from _wrong_addresses(value)
        elif name in TEXTS:
            if not isinstance(value, str):
                yield f"{name} is text"
        elif name in SWITCHES:
            if not isinstance(value, bool):
                yield f"{name} is true or false"
        elif name in SPANS:
            low, high = SPANS[name]
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                yield f"{name} is a whole number of ms, {low:_} to {high:_}"
        else:
            yield from _refused(name, value)


def _refused(name: str, value: object) -> Iterator[str]:
    """Yield why a key may not be set; of a table, why each of its keys."""
    if _plain(name) in _REASONS:
        yield f"may not set {name}: {_REASONS[_plain(name)]}"
    elif isinstance(value, Mapping) and value:
        for inner, each in value.items():
            yield from (
                problem.replace("may not set ", f"may not set {name}.", 1)
                for problem in _refused(inner, each)
            )
    else:
        yield f"may not set {name}: only a proxy, cafile, timeout, rateLimit, userAgent, urls.test"


def _wrong_addresses(value: object) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield "urls is a table"
        return
    for name, each in value.items():
        if name != TEST:
            yield f"may not set urls.{name}: {_WORLD}"
        elif not isinstance(each, Mapping) or not all(
            isinstance(item, str) for item in each.values()
        ):
            yield "urls.test is a table of texts"


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def texts_in(value: object) -> Iterator[str]:
    """Yield every text in a table, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from texts_in(each)


def _host(address: str) -> str:
    return (urlsplit(address).hostname or "").rstrip(".")


def _domain(host: str) -> str:
    """Return the name under which a company registers its hosts, by its last two labels."""
    return ".".join(host.split(".")[-2:])
