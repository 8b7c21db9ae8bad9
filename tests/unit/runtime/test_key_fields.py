"""The fields of a key: by prompt, lines or file, whole, and refused where they cannot be right."""

import importlib
import io
import json
from pathlib import Path

import pytest

from tradebot.adapters.keystore_file import Slot
from tradebot.errors import KeystoreError, UsageError
from tradebot.runtime.key_fields import _NAMES, Ask, credential_names, read_fields

TESTNET = Slot("binance", "testnet", "main")
COINBASE = Slot("coinbase", "live", "main")
OKX = Slot("okx", "live", "main")
EMAIL = Slot("alerts", "alerts", "email")
TELEGRAM = Slot("alerts", "alerts", "telegram")
LINES = "key-7f3a9c\nsecret-51b2e8\n"
EMAIL_LINES = "mail.example.com\n587\nstarttls\nbot\nword-0d9e\nbot@example.com\nme@example.com\n"
KEY = {"api_key": "key-7f3a9c", "secret": "secret-51b2e8"}
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\nAwEHoUQD==\n-----END EC PRIVATE KEY-----"
NAME = "organizations/x/apiKeys/y"


def read(
    slot: Slot, lines: str | None = None, *, key_file: Path | None = None, ask: Ask | None = None
) -> dict[str, str]:
    """Return the fields of a key in the clear."""
    stdin = None if lines is None else io.StringIO(lines)
    fields = read_fields(slot, stdin=stdin, key_file=key_file, ask=ask)
    return {name: secret.reveal() for name, secret in fields.items()}


def typing(*answers: str) -> tuple[Ask, list[tuple[str, bool]]]:
    """A person who types these answers; also what the person was asked, and whether hidden."""
    left, asked = list(answers), list[tuple[str, bool]]()

    def ask(label: str, is_hidden: bool) -> str:
        asked.append((label, is_hidden))
        return left.pop(0)

    return ask, asked


def private_file(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_key_comes_in_by_lines() -> None:
    assert read(TESTNET, LINES) == KEY


def test_only_what_is_secret_stays_hidden_while_it_is_typed() -> None:
    ask, asked = typing("key-7f3a9c", "secret-51b2e8 ")
    assert read(TESTNET, ask=ask) == KEY
    assert asked == [("Api key", True), ("Secret", True)]
    ask, asked = typing(*EMAIL_LINES.splitlines())
    read(EMAIL, ask=ask)
    assert [label for label, is_hidden in asked if is_hidden] == ["Password"]
    ask, asked = typing("123456789:AAcanary", "-1001234567890")
    read(TELEGRAM, ask=ask)
    assert asked == [("Bot token", True), ("Chat id", False)]


@pytest.mark.parametrize(
    "text",
    [LINES, json.dumps(KEY),
     json.dumps({"secret": "secret-51b2e8", "apiKey": "key-7f3a9c", "label": "x"}),
     json.dumps({"name": "key-7f3a9c", "privateKey": "secret-51b2e8\n"})],
    ids=["lines", "ours", "ccxt", "coinbase"],
)  # fmt: skip
def test_a_key_comes_in_by_file(tmp_path: Path, text: str) -> None:
    assert read(TESTNET, key_file=private_file(tmp_path / "key", text)) == KEY


def test_a_third_secret_comes_in_by_every_way(tmp_path: Path) -> None:
    wanted = {**KEY, "passphrase": "word-0d9e"}
    assert read(OKX, LINES + "word-0d9e\n") == wanted
    assert read(OKX, ask=typing(*wanted.values())[0]) == wanted
    of_ccxt = {"apiKey": "key-7f3a9c", "secret": "secret-51b2e8", "password": "word-0d9e"}
    for content in (wanted, of_ccxt):
        assert read(OKX, key_file=private_file(tmp_path / "key", json.dumps(content))) == wanted


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_secret_in_pem_keeps_its_lines_by_every_way(tmp_path: Path, end: str) -> None:
    wanted = {"api_key": NAME, "secret": PEM}
    as_json = json.dumps({"name": NAME, "privateKey": PEM + end})
    assert read(COINBASE, key_file=private_file(tmp_path / "key", as_json)) == wanted
    in_lines = f"{NAME}\n{PEM}\n"
    assert read(COINBASE, in_lines) == wanted
    assert read(COINBASE, key_file=private_file(tmp_path / "key", in_lines)) == wanted
    ask, asked = typing(NAME, *PEM.splitlines())
    assert read(COINBASE, ask=ask) == wanted
    assert asked[1:] == [("Secret", True), *[("and on", True)] * 3]
    # As it stands in the downloaded file, between its quotes.
    escaped = json.dumps(PEM + end)[1:-1]
    assert read(COINBASE, f"{NAME}\n{escaped}\n") == wanted
    assert read(COINBASE, ask=typing(NAME, escaped)[0]) == wanted


def test_a_secret_in_pem_must_be_whole() -> None:
    cut = PEM.rpartition("\n")[0]
    with pytest.raises(KeystoreError, match=r"^coinbase/live/main: secret ends too early$"):
        read(COINBASE, f"{NAME}\n{cut}\n")
    ask, asked = typing(NAME, PEM.splitlines()[0], *["MHcC"] * 500)
    with pytest.raises(KeystoreError, match="secret ends too early"):
        read(COINBASE, ask=ask)
    assert len(asked) == 202


@pytest.mark.parametrize(
    ("slot", "text", "message"),
    [
        (TELEGRAM, "123456789\n1\n", "telegram: the bot token is not one"),
        (TELEGRAM, "123456789:AAcanary\nme\n", "telegram: 'me' is not a chat"),
        (EMAIL, EMAIL_LINES.replace("587", "smtp"), "email: port 'smtp' is not a number"),
        (EMAIL, EMAIL_LINES.replace("me@", "me_"), "email: 'me_example.com' is not an address"),
        (EMAIL, EMAIL_LINES.replace("starttls", ""), "alerts/email: security is empty"),
        (TESTNET, "\nsecret-51b2e8\n", "binance/testnet/main: api_key is empty"),
        (TESTNET, "key\u2013one\nsecret\n",
         "binance/testnet/main: api_key has a character that is in no key"),
        (TESTNET, "key-one\nsec\x1b[2Jret\n",
         "binance/testnet/main: secret has a character that is in no key"),
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_right_is_refused(slot: Slot, text: str, message: str) -> None:
    with pytest.raises(KeystoreError) as caught:
        read(slot, text)
    assert caught.value.message == message


def test_a_mail_server_may_want_no_login() -> None:
    lines = "localhost\n25\nnone\n\n\nbot@example.com\nme@example.com\n"
    assert read(EMAIL, lines)["username"] == ""


@pytest.mark.parametrize("text", ["", "one\n", "one\ntwo\nthree\n"])
def test_another_number_of_lines_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^standard input has \d lines, not 2$") as caught:
        read(TESTNET, text)
    assert caught.value.hint == "a line each for api_key, secret"


def test_bad_key_files_are_named(tmp_path: Path) -> None:
    def refused(text: str | None, mode: int = 0o600) -> str:
        path = tmp_path / "key"
        if text is not None:
            private_file(path, text).chmod(mode)
        with pytest.raises(KeystoreError) as caught:
            read(TESTNET, key_file=path)
        assert "7f3a9c" not in caught.value.message + caught.value.hint
        return caught.value.message.replace(str(path), "FILE")

    assert refused(None) == "there is no key file FILE"
    assert refused("{") == "the key file FILE is not JSON"
    assert refused('{"api_key": "key-7f3a9c"}') == "the key file FILE has no secret"
    assert refused('{"api_key": "key-7f3a9c", "secret": 1}') == "the key file FILE has no secret"
    assert refused(LINES, 0o644) == "permissions 0644 of FILE are too open"
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    assert refused(None) == "permissions 0644 of FILE are too open"
    (tmp_path / "key").chmod(0o600)
    assert refused(None) == "the key file FILE is not UTF-8 text"


def test_without_a_terminal_the_other_ways_are_named() -> None:
    with pytest.raises(UsageError, match=r"^there is no terminal to ask for the key on$") as caught:
        read(TESTNET)
    assert caught.value.hint == (
        "give --key-file FILE, or --stdin with a line each for api_key, secret"
    )


def test_two_sources_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--stdin and --key-file are both given$"):
        read(TESTNET, LINES, key_file=tmp_path / "key")


@pytest.mark.parametrize(
    ("name", "hint"), [("binanec", "did you mean binance?"), ("xxxxxx", "try binance, slack, tele")]
)
def test_an_unknown_exchange_is_refused_with_a_suggestion(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match="is neither an exchange nor an alert channel") as caught:
        credential_names(Slot(name, "live", "main"))
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("exchange", "names"),
    [("binance", "api_key secret"), ("okx", "api_key secret passphrase"),
     ("kucoin", "api_key secret passphrase"), ("hyperliquid", "private_key wallet_address")],
)  # fmt: skip
def test_an_exchange_asks_for_what_ccxt_says_it_needs(exchange: str, names: str) -> None:
    assert credential_names(Slot(exchange, "live", "main")) == tuple(names.split())


def test_every_credential_of_every_exchange_has_a_name_of_ours() -> None:
    ccxt = importlib.import_module("ccxt")
    wanted = set()
    for exchange in ccxt.exchanges:
        described = getattr(ccxt, exchange)().requiredCredentials
        wanted |= {name for name, is_required in described.items() if is_required}
    assert wanted <= set(_NAMES)
