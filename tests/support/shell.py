"""The command line as its user sees it: what was typed, both streams, the exit code.

`typed` runs in this process, which is fast; `Started` is the installed program in one of its own.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.support.canaries import assert_none_in, assert_none_of_process
from tradebot.cli.main import main

PROGRAM = Path(sys.executable).with_name("tradebot")
LINES_MAX = 4
# Long enough for a slow machine: a test that hangs must end some time.
PATIENCE_SECONDS = 60

# A small market on which a nervous strategy trades a dozen times in two days.
BUSY = """
[sandbox]
candles = 48
[strategy]
name = "ema_cross"
[strategy.params]
fast = 3
slow = 8
"""


@dataclass(frozen=True)
class Typed:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        (line,) = self.out.splitlines()
        return json.loads(line)


def typed(*arguments: str, code: int | None = 0, stdin: str = "") -> Typed:
    """Run a command line in this process; `code` is the exit code that it must have."""
    out, err = StringIO(), StringIO()
    ended: object = "it did not exit"
    with (
        patch.object(sys, "argv", ["tradebot", *arguments]),
        patch.object(sys, "stdin", StringIO(stdin)),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as exit_:
            ended = exit_.code
    assert isinstance(ended, int), f"no exit code but {ended!r}"
    result = Typed(ended, out.getvalue(), err.getvalue())
    assert "Traceback" not in result.err, result.err
    assert_none_in(result.out + result.err, f"tradebot {' '.join(arguments[:2])}")
    if code is not None:
        assert result.code == code, f"exit code {result.code}\n{result.out}\n{result.err}"
    return result


def refused(code: int, *arguments: str, stdin: str = "") -> str:
    """Run a command line that must fail with `code`; return its error in words.

    The error is a few lines on stderr and nothing on stdout, and the same as JSON with --json.
    """
    result = typed(*arguments, code=code, stdin=stdin)
    assert result.out == "", f"an error has no result, but: {result.out}"
    _, mark, words = f"\n{result.err}".partition("\nError: ")
    assert mark != "", f"no line begins with Error: {result.err!r}"
    assert len(words.splitlines()) <= LINES_MAX, f"too many words: {words}"
    assert "/tradebot/" not in words, f"our own files are no business of the user: {words}"
    as_json = typed(*arguments, "--json", code=code, stdin=stdin)
    assert as_json.out == ""
    error = json.loads(as_json.err.splitlines()[-1])["error"]
    assert (error["code"], bool(error["message"])) == (code, True)
    assert error["message"] in words
    return words


class Started:
    """The installed program, running in a folder; `environ` are further variables."""

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        environment = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", **environ}
        self.process = subprocess.Popen(  # noqa: S603  # our own program
            [PROGRAM, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.heard: list[str] = []
        self._given = tuple(environ)
        # A sandbox tells whoever started it the key of its play money.
        self._may_tell = arguments[:1] == ("sandbox",)

    def hear(self, pattern: str) -> str:
        """Return the first line on stderr that holds `pattern`; fail where none comes."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.heard.append(line)
            self.watch(line)
            if re.search(pattern, line):
                return line
        raise AssertionError(f"{pattern!r} was never said: {''.join(self.heard)}")

    def watch(self, said: str) -> None:
        """Demand that no credential is in what it said, nor where other users see processes."""
        if not self._may_tell:
            assert_none_in(said, "the program")
        assert_none_of_process(self.process.pid, self._given)

    def send(self, *signals: signal.Signals) -> None:
        """Send signals, one right after the other."""
        for each in signals:
            self.process.send_signal(each)

    def ended(self, code: int) -> Typed:
        """Wait for the end, which must come with `code` and without a traceback."""
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        result = Typed(self.process.returncode, out, "".join(self.heard) + err)
        self.watch(out + err)
        assert "Traceback" not in result.err, result.err
        assert result.code == code, f"exit code {result.code}\n{result.out}\n{result.err}"
        return result


@contextmanager
def started(folder: Path, *arguments: str, **environ: str) -> Iterator[Started]:
    """Start the program; whatever the test did not end is killed."""
    program = Started(folder, *arguments, **environ)
    try:
        yield program
        program.watch("")
    finally:
        program.process.kill()
        program.process.communicate()


def head(run: str | None = None) -> str:
    """Return the head of a run's journal in this folder, verified."""
    named = [] if run is None else ["--run", run]
    verdict = typed("journal", "verify", "--json", *named).json
    return str(verdict["head"])


def fills(run: str | None = None) -> list[tuple[str, ...]]:
    """Return what a run in this folder traded: time, market, side, quantity, price and fee."""
    named = [] if run is None else ["--run", run]
    shown = typed("journal", "show", "--kind", "fill_booked", "--json", *named).out
    rows = []
    for line in shown.splitlines():
        body = json.loads(line)["body"]
        fill = body["fill"]
        words = [fill[name] for name in ("filled_at", "quantity", "price", "fee", "fee_asset")]
        rows.append(tuple(str(word) for word in (body["market"], body["side"], *words)))
    return rows
