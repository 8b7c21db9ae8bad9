"""Guessing what a person meant: one rule for every "did you mean"."""

from collections.abc import Iterable
from difflib import get_close_matches

# Half of the letters: low enough that 7h finds 8h, high enough that nonsense finds nothing.
LIKENESS_MIN = 0.5


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word most like `word`, or '' where none is like it."""
    return next(iter(get_close_matches(word, list(known), n=1, cutoff=LIKENESS_MIN)), "")
