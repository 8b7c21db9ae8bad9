"""A sandbox server with two markets, a bare caller, and ccxt's two clients on it."""

from collections.abc import Iterator

import pytest

from tests.support.sandbox import KEY, SECRET, book
from tests.support.sandbox_client import AsyncClient, Caller, SyncClient
from tradebot.sandbox.server import SandboxServer

BTC = "100 100/112/95/104 104/108/90/91 91/95/91/92 - 97/118/96/117 117/119/88/92"


@pytest.fixture
def served() -> Iterator[tuple[SandboxServer, str]]:
    """A server two hours into its candles, with 1000 USDT and 2 BTC."""
    made = book(
        BTC,
        cash={"USDT": "1000", "BTC": "2"},
        slippage_ppm=10_000,
        hours=2,
        others={"ETH/USDT": "50 50 51 52"},
    )
    server = SandboxServer(made, api_key=KEY, secret=SECRET)
    url = server.start()
    yield server, url
    server.stop()


@pytest.fixture
def server(served: tuple[SandboxServer, str]) -> SandboxServer:
    return served[0]


@pytest.fixture
def caller(served: tuple[SandboxServer, str]) -> Iterator[Caller]:
    made = Caller(*served)
    yield made
    made.close()


@pytest.fixture(params=[SyncClient, AsyncClient], ids=["sync", "async"])
def client(
    request: pytest.FixtureRequest, served: tuple[SandboxServer, str]
) -> Iterator[SyncClient | AsyncClient]:
    made = request.param(*served)
    yield made
    made.close()
