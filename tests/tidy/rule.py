"""What a tidy rule is: one function that finds its breaches, with examples that prove it can.

To add one, write a function under `@rule(...)` in a `rules_*.py` file here; nothing else. It yields
`(line, what)`; the framework adds path and remedy, and runs it on the tree and on its examples.
"""

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
CODE = ("tradebot/", "tests/", "benchmarks/")
PROGRAM = ("tradebot/",)

Node = TypeVar("Node", bound=ast.AST)
Found = Iterator[tuple[int, str]]
Example = dict[str, str]


class Source:
    """One Python file, parsed once, its nodes sorted by type."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text

    @cached_property
    def tree(self) -> ast.Module:
        """The module. Raises SyntaxError naming the file."""
        return ast.parse(self.text, filename=self.path)

    @cached_property
    def lines(self) -> list[str]:
        """The file's lines."""
        return self.text.splitlines()

    @cached_property
    def _by_type(self) -> dict[type[ast.AST], list[ast.AST]]:
        found: dict[type[ast.AST], list[ast.AST]] = {}
        for node in ast.walk(self.tree):
            found.setdefault(type(node), []).append(node)
        return found

    def nodes(self, *types: type[Node]) -> Iterator[Node]:
        """Yield the nodes of exactly these types."""
        for each in types:
            yield from self._by_type.get(each, ())  # type: ignore[misc]  # filed under its own type

    @cached_property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function of the file, methods and inner functions included."""
        return [*self.nodes(ast.FunctionDef), *self.nodes(ast.AsyncFunctionDef)]

    @cached_property
    def module(self) -> str:
        """The dotted name: `tradebot/model/__init__.py` is `tradebot.model`."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def imports(self) -> list[tuple[int, str, bool]]:
        """Every import as (line, dotted name, whether it says `from`), relative ones resolved.

        `from a.b import c` gives `a.b.c`: `c` may be a module.
        """
        found = []
        for plain in self.nodes(ast.Import):
            found += [(plain.lineno, alias.name, False) for alias in plain.names]
        for node in self.nodes(ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = self.module.split(".")
                depth = node.level - self.path.endswith("__init__.py")
                base = ".".join([*parts[: len(parts) - depth], *filter(None, [base])])
            found += [(node.lineno, f"{base}.{alias.name}", True) for alias in node.names]
        return found


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach: where, what, and how to mend it."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A check, where it holds, the places it names as exempt, and examples of both outcomes."""

    name: str
    check: Callable[[Sequence[Source]], Iterator[tuple[Source, int, str]]]
    remedy: str
    under: tuple[str, ...]
    but: tuple[str, ...]
    caught: tuple[Example, ...]
    passed: tuple[Example, ...]

    def findings(self, files: Iterable[Source]) -> list[Finding]:
        """Return every breach in those of `files` where the rule holds, in order."""
        covered = [each for each in files if self._covers(each.path)]
        found = [
            Finding(source.path, line, f"{what}: {self.remedy}")
            for source, line, what in self.check(covered)
        ]
        return sorted(found, key=lambda each: (each.path, each.line, each.text))

    def _covers(self, path: str) -> bool:
        return path.startswith(self.under) and not path.startswith(self.but or "\0")


RULES: list[Rule] = []

FileCheck = Callable[[Source], Found]
TreeCheck = Callable[[Sequence[Source]], Iterator[tuple[Source, int, str]]]


def rule(
    *,
    remedy: str,
    under: tuple[str, ...] = PROGRAM,
    but: tuple[str, ...] = (),
    caught: Sequence[Example],
    passed: Sequence[Example] = (),
) -> Callable[[FileCheck], FileCheck]:
    """Make a function over one file a rule; it must complain about each tree of `caught`."""

    def register(check: FileCheck) -> FileCheck:
        def each(files: Sequence[Source]) -> Iterator[tuple[Source, int, str]]:
            for source in files:
                for line, what in check(source):
                    yield source, line, what

        _register(check.__name__, each, remedy, under, but, caught, passed)
        return check

    return register


def tree_rule(
    *,
    remedy: str,
    under: tuple[str, ...] = PROGRAM,
    but: tuple[str, ...] = (),
    caught: Sequence[Example],
    passed: Sequence[Example] = (),
) -> Callable[[TreeCheck], TreeCheck]:
    """Make a function over all files a rule: it sees how they belong together."""

    def register(check: TreeCheck) -> TreeCheck:
        _register(check.__name__, check, remedy, under, but, caught, passed)
        return check

    return register


def _register(
    name: str,
    check: TreeCheck,
    remedy: str,
    under: tuple[str, ...],
    but: tuple[str, ...],
    caught: Sequence[Example],
    passed: Sequence[Example],
) -> None:
    assert caught, f"{name}: a check without an example that it catches may catch nothing"
    RULES.append(
        Rule(
            name=name,
            check=check,
            remedy=remedy,
            under=under,
            but=but,
            caught=tuple(caught),
            passed=tuple(passed),
        )
    )


def tree() -> list[Source]:
    """Return every Python file of the project, by path."""
    paths = [path for folder in CODE for path in (ROOT / folder).rglob("*.py")]
    return [
        Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(paths)
        if "__pycache__" not in path.parts
    ]


def last_name(node: ast.AST) -> str:
    """Return the last word of a name: `a.b.c` and `c` are both `c`; "" for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` for names and attributes of names, a call's name for a call; else ""."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else node.attr
    return dotted(node.func) if isinstance(node, ast.Call) else ""
