"""The dead man's switch: armed while entries rest and nothing is held, and at no other time."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from tests.support.builders import BTC, order, position, state_with, stop_order
from tests.support.fakes import FakeBroker, FakeClock, TokensForAll
from tradebot.adapters.broker import CcxtBroker
from tradebot.adapters.ccxt_client import CcxtClient, ClientSettings
from tradebot.engine.dead_man import is_dead_man_wanted
from tradebot.engine.state import State
from tradebot.model.order import Order, OrderStatus
from tradebot.runtime.config import ReconcileSection
from tradebot.runtime.dead_man import DeadMan

ENTRY = order("buy 1 BTC @ 100")
RESTING = state_with(orders=[ENTRY])
FLAT = state_with()
HELD = {BTC: position("1 @ 100")}


def with_orders(*orders: Order) -> State:
    return state_with(orders=orders)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (FLAT, False),
        (RESTING, True),
        (state_with(orders=[ENTRY], positions=HELD), False),
        (state_with(positions=HELD), False),
        (with_orders(order("buy 1 BTC @ 100", status=OrderStatus.UNKNOWN)), False),
        (with_orders(order("buy 1 BTC @ 100", status=OrderStatus.SENT)), False),
        (with_orders(ENTRY, order("buy 1 ETH @ 1", order_id="b", status=OrderStatus.SENT)), False),
        (with_orders(order("buy 1 BTC @ 100", status=OrderStatus.CANCELLED)), False),
        (with_orders(ENTRY, stop_order("sell 1 ETH @ 9")), False),
        (with_orders(ENTRY, order("buy 1 ETH @ 10", order_id="b")), True),
        (state_with(orders=[ENTRY], positions={BTC: position("0.0004 @ 1", sellable="0")}), True),
    ],
    ids=[
        "nothing rests", "an entry rests", "something is held", "held, nothing rests", "in doubt",
        "on its way", "one of two in doubt", "it has ended", "a stop rests", "two rest",
        "a rest too small to sell",
    ],
)  # fmt: skip
def test_switch_is_wanted_only_while_entries_rest_and_nothing_is_held(
    state: State, expected: bool
) -> None:
    assert is_dead_man_wanted(state) is expected


class Switched:
    """A dead man's switch over a fake broker; the one that a dead bot left is called off."""

    def __init__(self, seconds: int = 60) -> None:
        self.broker, self.clock = FakeBroker(), FakeClock()
        self.broker.has_dead_man = True
        self.made = DeadMan(self.broker, self.clock, seconds=seconds)
        self.made.update(FLAT)
        self.broker.diary.clear()

    def wake(self, state: State, after_ms: int = 0) -> list[str]:
        """Wake after some time; return what was sent."""
        self.clock.now += after_ms
        self.broker.diary.clear()
        self.made.update(state)
        return [line.removeprefix("wire: dead man ") for line in self.broker.diary]


def test_switch_is_refreshed_at_half_its_time() -> None:
    switched = Switched()
    assert switched.wake(RESTING) == ["60"]
    assert switched.wake(RESTING, 29_999) == []
    assert switched.wake(RESTING, 1) == ["60"]
    assert switched.wake(RESTING, 45_000) == ["60"]


def test_switch_is_called_off_when_a_position_opens_or_nothing_rests() -> None:
    for end in (state_with(positions=HELD), FLAT):
        switched = Switched()
        switched.wake(RESTING)
        assert switched.wake(end, 1_000) == ["0"]
        assert switched.wake(end, 1_000) == []
        assert switched.wake(RESTING, 1_000) == ["60"]


def test_switch_that_was_not_called_off_is_tried_again() -> None:
    switched = Switched()
    switched.wake(RESTING)
    switched.broker.has_dead_man = False
    assert switched.wake(FLAT, 1) == ["0"]
    switched.broker.has_dead_man = True
    assert switched.wake(FLAT, 1) == ["0"]
    assert switched.wake(FLAT, 1) == []


def test_switch_whose_arming_had_no_answer_counts_as_armed() -> None:
    switched = Switched()
    switched.broker.has_dead_man = False
    assert switched.wake(RESTING) == ["60"]
    switched.broker.has_dead_man = True
    assert switched.wake(FLAT, 1) == ["0"]


def test_switch_that_a_dead_bot_left_armed_is_called_off_at_the_start() -> None:
    """It would cancel the stop that the new bot places."""
    broker = FakeBroker()
    DeadMan(broker, FakeClock(), seconds=60).update(state_with(positions=HELD))
    assert broker.diary == ["wire: dead man 0"]


@pytest.mark.parametrize("seconds", [1, 29])
def test_switch_that_would_go_off_between_two_wakes_is_refused(seconds: int) -> None:
    with pytest.raises(ValueError, match=f"{seconds} would cancel orders between two wakes"):
        ReconcileSection(dead_man_seconds=seconds)


def test_switch_of_no_seconds_is_never_used() -> None:
    switched = Switched(seconds=0)
    assert switched.wake(RESTING) == []
    assert switched.wake(FLAT, 60_000) == []


# --- on the wire --------------------------------------------------------------------------------

Requests = list[tuple[str, dict[str, list[str]]]]


@contextmanager
def exchange_stub() -> Iterator[tuple[str, Requests]]:
    """Serve answers that satisfy a client which loads its markets; keep what was posted."""
    posted: Requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = {"unixtime": 1_704_067_200} if self.path.endswith("/Time") else {}
            self._answer({"error": [], "result": told})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            posted.append((self.path, parse_qs(body)))
            self._answer({"error": [], "result": {"currentTime": "", "triggerTime": ""}})

        def _answer(self, value: object) -> None:
            text = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", posted
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def real_broker(exchange: str, url: str) -> Iterator[CcxtBroker]:
    client = CcxtClient(
        ClientSettings(
            exchange=exchange,
            api_key="key",
            secret=base64.b64encode(b"secret").decode(),
            has_rate_limit=False,
            passthrough={"urls": {"api": {"public": url, "private": url}}},
        )
    )
    try:
        yield CcxtBroker(client, prefix="tb-", tokens=TokensForAll(), clock=FakeClock())
    finally:
        client.close()


def test_kraken_is_sent_the_seconds_and_a_zero_to_call_it_off() -> None:
    with exchange_stub() as (url, posted), real_broker("kraken", url) as broker:
        assert broker.dead_man(3600) is True
        assert broker.dead_man(0) is True
    assert [path.rpartition("/")[2] for path, _ in posted] == ["CancelAllOrdersAfter"] * 2
    assert [body["timeout"] for _, body in posted] == [["3600"], ["0"]]


def test_exchange_without_a_switch_is_sent_nothing() -> None:
    with exchange_stub() as (url, posted), real_broker("binance", url) as broker:
        assert broker.dead_man(60) is False
    assert posted == []


def test_exchange_that_cannot_be_reached_has_not_taken_it() -> None:
    with exchange_stub() as (url, _):
        pass
    with real_broker("kraken", url) as broker:
        assert broker.dead_man(60) is False
