"""Runs on disk: each has a folder with its journal, candles and lock, and says what it ran on.

Law: a new sandbox run is a new folder; a testnet or live account has one folder for ever.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from tradebot.errors import AccountLocked, JournalError, NotFoundError

LAST = "last"
RUNS_MAX = 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """What a run was started with, beyond the configuration file.

    Times in UTC ms; None = all there is. `markets` to `seed` are the command line's words; None, or
    none, where it left the configuration's.
    """

    mode: str
    exchange: str
    account: str
    files: tuple[str, ...] = ()
    is_synthetic: bool = False
    is_stored: bool = False
    start_ms: int | None = None
    end_ms: int | None = None
    markets: tuple[str, ...] = ()
    timeframe: str | None = None
    strategy: str | None = None
    seed: int | None = None

    @property
    def is_simulated(self) -> bool:
        """Whether the exchange is our sandbox: its market is made up, or replays candles."""
        return self.is_synthetic or self.is_stored or bool(self.files)


@dataclass(frozen=True, slots=True)
class Run:
    """One run's folder and what lies in it."""

    folder: Path

    @property
    def name(self) -> str:
        """The name by which commands speak of the run, `sandbox-0003`."""
        return self.folder.name

    @property
    def spec_file(self) -> Path:
        """What the run was started with."""
        return self.folder / "run.json"

    @property
    def journal(self) -> Path:
        """The journal."""
        return self.folder / "journal.db"

    @property
    def candles(self) -> Path:
        """The candles that the run saw."""
        return self.folder / "candles.db"

    @property
    def sandbox_record(self) -> Path:
        """The sandbox exchange's own record of commands."""
        return self.folder / "sandbox.jsonl"

    @property
    def door(self) -> Path:
        """Where a running sandbox says how to reach it."""
        return self.folder / "sandbox-door.json"

    def spec(self) -> RunSpec:
        """Return what the run was started with. Raises JournalError for a damaged folder."""
        path = self.spec_file
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            lists = {name: tuple(values.get(name, ())) for name in ("files", "markets")}
            return RunSpec(**{**values, **lists})
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise JournalError(
                f"{path} is damaged: it does not say what the run was started with",
                hint="restore it from a backup, or start a new run",
            ) from error

    def is_locked(self) -> bool:
        """Return whether a running bot holds this run."""
        try:
            with self.lock():
                return False
        except AccountLocked:
            return True

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process; the kernel frees it if the process dies.

        Raises AccountLocked when another process holds it, JournalError where there is no locking.
        """
        lock = FileLock(self.folder / "lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise AccountLocked(
                f"another tradebot holds {self.name}",
                hint="stop it first, or `tradebot status` to see it",
            ) from None
        except OSError as error:
            raise JournalError(
                f"{lock.lock_file} cannot be locked: {error.strerror}",
                hint="check free space and permissions of its folder",
            ) from error
        try:
            yield
        finally:
            lock.release()


class Runs:
    """All runs under the logs folder."""

    def __init__(self, logs: Path) -> None:
        self._folder = logs / "runs"

    def create(self, spec: RunSpec) -> Run:
        """Make the folder of a new sandbox run, or the one folder of an account."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if spec.is_simulated:
                run = self._numbered(spec.mode)
            else:
                run = Run(self._folder / f"{spec.mode}-{spec.exchange}-{spec.account}")
                run.folder.mkdir(exist_ok=True)
            text = json.dumps(asdict(spec), indent=1, sort_keys=True)
            run.spec_file.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise JournalError(
                f"{self._folder} cannot be written: {error.strerror}",
                hint="check free space and permissions, or set [paths] logs",
            ) from error
        return run

    def _numbered(self, mode: str) -> Run:
        taken = [int(name[-4:]) for name in self.names() if re.fullmatch(mode + r"-\d{4}", name)]
        for number in range(max(taken, default=0) + 1, RUNS_MAX + 1):
            folder = self._folder / f"{mode}-{number:04}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue  # Another process took the number between looking and making.
            return Run(folder)
        raise JournalError(f"{self._folder} holds {RUNS_MAX} runs", hint="delete old ones")

    def names(self) -> list[str]:
        """Return the names of all runs, in order."""
        if not self._folder.is_dir():
            return []
        return sorted(path.name for path in self._folder.iterdir() if path.is_dir())

    def is_run(self, name: str) -> bool:
        """Return whether the folder `name` is a run's."""
        run = Run(self._folder / name)
        return run.spec_file.is_file() or run.journal.is_file()

    def find(self, name: str | None) -> Run:
        """Return the run of that name, or the last one. Raises NotFoundError."""
        wanted = self._last_name() if name is None else name
        if wanted is None:
            raise NotFoundError("there is no run yet", hint="start one with `tradebot run`")
        run = Run(self._folder / wanted)
        if not wanted or "/" in wanted or not self.is_run(wanted):
            known = ", ".join(self.names()[-5:]) or "none"
            raise NotFoundError(f"there is no run {wanted!r}", hint=f"the newest are: {known}")
        return run

    def _last_name(self) -> str | None:
        """Return the run that `set_last` named; None where there is none."""
        try:
            return (self._folder / LAST).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None

    def set_last(self, run: Run) -> None:
        """Make `run` the one that commands speak of when none is named."""
        pointer = self._folder / f".{LAST}.{os.getpid()}"
        try:
            pointer.write_text(run.name + "\n", encoding="utf-8")
            pointer.replace(self._folder / LAST)
        except OSError as error:
            raise JournalError(
                f"{self._folder / LAST} cannot be written: {error.strerror}",
                hint="check free space and permissions, or set [paths] logs",
            ) from error
