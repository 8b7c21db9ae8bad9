"""How commands speak: results on stdout, words for people on stderr, plain text off a terminal.

Law: stdout holds the result and nothing else, so that a pipe or `--json` can trust it; and what is
printed only shows text: whoever wrote it moves no cursor, and gives a spreadsheet no formula.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

# What a terminal obeys or does not show: controls but tab and line end, directions of writing,
# marks without width, line ends of their own, and halves of characters.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
# What a spreadsheet would take for a formula; a number with its sign and unit is none.
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![0-9.,]+(?: ?[%\w]+)?$)(?!$)")


def visible(text: str) -> str:
    """Return `text` with what cannot be seen written as JSON writes it: ESC is `\\u001b`."""
    return _UNSEEN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def emit(result: Mapping[str, object], text: RenderableType, as_json: bool) -> None:
    """Print the result: as one line of JSON, or as text or a table for people."""
    if as_json:
        print(to_json(result))
    elif isinstance(text, str):
        if text:  # A table without rows has no line at all.
            print(visible(text))
    else:
        from rich.console import Console

        Console(file=sys.stdout).print(text)


def to_json(result: Mapping[str, object]) -> str:
    """Return one JSON object on one line, money as plain strings. Raises ValueError for NaN."""
    # Inside of JSON's texts the same escapes are its own.
    return visible(json.dumps(result, default=_plain, ensure_ascii=False, allow_nan=False))


def _plain(value: object) -> str:
    from tradebot.model.money import plain

    if isinstance(value, Decimal):
        return plain(value)
    raise TypeError(f"{type(value).__name__} has no place in a result")


def table(rows: Sequence[Sequence[object]], columns: Sequence[str]) -> str | Table:
    """Return a table for people on a terminal, tab-separated lines with a header elsewhere.

    A column whose name ends in `>` is a number: its cells stand to the right, without the mark.
    """
    names = [name.removesuffix(">") for name in columns]
    cells = [[_cell(cell) for cell in row] for row in rows]
    if not is_terminal(sys.stdout):
        return "\n".join("\t".join(map(defused, line)) for line in [names, *cells])
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column, name in zip(columns, names, strict=True):
        shown.add_column(name, justify="right" if column.endswith(">") else "left")
    for line in cells:
        shown.add_row(*(Text(cell) for cell in line))  # Text: a cell's [brackets] are no markup.
    return shown


def lines_of(rows: Sequence[Sequence[object]], columns: Sequence[str]) -> str:
    """Return a table as text, to stand among other lines: aligned on a terminal, else with tabs."""
    made = table(rows, columns)
    if isinstance(made, str):
        return made
    from io import StringIO

    from rich.console import Console

    text = StringIO()
    Console(file=text, width=200).print(made)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _cell(value: object) -> str:
    from tradebot.model.money import plain

    text = plain(value) if isinstance(value, Decimal) else "" if value is None else str(value)
    return visible(" ".join(text.split()))  # A tab or line end inside would make another cell.


def defused(cell: str) -> str:
    """Return a cell as a spreadsheet may read it: behind a quote, where it would calculate."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def note(text: str) -> None:
    """Tell the person at the terminal something that is not the result."""
    print(visible(text), file=sys.stderr)


def is_terminal(stream: TextIO) -> bool:
    """Say whether a person with a capable terminal reads this stream."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr, on a terminal only; yield `advance(steps)`."""
    if not is_terminal(sys.stderr):
        yield lambda steps: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as shown:
        task = shown.add_task(description, total=total)
        yield lambda steps: shown.advance(task, steps)
