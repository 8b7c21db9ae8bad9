"""Both engines on many random cases: `python -m tests.kernel --cases 10000 --workers 2`."""

import argparse
import sys
from collections import Counter
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from tests.kernel.engines import differences, seeded_case
from tradebot.research.kernel.simulate import NotSimulated

EQUAL = "equal"
SHOWN_MAX = 300


def main() -> int:
    """Compare as the command line asks; 1 where any figure differed."""
    parser = argparse.ArgumentParser(prog="python -m tests.kernel", description=__doc__)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--candles", type=int, default=400)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    begun, counts = perf_counter(), Counter[str]()
    seeds = range(given.first, given.first + given.cases)
    with TemporaryDirectory(prefix="kernel-") as cache, Pool(given.workers) as pool:
        compare = partial(_compared, candles=given.candles, cache=Path(cache))
        compare(given.first)  # Compiled once, before the workers would each do it.
        for seed, found in zip(seeds, pool.imap(compare, seeds, chunksize=8), strict=True):
            counts[found if found == EQUAL or found.startswith("left") else "different"] += 1
            if found != EQUAL and not found.startswith("left"):
                print(f"seed {seed}: {found[:SHOWN_MAX]}", flush=True)
    for name, count in counts.most_common():
        print(f"{count:8} {name}")
    print(f"{given.cases} cases, {perf_counter() - begun:.0f} s")
    return 1 if counts["different"] else 0


def _compared(seed: int, *, candles: int, cache: Path) -> str:
    try:
        found = differences(seeded_case(seed, candles), plain=False, cache=cache)
    except NotSimulated as unknown:
        return f"left to the Session: {unknown.reason}"
    return "; ".join(found) or EQUAL


if __name__ == "__main__":
    sys.exit(main())
