"""The kept list of mutants: each stands in the code, and a run is judged by it both ways."""

import ast
import re
from pathlib import Path

import pytest

from tests.mutants.groups import GROUPS
from tests.mutants.kept import KEPT, Equivalent, Mutant, changed, judged, kept
from tests.mutants.run import COPIED, ROOT, fate_of, place_of, settings

LISTED = kept(KEPT.read_text(encoding="utf-8"))
ONE = Mutant("tradebot.engine.x", "f", "a < b", "a <= b")
OTHER = ONE._replace(now="a > b")


def body_of(module: str, function: str) -> list[str]:
    """Return the lines of a function, without their indents."""
    source = (ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    nodes: list[ast.AST] = [ast.parse(source)]
    for name in function.split("."):
        nodes = [
            each
            for node in nodes
            for each in ast.iter_child_nodes(node)
            if isinstance(each, ast.FunctionDef | ast.ClassDef) and each.name == name
        ]
    (found,) = nodes
    segment = ast.get_source_segment(source, found)
    assert segment is not None
    return [line.strip() for line in segment.splitlines()]


@pytest.mark.parametrize("each", LISTED, ids=lambda each: each.mutant.function)
def test_each_listed_mutant_stands_in_the_code_and_says_why(each: Equivalent) -> None:
    module, function, was, now = each.mutant
    lines = body_of(module, function)
    assert set(was.splitlines()) <= set(lines), "the code has changed: look at it again"
    assert was != now
    assert any(group.holds(module) for group in GROUPS)
    assert re.fullmatch(r"[A-Z`].{20,}\.", each.reason), "a reason is a sentence"
    assert each.places <= lines.count(was.splitlines()[0])


def test_no_mutant_is_listed_twice() -> None:
    assert len({each.mutant for each in LISTED}) == len(LISTED)


def test_mutant_that_lives_and_is_not_listed_is_told() -> None:
    listed = [Equivalent(ONE, "why", 1)]
    assert judged([ONE], listed) == ([], [])
    assert judged([ONE, OTHER], listed) == ([str(OTHER)], [])
    assert judged([ONE, ONE], listed) == ([str(ONE)], []), "the same change at another place"


def test_mutant_that_is_listed_and_does_not_live_is_told() -> None:
    assert judged([], [Equivalent(ONE, "why", 1)]) == ([], [str(ONE)])
    assert judged([ONE], [Equivalent(ONE, "why", 2)]) == ([], [str(ONE)])


def test_mutant_is_the_lines_that_go_and_those_that_come() -> None:
    shown = """# x: survived
--- tradebot/engine/x.py
+++ tradebot/engine/x.py
@@ -1,3 +1,3 @@
 def f(a, b):
-    return a < b
+    return a <= b
"""
    assert changed("tradebot.engine.x", "f", shown) == ONE._replace(
        was="return a < b", now="return a <= b"
    )
    assert str(ONE) == "tradebot.engine.x.f\n    - a < b\n    + a <= b"


def test_entry_with_an_unknown_key_is_refused() -> None:
    entry = "[[mutant]]\nmodule = 'm'\nfunction = 'f'\nwas = 'a'\nnow = 'b'\n"
    assert kept(f"{entry}reason = 'r'") == [Equivalent(Mutant("m", "f", "a", "b"), "r", 1)]
    assert kept(f"{entry}reason = 'r'\nplaces = 2")[0].places == 2
    with pytest.raises(KeyError, match="reason"):
        kept(entry)
    with pytest.raises(TypeError, match="resaon"):
        kept(f"{entry}reason = 'r'\nresaon = 'r'")


@pytest.mark.parametrize(
    ("code", "fate"),
    [
        *((code, "killed") for code in (1, 3)),
        *((code, "alive") for code in (None, 0, 2, 5, 33, 35, -9, -11)),
        *((code, "hung") for code in (36, -24)),
    ],
)
def test_only_a_failed_test_kills(code: int | None, fate: str) -> None:
    assert fate_of(code) == fate


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("tradebot.engine.risk.x_review__mutmut_12", ("tradebot.engine.risk", "review")),
        ("tradebot.engine.risk.x__check__mutmut_1", ("tradebot.engine.risk", "_check")),
        (
            "tradebot.adapters.latch.xǁFileLatchǁ__init____mutmut_3",
            ("tradebot.adapters.latch", "FileLatch.__init__"),
        ),
    ],
)
def test_name_of_a_mutant_tells_its_function(name: str, place: tuple[str, str]) -> None:
    assert place_of(name) == place


def test_every_group_names_files_that_are_there() -> None:
    for group in GROUPS:
        for pattern in (*group.modules, *group.tests):
            assert list(ROOT.glob(pattern)), pattern
        assert "source_paths=\n    tradebot\n" in settings(group)
    assert all(Path(ROOT / name).exists() for name in COPIED)
