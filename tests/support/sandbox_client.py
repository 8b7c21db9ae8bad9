"""A bare HTTP caller and real ccxt clients for a sandbox server."""

import asyncio
import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

from tests.support.sandbox import KEY, SECRET
from tradebot.sandbox.auth import sign
from tradebot.sandbox.server import SandboxServer


class Caller:
    """Signs and sends single requests; every answer is (status, JSON)."""

    def __init__(self, server: SandboxServer, url: str) -> None:
        self.server = server
        self.url = url
        self.headers: dict[str, str] = {}
        self._connection = HTTPConnection(url.removeprefix("http://"))

    def raw(
        self, method: str, path: str, *, query: str = "", body: str = "", key: str = KEY
    ) -> Any:
        """Send exactly this and return (status, parsed answer)."""
        target = f"/api/v3/{path}" if not path.startswith("/") else path
        headers = {"X-MBX-APIKEY": key} if key else {}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, f"{target}?{query}" if query else target, body, headers)
        answer = self._connection.getresponse()
        self.headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, json.loads(answer.read())

    def get(self, path: str, **params: object) -> Any:
        """Ask a public endpoint."""
        return self.raw("GET", path, query=urlencode(params), key="")

    def signed(self, method: str, path: str, **params: object) -> Any:
        """Send a signed request: POST in the body, the rest in the query."""
        sent = {"timestamp": self.server.now_ms(), **params}
        payload = urlencode({name: value for name, value in sent.items() if value is not None})
        payload = f"{payload}&signature={sign(SECRET, payload)}"
        if method == "POST":
            return self.raw(method, path, body=payload)
        return self.raw(method, path, query=payload)

    def order(self, **params: object) -> Any:
        """Post a market buy of 1 BTC, or what differs from it; None leaves a parameter out."""
        usual = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
        return self.signed("POST", "order", **{**usual, **params})

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def ccxt_settings(server: SandboxServer, url: str) -> dict[str, Any]:
    """Return what makes a real ccxt client trade here, by the sandbox's clock."""
    api = f"{url}/api/v3"
    return {
        "apiKey": KEY,
        "secret": SECRET,
        "number": str,
        "enableRateLimit": False,
        "nonce": server.now_ms,
        "urls": {"api": {"public": api, "private": api}},
        "options": {
            "fetchMarkets": {"types": ["spot"]},
            "fetchMargins": False,
            "fetchCurrencies": False,
            "warnOnFetchOpenOrdersWithoutSymbol": False,
        },
    }


class AsyncClient:
    """ccxt's asynchronous client behind plain calls."""

    def __init__(self, server: SandboxServer, url: str) -> None:
        import ccxt.async_support

        self._loop = asyncio.new_event_loop()
        self._raw = ccxt.async_support.binance(ccxt_settings(server, url))

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._raw, name)
        return lambda *given, **named: self._loop.run_until_complete(method(*given, **named))

    def close(self) -> None:
        """Close the client's connections and its loop."""
        self._loop.run_until_complete(self._raw.close())
        self._loop.close()


class SyncClient:
    """ccxt's synchronous client, behind the same calls."""

    def __init__(self, server: SandboxServer, url: str) -> None:
        import ccxt

        self._raw = ccxt.binance(ccxt_settings(server, url))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def close(self) -> None:
        """Close the client's connections."""
        self._raw.session.close()
