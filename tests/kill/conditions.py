"""The twelve conditions: what is broken when `tradebot kill` is typed, and what it must still do.

Law: a condition breaks one thing for good, a moment before the command, while a bot trades.
"""

import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.kill.ground import Ground, Place

HOURS_WRONG = 5
# Loaded by Python before any program: its clock is wrong by hours.
WRONG_CLOCK = """
import time
_shown, _shown_ns = time.time, time.time_ns
time.time = lambda: _shown() + {seconds}
time.time_ns = lambda: _shown_ns() + {seconds} * 10**9
"""
# A process that writes to the journal, and does not finish.
HOLD = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@dataclass(slots=True)
class Broken:
    """A run with what is broken in it, and how the command is to be started for it."""

    ground: Ground
    place: Place
    bot: "subprocess.Popen[bytes]"
    number: int
    unlocked_by: str = "../passphrase"
    more: dict[str, str] = field(default_factory=dict)
    through: tuple[str, ...] = ()
    # Processes of others, which end with the run.
    others: list["subprocess.Popen[bytes]"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Condition:
    """What is broken, and what must be true all the same.

    `code` is the exit code; `said`: a word of the problems, "" = there are none. `is_cancelled`:
    the exchange can be asked, so our orders must be gone; `is_flat`: and the journal can be read
    and written, so nothing may be left.
    """

    name: str
    breaks: Callable[[Broken], None]
    code: int = 7
    said: str = ""
    is_cancelled: bool = True
    is_flat: bool = False
    has_alerts: bool = False


def _dead(broken: Broken) -> None:
    broken.bot.kill()
    broken.bot.wait()


def _stopped(broken: Broken) -> None:
    broken.bot.send_signal(signal.SIGSTOP)


def _locked(broken: Broken) -> None:
    holder = subprocess.Popen(  # noqa: S603  # a text of our own
        [sys.executable, "-c", HOLD, str(broken.place.journal)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    broken.others.append(holder)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"


def _corrupt(broken: Broken) -> None:
    for path in _journal_files(broken.place):
        with path.open("r+b") as file:
            file.write(b"rubbish " * (path.stat().st_size // 8))


def _missing(broken: Broken) -> None:
    for path in _journal_files(broken.place):
        path.unlink()


def _journal_files(place: Place) -> list[Path]:
    # Not the index in memory: the bot has it mapped.
    return [path for path in place.journal.parent.glob("journal.db*") if path.suffix != ".db-shm"]


def _disk_full(broken: Broken) -> None:
    resource.prlimit(broken.bot.pid, resource.RLIMIT_FSIZE, (0, 0))
    broken.through = ("sh", "-c", 'ulimit -f 0; exec "$@"', "sh")


def _alerts_hung(broken: Broken) -> None:
    """Nothing more: its alerts have gone to a server that never answers, since it began."""


def _unavailable(broken: Broken) -> None:
    broken.ground.gate.turn("unavailable")


def _banned(broken: Broken) -> None:
    broken.ground.gate.turn("banned")


def _nothing(broken: Broken) -> None:
    broken.ground.gate.turn("closed" if broken.number % 2 else "silent")


def _wrong_passphrase(broken: Broken) -> None:
    broken.unlocked_by = str(broken.ground.wrong)


def _clock_wrong(broken: Broken) -> None:
    seconds = HOURS_WRONG * 3600 * (-1 if broken.number % 2 else 1)
    folder = broken.place.folder.parent / f"clock-{broken.number}"
    folder.mkdir(exist_ok=True)
    text = WRONG_CLOCK.format(seconds=seconds)
    (folder / "sitecustomize.py").write_text(text, encoding="utf-8")
    broken.more = {"PYTHONPATH": str(folder)}


ONLY_LATCHED = "only the latch is closed"
NO_JOURNAL = "nothing was sold: only the journal knows"

CONDITIONS = (
    Condition("bot dead", _dead, 0, is_flat=True),
    Condition("bot stopped", _stopped, 0, is_flat=True),
    Condition("journal locked", _locked, said=NO_JOURNAL),
    Condition("journal corrupt", _corrupt, said=NO_JOURNAL),
    Condition("journal missing", _missing, said=NO_JOURNAL),
    Condition("disk full", _disk_full, said=NO_JOURNAL),
    Condition("alerts hung", _alerts_hung, 0, is_flat=True, has_alerts=True),
    Condition("exchange 5xx", _unavailable, said=ONLY_LATCHED, is_cancelled=False),
    Condition("exchange 418", _banned, said=ONLY_LATCHED, is_cancelled=False),
    Condition("exchange silent", _nothing, said=ONLY_LATCHED, is_cancelled=False),
    Condition("wrong passphrase", _wrong_passphrase, said=ONLY_LATCHED, is_cancelled=False),
    Condition("clock wrong", _clock_wrong, 0, is_flat=True),
)
