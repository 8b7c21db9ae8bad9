"""Rules on commands: parse, one call, print, in few lines, and with help."""

import ast

from tests.tidy.rule import Found, Source, last_name, rule

BODY_LINES_MAX = 15
_COMMAND = "@app.command()\ndef f() -> None:\n    '''Do.'''\n"


@rule(
    remedy=f"a command is parse, one call, print, in {BODY_LINES_MAX} lines: move work to runtime",
    under=("tradebot/cli/",),
    caught=[
        {"tradebot/cli/x.py": _COMMAND + "    a = 1\n" * (BODY_LINES_MAX + 1)},
        {"tradebot/cli/x.py": "@app.callback()\ndef f():\n" + "    a = 1\n" * (BODY_LINES_MAX + 1)},
    ],
    passed=[
        {"tradebot/cli/x.py": _COMMAND + "    a = 1\n" * BODY_LINES_MAX},
        {"tradebot/cli/x.py": _COMMAND + "    import json\n" * 9 + "    a = 1\n" * 15},
        {"tradebot/cli/x.py": "def _f():\n" + "    a = 1\n" * (BODY_LINES_MAX + 1)},
    ],
)
def command_bodies_are_short(source: Source) -> Found:
    for node in _commands(source):
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        # Imports do not count: that they stand inside is another rule's doing.
        work = [each for each in body if not isinstance(each, ast.Import | ast.ImportFrom)]
        length = sum((each.end_lineno or 0) - each.lineno + 1 for each in work)
        if length > BODY_LINES_MAX:
            yield node.lineno, f"the body of {node.name} has {length} lines"


def _commands(source: Source) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the functions that typer calls."""
    return [
        node
        for node in source.functions
        if {last_name(getattr(each, "func", each)) for each in node.decorator_list}
        & {"command", "callback"}
    ]
