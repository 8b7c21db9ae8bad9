"""The real exchange library over real HTTP: nothing that it says holds a key or a signature."""

import io
import logging
import re
import traceback
from collections.abc import Iterator

import ccxt.async_support as ccxt
import pytest

from tests.support.listeners import listener
from tradebot.adapters.ccxt_client import CcxtClient, ClientSettings

API_KEY, SECRET, PASSWORD = "key-7f3a9c-0123", "secret-7f3a9c+/", "password 7f3a9c"
NOW_MS = 1_700_000_000_000
SIGNATURE = re.compile(r"signature\W{1,8}[0-9a-f]{8}")


def settings(url: str) -> ClientSettings:
    return ClientSettings(
        exchange="binance",
        api_key=API_KEY,
        secret=SECRET,
        password=PASSWORD,
        has_rate_limit=False,
        has_budget=False,
        passthrough={"urls": {"api": {"public": url, "private": url}}},
        errors_as_url="https://api.binance.com/",
        now_ms=lambda: NOW_MS,
    )


@pytest.fixture
def everything() -> Iterator[io.StringIO]:
    """Return what a stranger's handler hears of every logger, as loud as it goes."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    root, library = logging.getLogger(), logging.getLogger("ccxt")
    before = root.level, library.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    library.setLevel(logging.NOTSET)
    yield said
    root.removeHandler(handler)
    root.setLevel(before[0])
    library.setLevel(before[1])


def raised(client: CcxtClient, is_together: bool) -> BaseException:
    """Return what a signed request raises."""
    if is_together:
        (error,) = client.gather([client.raw.private_get_account()])
        assert isinstance(error, BaseException)
        return error
    with pytest.raises(ccxt.BaseError) as caught:
        client.call("private_get_account")
    assert isinstance(caught.value, BaseException)
    return caught.value


def assert_quiet(text: str) -> None:
    assert "7f3a9c" not in text
    assert not SIGNATURE.search(text), text


@pytest.mark.parametrize("is_verbose", [False, True])
def test_neither_debug_nor_verbose_shows_a_request(
    everything: io.StringIO, capfd: pytest.CaptureFixture[str], is_verbose: bool
) -> None:
    with listener() as exchange:
        client = CcxtClient(settings(exchange.url))
        client.raw.verbose = is_verbose
        client.call("private_get_account")
        client.close()
        assert exchange.seen == ["GET /account"]
    logging.getLogger("somebody").debug("is heard")
    assert "is heard" in everything.getvalue()
    assert_quiet(everything.getvalue() + "".join(capfd.readouterr()))


ANSWERS = {
    "no JSON": (502, b"<html>bad gateway</html>"),
    "an echo": (400, b'{"code": -2010, "msg": "no: %s, %s"}'),
    "nothing": (504, b""),
}


@pytest.mark.parametrize("is_together", [False, True], ids=["alone", "together"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_no_error_holds_a_key_or_a_signature(answer: tuple[int, bytes], is_together: bool) -> None:
    status, text = answer
    echo = text.replace(b"%s", API_KEY.encode(), 1).replace(b"%s", b"signature=0123456789abcdef")
    with listener(status=status, answer=echo) as exchange:
        client = CcxtClient(settings(exchange.url))
        try:
            error = raised(client, is_together)
        finally:
            client.close()
    assert isinstance(error, ccxt.BaseError)
    assert_quiet("".join(traceback.format_exception(error)))
    assert_quiet(repr(error.args))


def test_an_error_of_an_address_that_nobody_listens_at_is_quiet() -> None:
    with listener() as exchange:
        url = exchange.url
    client = CcxtClient(settings(url))
    error = raised(client, is_together=False)
    client.close()
    assert_quiet("".join(traceback.format_exception(error)))


def test_settings_and_client_show_no_credential() -> None:
    with listener() as exchange:
        made = settings(exchange.url)
        client = CcxtClient(made)
        client.close()
    assert_quiet(repr(made) + repr(client) + str(client.raw))
