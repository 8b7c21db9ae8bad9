"""Measure: `python -m benchmarks`, all or those that are named, as a table in Markdown."""

import argparse
import sys
from pathlib import Path

from benchmarks.figures import ALL, Size
from benchmarks.measure import HEADER, ROOT, machine

CANDLES = ROOT.parent / "shared" / "data" / "candles" / "BTC-USDT-1h-2017-2024.csv.gz"


def main(arguments: list[str]) -> int:
    """Measure what is asked for; return 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(ALL)}; all if none is given")
    parser.add_argument("--repeats", type=int, default=5, help="how often each is measured")
    parser.add_argument("--candles", type=Path, default=CANDLES, help="real candles of one hour")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in ALL]
    if unknown:
        parser.error(f"no figure is called {unknown[0]!r}; there are {', '.join(ALL)}")
    size = Size(
        repeats=options.repeats,
        memory_repeats=min(options.repeats, 3),
        candles=options.candles if options.candles.is_file() else None,
    )
    if size.candles is None:
        sys.stderr.write(f"{options.candles} is not there: only synthetic candles\n")
    sys.stdout.write(f"{machine()}\n\n{HEADER}\n")
    missed = 0
    for name in options.names or ALL:
        for figure in ALL[name](size):
            sys.stdout.write(figure.row() + "\n")
            sys.stdout.flush()
            missed += figure.ratio is not None and figure.ratio < 1
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
