"""One token for one post of one order, good for two seconds."""

from dataclasses import replace

import pytest

from tests.support.builders import approved
from tradebot.adapters.gate_tokens import AGE_MS_MAX, GateTokens
from tradebot.model.order import Approved

NOW = 1_000_000
ORDER = approved("buy 1 BTC @ 100", order_id="tb-1")


def _issued() -> GateTokens:
    tokens = GateTokens()
    tokens.issue(ORDER, now_ms=NOW)
    return tokens


def test_token_lets_its_order_leave_once() -> None:
    tokens = _issued()
    assert tokens.take(ORDER, now_ms=NOW) == ""
    assert tokens.take(ORDER, now_ms=NOW) == "it holds no token of the risk gate"
    assert (tokens.issued, tokens.taken) == (1, 1)


def test_order_without_a_token_does_not_leave() -> None:
    assert "no token" in GateTokens().take(ORDER, now_ms=NOW)


@pytest.mark.parametrize(
    ("age", "leaves"), [(0, True), (AGE_MS_MAX, True), (AGE_MS_MAX + 1, False), (-1, False)]
)
def test_token_is_good_for_two_seconds(age: int, leaves: bool) -> None:
    assert (_issued().take(ORDER, now_ms=NOW + age) == "") is leaves


@pytest.mark.parametrize(
    "change", ["market", "quantity", "side", "kind", "price", "stop_price", "leg", "reduce_only"]
)
def test_token_is_bound_to_the_exact_order(change: str) -> None:
    other = approved("sell 2 ETH @ 90", order_id="tb-1").intent
    values = {"price": other.reference_price, "stop_price": other.reference_price}
    values |= {"leg": "flatten", "kind": "limit", "reduce_only": not ORDER.intent.reduce_only}
    values |= {"market": "binance:ETH/USDT", "side": other.side, "quantity": other.quantity}
    changed: Approved = replace(ORDER, intent=replace(ORDER.intent, **{change: values[change]}))
    tokens = _issued()
    assert tokens.take(changed, now_ms=NOW) == "it is not the order that the risk gate approved"
    assert "no token" in tokens.take(ORDER, now_ms=NOW), "a token that was misused is spent"


def test_two_that_leave_together_each_have_a_token_and_are_counted() -> None:
    tokens, second = _issued(), replace(ORDER, order_id="tb-2")
    tokens.issue(second, now_ms=NOW + AGE_MS_MAX)
    for each in (ORDER, second):
        assert tokens.take(each, now_ms=NOW + AGE_MS_MAX) == ""
    assert (tokens.issued, tokens.taken) == (2, 2)


def test_recalled_token_is_worth_nothing() -> None:
    tokens = _issued()
    tokens.recall(ORDER)
    tokens.recall(ORDER)
    assert "no token" in tokens.take(ORDER, now_ms=NOW)


def test_tokens_that_nobody_took_do_not_pile_up() -> None:
    tokens = GateTokens()
    for number in range(1000):
        each = replace(ORDER, order_id=f"tb-{number}")
        tokens.issue(each, now_ms=NOW + number * AGE_MS_MAX)
    assert len(tokens._out) <= 2
