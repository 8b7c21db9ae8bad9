"""Runs on disk: each has a folder with its journal, candles and lock, and says what it ran on.

Law: a new sandbox run is a new folder; a testnet or live account has one folder for ever, and what
it says is changed only by who holds it.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from tradebot.adapters.files import write_atomically
from tradebot.errors import AccountLocked, JournalError, NotFoundError

LAST = "last"
RUNS_MAX = 9999
READABLE = 0o644
# As `Runs.create` names it: neither mode nor exchange has a dash in it.
RUN_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
ACCOUNT_FOLDER = re.compile(r"([a-z]+)-([a-z0-9]{2,30})-([a-z0-9][a-z0-9-]{0,30})")


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

    @property
    def place(self) -> tuple[str, str, str]:
        """Mode, exchange and account: what is traded, whatever else was asked for."""
        return self.mode, self.exchange, self.account


@dataclass(frozen=True, slots=True)
class Run:
    """One run's folder and what lies in it."""

    folder: Path
    # With what an account's run starts: written by who holds it, as another bot may be at work.
    starts_with: RunSpec | None = field(default=None, compare=False)

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
    def commands(self) -> Path:
        """Where commands to its bot lie until they are taken."""
        return self.folder / "commands"

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
            spec = RunSpec(**{**values, **lists})
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise self._damaged() from error
        named = self._named()
        if named is not None and named.place != spec.place:
            raise self._damaged()
        return spec

    def spec_or_name(self) -> RunSpec:
        """Return `spec`; where it is damaged, what the folder of an account is named after.

        Raises JournalError for a damaged simulated run.
        """
        try:
            return self.spec()
        except JournalError:
            named = self._named()
            if named is None:
                raise
            return named

    def _named(self) -> RunSpec | None:
        """Return mode, exchange and account by the folder's name; None for a simulated run."""
        found = ACCOUNT_FOLDER.fullmatch(self.name)
        return found and RunSpec(mode=found[1], exchange=found[2], account=found[3])

    def _damaged(self) -> JournalError:
        return JournalError(
            f"{self.spec_file} is damaged: it does not say what the run was started with",
            hint="restore it from a backup, or start a new run",
        )

    def check_journal(self) -> None:
        """Raise JournalError where there are candles, and no journal any more.

        A new one would take the bot's own coins for its owner's. It is made first, and lasts.
        """
        is_there = self.journal.is_file() and self.journal.stat().st_size > 0
        if self.candles.is_file() and not is_there:
            raise JournalError(
                f"{self.name} has candles, and no journal: {self.journal} is gone",
                hint="restore the last backup of the folder; only if the account holds nothing of "
                "the bot's, remove the folder",
            )

    def is_locked(self) -> bool:
        """Return whether a running bot holds this run."""
        try:
            with Run(self.folder).lock():
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
            self._begin()
            yield
        finally:
            lock.release()

    def _begin(self) -> None:
        """Say what an account's run is started with, now that nobody else is at work."""
        if self.starts_with is None:
            return
        try:
            self.write(self.starts_with)
        except OSError as error:
            raise _unwritable(self.spec_file, error) from error

    def write(self, spec: RunSpec) -> None:
        """Say on disk what the run is started with: all of it, or nothing. Raises OSError."""
        text = json.dumps(asdict(spec), indent=1, sort_keys=True) + "\n"
        write_atomically(self.spec_file, text.encode(), READABLE)


class Runs:
    """All runs under the logs folder."""

    def __init__(self, logs: Path) -> None:
        self._folder = logs / "runs"

    def create(self, spec: RunSpec) -> Run:
        """Make the folder of a new sandbox run, or the one folder of an account.

        The latter says what it was started with once it is locked.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if spec.is_simulated:
                run = self._numbered(spec.mode)
                run.write(spec)
            else:
                run = Run(self._folder / "-".join(spec.place), starts_with=spec)
                run.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise _unwritable(self._folder, error) from error
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
        # A name is one folder among the runs, and no way out of them.
        if RUN_NAME.fullmatch(wanted) is None or not self.is_run(wanted):
            known = ", ".join(self.names()[-5:]) or "none"
            raise NotFoundError(
                f"there is no run {wanted[:100]!r}", hint=f"the newest are: {known}"
            )
        return Run(self._folder / wanted)

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
            raise _unwritable(self._folder / LAST, error) from error


def _unwritable(path: Path, error: OSError) -> JournalError:
    return JournalError(
        f"{path} cannot be written: {error.strerror}",
        hint="check free space and permissions, or set [paths] logs",
    )
