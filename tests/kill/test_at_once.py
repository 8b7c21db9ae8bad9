"""What the emergency stop does without the bot's leave: cancel, by what the exchange lists."""

import json
import signal
from pathlib import Path

import pytest

from tests.kill.ground import ground
from tests.support.clients import client_at
from tests.support.fakes import FakeClock, TokensForAll
from tests.support.faulty import faulty_proxy
from tests.support.sandbox import KEY, SECRET, book
from tradebot.adapters.broker import CcxtBroker
from tradebot.adapters.ccxt_client import CcxtClient
from tradebot.errors import ExchangeUnavailable, KeystoreError
from tradebot.runtime.runs import Run
from tradebot.sandbox.server import SandboxServer

OPEN, DELETE = "GET /api/v3/openOrders", "DELETE /api/v3/order"
OURS = ("tb00000a-1", "tb00000a-2")
OF_ANOTHER_BOT, OF_OTHERS = "tb00000b-1", "tbx-by-hand"


def _placed(client: CcxtClient, *names: str) -> None:
    for number, name in enumerate(names):
        price = str(50 + number)
        wanted = {"clientOrderId": name}
        client.call("create_order", "BTC/USDT", "limit", "buy", "1", price, wanted)


def _open(client: CcxtClient) -> list[str]:
    return sorted(each["clientOrderId"] for each in client.call("fetch_open_orders"))


@pytest.mark.parametrize(
    ("has_others", "left"),
    [(False, [OF_ANOTHER_BOT, OF_OTHERS]), (True, [OF_OTHERS])],
    ids=["the bot's", "every tradebot's"],
)
def test_all_that_is_shown_is_cancelled_and_no_order_of_others(
    has_others: bool, left: list[str]
) -> None:
    server = SandboxServer(book("100 100 100"), api_key=KEY, secret=SECRET)
    client = client_at(f"{server.start()}/api/v3", server.now_ms)
    broker = CcxtBroker(
        client, prefix="tb00000a", tokens=TokensForAll(), clock=FakeClock(), has_others=has_others
    )
    try:
        _placed(client, *OURS, OF_ANOTHER_BOT, OF_OTHERS)
        cancelled = {*OURS, OF_ANOTHER_BOT} if has_others else {*OURS}
        assert set(broker.cancel_shown()) == cancelled
        assert broker.cancel_shown() == ()
        assert _open(client) == sorted(left)
    finally:
        client.close()
        server.stop()


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        ("503", ExchangeUnavailable),
        ("418", ExchangeUnavailable),
        ("garbage", ExchangeUnavailable),
        ("-1021", ExchangeUnavailable),
        ("-2015", KeystoreError),
    ],
)
def test_list_that_is_not_answered_is_asked_once_and_is_not_none(
    fault: str, raised: type[Exception]
) -> None:
    server = SandboxServer(book("100 100 100"), api_key=KEY, secret=SECRET)
    with faulty_proxy(server.start()) as faults:
        client = client_at(f"{faults.url}/api/v3", server.now_ms)
        broker = CcxtBroker(client, prefix="tb", tokens=TokensForAll(), clock=FakeClock())
        try:
            faults.script[OPEN] = [fault]
            with pytest.raises(raised):
                broker.cancel_shown()
            assert faults.count(OPEN) == 1
        finally:
            client.close()
            server.stop()


def test_cancel_that_fails_is_seen_in_the_next_list_and_stops_no_other() -> None:
    server = SandboxServer(book("100 100 100"), api_key=KEY, secret=SECRET)
    with faulty_proxy(server.start()) as faults:
        client = client_at(f"{faults.url}/api/v3", server.now_ms)
        broker = CcxtBroker(client, prefix="tb00000a", tokens=TokensForAll(), clock=FakeClock())
        try:
            _placed(client, *OURS)
            faults.script[DELETE] = ["503"]
            assert len(broker.cancel_shown()) == 2
            assert len(broker.cancel_shown()) == 1
            assert broker.cancel_shown() == ()
        finally:
            client.close()
            server.stop()


@pytest.mark.long
def test_orders_are_cancelled_though_the_run_is_never_free(tmp_path: Path) -> None:
    """Symptom: kill waited for the bot, gave up, and every order stayed."""
    with ground(tmp_path) as made, made.place(has_alerts=False) as place:
        with place.bot():
            pass  # Killed, with its orders out.
        assert place.open_orders() >= 2
        # Nobody can take a lock here, nor say who holds it.
        lock = Run(place.journal.parent).folder / "lock"
        lock.unlink()
        lock.mkdir()
        killer = place.started("kill", "--flatten", "--json", stdout=-1, stderr=-1)
        out, _ = killer.communicate()
        told = json.loads(out)
        assert place.open_orders() == 0
    assert killer.returncode == 7
    assert (told["open_orders"], told["sold"]) == ([], {})
    assert "cannot be locked" in told["problems"][0]
    assert "nothing was sold: only the journal knows what the bot bought" in told["problems"][0]


# Loaded by Python before any program: its disk lets nothing of the latch go, and takes nothing new.
SHUT = """
import errno, os
_unlink, _open = os.unlink, os.open

def _refuse(path):
    if "/latch/" in str(path):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(path))

def unlink(path, **more):
    _refuse(path)
    _unlink(path, **more)

def open(path, flags, *rest, **more):
    if flags & os.O_CREAT:
        _refuse(path)
    return _open(path, flags, *rest, **more)

os.unlink, os.open = unlink, open
"""


@pytest.mark.long
def test_latch_that_cannot_be_closed_keeps_nothing_from_being_ended_and_sold(
    tmp_path: Path,
) -> None:
    """Symptom: `chattr +i logs/latch`: nothing was cancelled or sold, and the bot traded on."""
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut" / "sitecustomize.py").write_text(SHUT)
    with ground(tmp_path) as made, made.place(has_alerts=False) as place, place.bot() as bot:
        more = {"PYTHONPATH": str(tmp_path / "shut")}
        killer = place.started("kill", "--flatten", "--json", more=more, stdout=-1, stderr=-1)
        out, _ = killer.communicate()
        told = json.loads(out)
        assert bot.wait() == -signal.SIGKILL
        assert place.open_orders() == 0
        assert place.armed.exists()
    assert killer.returncode == 7
    assert (told["halted"], told["latched_ms"], told["open_orders"]) == (False, None, [])
    assert (told["left"], bool(told["sold"])) == ({}, True)
    assert told["problems"][0].startswith("THE LATCH IS NOT CLOSED")
    assert f"was ended by SIGKILL, process {bot.pid}" in told["notes"][0]
