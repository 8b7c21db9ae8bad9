"""`tradebot sandbox`: the local exchange alone, for any Binance client."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from decimal import Decimal
    from fractions import Fraction

    from tradebot.candles import CandleTable
    from tradebot.sandbox.auth import KeyRights
    from tradebot.sandbox.book import Book
    from tradebot.sandbox.faults_plan import FaultPlan
    from tradebot.sandbox.server import SandboxServer
    from tradebot.sandbox.standalone import Keys

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The local exchange: serve it alone."
)

SCHEMA = "tradebot.sandbox/1"
INTERRUPTED = 130

FeeCoinPrice = Annotated[
    str | None, typer.Option(help="Coin that pays the fees while it lasts, at a price: BNB=600.")
]
Rights = Annotated[str, typer.Option(help="What is told of the key: see docs/faults.md.")]


class How(NamedTuple):
    """In what way the exchange is served."""

    speed: str
    is_synthetic: bool
    faults: dict[str, object] | None
    key_rights: KeyRights


class Costs(NamedTuple):
    """What trades cost there, as it was typed."""

    fee: str
    slippage: str
    fee_coin: str | None


@app.callback()
def sandbox() -> None:
    """Run the local exchange on its own."""


@app.command()
def serve(
    candles: Annotated[
        list[Path] | None, typer.Option(help="A file of candles; may be given several times.")
    ] = None,
    symbol: Annotated[
        list[str] | None,
        typer.Option(help="The market of each file, or a market to make up. [default: BTC/USDT]"),
    ] = None,
    timeframe: Annotated[
        str | None, typer.Option(help="The candles' length. [default: the file's, else 1h]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which made-up market, and which keys.")] = 1,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 = any.")] = 0,
    speed: Annotated[str, typer.Option(help="real, a factor such as 60x, or step.")] = "60x",
    cash: Annotated[
        list[str] | None,
        typer.Option(help="Opening balance, such as USDT=10000. [default: 10000 of each quote]"),
    ] = None,
    fee: Annotated[str, typer.Option(help="Fee of a trade, as a fraction.")] = "0.001",
    fee_coin: FeeCoinPrice = None,
    slippage: Annotated[str, typer.Option(help="Half the spread, as a fraction.")] = "0.0005",
    api_key: Annotated[str | None, typer.Option(help="[default: made from the seed]")] = None,
    secret: Annotated[str | None, typer.Option(help="[default: made from the seed]")] = None,
    record: Annotated[
        Path | None, typer.Option(help="Write every order to this file, and resume from it.")
    ] = None,
    faults: Annotated[
        Path | None, typer.Option(help="Fail on purpose, as this file says: see docs/faults.md.")
    ] = None,
    key_rights: Rights = "trade",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Serve the local exchange until Ctrl-C: candles from files, or a made-up market."""
    from tradebot.adapters.clock import WallClock
    from tradebot.sandbox.faults_file import read_faults
    from tradebot.sandbox.standalone import Keys, keep_time, parse_cash, parse_speed

    _check_together(faults, record)
    clock, pace, keys = WallClock(), parse_speed(speed), Keys.of_seed(seed)
    keys = Keys(api_key or keys.api_key, secret or keys.secret)
    now_ms = clock.now_ms() if pace == 1 and not candles else None
    tables = _tables(candles or [], symbol or [], timeframe, seed, now_ms)
    book = _book(tables, parse_cash(cash or []), Costs(fee, slippage, fee_coin), now_ms, record)
    plan = None if faults is None else read_faults(faults, book)
    how = How(speed, not candles, _told(plan, faults), _rights(key_rights))
    with _served(book, keys, port, pace, plan, how.key_rights, clock.stop) as (server, url):
        _tell(url, keys, book, how, as_json=as_json)
        keep_time(server, clock, pace, max(int(table.closed_at[-1]) for table in tables))


def _tables(
    files: list[Path], symbols: list[str], timeframe: str | None, seed: int, now_ms: int | None
) -> list[CandleTable]:
    """Return the candles of the files, or made-up ones where there are none."""
    from tradebot.adapters.candle_files import read_candles
    from tradebot.errors import UsageError
    from tradebot.model.timeframe import timeframe_ms
    from tradebot.sandbox.standalone import synthetic_tables

    if files and symbols and len(files) != len(symbols):
        raise UsageError(
            f"{len(files)} files and {len(symbols)} markets", "give one --symbol for each --candles"
        )
    if files:
        names: list[str | None] = [*symbols] or [None] * len(files)
        return [
            read_candles(path, symbol=name, timeframe=timeframe)
            for path, name in zip(files, names, strict=True)
        ]
    length = timeframe_ms(timeframe or "1h")
    return synthetic_tables(symbols or ["BTC/USDT"], timeframe_ms=length, seed=seed, now_ms=now_ms)


def _book(
    tables: list[CandleTable],
    cash: dict[str, Decimal],
    costs: Costs,
    now_ms: int | None,
    record: Path | None,
) -> Book:
    """Return the exchange's book, as its record left it where there is one."""
    from tradebot.sandbox.record import resume
    from tradebot.sandbox.standalone import parse_fee_coin, parse_fraction, standalone_book

    book = standalone_book(
        tables,
        cash,
        fee_ppm=parse_fraction(costs.fee),
        slippage_ppm=parse_fraction(costs.slippage),
        now_ms=now_ms,
        fee_coin=None if costs.fee_coin is None else parse_fee_coin(costs.fee_coin),
    )
    return book if record is None else resume(record, book)


def _check_together(faults: Path | None, record: Path | None) -> None:
    from tradebot.errors import UsageError

    if faults is not None and record is not None:
        raise UsageError(
            "--faults and --record do not go together: a record holds orders, not what befell them",
            "leave one of them out",
        )


def _rights(text: str) -> KeyRights:
    from tradebot.sandbox.standalone import parse_key_rights

    return parse_key_rights(text)


def _told(plan: FaultPlan | None, path: Path | None) -> dict[str, object] | None:
    """Return what is told of the faults; None where there are none."""
    if plan is None:
        return None
    seed = None if plan.random is None else plan.random.seed
    return {"file": str(path), "scripted": len(plan.scripts), "seed": seed}


@contextmanager
def _served(
    book: Book,
    keys: Keys,
    port: int,
    speed: Fraction | None,
    faults: FaultPlan | None,
    key_rights: KeyRights,
    stop: Callable[[], None],
) -> Iterator[tuple[SandboxServer, str]]:
    """Serve `book` until Ctrl-C, which calls `stop`; that ends with exit code 130."""
    from tradebot.cli.output import note
    from tradebot.sandbox.record import RecordedBook
    from tradebot.sandbox.server import SandboxServer

    server = SandboxServer(
        book,
        api_key=keys.api_key,
        secret=keys.secret,
        port=port,
        is_time_checked=speed == 1,
        is_stepped=speed is None,
        faults=faults,
        key_rights=key_rights,
    )
    # A shell that starts us in the background has Ctrl-C ignored, and no KeyboardInterrupt comes.
    before = signal.signal(signal.SIGINT, lambda number, frame: stop())
    url = server.start()
    try:
        yield server, url
    finally:
        signal.signal(signal.SIGINT, before)
        server.stop()
        if isinstance(book, RecordedBook):
            book.close()
    note("the sandbox has stopped")
    raise typer.Exit(INTERRUPTED)


def _tell(url: str, keys: Keys, book: Book, how: How, *, as_json: bool) -> None:
    """Print where the exchange is, how to sign in, and how it is served."""
    import sys

    from tradebot.cli.output import emit
    from tradebot.model.timeframe import format_time

    facts: dict[str, object] = {
        "url": url,
        "api_key": keys.api_key,
        "secret": keys.secret,
        "markets": list(book.listings),
        "now": format_time(book.now),
        **how._asdict(),
    }
    kind = "made up from the seed: synthetic, not real prices"
    text = (
        f"sandbox exchange at {url} (Binance spot API under /api/v3)\n"
        f"api key  {keys.api_key}\n"
        f"secret   {keys.secret}\n"
        f"markets  {', '.join(book.listings)}, {kind if how.is_synthetic else 'from files'}\n"
        f"{_fees_line(book)}{_faults_line(how.faults)}"
        f"time     {facts['now']}, speed {how.speed}; Ctrl-C stops it"
    )
    emit({"schema": SCHEMA, **facts}, text, as_json)
    sys.stdout.flush()  # Whoever started us in a pipe waits for the URL.


def _fees_line(book: Book) -> str:
    coin = book.fee_coin
    if coin is None:
        return ""
    quote = next(iter(book.listings.values())).market.quote
    return f"fees     in {coin.asset} at {coin.price} {quote}, while there is enough of it\n"


def _faults_line(told: dict[str, object] | None) -> str:
    if told is None:
        return ""
    chance = "none by chance" if told["seed"] is None else f"by chance with seed {told['seed']}"
    return f"faults   ON, from {told['file']}: {told['scripted']} scripted, {chance}\n"
