"""The rehearsal of the emergency stop: buy, guard, and be stopped by the command as it is typed.

Law: it begins flat, and where no bot is at work; it lifts its own halt and nobody else's. The
command runs in a process of its own, and its time is taken from outside.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from tradebot.adapters.audit import AuditKind
from tradebot.adapters.clock import WallClock
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.latch import FileLatch
from tradebot.adapters.redact import Secret
from tradebot.errors import NotConfirmed, UsageError
from tradebot.model.market import Candle
from tradebot.model.money import PPM
from tradebot.model.timeframe import timeframe_ms
from tradebot.runtime import assemble
from tradebot.runtime.assemble import SANDBOX_KEY, SANDBOX_SECRET, Bot
from tradebot.runtime.chosen import chosen_strategy
from tradebot.runtime.config import Config, load_config
from tradebot.runtime.drills import Drill, record_drill
from tradebot.runtime.host_lock import account_lock
from tradebot.runtime.keys import Unlocking
from tradebot.runtime.kill import opened_once, reopened_bot
from tradebot.runtime.prepare import Request, account_spec
from tradebot.runtime.run_audit import audit_log
from tradebot.runtime.running import check_latch
from tradebot.runtime.runs import Run, Runs
from tradebot.sandbox.server import SandboxServer
from tradebot.sandbox.standalone import keep_time, standalone_book, synthetic_tables

REASON = "kill drill"
TIMEFRAME = "1m"
FEE_PPM, SLIPPAGE_PPM = 1_000, 500
# Our own program, whatever the file is called by which it was started; nothing of this folder.
PROGRAM = (sys.executable, "-P", "-c", "from tradebot.cli.main import main; main()")
LOOK_MS = 10
# A person may be asked for the passphrase in between.
KILL_MS_MAX = 600_000
# A project of its own: an account of an exchange that is served for the time of the drill.
SANDBOX_CONFIG = """
[bot]
name = "drill"
markets = ["BTC/USDT", "ETH/USDT"]
timeframe = "{timeframe}"
[exchange.ccxt.urls.test]
public = "{url}/api/v3"
private = "{url}/api/v3"
v1 = "{url}/api/v1"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drilled:
    """What a drill has shown, and in which file it stands."""

    drill: Drill
    file: Path


def drill_in_sandbox(config: Config) -> Drilled:
    """Rehearse at a local exchange, in a folder of its own; the record is of `config`'s account."""
    clock = WallClock()
    length = timeframe_ms(TIMEFRAME)
    tables = synthetic_tables(
        ["BTC/USDT", "ETH/USDT"], timeframe_ms=length, seed=1, now_ms=clock.now_ms()
    )
    book = standalone_book(
        tables, {}, fee_ppm=FEE_PPM, slippage_ppm=SLIPPAGE_PPM, now_ms=clock.now_ms()
    )
    server = SandboxServer(book, api_key=SANDBOX_KEY, secret=SANDBOX_SECRET)
    url = server.start()
    end_ms = max(int(table.closed_at[-1]) for table in tables)
    # Time passes there as it does here.
    ticking = Thread(target=keep_time, args=(server, clock, 1, end_ms), daemon=True)
    ticking.start()
    try:
        with tempfile.TemporaryDirectory(prefix="tradebot-drill-") as folder:
            request, unlocking = _own_project(Path(folder), url)
            stopped = _drilled(load_config(request.config), request, unlocking)
            return _recorded(config, "sandbox", stopped)
    finally:
        clock.stop()
        ticking.join()
        server.stop()


def _own_project(folder: Path, url: str) -> tuple[Request, Unlocking]:
    file, keystore = folder / "project" / "config.toml", folder / "project" / "keystore"
    file.parent.mkdir()
    file.write_text(SANDBOX_CONFIG.format(timeframe=TIMEFRAME, url=url), encoding="utf-8")
    fields = {"api_key": Secret(SANDBOX_KEY), "secret": Secret(SANDBOX_SECRET)}
    opening = folder / "passphrase"
    opening.touch(mode=0o600)
    opening.write_text(SANDBOX_SECRET, encoding="utf-8")
    Keystore.create(keystore, Secret(SANDBOX_SECRET)).put(
        "binance/testnet/main", fields, "testnet"
    )
    return Request(config=file), Unlocking(folder=keystore, passphrase_file=opening)


def drill_on_testnet(config: Config, request: Request, unlocking: Unlocking) -> Drilled:
    """Rehearse on the account's own run, which must be flat, and is flat again afterwards.

    Its journal keeps what was traded, so that books and exchange go on agreeing.
    """
    return _recorded(config, "testnet", _drilled(config, request, unlocking))


@dataclass(slots=True)
class _Stopped:
    """What was seen of the command from outside, in ms after it was typed, and what it told."""

    latched_ms: int | None = None
    ended_ms: int | None = None
    told: dict[str, Any] | None = None
    problems: tuple[str, ...] = ()
    # What tells its halt from another one.
    mark: int | None = None


def _recorded(config: Config, mode: str, stopped: _Stopped) -> Drilled:
    """Put a drill on record as one of the account that is configured."""
    told = stopped.told or {}
    drill = Drill(
        at=WallClock().now_ms(),
        mode=mode,
        exchange=config.exchange.id,
        account=config.exchange.account,
        latched_ms=stopped.latched_ms,
        # By the command's own word, which counts from the start of its process.
        cancelled_ms=told.get("cancelled_ms"),
        flat_ms=stopped.ended_ms if told.get("flat_ms") is not None else None,
        problems=stopped.problems,
    )
    return Drilled(drill=drill, file=record_drill(audit_log(config.paths.logs), drill))


def _drilled(config: Config, request: Request, unlocking: Unlocking) -> _Stopped:
    latch = check_latch(config)
    run = _account_run(config, request)
    before = latch.state().reason
    stopped = _Stopped()
    with ExitStack() as alive:
        bot = alive.enter_context(_bot(config, request, run, opened_once(unlocking)))
        _buy(bot)
        try:
            _watched(_typed(request, run, unlocking), latch, alive, stopped)
        finally:
            lifted = _lift(latch, stopped.mark, before)
    if lifted:
        stopped.problems += (lifted,)
    else:
        audit_log(config.paths.logs).record(AuditKind.LATCH_CLEARED, reason=REASON)
    return stopped


def _typed(request: Request, run: Run, unlocking: Unlocking) -> list[str]:
    """Return the command as a person would type it."""
    words = [*PROGRAM]
    words += ["--insecure-env"] if unlocking.has_insecure_env else []
    words += ["kill", "--flatten", "--json", "--reason", REASON, "--run", run.name]
    words += [] if request.config is None else ["--config", str(request.config)]
    file = unlocking.passphrase_file
    return words + ([] if file is None else ["--passphrase-file", str(file)])


def _watched(words: list[str], latch: FileLatch, alive: ExitStack, stopped: _Stopped) -> None:
    """Type the command and watch; what is `alive` leaves as a bot does: when it sees the latch."""
    clock = WallClock()
    began = clock.monotonic_ms()
    with subprocess.Popen(words, stdout=subprocess.PIPE) as command:  # noqa: S603  # our own program
        try:
            while command.poll() is None and clock.monotonic_ms() < began + KILL_MS_MAX:
                if stopped.latched_ms is None and not latch.is_armed():
                    stopped.latched_ms = clock.monotonic_ms() - began
                    alive.close()
                if stopped.mark is None:
                    stopped.mark = latch.mark()
                clock.sleep_until(clock.now_ms() + LOOK_MS)
            stopped.ended_ms = clock.monotonic_ms() - began
        finally:
            command.kill()
        out, _ = command.communicate()
    try:
        stopped.told = json.loads(out)
    except ValueError:
        stopped.problems = (f"the command ended with {command.returncode}, and told nothing",)
        return
    stopped.problems = tuple(stopped.told["problems"])
    if not stopped.told["sold"]:
        stopped.problems += ("nothing was sold: the drill has rehearsed no sale",)


def _lift(latch: FileLatch, mark: int | None, before: str) -> str:
    """Lift the drill's own halt; return why that was not done, "" = it was."""
    if latch.mark() != mark:
        return "somebody has halted trading during the drill: it stays halted"
    try:
        latch.arm(before)
    except OSError as error:
        return f"trading stays halted: the latch cannot be armed: {error.strerror}"
    return ""


def _account_run(config: Config, request: Request) -> Run:
    """Return the account's run as it is; a new one where it never began."""
    spec = account_spec(request, config, "testnet")
    runs = Runs(config.paths.logs)
    name = "-".join(spec.place)
    return runs.find(name) if runs.is_run(name) else runs.create(spec)


@contextmanager
def _bot(config: Config, request: Request, run: Run, unlocking: Unlocking) -> Iterator[Bot]:
    """Yield a bot of the account, which is held against every other bot of this host."""
    with run.lock(), ExitStack() as holding:
        run.check_journal()
        if run.journal.is_file():
            # By the terms of its journal, which the drill has no business to change.
            bot = reopened_bot(config, request, run, unlocking, is_blind=False, holding=holding)
        else:
            exchange = config.exchange
            keys = unlocking.open().get(f"{exchange.id}/testnet/{exchange.account}", "testnet")
            key, secret = keys["api_key"].reveal(), keys["secret"].reveal()
            lock = account_lock(exchange.id, "testnet", key, logs=config.paths.logs)
            holding.enter_context(lock)
            bot = assemble.account(
                config,
                run,
                chosen_strategy(config),
                mode="testnet",
                key=key,
                secret=secret,
                tell=lambda event, state: None,
                is_ending=False,
                is_blind=False,
            )
        try:
            yield bot
        finally:
            bot.close()


def _buy(bot: Bot) -> None:
    """Buy in one market as a signal would have it, and have that guarded.

    Raises UsageError where something is held or out, NotConfirmed where nothing was bought.
    """
    session = bot.session
    session.settle_only()
    state = session.state
    assert state.started is not None, "the journal has begun"
    busy = bool(state.orders.unsettled) or any(each.is_open for each in state.positions.values())
    if busy or session.open_orders():
        raise UsageError(
            "the account holds a position or has orders out: a drill would end them, too",
            hint="end them first, with `tradebot close` or `tradebot kill --flatten`",
        )
    market = next(iter(state.started.markets)).name
    now = bot.clock.now_ms()
    price = state.scales[market].price(session.last_price(market))
    candle = Candle(now - bot.timeframe_ms, now, price, price, price, price)
    session.reactivate("a drill begins")
    session.decide(market, candle, PPM, why=REASON)
    position = session.state.positions.get(market)
    if position is None or not position.is_open:
        control = session.state.feed.refused.get(market)
        why = f"the gate refused it: {control}" if control else "its order was not filled"
        raise NotConfirmed(
            f"the drill has bought nothing: {why}",
            hint="`tradebot status` shows the run; nothing was halted",
        )
