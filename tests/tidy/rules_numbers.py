"""Rules on numbers: no floats where money is, and integer rules that compile."""

import ast

from tests.tidy.rule import Found, Source, last_name, rule

# Where the word `float` may stand: in the one door into money, and as the type of what no decision
# reads. A literal or a call of it stands nowhere.
_FLOAT_PLACES = {
    "tradebot/model/money.py": "from_float",
    "tradebot/model/signal.py": "Signal",
}


@rule(
    remedy="count in integers or Decimal; a float enters through model/money.py from_float alone",
    under=("tradebot/model/", "tradebot/engine/"),
    caught=[
        {"tradebot/engine/x.py": "a = float(b)"},
        {"tradebot/model/money.py": "def from_float(a):\n    return float(a)"},
        {"tradebot/engine/x.py": "a = 0.5"},
        {"tradebot/model/x.py": "a = 1e3"},
        {"tradebot/model/signal.py": "class Signal:\n    confidence: float = 0.0"},
        {"tradebot/engine/x.py": "def f(a: float) -> int: ..."},
        {"tradebot/model/money.py": "def plain(a: float) -> str: ..."},
        {"tradebot/engine/x.py": "map(float, values)"},
        {"tradebot/engine/x.py": "import math\nmath.sqrt(2)"},
    ],
    passed=[
        {"tradebot/engine/x.py": "a = 5 // 2\nb = Decimal('0.5')"},
        {"tradebot/model/money.py": "def from_float(value: float, decimals: int) -> int: ..."},
        {"tradebot/model/money.py": "def from_float(value):\n    text = float.__repr__(value)"},
        {"tradebot/model/signal.py": "class Signal:\n    readings: Mapping[str, float]"},
        {"tradebot/strategies/x.py": "a = 0.5"},
    ],
)
def no_floats_where_money_is(source: Source) -> Found:
    for number in source.nodes(ast.Constant):
        if isinstance(number.value, float | complex):
            yield number.lineno, f"float literal {number.value}"
    allowed = _within(source, _FLOAT_PLACES.get(source.path, ""))
    called = {call.func for call in source.nodes(ast.Call)}
    for name in source.nodes(ast.Name):
        if name.id == "float" and (name not in allowed or name in called):
            yield name.lineno, "float is used"
    for line, module, _ in source.imports:
        if module.startswith("math") and module not in ("math.isfinite", "math.isqrt", "math.gcd"):
            yield line, f"{module} is imported, which counts in floats"


def _within(source: Source, owner: str) -> set[ast.AST]:
    """Return the nodes of the class or function of the module that is named `owner`."""
    return {
        each
        for node in source.tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == owner
        for each in ast.walk(node)
    }


# All that an integer rule may be made of: what plain Python and numba do alike.
_SCALAR = (
    *(ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Pass, ast.Expr),
    *(ast.If, ast.IfExp, ast.While, ast.For, ast.Break, ast.Continue),
    *(ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Name, ast.Load, ast.Store, ast.Constant),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod),
    *(ast.UnaryOp, ast.USub, ast.Not, ast.BoolOp, ast.And, ast.Or),
    *(ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE),
    *(ast.Call, ast.ImportFrom, ast.alias),
)
_RULES = "tradebot.engine.rules"
_SAMPLE = "def f(a: int) -> int:\n    return "


@rule(
    remedy="an integer rule is scalars: + - * // %, comparisons, if, and calls of other rules",
    under=("tradebot/engine/rules/",),
    caught=[
        {"tradebot/engine/rules/x.py": _SAMPLE + "a / 2"},
        {"tradebot/engine/rules/x.py": _SAMPLE + "a * 0.5"},
        {"tradebot/engine/rules/x.py": _SAMPLE + "a.price"},
        {"tradebot/engine/rules/x.py": _SAMPLE + "len('text')"},
        {"tradebot/engine/rules/x.py": _SAMPLE + "None"},
        {"tradebot/engine/rules/x.py": _SAMPLE + "a ** 2"},
        {"tradebot/engine/rules/x.py": _SAMPLE + "max([a])"},
        {"tradebot/engine/rules/x.py": _SAMPLE + "round(a)"},
        {"tradebot/engine/rules/x.py": "def f(a: int) -> int:\n    raise ValueError"},
        {"tradebot/engine/rules/x.py": "def f():\n    try: ...\n    except OSError: ..."},
        {"tradebot/engine/rules/x.py": "def f(a) -> int:\n    return 1"},
        {"tradebot/engine/rules/x.py": "def f(a: int):\n    return 1"},
        {"tradebot/engine/rules/x.py": "def f(a: str) -> int:\n    return 1"},
        {"tradebot/engine/rules/x.py": "def f(a: int) -> float:\n    return a"},
        {"tradebot/engine/rules/x.py": "def f(*a: int) -> int:\n    return 1"},
        {"tradebot/engine/rules/x.py": "class A:\n    pass"},
        {"tradebot/engine/rules/x.py": "from decimal import Decimal"},
        {"tradebot/engine/rules/x.py": "import math"},
    ],
    passed=[
        {
            "tradebot/engine/rules/x.py": '"""Rules."""\n'
            "from tradebot.engine.rules.arithmetic import portion\n"
            "UNIT = 10\n"
            "def f(a: int, b: bool) -> int:\n"
            '    """Return it."""\n'
            "    c = max(-a, portion(a, 5)) // UNIT\n"
            "    return c if b and a > 0 else 0\n"
        },
        {"tradebot/engine/sizing.py": "def f(a):\n    return a.b"},
    ],
)
def integer_rules_are_scalar(source: Source) -> Found:
    for node in ast.walk(source.tree):
        if not isinstance(node, _SCALAR):
            yield getattr(node, "lineno", 1), f"{type(node).__name__} in an integer rule"
    yield from _unlike_integers(source)
    for line, name, is_from in source.imports:
        if not (is_from and name.startswith(_RULES + ".")):
            yield line, f"{name} is imported into the integer rules"
    known = {name.rpartition(".")[2] for _, name, _ in source.imports}
    known |= {each.name for each in source.functions} | {"min", "max", "abs", "range"}
    for call in source.nodes(ast.Call):
        if last_name(call.func) not in known:
            yield call.lineno, f"{ast.unparse(call.func)} is called"
    for function in source.functions:
        yield from _signature(function)


def _unlike_integers(source: Source) -> Found:
    docstrings = {
        id(node.body[0].value)
        for node in (source.tree, *source.functions)
        if node.body and isinstance(node.body[0], ast.Expr)
    }
    for constant in source.nodes(ast.Constant):
        if not isinstance(constant.value, int) and id(constant) not in docstrings:
            yield constant.lineno, f"{constant.value!r} is no integer"


def _signature(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Found:
    arguments = function.args
    if arguments.vararg or arguments.kwarg:
        yield function.lineno, f"{function.name} takes any number of values"
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    hints = {each.arg: each.annotation for each in every}
    for name, hint in [*hints.items(), ("its result", function.returns)]:
        if hint is None or last_name(hint) not in ("int", "bool"):
            yield function.lineno, f"{function.name}: {name} is not annotated int or bool"
