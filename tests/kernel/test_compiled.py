"""Machine code is kept by what it was made of: texts, constants, and the compiler's version."""

import pytest

from tradebot.engine.rules import costs
from tradebot.research.kernel import gate, orders
from tradebot.research.kernel.compiled import digest
from tradebot.research.kernel.loop import run

VERSION = "1.0"


def test_same_texts_have_the_same_digest_and_another_compiler_another() -> None:
    assert digest(run, VERSION) == digest(run, VERSION)
    assert digest(run, VERSION) != digest(run, "1.1")


def test_constant_from_another_module_is_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(run, VERSION)
    monkeypatch.setattr(gate, "RESERVED_PART", 7)
    assert digest(run, VERSION) != before


def test_text_of_a_rule_that_is_called_is_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(run, VERSION)
    monkeypatch.setattr(orders, "fee", costs.affordable_cash)
    assert digest(run, VERSION) != before
