"""The compiled text of every rule gives what plain Python gives, to the last unit."""

import inspect
import random
from typing import Any

import pytest

from tests.support.rule_text import (
    INT64_MAX,
    Int64,
    Rule,
    all_rules,
    compiled,
    draw,
    fits,
)
from tradebot.engine.rules.arithmetic import portion, portion_up

DRAWS = 3000
RULES = all_rules()


def test_every_module_of_rules_is_found() -> None:
    modules = {rule.__module__.rpartition(".")[2] for rule in RULES}
    assert {"arithmetic", "costs", "exits", "fills", "limits", "sizes"} <= modules
    assert len(RULES) >= 24


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.__qualname__))
def test_rule_takes_integers_alone(rule: Rule) -> None:
    for parameter in inspect.signature(rule).parameters.values():
        assert parameter.annotation is int, parameter
    assert inspect.signature(rule).return_annotation in (int, bool)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.__qualname__))
def test_compiled_rule_equals_the_plain_one(rule: Rule) -> None:
    rng = random.Random(rule.__qualname__)  # noqa: S311 - seeded, not secret
    fast, compared, results = compiled(rule), 0, set[Any]()
    for _ in range(DRAWS):
        arguments = draw(rule, rng)
        if fits(rule, arguments):
            expected = rule(*arguments)
            assert fast(*arguments) == expected, (rule.__qualname__, arguments)
            compared += 1
            results.add(expected)
    assert compared > DRAWS // 10, f"only {compared} of {DRAWS} draws stay within 64 bits"
    assert len(results) > 1, "the draws never leave one branch"


@pytest.mark.parametrize("rule", [portion, portion_up], ids=lambda rule: str(rule.__name__))
def test_part_of_an_amount_never_overflows_where_the_amount_fits(rule: Rule) -> None:
    rng = random.Random(7)  # noqa: S311 - seeded, not secret
    amounts = [INT64_MAX, INT64_MAX - 1, 2**62, *(rng.randint(0, INT64_MAX) for _ in range(500))]
    for amount in amounts:
        for ppm in (0, 1, 999_999, 1_000_000, rng.randint(0, 1_000_000)):
            assert fits(rule, (amount, ppm)), (amount, ppm)
            assert compiled(rule)(amount, ppm) == rule(amount, ppm)


def test_64_bit_integers_of_the_test_notice_the_overflow() -> None:
    assert Int64(INT64_MAX) + 0 == INT64_MAX
    for overflow in (
        lambda: Int64(INT64_MAX) + 1,
        lambda: 1 + Int64(INT64_MAX),
        lambda: Int64(2**32) * 2**31,
        lambda: 2**32 * Int64(2**31),
        lambda: Int64(-INT64_MAX) - 2,
        lambda: -2 - Int64(INT64_MAX),
    ):
        with pytest.raises(OverflowError):
            overflow()
