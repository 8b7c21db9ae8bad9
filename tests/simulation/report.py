"""What a run comes to, in words and tables: for the screen, and for the document."""

from collections.abc import Iterable, Sequence

from tests.simulation.options import BY_HAND, DAILY, MORE_DAILY, MORE_RATES, RATES, REPLACING
from tests.simulation.run import Tally
from tests.simulation.zoo_table import HEADINGS, Row

FAULTS = (*RATES, *MORE_RATES, *DAILY, *MORE_DAILY, *BY_HAND, *REPLACING)
STATES = ("none", "intended", "sent", "unknown", "accepted", "partial")
# What is told of a run, and what it is called in the worlds' counts.
TOLD = {
    "requests to place orders": ("post",),
    "fills booked": ("fill_booked",),
    "candles decided": ("candles_closed",),
    "starts of the bot": ("boot",),
    "deaths at a step": ("crash",),
    "orders in doubt": ("order_unknown",),
    "proved never to have arrived": ("order_absent",),
    "outages and bans": ("outage", "banned"),
    "emergency stops": ("killed",),
    "orders taken away by others": ("cancelled by hand", "vanished"),
    "coins moved by others": (
        "cash paid in",
        "cash taken out",
        "coins paid in",
        "coins taken out",
        "trade of others",
    ),
    "differences found": ("difference_found",),
    "positions shrunk to what is there": ("position_adjusted",),
    "words of the owner": ("the owner has spoken",),
    "calls of the owner for a position without its stop": ("position_unprotected",),
    "orders that only seemed to differ: reads were older than two looks are apart": (
        "false alarm",
    ),
    "candles decided early, by as much as the bot's clock was ahead": ("decided early",),
}


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table as lines of Markdown."""
    lines = [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def summary(total: Tally, first: int) -> list[str]:
    """Return what was run, and what was violated."""
    failed = [each.options.seed for each in total.failed]
    return [
        f"{total.worlds} worlds, seeds {first} to {first + total.worlds - 1}, "
        f"{total.on_disk} with their journal on a disk: {total.days:.0f} days.",
        f"{len(failed)} violations{': seeds ' if failed else '.'}{', '.join(map(str, failed))}",
        f"{total.speed():.0f} simulated days for each minute of one core.",
    ]


def counts(total: Tally) -> list[str]:
    """Return what happened, as a table."""
    rows = [
        (what, f"{sum(total.counts[name] for name in names):,}") for what, names in TOLD.items()
    ]
    for name, (length, seed) in total.longest.items():
        rows.append((f"longest without a stop, {name}", f"{length / 1000:,.0f} s, seed {seed}"))
    return table(("what happened", "how often"), rows)


def coverage(total: Tally) -> list[str]:
    """Return how often each fault met orders in each state, as a table."""
    rows = [
        (fault, f"{total.counts[fault]:,}", *(f"{total.cells[fault, state]:,}" for state in STATES))
        for fault in FAULTS
    ]
    return table(("fault", "in all", *STATES), rows)


def zoo(rows: Iterable[Row]) -> list[str]:
    """Return what caught each planted bug, as a table."""
    return table(HEADINGS, [row.cells() for row in rows])
