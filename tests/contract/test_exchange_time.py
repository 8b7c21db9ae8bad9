"""The bot lives by the exchange's time, and asks for it again where it was refused for its own."""

from tests.support.builders import approved
from tests.support.clients import client_at
from tests.support.fakes import TokensForAll
from tests.support.faulty import faulty_proxy
from tests.support.sandbox import KEY, SECRET, book
from tradebot.adapters.broker import CcxtBroker
from tradebot.adapters.clock import WallClock
from tradebot.model.order import Rejection, Report
from tradebot.sandbox.server import SandboxServer

WRONG_MS = 3_600_000


def test_order_refused_for_a_wrong_time_is_rejected_and_the_next_one_is_taken() -> None:
    """Symptom: one drifted clock, and every order after it was refused until a restart."""
    server = SandboxServer(book("100 100 100"), api_key=KEY, secret=SECRET)
    clock = WallClock()
    with faulty_proxy(server.start()) as faults:
        client = client_at(f"{faults.url}/api/v3", clock.now_ms, follow=clock.follow)
        try:
            client.ask_time()
            client.call("load_markets")
            clock.follow(server.now_ms() + WRONG_MS)
            broker = CcxtBroker(client, prefix="tb-", tokens=TokensForAll(), clock=clock)
            refused = broker.place_order(approved("buy 1 BTC @ 100", order_id="tb-1"))
            assert isinstance(refused, Rejection)
            assert refused.code == "InvalidNonce"
            assert abs(clock.now_ms() - server.now_ms()) < WRONG_MS
            taken = broker.place_order(approved("buy 1 BTC @ 100", order_id="tb-2"))
            assert isinstance(taken, Report)
            assert faults.count("POST /api/v3/order") == 2
        finally:
            client.close()
            server.stop()


def test_time_that_cannot_be_asked_for_changes_nothing() -> None:
    clock = WallClock()
    before = clock.now_ms()
    with faulty_proxy("http://127.0.0.1:1") as faults:
        faults.script["GET /api/v3/time"] = ["garbage", "drop", "502"]
        client = client_at(f"{faults.url}/api/v3", clock.now_ms, follow=clock.follow)
        try:
            for _ in range(3):
                client.ask_time()
        finally:
            client.close()
    assert clock.now_ms() - before < WRONG_MS
