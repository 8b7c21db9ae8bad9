"""What `[exchange.ccxt]` may set, and why all else is refused."""

import tomllib
from decimal import Decimal

import pytest

from tradebot.adapters.ccxt_client import RECEIVE_WINDOW_MS, CcxtClient, ClientSettings
from tradebot.adapters.passthrough import check_passthrough
from tradebot.errors import ConfigError
from tradebot.runtime.config import Config

TAKEN = """
httpsProxy = "http://127.0.0.1:3128"
socks_proxy = "socks5://127.0.0.1:1080"
aiohttp_trust_env = true
cafile = "/etc/ssl/own.pem"
timeout = 10000
rateLimit = 1
userAgent = "mine"
urls.test.public = "http://127.0.0.1:8765/api/v3"
urls.test.private = "https://testnet.binance.vision/api/v3"
"""
REFUSED = {
    "recvWindow = 60000": "may not set recvWindow: an order without an answer is proved absent",
    "recv_window = 60000": "may not set recv_window: an order without an answer",
    "options.recvWindow = 60000": "may not set options.recvWindow: an order without an answer",
    "options.order.recvWindow = 9": "may not set options.order.recvWindow: an order without",
    "options.adjustForTimeDifference = true": "the bot follows the exchange's clock by itself",
    "options.timeDifference = 5000": "the bot follows the exchange's clock by itself",
    "options.maxRetriesOnFailure = 1": "it would send an order again",
    # The library looks for it under each endpoint's name, too.
    "options.order.maxRetriesOnFailure = 1": "may not set options.order.maxRetriesOnFailure: it",
    "max_retries_on_failure = 1": "it would send an order again",
    "options.newOrderRespType.market = 'ACK'": "may not set options.newOrderRespType: the bot",
    "options.defaultType = 'margin'": "the bot trades spot, without margin",
    "options.createOrder.marginMode = 'cross'": "the bot trades spot, without margin",
    "options.sandboxMode = false": "said by --testnet or --live alone",
    "sandbox = false": "said by --testnet or --live alone",
    "urls.api.private = 'http://127.0.0.1:1'": "may not set urls.api: which exchange",
    "urls = 'http://127.0.0.1:1'": "urls is a table",
    "urls.test.private = 3": "urls.test is a table of texts",
    "headers.X-MBX-APIKEY = 'x'": "they could replace the key",
    "enableRateLimit = false": "`rateLimit` sets the pace",
    "apiKey = 'x'": "keys belong into the keystore",
    "number = 'float'": "money is read as text",
    "verbose = true": "it would write the key into the log",
    "options = {}": "may not set options: only a proxy",
    "options.broker.spot = 'x'": "may not set options.broker.spot: only a proxy",
    "rate_limit = 9": "may not set rate_limit: only a proxy",
    "nonce = 3": "may not set nonce: only a proxy",
    "milliseconds = 3": "may not set milliseconds: only a proxy",
    "timeout = 10": "timeout is a whole number of ms, 1_000 to 60_000",
    "timeout = 60001": "timeout is a whole number of ms",
    "timeout = 2000.5": "timeout is a whole number of ms",
    "timeout = '9000'": "timeout is a whole number of ms",
    "rateLimit = true": "rateLimit is a whole number of ms",
    "rateLimit = 0": "rateLimit is a whole number of ms",
    "cafile = 3": "cafile is text",
    "aiohttp_trust_env = 'yes'": "aiohttp_trust_env is true or false",
}


def test_how_the_exchange_is_reached_may_be_set() -> None:
    taken = tomllib.loads(TAKEN, parse_float=Decimal)
    check_passthrough(taken)
    del taken["cafile"]  # There is none.
    client = CcxtClient(ClientSettings(exchange="binance", is_testnet=True, passthrough=taken))
    assert (client.raw.timeout, client.raw.rateLimit, client.raw.userAgent) == (10_000, 1, "mine")
    assert client.raw.urls["api"]["public"] == "http://127.0.0.1:8765/api/v3"
    assert client.raw.options["recvWindow"] == RECEIVE_WINDOW_MS
    client.close()


@pytest.mark.parametrize("text", REFUSED)
def test_what_could_break_a_law_of_orders_is_refused_with_its_reason(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_passthrough(tomllib.loads(text, parse_float=Decimal))
    assert REFUSED[text] in caught.value.message


def test_every_problem_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        check_passthrough({"options": {"recvWindow": 1, "defaultType": "swap"}, "nonce": 1})
    words = caught.value.message
    assert all(name in words for name in ("options.recvWindow", "options.defaultType", "nonce"))


def test_configuration_holds_it_too() -> None:
    """Symptom: a window of 60 s went out, the proof of absence counted 5, an order came late."""
    with pytest.raises(ValueError, match=r"may not set options\.recvWindow"):
        Config.model_validate({"exchange": {"ccxt": {"options": {"recvWindow": 60_000}}}})


@pytest.mark.parametrize(
    "host", ["api.binance.com", "api1.binance.com", "api-gcp.binance.com", "API.BINANCE.COM."]
)
def test_address_of_the_real_exchange_is_no_test_server(host: str) -> None:
    urls = {"test": {"private": f"https://{host}/api/v3"}}
    with pytest.raises(ConfigError, match="is the real exchange"):
        CcxtClient(ClientSettings(exchange="binance", passthrough={"urls": urls}))


@pytest.mark.parametrize("host", ["testnet.binance.vision", "demo-api.binance.com", "127.0.0.1"])
def test_address_of_a_test_server_is_taken(host: str) -> None:
    urls = {"test": {"private": f"https://{host}/api/v3"}}
    CcxtClient(ClientSettings(exchange="binance", passthrough={"urls": urls})).close()
