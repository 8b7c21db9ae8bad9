"""Hold docs/gate.md to the gate: its controls, what binds exits, keys, defaults and tests."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from tests.tidy.rule import ROOT
from tests.tidy.test_documents import missing_tests, named_tests, section
from tradebot.model.money import plain
from tradebot.runtime.config import Config
from tradebot.runtime.config_rules import PausesSection, RiskSection

DOCUMENT = ROOT / "docs" / "gate.md"
CONTROLS = ROOT / "tradebot" / "engine" / "controls"
GATE = ROOT / "tradebot" / "engine" / "risk.py"
CODE = re.compile(r"[a-z]+(_[a-z]+)*")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table of controls."""

    control: str
    key: str
    default: str
    exits: str
    test: str


def rows() -> list[Row]:
    """Return the table of controls, without its heading."""
    lines = section(DOCUMENT.read_text(encoding="utf-8"), "Controls").splitlines()
    cells = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[:3] == "| `"
    ]
    return [
        Row(row[0].strip("`"), row[3].partition(" (")[0].strip("`"), row[4], row[5], row[6])
        for row in cells
    ]


def _text(node: ast.AST) -> Iterator[str]:
    """Yield what a node says, if it is a control's code."""
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, str) and CODE.fullmatch(value):
        yield value


def codes_in(tree: ast.AST, names: dict[str, str]) -> Iterator[str]:
    """Yield the controls of a piece of code: the second word of a refusal, the first of a row."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "refused":
            yield from _text(node.args[1])
        elif isinstance(node, ast.Tuple) and node.elts and isinstance(node.ctx, ast.Load):
            yield from _text(node.elts[0])
        elif isinstance(node, ast.Name) and node.id in names:
            yield names[node.id]


def named_codes(tree: ast.Module) -> dict[str, str]:
    """Return the controls that a module gives names to: DAILY_LOSS, DRAWDOWN = …"""
    found: dict[str, str] = {}
    for node in tree.body:
        if not isinstance(node, ast.Assign):
            continue
        pairs = [(node.targets[0], node.value)]
        if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(node.targets[0].elts, node.value.elts, strict=True))
        for name, value in pairs:
            for code in _text(value):
                found[ast.unparse(name)] = code
    return found


def controls_by_function() -> dict[str, set[str]]:
    """Return what each function of the controls can refuse with."""
    found: dict[str, set[str]] = {}
    for file in sorted(CONTROLS.glob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = named_codes(tree)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                found[node.name] = set(codes_in(node, names))
    return found


def asked_of_any_order() -> set[str]:
    """Return the functions that the gate asks before it lets an exit pass."""
    for node in ast.walk(ast.parse(GATE.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "of_any_order":
            calls = (each for each in ast.walk(node.value) if isinstance(each, ast.Call))
            return {ast.unparse(call.func) for call in calls}
    raise AssertionError("the gate names of_any_order no more")


def defaults() -> dict[str, str]:
    """Return every key of limits and pauses with its default, as it is written."""
    config, found = Config(), {}
    for name, part in (("risk", RiskSection), ("pauses", PausesSection)):
        for key in part.model_fields:
            value = getattr(getattr(config, name), key)
            found[f"{name}.{key}"] = plain(value) if isinstance(value, Decimal) else str(value)
    return found


def test_the_table_lists_every_control_of_the_gate_and_no_other() -> None:
    listed = [row.control for row in rows()]
    coded = set().union(*controls_by_function().values())
    assert set(listed) == coded, "docs/gate.md has a row for each control"
    assert len(listed) == len(coded) > 40


def test_the_table_says_what_binds_exits() -> None:
    by_function = controls_by_function()
    bound = set().union(*(by_function[name] for name in asked_of_any_order()))
    assert {row.control for row in rows() if row.exits == "bound"} == bound
    assert {row.exits for row in rows()} == {"bound", "pass"}


def test_the_table_has_the_defaults_of_the_configuration() -> None:
    known = defaults()
    for row in rows():
        assert row.default == known.get(row.key, ""), row.control


def test_every_limit_and_pause_that_may_be_set_is_explained() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    missing = [key for key in defaults() if f"`{key}`" not in text]
    assert not missing


def test_every_control_has_its_own_test_which_names_it() -> None:
    assert not missing_tests(DOCUMENT.read_text(encoding="utf-8"))
    for row in rows():
        ((file, _),) = named_tests(row.test)
        assert f'"{row.control}"' in (ROOT / file).read_text(encoding="utf-8"), row.control


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("refused(intent, 'a_limit', 0, 1, 'words')", {"a_limit"}),
        ("for name, most in (('one', 1), ('two', 2)): pass", {"one", "two"}),
        ("yield 'three', 3", {"three"}),
        ("yield LimitTripped(LOSS)", {"four"}),
        ("say('nobody', f'{x}')", set()),
    ],
)
def test_a_control_is_found_where_it_is_named(code: str, found: set[str]) -> None:
    tree = ast.parse(f"def check():\n    {code}")
    assert (
        set(codes_in(tree, named_codes(ast.parse("LOSS, RESUME = 'four', 'some words'")))) == found
    )


def test_the_gate_is_linked_where_it_is_described() -> None:
    for file in (ROOT / "README.md", ROOT / "docs" / "development.md"):
        assert "gate.md)" in Path(file).read_text(encoding="utf-8"), file.name
