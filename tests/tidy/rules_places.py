"""Rules on what may stand in one place only: orders, time and chance, modes, rulings, printing."""

import ast
import re

from tests.tidy.rule import Found, Source, dotted, last_name, rule

# ccxt's ways to send, change or end an order, in both spellings, the implicit endpoints included.
_SENDS = re.compile(
    r"(create|edit|cancel)(All|[A-Z][A-Za-z]*)?Orders?([A-Z][A-Za-z]*)?"
    r"|(create|edit|cancel)(_[a-z]+)*_orders?(_[a-z_]+)?"
    r"|(private|sapi|papi|fapi|dapi)\w*(post|put|delete)\w*order\w*"
    r"|(private|sapi|papi|fapi|dapi)_\w*(post|put|delete)_\w*order\w*",
    re.IGNORECASE,
)
_MOVES_MONEY = frozenset({"withdraw", "transfer", "create_deposit_address"})


@rule(
    remedy="orders leave through Broker.place_order and cancel_order, sent by adapters/broker.py",
    but=("tradebot/adapters/broker.py",),
    caught=[
        {"tradebot/runtime/x.py": "exchange.create_order('BTC/USDT')"},
        {"tradebot/runtime/x.py": "self._client.create_orders([])"},
        {"tradebot/runtime/x.py": "exchange.createOrder()"},
        {"tradebot/runtime/x.py": "exchange.create_limit_buy_order()"},
        {"tradebot/runtime/x.py": "exchange.create_order_with_take_profit_and_stop_loss()"},
        {"tradebot/runtime/x.py": "exchange.privatePostOrder()"},
        {"tradebot/adapters/x.py": "exchange.private_post_order_oco()"},
        {"tradebot/adapters/x.py": "exchange.privatePostOrderListOco()"},
        {"tradebot/adapters/x.py": "exchange.private_delete_openorders()"},
        {"tradebot/adapters/x.py": "exchange.edit_order()"},
        {"tradebot/adapters/x.py": "exchange.cancel_all_orders()"},
        {"tradebot/runtime/kill.py": "exchange.cancel_order('1')"},
        {"tradebot/adapters/x.py": "getattr(exchange, 'create_order')()"},
        {"tradebot/sandbox/x.py": "def create_order(): ..."},
        {"tradebot/adapters/x.py": "exchange.withdraw('BTC', 1)"},
    ],
    passed=[
        {"tradebot/adapters/broker.py": "exchange.create_order('BTC/USDT')"},
        {"tradebot/runtime/session.py": "self._broker.cancel_order(order)"},
        {"tradebot/runtime/session.py": "broker.place_order(approved)"},
        {"tradebot/adapters/simulated.py": "def cancel_order(self): ..."},
        {"tradebot/adapters/exchange.py": "exchange.fetch_open_orders()"},
        {"tradebot/adapters/exchange.py": "exchange.private_get_order()"},
    ],
)
def only_the_broker_sends_orders(source: Source) -> Found:
    for call in source.nodes(ast.Call):
        name = last_name(call.func)
        asked = last_name(call.func.value) if isinstance(call.func, ast.Attribute) else ""
        if name == "cancel_order" and asked in ("broker", "_broker"):
            continue  # The port has the same verb as ccxt; whom it is asked of tells them apart.
        if _SENDS.fullmatch(name) or name in _MOVES_MONEY:
            yield call.lineno, f"{name}( is called"
        if name in ("getattr", "methodcaller", "attrgetter"):
            for each in call.args:
                text = str(each.value) if isinstance(each, ast.Constant) else ""
                if _SENDS.fullmatch(text):
                    yield call.lineno, f"{text} is looked up by name"
    for function in source.functions:
        if _SENDS.fullmatch(function.name) and function.name.lower().startswith("create"):
            yield function.lineno, f"{function.name} is defined: grep must find one"


_TIME_MODULES = frozenset({"time", "random", "uuid", "secrets"})
_TIME_CALLS = re.compile(
    r"(.*\.)?(datetime|date|Timestamp|dt)\.(now|utcnow|today)"
    r"|(.*\.)?(asyncio|time|anyio|trio)\.sleep"
    r"|(.*\.)?loop\.time|(.*\.)?get_(event|running)_loop\.time"
    r"|(.*\.)?(np|numpy)\.random\..*|os\.(urandom|getrandom|times)"
    r"|default_rng|(.*\.)?threading\.Timer"
)


@rule(
    remedy="ask the Clock that you are given; adapters/clock.py alone reads time and waits",
    # The seeded generator of synthetic markets: PCG64(seed) and nothing else of chance, see below.
    but=("tradebot/adapters/clock.py",),
    caught=[
        {"tradebot/runtime/x.py": "import time"},
        {"tradebot/runtime/x.py": "from time import monotonic"},
        {"tradebot/runtime/x.py": "def f():\n    import random"},
        {"tradebot/runtime/x.py": "from uuid import uuid4"},
        {"tradebot/adapters/x.py": "import secrets"},
        {"tradebot/runtime/x.py": "datetime.now(UTC)"},
        {"tradebot/runtime/x.py": "datetime.datetime.utcnow()"},
        {"tradebot/runtime/x.py": "date.today()"},
        {"tradebot/strategies/x.py": "pd.Timestamp.now()"},
        {"tradebot/sandbox/x.py": "await asyncio.sleep(1)"},
        {"tradebot/sandbox/x.py": "from asyncio import sleep"},
        {"tradebot/sandbox/x.py": "asyncio.get_running_loop().time()"},
        {"tradebot/sandbox/x.py": "np.random.default_rng(7)"},
        {"tradebot/sandbox/x.py": "from numpy.random import PCG64"},
        {"tradebot/sandbox/synthetic.py": "from numpy.random import default_rng"},
        {"tradebot/adapters/x.py": "os.urandom(16)"},
    ],
    passed=[
        {"tradebot/adapters/clock.py": "import time"},
        {"tradebot/sandbox/synthetic.py": "from numpy.random import PCG64"},
        {"tradebot/runtime/x.py": "clock.sleep_until(clock.now_ms())"},
        {"tradebot/runtime/x.py": "from datetime import datetime, timedelta"},
        {"tradebot/adapters/keystore.py": "os.urandom(16)"},
    ],
)
def only_the_clock_reads_time_and_chance(source: Source) -> Found:
    for line, name, _ in source.imports:
        top, _, rest = name.partition(".")
        if top in _TIME_MODULES or name == "asyncio.sleep":
            yield line, f"{name} is imported"
        if top == "numpy" and rest.startswith("random"):
            if source.path == "tradebot/sandbox/synthetic.py" and rest == "random.PCG64":
                continue
            yield line, f"{name} is imported"
    for call in source.nodes(ast.Call):
        name = dotted(call.func)
        if name == "os.urandom" and source.path == "tradebot/adapters/keystore.py":
            continue  # A salt must not be foreseeable; it decides nothing that is traded.
        if _TIME_CALLS.fullmatch(name):
            yield call.lineno, f"{name}( is called"


@rule(
    remedy="only `review` in engine/risk.py rules; pass it an Intent",
    but=("tradebot/engine/risk.py",),
    caught=[
        {"tradebot/engine/decide.py": "Approved(order_id='x', intent=intent)"},
        {"tradebot/runtime/x.py": "order.Approved(order_id='x', intent=intent)"},
        {"tradebot/runtime/x.py": "from tradebot.model.order import Approved as Ruling"},
    ],
    passed=[
        {"tradebot/engine/risk.py": "Approved(order_id='x', intent=intent)"},
        {"tradebot/runtime/x.py": "isinstance(ruling, Approved)"},
    ],
)
def only_the_gate_approves(source: Source) -> Found:
    for call in source.nodes(ast.Call):
        if last_name(call.func) == "Approved":
            yield call.lineno, "an Approved is built"
    for node in source.nodes(ast.alias):
        if node.name == "Approved" and node.asname is not None:
            yield node.lineno, f"Approved is renamed to {node.asname}"


@rule(
    remedy="cli/unlocking.py alone says what may open the keystore: it shields the process first",
    under=("tradebot/cli/",),
    but=("tradebot/cli/unlocking.py",),
    caught=[
        {"tradebot/cli/x.py": "Unlocking(folder=folder)"},
        {"tradebot/cli/x.py": "keys.Unlocking(folder=folder)"},
        {"tradebot/cli/x.py": "Keystore.open(folder, passphrase)"},
    ],
    passed=[
        {"tradebot/cli/unlocking.py": "Unlocking(folder=folder)"},
        {"tradebot/cli/x.py": "def f() -> Unlocking: ..."},
        {"tradebot/cli/x.py": "path.open()"},
    ],
)
def the_cli_unlocks_in_one_place(source: Source) -> Found:
    for call in source.nodes(ast.Call):
        if last_name(call.func) == "Unlocking" or dotted(call.func) == "Keystore.open":
            yield call.lineno, "the keystore is opened past the shield"


MODES = frozenset({"sandbox", "testnet", "live", "paper", "backtest"})
# Not is_testnet: the exchange client's test URLs are a setting like any other.
_MODE_CLAIMS = frozenset(f"is_{mode}" for mode in MODES - {"testnet"})


@rule(
    remedy="runtime/assemble.py alone tells modes apart; take what differs as a value or a port",
    but=("tradebot/runtime/assemble.py",),
    caught=[
        {"tradebot/runtime/session.py": "if mode == 'live': ..."},
        {"tradebot/runtime/session.py": "mode is Mode.LIVE"},
        {"tradebot/runtime/session.py": "mode in ('live', 'testnet')"},
        {"tradebot/cli/run.py": "match mode:\n    case 'live': ..."},
        {"tradebot/cli/run.py": "match mode:\n    case Mode.LIVE: ..."},
        {"tradebot/cli/run.py": "{'live': 1, 'sandbox': 2}[mode]"},
        {"tradebot/adapters/x.py": "if self.is_live: ..."},
    ],
    passed=[
        {"tradebot/runtime/assemble.py": "if mode is Mode.LIVE: ..."},
        {"tradebot/cli/run.py": "assemble(mode=Mode.LIVE)"},
        {"tradebot/cli/run.py": "assemble(mode='live')"},
        {"tradebot/adapters/x.py": "status == 'alive'"},
    ],
)
def only_assemble_compares_modes(source: Source) -> Found:
    for node in source.nodes(ast.Compare):
        for each in ast.walk(node):
            if _is_mode(each):
                yield node.lineno, "a mode is compared"
                break
    for case in source.nodes(ast.MatchValue):
        if _is_mode(case.value):
            yield case.lineno, "a mode is matched"
    for choice in source.nodes(ast.Subscript):
        keys = choice.value.keys if isinstance(choice.value, ast.Dict) else []
        if any(key is not None and _is_mode(key) for key in keys):
            yield choice.lineno, "a mode chooses from a table"
    for name in (*source.nodes(ast.Name), *source.nodes(ast.Attribute)):
        if last_name(name) in _MODE_CLAIMS:
            yield name.lineno, f"{last_name(name)} tells modes apart"


def _is_mode(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return last_name(node.value) == "Mode"
    return isinstance(node, ast.Constant) and node.value in MODES


_PRINTS = frozenset({"print", "typer.echo", "typer.secho", "click.echo", "click.secho"})
# Standard error as a value is fine: an alert channel is handed one.
_STREAMS = frozenset({"sys.stdout", "sys.stdout.write", "sys.stderr.write"})


@rule(
    remedy="return the words and let tradebot/cli print them",
    but=("tradebot/cli/",),
    caught=[
        {"tradebot/engine/x.py": "print(1)"},
        {"tradebot/runtime/x.py": "typer.echo('x')"},
        {"tradebot/runtime/x.py": "sys.stderr.write('x')"},
        {"tradebot/runtime/x.py": "from sys import stdout"},
        {"tradebot/runtime/x.py": "Console().print('x')"},
        {"tradebot/engine/x.py": "log = print"},
    ],
    passed=[
        {"tradebot/cli/x.py": "print(1)"},
        {"tradebot/engine/x.py": "fingerprint(1)"},
        {"tradebot/runtime/x.py": "ConsoleChannel(sys.stderr)"},
    ],
)
def only_the_cli_prints(source: Source) -> Found:
    for name in source.nodes(ast.Name):
        if name.id in ("print", "Console"):
            yield name.lineno, f"{name.id}( is used"
    for node in source.nodes(ast.Attribute):
        full = dotted(node)
        if full in _PRINTS or full in _STREAMS:
            yield node.lineno, f"{full} is used"
    for line, full, _ in source.imports:
        if full in _STREAMS:
            yield line, f"{full} is imported"


# Whatever can open a connection.
_CALLS_OUT = frozenset(
    {
        "aiohttp", "ftplib", "http.client", "httpx", "imaplib", "nntplib", "poplib", "requests",
        "smtplib", "socket", "socketserver", "ssl", "telnetlib", "urllib.request",
        "urllib3", "websockets", "xmlrpc",
    }
)  # fmt: skip


@rule(
    remedy="what leaves is checked in adapters/allowed_hosts.py, and goes by one of its sessions",
    but=(
        "tradebot/adapters/alert_channels.py",
        "tradebot/adapters/allowed_hosts.py",
        "tradebot/sandbox/server.py",
    ),
    caught=[
        {"tradebot/adapters/x.py": "import requests"},
        {"tradebot/adapters/x.py": "def f():\n    from urllib.request import urlopen"},
        {"tradebot/runtime/x.py": "import http.client as web"},
        {"tradebot/research/x.py": "from aiohttp import ClientSession"},
        {"tradebot/sandbox/x.py": "import socket"},
    ],
    passed=[
        {"tradebot/adapters/allowed_hosts.py": "import requests"},
        {"tradebot/adapters/x.py": "from urllib.parse import urlsplit"},
        {"tradebot/adapters/x.py": "import ccxt.async_support as ccxt"},
        {"tradebot/adapters/x.py": "from tradebot.adapters.requests import x"},
    ],
)
def only_the_doors_call_out(source: Source) -> Found:
    for line, full, _ in source.imports:
        parts = full.split(".")
        if {parts[0], ".".join(parts[:2])} & _CALLS_OUT:
            yield line, f"{full} is imported"


_EXPORTS = frozenset({"to_csv", "to_excel", "to_html", "DictWriter"})


@rule(
    remedy="cells go through cli/output.py, which defuses formulas, and text through visible()",
    caught=[
        {"tradebot/research/x.py": "frame.to_csv(path)"},
        {"tradebot/cli/x.py": "csv.writer(sys.stdout)"},
        {"tradebot/cli/x.py": "writer = csv.DictWriter(file, names)"},
        {"tradebot/research/x.py": "table.to_html()"},
    ],
    passed=[
        {"tradebot/adapters/x.py": "csv.reader(lines)"},
        {"tradebot/adapters/x.py": "self.writer.write(line)"},
    ],
)
def no_cell_leaves_unseen(source: Source) -> Found:
    for call in source.nodes(ast.Call):
        if last_name(call.func) in _EXPORTS or dotted(call.func) == "csv.writer":
            yield call.lineno, f"{dotted(call.func)}( is used"


@rule(
    remedy="name the exceptions: alert delivery, a strategy call and the CLI's top alone take all",
    but=(
        "tradebot/adapters/alerts.py",
        "tradebot/strategies/base.py",
        "tradebot/cli/main.py",
    ),
    caught=[
        {"tradebot/runtime/x.py": "try: ...\nexcept Exception: ..."},
        {"tradebot/runtime/x.py": "try: ...\nexcept: ..."},
        {"tradebot/runtime/x.py": "try: ...\nexcept BaseException as error: ..."},
        {"tradebot/runtime/x.py": "try: ...\nexcept (OSError, Exception): ..."},
        {"tradebot/runtime/x.py": "with contextlib.suppress(Exception): ..."},
        {"tradebot/runtime/x.py": "try: ...\nexcept Exception:\n    undo()\n    raise"},
        {
            "tradebot/runtime/x.py": "try: ...\nexcept BaseException:\n"
            "    if is_ours():\n        return\n    raise"
        },
    ],
    passed=[
        {"tradebot/strategies/base.py": "try: ...\nexcept Exception: ..."},
        {"tradebot/runtime/x.py": "try: ...\nexcept OSError: ..."},
        {"tradebot/runtime/x.py": "try: ...\nexcept BaseException:\n    undo()\n    raise"},
    ],
)
def only_three_places_catch_everything(source: Source) -> Found:
    for handler in source.nodes(ast.ExceptHandler):
        names = {"BaseException"} if handler.type is None else _names(handler.type)
        if "BaseException" in names and _only_cleans_up(handler):
            continue
        if names & {"Exception", "BaseException"}:
            yield handler.lineno, "an except that takes everything"
    for call in source.nodes(ast.Call):
        taken = set().union(*map(_names, call.args)) if call.args else set()
        if last_name(call.func) == "suppress" and taken & {"Exception", "BaseException"}:
            yield call.lineno, "a suppress that takes everything"


def _names(node: ast.expr) -> set[str]:
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    return {last_name(part) for part in parts}


def _only_cleans_up(handler: ast.ExceptHandler) -> bool:
    """Say whether the handler undoes something and raises the same again, always."""
    last = handler.body[-1]
    ways_out = (ast.Return, ast.Break, ast.Continue)
    leaves = any(isinstance(each, ways_out) for each in ast.walk(handler))
    return isinstance(last, ast.Raise) and last.exc is None and not leaves
