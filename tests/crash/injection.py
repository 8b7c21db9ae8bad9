"""Deaths and disk errors at system calls: strace injects them into a living bot."""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.checker import read
from tests.crash.lives import Cradle, Life, Place, place
from tests.crash.points import KILL, settled
from tests.crash.scenarios import SHORT

CALLS = ("pwrite64", "fdatasync", "write", "rename", "unlink")
# A full disk stays full; a bad sector is met once.
DISASTERS = {
    "KILL": "signal=KILL:when={}",
    "ENOSPC": "error=ENOSPC:when={}+",
    "EIO": "error=EIO:when={}",
}
# Where SQLite writes what an append must not lose. The file itself is written by a checkpoint, of
# what the log keeps until that has worked.
LOGS = ("journal.db-wal>", "journal.db-journal>")
# Where the file says how it is to be written, and what stands there for a write-ahead log.
MODE, LOGGED = slice(18, 20), b"\x02\x02"
ORDERS = re.compile(r'sendto\(.*"(POST|DELETE) /api/v3/order')
_CALL = re.compile(r"^(\d+) +(\w+)\(")


@dataclass(frozen=True, slots=True)
class Injection:
    """A disaster at the nth call of one name in any thread of a bot."""

    call: str
    disaster: str
    number: int

    def told(self) -> str:
        """Return it in words."""
        return f"{self.disaster} at {self.call} number {self.number}"


@dataclass(slots=True)
class Injected:
    """What came of an injection: the life it met, where it hit, and what did not fit after."""

    injection: Injection
    life: Life
    hits: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def has_hit(self) -> bool:
        """Whether the call was reached at all."""
        return bool(self.hits) or self.life.code == -KILL

    def told(self) -> str:
        """Return the failure in words."""
        life, hit = self.life, self.hits[0] if self.hits else "no call"
        return f"{self.injection.told()}: {self.faults}\n  {life.code} {hit}\n  {life.err[-600:]}"


def program() -> str:
    """Return where strace is."""
    found = shutil.which("strace")
    assert found is not None, "install strace: `apt-get install strace`"
    return found


def call_counts(folder: Path, cradle: Cradle) -> tuple[Counter[str], int]:
    """Return how often a whole life makes each call, and how many events it writes."""
    with place(folder, cradle, SHORT) as made:
        life, lines = _traced(made, ["-e", f"trace={','.join(CALLS)}"])
        assert life.code == 0, life.err
        calls = Counter(found[2] for line in lines if (found := _CALL.match(line)))
        return calls, read(made.journal).events


def tried(injection: Injection, folder: Path, cradle: Cradle, events: int) -> Injected:
    """Live a life with the injection and one without; `events` is what a whole life writes."""
    what = DISASTERS[injection.disaster].format(injection.number)
    options = [
        *("-e", f"trace={','.join((*CALLS, 'sendto'))}"),
        *("-e", f"inject={injection.call}:{what}"),
    ]
    with place(folder, cradle, SHORT) as made:
        life, lines = _traced(made, options)
        result = Injected(injection, life, [line for line in lines if "(INJECTED)" in line])
        if injection.disaster != "KILL":
            result.faults += _disk_faults(made, result, lines, events)
        result.faults += settled(made, made.live())
    return result


def _disk_faults(made: Place, result: Injected, lines: list[str], events: int) -> Iterator[str]:
    """Yield what a bot did wrong after its disk had failed."""
    life = result.life
    failed = next((n for n, line in enumerate(lines) if _is_journal(line)), len(lines))
    if any(ORDERS.search(line) for line in lines[failed:]):
        yield "an order left after the journal had failed"
    if life.code == 0:
        written = read(made.journal).events
        if written != events:
            yield f"the life ended well with {written} events of {events}"
        if made.journal.read_bytes()[MODE] != LOGGED:
            yield "the life ended well, and the journal was not written through its log"
    elif result.hits and _is_journal(result.hits[0]) and "journal.db" not in life.err:
        yield f"ended with {life.code} and does not name the journal"
    if "Traceback" in life.err:
        yield "ended with a traceback"


def _is_journal(line: str) -> bool:
    return "(INJECTED)" in line and any(name in line for name in LOGS)


def _traced(made: Place, options: list[str]) -> tuple[Life, list[str]]:
    """Live a life under strace; return it and the trace."""
    gate, trace = made.folder / "gate", made.folder / "trace"
    gate.unlink(missing_ok=True)
    os.mkfifo(gate, 0o600)
    job = made.job(is_traced=False, gate=str(gate))
    number = made.begin(job)
    command = [program(), "-f", "-y", "-s", "64", "-o", str(trace), *options, "-p", str(number)]
    with subprocess.Popen(  # noqa: S603  # the tracer, on a process of ours
        command, stderr=subprocess.PIPE, text=True
    ) as tracer:
        assert tracer.stderr is not None
        first = tracer.stderr.readline()
        if "attached" not in first:
            os.kill(number, KILL)
            raise AssertionError(f"strace cannot trace here: {first}")
        gate.write_bytes(b"go")
        life = made.ended(job, number)
        tracer.stderr.read()
    return life, trace.read_text(encoding="utf-8", errors="replace").splitlines()
