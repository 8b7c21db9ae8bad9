"""Rules on imports: down the floors, none unused, none slow in the CLI, the engine pure."""

import ast
import sys
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache

from tests.tidy.rule import ROOT, Found, Source, rule, tree_rule

FLOORS = {
    "errors": 0,
    "words": 0,
    "model": 1,
    "engine": 2,
    "strategies": 2,
    "candles": 2,
    "ports": 3,
    "sandbox": 3,
    "adapters": 4,
    "runtime": 5,
    "research": 6,
    "cli": 7,
}
# Who may look at a neighbour on the same floor. Engine and strategies never see each other.
NEIGHBOURS = frozenset({("strategies", "candles")})


@rule(
    remedy="imports go down the floors: move what is shared to a lower one, or pass it in",
    caught=[
        {"tradebot/model/x.py": "from tradebot.engine.state import State"},
        {"tradebot/engine/x.py": "from tradebot.strategies.base import Strategy"},
        {"tradebot/strategies/x.py": "import tradebot.engine.state"},
        {"tradebot/engine/x.py": "from tradebot import candles"},
        {"tradebot/engine/x.py": "def f():\n    from tradebot.runtime import session"},
        {
            "tradebot/engine/x.py": "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from tradebot.adapters.clock import WallClock"
        },
        {"tradebot/adapters/x.py": "from ..runtime.config import Config"},
        {"tradebot/errors.py": "from tradebot.model.money import plain"},
        {"tradebot/ports.py": "from tradebot.sandbox.book import Book"},
        {"tradebot/elsewhere/x.py": "A = 1"},
        {"tradebot/model/x.py": "from tradebot.elsewhere import x"},
    ],
    passed=[
        {"tradebot/engine/x.py": "from tradebot.model.order import Order"},
        {"tradebot/engine/x.py": "from tradebot.engine.state import State"},
        {"tradebot/engine/x.py": "from .state import State"},
        {"tradebot/engine/rules/x.py": "from ..state import State"},
        {"tradebot/cli/x.py": "from tradebot import __version__"},
        {"tradebot/strategies/x.py": "from tradebot.candles import CandleTable"},
        {"tradebot/model/x.py": "import json"},
    ],
)
def imports_go_down_the_floors(source: Source) -> Found:
    own = _place(source.module)
    if own and own not in FLOORS:
        yield 1, f"{own} has no floor: give it one in FLOORS"
        return
    for line, name, _ in source.imports:
        top, _, rest = name.partition(".")
        place = rest.partition(".")[0]
        if top != "tradebot" or not place or place.startswith("__") or place == own:
            continue
        if place not in FLOORS:
            yield line, f"{name} has no floor: give it one in FLOORS"
        elif FLOORS[place] >= FLOORS.get(own, 0) and (own, place) not in NEIGHBOURS:
            here = FLOORS.get(own, 0)
            yield line, f"{own or 'tradebot'} ({here}) imports {name} (floor {FLOORS[place]})"


def _place(module: str) -> str:
    """Return the part of the house a module belongs to; "" for `tradebot` itself."""
    return module.partition(".")[2].partition(".")[0]


_WORLD = frozenset(
    (
        *("os", "pathlib", "io", "glob", "shutil", "tempfile", "fcntl", "sqlite3", "logging"),
        *("socket", "ssl", "http", "urllib", "select", "subprocess", "signal", "sched", "ctypes"),
        *("threading", "asyncio", "multiprocessing", "concurrent", "queue"),
    )
)


@rule(
    remedy="model and engine know the standard library and each other, and touch nothing outside",
    under=("tradebot/model/", "tradebot/engine/", "tradebot/errors.py"),
    caught=[
        {"tradebot/engine/x.py": "import numpy as np"},
        {"tradebot/model/x.py": "from pydantic import BaseModel"},
        {"tradebot/engine/x.py": "from pathlib import Path"},
        {"tradebot/engine/x.py": "import sqlite3"},
        {"tradebot/engine/x.py": "text = open('x').read()"},
    ],
    passed=[
        {"tradebot/engine/x.py": "import hashlib\nfrom tradebot.model import event as ev"},
        {"tradebot/strategies/x.py": "import numpy as np"},
    ],
)
def model_and_engine_are_pure(source: Source) -> Found:
    for line, name, _ in source.imports:
        top = name.partition(".")[0]
        if top in _WORLD or (top != "tradebot" and top not in sys.stdlib_module_names):
            yield line, f"{name} is imported"
    for call in source.nodes(ast.Call):
        if isinstance(call.func, ast.Name) and call.func.id in ("open", "input", "exec", "eval"):
            yield call.lineno, f"{call.func.id}( is called"


@rule(
    remedy="compiled code lives in tradebot/research: it fails under a hardened service unit",
    but=("tradebot/research/",),
    caught=[
        {"tradebot/runtime/x.py": "import numba"},
        {"tradebot/engine/rules/x.py": "def f():\n    from numba import njit"},
    ],
    passed=[{"tradebot/research/kernel.py": "from numba import njit"}],
)
def only_research_compiles(source: Source) -> Found:
    for line, name, _ in source.imports:
        if name.partition(".")[0] == "numba":
            yield line, f"{name} is imported"


@rule(
    remedy="import it inside the command: `tradebot --help` must start at once",
    under=("tradebot/cli/",),
    caught=[
        {"tradebot/cli/x.py": "import pandas"},
        {"tradebot/cli/x.py": "from rich.table import Table"},
        {"tradebot/cli/x.py": "from tradebot.model.money import plain"},
        {"tradebot/cli/x.py": "try:\n    import ccxt\nexcept ImportError: ..."},
    ],
    passed=[
        {"tradebot/cli/x.py": "import json\nimport typer\nfrom tradebot.cli.output import emit"},
        {"tradebot/cli/x.py": "def f():\n    import pandas"},
        {"tradebot/cli/x.py": "from tradebot import __version__"},
        {"tradebot/cli/x.py": "if TYPE_CHECKING:\n    from rich.table import Table"},
    ],
)
def the_cli_imports_little_at_its_top(source: Source) -> Found:
    top_lines = {line for node in _executed(source.tree.body) for line in _import_lines(node)}
    for line, name, _ in source.imports:
        top = name.partition(".")[0]
        is_ours = name == "tradebot.__version__" or f"{name}.".startswith("tradebot.cli.")
        is_light = is_ours or top == "typer" or top in sys.stdlib_module_names
        if line in top_lines and not is_light:
            yield line, f"{name} is imported at the top"


def _executed(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run on import: not those of functions, nor for type checkers."""
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _executed(node.orelse)
            continue
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for field in ("body", "orelse", "handlers", "finalbody"):
                yield from _executed(getattr(node, field, []))


def _import_lines(node: ast.stmt) -> list[int]:
    return [node.lineno] if isinstance(node, ast.Import | ast.ImportFrom) else []


@cache
def entry_points() -> frozenset[str]:
    """Return the modules that pyproject.toml names: they are started from outside."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tables = [project.get("scripts", {}), *project.get("entry-points", {}).values()]
    return frozenset(value.partition(":")[0] for table in tables for value in table.values())


@tree_rule(
    remedy="delete it, or let something use it; a test is no use",
    caught=[
        {"tradebot/model/__init__.py": "", "tradebot/model/x.py": "A = 1"},
        {"tradebot/model/x.py": "from tradebot.model import x"},
        {"tradebot/model/xy.py": "", "tradebot/cli/main.py": "'about tradebot.model.xyz'"},
    ],
    passed=[
        {"tradebot/cli/main.py": ""},
        {"tradebot/model/x.py": "", "tradebot/cli/main.py": "from tradebot.model import x"},
        {"tradebot/model/x.py": "", "tradebot/cli/main.py": "from tradebot.model.x import A"},
        {"tradebot/cli/x.py": "", "tradebot/cli/main.py": "LAZY = {'x': 'tradebot.cli.x:app'}"},
    ],
)
def every_module_is_imported(files: Sequence[Source]) -> Iterator[tuple[Source, int, str]]:
    used = set(entry_points())
    for source in files:
        names = {name for _, name, _ in source.imports}
        # A command that is loaded when it is typed stands in a table of texts.
        names |= {
            text.value.partition(":")[0]
            for text in source.nodes(ast.Constant)
            if isinstance(text.value, str) and text.value.startswith("tradebot.")
        }
        names |= {name.rpartition(".")[0] for name in names}
        used |= names - {source.module}
    for source in files:
        if not source.path.endswith(("__init__.py", "__main__.py")) and source.module not in used:
            yield source, 1, f"nothing imports {source.module}"
