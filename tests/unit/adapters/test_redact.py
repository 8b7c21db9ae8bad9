"""Secrets stay in their type, and out of every text in every spelling."""

import base64
import copy
import gc
import html
import json
import pickle
import pprint
import re
import weakref
from collections.abc import Callable
from dataclasses import asdict, dataclass
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.adapters.redact import (
    MASK,
    Redactor,
    Secret,
    plain_text,
    redacted_by_living,
)

CANARY = "ca\"na\\ry<+/=&>'é 7f3a9c"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIOlzq8aNARY+/abcdefghijk\n-----END-----\n"

SHOWS: dict[str, Callable[[Secret], str]] = {
    "repr": repr,
    "str": str,
    "format": lambda secret: f"{secret:>40}",
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031  # loggers format so
    "json": lambda secret: json.dumps(secret, default=str),
    "in a list": lambda secret: str([secret]),
    "in a dict": lambda secret: repr({"secret": secret}),
    "copy": lambda secret: repr(copy.copy(secret)),
    "deepcopy": lambda secret: repr(copy.deepcopy([secret])),
    "vars": lambda secret: repr([getattr(secret, "__dict__", {}), vars(Holder(secret))]),
    "pretty": lambda secret: pprint.pformat({"a": [secret]}),
    "asdict": lambda secret: repr(asdict(Holder(secret))),
    "dataclass": lambda secret: repr(Holder(secret)),
    "exception": lambda secret: repr(ValueError(secret)),
    "bytes": lambda secret: repr(getattr(secret, "__dict__", {})),
}


@dataclass(frozen=True)
class Holder:
    secret: Secret


@pytest.mark.parametrize("show", SHOWS.values(), ids=SHOWS)
def test_a_secret_is_not_shown_by(show: Callable[[Secret], str]) -> None:
    assert "7f3a9c" not in show(Secret(CANARY))


def test_a_secret_is_revealed_only_when_asked_by_name() -> None:
    assert Secret(CANARY).reveal() == CANARY
    assert repr(Secret(CANARY)) == "Secret(***)"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_cannot_be_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match=r"^a Secret cannot be pickled$"):
        pickle.dumps(Secret(CANARY), protocol)
    with pytest.raises(TypeError, match=r"^a Secret cannot be pickled$"):
        Secret(CANARY).__getstate__()


def test_json_refuses_a_secret_without_showing_it() -> None:
    with pytest.raises(TypeError) as caught:
        json.dumps({"secret": Secret(CANARY)})
    assert "7f3a9c" not in str(caught.value)


def test_a_secret_cannot_be_changed() -> None:
    secret = Secret(CANARY)
    with pytest.raises(AttributeError, match=r"^a Secret cannot be changed$"):
        secret._text = "other"
    with pytest.raises(AttributeError, match=r"^a Secret cannot be changed$"):
        del secret._text
    assert secret.reveal() == CANARY


def test_secrets_compare_by_text_and_only_with_secrets() -> None:
    assert Secret("abcdef") == Secret("abcdef")
    assert Secret("abcdef") != Secret("abcdeg")
    assert Secret("\ud800") != Secret("x")
    assert Secret("abcdef") != "abcdef"
    with pytest.raises(TypeError, match="unhashable"):
        hash(Secret("abcdef"))


# What encodes a text, and what of that stands before and after the text itself.
FORMS: dict[str, tuple[Callable[[str], str], str, str]] = {
    "raw": (lambda text: text, "", ""),
    "quote": (lambda text: quote(text, safe=""), "", ""),
    "quote with slashes": (quote, "", ""),
    "quote_plus": (quote_plus, "", ""),
    "quote in small letters": (
        lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text, safe="")),
        "",
        "",
    ),
    "quoted twice": (lambda text: quote(quote(text, safe=""), safe=""), "", ""),
    "as browsers quote": (lambda text: quote(text, safe="!'()*"), "", ""),
    "as aiohttp quotes": (lambda text: quote(text, safe="!'()*,/:?@$"), "", ""),
    "base64": (lambda text: base64.b64encode(text.encode()).decode(), "", ""),
    "base64 for urls": (lambda text: base64.urlsafe_b64encode(text.encode()).decode(), "", ""),
    "hex": (lambda text: text.encode().hex(), "", ""),
    "HEX": (lambda text: text.encode().hex().upper(), "", ""),
    "repr": (lambda text: repr(text)[1:-1], "", ""),
    "repr among both quotes": (lambda text: repr(f"'{text}\""), "'\\'", "\"'"),
    "repr of bytes": (lambda text: repr(text.encode())[2:-1], "", ""),
    "repr of bytes among both quotes": (
        lambda text: repr(f"'{text}\"".encode()), "b'\\'", "\"'",
    ),
    "json": (json.dumps, '"', '"'),
    "json as utf-8": (lambda text: json.dumps(text, ensure_ascii=False), '"', '"'),
    "repr in json": (lambda text: json.dumps(repr(text)[1:-1]), '"', '"'),
    "json in json": (lambda text: json.dumps(json.dumps(text)), '"\\"', '\\""'),
    "json in json in json": (
        lambda text: json.dumps(json.dumps(json.dumps(text))), '"\\"\\\\\\"', '\\\\\\"\\""',
    ),
    "html": (html.escape, "", ""),
}  # fmt: skip
SECRETS = {
    "odd": CANARY,
    "pem": PEM,
    "key": "plainkey0123456789",
    "one quote": "it's-7f3a9c-0123",
    "the other quote": 'say"7f3a9c"0123',
    "an accent first": "é's-7f3a9c-0123",
    "a quote first": "'é-7f3a9c-0123",
    "a control character first": "\x7fé's-7f3a9c",
    "six": "7f3a9c",
    "seven": "7f3a9cX",
    "eight": "7f3a9cXY",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_registered_secret_is_masked_as(
    form: tuple[Callable[[str], str], str, str], secret: str
) -> None:
    encode, before, after = form
    shown = Redactor([Secret(secret)])(f"x {encode(secret)} x")
    assert shown == f"x {before}{MASK}{after} x"


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("end", ["", "?", "??", "???"])
@pytest.mark.parametrize("begin", ["", ">", ">>", ">>>>"])
def test_a_registered_secret_is_masked_inside_of_base64(
    encode: Callable[[bytes], bytes], secret: str, begin: str, end: str
) -> None:
    """What stays are characters that also hold bits of what stands beside it."""
    whole = encode(f"{begin}{secret}{end}".encode()).decode()
    first = -(-len(begin) * 8 // 6)
    last = len(whole) if begin + end == "" else (len(begin) + len(secret.encode())) * 8 // 6
    assert Redactor([Secret(secret)])(whole) == whole[:first] + MASK + whole[last:]


def test_only_a_space_is_also_a_plus() -> None:
    assert Redactor([Secret("7f3a 9c-7")])("7f3a+9c-7 7f3a 9c+7") == "*** 7f3a 9c+7"


def test_a_line_of_a_key_file_is_masked_alone() -> None:
    redactor = Redactor([Secret(PEM)])
    assert redactor("error at MHcCAQEEIOlzq8aNARY+/abcdefghijk") == f"error at {MASK}"


def test_lines_from_twelve_characters_on_are_masked_alone() -> None:
    redactor = Redactor([Secret("abcdefghijk\nabcdefghijkl\nxyz")])
    assert redactor("abcdefghijk, abcdefghijkl, xyz") == "abcdefghijk, ***, xyz"
    assert Redactor([Secret("abcdefghijkl\n")])("abcdefghijkl") == "***"


@given(st.text(min_size=6, max_size=60), st.text(max_size=9), st.text(max_size=9))
def test_no_secret_survives_raw_or_in_json(secret: str, before: str, after: str) -> None:
    redactor = Redactor([Secret(secret)])
    for text in (secret, json.dumps(secret)[1:-1], base64.b64encode(_bytes(secret)).decode()):
        assert text not in redactor(before + text + after)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /api/v3/order?symbol=X&signature=0a1b2c&x=1", "signature=***&x=1"),
        ("{'symbol': 'X', 'signature': '0a1b2c'}", "'signature': '***'}"),
        ('{"signature": "0a1b2c"}', '{"signature": "***"}'),
        (json.dumps({"body": json.dumps({"signature": "0a1b2c"})}), '{\\"signature\\": \\"***\\"}'),
        ("signature%3D0a1b2c", "signature%3D***"),
        ("X-MBX-APIKEY: 0a1b2c", "X-MBX-APIKEY: ***"),
        ("headers {'X-MBX-APIKEY': '0a1b2c', 'Accept': 'x'}", "'X-MBX-APIKEY': '***', 'Accept'"),
        ("[('x-mbx-apikey', b'0a1b2c')]", "[('x-mbx-apikey', b'***')]"),
        ("OK-ACCESS-PASSPHRASE=0a1b2c", "OK-ACCESS-PASSPHRASE=***"),
        ("Authorization: Bearer 0a1b2c", "Authorization: Bearer ***"),
        ("https://hooks.slack.com/services/T0/B0/0a1b2c", "https://hooks.slack.com/services/***"),
        ('"POST /services/T012AB/B034CD/0a1b2c HTTP/1.1" 404', '"POST /services/*** HTTP/1.1" 404'),
        ("https://discord.com/api/webhooks/123/0a1b2c", "/api/webhooks/***"),
        ("https://discord.com/api/v10/webhooks/123/0a1b2c?wait=1", "/webhooks/***?wait=1"),
        ("https://example.com/hooks/0a1b2c3d4e5f6a7b8c9d", "/hooks/***"),
        (
            "https://x.webhook.office.com/webhookb2/0a1b2c@7/IncomingWebhook/0a1b2c/9",
            "/webhookb2/***",
        ),
        ("https://name:0a1b2c@proxy.example:80/path", "https://name:***@proxy.example:80/path"),
        ("bot token 1234567890:AA0a1b2cAA0a1b2cAA0a1b2cAA0a1b2cAAA was", "bot token *** was"),
        ("GET /hook?token=0a1b2c&x=1", "token=***&x=1"),
        ("/x?access_token=0a1b2c", "access_token=***"),
        ("/x?apiKey=0a1b2c&y", "apiKey=***&y"),
        ("{'apiKey': '0a1b2c', 'uid': ''}", "{'apiKey': '***', 'uid': ''}"),
        ('{"secret": "0a1b2c", "password": "0a1b2c"}', '{"secret": "***", "password": "***"}'),
        ("'privateKey': '0a1b2c'", "'privateKey': '***'"),
        ("{'CB-ACCESS-SIGN': '0a1b2c'}", "'CB-ACCESS-SIGN': '***'"),
        ("KC-API-PARTNER-SIGN: 0a1b2c", "KC-API-PARTNER-SIGN: ***"),
        ("{'sign': '0a1b2c'}", "'sign': '***'"),
        ("&sign=0a1b2c", "&sign=***"),
        ("Proxy-Authorization: Basic 0a1b2c", "Proxy-Authorization: Basic ***"),
        ("jwt eyJhbGciOiJFUzI1.eyJzdWIi0a1b2c.0a1b2c0a1b2c end", "jwt *** end"),
        (
            "-----BEGIN EC PRIVATE KEY-----\n0a1b2c\n-----END EC PRIVATE KEY-----",
            "-----BEGIN EC PRIVATE KEY-----***-----END EC PRIVATE KEY-----",
        ),
        (
            r"'-----BEGIN PRIVATE KEY-----\n0a1b2c\n-----END PRIVATE KEY-----\n'",
            "'-----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY-----",
        ),
        ("https://api.telegram.org/bot123:0a1b2c/sendMessage", "/bot***/sendMessage"),
        ("/bot123%3A0a1b2c/getMe", "/bot***/getMe"),
    ],
)
def test_what_is_shaped_like_a_secret_is_masked_unregistered(text: str, shown: str) -> None:
    assert shown in Redactor()(text)
    assert "0a1b2c" not in Redactor()(text)


@pytest.mark.parametrize(
    "text",
    [
        "BTC/USDT BUY 0.5 @ 20,000",
        "services are up",
        "robots/bottle",
        "design: a=b",
        "order tb-1",
        "check the webhook: tradebot keys add slack",
        "give --passphrase-file FILE, or systemd's LoadCredential=keystore_passphrase:FILE",
        "binance refuses the key: AuthenticationError",
        "binance/testnet/main: secret has fewer than 6 characters",
        "2026-11-20T18:00:00.000Z 1700000000000:12 tokens: 3",
        "https://api.binance.com/api/v3/order?symbol=BTCUSDT",
        "the api_key, secret and password of okx",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    assert Redactor([Secret("plainkey0123456789")])(text) == text


def test_a_text_too_short_to_tell_apart_is_not_masked() -> None:
    assert Redactor([Secret("12345")])("price 12345") == "price 12345"
    assert Redactor([Secret("123456")])("price 123456") == "price ***"


def test_a_secret_inside_another_leaves_no_rest() -> None:
    redactor = Redactor([Secret("abcdef"), Secret("abcdef-ghijkl")])
    assert redactor("x abcdef-ghijkl x abcdef x") == "x *** x *** x"


def test_secrets_can_be_registered_later() -> None:
    redactor = Redactor()
    assert redactor("first0 second") == "first0 second"
    redactor.register(Secret("first0"))
    redactor.register(Secret("second"))
    assert redactor("first0 second") == "*** ***"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07shown", "shown"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jcleared", "cleared"),
        ("\x1bPdevice\x1b\\x", "x"),
        ("a\r\nb\tc\u2028d", "a b c d"),
        ("a\x00\x07\x08b\x7f", "ab"),
        ("\u202egpj.exe\u202c\u200b\ufeff", "gpj.exe"),
        ("  x  ", "x"),
        ("\ud800x", "x"),
        ("5 % — 20 €", "5 % — 20 €"),
    ],
)
def test_plain_text_holds_no_escape_or_invisible_character(text: str, plain: str) -> None:
    assert plain_text(text) == plain


def test_plain_text_is_cut_and_says_so() -> None:
    assert plain_text("x" * 100, length_max=20) == "x" * 14 + " [cut]"
    assert plain_text("x" * 20, length_max=20) == "x" * 20
    assert plain_text("x" * 3000) == "x" * 3000
    assert len(plain_text("x" * 3001)) == 3000


@given(st.text())
def test_plain_text_is_one_line_of_visible_text(text: str) -> None:
    shown = plain_text(text)
    assert len(shown.splitlines()) <= 1
    assert plain_text(shown) == shown
    shown.encode()


# --- what a crash prints ------------------------------------------------------------------------


def test_every_secret_that_lives_is_masked_though_no_redactor_knows_it() -> None:
    secrets = [Secret("first-7f3a9c"), Secret("second-7f3a9c")]
    text = f"first-7f3a9c {quote('second-7f3a9c')} signature=0a1b2c third-7f3a9c"
    assert redacted_by_living(text) == "*** *** signature=*** third-7f3a9c"
    assert len(secrets) == 2


def test_a_secret_is_not_kept_alive_by_being_known() -> None:
    secret = Secret("fourth-7f3a9c")
    alive = weakref.ref(secret)
    del secret
    gc.collect()
    assert alive() is None
    assert redacted_by_living("fourth-7f3a9c") == "fourth-7f3a9c"
