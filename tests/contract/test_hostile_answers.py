"""Answers that hold what they must not: none is believed, none raises what nobody expects."""

import copy
import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.answering import SOUND, Answering, answering
from tests.support.sandbox import KEY, SECRET, book
from tests.support.sandbox_client import Caller
from tradebot.errors import ConfigError, ExchangeUnavailable, KeystoreError
from tradebot.model.order import Rejection, Unknown
from tradebot.sandbox.server import SandboxServer

ESC = "\x1b]0;x\x07\x1b[31m"
WORSE_NUMBERS = ("NaN", "Infinity", "1e999", "1_0", "\uff11", "-1", "", None, [], {}, True)
WORSE_IDS = ("", ESC, "../x", "a b", "a&symbol=X", "\u202e7", "7" * 65, None, [], {}, True)
WORSE_TIMES = ("x", ESC, None, [], 9e99, 4_102_444_800_000)
# The question, the way to the value, and what it must not be.
WORSE: list[tuple[str, tuple[Any, ...], tuple[Any, ...]]] = [
    ("place", ("orderId",), WORSE_IDS),
    ("place", ("clientOrderId",), ("", ESC, "tb-other", None, [], 7)),
    ("place", ("executedQty",), WORSE_NUMBERS),
    ("place", ("status",), ("", ESC, "BOUGHT", 7, [])),
    ("report", ("orderId",), WORSE_IDS),
    ("report", ("executedQty",), WORSE_NUMBERS),
    ("report", ("status",), ("", ESC, "BOUGHT", 7, [])),
    ("open", (0, "executedQty"), WORSE_NUMBERS),
    ("orders", (0, "orderId"), WORSE_IDS),
    # Without one it takes the time of the last change, which is as sound.
    ("orders", (0, "time"), ("x", ESC, 9e99, 4_102_444_800_000)),
    ("fills", (0, "id"), WORSE_IDS),
    ("fills", (0, "orderId"), WORSE_IDS),
    ("fills", (0, "price"), (*WORSE_NUMBERS, "0")),
    ("fills", (0, "qty"), (*WORSE_NUMBERS, "0")),
    ("fills", (0, "commission"), ("NaN", "1e999", "1_0", "\uff11", "", [], {})),
    ("fills", (0, "commissionAsset"), ("", ESC, "B B", "B" * 31, "\u202eB", None)),
    ("fills", (0, "time"), WORSE_TIMES),
    ("balances", ("balances", 0, "asset"), (ESC, "B B", "\u202eB", "B" * 31)),
    ("balances", ("balances", 0, "free"), ("NaN", "Infinity", "1e999", ESC)),
    ("price", ("lastPrice",), (*WORSE_NUMBERS, "0")),
    ("candles", (0, 0), (*WORSE_TIMES, "NaN", 3)),
    *(("candles", (0, n), (*WORSE_NUMBERS, "0")) for n in (1, 2, 3, 4)),
    ("candles", (0, 5), ("NaN", "Infinity", "1e999", "", None)),
    ("time", ("serverTime",), (0, *WORSE_TIMES)),
]


@pytest.fixture(scope="module")
def exchange() -> Iterator[Answering]:
    """Return the exchange; it answers whatever it is told."""
    with answering() as made:
        yield made


def changed(answer: Any, way: tuple[Any, ...], value: Any) -> Any:
    """Return the answer with one value in it replaced."""
    made = copy.deepcopy(answer)
    inner = made
    for step in way[:-1]:
        inner = inner[step]
    inner[way[-1]] = value
    return made


def asked(exchange: Answering, what: str, answer: Any) -> Any:
    """Return what is made of an answer; None where it is said to be none."""
    found = None
    try:
        found = exchange.ask(what, answer)
    except (ExchangeUnavailable, KeystoreError) as error:
        said = error.message
    else:
        said = ""
    for text in (said, *texts(found)):
        assert text.isprintable(), (what, answer, found)
    return found


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from texts(getattr(value, field.name))
    elif isinstance(value, dict):
        for item in value.items():
            yield from texts(item)
    elif isinstance(value, (list, tuple)) and not isinstance(value, np.ndarray):
        for each in value:
            yield from texts(each)


@pytest.mark.parametrize("what", SOUND)
def test_sound_answer_is_understood(what: str, exchange: Answering) -> None:
    found = asked(exchange, what, SOUND[what])
    assert found is not None
    assert not isinstance(found, (Unknown, Rejection))


@pytest.mark.parametrize(("what", "way", "values"), WORSE)
def test_answer_with_a_value_that_it_cannot_be_is_none(
    what: str, way: tuple[Any, ...], values: tuple[Any, ...], exchange: Answering
) -> None:
    for value in values:
        found = asked(exchange, what, changed(SOUND[what], way, value))
        assert found is None or isinstance(found, Unknown), (value, found)


def test_market_with_a_rule_that_it_cannot_have_is_none(exchange: Answering) -> None:
    server = SandboxServer(book("100 100 100"), api_key=KEY, secret=SECRET)
    caller = Caller(server, server.start())
    listing = caller.get("exchangeInfo")[1]
    caller.close()
    server.stop()
    (sound,) = exchange.markets(listing).values()
    taken = 0
    for way in ways(listing):
        for value in (ESC, None, "1e999", "-1", []):
            try:
                (found,) = exchange.markets(changed(listing, way, value)).values()
            except (ExchangeUnavailable, ConfigError) as error:
                said = error.message
            else:
                said = repr(found)
                taken += 1
                assert found.symbol == sound.symbol
                assert found.tick > 0
                assert found.step > 0
                assert min(found.quantity_min, found.notional_min) >= 0
            assert said.isprintable(), (way, value, said)
    assert taken


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000, b"\xff\xfe\x00"]
)
@pytest.mark.parametrize("what", SOUND)
def test_answer_that_no_reader_gets_through_is_none(
    what: str, body: bytes, exchange: Answering
) -> None:
    found = asked(exchange, what, body)
    assert found is None or isinstance(found, Unknown)


@pytest.mark.parametrize("place", ["msg", "code"])
def test_words_of_a_refusal_are_one_line_that_shows_text(place: str, exchange: Answering) -> None:
    said = f"no{ESC}\r\nError: \x9b31m\u202eall is well\u2028 <script>x</script>"
    answer = {"code": -2010, "msg": "Account has insufficient balance for requested action."}
    text = json.dumps({**answer, place: said}, ensure_ascii=False)
    found = asked(exchange, "place", text.encode())
    assert isinstance(found, (Rejection, Unknown))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["NaN", "1e999", "-1", "0", "1", "tb-buy", "BTCUSDT", "NEW", "FILLED"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def ways(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value in an answer."""
    items: Any = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        items = enumerate(value)
    for step, inner in items:
        yield (*way, step)
        yield from ways(inner, (*way, step))


CHANGES = [(what, way) for what, answer in SOUND.items() for way in ways(answer)]
FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check_changed(exchange: Answering, change: tuple[str, tuple[Any, ...]], value: Any) -> None:
    what, way = change
    asked(exchange, what, changed(SOUND[what], way, value))


@settings(FUZZ, max_examples=150)
@given(change=st.sampled_from(CHANGES), value=JSON)
def test_no_value_in_an_answer_raises_what_nobody_expects(
    exchange: Answering, change: tuple[str, tuple[Any, ...]], value: Any
) -> None:
    check_changed(exchange, change, value)


@settings(FUZZ, max_examples=100)
@given(
    what=st.sampled_from(sorted(SOUND)), answer=JSON.map(json.dumps).map(str.encode) | st.binary()
)
def test_no_answer_raises_what_nobody_expects(
    exchange: Answering, what: str, answer: bytes
) -> None:
    asked(exchange, what, answer)


@pytest.mark.long
@settings(FUZZ, max_examples=5_000)
@given(change=st.sampled_from(CHANGES), value=JSON)
def test_no_value_of_thousands_raises_what_nobody_expects(
    exchange: Answering, change: tuple[str, tuple[Any, ...]], value: Any
) -> None:
    check_changed(exchange, change, value)
