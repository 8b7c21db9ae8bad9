"""A bot that dies on command: `tradebot run` with labelled ports, in a process of its own.

Law: the bot is the production program, from its command line on. Its exchange lives elsewhere, its
journal and broker are the production ones with a label before and after each call; ccxt does not
idle after all is closed; nothing else differs.

`python -m tests.crash.child` reads jobs and starts a process for each: the program is loaded once.
"""

import ctypes
import gc
import json
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

RUN = "sandbox-0001"
ANY = ""
# The exit code of a life that ends with a traceback.
BROKEN = 70
PR_SET_PTRACER, PR_SET_PTRACER_ANY = 0x59616D61, -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One life of a bot: where, at which exchange, and where it ends.

    `death` is label, hit and signal. `trace` is the file that every label reached is written to,
    `gate` a pipe whose opening starts the life. `is_careless` plants a bug: see `careless`.
    """

    folder: str
    url: str
    out: str
    err: str
    death: tuple[str, int, int] | None = None
    trace: str = ""
    gate: str = ""
    is_careless: bool = False


class Steps:
    """Counts the labels as they are reached, and dies at one of them; "" counts them all."""

    def __init__(self, job: Job) -> None:
        self._seen: Counter[str] = Counter()
        self._death = job.death
        self._trace = -1
        if job.trace:
            self._trace = os.open(job.trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def reach(self, label: str) -> None:
        """Pass a label, or die there."""
        self._seen.update((label, ANY))
        if self._trace >= 0:
            os.write(self._trace, f"{label}\n".encode())
        if self._death is not None:
            wanted, hit, number = self._death
            if wanted in (label, ANY) and self._seen[wanted] == hit:
                os.kill(os.getpid(), number)


class DistantHost:
    """Stands where `tradebot run` has its own sandbox: this one is in another process."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = HTTPConnection(url.removeprefix("http://"), timeout=30)

    @property
    def has_orders(self) -> bool:
        """Whether any order was ever placed there."""
        return bool(self._asked("GET", "/sandbox/status")["orders"])

    def now_ms(self) -> int:
        """Return the exchange's time."""
        return int(self._asked("GET", "/sandbox/status")["now"])

    def advance_to(self, time_ms: int) -> None:
        """Let the exchange's time pass until `time_ms`."""
        self._asked("POST", "/sandbox/advance", json.dumps({"to": time_ms}))

    def close(self) -> None:
        """Leave the exchange as it is."""
        self._connection.close()

    def _asked(self, method: str, path: str, body: str | None = None) -> Any:
        self._connection.request(method, path, body)
        answer = self._connection.getresponse()
        return json.loads(answer.read())


Words = Callable[[str, Sequence[Any]], tuple[str, str]]


def labelled(cls: type[Any], port: type[Any], words: Words, steps: Steps) -> type[Any]:
    """Return `cls` with a label before and after each method of its port."""

    def method(name: str) -> Callable[..., Any]:
        original = getattr(cls, name)

        def call(self: Any, *given: Any, **named: Any) -> Any:
            before, after = words(name, given)
            steps.reach(before)
            answer = original(self, *given, **named)
            steps.reach(after)
            return answer

        return call

    names = [name for name in vars(port) if not name.startswith("_")]
    return type(cls.__name__, (cls,), {name: method(name) for name in names})


SENDS = {
    "place_order": "place",
    "place_oco": "oco",
    "cancel_order": "cancel",
    "replace_order": "replace",
    "cancel_own": "cancel own",
}


def broker_words(name: str, given: Sequence[Any]) -> tuple[str, str]:
    """Return the labels around a call of the broker; what is sent says for which leg."""
    if name in SENDS:
        verb = SENDS[name]
        if verb in ("place", "cancel"):
            verb = f"{verb} {getattr(given[0], 'intent', given[0]).leg}"
        return f"{verb}: before the wire", f"{verb}: answered"
    return f"read: before {name}", f"read: {name} answered"


def journal_words(name: str, given: Sequence[Any]) -> tuple[str, str]:
    """Return the labels around a call of the journal."""
    from tradebot.model.codec import kind_of

    what = "+".join(map(kind_of, given[0])) if name == "append" else name
    return f"journal: before {what}", f"journal: after {what}"


def careless(journal: type[Any]) -> type[Any]:
    """Return a journal that writes an intent only with the answer to it."""

    class Careless(journal):  # type: ignore[misc]  # whatever the production journal is
        def append(self, events: Sequence[Any]) -> None:
            kept = getattr(self, "kept", [])
            is_early = type(events[0]).__name__ in ("OrderIntended", "OrderSent")
            self.kept = [*kept, *events] if is_early else []
            if not is_early:
                super().append([*kept, *events])

    return Careless


def live(job: Job) -> int:
    """Live one life; return its exit code."""
    from ccxt.async_support.base.exchange import Exchange

    from tradebot import ports
    from tradebot.adapters import broker
    from tradebot.cli.main import main
    from tradebot.runtime import assemble, sandboxed

    steps = Steps(job)
    Exchange.timeout_on_exit = 0
    broker.CcxtBroker = labelled(broker.CcxtBroker, ports.Broker, broker_words, steps)  # type: ignore[misc]  # what composing finds under that name
    journal = careless(assemble.SqliteJournal) if job.is_careless else assemble.SqliteJournal
    assemble.SqliteJournal = labelled(journal, ports.Journal, journal_words, steps)  # type: ignore[misc]  # what composing finds under that name
    sandboxed.SandboxHost = lambda *given, **named: DistantHost(job.url)  # type: ignore[assignment,misc]  # its exchange is elsewhere
    sys.argv = ["tradebot", "run", "--resume", RUN, "--json"]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0


def _born(job: Job) -> int:
    """Become the process of one life; return its exit code."""
    os.chdir(job.folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for target, path in ((1, job.out), (2, job.err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), target)
    if job.gate:
        # Where only a parent may trace its children, the one at the gate may be traced by any.
        ctypes.CDLL(None).prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)
        Path(job.gate).read_bytes()
    try:
        return live(job)
    except BaseException:
        traceback.print_exc()
        return BROKEN
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _load() -> None:
    """Load what a life needs, so that it is loaded once."""
    import tradebot.adapters.broker
    import tradebot.adapters.candle_parquet
    import tradebot.adapters.exchange
    import tradebot.adapters.journal_schema
    import tradebot.cli.console
    import tradebot.cli.main
    import tradebot.cli.prompt
    import tradebot.cli.running
    import tradebot.runtime.running
    import tradebot.runtime.sandboxed  # noqa: F401  # loaded for what comes after

    gc.collect()
    gc.freeze()


def _serve() -> None:
    """Start a process for every job on stdin; tell its number, then how it ended."""
    _load()
    for line in sys.stdin:
        values = json.loads(line)
        death = values.pop("death")
        job = Job(**values, death=None if death is None else tuple(death))
        sys.stdout.flush()
        number = os.fork()
        if number == 0:
            signal.set_wakeup_fd(-1)
            os._exit(_born(job))
        print(json.dumps({"pid": number}), flush=True)
        _, status = os.waitpid(number, 0)
        print(json.dumps({"ended": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    _serve()
