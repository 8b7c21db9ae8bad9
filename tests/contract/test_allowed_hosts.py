"""Where the real client's requests go: to its mode's own addresses, and after no redirect."""

import pytest
from yarl import URL

from tests.support.answering import BUY, client_of
from tests.support.clients import client_at
from tests.support.fakes import FakeClock, TokensForAll
from tests.support.listeners import Listener, listener
from tests.support.sandbox import KEY, SECRET, book
from tradebot.adapters.broker import CcxtBroker
from tradebot.adapters.ccxt_client import CcxtClient, ClientSettings, NotCalled
from tradebot.errors import ConfigError, ExchangeUnavailable
from tradebot.model.order import Unknown, Unsent
from tradebot.runtime.sandboxed import sandbox_urls
from tradebot.sandbox.server import SandboxServer


class Reached:
    """A broker whose client has loaded its markets from a sandbox, and then finds another host."""

    def __init__(self, elsewhere: Listener) -> None:
        self._server = SandboxServer(book("100 100 100"), api_key=KEY, secret=SECRET)
        self.client = client_at(f"{self._server.start()}/api/v3", self._server.now_ms)
        self.client.call("load_markets")
        self.broker = CcxtBroker(
            self.client, prefix="tb-", tokens=TokensForAll(), clock=FakeClock()
        )
        self._elsewhere = elsewhere

    def lead_astray(self) -> None:
        """Have the library believe that the exchange is elsewhere."""
        for name in ("public", "private"):
            self.client.raw.urls["api"][name] = f"{self._elsewhere.url}/api/v3"

    def close(self) -> None:
        self.client.close()
        self._server.stop()


def test_order_to_an_address_that_is_not_allowed_does_not_leave() -> None:
    with listener() as other:
        reached = Reached(other)
        try:
            reached.lead_astray()
            outcome = reached.broker.place_order(BUY)
            assert isinstance(outcome, Unsent), outcome
            assert f"not sent: {other.url} is not an address that may be called" in outcome.reason
            with pytest.raises(ExchangeUnavailable, match=f"open orders: {other.url} is not an"):
                reached.broker.open_order_filled()
            assert other.seen == []
        finally:
            reached.close()


def test_another_session_for_a_proxy_is_checked_too() -> None:
    with listener() as other:
        reached = Reached(other)
        raw, proxy = reached.client.raw, "socks5://127.0.0.1:1"
        # What the library keeps of a proxy that it has opened before.
        raw.socks_proxy_sessions = {proxy: raw.session._session}
        try:
            with pytest.raises(NotCalled):
                raw.get_socks_proxy_session(proxy).get(URL(other.url))
        finally:
            raw.socks_proxy_sessions = None
            reached.close()
        assert other.seen == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("answer", [b"", b'{"orderId": 7, "clientOrderId": "tb-buy"}'])
def test_redirect_is_followed_by_nothing(status: int, answer: bytes) -> None:
    with (
        listener() as other,
        listener(status=status, location=f"{other.url}/api/v3/order", answer=answer) as exchange,
    ):
        broker = CcxtBroker(
            client_of(exchange), prefix="tb-", tokens=TokensForAll(), clock=FakeClock()
        )
        try:
            outcome = broker.place_order(BUY)
            # It was sent, and who answered so proves nothing.
            assert isinstance(outcome, Unknown), outcome
            with pytest.raises(ExchangeUnavailable, match=f"answered {status}, and no redirect is"):
                broker.open_order_filled()
            assert [each for each in exchange.seen if each.startswith("POST")] == [
                "POST /api/v3/order"
            ]
            assert other.seen == []
        finally:
            broker._client.close()


def test_redirect_to_the_exchange_itself_sends_no_order_again() -> None:
    with listener(status=307, answer=b"") as exchange:
        exchange.location = f"{exchange.url}/api/v3/order"
        broker = CcxtBroker(
            client_of(exchange), prefix="tb-", tokens=TokensForAll(), clock=FakeClock()
        )
        try:
            assert isinstance(broker.place_order(BUY), Unknown)
            assert exchange.seen == ["POST /api/v3/order"]
        finally:
            broker._client.close()


@pytest.mark.parametrize(
    ("settings", "allowed", "refused"),
    [
        ({}, "https://api.binance.com/api/v3/time", "https://testnet.binance.vision/api/v3/time"),
        (
            {"is_testnet": True},
            "https://testnet.binance.vision/api/v3/time",
            "https://api.binance.com/api/v3/time",
        ),
        (
            {"passthrough": {"urls": sandbox_urls("http://127.0.0.1:9")}},
            "http://127.0.0.1:9/api/v3/time",
            "https://api.binance.com/sapi/v1/system/status",
        ),
        (
            {
                "is_testnet": True,
                "passthrough": {
                    "urls": {"test": {"public": "https://demo-api.binance.com/api/v3"}}
                },
            },
            "https://demo-api.binance.com/api/v3/time",
            "https://api.binance.com/api/v3/time",
        ),
    ],
    ids=["live", "testnet", "sandbox", "named"],
)
def test_each_mode_calls_its_own_addresses(
    settings: dict[str, object], allowed: str, refused: str
) -> None:
    client = CcxtClient(ClientSettings(exchange="binance", **settings))  # type: ignore[arg-type]  # a table of keywords
    try:
        client.check_address(allowed)
        with pytest.raises(NotCalled, match="is not an address that may be called"):
            client.check_address(refused)
    finally:
        client.close()


def test_rehearsal_in_the_clear_on_another_machine_is_refused() -> None:
    urls = {"test": {"private": "http://10.0.0.1:8765/api/v3"}}
    with pytest.raises(ConfigError, match=r"^http://10\.0\.0\.1:8765 is not https$"):
        CcxtClient(ClientSettings(exchange="binance", passthrough={"urls": urls}))
