"""Questions to a person: on a terminal only, and never required where there is none."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from typing import TextIO

import typer


def asker() -> Callable[[str, bool], str] | None:
    """Return what asks a question, hidden or not, on the terminal; None where there is none."""
    if not sys.stdin.isatty():
        return None
    return _ask


def standard_input(is_wanted: bool) -> TextIO | None:
    """Return standard input where the command line asks for it."""
    return sys.stdin if is_wanted else None


def _ask(label: str, is_hidden: bool) -> str:
    # Not typer.prompt: it writes a space to stdout, which is for the result.
    question = f"{label.rstrip(': ')}: "
    if is_hidden:
        return getpass.getpass(question)
    typer.echo(question, nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer:
        raise typer.Abort
    return answer.removesuffix("\n")
