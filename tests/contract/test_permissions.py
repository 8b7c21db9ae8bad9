"""What a key may do: the real client of six exchanges, asked over HTTP, and what is made of it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from tests.support.key_answers import (
    KeyServer,
    binance,
    bybit,
    coinbase,
    key_server,
    kraken,
    kucoin,
    okx,
    pem_key,
)
from tests.support.sandbox import KEY, SECRET, book
from tests.support.servers import refusing_port
from tradebot.adapters.ccxt_client import CcxtClient, ClientSettings
from tradebot.adapters.permissions import Permissions, ask_permissions
from tradebot.errors import ConfigError, ExchangeUnavailable, KeystoreError
from tradebot.sandbox.auth import KeyRights
from tradebot.sandbox.server import SandboxServer

# Where each exchange is redirected, and what must arrive there.
ASKED = {
    "binance": ("sapi", "/sapi/v1", "GET", "/sapi/v1/account/apiRestrictions"),
    "bybit": ("private", "", "GET", "/v5/user/query-api"),
    "kraken": ("private", "", "POST", "/0/private/GetApiKeyInfo"),
    "okx": ("rest", "", "GET", "/api/v5/account/config"),
    "kucoin": ("private", "", "GET", "/api/v1/user/api-key"),
    "coinbase": ("rest", "", "GET", "/api/v3/brokerage/key_permissions"),
}
KRAKEN = ("query-funds", "query-open-trades", "query-closed-trades", "modify-trades")
KUCOIN = "General,Spot"
GOOD = {
    "binance": binance(),
    "bybit": bybit(),
    "kraken": kraken(*KRAKEN, "close-trades"),
    "okx": okx("read_only,trade"),
    "kucoin": kucoin(KUCOIN),
    "coinbase": coinbase(),
}
ONLY_TRADES = Permissions(
    may_trade=True, may_withdraw=False, may_transfer=False, ip_restricted=True
)


@pytest.fixture
def served() -> Iterator[KeyServer]:
    with key_server() as made:
        yield made


def _asked(exchange: str, url: str) -> Permissions:
    name, path, _, _ = ASKED[exchange]
    settings = ClientSettings(
        exchange=exchange,
        api_key="organizations/o/apiKeys/k" if exchange == "coinbase" else "key-7f3a9c",
        secret=pem_key() if exchange == "coinbase" else "c2VjcmV0LTUxYjJlOA==",
        password="pass-7f3a9c",  # noqa: S106  # of no account
        has_rate_limit=False,
        passthrough={"urls": {"api": {name: f"{url}{path}"}}},
    )
    client = CcxtClient(settings)
    try:
        return ask_permissions(client)
    finally:
        client.close()


@pytest.mark.parametrize("exchange", ASKED)
def test_key_that_only_trades_is_seen_as_that_with_one_request(
    served: KeyServer, exchange: str
) -> None:
    served.answers(GOOD[exchange])
    told = _asked(exchange, served.url)
    assert served.asked == [ASKED[exchange][2:]]
    # Coinbase tells nothing of addresses.
    limited = None if exchange == "coinbase" else True
    assert (told.may_trade, told.may_withdraw, told.may_transfer) == (True, False, False)
    assert (told.ip_restricted, told.checked, told.unknown) == (limited, True, ())


WITHDRAWING: list[tuple[str, Any]] = [
    ("binance", binance(enableWithdrawals=True)),
    ("binance", binance(enableWithdrawals=True, enableInternalTransfer=None, enableNew=True)),
    ("bybit", bybit(Wallet=["AccountTransfer", "Withdraw"])),
    ("bybit", bybit(Wallet=[None, "Withdraw"], Spot=None)),
    ("bybit", bybit(FiatP2P=["FiatP2POrder"])),
    ("bybit", bybit(FiatBitPay=[], FiatBybitPay=["FaitPayOrder"])),
    ("kraken", kraken(*KRAKEN, "withdraw-funds")),
    ("kraken", kraken(*KRAKEN, "add-withdraw-address")),
    ("kraken", kraken(*KRAKEN, 7, "withdraw-funds", "new-right")),
    ("okx", okx("read_only,withdraw,trade")),
    ("okx", okx("read_only, withdraw")),
    ("kucoin", kucoin("General,Spot,Withdrawal")),
    ("kucoin", kucoin("General,Spot,Transfer")),
    ("coinbase", coinbase(can_transfer=True)),
]


@pytest.mark.parametrize(("exchange", "answer"), WITHDRAWING)
def test_right_to_withdraw_is_seen_whatever_else_is_told(
    served: KeyServer, exchange: str, answer: object
) -> None:
    served.answers(answer)
    assert _asked(exchange, served.url).may_withdraw is True


TRANSFERRING: list[tuple[str, Any]] = [
    ("binance", binance(enableInternalTransfer=True)),
    ("binance", binance(permitsUniversalTransfer=True)),
    ("bybit", bybit(Wallet=["AccountTransfer"])),
    ("bybit", bybit(Wallet=["SubMemberTransfer"])),
    ("bybit", bybit(Wallet=["SubMemberTransferList"])),
    ("kraken", kraken(*KRAKEN, "earn-funds")),
    ("okx", okx("trade,withdraw")),
    ("kucoin", kucoin("General,Spot,InnerTransfer")),
    ("kucoin", kucoin("General,Spot,FlexTransfers")),
    ("coinbase", coinbase(can_transfer=True)),
]


@pytest.mark.parametrize(("exchange", "answer"), TRANSFERRING)
def test_right_to_transfer_is_seen(served: KeyServer, exchange: str, answer: object) -> None:
    served.answers(answer)
    assert _asked(exchange, served.url).may_transfer is True


READING: list[tuple[str, Any]] = [
    ("binance", binance(enableSpotAndMarginTrading=False)),
    ("bybit", bybit(Spot=[])),
    ("bybit", bybit(read_only=1)),
    ("kraken", kraken("query-funds")),
    ("kraken", kraken()),
    ("okx", okx("read_only")),
    ("kucoin", kucoin("General")),
    ("coinbase", coinbase(can_trade=False)),
]


@pytest.mark.parametrize(("exchange", "answer"), READING)
def test_key_that_cannot_trade_is_seen(served: KeyServer, exchange: str, answer: object) -> None:
    served.answers(answer)
    told = _asked(exchange, served.url)
    assert (told.may_trade, told.may_withdraw, told.checked) == (False, False, True)


OPEN: list[tuple[str, Any]] = [
    ("binance", binance(ipRestrict=False)),
    ("bybit", bybit(ips=["*"])),
    ("bybit", bybit(ips=[])),
    ("kraken", kraken(*KRAKEN, addresses=[])),
    ("kraken", kraken(*KRAKEN, addresses=["198.51.100.7", "0.0.0.0/0"])),
    ("okx", okx("trade", "")),
    ("okx", okx("trade", "::/0")),
    ("kucoin", kucoin(KUCOIN, "")),
]
UNTOLD_ADDRESSES: list[tuple[str, Any]] = [
    ("binance", binance(ipRestrict=None)),
    ("binance", binance(ipRestrict="true")),
    ("bybit", bybit(ips=None)),
    ("bybit", bybit(ips="198.51.100.7")),
    ("kraken", kraken(*KRAKEN, addresses=[7])),
    ("okx", okx("trade", None)),
    ("kucoin", kucoin(KUCOIN, ["198.51.100.7"])),
    ("coinbase", coinbase()),
]


@pytest.mark.parametrize(
    ("exchange", "answer", "limited"),
    [(*each, False) for each in OPEN] + [(*each, None) for each in UNTOLD_ADDRESSES],
)
def test_addresses_are_limited_only_where_that_is_told(
    served: KeyServer, exchange: str, answer: object, limited: bool | None
) -> None:
    served.answers(answer)
    told = _asked(exchange, served.url)
    assert (told.ip_restricted, told.checked) == (limited, True)


PARTIAL: list[tuple[str, Any]] = [
    ("binance", binance(enableWithdrawals=None)),
    ("binance", binance(enableWithdrawals="false")),
    ("binance", binance(enableWithdrawals=0)),
    ("bybit", bybit(Wallet=None)),
    ("bybit", bybit(Wallet="")),
    ("bybit", bybit(Wallet=[""])),
    ("bybit", bybit(read_only="0")),
    ("bybit", bybit(read_only=2)),
    ("bybit", bybit(read_only=False)),
    ("kraken", kraken(*KRAKEN, {"name": "x"})),
    ("coinbase", coinbase(can_transfer=None)),
]
NEW_RIGHTS: list[tuple[str, Any]] = [
    ("binance", binance(enableGifts=True)),
    ("bybit", bybit(Gifts=["Send"])),
    ("bybit", bybit(Wallet=["SendGift"])),
    ("kraken", kraken(*KRAKEN, "send-gifts")),
    ("okx", okx("read_only,trade,gifts")),
    ("okx", okx("read_only,trade,Withdraw")),
    ("okx", okx("read_only,trade,")),
    ("kucoin", kucoin("General,Spot,Gifts")),
    ("coinbase", coinbase(can_gift=True)),
]


@pytest.mark.parametrize(("exchange", "answer"), PARTIAL + NEW_RIGHTS)
def test_what_is_missing_malformed_or_new_is_never_taken_for_no(
    served: KeyServer, exchange: str, answer: object
) -> None:
    served.answers(answer)
    told = _asked(exchange, served.url)
    assert (told.may_withdraw, told.checked) == (None, False)


@pytest.mark.parametrize(("exchange", "answer"), NEW_RIGHTS)
def test_right_that_is_new_is_named(served: KeyServer, exchange: str, answer: object) -> None:
    served.answers(answer)
    assert len(_asked(exchange, served.url).unknown) == 1


def test_names_of_new_rights_are_shown_plainly_and_are_few(served: KeyServer) -> None:
    served.answers(
        kraken("\x1b[2Jwithdraw-funds", *(f"new-{each}-{'x' * 99}" for each in range(9)))
    )
    told = _asked("kraken", served.url)
    assert (told.may_withdraw, len(told.unknown)) == (None, 5)
    assert told.unknown[0] == "withdraw-funds"
    assert all(len(name) <= 40 for name in told.unknown)


@pytest.mark.parametrize("exchange", ASKED)
@pytest.mark.parametrize("inner", [{}, [], None, "rubbish", 7, [[]]])
def test_rubbish_tells_nothing(served: KeyServer, exchange: str, inner: object) -> None:
    good = GOOD[exchange]
    wrapped = {"bybit": "result", "kraken": "result", "okx": "data", "kucoin": "data"}
    answer = {**good, wrapped[exchange]: inner} if exchange in wrapped else inner
    served.answers(answer)
    try:
        told = _asked(exchange, served.url)
    except ExchangeUnavailable:
        return  # The library has seen that itself.
    assert (told.checked, told.may_trade, told.may_withdraw) == (False, None, None)


@pytest.mark.parametrize("exchange", ASKED)
@pytest.mark.parametrize(
    ("status", "body"),
    [(403, b"<html>403 Forbidden</html>"), (404, b"{}"), (500, b""), (200, b"<html>"), (200, b"")],
)
def test_exchange_that_cannot_be_asked_has_told_nothing(
    served: KeyServer, exchange: str, status: int, body: bytes
) -> None:
    served.status, served.body = status, body
    with pytest.raises(ExchangeUnavailable, match=f"^{exchange} cannot be asked for what the key"):
        _asked(exchange, served.url)


@pytest.mark.parametrize("exchange", ASKED)
def test_nobody_there_is_no_answer(exchange: str) -> None:
    with pytest.raises(ExchangeUnavailable):
        _asked(exchange, f"http://127.0.0.1:{refusing_port()}")


def test_key_that_is_refused_is_told_as_that(served: KeyServer) -> None:
    served.answers({"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})
    served.status = 401
    with pytest.raises(KeystoreError, match="binance refuses the key"):
        _asked("binance", served.url)


def test_request_that_was_refused_for_its_time_is_sent_once_more(served: KeyServer) -> None:
    served.answers(GOOD["binance"])
    refused = b'{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}'
    served.first = 400, refused
    assert _asked("binance", served.url) == ONLY_TRADES
    assert len(served.asked) == 2
    served.status, served.body = 400, refused
    with pytest.raises(ExchangeUnavailable):
        _asked("binance", served.url)
    assert len(served.asked) == 4


def test_testnet_of_binance_is_not_asked_and_has_told_nothing() -> None:
    client = CcxtClient(
        ClientSettings(exchange="binance", api_key=KEY, secret=SECRET, is_testnet=True)
    )
    try:
        told = ask_permissions(client)
    finally:
        client.close()
    assert (told.checked, told.why) == (False, "binance does not tell it on its testnet")


@pytest.mark.parametrize("exchange", ["kraken", "kucoin", "coinbase"])
def test_exchange_without_a_testnet_is_refused_in_words(exchange: str) -> None:
    """Symptom: a TypeError, as the library's address of the testnet is None."""
    settings = ClientSettings(exchange=exchange, api_key=KEY, secret=SECRET, is_testnet=True)
    with pytest.raises(ConfigError, match=f"{exchange} has no testnet"):
        CcxtClient(settings)


def test_exchange_that_is_not_in_the_table_has_told_nothing() -> None:
    client = CcxtClient(ClientSettings(exchange="gate", api_key=KEY, secret=SECRET))
    try:
        told = ask_permissions(client)
    finally:
        client.close()
    assert (told.checked, told.why) == (False, "this program knows no way to ask gate")


# --- the sandbox --------------------------------------------------------------------------------


@pytest.fixture
def sandbox() -> Iterator[tuple[str, CcxtClient]]:
    """A sandbox in virtual time, and the client that production builds for Binance's testnet."""
    server = SandboxServer(book("100 101 99"), api_key=KEY, secret=SECRET)
    url = server.start()
    urls = {"public": f"{url}/api/v3", "private": f"{url}/api/v3", "sapi": f"{url}/sapi/v1"}
    settings = ClientSettings(
        exchange="binance",
        api_key=KEY,
        secret=SECRET,
        is_testnet=True,
        has_rate_limit=False,
        passthrough={"urls": {"test": urls}},
        now_ms=server.now_ms,
    )
    client = CcxtClient(settings)
    yield url, client
    client.close()
    server.stop()


@pytest.mark.parametrize(
    ("rights", "told"),
    [
        (KeyRights.TRADE, ONLY_TRADES),
        (KeyRights.READ, replace(ONLY_TRADES, may_trade=False)),
        (KeyRights.WITHDRAW, replace(ONLY_TRADES, may_withdraw=True)),
        (KeyRights.TRANSFER, replace(ONLY_TRADES, may_transfer=True)),
        (KeyRights.ANYWHERE, replace(ONLY_TRADES, ip_restricted=False)),
        (KeyRights.PARTIAL, replace(ONLY_TRADES, may_withdraw=None)),
        (KeyRights.MALFORMED, Permissions()),
        (KeyRights.FORBIDDEN, None),
        (KeyRights.ABSENT, None),
    ],
)
def test_sandbox_tells_each_of_its_states_to_the_real_client(
    sandbox: tuple[str, CcxtClient], rights: KeyRights, told: Permissions | None
) -> None:
    url, client = sandbox
    switched = requests.post(f"{url}/sandbox/key", json={"rights": rights}, timeout=10)
    assert switched.status_code == 200
    if told is None:
        with pytest.raises(ExchangeUnavailable):
            ask_permissions(client)
    else:
        found = ask_permissions(client)
        assert found == told
        assert found.checked is (None not in (told.may_trade, told.may_withdraw))
