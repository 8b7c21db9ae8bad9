"""Rules on docstrings, lengths and comments that silence a tool."""

import ast
import re
import tokenize
from collections.abc import Iterator
from io import StringIO

from tests.tidy.rule import CODE, Found, Source, last_name, rule

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50


@rule(
    remedy='begin the file with """One line that says what it is for.""", the law after it',
    under=CODE,
    caught=[
        {"tradebot/model/x.py": "A = 1\n"},
        {"tradebot/model/x.py": '"""No full stop"""\n'},
        {"tests/unit/test_x.py": '"""\nStarts on the second line.\n"""\n'},
        {"tradebot/model/__init__.py": ""},
    ],
    passed=[{"tradebot/model/x.py": '"""What it is for.\n\nLaw: none of it.\n"""\n'}],
)
def every_module_says_what_it_is_for(source: Source) -> Found:
    text = ast.get_docstring(source.tree, clean=False)
    if text is None:
        yield 1, "no module docstring"
    elif not text.partition("\n")[0].endswith("."):
        yield 1, "the docstring's first line does not end with a full stop"


@rule(
    remedy="say in one imperative sentence what it does, then what the signature cannot say",
    caught=[
        {"tradebot/model/x.py": "def f() -> None: ..."},
        {"tradebot/model/x.py": 'class A:\n    """A."""\n    def f(self) -> None: ...'},
        {"tradebot/model/x.py": "class A:\n    pass"},
        {"tradebot/adapters/x.py": "async def f() -> None: ..."},
    ],
    passed=[
        {"tradebot/model/x.py": "def _f() -> None: ..."},
        {"tradebot/model/x.py": "class _A:\n    def f(self) -> None: ..."},
        {
            "tradebot/model/x.py": "def f() -> None:\n"
            '    """Do it."""\n    def inner() -> None: ...'
        },
        {
            "tradebot/model/x.py": 'class A:\n    """A."""\n'
            "    def __init__(self) -> None: ...\n"
            "    @f.setter\n    def f(self) -> None: ...\n"
            "    @overload\n    def g(self) -> None: ..."
        },
    ],
)
def everything_public_has_a_docstring(source: Source) -> Found:
    for node in _public(source.tree.body):
        if ast.get_docstring(node) is None:
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            yield node.lineno, f"public {kind} {node.name} has no docstring"


def _public(
    body: list[ast.stmt],
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in body:
        if isinstance(node, ast.If | ast.Try):
            yield from _public(node.body + node.orelse)
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        again = {last_name(each) for each in node.decorator_list} & {"setter", "overload"}
        if node.name.startswith("_") or again:
            continue
        yield node
        if isinstance(node, ast.ClassDef):
            yield from _public(node.body)


@rule(
    remedy=f"a file has at most {FILE_LINES_MAX} lines; split it by what its parts are for",
    under=CODE,
    caught=[{"tests/unit/test_x.py": "A = 1\n" * (FILE_LINES_MAX + 1)}],
    passed=[{"tests/unit/test_x.py": "A = 1\n" * FILE_LINES_MAX}],
)
def no_file_is_too_long(source: Source) -> Found:
    if len(source.lines) > FILE_LINES_MAX:
        yield FILE_LINES_MAX + 1, f"{len(source.lines)} lines"


@rule(
    remedy=f"a function has at most {FUNCTION_LINES_MAX} lines; name its steps",
    under=("tradebot/", "benchmarks/"),
    caught=[{"tradebot/model/x.py": "def f():\n" + "    a = 1\n" * FUNCTION_LINES_MAX}],
    passed=[{"tradebot/model/x.py": "def f():\n" + "    a = 1\n" * (FUNCTION_LINES_MAX - 1)}],
)
def no_function_is_too_long(source: Source) -> Found:
    for node in source.functions:
        assert node.end_lineno is not None, node.name
        length = node.end_lineno - node.lineno + 1
        if length > FUNCTION_LINES_MAX:
            yield node.lineno, f"{node.name} has {length} lines"


# After the codes: a second comment, or words behind a dash, colon or parenthesis.
_IGNORE = re.compile(r"#\s*type:\s*ignore(?P<code>\[[a-z0-9, -]+\])?(?P<rest>.*)")
_NOQA = re.compile(r"#\s*noqa(?P<code>:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*)?(?P<rest>.*)", re.IGNORECASE)


@rule(
    remedy="write `# type: ignore[code]  # why` or `# noqa: CODE  # why`",
    under=CODE,
    caught=[
        {"tradebot/model/x.py": "a = b  # type: ignore\n"},
        {"tradebot/model/x.py": "a = b  # type: ignore[misc]\n"},
        {"tradebot/model/x.py": "a = b  # type: ignore  # it is so\n"},
        {"tests/unit/test_x.py": "a = b  # noqa: S101\n"},
        {"tests/unit/test_x.py": "a = b  # noqa\n"},
        {"tests/unit/test_x.py": "# ruff: noqa\na = b\n"},
    ],
    passed=[
        {"tradebot/model/x.py": "a = b  # type: ignore[misc]  # ccxt is untyped\n"},
        {"tradebot/model/x.py": "a = b  # noqa: S101 - an assertion for our bugs\n"},
        {"tradebot/model/x.py": "a = '# type: ignore'\n"},
    ],
)
def every_ignore_names_its_code_and_its_why(source: Source) -> Found:
    if "ignore" not in source.text and "noqa" not in source.text.lower():
        return
    for token in tokenize.generate_tokens(StringIO(source.text).readline):
        if token.type != tokenize.COMMENT:
            continue
        found = _IGNORE.search(token.string) or _NOQA.search(token.string)
        if found is None and "ruff: noqa" in token.string:
            yield token.start[0], "a whole file is exempt"
        elif found is not None and not found["code"]:
            yield token.start[0], "an ignore without a code"
        elif found is not None and len(re.findall(r"[A-Za-z]{2,}", found["rest"])) < 2:
            yield token.start[0], "an ignore without a why"
