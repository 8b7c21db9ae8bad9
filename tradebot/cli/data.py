"""`tradebot data`: bring candle files in, show what is stored, find what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tradebot.adapters.candles import Series
    from tradebot.candles import Verified

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Candles: import, list, verify."
)

SCHEMA = "tradebot.data/1"

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Store = Annotated[Path, typer.Option(help="The candle store.")]
Timeframe = Annotated[
    str | None, typer.Option(help="The candles' length, such as 1h; else from the file.")
]
Symbol = Annotated[
    str | None, typer.Option(help="The market, such as BTC/USDT; else from the file's name.")
]
STORE = Path("logs/candles.db")
GAPS_SHOWN_MAX = 20


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A .csv, .csv.gz or .parquet file of candles.")],
    symbol: Symbol = None,
    timeframe: Timeframe = None,
    exchange: Annotated[str, typer.Option(help="Whose candles these are.")] = "binance",
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite what differs.")] = False,
    store: Store = STORE,
    as_json: Json = False,
) -> None:
    """Check a file of candles and store them; a file with an error in it is refused whole."""
    from tradebot.adapters.candle_files import read_candles
    from tradebot.adapters.candles import CandleStore, market_name
    from tradebot.cli.output import emit, progress
    from tradebot.model.timeframe import timeframe_name

    table = read_candles(file, symbol=symbol, timeframe=timeframe)
    market = market_name(exchange, table.symbol)
    with CandleStore(store) as candles, progress("Storing", len(table)) as advance:
        new = candles.append(market, table, replace=replace, source=file.name, on_progress=advance)
        (series,) = candles.find(market, timeframe_name(table.timeframe_ms))
    result = {"schema": SCHEMA, "read": len(table), "new": new, **_series_json(series)}
    emit(result, _import_text(len(table), new, series), as_json)


@app.command("list")
def list_(store: Store = STORE, as_json: Json = False) -> None:
    """Show which candles are stored."""
    from tradebot.adapters.candles import open_existing
    from tradebot.cli.output import emit, table

    with open_existing(store) as candles:
        stored = candles.list()
    rows = [list(_series_json(series).values()) for series in stored]
    columns = ["MARKET", "TIMEFRAME", "CANDLES>", "FIRST", "LAST", "GAPS>", "MISSING>"]
    result = {"schema": SCHEMA, "stored": [_series_json(series) for series in stored]}
    emit(result, table(rows, columns), as_json)


@app.command()
def verify(
    what: Annotated[str, typer.Argument(metavar="FILE|MARKET", help="A file or a stored market.")],
    symbol: Symbol = None,
    timeframe: Timeframe = None,
    store: Store = STORE,
    as_json: Json = False,
) -> None:
    """Name every problem with its row; exit 1 if there are any, 0 if there are only gaps."""
    from tradebot.cli.output import emit

    checked = _verify(what, symbol=symbol, timeframe=timeframe, store=store)
    result = {"schema": SCHEMA, "verified": [_verified_json(each) for each in checked]}
    emit(result, "\n".join(_verified_text(each) for each in checked), as_json)
    if any(each.problem_count for each in checked):
        raise typer.Exit(1)


def _verify(what: str, *, symbol: str | None, timeframe: str | None, store: Path) -> list[Verified]:
    from tradebot.adapters.candle_files import verify_file
    from tradebot.adapters.candles import open_existing
    from tradebot.errors import NotFoundError
    from tradebot.model.timeframe import timeframe_ms

    if Path(what).exists():
        return [verify_file(Path(what), symbol=symbol, timeframe=timeframe)]
    if Path(what).suffix.lower() in (".csv", ".gz", ".parquet", ".pq"):
        raise NotFoundError(f"{what}: no such file", "check the path")
    if not store.exists():
        raise NotFoundError(
            f"{what}: no such file, and no candles are stored in {store}",
            "`tradebot data import FILE` stores some",
        )
    with open_existing(store) as candles:
        found = candles.find(what, timeframe)
        return [candles.verify(each.market, timeframe_ms(each.timeframe)) for each in found]


def _verified_json(found: Verified) -> dict[str, object]:
    from tradebot.model.timeframe import format_time, timeframe_name

    return {
        "name": found.name,
        "timeframe": timeframe_name(found.timeframe_ms),
        "candles": found.count,
        "first": None if found.first is None else format_time(found.first),
        "last": None if found.last is None else format_time(found.last),
        "problem_count": found.problem_count,
        "problems": [
            {"row": each.row, "column": each.column, "kind": each.kind, "text": each.text}
            for each in found.problems
        ],
        "gaps": [
            {"after": format_time(after), "before": format_time(before), "missing": missing}
            for after, before, missing in found.gaps
        ],
    }


def _verified_text(found: Verified) -> str:
    from tradebot.model.timeframe import format_time, timeframe_name

    lines = [
        f"{found.name} {timeframe_name(found.timeframe_ms)}: {_counted(found.count, 'candle')}"
    ]
    if found.first is not None and found.last is not None:
        lines[0] += f" from {format_time(found.first)} to {format_time(found.last)}"
    lines += [f"  {problem.text}" for problem in found.problems]
    if found.problem_count > len(found.problems):
        lines.append(f"  and {found.problem_count - len(found.problems):,} more problems")
    lines += [
        f"  gap: {missing:,} missing between {format_time(after)} and {format_time(before)}"
        for after, before, missing in found.gaps[:GAPS_SHOWN_MAX]
    ]
    if len(found.gaps) > GAPS_SHOWN_MAX:
        lines.append(f"  and {len(found.gaps) - GAPS_SHOWN_MAX:,} more gaps; --json lists all")
    missing_in_all = sum(missing for _, _, missing in found.gaps)
    problems = _counted(found.problem_count, "problem")
    return "\n".join([*lines, f"{problems}, {_gaps_text(len(found.gaps), missing_in_all)}"])


def _gaps_text(gaps: int, missing: int) -> str:
    return f"{_counted(gaps, 'gap')} ({_counted(missing, 'candle')} missing)"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _series_json(series: Series) -> dict[str, object]:
    from tradebot.model.timeframe import format_time

    return {
        "market": series.market,
        "timeframe": series.timeframe,
        "candles": series.count,
        "first": format_time(series.first),
        "last": format_time(series.last),
        "gaps": series.gaps,
        "missing": series.missing,
    }


def _import_text(read: int, new: int, series: Series) -> str:
    from tradebot.model.timeframe import format_time

    return (
        f"{series.market} {series.timeframe}: {_counted(read, 'candle')} read, {new:,} new\n"
        f"Stored: {series.count:,} from {format_time(series.first)} to {format_time(series.last)}, "
        f"{_gaps_text(series.gaps, series.missing)}"
    )
