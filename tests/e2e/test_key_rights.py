"""What a key may do, asked before it trades: the command line, the real client, the sandbox."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest
import requests

from tests.support.sandbox import KEY, SECRET, book
from tests.support.servers import refusing_port, webhook
from tests.support.shell import refused, typed
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.keystore_file import KeyCheck, Slot
from tradebot.adapters.permissions import Permissions
from tradebot.adapters.redact import Secret
from tradebot.errors import ExchangeUnavailable, TradebotError
from tradebot.runtime import assemble
from tradebot.runtime.assemble import LIVE
from tradebot.runtime.config import load_config
from tradebot.runtime.key_asking import check_at_start, key_terms
from tradebot.runtime.key_checks import KeyTerms
from tradebot.sandbox.auth import KeyRights
from tradebot.sandbox.server import SandboxServer

CONFIG = """
[bot]
markets = ["BTC/USDT"]
timeframe = "1h"
[exchange.ccxt.urls.test]
public = "{url}/api/v3"
private = "{url}/api/v3"
v1 = "{url}/api/v1"
sapi = "{url}/sapi/v1"
"""
ADD = ("keys", "add", "binance", "--testnet", "--stdin")
SLACK = "https://hooks.slack.com/services/T0/B0/canary-7f3a9c"
LINES = f"{KEY}\n{SECRET}\n"


@dataclass
class Exchange:
    """A sandbox that stands in for Binance's testnet, and a project that is pointed at it."""

    url: str
    unlock: tuple[str, ...]

    def tells(self, rights: KeyRights) -> None:
        """Tell this of the key from now on."""
        sent = requests.post(f"{self.url}/sandbox/key", json={"rights": rights}, timeout=10)
        assert sent.status_code == 200

    def status(self) -> Any:
        """Return what the exchange itself counts."""
        return requests.get(f"{self.url}/sandbox/status", timeout=10).json()


@pytest.fixture
def exchange(folder: Path, tmp_path: Path) -> Iterator[Exchange]:
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery")
    server = SandboxServer(book("100 101 99"), api_key=KEY, secret=SECRET, is_time_checked=False)
    url = server.start()
    (folder / "config.toml").write_text(CONFIG.format(url=url))
    yield Exchange(url, ("--passphrase-file", str(passphrase)))
    server.stop()


def _verdicts() -> list[str]:
    """Return what the audit log says of the key: never a part of it."""
    shown = typed("journal", "audit", "--json").out
    assert KEY not in shown
    assert SECRET not in shown
    kept = Path("logs", "audit.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in kept]
    return [each["details"]["verdict"] for each in lines if each["kind"] == "key_checked"]


# --- at the start -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rights", "why"),
    [
        (KeyRights.WITHDRAW, "the key may withdraw"),
        (KeyRights.TRANSFER, "the key may transfer coins"),
        (KeyRights.READ, "the key may not trade"),
    ],
)
def test_start_with_a_key_that_does_more_or_less_than_trade_ends_with_4(
    folder: Path, exchange: Exchange, rights: KeyRights, why: str
) -> None:
    typed(*ADD, *exchange.unlock, stdin=LINES)
    exchange.tells(rights)
    done = typed("run", "--testnet", *exchange.unlock, code=4)
    assert f"binance/testnet/main is refused: {why}" in done.err
    assert exchange.status()["order_posts"] == 0
    assert _verdicts()[-1].endswith("; from listed addresses")
    assert not (folder / "logs" / "runs" / "testnet-binance-main" / "journal.db").exists()


def test_owner_hears_at_once_that_a_key_may_do_something_else_than_before(
    folder: Path, exchange: Exchange
) -> None:
    with (folder / "config.toml").open("a") as file:
        file.write("[alerts]\nchannels = ['slack']\n")
    with webhook() as hook:
        typed("keys", "add", "slack", "--stdin", *exchange.unlock, stdin=hook.url)
        typed(*ADD, *exchange.unlock, stdin=LINES)
        exchange.tells(KeyRights.WITHDRAW)
        typed("run", "--testnet", *exchange.unlock, code=4)
    told = [body["text"] for _, body in hook.posted if "audit: " in body["text"]]
    assert len(told) == 1
    assert "audit: what the key binance/testnet/main may do has changed: " in told[0]


@pytest.mark.parametrize(
    ("rights", "why"),
    [
        (KeyRights.PARTIAL, "does not name every right"),
        (KeyRights.MALFORMED, "does not name every right"),
        (KeyRights.FORBIDDEN, "cannot be asked for what the key may do"),
        (KeyRights.ABSENT, "cannot be asked for what the key may do"),
    ],
)
def test_testnet_is_traded_on_with_a_warning_where_rights_are_not_told(
    folder: Path, exchange: Exchange, rights: KeyRights, why: str
) -> None:
    typed(*ADD, *exchange.unlock, stdin=LINES)
    exchange.tells(rights)
    # What ends it is the market, which the exchange does not list under that name.
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("BTC/USDT", "ETH/USDT"))
    done = typed("run", "--testnet", *exchange.unlock, code=78)
    assert "binance/testnet/main counts as not checked: " in done.err
    assert why in done.err
    assert "give it no right to withdraw" in done.err
    assert "has no spot market ETH/USDT" in done.err


def test_bot_is_watched_by_what_its_start_has_asked(
    folder: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch asks an hour later: here the bot ends as soon as it was given one."""
    given: list[KeyTerms] = []

    def assembled(*arguments: object, key_terms: KeyTerms, **named: object) -> NoReturn:
        given.append(key_terms)
        raise TradebotError("far enough")

    monkeypatch.setattr(assemble, "account", assembled)
    typed(*ADD, *exchange.unlock, stdin=LINES)
    typed("run", "--testnet", *exchange.unlock, code=1)
    (terms,) = given
    assert (terms.is_real, terms.any_address) == (False, False)
    terms.note(Permissions(may_withdraw=True))
    assert _verdicts()[-1].startswith("may withdraw; not told: trade, transfer")


def test_real_money_is_held_to_more_and_to_the_owner_s_word(
    folder: Path, exchange: Exchange
) -> None:
    slot, config = Slot("binance", LIVE, "main"), load_config(None)
    assert (key_terms(config, slot).is_real, key_terms(config, slot).any_address) == (True, False)
    sentence = "I trade real money with a key that works from every address"
    typed("arm", "--override", "addresses", "--reason", "x", "--sentence", sentence, code=6)
    assert key_terms(config, slot).any_address
    assert not key_terms(config, Slot("binance", LIVE, "other")).any_address
    assert not key_terms(config, Slot("kraken", LIVE, "main")).any_address


def test_real_money_does_not_start_while_nobody_answers(folder: Path, exchange: Exchange) -> None:
    proxy = f"[exchange.ccxt]\nhttpsProxy = 'http://127.0.0.1:{refusing_port()}'\n"
    (folder / "config.toml").write_text(proxy)
    fields = {"api_key": Secret(KEY), "secret": Secret(SECRET)}
    with pytest.raises(ExchangeUnavailable, match="cannot be asked for what the key may do"):
        check_at_start(load_config(None), Slot("binance", LIVE, "main"), fields)


# --- as it is added -----------------------------------------------------------------------------


def test_key_that_only_trades_is_saved_as_checked(folder: Path, exchange: Exchange) -> None:
    saved = typed(*ADD, "--json", *exchange.unlock, stdin=LINES)
    assert (saved.json["checked"], saved.err) == (True, "")
    (told,) = typed("keys", "list", "--json").json["checks"].values()
    rights = ("may_trade", "may_withdraw", "may_transfer", "ip_restricted")
    assert [told[name] for name in rights] == [True, False, False, True]
    assert _verdicts() == ["may trade; from listed addresses"]


@pytest.mark.parametrize(
    ("rights", "why"),
    [
        (KeyRights.WITHDRAW, "the key may withdraw"),
        (KeyRights.TRANSFER, "the key may transfer coins"),
        (KeyRights.READ, "the key may not trade"),
    ],
)
def test_key_that_is_refused_leaves_nothing_behind(
    folder: Path, exchange: Exchange, rights: KeyRights, why: str
) -> None:
    exchange.tells(rights)
    words = refused(4, *ADD, *exchange.unlock, stdin=LINES)
    assert f"binance/testnet/main is refused: {why}" in words
    assert "make a key that can only trade" in words
    assert not (folder / "keystore").exists()
    assert len(_verdicts()) == 2, "asked with and without --json"


def test_refused_key_takes_no_other_one_s_place(folder: Path, exchange: Exchange) -> None:
    typed(*ADD, *exchange.unlock, stdin=LINES)
    before = (folder / "keystore" / "keystore.json").read_bytes()
    exchange.tells(KeyRights.WITHDRAW)
    another = f"{KEY}\n{'o' * 64}\n"
    refused(4, "keys", "rotate", *ADD[2:], *exchange.unlock, stdin=another)
    assert (folder / "keystore" / "keystore.json").read_bytes() == before


def test_key_that_the_exchange_does_not_know_is_not_saved(folder: Path, exchange: Exchange) -> None:
    words = refused(4, *ADD, *exchange.unlock, stdin=f"{'o' * 64}\n{SECRET}\n")
    assert "binance refuses the key: AuthenticationError" in words
    assert _verdicts()[-1] == "binance refuses the key: AuthenticationError"
    assert not (folder / "keystore").exists()


def test_key_without_a_network_is_saved_only_as_unchecked_and_only_if_asked(
    folder: Path, exchange: Exchange
) -> None:
    url = f"http://127.0.0.1:{refusing_port()}"
    (folder / "config.toml").write_text(CONFIG.format(url=url))
    words = refused(5, *ADD, *exchange.unlock, stdin=LINES)
    assert "binance cannot be asked for what the key may do" in words
    assert "nothing was saved; try again, or save it unchecked with --no-check" in words
    assert not (folder / "keystore").exists()
    saved = typed(*ADD, "--no-check", "--json", *exchange.unlock, stdin=LINES)
    assert (saved.json["checked"], "It was not checked" in saved.err) == (False, True)
    assert typed("keys", "list", "--json").json["checks"] == {"binance/testnet/main": None}
    typed("keys", "check", *exchange.unlock, code=5)


@pytest.mark.parametrize("rights", [KeyRights.PARTIAL, KeyRights.MALFORMED])
def test_key_whose_rights_are_not_told_is_saved_as_unchecked_for_a_testnet(
    folder: Path, exchange: Exchange, rights: KeyRights
) -> None:
    exchange.tells(rights)
    saved = typed(*ADD, "--json", *exchange.unlock, stdin=LINES)
    assert saved.json["checked"] is False
    assert "binance/testnet/main: the exchange's answer does not name every right." in saved.err
    assert "It was not checked: give it no right to withdraw." in saved.err


def test_testnet_of_binance_itself_does_not_tell(folder: Path, exchange: Exchange) -> None:
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("sapi =", "other ="))
    saved = typed(*ADD, *exchange.unlock, stdin=LINES)
    assert "binance/testnet/main: binance does not tell it on its testnet." in saved.err
    checked = typed("keys", "check", "--json", *exchange.unlock).json["keys"]
    assert [(each["usable"], each["checked"]) for each in checked] == [(True, False)]


# --- asked again --------------------------------------------------------------------------------


def test_check_asks_keeps_what_it_hears_and_refuses(folder: Path, exchange: Exchange) -> None:
    typed(*ADD, "--no-check", *exchange.unlock, stdin=LINES)
    done = typed("keys", "check", *exchange.unlock)
    assert done.out.splitlines()[1].split("\t") == [
        "binance/testnet/main", "ok", "may trade; from listed addresses",
    ]  # fmt: skip
    exchange.tells(KeyRights.WITHDRAW)
    done = typed("keys", "check", "binance", "--testnet", *exchange.unlock, code=4)
    assert "REFUSED\tthe key may withdraw" in done.out
    assert "make a key that can only trade" in done.err
    (told,) = typed("keys", "list", "--json").json["checks"].values()
    assert told["may_withdraw"] is True
    exchange.tells(KeyRights.FORBIDDEN)
    done = typed("keys", "check", "--json", *exchange.unlock, code=5)
    (answer,) = done.json["keys"]
    assert (answer["usable"], answer["checked"], answer["may_withdraw"]) == (False, False, None)
    (kept,) = typed("keys", "list", "--json").json["checks"].values()
    assert kept == told, "no answer changes nothing"
    assert _verdicts() == [
        "may trade; from listed addresses",
        "may trade, withdraw; from listed addresses",
    ]


def test_check_of_what_is_not_there(folder: Path, exchange: Exchange) -> None:
    refused(4, "keys", "check", *exchange.unlock)
    typed("keys", "add", "slack", "--stdin", *exchange.unlock, stdin=f"{SLACK}\n")
    assert "no key of an exchange" in refused(3, "keys", "check", *exchange.unlock)
    missing = ("keys", "check", "binance", "--live", *exchange.unlock)
    assert "has no binance/live/main" in refused(4, *missing)


# --- real money ---------------------------------------------------------------------------------


def test_real_money_wants_a_list_of_addresses_or_the_owner_s_word(
    folder: Path, exchange: Exchange
) -> None:
    """The real exchange's addresses cannot be called here; what it would tell is kept by hand."""
    live = ("keys", "add", "binance", "--live", "--stdin", "--no-check")
    typed(*live, *exchange.unlock, stdin=LINES)
    passphrase = Secret(Path(exchange.unlock[1]).read_text())
    store = Keystore.open(Path("keystore"), passphrase)
    store.get("binance/live/main", "live")
    told = KeyCheck(
        checked_at_ms=1_700_000_000_000, may_trade=True, may_withdraw=False, may_transfer=False,
        ip_restricted=False,
    )  # fmt: skip
    store.set_check("binance/live/main", "live", told)
    rungs = {each["code"]: each for each in typed("arm", "--json", code=6).json["rungs"]}
    assert (rungs["permissions"]["met"], rungs["addresses"]["met"]) == (True, False)
    assert rungs["addresses"]["command"] == "tradebot keys check binance --live"
    leaving = ("arm", "--override", "addresses", "--reason", "a moving address", "--sentence")
    typed(*leaving, "yes", code=2)
    typed(*leaving, "I trade real money with a key that works from every address", code=6)
    rungs = {each["code"]: each for each in typed("arm", "--json", code=6).json["rungs"]}
    assert rungs["addresses"]["override"] == "a moving address"
