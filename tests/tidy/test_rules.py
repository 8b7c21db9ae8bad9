"""Hold every tidy rule against the tree, and hold every rule to its own examples."""

from functools import cache

import pytest

from tests.tidy import (
    rules_cli,
    rules_imports,
    rules_numbers,
    rules_places,
    rules_text,
    rules_words,
)
from tests.tidy.rule import ROOT, RULES, Example, Rule, Source, rule, tree

# Importing a file of rules is what registers them.
FILES_OF_RULES = (rules_cli, rules_imports, rules_numbers, rules_places, rules_text, rules_words)

every_rule = pytest.mark.parametrize("each", RULES, ids=[each.name for each in RULES])


@cache
def project() -> list[Source]:
    """The project's files, parsed once for all rules."""
    return tree()


def _examples(kind: str) -> list[object]:
    return [
        pytest.param(each, example, id=f"{each.name}-{number}")
        for each in RULES
        for number, example in enumerate(getattr(each, kind), start=1)
    ]


def _found(each: Rule, example: Example) -> list[str]:
    return [str(it) for it in each.findings([Source(*item) for item in example.items()])]


@every_rule
def test_the_tree_keeps(each: Rule) -> None:
    found = each.findings(project())
    if found:
        pytest.fail("\n".join(map(str, found)), pytrace=False)


@pytest.mark.parametrize(("each", "example"), _examples("caught"))
def test_a_breach_is_caught_and_named(each: Rule, example: Example) -> None:
    found = _found(each, example)
    assert found, "the rule does not see its own example"
    assert all(text.startswith(tuple(f"{path}:" for path in example)) for text in found)


@pytest.mark.parametrize(("each", "example"), _examples("passed"))
def test_what_is_right_is_not_complained_about(each: Rule, example: Example) -> None:
    assert not _found(each, example)


def test_every_place_that_a_rule_exempts_exists() -> None:
    exempt = {place for each in RULES for place in each.but}
    missing = sorted(place for place in exempt if not (ROOT / place).exists())
    assert not missing, f"exempt, but not there: {missing}: drop them from the rules"


def test_a_rule_without_an_example_that_it_catches_is_refused() -> None:
    with pytest.raises(AssertionError, match="may catch nothing"):
        rule(remedy="none", caught=[])(lambda source: iter(()))


def test_a_finding_names_file_line_breach_and_remedy() -> None:
    (each,) = [it for it in RULES if it.name == "only_the_cli_prints"]
    (text,) = _found(each, {"tradebot/engine/x.py": '"""Say."""\n\nprint(1)\n'})
    assert text.startswith("tradebot/engine/x.py:3: print(")
    assert each.remedy in text
