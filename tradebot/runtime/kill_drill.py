"""The rehearsal of the emergency stop: buy, guard, die, and be cleared up by the real thing.

Law: it begins flat, and where no bot is at work; it lifts its own halt and nobody else's.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

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
from tradebot.runtime.kill import kill, opened_once, reopened_bot
from tradebot.runtime.kill_clear import Killed
from tradebot.runtime.kill_latch import close_latch
from tradebot.runtime.prepare import Request, account_spec
from tradebot.runtime.run_audit import audit_log
from tradebot.runtime.running import check_latch
from tradebot.runtime.runs import Run, Runs
from tradebot.sandbox.server import SandboxServer
from tradebot.sandbox.standalone import keep_time, standalone_book, synthetic_tables

REASON = "kill drill"
TIMEFRAME = "1m"
FEE_PPM, SLIPPAGE_PPM = 1_000, 500
# A project of its own: an account of an exchange that is served for the time of the drill.
SANDBOX_CONFIG = """
[bot]
name = "drill"
markets = ["BTC/USDT", "ETH/USDT"]
timeframe = "{timeframe}"
[paths]
logs = "{folder}/logs"
keystore = "{folder}/keystore"
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


def drill_in_sandbox(logs: Path) -> Drilled:
    """Rehearse at a local exchange, in a folder of its own; `logs` keep the record."""
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
            config = load_config(request.config)
            return _drilled(config, request, unlocking, mode="sandbox", logs=logs)
    finally:
        clock.stop()
        ticking.join()
        server.stop()


def _own_project(folder: Path, url: str) -> tuple[Request, Unlocking]:
    file, keystore = folder / "config.toml", folder / "keystore"
    text = SANDBOX_CONFIG.format(timeframe=TIMEFRAME, folder=folder, url=url)
    file.write_text(text, encoding="utf-8")
    fields = {"api_key": Secret(SANDBOX_KEY), "secret": Secret(SANDBOX_SECRET)}
    passphrase = Secret(SANDBOX_SECRET)
    Keystore.create(keystore, passphrase).put("binance/testnet/main", fields, "testnet")
    asked = Unlocking(folder=keystore, ask=lambda label, is_hidden: passphrase.reveal())
    return Request(config=file), asked


def drill_on_testnet(config: Config, request: Request, unlocking: Unlocking) -> Drilled:
    """Rehearse on the account's own run, which must be flat, and is flat again afterwards.

    Its journal keeps what was traded, so that books and exchange go on agreeing.
    """
    return _drilled(config, request, unlocking, mode="testnet", logs=config.paths.logs)


def _drilled(
    config: Config, request: Request, unlocking: Unlocking, *, mode: str, logs: Path
) -> Drilled:
    latch = check_latch(config)
    opened = opened_once(unlocking)
    run = _account_run(config, request)
    with _bot(config, request, run, opened) as bot:
        _buy(bot)
    # From here on nobody looks after it, as if the bot had died.
    before = latch.state().reason
    clock = WallClock()
    began_ms = clock.monotonic_ms()
    halting = close_latch(config.paths.logs, REASON).problem
    mark = latch.mark()
    result = Killed(began_ms=began_ms, latched_ms=clock.monotonic_ms() - began_ms)
    result.problems += [halting] if halting else []
    audit = audit_log(config.paths.logs)
    audit.record(AuditKind.LATCH_CLOSED, reason=REASON)
    try:
        kill(config, request, run.name, opened, result, is_flattening=True)
        if not result.sold:
            result.problems.append("nothing was sold: the drill has rehearsed no sale")
    finally:
        lifted = _lift(latch, mark, before)
    result.problems += [lifted] if lifted else []
    if not lifted:
        audit.record(AuditKind.LATCH_CLEARED, reason=REASON)
    drill = Drill(
        at=clock.now_ms(),
        mode=mode,
        exchange=config.exchange.id,
        account=config.exchange.account,
        latched_ms=result.latched_ms,
        cancelled_ms=result.cancelled_ms,
        flat_ms=result.flat_ms,
        problems=tuple(result.problems),
    )
    return Drilled(drill=drill, file=record_drill(logs, drill))


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
