"""The fault file: TOML, read strictly; every mistake is named with its line.

Law: no key is ignored and none is guessed; times become the sandbox's milliseconds here.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

from tradebot.errors import ConfigError
from tradebot.model.money import PPM
from tradebot.sandbox.book import Book
from tradebot.sandbox.faults_plan import (
    DELISTED,
    ERRORS,
    EVENT_KINDS,
    FILTERS,
    FOREVER,
    KINDS,
    ORDER_KINDS,
    OUTAGES,
    PER_DAY,
    RATES,
    SPAN_KINDS,
    VANISHING,
    Details,
    FaultPlan,
    Period,
    RandomFaults,
    Script,
)
from tradebot.sandbox.faults_table import Table

SEED_MAX = 2**32 - 1
PER_DAY_MAX = 1000


def read_faults(path: Path, book: Book) -> FaultPlan:
    """Return what the file says is to go wrong with `book`, times counted from its now.

    Raises ConfigError that names file, line and key of everything that is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}", "the file is TOML: key = value") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not UTF-8 text: {error.reason}", "save it as UTF-8"
        ) from error
    except OSError as error:
        hint = "--faults takes the path of a file that you may read"
        raise ConfigError(f"{path}: cannot be read: {error.strerror}", hint) from error
    problems: list[str] = []
    top = Table(values, f"{path}", text, problems)
    scripts = tuple(_script(each, book) for each in top.tables("script"))
    chance = top.table("random")
    random = None if chance is None else _random(chance, book.now)
    top.check_known(("script", "random"))
    if not problems and not scripts and random is None:
        problems.append(f"{path}: names no fault: write a [[script]] or a [random]")
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise ConfigError("\n".join(problems), f"{count}; docs/faults.md lists every fault and key")
    return FaultPlan(scripts, random)


def _script(table: Table, book: Book) -> Script:
    table.need(("fault",))
    fault = table.choice("fault", KINDS)
    if not fault:
        return Script(fault="")
    kind, is_event = KINDS[fault], fault in EVENT_KINDS
    is_asked = table.has("request") if is_event else fault not in SPAN_KINDS
    times = ("at", "until") if is_asked or fault in SPAN_KINDS else ("at",)
    asked = ("request", "hit") if is_asked else ("request",) if is_event else ()
    table.check_known(("fault", *asked, *times, *kind.needed, *kind.optional))
    table.need(kind.needed)
    if is_event and not is_asked and not table.has("at"):
        table.problem("at", f"is missing: {fault!r} happens `at` a time or before a `request`")
    period = _period(table, book.now)
    if is_event and not is_asked and period.start < book.now:
        table.problem("at", "lies before the sandbox's start")
    return Script(
        fault=fault,
        is_asked=is_asked,
        request=table.choice("request", sorted(kind.befalls)),
        hits=table.hits("hit"),
        period=period,
        details=_details(table, fault, book),
    )


def _details(table: Table, fault: str, book: Book) -> Details:
    asset = table.choice("asset", sorted(book.decimals))
    return Details(
        delay_ms=table.duration("delay_ms"),
        late_ms=table.duration("late_ms"),
        lag_ms=table.duration("lag_ms"),
        retry_after_ms=table.duration("retry_after_ms"),
        ban_ms=table.duration("ban_ms"),
        answer=_first(table, "answer", OUTAGES if fault == "outage" else ERRORS, fault),
        is_executed=table.flag("executed"),
        pieces=table.pieces("pieces") or ((PPM // 2,) if fault in ORDER_KINDS else ()),
        filter=table.choice("filter", FILTERS),
        orders=_first(table, "orders", VANISHING, fault),
        asset=asset,
        change=table.amount("change", book.decimals.get(asset, 0)) if asset else 0,
        symbol=table.choice("symbol", sorted(book.listings)),
        how=_first(table, "how", DELISTED, fault),
    )


def _first(table: Table, key: str, choices: tuple[str, ...], fault: str) -> str:
    """Return the choice, the first where it is left open; "" for a fault that has none."""
    return table.choice(key, choices) or (choices[0] if key in KINDS[fault].optional else "")


def _random(table: Table, now: int) -> RandomFaults:
    if not table.keys - {"seed", "at", "until"}:
        table.problem("seed", "nothing is to happen by chance: give a fault a rate")
    table.check_known(("seed", "at", "until", *RATES, *PER_DAY))
    table.need(("seed",))
    rates = {fault: table.fraction(fault) for fault in RATES if table.has(fault)}
    per_day = {
        fault: table.number_ppm(key, PER_DAY_MAX)
        for key, fault in PER_DAY.items()
        if table.has(key)
    }
    return RandomFaults(
        seed=table.whole("seed", 0, SEED_MAX),
        period=_period(table, now),
        rates=rates,
        per_day=per_day,
    )


def _period(table: Table, now: int) -> Period:
    start, end = table.time("at", now, now), table.time("until", now, FOREVER)
    if end <= start:
        table.problem("until", "is not after `at`, or the sandbox's start")
    return Period(start, end)
